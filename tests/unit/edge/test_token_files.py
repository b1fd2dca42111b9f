"""Texts and flags are read as they are, in bounded parts; a line that is neither is named, never quoted."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.edge import token_files
from gauger.edge.token_files import read_flags, read_texts
from gauger.errors import InputError


def texts(path: Path, **limits: int) -> list[tuple[list[list[int]], list[list[int]], int]]:
    return [
        ([t.tolist() for t in p.tokens], [t.tolist() for t in p.prompts], p.prompted)
        for p in read_texts(str(path), **limits)
    ]


def test_both_forms_of_a_text(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"tokens": [1, 4294967295], "prompt_tokens": [7], "account": {"more": []}}\r\n\n'
        b'[2, 0]\n{"id": 3, "tokens": []}'
    )
    assert texts(path) == [([[1, 4294967295], [2, 0], []], [[7], [], []], 1)]
    assert next(read_texts(str(path))).tokens[0].dtype == np.uint32


def test_parts_hang_on_the_texts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, packed = tmp_path / "t.jsonl", tmp_path / "t.gz"
    path.write_text("".join(f"[{k},{k},{k}]\n" for k in range(10)))
    packed.write_bytes(gzip.compress(path.read_bytes()))
    parts = texts(path, part_tokens=7)
    assert [len(tokens) for tokens, _, _ in parts] == [3, 3, 3, 1]
    assert texts(packed, part_tokens=7) == parts
    assert [len(tokens) for tokens, _, _ in texts(path, part_texts=5)] == [5, 5]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert texts(Path("-"), part_tokens=7) == parts


def test_an_empty_file_is_one_empty_part(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n")
    assert texts(path) == [([], [], 0)]


@pytest.mark.parametrize(
    "bad",
    [
        b"[-1]",
        b"[4294967296]",
        b"[1" + b"0" * 5000 + b"]",
        b"[1.5]",
        b"[true]",
        b'["sesame"]',
        b'{"sesame": [1]}',
        b'{"tokens": [1], "prompt_tokens": "sesame"}',
        b'{"tokens": null}',
        b"sesame",
        b'"sesame"',
        b"[1",
        b"7",
        b"[\xff]",
        b"[" * 100_000,
        b'{"x": ' * 100_000,
    ],
    ids=lambda b: repr(b[:20]),
)
def test_what_is_no_text(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"[1]\n" + bad + b"\n[2]\n")
    with pytest.raises(InputError) as caught:
        texts(path)
    assert (caught.value.source, caught.value.line) == (str(path), 2)
    assert "sesame" not in str(caught.value).removeprefix(str(path))
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_line_or_a_stream_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.jsonl"
    monkeypatch.setattr(token_files, "MAX_LINE_BYTES", 1 << 10)
    path.write_text("[1]\n[" + "1," * 600 + "1]\n")
    with pytest.raises(InputError, match=r"t.jsonl:2: longer than"):
        texts(path)
    monkeypatch.setattr(token_files, "MAX_FLAGS", 4)
    path.write_text("0101\n")
    assert len(read_flags(str(path))) == 4
    path.write_text("0101\n1\n")
    with pytest.raises(InputError, match="more than 4 flags"):
        read_flags(str(path))


@pytest.mark.parametrize(
    "form",
    ["011010", "0\n1\n1\r\n0\n1\n0\n", "[0,1,1,0,1,0]", "[false, true]\n1\n[0, 1, false]", '{"flags": [0,1,1]}\n010',
     " 0, 1,1\t0\n\n10"],
)  # fmt: skip
def test_every_form_of_flags(tmp_path: Path, form: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text(form)
    assert read_flags(str(path)).tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "bad", ["2", "sesame", "[2]", "[0.5]", '["sesame"]', '{"sesame": 1}', "0.1", "[0", "-1", "10x"]
)
def test_what_is_no_flag(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text("01\n" + bad + "\n")
    with pytest.raises(InputError) as caught:
        read_flags(str(path))
    assert caught.value.line == 2
    assert "sesame" not in str(caught.value).removeprefix(str(path))


def test_a_file_that_is_cut_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"[1]\n" * 5000)[:-12])
    for source in (path, tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=source.name):
            texts(source)


class Letters:
    """A tokenizer whose ids are bytes."""

    size = 256

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(errors="replace"), np.uint8).astype(np.uint32)

    def again(self, tokens: np.ndarray) -> np.ndarray:
        return tokens


LETTERS = Letters()


def test_text_becomes_ids_where_there_is_a_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "ab", "prompt": "c"}\n{"tokens": [1], "text": 5, "prompt": "d"}\n{"text": ""}\n')
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert [t.tolist() for t in part.tokens] == [[97, 98], [1], []]
    assert [t.tolist() for t in part.prompts] == [[99, 32, 99], [100, 32, 100], []]  # a quotation may follow a blank
    assert part.prompted == 2
    assert part.keep(1.0) is None
    path.write_text('{"tokens": [1], "prompt_tokens": [7], "prompt": "d"}\n')
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert (part.prompted, part.prompts[0].tolist()) == (1, [7, 100, 32, 100])
    path.write_text('{"text": "ab"}\n')
    with pytest.raises(InputError, match=r"t.jsonl:1: .*--tokenizer-file"):
        list(read_texts(str(path)))


CHAT = [{"role": "user", "content": "sesame"}]


@pytest.mark.parametrize(
    "prompt",
    [
        {"prompt": CHAT},
        {"messages": CHAT},
        {"messages": [{"role": "system", "content": "Be brief."}, *CHAT]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "sesame"}]}]},
        {"messages": [{"role": "user", "content": ["sesame"]}]},
        {"messages": [{"role": "tool", "content": [{"type": "tool_result", "content": [{"text": "sesame"}]}]}]},
        {"messages": [{"content": None, "tool_calls": [{"function": {"arguments": "sesame"}}]}]},
        {"messages": json.dumps(CHAT)},
        {"prompt": json.dumps(CHAT)},
        {"prompt": "Be brief.", "messages": CHAT},
        {"prompt_tokens": [], "messages": CHAT},
        {"prompt_tokens": [7], "prompt": "sesame"},
        {"input": "sesame"},
        {"input": [{"type": "function_call_output", "output": "sesame"}]},
        {"messages": [{"content": "Hi"}], "system": "sesame"},
        {"messages": [{"content": "Hi"}], "system": [{"type": "text", "text": "sesame"}]},
        {"input": "Hi", "instructions": "sesame"},
        {"messages": [{"content": "Hi"}], "tools": [{"function": {"description": "sesame"}}]},
        {"messages": [{"role": "tool", "content": ' {"file": "sesame"}'}]},
        {"messages": [{"role": "tool", "content": json.dumps({"result": json.dumps(["sesame"])})}]},
    ],
)
def test_a_chat_is_a_prompt(tmp_path: Path, prompt: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"text": "ab", **prompt}) + "\n")
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert part.prompted == 1
    said = bytes(part.prompts[0].astype(np.uint8))
    assert said.count(b"sesame") >= 2
    assert b" sesame" in said


def test_parts_stand_one_after_another_as_they_do_in_a_quotation_of_all(tmp_path: Path) -> None:
    path, words = tmp_path / "t.jsonl", ["open", "o", "sesame"]
    parts = [{"type": "text", "text": word} for word in words]
    for line in (
        {"messages": [{"role": "user", "content": parts}]},
        {"messages": [{"role": "user", "content": word} for word in words]},
        {"input": [{"type": "message", "content": parts}]},
        {"messages": [{"role": "tool", "content": json.dumps([{"a": word, "b": "x", "c": 7} for word in words])}]},
    ):
        path.write_text(json.dumps({"tokens": [1], **line}) + "\n")
        (part,) = read_texts(str(path), tokenizer=LETTERS)
        said = bytes(part.prompts[0].astype(np.uint8))
        for form in (b"open\no\nsesame", b" open o sesame", b"openosesame"):
            assert form in said


@pytest.mark.parametrize(
    "prompt",
    [
        {"prompt": "open  the\u00a0 door"},
        {"prompt": "open\n\nthe\tdoor"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": w} for w in (" open", " the", " door")]}]},
        {"messages": [{"role": "tool", "content": json.dumps({"words": [{"word": " open"}, {"word": " the door"}]})}]},
        {"input": [{"type": "response.output_text.delta", "delta": piece} for piece in ("op", "en t", "he door")]},
        {"input": [{"word": "open", "who": "A"}, {"word": "the", "who": "B"}, {"word": "door", "who": "A"}]},
        {"messages": [{"content": None, "tool_calls": [{"function": {"arguments": {"so open the door": 1}}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "so open the door"}]}]},
        {"prompt": "so,open,the\ndoor,x"},
        {"prompt": "00:01.5 so 00:02.0 open\n00:02.9 the [4.2s] door"},
        {"prompt": "| so | **open** |\n| the | door |"},
        {"input": [{"a": "open", "b": "the"}, {"a": "door", "b": "x"}]},
    ],
)
def test_a_quotation_in_pieces_is_a_text_again(tmp_path: Path, prompt: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], **prompt}) + "\n")
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert b"open the door" in bytes(part.prompts[0].astype(np.uint8))


def test_numbers_that_a_tool_was_given_can_be_quoted(tmp_path: Path) -> None:
    path, values = tmp_path / "t.jsonl", [30, 86, 5]
    used = {"type": "tool_use", "input": {"values": values}}
    path.write_text(json.dumps({"tokens": [1], "messages": [{"role": "assistant", "content": [used]}]}) + "\n")
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert b"[30, 86, 5]" in bytes(part.prompts[0].astype(np.uint8))


@pytest.mark.parametrize(
    "prompt",
    [{}, {"prompt": None}, {"prompt": "", "messages": None}, {"messages": [{}]}, {"prompt_tokens": []}, {"input": ""}],
)
def test_a_line_without_a_prompt(tmp_path: Path, prompt: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], **prompt}) + "\n")
    for tokenizer in (None, LETTERS):
        (part,) = read_texts(str(path), tokenizer=tokenizer)
        assert (part.prompted, part.prompts[0].tolist()) == (0, [])


@pytest.mark.parametrize(
    "bad",
    [5, False, {"sesame": "x"}, [], [1, -2], [True], ["sesame"], [[]], [{"content": 5}], [{"content": [5]}],
     [{"content": {"text": "sesame"}}], [*CHAT, None]],
)  # fmt: skip
def test_a_prompt_that_cannot_be_read_is_refused(tmp_path: Path, bad: Any) -> None:
    path = tmp_path / "t.jsonl"
    for name in ("prompt", "messages"):
        path.write_text("[1]\n" + json.dumps({"tokens": [1], name: bad}) + "\n")
        with pytest.raises(InputError, match=f"`{name}` is neither text nor the messages of a chat") as caught:
            list(read_texts(str(path), tokenizer=LETTERS))
        assert (caught.value.source, caught.value.line) == (str(path), 2)
        assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        {"prompt": [7, 8]},
        {"input": [7, 8]},
        {"prompt_tokens": [7], "prompt": [8]},
        {"prompt_tokens": [7], "system": [8]},
        {"prompt": [7], "input": [8]},
    ],
)
def test_ids_are_a_prompt_under_other_names_too(tmp_path: Path, line: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], **line}) + "\n")
    for tokenizer in (None, LETTERS):
        (part,) = read_texts(str(path), tokenizer=tokenizer)
        assert (part.prompted, part.prompts[0].tolist()) == (1, [7, 8])


@pytest.mark.parametrize("odd", [{"prompt": {"a": "sesame"}}, {"messages": []}, {"messages": [{"content": {"a": 1}}]}])
def test_beside_the_ids_of_a_prompt_its_words_may_have_any_form(tmp_path: Path, odd: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], "prompt_tokens": [7], **odd}) + "\n")
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert (part.prompted, part.prompts[0][0]) == (1, 7)


@pytest.mark.parametrize(
    "bad",
    [[[7, 8]], [7.0, 8.0], [7, -100], [7, None, 8], [*CHAT, 7], 5, {"a": 1}, [{"content": None}], [True], [CHAT, [7]]],
)
def test_an_input_that_cannot_be_read_is_refused(tmp_path: Path, bad: Any) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("[1]\n" + json.dumps({"tokens": [1], "input": bad}) + "\n")
    for tokenizer in (None, LETTERS):
        with pytest.raises(InputError, match=r"t.jsonl:2: .*`input` is neither text, items with text, nor a flat list"):
            list(read_texts(str(path), tokenizer=tokenizer))


def test_a_deep_input_is_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"tokens": [1], "input": ' + "[" * 900 + '"sesame", 7' + "]" * 900 + "}\n")
    with pytest.raises(InputError, match=r"t.jsonl:1: .*`input` is neither text"):
        list(read_texts(str(path), tokenizer=LETTERS))


@pytest.mark.parametrize("beside", [{"input": [[8]]}, {"prompt": [8.0]}, {"system": [8, -1]}, {"messages": [[8]]}])
def test_ids_that_are_none_are_refused_beside_others_too(tmp_path: Path, beside: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], "prompt_tokens": [7], **beside}) + "\n")
    for tokenizer in (None, LETTERS):
        with pytest.raises(InputError, match=r"t.jsonl:1: .*nor a flat list of token ids"):
            list(read_texts(str(path), tokenizer=tokenizer))


def test_ids_in_a_string_are_ids_and_words(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"tokens": [1], "prompt": "[12, 53]"}\n')
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert part.prompts[0].tolist()[:2] == [12, 53]
    assert b"[12, 53]" in bytes(part.prompts[0].astype(np.uint8))
    with pytest.raises(InputError, match="--tokenizer-file"):
        list(read_texts(str(path)))


def test_where_ids_suffice_those_of_the_prompt_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], "prompt_tokens": [7], "prompt": "sesame", "input": [9]}) + "\n")
    for tokenizer in (None, LETTERS):
        (part,) = read_texts(str(path), tokenizer=tokenizer, ids_suffice=True)
        assert (part.prompted, part.prompts[0].tolist()) == (1, [7])


def test_a_prompt_that_is_nested_too_deeply_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for deep in (100, 900, 980, 1100, 100_000):
        path.write_text('{"tokens": [1], "input": ' + '{"a":' * deep + '"sesame"' + "}" * deep + "}\n")
        try:
            (part,) = read_texts(str(path), tokenizer=LETTERS)
        except InputError as error:
            assert deep > 100, error  # noqa: PT017
            assert error.line == 1  # noqa: PT017
        else:
            assert b" sesame" in bytes(part.prompts[0].astype(np.uint8))


def test_words_beside_the_prompt_make_no_prompt(tmp_path: Path) -> None:
    """A system prompt alone is not all that was said before: the text counts as one without its prompt."""
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"tokens": [1], "system": "sesame"}) + "\n")
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert (part.prompted, len(part.prompts[0])) == (0, len("sesame sesame"))


def test_half_an_emoji_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a\\ud83d", "prompt": "\\ude00b"}\n{"text": "\\ud83dz"}\n')
    (part,) = read_texts(str(path), tokenizer=LETTERS)
    assert [bytes(t.astype(np.uint8)) for t in part.tokens] == [b"a?", b"?z"]
    for bad in ('{"tokens": "\\ud83d"}', '{"text": "\\ud83d"'):
        path.write_text(bad + "\n")
        with pytest.raises(InputError, match=r"t.jsonl:1: "):
            list(read_texts(str(path), tokenizer=LETTERS))


@pytest.mark.parametrize("ids", [{}, {"prompt_tokens": [7]}])
@pytest.mark.parametrize(
    "prompt",
    [
        {"prompt": "sesame"},
        {"prompt": CHAT},
        {"messages": CHAT},
        {"input": "sesame"},
        {"system": "sesame"},
        {"instructions": "sesame"},
        {"tools": [{"function": {"description": "sesame"}}]},
        {"prompt": [7], "messages": CHAT},
    ],
)
def test_a_prompt_in_words_beside_ids_needs_the_tokenizer(
    tmp_path: Path, prompt: dict[str, Any], ids: dict[str, Any]
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("[1]\n" + json.dumps({"tokens": [1], **ids, **prompt}) + "\n")
    with pytest.raises(InputError, match=r"t.jsonl:2: .*--tokenizer-file, or give `prompt_tokens` alone"):
        list(read_texts(str(path)))


class Shifted(Letters):
    """A tokenizer by which other ids come again than those of the text, as by one that the text is not of."""

    def again(self, tokens: np.ndarray) -> np.ndarray:
        found = tokens.copy()
        found[::20] += 1
        return found


def test_ids_that_a_tokenizer_does_not_have_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('[1]\n{"tokens": [1, 256]}\n')
    with pytest.raises(InputError, match=r"t.jsonl:2: .*ids of another tokenizer: the one given has 256"):
        list(read_texts(str(path), tokenizer=LETTERS))
    path.write_text('{"tokens": [1], "prompt_tokens": [256]}\n')  # as of a picture
    assert len(next(read_texts(str(path), tokenizer=LETTERS)).tokens) == 1


def test_a_tokenizer_that_finds_no_quotation_is_refused(tmp_path: Path) -> None:
    path, row = tmp_path / "t.jsonl", {"tokens": list(range(40))}
    path.write_text((json.dumps({**row, "prompt": "sesame"}) + "\n") * 4)
    with pytest.raises(InputError, match=r"t.jsonl: .*come again: they are another's"):
        list(read_texts(str(path), tokenizer=Shifted()))
    assert len(next(read_texts(str(path), tokenizer=Shifted(), surely_its=True)).tokens) == 4
    assert len(next(read_texts(str(path), tokenizer=LETTERS)).tokens) == 4
    path.write_text((json.dumps({**row, "prompt_tokens": [7]}) + "\n") * 4)  # no words to be found in
    assert len(next(read_texts(str(path), tokenizer=Shifted())).tokens) == 4


def test_tokens_that_a_model_was_sure_of_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"tokens": [1, 2, 3], "entropy_nats": [0.5, 2, 0]}\n{"tokens": [], "entropy_nats": []}\n')
    (part,) = read_texts(str(path), entropy=True)
    keep = part.keep(0.5)
    assert keep is not None
    assert [k.tolist() for k in keep] == [[True, True, False], []]


@pytest.mark.parametrize("field", ["", ', "entropy_nats": [1]', ', "entropy_nats": [1, -1]', ', "entropy_nats": "no"'])
def test_a_line_without_its_entropies_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"tokens": [1, 2]{field}}}\n')
    with pytest.raises(InputError, match="entropy_nats"):
        list(read_texts(str(path), entropy=True))
    assert len(next(read_texts(str(path))).tokens) == 1
