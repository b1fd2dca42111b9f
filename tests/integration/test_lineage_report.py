"""The report on a suspect, from documents as the verbs print them, and from hostile ones."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli

Gauger = Callable[..., tuple[int, str, str]]
SHA = ["sha256:" + f"{k:064x}" for k in range(40)]


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["lineage", *args])
        return code, *capsys.readouterr()

    return run


def evidence(method: str, log_e: float | str, *inputs: str, kind: str = "exact", subject: str = "x") -> dict[str, Any]:
    said = {
        "subject": subject,
        "null": f"null of {method}",
        "kind": kind,
        "method": method,
        "params": {"p": 0.1, "floor": 0.01},
    }
    return {**said, "log_e": log_e, "n": 5, "anytime": True, "inputs": list(inputs), "why": "this"}


def ghosts(log_e: float | str, seal: str = SHA[1], **more: Any) -> dict[str, Any]:
    e = evidence("ghost-twins", log_e, SHA[0], seal, SHA[2], **more)
    return {
        "schema": "gauger/ghosts-tested/1",
        "verdict": "not shown",
        "evidence": e,
        "command": "gauger lineage x",
        "accounts": [],
        "alpha": 0.01,
    }


def canaries(log_e: float, seal: str = SHA[3], **more: Any) -> dict[str, Any]:
    e = evidence("canaries", log_e, SHA[4], seal, SHA[5], **more)
    return {"schema": "gauger/canaries-tested/1", "verdict": "not shown", "evidence": e, "parties": [], "alpha": 0.01}


def radioactive(log_e: float, *keys: str, crossed: bool = False) -> dict[str, Any]:
    rows = [{"context": {}, "named": False, "evidence": evidence("radioactivity", 0.0, SHA[6], k)} for k in keys]
    whole = evidence("radioactivity-closed", log_e, SHA[6], *keys, SHA[7])
    return {"schema": "gauger/radioactivity/1", "crossed": crossed, "evidence": whole, "keys": rows, "alpha": 0.01}


def detected(*rows: tuple[str | None, float]) -> dict[str, Any]:
    made = [
        {
            "context": None if key is None else {},
            "found": False,
            "evidence": evidence("watermark", e, key or SHA[20], SHA[21]),
        }
        for key, e in rows
    ]
    return {"schema": "gauger/detect/1", "results": made}


def by_rule(rule: str, *rows: tuple[str | None, float]) -> dict[str, Any]:
    """The first key is said to be found, at 0.001; p is no small number for any."""
    said = {**detected(*rows), "rule": rule, "alpha": 1e-3, "keys": len(rows)}
    for row in said["results"]:
        row["evidence"]["params"] = {"log_p": -1.0}
    said["results"][0]["found"] = True
    return said


def fixed_size(log_p: float | None) -> dict[str, Any]:
    tail = {} if log_p is None else {"log_p": log_p}
    e = evidence("canaries", 1.0, SHA[4], SHA[3], SHA[5])
    return {"verdict": "learnt", "evidence": {**e, "params": {"rule": "fixed", **tail}}}


def behaviour(*suspects: str, verdict: str = "related") -> dict[str, Any]:
    rows = [
        {
            "candidate": "ours",
            "suspect": name,
            "verdict": verdict,
            "why": "rank",
            "evidence": None
            if verdict == "cannot tell"
            else evidence("behaviour", 2.0, SHA[8], kind="calibrated", subject=f"ours -> {name}"),
        }
        for name in suspects
    ]
    return {"schema": "gauger/lineage-behaviour/1", "alpha": 0.1, "pairs": rows}


def weights(suspect: str, verdict: str = "nothing found") -> dict[str, Any]:
    e = evidence("weights: mean of tests", 40.0, SHA[9], subject=f"ours -> {suspect}")
    more = {"verdict": verdict, "why": "order", "evidence": e, "scores": []}
    return {"schema": "gauger/lineage-weights/1", "alpha": 1e-17, "subject": f"ours -> {suspect}", **more}


def report(gauger: Gauger, *documents: Any, more: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    for k, said in enumerate(documents):
        Path(f"{k}.json").write_text(said if isinstance(said, str) else json.dumps(said))
    code, out, err = gauger("report", *(f"{k}.json" for k in range(len(documents))), "--json", *more)
    return code, json.loads(out) if out else {"error": err}


def test_exact_ones_merge_and_the_others_stand_apart(gauger) -> None:
    code, said = report(
        gauger,
        ghosts(2.0),
        canaries(3.0),
        radioactive(1.0, SHA[10], SHA[11]),
        behaviour("x", "y", verdict="not shown"),
        weights("models/x"),
        more=("--suspect", "x", "--suspect", "models/x"),
    )
    wanted = 3.0 + np.log((np.exp(2) + np.exp(1)) / 2)
    assert said["together"]["log_e"] == pytest.approx(wanted)
    assert said["together"]["parts"] == [0, 1, 2]
    assert (code, said["accuses"], said["names"]) == (0, False, ["x", "models/x"])
    assert [f["stands"].split(":")[0] for f in said["findings"]] == ["together"] * 3 + ["apart"] * 2
    assert [f["evidence"]["log_e"] for f in said["findings"][3:]] == [2.0, 40.0]
    assert "none of the candidates" in said["open_set"]
    code, said = report(gauger, ghosts(4.0), canaries(3.0))
    assert (code, said["together"]["rejected"], said["accuses"]) == (1, True, True)
    assert report(gauger, ghosts(4.0), canaries(3.0), more=("--alpha", "1e-4"))[0] == 0
    twice = report(gauger, ghosts(2.0), radioactive(1.0, SHA[10]), more=("--separate-text",))[1]
    assert twice["together"]["log_e"] == pytest.approx(3.0)


def test_what_a_test_says_by_its_own_plan_is_told(gauger) -> None:
    for said in (
        behaviour("x"),
        weights("x", "not independent"),
        radioactive(9.0, SHA[10], crossed=True),
        {**ghosts(9.0), "verdict": "learnt"},
    ):
        code, found = report(gauger, said)
        assert (code, found["together"], found["accuses"]) == (1, None, True)
    code, found = report(gauger, behaviour("x", verdict="cannot tell"), ghosts("-inf"))
    assert (code, found["accuses"]) == (0, False)
    assert found["findings"][1]["evidence"]["log_e"] == "-inf"


def test_marks_in_its_own_text(gauger) -> None:
    said = report(gauger, detected((SHA[10], 2.0), (SHA[11], 0.0)), canaries(1.0))[1]
    assert said["together"]["log_e"] == pytest.approx(1.0 + np.log((np.exp(2) + 1) / 2))
    said = report(gauger, detected((None, 9.0)), canaries(1.0))[1]
    assert said["together"] is None  # another tool's key is no chance of ours


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([ghosts(1.0), canaries(1.0, subject="y")], "not evidences on one suspect"),
        ([behaviour("x", "y")], "not evidences on one suspect"),
        ([ghosts(1.0), ghosts(1.0)], "0.json again"),
        ([ghosts(1.0), ghosts(2.0)], "the same seal, key or inputs"),
        ([radioactive(1.0, SHA[10]), detected((SHA[10], 1.0))], "the same seal, key or inputs"),
        ([{"schema": "gauger/scan-report/1"}], "is no evidence on a suspect"),
        (["[]"], "is no evidence on a suspect"),
        (["{"], "is no document"),
        ([{**ghosts(1.0), "evidence": {}}], "is no document"),
        ([{**ghosts(1.0), "evidence": evidence("g", 1.0)}], "is no document"),
        ([{**ghosts(1.0), "evidence": evidence("g", 1.0, SHA[0])}], "is no document"),
        ([{**ghosts(1.0), "evidence": evidence("g", 1.0, "md5:1", "x")}], "is no document"),
        ([{"schema": ["gauger/detect/1"]}], "is no document"),
        ([{"schema": "gauger/detect/1", "results": []}], "is no document"),
        (["[" * 100_000], "is no document"),
    ],
)
def test_what_does_not_belong_together_is_refused(gauger, documents: list[Any], words: str) -> None:
    code, said = report(gauger, *documents)
    assert (code, words in said["error"], said["error"].count("\n")) == (2, True, 1), said


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({**ghosts(9.0), "verdict": "learnt\x1b[31m"}, "is none of learnt, not shown, cannot tell"),
        ({**canaries(9.0), "verdict": "LEARNT"}, "is none of learnt"),
        (behaviour("x", verdict="guilty"), "is none of related"),
        (weights("x", "related"), "is none of not independent"),
        (ghosts(1.0, kind="calibrated"), "of kind calibrated, and this test gives exact"),
        (canaries(1.0, kind="calibrated"), "this test gives exact"),
        ({**weights("x"), "evidence": evidence("weights", 1.0, SHA[9], kind="calibrated")}, "this test gives exact"),
        (json.loads(json.dumps(behaviour("x")).replace("calibrated", "exact")), "this test gives calibrated"),
        ({**ghosts(-5.0), "verdict": "learnt"}, "does not reach the bound"),
        ({**ghosts("-inf"), "verdict": "learnt"}, "does not reach the bound"),
        ({**ghosts(6.0), "verdict": "learnt", "alpha": 1e-3}, "does not reach the bound"),
        ({**canaries(0.0), "verdict": "learnt"}, "does not reach the bound"),
        ({**behaviour("x"), "alpha": 0.05}, "does not reach the bound"),
        ({**weights("x", "not independent"), "alpha": 1e-18}, "does not reach the bound"),
        ({**weights("x", "not independent"), "evidence": None}, "does not reach the bound"),
        ({**ghosts(9.0), "verdict": "learnt", "alpha": 5}, "does not reach the bound"),
        ({k: v for k, v in ghosts(9.0).items() if k != "alpha"} | {"verdict": "learnt"}, "does not reach the bound"),
        ({**behaviour("x"), "alpha": 1.5}, "does not reach the bound"),
        ({**by_rule("e-bh", (SHA[10], 9.0)), "alpha": 1.5}, "its rule or alpha is none"),
        ({**ghosts(1.0), "evidence": {**ghosts(1.0)["evidence"], "n": 2**70}}, "is no document as it was printed"),
        ({**radioactive(-50.0, SHA[10], crossed=True), "alpha": 1e-6}, "does not reach the bound"),
        ({**radioactive(13.0, SHA[10], crossed=True), "alpha": 1e-6}, "does not reach the bound"),
        (by_rule("e-bh", (SHA[10], 6.0)), "does not reach the bound"),
        (by_rule("e-bh", (SHA[10], 7.0), (SHA[11], 0.0)), "does not reach the bound"),
        (by_rule("holm", (SHA[10], 9.0)), "does not reach the bound"),
        ({**by_rule("e-bh", (SHA[10], 9.0)), "keys": 2}, "not those of all its keys"),
        (by_rule("other", (SHA[10], 9.0)), "its rule or alpha is none"),
        ({**canaries(1.0), **fixed_size(-6.0), "alpha": 1e-3}, "does not reach the bound"),
        ({**canaries(1.0), **fixed_size(None), "alpha": 1e-3}, "does not reach the bound"),
    ],
)
def test_what_contradicts_itself_is_refused(gauger, document: dict[str, Any], words: str) -> None:
    code, said = report(gauger, document)
    assert (code, words in said["error"], "\x1b" in said["error"]) == (2, True, False), said


def test_exact_tails_accuse_without_e(gauger) -> None:
    said = {**canaries(-1.0), "verdict": "learnt"}
    said["evidence"]["params"] = {"rule": "fixed", "log_p": -20.0}
    assert report(gauger, said)[0] == 1


def test_a_name_that_no_document_has(gauger) -> None:
    code, said = report(gauger, ghosts(1.0), more=("--suspect", "z"))
    assert (code, "says nothing of 'z'" in said["error"]) == (2, True)


def test_hostile_words_are_shown_and_do_nothing(gauger) -> None:
    name = "<script>x</script>\u202e\x1b[31m"
    for command, wanted in (
        ("gauger lineage x; rm -rf ~ $(id)", shlex.join(["gauger", "lineage", "x;", "rm", "-rf", "~", "$(id)"])),
        ("rm -rf ~", ""),
        ("gauger 'a\nb'", ""),
        ("gauger 'a", ""),
    ):
        said = {**ghosts(1.0, subject=name), "command": command}
        assert report(gauger, said)[1]["findings"][0]["replay"] == wanted
    code, out, _ = gauger("report", "0.json", "--out", "r.html")
    page = Path("r.html").read_text()
    assert code == 0
    assert "&lt;script&gt;x" in page
    for shown in (page, out):
        assert "\u202e" not in shown
        assert "\x1b[31m" not in shown
    assert "<script" not in page
    assert "http" not in page.lower().replace("http-equiv", "")
    code, _, err = gauger("report", "0.json", "--out", "r.html")
    assert (code, "r.html exists" in err) == (2, True)


def test_people_read_the_same(gauger) -> None:
    report(gauger, ghosts(4.0), canaries(3.0), weights("x"))
    code, out, _ = gauger("report", "0.json", "1.json", "2.json", "--out", "r.html")
    page = Path("r.html").read_text()
    assert code == 1
    for text in (out, page):
        flat = " ".join(text.split())
        assert "3.0, of 3.0 needed" in flat
        assert "null of canaries" in flat
        assert "0.1, of 0.01 at least" in flat
        assert "apart: a null of its own" in flat
        assert "does not hold its command line" in flat
        assert "none of the candidates" in flat


def test_from_the_verbs_themselves(gauger) -> None:
    """Two plans of canaries, tested on the same suspect: their evidence multiplies, and the command runs again."""
    Path("accounts.csv").write_text("account\na\n")
    for name in "pq":
        assert gauger("canaries", "plan", "accounts.csv", "--out", name, "--canaries", "8", "--decoys", "1")[0] == 0
        rows = [json.loads(line) for line in Path(name, "asked.jsonl").read_text().splitlines()]
        column = {
            c["canary"]: c["column"]
            for c in map(json.loads, Path(name, "choices.jsonl").read_text().splitlines())
            if not c["decoy"]
        }
        said = [{"id": f"{r['id']}#1", "text": r["notes"][column[r["id"]]]} for r in rows]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(s) + "\n" for s in said))
        given = ["canaries", "test", name, "--out", f"t{name}", "--subject", "model x", "--responses", f"{name}.jsonl"]
        code, out, _ = gauger(*given, "--samples", "1", "--json")
        assert code == 1
        Path(f"{name}.json").write_text(out)
    code, out, _ = gauger("report", "p.json", "q.json", "--json")
    said = json.loads(out)
    assert [f["named"] for f in said["findings"]] == [["a"], ["a"]]
    parts = [f["evidence"]["log_e"] for f in said["findings"]]
    assert (code, said["together"]["log_e"]) == (1, pytest.approx(sum(parts)))
    assert "a key of its own" in said["together"]["reason"]
    words = shlex.split(said["findings"][0]["replay"])
    assert words[:4] == ["gauger", "lineage", "canaries", "test"]
    code, again, _ = gauger(*words[2:], "--json")
    assert (code, json.loads(again)) == (1, json.loads(Path("p.json").read_text()))
