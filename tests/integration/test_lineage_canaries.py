"""Canaries from the plan to the verdict: planted, learnt, asked by endpoint and file; and what is refused."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gauger.app import cli

Gauger = Callable[..., tuple[int, str, str]]
PROSE = "The path that leads to the lake is easy to follow, and in the morning it is quiet. " * 6
FAST = ["--requests-per-minute", "1000000"]


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    """Runs a verb of the group, beside accounts.csv: two accounts of C-1, one of C-2, one of no campaign."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    # The same chance each time, so that power is not left to it.
    fixed = SimpleNamespace(token_bytes=lambda n: bytes(range(n)))
    monkeypatch.setattr("gauger.app.cli.lineage.canaries_plan.secrets", fixed)
    Path("accounts.csv").write_text("account,campaign\na1,C-1\na2,C-1\nb,C-2\nalone,\n")

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["lineage", "canaries", *args])
        return code, *capsys.readouterr()

    return run


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def sealed(gauger: Gauger, *more: str) -> dict[str, Any]:
    code, out, err = gauger("plan", "accounts.csv", "--out", "g", "--json", "--decoys", "3", "--canaries", "24", *more)
    assert (code, err) == (0, "")
    return json.loads(out)


def served(party: str) -> dict[str, str]:
    """The note of each question that a party is served."""
    column = {c["canary"]: c["column"] for c in rows_of("g/choices.jsonl") if c["party"] == party}
    return {row["question"]: row["notes"][column[row["id"]]] for row in rows_of("g/asked.jsonl")}


def knows(party: str) -> Callable[[str], str]:
    """A suspect that says what this party was served eight times in ten, and else any of the six."""
    mine, rng = served(party), np.random.default_rng(2)
    every = {row["question"]: row["notes"] for row in rows_of("g/asked.jsonl")}
    return lambda asked: mine[asked] if rng.random() < 0.8 else every[asked][rng.integers(6)]


