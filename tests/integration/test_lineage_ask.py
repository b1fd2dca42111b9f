"""Models asked the same probes, by endpoints, files and weights, until their answers can be compared."""

from __future__ import annotations

import csv
import hashlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from gauger.app import cli
from gauger.edge.suspects import endpoint
from tests.integration.conftest import Server

pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")

Gauger = Callable[..., tuple[int, str, str]]
FAST = ["--requests-per-minute", "1000000"]
PROBES = 24


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    """Runs a verb of the group, beside probes.jsonl."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.setenv("API_KEY", "sesame-1234")

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["lineage", *args])
        out, err = capsys.readouterr()
        assert "sesame" not in out + err
        return code, out, err

    assert run("probes", "--out", "probes.jsonl", "--languages", "en", "--count", str(PROBES))[0] == 0
    return run


@pytest.fixture
def other() -> Iterator[Server]:
    """A second endpoint."""
    found = Server()
    yield found
    found.close()


def speaker(name: str) -> Callable[[str], str]:
    """A model that says thirty words of its own to each prompt, and the same again when asked again."""

    def says(prompt: str) -> str:
        rng = np.random.default_rng([*hashlib.sha256(f"{name} {prompt}".encode()).digest()])
        return " ".join(f"w{k}" for k in rng.integers(300, size=30))

    return says


def ask(gauger: Gauger, model: str, server: Server, *more: str) -> tuple[int, dict[str, Any], str]:
    given = ["ask", "probes.jsonl", "--out", "asked", "--model", model, "--endpoint", server.url, *FAST, "--json"]
    code, out, err = gauger(*given, *more)
    return code, json.loads(out or "{}"), err


def prompts() -> dict[str, str]:
    rows = [json.loads(line) for line in Path("probes.jsonl").read_text().splitlines()]
    return {row["id"]: row["prompt"] for row in rows}


def table() -> list[dict[str, str]]:
    return pq.read_table("asked/responses.parquet").to_pylist()


def journal(model: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("asked", model, "answers.jsonl").read_text().splitlines()[1:]]


def test_from_probes_to_a_verdict(gauger, server, other) -> None:
    server.says, other.says, first = speaker("teal"), speaker("rust"), list[bytes]()
    server.script = [lambda _: first.append(Path("asked/lab%2Fteal 7/plan.json").read_bytes())]
    code, said, err = ask(gauger, "lab/teal 7", server, "--ask-model", "t-7", "--api-key-env", "API_KEY")
    assert (code, said["answers"], said["models"], said["refused"], said["empty"], said["cut"]) == (0, 24, 1, 0, 0, 0)
    assert server.asked == list(prompts().values())
    assert server.heads[0]["authorization"] == "Bearer sesame-1234"
    body = {**server.bodies[0], "messages": []}
    settings = {"temperature": 1, "top_p": 1, "max_tokens": 300}
    assert body == {"model": "t-7", "messages": [], "stream": False, **settings}
    plan = Path("asked/lab%2Fteal 7/plan.json").read_bytes()
    assert said["plan"] == "sha256:" + hashlib.sha256(plan.rstrip(b"\n")).hexdigest()
    assert first == [plan]  # it was there before the first question
    assert err.splitlines()[0] == f"gauger: plan {said['plan']}"
    assert ask(gauger, "rust", other, "--requests-per-minute", "2400")[1]["models"] == 2
    assert np.median(np.diff(other.at)) > 0.8 * 60 / 2400  # single ones arrive late, and the next soon after
    assert other.bodies[0]["model"] == "rust"
    for k in range(4):
        rows = [{"id": id, "text": speaker(f"m{k}")(prompt)} for id, prompt in prompts().items()]
        Path("said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        code, out, _ = gauger("ask", "probes.jsonl", "--out", "asked", "--model", f"m{k}", "--responses", "said.jsonl")
        assert (code, f"models in the table: {k + 3}\n" in out) == (0, True)
    found = {(row["prompt_id"], row["model"]): row["output"] for row in table()}
    assert len(table()) == len(found) == 6 * PROBES
    assert {row["prompt_id"]: row["prompt"] for row in table()} == prompts()
    for model, name in {"lab/teal 7": "teal", "rust": "rust", "m3": "m3"}.items():
        assert all(found[id, model] == speaker(name)(prompt) for id, prompt in prompts().items())
    assert not any(b"sesame" in path.read_bytes() for path in Path("asked").rglob("*") if path.is_file())
    Path("pairs.csv").write_text("candidate,suspect\nlab/teal 7,rust\n")
    lines = [f"{name},maker {name},base {name}\n" for name in ("lab/teal 7", "rust", "m0", "m1", "m2", "m3")]
    Path("models.csv").write_text("model,maker,base\n" + "".join(lines))
    files = ["--pairs", "pairs.csv", "--population", "models.csv", "--out", "verdicts.csv", "--prompts", "20"]
    assert gauger("behaviour", "asked/responses.parquet", *files)[0] == 0
    with Path("verdicts.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["verdict"], row["n_null"] != "0", row["score"] != "") == ("cannot tell", True, True)


def test_killed_it_goes_on_and_asks_nothing_twice(gauger, server, start) -> None:
    """The server holds the eleventh question until the process that asked it is dead."""
    server.says = speaker("teal")
    held, dead = threading.Event(), threading.Event()

    def hold(_: object) -> tuple[int, dict[str, str]]:
        held.set()
        dead.wait(60)
        return (500, {})

    server.script = [None] * 10 + [hold]
    given = ["lineage", "ask", "probes.jsonl", "--out", "asked", "--model", "teal", "--endpoint", server.url, *FAST]
    process = start(*given)
    assert held.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    dead.set()
    assert process.returncode == -signal.SIGKILL
    assert [line["index"] for line in journal("teal")] == list(range(10))
    with Path("asked/teal/answers.jsonl").open("ab") as file:
        file.write(b'{"index":10,"answer":{"type":"te')  # as a kill amid a write leaves it
    code, said, _ = ask(gauger, "teal", server)
    assert (code, said["answers"]) == (0, PROBES)
    assert sorted(server.answered) == sorted(prompts().values())
    assert len(server.asked) == PROBES + 1
    assert [row["output"] for row in table()] == [speaker("teal")(prompt) for prompt in prompts().values()]
    whole = Path("asked/responses.parquet").read_bytes()
    assert ask(gauger, "teal", server) == (0, said, f"gauger: plan {said['plan']}\n")
    assert len(server.asked) == PROBES + 1
    assert Path("asked/responses.parquet").read_bytes() == whole


def choice(**more: Any) -> bytes:
    return json.dumps({"choices": [more]}).encode()


def test_refusals_blanks_and_cut_answers_are_kept_as_such(gauger, server) -> None:
    server.script = [
        choice(message={"content": None, "refusal": "I cannot"}),
        choice(message={"content": "so far and"}, finish_reason="length"),
        choice(message={"content": " \n"}, finish_reason="stop"),
        choice(message={"content": ""}, finish_reason="content_filter"),
        (400, {}),
        (429, {"Retry-After": "0"}),
    ]
    code, said, _ = ask(gauger, "teal", server, "--skip-refused")
    assert (code, said["answers"], said["refused"], said["empty"], said["cut"]) == (0, PROBES, 3, 1, 1)
    assert len(server.asked) == PROBES + 1
    assert [(row["output"], row["ended"]) for row in table()[:6]] == [
        *(("", "refused"), ("so far and", "length"), (" \n", ""), ("", "refused"), ("", "refused"), ("w1", ""))
    ]


def test_hostile_answers_are_kept_or_stop_it_and_act_nowhere(gauger, server, monkeypatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_BYTES", 1 << 16)
    evil = "\x1b[2J\x1b]0;owned\x07\u202e</td><script>alert(1)</script>\x00\n- 2"
    server.script = [choice(message={"content": evil}), b'{"choices": [{"message": {"content": "a\\ud800b"}}]}']
    for bad, words in ((b"<html>502</html>", "no chat completion"), (b"{" * 999, "no chat"), (b"9" * 99999, "MiB")):
        server.script += [bad]
        code, _, err = ask(gauger, "teal", server)
        assert (code, words in err, "question 3 of 24" in err, "\x1b" in err) == (3, True, True, False)
        assert [row["output"] for row in table()] == [evil, "a?b"]  # what is there is in the table by then
    code, _, _ = ask(gauger, "teal", server)
    assert (code, len(table()), len(server.asked)) == (0, PROBES, PROBES + 3)
    given = ["ask", "probes.jsonl", "--out", "asked", "--model", "teal", "--endpoint", server.url]
    assert "\x1b" not in "".join(gauger(*given)[1:])


def test_one_folder_is_one_comparison_and_a_plan_stays(gauger, server) -> None:
    code, out, _ = gauger(
        "ask", "probes.jsonl", "--out", "asked", "--model", "teal", "--endpoint", server.url, "--plan-only"
    )
    assert (code, server.asked, Path("asked/responses.parquet").exists()) == (0, [], False)
    dated = out.split()[0]
    assert ask(gauger, "teal", server, "--digest", "sha256:" + "0" * 64)[0] == 4
    code, said, _ = ask(gauger, "teal", server, "--plan-only", "--digest", dated)
    assert (code, said["digest"], said["plan"]["questions"]) == (0, dated, PROBES)
    code, _, err = ask(gauger, "teal", server, "--request", '{"seed": 1}')
    assert (code, "is another plan" in err) == (2, True)
    for more in (["--temperature", "0.5"], ["--top-p", "0.5"], ["--max-tokens", "5"]):
        code, _, err = ask(gauger, "rust", server, *more)
        assert (code, "one folder is one comparison" in err) == (2, True)
    kept = Path("probes.jsonl").read_text()
    Path("probes.jsonl").write_text("".join(kept.splitlines(keepends=True)[:-1]))
    assert "one folder is one comparison" in ask(gauger, "rust", server)[2]
    Path("probes.jsonl").write_text(kept)
    assert server.asked == []
    assert ask(gauger, "rust", server, "--request", '{"seed": 1}')[1]["models"] == 1
    assert server.bodies[0]["seed"] == 1
    Path("asked/teal").rename("asked/moved")
    code, _, err = ask(gauger, "rust", server)
    assert (code, "another folder's model" in err) == (2, True)
    Path("asked/moved/plan.json").write_text("{}")
    code, _, err = ask(gauger, "rust", server)
    assert (code, "is no Plan" in err) == (2, True)


@pytest.mark.parametrize("name", ["", " ", "..", ".teal", "a\x1bb", "\u202e", "x" * 201, "名" * 23, "\udcff"])
def test_names_that_no_folder_has(gauger, server, name: str) -> None:
    code, _, err = ask(gauger, name, server)
    assert (code, "a model's name" in err, server.asked, Path("asked").exists()) == (2, True, [], False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "say where the model is"),
        (["--weights", "w", "--responses", "r"], "say where the model is"),
        (["--responses", "said.jsonl"], "no answer to the prompt"),
        (["--responses", "ids.jsonl"], "answer 1 is no text"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--api-key-env", "NO_SUCH"], "key is not set"),
    ],
)
def test_what_cannot_be_asked(gauger, more: list[str], words: str) -> None:
    first = next(iter(prompts()))
    Path("said.jsonl").write_text(json.dumps({"id": first, "text": "a"}))
    Path("ids.jsonl").write_text(json.dumps({"id": first, "tokens": [1]}))
    code, _, err = gauger("ask", "probes.jsonl", "--out", "asked", "--model", "teal", *more)
    assert (code, words in err) == (2, True)


def test_a_model_in_a_folder(gauger, tmp_path) -> None:
    pytest.importorskip("torch", reason="needs torch and transformers: pip install 'gauger[models]'")
    pytest.importorskip("transformers", minversion="5", reason="needs transformers 5")
    from tests.integration.test_lineage_ghosts_weights import save  # noqa: PLC0415

    weights = save(tmp_path / "weights", 1)
    given = ["ask", "probes.jsonl", "--out", "asked", "--model", "mine", "--max-tokens", "6", *FAST, "--json"]
    code, out, _ = gauger(*given, "--weights", str(weights))
    said = json.loads(out)
    assert (code, said["answers"], said["models"]) == (0, PROBES, 1)
    assert said["cut"] == sum(row["ended"] == "length" for row in table()) > PROBES / 2
    assert all(len(row["output"].split()) <= 6 for row in table())
    assert '"plain":false,"weights":"sha256:' in json.loads(Path("asked/mine/plan.json").read_text())["asked"]
