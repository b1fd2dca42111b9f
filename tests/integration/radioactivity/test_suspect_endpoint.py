"""A suspect behind an endpoint: found if it speaks with the mark, let go if not, asked politely and once."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli
from gauger.watermark.radioactivity import doubling
from tests.integration.radioactivity.conftest import key, write

Gauger = Callable[..., tuple[int, str, str]]
Files = dict[str, list[str]]


def planned(gauger: Gauger, files: Files, server: Any, *more: str, warned: str = "") -> str:
    """Make plan.json; gives its digest."""
    given = ("--subject", "suspect-7", "--endpoint", server.url, "--ask-model", "m-7", "--alpha", "1e-3")
    code, out, err = gauger(
        "plan", "plan.json", *given, *files["asked"], *files["ours"], *files["key"], "--json", *more
    )
    assert (code, bool(err)) == (0, bool(warned))
    assert warned in err
    return str(json.loads(out)["digest"])


def ran(gauger: Gauger, files: Files, *more: str, verb: str = "run") -> tuple[int, dict[str, Any]]:
    given = [*files["asked"], *files["ours"], *files["key"], *(files["fast"] if verb == "run" else [])]
    code, out, _ = gauger(verb, "plan.json", "--answers", "said.jsonl", *given, "--json", *more)
    said = json.loads(out)
    assert said.pop("command").startswith(f"gauger watermark radioactivity {verb} plan.json --answers said.jsonl ")
    return code, said


def journal() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("said.jsonl").read_text().splitlines()]


def test_a_suspect_that_learnt_is_found_before_the_budget_is_spent(gauger, files, server, speakers) -> None:
    server.says = speakers["marked"]
    digest = planned(gauger, files, server)
    line = Path("plan.json").read_bytes().removesuffix(b"\n")
    assert digest == "sha256:" + hashlib.sha256(line).hexdigest()
    assert b"campaign:1" not in line
    code, said = ran(gauger, files, "--digest", digest, "--api-key-env", "API_KEY")
    assert (code, said["crossed"], said["over"], said["plan"]) == (1, True, True, digest)
    assert said["answers"] == said["held"] == len(server.asked) in doubling(128)[:-1]
    assert server.asked == [f"say {k}" for k in range(len(server.asked))]
    assert said["evidence"]["kind"] == "exact"
    assert said["evidence"]["log_e"] > 6.9
    assert said["evidence"]["inputs"][0] == digest
    assert [k["named"] for k in said["keys"]] == [True]
    (body, *_), (head, *_) = server.bodies, server.heads
    assert {**body, "messages": []} == {
        "model": "m-7",
        "messages": [],
        "temperature": 1,
        "top_p": 1,
        "max_tokens": 300,
        "stream": False,
    }
    assert head["authorization"] == "Bearer sesame-1234"
    assert "sesame" not in Path("said.jsonl").read_text() + Path("plan.json").read_text()
    again = ran(gauger, files, verb="judge")
    assert again == (1, said)
    assert len(server.asked) == said["held"]


def test_an_innocent_suspect_is_let_go(gauger, files, server, speakers) -> None:
    server.says = speakers["innocent"]
    planned(gauger, files, server)
    code, said = ran(gauger, files)
    assert (code, said["crossed"], said["over"], said["next_look"]) == (0, False, True, None)
    assert said["answers"] == len(server.asked) == 128
    assert said["evidence"]["n"] > 200
    assert said["evidence"]["log_e"] < 2.3


def test_unmarked_text_is_in_the_plan_and_tells_more(gauger, files, server, speakers) -> None:
    Path("unmarked.jsonl").write_text("".join(json.dumps({"tokens": t.tolist()}) + "\n" for t in write(None, 400, 8)))
    server.says, beside, found = speakers["marked"], ["--unmarked", "unmarked.jsonl"], {}
    for name, more in (("beside", beside), ("alone", [])):
        planned(gauger, files, server, "--looks", "16", *more)
        _, found[name] = ran(gauger, files, *more)
        Path("said.jsonl").rename(f"{name}.jsonl")
        if more:
            Path("plan.json").rename("beside.json")
    assert found["beside"]["evidence"]["log_e"] > found["alone"]["evidence"]["log_e"] + 1
    assert "unmarked" in found["beside"]["evidence"]["why"]
    judged = ("--answers", "beside.jsonl", *files["asked"], *files["ours"], *files["key"], "--json")
    code, out, _ = gauger("judge", "beside.json", *judged, *beside)
    assert json.loads(out) | found["beside"] == json.loads(out)
    code, _, err = gauger("judge", "beside.json", *judged)
    assert (code, "--unmarked" in err) == (4, True)
    code, _, err = gauger("judge", "beside.json", *judged, "--unmarked", "served.jsonl")
    assert (code, "not the unmarked text" in err) == (4, True)
    code, _, err = gauger("judge", "plan.json", "--answers", "alone.jsonl", *judged[2:], *beside)
    assert (code, "not in the plan" in err) == (4, True)


def test_another_key_finds_nothing_in_the_same_answers(gauger, files, server, speakers) -> None:
    server.says = speakers["marked"]
    files["key"][files["key"].index("campaign:1")] = "campaign:2"
    planned(gauger, files, server)
    code, said = ran(gauger, files)
    assert (code, said["crossed"], said["answers"]) == (0, False, 128)


def test_the_key_that_it_learnt_from_is_named(gauger, files, server, speakers) -> None:
    server.says = speakers["marked"]
    rows = "".join(f"lab,campaign:{k},2026,teal,words,gumbel:h=2\n" for k in range(4))
    Path("keys.csv").write_text("tenant,party,epoch,model,tokenizer,scheme\n" + rows)
    files["key"] = ["--contexts", "keys.csv", "--master-env", "MASTER"]
    planned(gauger, files, server)
    code, said = ran(gauger, files)
    assert (code, [k["named"] for k in said["keys"]]) == (1, [False, True, False, False])
    code, out, _ = gauger(
        "judge", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"]
    )
    assert code == 1
    words = ("suspect-7", said["plan"], "exact", "learnt from text", "does not say", "campaign:1", "named", "log10 e")
    assert [word for word in words if word not in out] == []


def test_asking_and_judging_apart_needs_no_key_to_ask(gauger, files, server, speakers, monkeypatch) -> None:
    server.says = speakers["marked"]
    planned(gauger, files, server, "--looks", "20,40")
    with monkeypatch.context() as without:
        without.delenv("MASTER")
        code, out, err = gauger("ask", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["fast"])
    assert (code, len(server.asked)) == (0, 40)
    assert "All 40 answers" in out
    assert err.splitlines() == ["gauger: 25 answers in the journal", "gauger: 40 answers in the journal"]
    code, said = ran(gauger, files, verb="judge")
    assert (code, said["crossed"], said["held"]) == (1, True, 40)
    assert gauger("ask", "plan.json", "--answers", "said.jsonl", *files["asked"])[0] == 0
    assert len(server.asked) == 40


def test_answers_are_judged_at_planned_times_only(gauger, files, server, speakers) -> None:
    server.says = speakers["marked"]
    planned(gauger, files, server, "--looks", "20,40")
    assert gauger("ask", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["fast"])[0] == 0
    lines = Path("said.jsonl").read_text().splitlines(keepends=True)
    Path("said.jsonl").write_text("".join(lines[:20]))  # the head and 19 answers
    code, said = ran(gauger, files, verb="judge")
    assert (code, said["answers"], said["held"], said["next_look"]) == (0, 0, 19, 20)
    code, out, _ = gauger(
        "judge", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"]
    )
    assert (code, "nothing yet: the first look is after 20 answers" in out) == (0, True)
    Path("said.jsonl").write_text("".join([lines[0], *lines[:0:-1]]))  # in another order: mapped by their index
    assert ran(gauger, files, verb="judge")[1]["crossed"]
    Path("said.jsonl").write_text("".join([*lines[:5], *lines[6:30]]))  # one is missing: nothing after it is looked at
    assert ran(gauger, files, verb="judge")[1]["answers"] == 0
    assert ran(gauger, files)[0] == 1
    assert server.asked.count("say 4") == 2
    assert len(server.asked) == 41


def test_quotations_of_a_prompt_are_no_mark(gauger, files, server, speakers) -> None:
    """An innocent suspect that repeats what it is asked, and is asked what we served."""
    server.says = lambda prompt: prompt
    rows = Path("served.jsonl").read_text().splitlines()
    texts = [" ".join(f"w{k}" for k in json.loads(row)["tokens"]) for row in rows]
    Path("prompts.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    planned(gauger, files, server, warned="100 of the 100 prompts hold windows")
    code, said = ran(gauger, files)
    assert (code, said["answers"], said["evidence"]["n"]) == (0, 100, 0)


@pytest.mark.parametrize("kind", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_who_is_killed_goes_on_and_asks_nothing_twice(
    gauger, files, server, speakers, killed_at, kind: signal.Signals
) -> None:
    server.says = speakers["innocent"]
    planned(gauger, files, server, "--looks", "30")
    ask = ["ask", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["fast"]]
    assert killed_at(10, kind, "watermark", "radioactivity", *ask) == (b"", b"")
    assert [line["index"] for line in journal()[1:]] == list(range(10))
    with Path("said.jsonl").open("ab") as file:
        file.write(b'{"index":10,"answer":{"type":"text","te')  # as a kill amid a write leaves it
    code, said, _ = gauger(*ask)
    assert (code, said) == (0, "All 30 answers of the plan are in said.jsonl.\n")
    assert sorted(server.answered) == sorted(f"say {k}" for k in range(30))
    assert [line["index"] for line in journal()[1:]] == list(range(30))
    assert ran(gauger, files, verb="judge")[0] == 0


def test_two_at_once_are_refused(gauger, files, server, start) -> None:
    planned(gauger, files, server)
    held, done = threading.Event(), threading.Event()

    def hold(_: object) -> tuple[int, dict[str, str]]:
        held.set()
        done.wait(60)
        return (404, {})

    server.script = [hold]
    ask = ["ask", "plan.json", "--answers", "said.jsonl", *files["asked"]]
    first = start("watermark", "radioactivity", *ask)
    assert held.wait(60)
    code, _, err = gauger(*ask)
    done.set()
    assert (code, "by another process" in err) == (2, True)
    assert b"status 404" in first.communicate(timeout=60)[1]
    assert first.returncode == 3


def test_a_plan_that_was_altered_by_a_byte_is_refused(gauger, files, server, speakers) -> None:
    """Before asking by the logged digest, after it by the journal's; and it is never replaced."""
    server.says = speakers["innocent"]
    digest = planned(gauger, files, server, "--looks", "4")
    assert ran(gauger, files)[0] == 0
    data = Path("plan.json").read_bytes()
    code, _, err = gauger("plan", "plan.json", "--subject", "s", *files["asked"], *files["ours"], *files["key"])
    assert (code, "a plan is never replaced" in err, Path("plan.json").read_bytes()) == (2, True, data)
    Path("plan.json").write_bytes(data.replace(b",", b", ", 1))
    code, _, err = gauger("ask", "plan.json", "--answers", "said.jsonl", *files["asked"])
    assert (code, "its form was changed" in err) == (2, True)
    for at in range(0, len(data) - 1, 29):
        swapped = bytes([data[at] ^ 1])
        Path("plan.json").write_bytes(data[:at] + swapped + data[at + 1 :])
        given = ["--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"]]
        code, out, err = gauger("judge", "plan.json", *given)
        assert (code in (2, 4), out, err.count("\n")) == (True, "", 1), (data[at : at + 1], swapped)
        Path("new.jsonl").unlink(missing_ok=True)
        code, out, _ = gauger("ask", "plan.json", "--answers", "new.jsonl", *files["asked"], "--digest", digest)
        assert (code in (2, 4), out, Path("new.jsonl").exists()) == (True, "", False)
    assert len(server.asked) == 4


