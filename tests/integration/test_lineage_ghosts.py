"""Ghost twins from the logs to the verdict; suspects that learnt, did not, were killed, refuse or say nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.edge.plans import ByEndpoint
from gauger.edge.suspects.endpoint import Endpoint
from gauger.edge.suspects.pace import Pace
from gauger.errors import ExchangeError
from gauger.lineage.ghost_choice import SAID_ELSEWHERE

pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")

Gauger = Callable[..., tuple[int, str, str]]
EACH, LENGTH = 30, 12
FAST = ["--requests-per-minute", "1000000"]

KILLS = [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]


class Teacher:
    """Says twelve random words to each prompt, and others the next time."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def __call__(self, prompt: str) -> str:
        return " ".join(f"w{k}" for k in self._rng.integers(200, size=LENGTH))


def row(id: str, account: str, prompt: str, answer: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "event_id": id,
        "account": account,
        "prompt": prompt,
        "answer": answer,
        "model": "teal-1",
        "status": "success",
    }
    return {**made, "time": 1_760_000_000, "temperature": 0.7, "top_p": 0.9, "max_tokens": 64, **more}


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    """Runs a verb of the group, beside log.jsonl of 30 exchanges of each of three accounts, and accounts.csv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    teacher = Teacher(1)
    rows = [
        row(f"{who}-{k}", who, f"tell {who} of matter {k}", teacher(""))
        for who in ("thief-1", "thief-2", "honest")
        for k in range(EACH)
    ]
    write_log(rows)
    Path("accounts.csv").write_text("account,campaign\nthief-1,C-1\nthief-2,C-1\nhonest,\n")

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["lineage", "ghosts", *args])
        return code, *capsys.readouterr()

    return run


def write_log(rows: list[dict[str, Any]]) -> None:
    Path("log.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))


def log() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]


def plan(gauger: Gauger, *more: str) -> dict[str, Any]:
    code, out, err = gauger(
        "plan", "log.jsonl", "--out", "g", "--accounts", "accounts.csv", "--campaign", "C-1", "--json", *more
    )
    assert (code, err) == (0, "")
    return json.loads(out)


def draw(gauger: Gauger, server: Any, *more: str) -> dict[str, Any]:
    code, out, _ = gauger("draw", "g", "--endpoint", server.url, *FAST, "--json", *more)
    assert code == 0
    return json.loads(out)


SEALED: dict[bytes, tuple[dict[str, bytes], dict[str, Any]]] = {}  # of each log: the folder's files, and what was said


def sealed(gauger: Gauger, server: Any) -> dict[str, Any]:
    """Planned, drawn and sealed; once for each log, as most tests have the same."""
    key = Path("log.jsonl").read_bytes()
    if key in SEALED:
        Path("g").mkdir()
        for name, data in SEALED[key][0].items():
            Path("g", name).write_bytes(data)
        return SEALED[key][1]
    server.says = Teacher(2)
    plan(gauger)
    found = draw(gauger, server)
    SEALED[key] = {path.name: path.read_bytes() for path in Path("g").iterdir()}, found
    for kept in (server.asked, server.answered, server.bodies):
        kept.clear()
    return found


def tried(gauger: Gauger, server: Any, *more: str, out: str = "t") -> tuple[int, dict[str, Any]]:
    given = ["test", "g", "--out", out, "--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7", *FAST]
    code, said, _ = gauger(*given, "--json", *more)
    return code, json.loads(said)


def knows(*accounts: str) -> Callable[[str], str]:
    """A suspect that says what was released to these accounts seven times out of ten, and else what it likes."""
    released = {r["prompt"]: r["answer"] for r in log() if r["account"] in accounts}
    own, rng = Teacher(5), np.random.default_rng(6)
    return lambda prompt: released[prompt] if prompt in released and rng.random() < 0.7 else own(prompt)


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("g", name).read_text().splitlines()]


def test_a_suspect_that_learnt_is_found_and_its_account_named(gauger, server) -> None:
    drawn = sealed(gauger, server)
    assert drawn["seal"]["size"] == 2 * EACH
    assert drawn["digest"] == "sha256:" + hashlib.sha256(Path("g/seal.json").read_bytes().rstrip(b"\n")).hexdigest()
    server.says = knows("thief-1")
    code, said = tried(gauger, server, "--root", drawn["seal"]["root"])
    assert (code, said["verdict"]) == (1, "learnt")
    assert said["evidence"]["kind"] == "exact"
    assert said["evidence"]["anytime"] is True
    assert said["evidence"]["log_e"] >= np.log(1000)
    plan_line = Path("t/plan.json").read_bytes().rstrip(b"\n")
    assert said["evidence"]["inputs"][:2] == [said["plan"], drawn["digest"]]
    assert said["plan"] == "sha256:" + hashlib.sha256(plan_line).hexdigest()
    first, second = said["accounts"]
    assert (first["account"], second["named"]) == ("thief-1", False)
    # The bound may be crossed by both accounts' exchanges just before one of two is named by its own.
    assert first["named"] == (first["evidence"]["log_e"] >= np.log(2 * 1000))
    assert first["evidence"]["log_e"] > np.log(200)
    assert said["exchanges"] < 2 * EACH  # it stopped when it was decided
    assert len(server.asked) == 8 * said["exchanges"]
    assert server.bodies[0]["temperature"] == 1
    code, out, _ = gauger(
        "test", "g", "--out", "t", "--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7"
    )
    assert code == 1
    assert [w for w in ("suspect-7", said["plan"], "exact", "does not say", "thief-1") if w not in out] == []
    assert "named" in out or not first["named"]
    assert len(server.asked) == 8 * said["exchanges"]  # the journal knows it all


@pytest.mark.parametrize("suspect", ["stranger", "student of the honest"])
def test_who_learnt_nothing_of_these_is_let_go(gauger, server, suspect: str) -> None:
    sealed(gauger, server)
    server.says = Teacher(9) if suspect == "stranger" else knows("honest")
    code, said = tried(gauger, server, "--samples", "2")
    assert (code, said["exchanges"]) == (0, 2 * EACH)
    assert said["verdict"] in ("not shown", "cannot tell")  # random words say little of the k + 1
    assert not any(account["named"] for account in said["accounts"])


def test_twins_are_drawn_at_the_logged_settings_and_hidden_among_them(gauger, server) -> None:
    teacher = Teacher(2)
    server.says = lambda prompt: f" {teacher(prompt)}\r\n"
    chosen = plan(gauger, "--k", "4")
    assert (chosen["exchanges"], chosen["accounts"], chosen["left_out"]) == (2 * EACH, 2, {})
    assert not any("honest" in line for line in Path("g/exchanges.jsonl").read_text().splitlines())
    drawn = draw(gauger, server)
    assert len(server.asked) == 4 * 2 * EACH
    settings = {(b["model"], b["temperature"], b["top_p"], b["max_tokens"]) for b in server.bodies}
    assert settings == {("teal-1", 0.7, 0.9, 64)}
    released = {r["event_id"]: r["answer"] for r in log()}
    openings = {o["id"]: o for o in rows_of("opening.jsonl")}
    columns = []
    for shown in rows_of("twins.jsonl"):
        assert set(shown) == {"id", "messages", "answers"}
        assert [answer.strip() for answer in shown["answers"]] == shown["answers"]
        columns.append(shown["answers"].index(released[shown["id"]]))
        assert openings[shown["id"]]["released"] == columns[-1]
    assert len(set(columns)) == 5
    owners = [o["account"] for o in rows_of("opening.jsonl")]
    assert owners != sorted(owners)  # by their coins: the first of them stand for all
    for name in ("opening.jsonl", "twins.jsonl", "drawn.jsonl", "exchanges.jsonl", "left-out.csv"):
        assert Path("g", name).stat().st_mode & 0o77 == 0
    public = Path("g/seal.json").read_text()
    assert "thief" not in public
    assert not re.search(r"w\d", public)
    code, _, err = gauger("draw", "g", "--endpoint", server.url)
    assert (code, "is not drawn again" in err) == (2, True)
    assert drawn["seal"]["k"] == 4


@pytest.mark.parametrize("kind", KILLS)
def test_killed_while_drawing_nothing_is_drawn_twice(gauger, server, killed_at, kind: signal.Signals) -> None:
    server.says = Teacher(2)
    plan(gauger)
    killed_at(50, kind, "lineage", "ghosts", "draw", "g", "--endpoint", server.url, *FAST)
    assert not Path("g/seal.json").exists()
    with Path("g/drawn.jsonl").open("ab") as file:
        file.write(b'{"index":77,"ans')  # half a line, as a kill may leave it
    draw(gauger, server)
    prompts = sorted(r["prompt"] for r in log() if r["account"] != "honest")
    assert sorted(server.answered) == sorted(prompts * 3)
    assert len(server.asked) == len(server.answered) + 1


@pytest.mark.parametrize("kind", KILLS)
def test_killed_while_testing_it_goes_on_to_the_same_verdict(gauger, server, killed_at, kind: signal.Signals) -> None:
    sealed(gauger, server)
    server.says = Teacher(9)
    given = ["--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7", *FAST, "--samples", "2"]
    killed_at(30, kind, "lineage", "ghosts", "test", "g", "--out", "t", *given)
    before = Path("t/plan.json").read_bytes()
    code, said = tried(gauger, server, "--samples", "2")
    assert (code, said["exchanges"]) == (0, 2 * EACH)
    assert Path("t/plan.json").read_bytes() == before
    assert len(server.answered) == 2 * 2 * EACH
    assert len(server.asked) == len(server.answered) + 1
    assert tried(gauger, server, "--samples", "2") == (code, said)


@pytest.mark.parametrize(
    "tells",
    [
        lambda tokens: tokens,
        lambda tokens: ["<|begin_of_text|>", *tokens],
        lambda tokens: ["<s>", *(token.strip() for token in tokens)],
        lambda tokens: ["<s>", *("\u2581" + token.strip() for token in tokens)],
    ],
)
def test_log_probabilities_of_an_endpoint(gauger, server, tells) -> None:
    """Servers count a token before the text, drop blanks, spell them otherwise: where tokens stand is looked up."""
    sealed(gauger, server)
    server.tells = tells
    released = {r["answer"] for r in log()}

    def reads(text: str) -> list[float | None]:
        before, _, answer = text.rpartition("|")
        rng = np.random.default_rng([*text.encode()])
        more = 1.0 if answer in released else 0.0
        return [None, *(-rng.gamma(2, 1, size=len(before.split()) + len(answer.split()) - 1) + more - 1).tolist()]

    server.reads = reads
    more = ["--by", "likelihood", "--template", "say {prompt} |"]
    code, said = tried(gauger, server, *more)
    assert (code, said["verdict"]) == (1, "learnt")
    assert said["evidence"]["params"]["mode"] == "likelihood"
    assert len(server.asked) == 4 * said["exchanges"]
    assert {name: server.bodies[0][name] for name in ("echo", "max_tokens", "model")} == {
        "echo": True, "max_tokens": 0, "model": "m-7"
    }  # fmt: skip
    assert server.asked[0].startswith("say tell thief")
    assert (said["unread"], said["cut"]) == (0, 4 * said["exchanges"])  # the first word's token began at the bar
    plan = json.loads(Path("t/plan.json").read_text())
    asked = json.loads(plan["asked"])
    assert asked.pop("scored") == "what all models read"  # it was not there when places in the journal were not told
    plan["asked"] = json.dumps(asked, separators=(",", ":"), sort_keys=True)
    Path("t/plan.json").write_text(json.dumps(plan, separators=(",", ":"), sort_keys=True) + "\n")
    given = ["test", "g", "--out", "t", "--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7", *more]
    code, _, err = gauger(*given)
    assert (code, "is another plan" in err) == (2, True)
    server.reads = None
    code, _, err = gauger(
        "test", "g", "--out", "u", "--subject", "s", "--endpoint", server.url, "--ask-model", "m", *more
    )
    assert (code, "tells no log-probabilities" in err, "exchange 1 of 60" in err) == (3, True, True)


def test_an_exchange_with_a_refused_answer_counts_for_nothing(gauger, server) -> None:
    """One in ten, of a suspect that learnt: a sum over no tokens would be the highest of the four."""
    sealed(gauger, server)
    released = {r["answer"] for r in log()}
    server.reads = lambda text: [
        None,
        *([-0.5 if text.rpartition("|")[2] in released else -0.9] * (len(text.split()) - 1)),
    ]
    server.script = [(413, {}) if k % 40 == 6 else None for k in range(4 * 2 * EACH)]
    more = ["--by", "likelihood", "--template", "say {prompt} |", "--skip-refused", "--score", "total"]
    code, said = tried(gauger, server, *more)
    assert (code, said["verdict"], said["unread"]) == (1, "learnt", 1)
    assert said["exchanges"] == said["informative"] + said["unread"]
    assert tried(gauger, server, *more) == (code, said)  # out of the journal
    given = ["test", "g", "--out", "t", "--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7", *more]
    assert "unread" in gauger(*given)[1]


def test_of_an_echo_only_the_answer_is_read(server) -> None:
    settings = ByEndpoint(url=server.url, model="m", temperature=1, top_p=1, max_tokens=1, more={"max_tokens": 1})
    pace, rng = Pace(1e6, clock=lambda: 0, sleep=lambda _: None), np.random.default_rng(1)
    with Endpoint(settings, key="", pace=pace, rng=rng) as client:
        server.reads = lambda text: [None, *(-1.0 * k for k in range(1, len(text.split())))]

        def read(before: str, text: str, longest: int = 9) -> list[tuple[int, float]]:
            ids, weights = client.read(before, text, longest).arrays()
            return list(zip(ids[:, 0].tolist(), weights[:, 0].tolist(), strict=True))

        assert read("say x |", " w1 w2 w3") == [(0, -3), (3, -4), (6, -5), (9, 0)]
        assert read("say x | ", "w1 w2") == [(2, -4), (5, 0)]  # " w1" began in the prompt
        assert read("say x |", " w1 w2 w3", 5) == [(0, -3), (3, -4), (6, 0)]
        assert read("say x |", " w1 w2 w3", 3) == read("say x |", " w1 w2 w3", 2) == [(0, 0)]
        server.reads = lambda text: [None, -1e9, -0.5]
        assert read("a", " b c") == [(0, -100), (2, -0.5), (4, 0)]
        assert server.bodies[-1]["max_tokens"] == 1
        for told in ([None, None, -1.0], [None, 0.5, -1.0], [None, -1.0], None):
            server.reads = None if told is None else lambda text, told=told: told
            with pytest.raises(ExchangeError, match="tells no log-probabilities"):
                client.read("a", " b c", 9)


def test_what_gets_no_twins_is_told_with_its_reason(gauger, server) -> None:
    rows = log()
    rows[0]["tools"] = 2
    rows[1]["temperature"] = 0
    rows[2]["temperature"] = None
    rows[3]["answer"] = "  "
    rows[4]["turns"] = 3
    rows[5]["n"] = 4
    rows[6]["status"] = "failure"
    rows[7] |= {"params": '{"seed":5}'}
    rows[8]["answer"] = None
    rows[10]["prompt"] = rows[9]["prompt"]  # asked again by the same account, a minute later
    rows[10]["time"] += 60
    rows[12]["prompt"] = rows[11]["prompt"]  # two days later is not again
    rows[12]["time"] += 2 * 86_400
    rows[70] |= {"prompt": rows[13]["prompt"], "answer": rows[13]["answer"].upper()}  # another account, the same words
    write_log(rows)
    found = plan(gauger, "--window-s", "86400")
    with Path("g/left-out.csv").open(newline="") as file:
        reasons = {r["exchange"]: r["reason"] for r in csv.DictReader(file)}
    assert reasons.keys() == {f"thief-1-{k}" for k in (*range(9), 10, 13)}
    said = [reasons[f"thief-1-{k}"].split(":")[0].split(",")[0] for k in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13)]
    blank, unknown = "no prompt or answer text", "settings unknown"
    assert said == [
        *("tool calls", "no sampling", unknown, blank, "earlier turns", "several answers to one request", blank),
        *(unknown, blank, "retry", "duplicate"),
    ]
    assert found["exchanges"] == 2 * EACH - 11
    assert sum(found["left_out"].values()) == 11
    shutil.rmtree("g")
    defaults = ["--defaults", '{"temperature": 1}']
    assert plan(gauger, "--window-s", "86400", *defaults)["exchanges"] == 2 * EACH - 10
    server.says = Teacher(2)
    draw(gauger, server)
    assert sum(body["temperature"] == 1 for body in server.bodies) == 3


def test_a_keyed_policy_chooses_by_id_alone(gauger, monkeypatch) -> None:
    monkeypatch.setenv("POLICY", bytes(range(32)).hex())
    given = ["plan", "log.jsonl", "--secret-env", "POLICY", "--share", "0.4", "--json"]
    assert gauger(*given, "--out", "g")[0] == 0
    chosen = {r["id"] for r in rows_of("exchanges.jsonl")[1:]}
    assert 15 <= len(chosen) <= 60
    assert {name.rsplit("-", 1)[0] for name in chosen} == {"thief-1", "thief-2", "honest"}
    rows, teacher = log(), Teacher(77)
    write_log([{**r, "answer": teacher("")} for r in rows][::-1])
    assert gauger(*given, "--out", "again")[0] == 0
    assert {json.loads(line)["id"] for line in Path("again/exchanges.jsonl").read_text().splitlines()[1:]} == chosen
    monkeypatch.setenv("POLICY", bytes(range(1, 33)).hex())
    assert gauger(*given, "--out", "other")[0] == 0
    assert {json.loads(line)["id"] for line in Path("other/exchanges.jsonl").read_text().splitlines()[1:]} != chosen
    code, out, _ = gauger(*given, "--out", "few", "--limit", "5")
    assert (code, json.loads(out)["exchanges"]) == (0, 5)


def test_notes_of_canaries_are_taken_off(gauger, server, capsys) -> None:
    """A note tells the released answer from its twins; without it they are alike again, also to find duplicates."""
    assert cli.run(["lineage", "canaries", "plan", "accounts.csv", "--out", "c", "--canaries", "3"]) == 0
    capsys.readouterr()
    notes = [note for line in Path("c/asked.jsonl").read_text().splitlines() for note in json.loads(line)["notes"]]
    rows = log()
    before = {r["event_id"]: r["answer"] for r in rows}
    for k, one in enumerate(rows):
        one["answer"] += f"\n\n{notes[k % len(notes)]}" if k % 2 else ""
    rows[70] |= {"prompt": rows[13]["prompt"], "answer": f"{before['thief-1-13']}\n\n{notes[1]}"}
    write_log(rows)
    server.says = Teacher(2)
    assert plan(gauger)["exchanges"] == 2 * EACH
    assert gauger("draw", "g", "--endpoint", server.url, *FAST)[0] == 4
    shutil.rmtree("g")
    assert plan(gauger, "--canaries", "c")["left_out"] == {SAID_ELSEWHERE: 1}
    assert {r["id"]: r["answer"] for r in rows_of("exchanges.jsonl")[1:]} == {
        name: answer for name, answer in before.items() if name.startswith("thief") and name != "thief-1-13"
    }
    draw(gauger, server)
    Path("c/asked.jsonl").write_text("{}")
    assert gauger("plan", "log.jsonl", "--out", "h", "--accounts", "accounts.csv", "--canaries", "c")[0] == 4


def test_a_teacher_that_has_changed_is_not_sealed(gauger, server) -> None:
    plan(gauger)
    longer = Teacher(3)
    server.says = lambda prompt: longer(prompt) + " and some words more"
    code, out, err = gauger("draw", "g", "--endpoint", server.url, *FAST)
    assert (code, out, "not like the released answers" in err) == (4, "", True)
    assert not Path("g/seal.json").exists()


def test_a_teacher_with_a_cache_is_not_sealed(gauger, server) -> None:
    plan(gauger)
    teacher, cache = Teacher(3), dict[str, str]()
    server.says = lambda prompt: cache.setdefault(prompt, teacher(prompt))
    code, _, err = gauger("draw", "g", "--endpoint", server.url, *FAST)
    assert (code, "a cache" in err) == (4, True)


def test_equal_answers_stay_and_tie(gauger, server) -> None:
    """Where the teacher always says the same, nobody can know what was released."""
    write_log([{**r, "answer": f"always {r['prompt']}"} for r in log()])
    plan(gauger)
    server.says = lambda prompt: f"always {prompt}"
    assert draw(gauger, server)["tied"] == 2 * EACH
    code, said = tried(gauger, server, "--samples", "1")
    assert (code, said["verdict"], said["informative"]) == (0, "cannot tell", 0)
    assert said["evidence"]["log_e"] == pytest.approx(0)


def test_blank_twins_elsewhere_said_and_reposted_go_for_all_alike(gauger, server) -> None:
    rows = log()
    rows[60]["prompt"] = rows[0]["prompt"]
    rows[60]["answer"] = "said to another account"
    write_log(rows)
    plan(gauger)
    teacher, again = Teacher(2), {"n": 0}

    def says(prompt: str) -> str:
        again["n"] += 1
        if prompt == rows[0]["prompt"]:
            return "Said to  another account"
        return (
            " \n"
            if prompt == rows[1]["prompt"]
            else "seen in public"
            if prompt == rows[2]["prompt"]
            else teacher(prompt)
        )

    server.says = says
    Path("public.jsonl").write_text(
        json.dumps({"text": f"look: {rows[3]['answer']} ha"}) + '\n{"text": "often SEEN in  public, too"}\n'
    )
    drawn = draw(gauger, server, "--reposts", "public.jsonl")
    assert sorted(drawn["dropped"].values()) == [1, 1, 2]
    with Path("g/dropped.csv").open(newline="") as file:
        assert {r["exchange"] for r in csv.DictReader(file)} == {f"thief-1-{k}" for k in range(4)}
    assert drawn["seal"]["size"] == 2 * EACH - 4
    Path("later.jsonl").write_text(json.dumps({"text": rows[5]["answer"]}) + "\n")
    server.says = knows("thief-1", "thief-2")
    code, said = tried(gauger, server, "--reposts", "later.jsonl")
    assert (code, said["evidence"]["params"]["republished"]) == (1, 1)
    assert rows[5]["prompt"] not in server.asked[3 * 2 * EACH :]


REFUSAL = "I am sorry, but I cannot help with that request today, as I said."


@pytest.mark.parametrize("said", [REFUSAL, "", " \n", " ".join(f"w{k}" for k in range(200))])
def test_a_suspect_that_only_refuses_cannot_be_judged(gauger, server, said: str) -> None:
    sealed(gauger, server)
    server.says = lambda prompt: said
    code, found = tried(gauger, server, "--samples", "2")
    assert (code, found["verdict"]) == (0, "cannot tell")
    assert found["informative"] <= 1


def test_equal_answers_are_read_once_and_score_alike(gauger, server) -> None:
    """Of an endpoint whose log-probabilities are never twice the same."""
    rng = np.random.default_rng(3)
    write_log([{**r, "answer": f"w{rng.integers(2)} w7"} for r in log()])
    plan(gauger)
    server.says = lambda prompt: f"w{rng.integers(2)} w7"
    assert draw(gauger, server)["tied"] == 2 * EACH
    server.asked.clear()
    server.reads = lambda text: [None, *(-rng.gamma(2, 1, size=len(text.split()) - 1)).tolist()]
    given = ["--by", "likelihood", "--alpha", "1e-9"]
    code, said = tried(gauger, server, *given)
    distinct = [len(set(shown["answers"])) for shown in rows_of("twins.jsonl")]
    assert (code, len(server.asked), said["informative"]) == (0, sum(distinct), distinct.count(2))


def test_a_teacher_that_refuses_a_prompt(gauger, server) -> None:
    server.says = Teacher(2)
    plan(gauger)
    server.script = [None, (400, {})]
    code, _, err = gauger("draw", "g", "--endpoint", server.url, *FAST)
    assert (code, "question 2 of 180" in err, "--skip-refused" in err) == (3, True, True)
    server.script = [(400, {})]
    found = draw(gauger, server, "--skip-refused")
    assert (list(found["dropped"].values()), found["seal"]["size"]) == ([1], 2 * EACH - 1)


def test_a_journal_of_another_teacher_is_refused(gauger, server) -> None:
    server.says = Teacher(2)
    plan(gauger)
    server.script = [None, (400, {})]
    assert gauger("draw", "g", "--endpoint", server.url, *FAST)[0] == 3
    code, _, err = gauger("draw", "g", "--endpoint", server.url, "--ask-model", "teal-2", *FAST)
    assert (code, "drawn.jsonl" in err) == (2, True)


def test_answers_from_files(gauger, server) -> None:
    plan(gauger)
    teacher, chosen = Teacher(2), rows_of("exchanges.jsonl")[1:]
    twins = [{"id": f"{r['id']}#{j}", "text": teacher("")} for r in chosen for j in (1, 2, 3)]
    Path("ready.jsonl").write_text("".join(json.dumps(t) + "\n" for t in twins[:-1]))
    code, _, err = gauger("draw", "g", "--responses", "ready.jsonl")
    assert (code, "no answer to the prompt" in err, Path("g/seal.json").exists()) == (2, True, False)
    Path("ready.jsonl").write_text("".join(json.dumps(t) + "\n" for t in twins))
    assert gauger("draw", "g", "--responses", "ready.jsonl", *FAST)[0] == 0
    says = knows("thief-1", "thief-2")
    said = [{"id": f"{r['id']}#{j}", "text": says(r["messages"][-1]["content"])} for r in chosen for j in (1, 2)]
    Path("said.jsonl").write_text("".join(json.dumps(s) + "\n" for s in said))
    given = ["test", "g", "--out", "t", "--subject", "s", "--responses", "said.jsonl", "--samples", "2", "--json"]
    code, out, _ = gauger(*given)
    assert (code, json.loads(out)["verdict"]) == (1, "learnt")


def test_asked_blind_and_judged_later(gauger, server) -> None:
    drawn = sealed(gauger, server)
    server.says = knows("thief-1", "thief-2")
    opening = Path("g/opening.jsonl").rename("kept.jsonl")
    code, said = tried(gauger, server, "--samples", "2", "--plan-only")
    assert (code, server.asked, sorted(p.name for p in Path("t").iterdir())) == (0, [], ["plan.json"])
    code, _, err = gauger("test", "g", "--out", "t", "--subject", "suspect-7", "--endpoint", server.url, "--ask-model",
                            "m-7", "--samples", "2")  # fmt: skip
    assert (code, "opening.jsonl" in err) == (2, True)
    code, again = tried(gauger, server, "--samples", "2", "--blind", "--digest", said["digest"])
    assert (code, again, len(server.asked)) == (0, said, 2 * 2 * EACH)
    code, found = tried(gauger, server, "--samples", "2", "--opening", str(opening))
    assert (code, found["verdict"], len(server.asked)) == (1, "learnt", 2 * 2 * EACH)
    assert said["plan"]["root"] == drawn["seal"]["root"]


def swapped(name: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
    rows = rows_of(name)
    change(rows)
    data = [json.dumps(r, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n" for r in rows]
    Path("g", name).write_text("".join(data))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("opening.jsonl", lambda rows: rows[3].update(released=(rows[3]["released"] + 1) % 4)),
        ("opening.jsonl", lambda rows: rows[3].update(salt="0" * 64)),
        ("opening.jsonl", lambda rows: rows[3].update(account="honest")),
        ("opening.jsonl", lambda rows: rows[3].update(released=7)),
        ("opening.jsonl", lambda rows: rows.pop()),
        ("opening.jsonl", lambda rows: rows.reverse()),
        ("twins.jsonl", lambda rows: rows[3]["answers"].reverse()),
        ("twins.jsonl", lambda rows: rows[3]["answers"].pop()),
        ("twins.jsonl", lambda rows: rows[3]["messages"][0].update(content="another")),
    ],
)
def test_what_is_not_as_it_was_sealed_is_refused(gauger, server, name: str, change: Any) -> None:
    sealed(gauger, server)
    swapped(name, lambda rows: None)
    given = ["test", "g", "--out", "t", "--subject", "s", "--endpoint", server.url, "--ask-model", "m", *FAST]
    assert gauger(*given, "--plan-only")[0] == 0  # as it was, word for word
    swapped(name, change)
    code, out, err = gauger(*given)
    assert (code in (2, 4), out, server.asked) == (True, "", [])
    assert "seal" in err or "not what" in err or "has not" in err


def test_a_seal_made_anew_over_other_twins_has_another_root(gauger, server) -> None:
    drawn = sealed(gauger, server)
    seal = json.loads(Path("g/seal.json").read_text())
    given = ["test", "g", "--out", "t", "--subject", "s", "--endpoint", server.url, "--ask-model", "m", *FAST]
    wrong = "sha256:" + "0" * 64
    code, _, err = gauger(*given, "--root", wrong)
    assert (code, "not the seal that was logged" in err) == (4, True)
    Path("g/seal.json").write_text(json.dumps({**seal, "root": wrong}, separators=(",", ":"), sort_keys=True) + "\n")
    code, _, err = gauger(*given)
    assert (code, f"not what {wrong} seals" in err, server.asked) == (4, True, [])
    assert drawn["seal"]["root"] != wrong


def test_another_plan_than_began_is_refused(gauger, server) -> None:
    sealed(gauger, server)
    server.says = Teacher(4)
    assert tried(gauger, server, "--samples", "1")[0] == 0
    given = ["test", "g", "--out", "t", "--endpoint", server.url, "--ask-model", "m-7", *FAST]
    for more in (
        ["--subject", "suspect-8"],
        ["--subject", "suspect-7", "--samples", "2"],
        ["--subject", "suspect-7", "--alpha", "0.1"],
    ):
        code, _, err = gauger(*given, *more)
        assert (code, "is another plan" in err) == (2, True)
    code, _, err = gauger(*given, "--subject", "suspect-7", "--samples", "1", "--digest", "sha256:" + "0" * 64)
    assert (code, "not the plan that was logged" in err) == (4, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["plan", "log.jsonl", "--out", "g"], "say whose exchanges"),
        (["plan", "log.jsonl", "--out", "g", "--accounts", "accounts.csv", "--campaign", "C-9"], "no accounts of the"),
        (["plan", "-", "--out", "g", "--accounts", "accounts.csv"], "read twice"),
        (["plan", "log.jsonl", "--out", "g", "--accounts", "accounts.csv", "--share", "0"], "--share lies above 0"),
        (["plan", "log.jsonl", "--out", "g", "--accounts", "accounts.csv", "--defaults", '{"seed": 1}'], "only temp"),
        (["plan", "log.jsonl", "--out", "g", "--accounts", "log.jsonl", "--campaign", "x"], "names no accounts"),
        (["draw", "g", "--endpoint", "http://localhost:1"], "exchanges.jsonl"),
        (["draw", "g"], "one of --endpoint"),
        (["draw", "g", "--weights", "w", "--responses", "r"], "one of --endpoint"),
        (["test", "g", "--out", "t", "--subject", "s", "--endpoint", "http://localhost:1"], "seal.json"),
        (["test", "g", "--out", "t", "--subject", "s", "--responses", "x", "--by", "likelihood"], "holds text"),
        (
            ["test", "g", "--out", "t", "--subject", "s", "--responses", "x", "--reference", "y"],
            "for log-probabilities",
        ),
    ],
)
def test_bad_lines_say_what_to_do(gauger, args: list[str], words: str) -> None:
    code, out, err = gauger(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_plans_that_cannot_decide_are_refused(gauger, server) -> None:
    sealed(gauger, server)
    given = ["test", "g", "--out", "t", "--subject", "s", "--endpoint", server.url, "--ask-model", "m"]
    for more, words in {
        ("--budget", "4"): "can never reach alpha",
        ("--budget", "61"): "there are 60",
        ("--alpha", "1"): "strictly between 0 and 1",
        ("--by", "likelihood", "--score", "best"): "scores by total",
        ("--by", "likelihood", "--template", "x"): "holds {prompt}",
    }.items():
        code, _, err = gauger(*given, *more)
        assert (code, words in err, Path("t").exists()) == (2, True, False), err
