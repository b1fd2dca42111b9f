"""A suspect that others asked: their file of responses goes to the prompts by id, in any order, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Gauger = Callable[..., tuple[int, str, str]]
Files = dict[str, list[str]]


def planned(gauger: Gauger, files: Files, *more: str) -> None:
    given = ["--subject", "suspect-7", "--alpha", "1e-3", "--looks", "32,64"]
    code, _, err = gauger("plan", "plan.json", *given, *files["asked"], *files["ours"], *files["key"], *more)
    assert (code, err) == (0, "")


def rows(speak: Callable[[str], str], n: int = 64) -> list[dict[str, Any]]:
    return [{"id": f"q{k}", "text": speak(f"say {k}")} for k in range(n)]


def ran(gauger: Gauger, files: Files, found: list[dict[str, Any]], *more: str) -> tuple[int, str, str]:
    Path("theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    Path("said.jsonl").unlink(missing_ok=True)
    given = ["--answers", "said.jsonl", "--responses", "theirs.jsonl", "--json"]
    return gauger("run", "plan.json", *given, *files["asked"], *(more or files["ours"]), *files["key"])


@pytest.mark.parametrize(("speaker", "code"), [("marked", 1), ("innocent", 0)])
def test_answers_in_any_order_go_to_their_prompts(gauger, files, speakers, speaker: str, code: int) -> None:
    planned(gauger, files)
    found = rows(speakers[speaker])
    first, again = ran(gauger, files, found), ran(gauger, files, found[::-1])
    assert first == again
    assert first[0] == code
    said = json.loads(Path("said.jsonl").read_text().splitlines()[1])
    assert said == {"index": 0, "answer": {"type": "text", "text": found[0]["text"]}}


def test_ids_of_the_keys_tokenizer_need_no_tokenizer(gauger, files, speakers) -> None:
    files["ours"] = ["--served", "served.jsonl"]
    code, _, err = gauger("plan", "plan.json", "--subject", "s", *files["asked"], *files["ours"], *files["key"])
    assert (code, "a quotation of a prompt is no mark" in err) == (2, True)
    prompts = [json.loads(line) for line in Path("prompts.jsonl").read_text().splitlines()]
    Path("prompts.jsonl").write_text("".join(json.dumps({**p, "prompt_tokens": [24, 1]}) + "\n" for p in prompts))
    planned(gauger, files)
    found = rows(speakers["marked"])
    ids = [{"id": row["id"], "tokens": [int(w[1:]) for w in row["text"].split()]} for row in found]
    assert ran(gauger, files, ids)[0] == 1
    code, _, err = ran(gauger, files, found)
    assert (code, "answer 1 is text" in err) == (2, True)
    code, _, err = ran(gauger, files, ids, "--served", "served.jsonl", "--tokenizer-file", "tokenizer.json")
    assert (code, "the plan fixed no tokenizer" in err) == (2, True)


def test_served_outputs_may_be_text(gauger, files) -> None:
    planned(gauger, files)
    served = [json.loads(line)["tokens"] for line in Path("served.jsonl").read_text().splitlines()]
    texts = (json.dumps({"text": " ".join(f"w{k}" for k in tokens)}) + "\n" for tokens in served)
    Path("served.jsonl").write_text("".join(texts))
    first = json.loads(Path("plan.json").read_text())
    Path("plan.json").unlink()
    planned(gauger, files)
    assert json.loads(Path("plan.json").read_text())["served"] == first["served"]


def test_ids_that_the_keys_tokenizer_does_not_have(gauger, files, speakers) -> None:
    planned(gauger, files)
    found = rows(speakers["marked"])
    found[3] = {"id": "q3", "tokens": [1, 2, 25]}
    code, out, err = ran(gauger, files, found)
    assert (code, out, "answer 4 has ids of another tokenizer: the keys' has 25" in err) == (2, "", True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found[:40], "no answer to the prompt 'q40'"),
        (lambda found: [*found, found[0]], "theirs.jsonl:65: the same `id` as line 1"),
        (
            lambda found: [{**found[0], "id": "sesame"}, *found[1:]],
            "theirs.jsonl:1: no prompt of the plan has this `id`",
        ),
        (lambda found: [*found[:2], {"id": "q2"}], "theirs.jsonl:3: is no answer"),
        (lambda found: [{**found[0], "tokens": [1]}, *found[1:]], "either `text` or `tokens`"),
        (lambda found: [{"id": "q0", "tokens": ["sesame"]}], "theirs.jsonl:1: is no answer"),
        (lambda found: [{"text": "sesame"}], "theirs.jsonl:1: is no answer"),
        (lambda found: [], "no answer to the prompt 'q0'"),
    ],
)
def test_responses_that_do_not_fit(gauger, files, speakers, change: Any, words: str) -> None:
    planned(gauger, files)
    code, out, err = ran(gauger, files, change(rows(speakers["innocent"])))
    assert (code, out) == (2, "")
    assert words in err
    assert "sesame" not in err


def test_the_plan_says_who_is_asked(gauger, files, server) -> None:
    planned(gauger, files)
    ask = ["ask", "plan.json", "--answers", "said.jsonl", *files["asked"]]
    for options, words in (
        ([], "needs --responses"),
        (["--responses", "none.jsonl"], "none.jsonl: cannot be read"),
        (["--responses", "x", "--weights", "y"], "takes no --weights"),
        (["--responses", "x", "--api-key-env", "K"], "takes no --api-key-env"),
    ):
        code, out, err = gauger(*ask, *options)
        assert (code, out, words in err) == (2, "", True), err
    code, _, err = gauger("ask", "plan.json", "--answers", "said.jsonl", "--responses", "x")
    assert (code, "--prompts" in err) == (2, True)
    assert not Path("said.jsonl").exists()