def test_a_journal_that_is_not_the_plans(gauger, files, server, speakers) -> None:
    server.says = speakers["innocent"]
    planned(gauger, files, server, "--looks", "4")
    assert ran(gauger, files)[0] == 0
    head, *lines = Path("said.jsonl").read_text().splitlines(keepends=True)
    given = ["--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"]]
    for text, words in {
        head
        + "".join(lines)
        + lines[0].replace('"index":0', '"index":4'): "said.jsonl:6: an answer beyond the plan's 4",
        head + "".join(lines) + lines[0]: "said.jsonl:6: a second answer to the same question",
        head + lines[0].replace('"text":"w', '"test":"w'): "said.jsonl:2: is no line of a journal",
        head + lines[0][:-2] + "\n": "said.jsonl:2: is no line of a journal",
        head.replace("sha256:", "sha256:0"): "answers to another plan",
        lines[0]: "said.jsonl:1: is no line of a journal",
    }.items():
        Path("said.jsonl").write_text(text)
        for verb in ("judge", "run"):
            code, out, err = gauger(verb, "plan.json", *given)
            assert (code, out) == (2, "")
            assert words in err
            assert "w1" not in err
        assert Path("said.jsonl").read_text() == text
    Path("said.jsonl").unlink()
    assert gauger("judge", "plan.json", *given)[0] == 2


