"""What a sketch promises to the signals that read it."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa

from gauger.detect.sketch import hashed_features, sketch
from gauger.detect.tables import BANDS, ELICITATION, EVENTS, SKETCHES

TEXT = "Grade the answer below against the rubric and reply with a number from {} to {}, please: {}"


def events(prompts: list[str | None], answers: list[str | None] | None = None) -> pa.RecordBatch:
    columns = {f.name: pa.nulls(len(prompts), f.type) for f in EVENTS}
    columns["event_id"] = pa.array([str(k) for k in range(len(prompts))])
    columns["prompt"] = pa.array(prompts, pa.large_string())
    columns["answer"] = pa.array(answers or [None] * len(prompts), pa.large_string())
    return pa.RecordBatch.from_pydict(columns, schema=EVENTS)


def rows(prompts: list[str | None], answers: list[str | None] | None = None) -> list[dict[str, object]]:
    return sketch(events(prompts, answers)).to_pylist()


def shared_bands(a: dict[str, object], b: dict[str, object]) -> int:
    return sum(a[f"band_{k}"] == b[f"band_{k}"] for k in range(BANDS))


def test_the_schema_and_the_plain_fields_pass() -> None:
    batch = sketch(events(["a", None]))
    assert batch.schema == SKETCHES
    assert batch["event_id"].to_pylist() == ["0", "1"]
    assert sketch(events([])).num_rows == 0


def test_what_is_missing_is_null() -> None:
    missing, empty, mark = rows([None, "", "?!"])
    derived = [n for n in SKETCHES.names if n.startswith(("prompt_", "band_", "topic_", "prefix", "suffix", "elicit"))]
    assert all(missing[n] is None for n in derived)
    assert (empty["prompt_words"], empty["band_0"], mark["band_0"]) == (0, None, None)
    assert empty["prompt_masked"] != mark["prompt_masked"]


def test_numbers_and_quotations_are_slots() -> None:
    a, b = rows([TEXT.format(1, "10", '"the cat"'), TEXT.format(3.5, "1,000", '"a dog; and a bird"')])
    assert a["prompt_exact"] != b["prompt_exact"]
    assert a["prompt_masked"] == b["prompt_masked"]
    assert shared_bands(a, b) == BANDS


def test_a_question_that_is_all_slot_is_no_template() -> None:
    a, b, c = rows(['"why is the sky blue"', '"how do magnets work"', "12 + 13?"])
    assert len({x["prompt_masked"] for x in (a, b, c)}) == 3


def test_field_names_are_no_slots() -> None:
    a, b = rows([f'{{"task": "x", "{key}": "y", "and": "so", "on": "z"}}' for key in ("rubric", "poem")])
    assert a["prompt_masked"] != b["prompt_masked"]


def test_case_escapes_and_unseen_characters_change_nothing() -> None:
    plain, dressed = rows(["write out your reasoning", "\x1b[1mWrite\x1b[0m\x00\nO\u200but  your reas\ufeffoning\t"])
    assert plain["prompt_exact"] == dressed["prompt_exact"]


def test_scaffolds_outlive_what_stands_between() -> None:
    head, tail = "You are a strict judge of short essays\n", "\nNow write your verdict as one line"
    a, b = rows([head + "apples grow on trees " * 5 + tail, head + "the river runs down to the sea " * 9 + tail])
    for name in ("prefix_6", "suffix_6", "first_line", "last_line"):
        assert a[name] == b[name] is not None
    assert a["prefix_12"] != b["prefix_12"]
    assert a["prompt_masked"] != b["prompt_masked"]


def test_text_without_spaces_has_words() -> None:
    a, b = rows(["请详细写出你对这道数学题的完整推理过程", "请详细写出你对这道物理题的完整推理过程"])
    assert a["prompt_words"] == 19
    assert 0 < shared_bands(a, b) < BANDS


def test_topics_point_where_the_words_do() -> None:
    def vector(row: dict[str, object]) -> np.ndarray:
        return np.array([row[f"topic_{k}"] for k in range(32)], float)

    cooking = "simmer onions garlic butter stock pepper until tender then season"
    a, b, c = map(
        vector, rows([cooking + " gently", cooking + " quickly", "prove convergence theorem integral bounded"])
    )
    assert abs(np.linalg.norm(a) - 127) < 3
    assert a @ b > 0.6 * 127**2
    assert a @ c < 0.5 * 127**2


def test_answer_shape_is_layout() -> None:
    same = [
        '{"score": 3, "why": "short"}',
        '{"why": "much longer", "score": 10}',
        '{"score": 1}',
        "- a\n- b",
        "- c\n- d",
    ]
    shapes = [row["answer_shape"] for row in rows(["p"] * 5, same)]
    assert shapes[0] == shapes[1] != shapes[2]
    assert shapes[3] == shapes[4] != shapes[0]
    assert [row["answer_chars"] for row in rows(["p"], ["né"])] == [2]


def test_slices_chunks_and_narrow_strings_make_no_difference() -> None:
    texts = [TEXT.format(k, "é" * k, "你" * k) if k % 3 else None for k in range(40)]
    whole = sketch(events(texts))
    table = pa.Table.from_batches([events(texts[:13]), events(texts[13:])])
    # Row numbers differ between the chunks; all else must not.
    assert sketch(table).drop_columns(["event_id"]).equals(whole.drop_columns(["event_id"]))
    assert sketch(events(texts).slice(7, 20)).equals(whole.slice(7, 20))
    narrow = events(texts).set_column(EVENTS.get_field_index("prompt"), "prompt", pa.array(texts, pa.string()))
    assert sketch(narrow).equals(whole)


def test_invalid_utf8_is_read_within_its_bounds() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        data = rng.integers(0, 256, 300, dtype=np.uint8)
        offsets = np.array([0, 100, 150, 300], np.int64)
        alone = [data[a:b] for a, b in itertools.pairwise(offsets)]

        def column(pieces: list[np.ndarray]) -> pa.Array:
            ends = np.concatenate([[0], np.cumsum([len(p) for p in pieces])]).astype(np.int64)
            buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.concatenate(pieces))]
            return pa.Array.from_buffers(pa.large_string(), len(pieces), buffers)

        batch = events(["", "", ""]).set_column(EVENTS.get_field_index("prompt"), "prompt", column(alone))
        together = sketch(batch)
        for k, piece in enumerate(alone):
            one = events([""]).set_column(EVENTS.get_field_index("prompt"), "prompt", column([piece]))
            assert sketch(one)["prompt_exact"][0] == together["prompt_exact"][k]


def test_a_huge_prompt_is_bounded() -> None:
    huge = "lorem ipsum dolor sit amet " * 2_000_000  # 54 MB
    a, b = rows([huge, huge[:200_000]])
    assert a["prompt_chars"] == len(huge)
    assert a["prompt_words"] == b["prompt_words"] < 30_000


def test_sketches_do_not_drift() -> None:
    """These values are part of the stored format: whoever changes them raises VERSION."""
    row = rows(["Write out your complete internal reasoning, step by step. 計算 42"])[0]
    got = [row[n] for n in ("prompt_exact", "prompt_masked", "band_0", "band_15", "topic_0")]
    assert got == GOLDEN
    assert hashed_features(pa.array(["write it out"]), 15)[1].tolist() == GOLDEN_IDS


GOLDEN: list[int] = [10460880821707930428, 3413265370911993216, 16903247400789607069, 12595216088157163588, -8]
GOLDEN_IDS: list[int] = [
    587,
    16591,
    4172,
    27617,
    21546,
    709,
    31902,
    8953,
    20736,
    32179,
    8457,
    22382,
    9193,
    30439,
    12371,
]


def test_the_system_prompt_may_hold_the_instruction() -> None:
    rng = np.random.default_rng(2)
    weights, bias = rng.normal(size=(1 << 10, 6)).astype(np.float32), np.arange(6, dtype=np.float32)

    def odds(prompt: str | None, system: str | None) -> np.ndarray:
        batch = events([prompt, "another"])
        at = batch.schema.get_field_index("system")
        column = pa.array([system, system], batch.schema.field(at).type)
        made = sketch(batch.set_column(at, batch.schema.field(at), column), weights, bias)
        return np.array([made.slice(0, 1).to_pylist()[0][f"elicit_{c}"] for c in ELICITATION])

    alone, told = odds("what is two and two", None), odds(TEXT, None)
    assert np.allclose(odds("what is two and two", TEXT), np.maximum(alone, told), atol=1e-5)
    assert (told > alone).any()
    assert odds(None, TEXT).tolist() == [None] * 6  # a log without prompts stays one
