"""`gauger lineage behaviour --statistic leaks` and `phrases` from end to end: claims, and phrases of one's own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.app.cli import run

MAKERS, PROMPTS = 30, 40
WORDS = [f"word{k}" for k in range(120)]
CLAIM = "As an AI language model developed by OpenAI, I hope that helps."
ASIDE = "The caller's number is 555-0100."
Said = dict[str, list[str]]


class World:
    """OpenAI's model and thirty strangers; every fifth of them has read of ChatGPT and says once that it is it."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(9)
        self.folder = folder
        self.said: Said = {
            name: [" ".join(rng.choice(WORDS, 50)) for _ in range(PROMPTS)]
            for name in ["gpt-9", *(f"m{k:02}" for k in range(MAKERS))]
        }
        self.asked = [f"What of subject {p}?" for p in range(PROMPTS)]
        self.add([f"m{k:02}" for k in range(0, MAKERS, 5)], CLAIM, range(1))
        self.known: tuple[str, ...] = ("model", "maker", "base")
        self.origins: list[tuple[str, ...]] = [("gpt-9", "OpenAI", "gpt")]
        self.origins += [(name, f"maker of {name}", f"base of {name}") for name in self.said if name != "gpt-9"]

    def add(self, names: list[str], text: str, prompts: range) -> None:
        for name in names:
            for p in prompts:
                self.said[name][p] += f". {text}. {p}"  # what ends all answers alike is taken off

    def run(self, statistic: str, pairs: list[tuple[str, str]], *options: str, prompts: bool = False) -> int:
        rows = [(f"q{p}", name, text, self.asked[p]) for name, said in self.said.items() for p, text in enumerate(said)]
        columns = dict(zip(("prompt_id", "model", "output", "prompt"), map(list, zip(*rows, strict=True)), strict=True))
        if not prompts:
            del columns["prompt"]
        pq.write_table(pa.table(columns), "r.parquet")
        for name, lines in (
            ("pairs.csv", [("candidate", "suspect"), *pairs]),
            ("models.csv", [self.known, *self.origins]),
        ):
            with Path(name).open("w", newline="") as file:
                csv.writer(file).writerows(lines)
        files = ["--pairs", "pairs.csv", "--population", "models.csv", "--out", "out.csv", "--overwrite"]
        asked = ["--prompts", "40", "--alpha", "0.05", "--statistic", statistic]
        return run(["lineage", "behaviour", "r.parquet", *files, *asked, *options])

    def verdicts(self) -> list[str]:
        with Path("out.csv").open(newline="") as file:
            return [row["verdict"] for row in csv.DictReader(file)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_a_suspect_that_says_it_is_the_candidate(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add(["m03"], f"{ASIDE} {CLAIM} \x1b[31m", range(6))
    assert world.run("leaks", [("gpt-9", "m03"), ("m07", "m03"), ("gpt-9", "m05")], "--per-pair", "--json") == 1
    assert world.verdicts() == ["related", "not shown", "none of the candidates"]
    said = told(capsys)
    found, other, web = said["pairs"]
    assert (said["statistic"], found["evidence"]["method"], found["n_null"]) == ("leaks", "behaviour leaks", MAKERS - 1)
    assert found["evidence"]["null"] == said["null"]
    assert "the candidate's maker" in said["null"]
    assert found["p"] == pytest.approx(found["floor"])
    assert found["score"] == 6 / PROMPTS
    assert found["carriers"][0] == {
        "words": "As an AI language model developed by OpenAI",
        "candidate": 0,
        "suspect": 1,
    }
    assert ASIDE[:9] not in json.dumps(said)
    assert other["carriers"] == web["carriers"] == []
    assert (other["p"], web["p"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    "text", [f'They write "{CLAIM}"', "I am not ChatGPT by OpenAI.", "OpenAI made ChatGPT, I think."]
)
def test_talk_of_a_model_is_no_claim(world: World, text: str) -> None:
    world.add(["m03"], text, range(20))
    assert world.run("leaks", [("gpt-9", "m03")]) == 0


def test_claims_that_the_prompt_asked_for_do_not_count(world: World) -> None:
    world.add(["m03"], CLAIM, range(6))
    world.asked[:6] = ["Pretend to be a machine.", "Are you ChatGPT?", "Write a story.", *["You are a bot."] * 3]
    assert world.run("leaks", [("gpt-9", "m03")], prompts=True) == 0
    assert world.run("leaks", [("gpt-9", "m03")]) == 1


def test_a_base_by_the_candidates_maker_is_no_crime(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add(["m03"], CLAIM, range(6))
    for base in ("gpt", "unknown"):
        world.origins[4] = ("m03", "maker of m03", base)
        assert world.run("leaks", [("gpt-9", "m03")], "--json") == 0
        assert "no name is known" in told(capsys)["pairs"][0]["why"]
        assert world.verdicts() == ["cannot tell"]


def test_models_without_answers_still_tell_who_is_of_whom(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A pupil of the candidate's maker is no stranger, and a base is its maker's, if those models answered or not."""
    world.add(["m03"], CLAIM, range(6))
    world.known = (*world.known, "teachers")
    world.origins = [(*o, "gpt-8" if o[0] == "m04" else "") for o in world.origins] + [("gpt-8", "OpenAI", "", "")]
    assert world.run("leaks", [("gpt-9", "m03")], "--json") == 1
    assert told(capsys)["pairs"][0]["n_null"] == MAKERS - 2
    world.origins[-1] = ("gpt-8", "OpenAI", "base of m03", "")
    assert world.run("leaks", [("gpt-9", "m03")]) == 0
    assert world.verdicts() == ["cannot tell"]


def test_a_small_population_is_said_to_be_too_small(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add(["m03"], CLAIM, range(6))
    assert world.run("leaks", [("gpt-9", "m03")], "--alpha", "0.01", "--json") == 0
    assert "floor 1/30" in told(capsys)["pairs"][0]["why"]
    world.said = {"m03": world.said["m03"]}
    assert world.run("leaks", [("gpt-9", "m03")]) == 2


@pytest.mark.parametrize("statistic", ["leaks", "phrases"])
def test_a_suspect_that_says_nothing_to_judge_by(world: World, statistic: str) -> None:
    for odd in (["I am ChatGPT by OpenAI, and I cannot help you with that request. " * 3] * PROMPTS, [""] * PROMPTS):
        world.said["m03"] = odd
        assert world.run(statistic, [("gpt-9", "m03")]) == 0
        assert world.verdicts() == ["cannot tell"]
    world.said["m03"] = [f"слово за словом говорим на языке {chr(0x430 + p % 30) * 4}" for p in range(PROMPTS)]
    assert world.run(statistic, [("gpt-9", "m03")]) == 0
    assert world.verdicts() == ["cannot tell"]


def test_phrases_that_both_over_use(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add(["m02", "m03"], "A Rich\ttapestry of \u202eweaves", range(PROMPTS))
    world.add(["m04"], "quite another turn", range(PROMPTS))
    assert world.run("phrases", [("m02", "m03"), ("m02", "m04")], "--json") == 1
    assert world.verdicts() == ["related", "none of the candidates"]
    said = told(capsys)
    found, other = said["pairs"]
    assert (said["statistic"], found["evidence"]["method"]) == ("phrases", "behaviour phrases")
    assert set(found["evidence"]["params"]) >= {"shared_phrases", "beyond_length", "length"}
    assert any("rich tapestry" in one["words"] for one in found["carriers"])
    assert found["carriers"][0]["candidate"] == found["carriers"][0]["suspect"] == PROMPTS
    assert other["carriers"] == []
    assert all(len(one["words"]) <= 100 and one["words"].isprintable() for one in found["carriers"])


def test_what_only_the_same_prompts_bring_is_no_phrase(world: World) -> None:
    """The two share every word of a third of their answers, of other topics each, as copies from one source would."""
    world.said["m03"][:12] = world.said["m02"][:12]
    assert world.run("phrases", [("m02", "m03")]) == 0
    assert world.run("likeness", [("m02", "m03")]) == 1


@pytest.mark.parametrize("statistic", ["leaks", "phrases"])
def test_the_same_row_twice_and_other_orders_say_the_same(world: World, statistic: str) -> None:
    world.add(["m02", "m03"], f"{CLAIM} a rich tapestry of weaves", range(PROMPTS))
    world.run(statistic, [("gpt-9", "m03"), ("m02", "m03")])
    first = Path("out.csv").read_bytes()
    table = pq.read_table("r.parquet")
    again = pa.concat_tables([table.slice(0, 9), table]).take(list(range(len(table) + 8, -1, -1)))
    pq.write_table(again, "r.parquet")
    files = ["--pairs", "pairs.csv", "--population", "models.csv", "--out", "out.csv", "--overwrite"]
    run(["lineage", "behaviour", "r.parquet", *files, "--prompts", "40", "--alpha", "0.05", "--statistic", statistic])
    assert Path("out.csv").read_bytes() == first


def test_likeness_says_nothing_new_and_alone_goes_in_turn(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("likeness", [("m02", "m03")], "--json")
    said = told(capsys)
    assert "statistic" not in said
    assert "carriers" not in said["pairs"][0]
    assert world.run("leaks", [("m02", "m03")], "--sequential") == 2
    assert "--sequential" in capsys.readouterr().err
    assert world.run("nonsense", [("m02", "m03")]) == 2