def test_hostile_answers_are_text_and_no_more(gauger, files, server) -> None:
    evil = "\x1b[2J\x1b]8;;http://x\x07 [bold red]sesame[/] \u202e w1 w2 \x00 \ud800 \n w3"
    server.says = lambda prompt: evil
    planned(gauger, files, server, "--looks", "4")
    given = ["--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"], *files["fast"]]
    code, out, err = gauger("run", "plan.json", *given)
    assert code == 0
    assert not {"\x1b", "\x07", "\x00", "\u202e", "sesame"} & {*(out + err), *(out + err).split()}
    assert b"\x1b" not in Path("said.jsonl").read_bytes()
    assert len(journal()) == 5
    code, said = ran(gauger, files, verb="judge")
    assert (code, said["answers"]) == (0, 4)


def bad_plan(gauger: Gauger, files: Files, *more: str) -> str:
    given = ["--subject", "s", *files["asked"], *files["ours"], *files["key"], *more]
    code, out, err = gauger("plan", "plan.json", *given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not Path("plan.json").exists()
    return err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no prompts: write one a line"),
        ("\n \n", "no prompts"),
        ('{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}\n', "prompts.jsonl:2: the same `id` as line 1"),
        ('{"id": "2", "prompt": "x"}\n{"prompt": "y"}\n', "prompts.jsonl:2: the same `id` as line 1"),
        ('{"prompt": ""}', "prompts.jsonl:1: is no prompt"),
        ('{"prompt": "x", "messages": [{"role": "user", "content": "y"}]}', "either `prompt` or `messages`"),
        ('{"messages": []}', "is no prompt"),
        ('{"messages": [{"role": "wizard", "content": "y"}]}', "is no prompt"),
        ('{"text": "x"}', "either `prompt` or `messages`"),
        ("x", "prompts.jsonl:1"),
    ],
)
def test_prompts_that_are_none(gauger, files, text: str, words: str) -> None:
    Path("prompts.jsonl").write_text(text)
    assert words in bad_plan(gauger, files)