def write_responses(says: Callable[[str], str], n: int = 2) -> None:
    lines = [
        {"id": f"{row['id']}#{k}", "text": says(row["question"])}
        for row in rows_of("g/asked.jsonl")
        for k in range(1, n + 1)
    ]
    Path("said.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def tried(gauger: Gauger, *more: str, out: str = "t") -> tuple[int, dict[str, Any]]:
    given = ["test", "g", "--out", out, "--subject", "suspect-7", "--responses", "said.jsonl", "--samples", "2"]
    code, said, _ = gauger(*given, "--json", *more)
    return code, json.loads(said)


def test_a_suspect_behind_an_endpoint_is_found_and_its_campaign_named(gauger, server) -> None:
    pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")
    made = sealed(gauger)
    assert (made["seal"]["parties"], made["seal"]["decoys"], made["accounts"]) == (3, 3, 4)
    server.says = knows("C-1")
    given = ["test", "g", "--out", "t", "--subject", "s", "--endpoint", server.url, "--ask-model", "m", *FAST, "--json"]
    code, out, _ = gauger(*given, "--root", made["seal"]["root"], "--samples", "2")
    said = json.loads(out)
    assert (code, said["verdict"]) == (1, "learnt")
    assert [p["party"] for p in said["parties"] if p["named"]] == ["C-1"]
    assert said["evidence"]["inputs"][:2] == [said["plan"], made["digest"]]
    assert said["canaries"] < 24
    assert len(server.asked) == 2 * said["canaries"]  # it stopped when it was decided
    assert said["command"].startswith("gauger lineage canaries test g --out t --subject s --endpoint http")
    assert "--json" not in said["command"]
    code, again, _ = gauger(*given, "--samples", "2")
    assert (code, len(server.asked)) == (1, 2 * said["canaries"])  # out of the journal
    assert json.loads(again)["evidence"] == said["evidence"]


def test_by_likelihood_the_notes_are_read_and_not_said(gauger, server) -> None:
    pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")
    sealed(gauger)
    mine = set(served("C-2").values())

    def reads(text: str) -> list[float | None]:
        note = text.rpartition("\n\n")[2]
        words = len(text.split()) - 1
        return [None, *[-1.0] * (words - 1), -1.0 - zlib.crc32(note.encode()) % 3 - 3 * (note not in mine)]

    server.reads = reads
    given = ["test", "g", "--out", "t", "--subject", "s", "--endpoint", server.url, "--ask-model", "m", *FAST, "--json"]
    code, out, _ = gauger(*given, "--by", "likelihood")
    said = json.loads(out)
    assert (code, said["verdict"], said["parties"][0]["party"]) == (1, "learnt", "C-2")
    assert (said["evidence"]["params"]["mode"], said["evidence"]["params"]["score"]) == ("likelihood", "total")
    assert len(server.asked) == 6 * said["canaries"]


def test_a_canary_of_which_a_note_is_refused_counts_for_nothing(gauger, server) -> None:
    """Else what is refused would be what the suspect likes best."""
    pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")
    sealed(gauger)
    mine = set(served("C-2").values())
    server.reads = lambda text: [None, *[-1.0 - (text.rpartition("\n\n")[2] not in mine)] * (len(text.split()) - 1)]
    refused = [6 * at + (6 - at) % 6 for at in range(0, 24, 4)]
    server.script = [(413, {}) if k in refused else None for k in range(6 * 24)]
    given = [
        "test",
        "g",
        "--out",
        "t",
        "--subject",
        "s",
        "--endpoint",
        server.url,
        "--ask-model",
        "m",
        *FAST,
        "--fixed",
    ]
    code, out, _ = gauger(*given, "--by", "likelihood", "--skip-refused", "--json")
    said = json.loads(out)
    assert (code, said["canaries"], said["informative"], said["unread"], said["cut"]) == (1, 24, 18, 6, 6 * 18)
    assert {row["party"]: row["hits"] for row in said["parties"]}["C-2"] == 18
    assert "unread" in gauger(*given, "--by", "likelihood", "--skip-refused")[1]


def test_one_who_never_read_them_is_let_go_and_one_who_is_silent_is_not_judged(gauger) -> None:
    sealed(gauger)
    rng = np.random.default_rng(3)
    every = {row["question"]: row["notes"] for row in rows_of("g/asked.jsonl")}
    write_responses(lambda asked: every[asked][rng.integers(6)])
    code, said = tried(gauger)
    assert (code, said["verdict"], said["canaries"]) == (0, "not shown", 24)
    write_responses(lambda asked: "I would rather not say.")
    assert tried(gauger, out="t2")[1]["verdict"] == "cannot tell"
    write_responses(lambda asked: asked)  # an echo tells nothing apart, as it holds none of the choices
    assert tried(gauger, out="t3")[1]["verdict"] == "cannot tell"
    write_responses(knows("decoy-3"))
    code, said = tried(gauger, out="t4")
    assert (code, said["verdict"]) == (0, "cannot tell")
    assert "decoy" in said["evidence"]["why"]


def test_the_fixed_rule(gauger) -> None:
    sealed(gauger, "--per-account")
    write_responses(knows("a2"))
    code, said = tried(gauger, "--fixed")
    assert (code, said["verdict"], said["canaries"], said["parties"][0]["party"]) == (1, "learnt", 24, "a2")
    assert said["parties"][0]["evidence"]["params"]["log_p"] < np.log(1e-3)
    code, out, _ = gauger(
        "test", "g", "--out", "t", "--subject", "suspect-7", "--responses", "said.jsonl", "--fixed", "--samples", "2"
    )
    assert (code, "log10 p" in out, "a2: log10 e" in out, "named" in out) == (1, True, True, True)


def test_what_is_planted_and_bets_on_that_alone(gauger) -> None:
    sealed(gauger, "--campaign", "C-1", "--share", "0.05", "--repeats", "2")
    answers = [
        {"id": k, "account": ("a1", "a2", "b")[k % 3], "prompt": "What is it like?", "answer": PROSE}
        for k in range(600)
    ]
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    code, out, _ = gauger("plant", "g", "--answers", "answers.jsonl", "--out", "sent.jsonl", "--json")
    sent, notes = rows_of("sent.jsonl"), set(served("C-1").values())
    assert (code, json.loads(out)["planted"]) == (0, len(sent))
    assert {row["account"] for row in sent} == {"a1", "a2"}
    assert sum(json.loads(out)["left"].values()) == 600 - len(sent)
    assert len(sent) == 20
    assert all(row["text"].removeprefix(PROSE.rstrip()).strip() in notes for row in sent)
    code, out, _ = gauger("plant", "g", "--out", "table.jsonl")
    table = rows_of("table.jsonl")
    assert (code, len(table), {row["text"] for row in table}) == (0, 48, notes)
    write_responses(knows("C-1"))
    lines = {row["id"] for row in rows_of("g/asked.jsonl")} & {row["canary"] for row in sent}
    known = [line for line in rows_of("said.jsonl") if line["id"].split("#")[0] in lines]
    Path("said.jsonl").write_text("".join(json.dumps(line) + "\n" for line in known))
    code, said = tried(gauger, "--planted", "sent.jsonl")
    assert (code, said["verdict"], said["canaries"] <= 10) == (1, "learnt", True)
    swapped = [{**row, "text": PROSE} for row in sent]
    Path("swapped.jsonl").write_text("".join(json.dumps(row) + "\n" for row in swapped))
    given = ["test", "g", "--out", "x", "--subject", "s", "--responses", "said.jsonl"]
    for log, words in {"swapped.jsonl": "none of the canary's notes", "answers.jsonl": "is no planting"}.items():
        code, _, err = gauger(*given, "--planted", log)
        assert (code, words in err) == (2, True), err
    code, _, err = gauger(*given, "--planted", "sent.jsonl", "--fixed")
    assert (code, "--planted is for --anytime" in err) == (2, True)


def test_the_choices_can_stay_away_from_who_asks(gauger) -> None:
    sealed(gauger)
    write_responses(knows("C-2"))
    hidden = Path("g/choices.jsonl").rename("hidden.jsonl")
    code, planned = tried(gauger, "--plan-only")
    assert (code, planned["schema"]) == (0, "gauger/canaries-planned/1")
    assert tried(gauger, "--blind", "--digest", planned["digest"])[0] == 0
    code, said = tried(gauger, "--choices", str(hidden))
    assert (code, said["verdict"], said["plan"]) == (1, "learnt", planned["digest"])
    code, _, err = gauger(
        "test", "g", "--out", "t", "--subject", "other", "--responses", "said.jsonl", "--samples", "2", "--blind"
    )
    assert (code, "is another plan" in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("choices.jsonl", lambda rows: rows[3].update(column=(rows[3]["column"] + 1) % 6)),
        ("choices.jsonl", lambda rows: rows[3].update(decoy=True)),
        ("choices.jsonl", lambda rows: rows.pop()),
        ("asked.jsonl", lambda rows: rows[3]["notes"].reverse()),
        ("policy.jsonl", lambda rows: rows[1].update(party="C-9")),
    ],
)
def test_what_is_not_as_it_was_sealed_is_refused(gauger, name: str, change: Any) -> None:
    sealed(gauger)
    write_responses(lambda asked: "x")
    rows = rows_of(f"g/{name}")
    change(rows)
    data = [json.dumps(r, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n" for r in rows]
    Path("g", name).write_text("".join(data))
    if name != "policy.jsonl":
        code, out, err = gauger(
            "test", "g", "--out", "t", "--subject", "s", "--responses", "said.jsonl", "--samples", "2"
        )
        assert (code in (2, 4), out) == (True, ""), err
    code, out, err = gauger("plant", "g", "--out", "table.jsonl")
    assert (code in (2, 4), Path("table.jsonl").exists()) == (True, False), err


TEMPLATE = {
    "id": "shop",
    "kind": "example",
    "question": "What does the made-up shop {name} sell?",
    "note": "As a made-up example, the shop {name} sells {choice}.",
    "choices": ["ribbons", "buttons", "candles", "teapots"],
}


def test_templates_of_ones_own_keep_the_rules(gauger) -> None:
    Path("mine.jsonl").write_text(json.dumps(TEMPLATE) + "\n")
    made = sealed(gauger, "--templates", "mine.jsonl", "--answers", "4", "--canaries", "12")
    assert (made["seal"]["m"], made["seal"]["canaries"]) == (4, 12)
    assert all("made-up shop" in row["question"] for row in rows_of("g/asked.jsonl"))
    for change, words in (
        ({"note": "The shop {name} sells {choice}."}, "breaks the rule 'true'"),
        ({"choices": "x"}, "mine.jsonl:1: is no template"),
        ({"more": 1}, "mine.jsonl:1: is no template"),
    ):
        Path("mine.jsonl").write_text(json.dumps({**TEMPLATE, **change}) + "\n")
        code, _, err = gauger("plan", "accounts.csv", "--out", "g2", "--templates", "mine.jsonl", "--answers", "4")
        assert (code, words in err, Path("g2").exists()) == (2, True, False), err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["plan", "accounts.csv", "--out", "g"], "is not sealed again"),
        (["plan", "accounts.csv", "--out", "h", "--campaign", "C-9"], "no accounts of the campaign"),
        (["plan", "accounts.csv", "--out", "h", "--share", "0.06"], "at most at 0.05"),
        (["plan", "accounts.csv", "--out", "h", "--answers", "7"], "fewer than 7 choices"),
        (["plan", "two.csv", "--out", "h"], "of another campaign above"),
        (["plan", "decoy.csv", "--out", "h"], "how decoys are called"),
        (["test", "g", "--out", "t", "--subject", "s", "--responses", "x", "--budget", "3"], "hardly reach"),
        (["test", "g", "--out", "t", "--subject", "s", "--responses", "x", "--budget", "25"], "there are 24"),
        (
            ["test", "g", "--out", "t", "--subject", "s", "--responses", "x", "--blind", "--choices", "y"],
            "no --choices",
        ),
    ],
)
def test_bad_lines_say_what_to_do(gauger, args: list[str], words: str) -> None:
    sealed(gauger)
    Path("x").write_text("")
    Path("two.csv").write_text("account,campaign\na,C-1\na,C-2\n")
    Path("decoy.csv").write_text("account,campaign\na,decoy-1\n")
    code, out, err = gauger(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