@pytest.mark.parametrize(
    ("served", "words"),
    [("", "no served outputs"), ("[]\n[]\n", "no served outputs"), ("[1]\n[1,2]\n", "has more than the 2 tokens"),
     ("[1,2,3,25]\n", "ids of another tokenizer: the one given has 25"), ("[1,", "served.jsonl:1")],
)  # fmt: skip
def test_served_outputs_that_are_none(gauger, files, served: str, words: str) -> None:
    Path("served.jsonl").write_text(served)
    assert words in bad_plan(gauger, files)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--budget", "129"], "the budget is 129 answers, but there are 128 prompts"),
        (["--looks", "5,4"], "each after more answers"),
        (["--looks", "5,x"], "--looks: numbers of answers"),
        (["--looks", "5,10", "--budget", "20"], "give one of them"),
        (["--alpha", "1"], "--alpha must lie"),
        (["--endpoint", "ftp://x/v1", "--ask-model", "m"], "must be like https"),
        (["--endpoint", "https://u:sesame-1234@x/v1", "--ask-model", "m"], "leave users, keys and queries out"),
        (["--endpoint", "https://x/v1"], "a request names a model"),
        (["--endpoint", "https://x/v1", "--ask-model", "m", "--temperature", "-1"], "a temperature of 0 to 10"),
        (["--endpoint", "https://x/v1", "--ask-model", "m", "--request", "{"], "no JSON object"),
        (["--endpoint", "https://x/v1", "--ask-model", "m", "--request", '{"stream": true}'], "stream have options"),
        (["--endpoint", "https://x/v1", "--ask-model", "m", "--weights", "w"], "--endpoint or --weights"),
        (["--reference", "w"], "no --reference"),
        (["--open"], "needs --weights"),
        (["--scheme", "greenlist:h=0"], "h of at least 1"),
        (["--tokenizer", "sha256:" + "0" * 64], "is not the keys' tokenizer"),
        (["--tokenizer-file", "served.jsonl"], "no tokenizer.json"),
        (["--commitment", "."], "commitment.json"),
        (["--subject", " "], "names a subject"),
    ],
)
def test_plans_that_cannot_work(gauger, files, more: list[str], words: str) -> None:
    assert words in bad_plan(gauger, files, *more)


def test_other_files_than_the_plans_are_refused(gauger, files, server, speakers) -> None:
    server.says = speakers["innocent"]
    planned(gauger, files, server, "--looks", "4")
    assert ran(gauger, files)[0] == 0
    given = ["judge", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["ours"], *files["key"]]
    for name, words in {"prompts": "not the prompts", "served": "not the served outputs"}.items():
        kept = Path(f"{name}.jsonl").read_text()
        first, second, *rest = kept.splitlines(keepends=True)
        Path(f"{name}.jsonl").write_text("".join([second, first, *rest]))
        code, out, err = gauger(*given)
        assert (code, out, words in err) == (4, "", True)
        Path(f"{name}.jsonl").write_text(kept)
    kept = Path("tokenizer.json").read_text()
    Path("tokenizer.json").write_text(kept.replace('"w3"', '"v3"'))
    code, _, err = gauger(*given)
    assert (code, "is not the keys' tokenizer" in err) == (2, True)
    # One vocabulary, and a rule by which any answer becomes what was served.
    rule = {"type": "Replace", "pattern": {"Regex": "w[0-9]+"}, "content": "w1"}
    Path("tokenizer.json").write_text(json.dumps({**json.loads(kept), "normalizer": rule}))
    code, out, err = gauger(*given)
    assert (code, out, "is not the file that the plan fixed" in err) == (4, "", True), err
    Path("tokenizer.json").write_text(kept)
    code, _, err = gauger(*given[:-2], "--master-env", "OTHER")
    assert code == 2
    given[given.index("campaign:1")] = "campaign:2"
    code, _, err = gauger(*given)
    assert (code, "1 of the plan's 1 keys are not made by this master key" in err) == (2, True)


def test_keys_are_held_against_their_commitment(gauger, files, server, capsys) -> None:
    assert cli.run(["watermark", "commit", "--out", "committed", *files["key"]]) == 0
    capsys.readouterr()
    root = json.loads(Path("committed/commitment.json").read_text())["root"]
    planned(gauger, files, server, "--commitment", "committed")
    assert json.loads(Path("plan.json").read_text())["commitment"] == root
    Path("plan.json").unlink()
    files["key"][files["key"].index("campaign:1")] = "campaign:2"
    code, out, err = gauger("plan", "plan.json", "--subject", "s", *files["asked"], *files["ours"], *files["key"],
                            "--commitment", "committed")  # fmt: skip
    assert (code, out, "1 of the plan's 1 keys have no proof in committed" in err) == (4, "", True)
    files["key"][files["key"].index("campaign:2")] = "campaign:1"
    proofs = Path("committed/proofs.jsonl")
    proofs.write_text(proofs.read_text().replace('"index":0', '"index":1'))
    code, _, err = gauger("plan", "plan.json", "--subject", "s", *files["asked"], *files["ours"], *files["key"],
                          "--commitment", "committed")  # fmt: skip
    assert (code, "is not in the commitment" in err) == (4, True)
    proofs.unlink()
    assert "committed has no proofs.jsonl" in bad_plan(gauger, files, "--commitment", "committed")


def test_a_referee_judges_with_revealed_keys(gauger, files, server, speakers, capsys, monkeypatch) -> None:
    for folder in ("committed", "elsewhere"):
        own = ["--id", key("campaign:1").id, "--out", f"{folder}.json", "--master-env", "MASTER"]
        assert cli.run(["watermark", "commit", "--out", folder, "--pad-to", "4", *files["key"]]) == 0
        assert cli.run(["watermark", "reveal", folder, *own]) == 0
    capsys.readouterr()
    server.says = speakers["marked"]
    planned(gauger, files, server, "--commitment", "committed")
    code, by_master = ran(gauger, files)
    assert code == 1
    monkeypatch.delenv("MASTER")
    record = ("--commitment", "committed/commitment.json")
    for verb in ("judge", "run"):
        for more in ((), record):
            files["key"] = ["--revealed", "committed.json", *more]
            assert ran(gauger, files, verb=verb) == (1, by_master)
    given = ["judge", "plan.json", "--answers", "said.jsonl", *files["asked"], *files["ours"]]
    for more, wrong, words in (
        (["--master-env", "MASTER"], 2, "leave out the master key"),
        (["--commitment", "elsewhere/commitment.json"], 4, "but the plan's is sha256:"),
        (["--revealed", "committed.json"], 2, "the same key twice"),
    ):
        code, out, err = gauger(*given, "--revealed", "committed.json", *more)
        assert (code, out, words in err) == (wrong, "", True), more
    code, _, err = gauger(*given, "--revealed", "elsewhere.json", *record)  # the key, but another commitment's proof
    assert (code, "is not in the commitment" in err) == (4, True)
    Path("other.json").write_text(Path("committed.json").read_text().replace("campaign:1", "campaign:2"))
    code, _, err = gauger(*given, "--revealed", "other.json")
    assert (code, "1 of the plan's 1 keys are not among the revealed" in err) == (2, True)


def test_prompts_that_quote_what_was_served_are_counted(gauger, files) -> None:
    served = json.loads(Path("served.jsonl").read_text().splitlines()[0])["tokens"]
    lines = Path("prompts.jsonl").read_text().splitlines()
    for at, words in ((3, served[2:5]), (9, served[7:9]), (11, served[7:8])):  # a window is two words
        said = " ".join(f"w{k}" for k in words)
        lines[at] = json.dumps({"id": f"q{at}", "prompt": f"say it: {said}"})
    Path("prompts.jsonl").write_text("\n".join(lines))
    given = ["--subject", "s", *files["asked"], *files["ours"], *files["key"], "--json"]
    code, out, err = gauger("plan", "plan.json", *given)
    assert (code, json.loads(out)["quoting_prompts"], err.count("\n")) == (0, 2, 1)
    assert "2 of the 128 prompts hold windows of served answers" in err
    code, out, err = gauger("plan", "early.json", *given, "--budget", "5")  # of those that are asked
    assert (code, json.loads(out)["quoting_prompts"], "1 of the 5 prompts" in err) == (0, 1, True)
