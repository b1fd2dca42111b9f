"""`gauger lineage behaviour` from end to end, on models that are made here: a child is found, strangers are not."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.app.cli import run

MAKERS, PROMPTS = 24, 40
COMMON = [f"the{k}" for k in range(300)]
Row = tuple[str, str, str | None]


def strangers(rng: np.random.Generator) -> dict[str, list[str]]:
    """One model a maker, each with its habits of words and signs, and what it says of each prompt's topic."""
    topics = [[f"topic{p}x{k}" for k in range(60)] for p in range(PROMPTS)]
    made = {}
    for m in range(MAKERS):
        habit = rng.dirichlet(np.full(len(COMMON), 0.3))
        stop = rng.choice([".", "!", "\n", ";"], p=rng.dirichlet(np.ones(4)), size=PROMPTS)
        length = int(rng.integers(40, 120))
        made[f"m{m:02}"] = [
            " ".join([*rng.choice(COMMON, length, p=habit), stop[p], *rng.choice(topics[p], length // 2)])
            for p in range(PROMPTS)
        ]
    return made


def child_of(parent: list[str], rng: np.random.Generator) -> list[str]:
    """Every third word is another."""
    return [" ".join(w if rng.random() < 0.66 else str(rng.choice(COMMON)) for w in text.split(" ")) for text in parent]


class World:
    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(3)
        self.said = strangers(rng)
        self.said["child"] = child_of(self.said["m05"], rng)
        self.known: tuple[str, ...] = ("model", "maker", "base")
        self.origins: list[tuple[str, ...]] = [(name, f"maker of {name}", f"base of {name}") for name in self.said]
        self.folder = folder

    def rows(self) -> list[Row]:
        return [(f"q{p}", name, text) for name, texts in self.said.items() for p, text in enumerate(texts)]

    def run(self, pairs: list[tuple[str, str]], *options: str, rows: list[Row] | None = None) -> int:
        rows = self.rows() if rows is None else rows
        columns = [list(c) for c in zip(*rows, strict=True)] or [[], [], []]
        table = pa.table(
            dict(zip(("prompt_id", "model", "output"), [pa.array(c, pa.string()) for c in columns], strict=True))
        )
        pq.write_table(table, self.folder / "r.parquet")
        self.write("pairs.csv", [("candidate", "suspect"), *pairs])
        self.write("models.csv", [self.known, *self.origins])
        self.out = self.folder / "out.csv"
        files = ["--pairs", "pairs.csv", "--population", "models.csv", "--out", "out.csv"]
        return run(["lineage", "behaviour", "r.parquet", *files, "--overwrite", *options])

    def write(self, name: str, rows: list[tuple[str, ...]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def found(self) -> list[dict[str, str]]:
        with self.out.open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World(tmp_path)


ALPHA = ("--prompts", "40", "--alpha", "0.05")


def test_a_child_is_found_and_strangers_are_not(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [("m05", "child"), ("m06", "child"), ("m07", "m08"), ("m09", "m08")]
    assert world.run(pairs, *ALPHA) == 1
    rows = world.found()
    assert list(rows[0]) == ["candidate", "suspect", "score", "p", "log10_e", "n_null", "floor", "verdict"]
    assert [r["verdict"] for r in rows] == ["related", "not shown", "none of the candidates", "none of the candidates"]
    assert (
        float(rows[0]["p"])
        == pytest.approx(float(rows[0]["floor"]))
        == pytest.approx(1 / (int(rows[0]["n_null"]) + 1), rel=1e-4)
    )
    assert float(rows[0]["log10_e"]) > 0 > float(rows[2]["log10_e"])
    shown = capsys.readouterr().out
    assert "m05 -> child" in shown
    assert "nearest" not in shown


def test_nothing_found_exits_with_0(world: World) -> None:
    assert world.run([("m07", "m08")], *ALPHA) == 0


def test_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.run([("m05", "child"), ("m06", "m00")], *ALPHA, "--json") == 1
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["schema"] == "gauger/lineage-behaviour/1"
    evidence = said["pairs"][0]["evidence"]
    assert (evidence["kind"], evidence["anytime"], evidence["null"]) == ("calibrated", False, said["null"])
    assert evidence["n"] == said["pairs"][0]["n_null"] == int(world.found()[0]["n_null"])
    assert len(evidence["inputs"]) == 3
    assert said["prompts"] == evidence["params"]["prompts"] == 40


def test_it_says_the_same_twice_and_whatever_the_order_of_rows(world: World) -> None:
    assert world.run([("m05", "child"), ("m06", "m00")], "--prompts", "25", "--alpha", "0.05") == 1
    first = world.out.read_bytes()
    world.run([("m05", "child"), ("m06", "m00")], "--prompts", "25", "--alpha", "0.05", rows=world.rows()[::-1])
    assert world.out.read_bytes() == first
    world.run([("m05", "child"), ("m06", "m00")], "--prompts", "25", "--alpha", "0.05", "--seed", "2")
    assert world.out.read_bytes() != first


def test_models_without_answers_are_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.origins.append(("silent", "maker", "base"))
    assert world.run([("silent", "m08"), ("m05", "child")], *ALPHA, "--json") == 1
    said = capsys.readouterr()
    assert "left out: 1" in said.err
    assert json.loads(said.out)["pairs"][0]["why"] == "the candidate has no answers"


def test_a_parent_in_the_table_leaves_the_null(world: World) -> None:
    """The child calibrates nobody against its parent once the table says whose child it is."""
    world.run([("m07", "m08")], *ALPHA)
    before = int(world.found()[0]["n_null"])
    world.write("models2.csv", [("model", "maker", "base", "parent"), *((*o, "") for o in world.origins[:-1])])
    with Path("models2.csv").open("a") as file:
        file.write("child,maker of child,base of child,m05\n")
    files = ["--pairs", "pairs.csv", "--population", "models2.csv", "--out", "out.csv", "--overwrite"]
    assert run(["lineage", "behaviour", "r.parquet", *files, *ALPHA]) == 0
    assert int(world.found()[0]["n_null"]) < before


@pytest.mark.parametrize("how", [(), ("--sequential",), ("--statistic", "phrases")], ids=str)
def test_a_parent_without_answers_leaves_no_null_pair_of_its_children(world: World, how: tuple[str, ...]) -> None:
    def null_of(parent: str) -> int:
        children = [(*o, parent if o[0] < "m12" else "") for o in origins]
        world.origins = [*children, ("gone", "maker of gone", "base", "")]
        world.run([("m17", "m18")], *ALPHA, *how)
        return int(world.found()[0]["n_null"])

    world.known, origins = (*world.known, "parent"), world.origins
    assert null_of("gone") < null_of("")


def test_younger_candidates_join_the_null(world: World) -> None:
    world.origins = [(n, m, b) if k % 2 else (n, "", b) for k, (n, m, b) in enumerate(world.origins)]
    world.run([("m07", "m08")], *ALPHA)
    before = int(world.found()[0]["n_null"])
    world.write("younger.csv", [("candidate_teacher", "suspect"), ("m00", "m02"), ("m04", "m02"), ("m00", "m01")])
    world.run([("m07", "m08")], *ALPHA, "--impossible", "younger.csv")
    assert before < int(world.found()[0]["n_null"]) <= before + 3


def test_prompt_by_prompt(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.run([("m05", "child"), ("m07", "m08")], *ALPHA, "--sequential", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["looks"] == [4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40]
    assert sorted(said["order"]) == sorted(f"q{p}" for p in range(PROMPTS))
    child, stranger = world.found()
    assert list(child)[-1] == "prompts"
    assert (child["verdict"], stranger["verdict"]) == ("related", "none of the candidates")
    assert int(child["prompts"]) < PROMPTS
    assert int(stranger["prompts"]) < PROMPTS
    evidence = said["pairs"][0]["evidence"]
    assert evidence["anytime"] is True
    assert (evidence["params"]["prompts"], evidence["params"]["p"]) == (int(child["prompts"]), said["pairs"][0]["p"])


def test_the_order_is_known_before_the_suspect_is_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the suspect's answers, with some of them, and with all, the order is the same; some are enough."""
    orders = []
    for count in (0, 22, PROMPTS):
        asked = orders[0][:count] if orders else []
        rows = [row for row in world.rows() if row[1] != "child" or row[0] in asked]
        assert world.run([("m05", "child")], *ALPHA, "--sequential", "--json", rows=rows) == (count > 0)
        orders.append(json.loads(capsys.readouterr().out)["order"])
    assert orders[0] == orders[1] == orders[2]
    assert int(world.found()[0]["prompts"]) <= 22


def test_the_order_is_known_before_many_suspects_are_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Most answers are the suspects': four models that are none are enough to learn from."""
    world.said = {
        name: text for name, text in world.said.items() if name in {*(f"m{k:02}" for k in range(12)), "child"}
    }
    suspects = [*(f"m{k:02}" for k in range(4, 12)), "child"]
    orders = []
    for count in (0, 22, PROMPTS):
        asked = orders[0][:count] if orders else []
        rows = [row for row in world.rows() if row[1] not in suspects[3:] or row[0] in asked]
        world.run([("m00", name) for name in suspects], *ALPHA, "--sequential", "--json", rows=rows)
        orders.append(json.loads(capsys.readouterr().out)["order"])
    assert orders[0] == orders[1] == orders[2]


def test_what_was_not_asked_clears_nobody(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def judged(count: int, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
        rows = [row for row in world.rows() if row[1] not in {"m08", "child"} or row[0] in order[:count]]
        world.run(pairs, *ALPHA, "--sequential", "--json", rows=rows)
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert not order or found["order"] == order
        order[:] = found["order"]
        return list(found["pairs"])

    order: list[str] = []
    pairs = [("m07", "m08"), ("m05", "child"), ("m06", "child")]
    assert [row["prompts"] for row in judged(0, pairs)] == [0, 0, 0]
    for count, prompts in ((4, 4), (7, 6), (11, 10)):
        stranger, child, other = judged(count, pairs)
        assert (stranger["verdict"], stranger["prompts"]) == ("cannot tell", prompts)
        assert stranger["why"] == f"undecided after {prompts} prompts: go on"
        assert child["prompts"] <= prompts
        assert other["verdict"] == "cannot tell"
    stranger, child, other = judged(PROMPTS, pairs)
    assert (stranger["verdict"], child["verdict"], other["verdict"]) == (
        "none of the candidates",
        "related",
        "not shown",
    )
    assert stranger["prompts"] >= 12
    assert world.run([("m07", "m08")], "--prompts", "40", "--alpha", "0.001", "--sequential", "--json") == 0
    assert "floor" in json.loads(capsys.readouterr().out)["pairs"][0]["why"]


def test_answers_late_in_the_order_alone_cannot_be_judged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run([("m07", "m08")], *ALPHA, "--sequential", "--json")
    order = json.loads(capsys.readouterr().out)["order"]
    rows = [row for row in world.rows() if row[1] != "m08" or row[0] in order[8:]]
    assert world.run([("m07", "m08")], *ALPHA, "--sequential", "--json", rows=rows) == 0
    said = json.loads(capsys.readouterr().out)["pairs"][0]
    assert (said["verdict"], said["evidence"]) == ("cannot tell", None)
    assert said["why"].endswith("the first 4 prompts in the order")


UNFIT = {
    "refusals": ["I am sorry, but I cannot help with that request. " * 4] * PROMPTS,
    "empty": [""] * PROMPTS,
    "one word": ["yes"] * PROMPTS,
    "other language": [
        "слово за слово мы говорим на другом языке совсем " + chr(0x430 + k % 30) * 4 for k in range(PROMPTS)
    ],
    "no spaces": ["我们说另一种语言" + chr(0x4E00 + 7 * k) for k in range(PROMPTS)],
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_suspect_that_says_nothing_to_judge_by(world: World, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    world.said["odd"] = UNFIT[kind]
    assert world.run([("m05", "odd"), ("m05", "child")], *ALPHA, "--json") == 1
    odd, child = json.loads(capsys.readouterr().out)["pairs"]
    assert (odd["verdict"], odd["score"], odd["evidence"]) == ("cannot tell", None, None)
    assert "the suspect: " in odd["why"]
    assert child["verdict"] == "related"
    assert world.found()[0] == {
        **dict.fromkeys(world.found()[0], ""),
        "candidate": "m05",
        "suspect": "odd",
        "n_null": "0",
        "floor": "1",
        "verdict": "cannot tell",
    }


def test_answers_without_blanks_between_words_are_judged(world: World) -> None:
    """Each word as three Thai letters."""
    letters = [chr(0x0E01 + k) for k in range(40)]
    words = sorted({word for texts in world.said.values() for text in texts for word in text.split(" ")})
    thai = {w: "".join(letters[k // 40**place % 40] for place in range(3)) for k, w in enumerate(words)}
    world.said = {
        name: ["".join(thai[w] for w in text.split(" ")) for text in texts] for name, texts in world.said.items()
    }
    assert world.run([("m05", "child"), ("m07", "m08")], *ALPHA) == 1
    assert [r["verdict"] for r in world.found()] == ["related", "none of the candidates"]


@pytest.mark.parametrize("hosted", [lambda text: json.dumps(text)[1:-1], html.escape], ids=["JSON", "HTML"])
def test_two_strangers_behind_a_host_that_escapes_are_strangers(world: World, hosted: Callable[[str], str]) -> None:
    for name, texts in world.said.items():
        world.said[name] = [f'She said, "{text[:40]}".\n{text[40:]}' for text in texts]
    world.run([("m07", "m08")], *ALPHA)
    before = world.out.read_bytes()
    for name in ("m07", "m08"):
        world.said[name] = [hosted(text) for text in world.said[name]]
    world.run([("m07", "m08")], *ALPHA)
    assert world.out.read_bytes() == before


def test_truncated_answers_are_judged(world: World) -> None:
    world.said["child"] = [text[:150] for text in world.said["child"]]
    assert world.run([("m05", "child")], *ALPHA) == 1


def test_missing_prompts_are_no_answers(world: World) -> None:
    rng = np.random.default_rng(1)
    rows = [row for row in world.rows() if rng.random() < 0.8]
    assert world.run([("m05", "child"), ("m07", "m08")], *ALPHA, rows=rows) == 1
    assert [r["verdict"] for r in world.found()] == ["related", "none of the candidates"]


def test_models_that_share_few_prompts_cannot_be_told_apart(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Both answered enough, and not the same: a mean over few prompts is large by chance."""
    even = [r for r in world.rows() if r[1] not in {"m05", "child"} or (int(r[0][1:]) % 2 == (r[1] == "child"))]
    assert world.run([("m05", "child"), ("m05", "m06")], *ALPHA, "--json", rows=even) == 0
    said = json.loads(capsys.readouterr().out)["pairs"]
    assert said[0]["verdict"] == "cannot tell"
    assert said[0]["why"].startswith("the two have 0 usable answers to the same prompts")
    assert said[1]["score"] is not None


def test_two_that_were_asked_little_are_ranked_among_pairs_compared_on_as_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or not at all, where others are named beside them: a mean over few prompts is large by chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(globals(), "PROMPTS", 90)
    world = World(tmp_path)
    rows = [r for r in world.rows() if r[1] not in {"m05", "child"} or int(r[0][1:]) % 4 == 0]
    options, few = ("--prompts", "90", "--alpha", "0.05", "--json"), len(range(0, 90, 4))
    assert world.run([("m05", "child")], *options, rows=rows) == 1
    (alone,) = json.loads(capsys.readouterr().out)["pairs"]
    assert alone["prompts"] == alone["evidence"]["params"]["prompts"] == few
    world.run([("m05", "child")], *options, rows=[r for r in rows if int(r[0][1:]) % 4 == 0])
    assert json.loads(capsys.readouterr().out)["pairs"][0]["p"] == alone["p"]  # nothing else was looked at
    beside = [("m05", "child"), ("m07", "m08"), ("m09", "m10"), ("m11", "m12")]
    assert world.run(beside, *options, rows=rows) == 0
    first, *others = json.loads(capsys.readouterr().out)["pairs"]
    assert (first["verdict"], first["evidence"]) == ("cannot tell", None)
    assert first["why"].startswith(f"the two have {few} usable answers to the same prompts, and 45 are needed")
    assert "name these two alone" in first["why"]
    assert [row["prompts"] for row in others] == [90] * 3


def test_the_prompts_that_a_suspect_answered_are_chosen(world: World) -> None:
    rows = [r for r in world.rows() if r[1] != "child" or int(r[0][1:]) >= PROMPTS - 20]
    assert world.run([("m05", "child")], "--prompts", "20", "--alpha", "0.05", rows=rows) == 1


def test_an_unknown_base_may_be_the_candidates(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.origins[-1] = ("child", "maker of child", "")
    assert world.run([("m05", "child")], *ALPHA, "--json") == 0
    assert "of one base if the two may be" in json.loads(capsys.readouterr().out)["pairs"][0]["why"]
    world.origins[:4] = [(n, m, "base of m00") for n, m, _ in world.origins[:4]]
    world.origins[4:8] = [(n, m, "base of m04") for n, m, _ in world.origins[4:8]]
    assert world.run([("m05", "child")], *ALPHA) == 1


def test_too_few_shared_prompts(world: World) -> None:
    rows = [r for r in world.rows() if r[1] != "child" or int(r[0][1:]) < 19]
    assert world.run([("m05", "child")], *ALPHA, rows=rows) == 0
    assert world.found()[0]["verdict"] == "cannot tell"


def test_too_small_a_population_for_alpha(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.run([("m05", "child")], "--prompts", "40", "--alpha", "0.001", "--json") == 0
    said = json.loads(capsys.readouterr().out)["pairs"][0]
    assert said["verdict"] == "cannot tell"
    assert "floor" in said["why"]


def test_many_candidates_need_a_large_population_or_an_alpha_for_each(world: World) -> None:
    pairs = [(f"m{k:02}", "child") for k in range(20)]
    assert world.run(pairs, *ALPHA) == 0
    assert {row["verdict"] for row in world.found()} == {"cannot tell"}
    assert world.run(pairs, *ALPHA, "--per-pair") == 1
    said = [row["verdict"] for row in world.found()]
    assert said[5] == "related"
    assert said.count("not shown") >= 15


def test_the_same_row_twice_counts_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run([("m05", "child")], *ALPHA)
    first = world.out.read_bytes()
    world.run([("m05", "child")], *ALPHA, rows=world.rows() + world.rows()[:7])
    assert world.out.read_bytes() == first
    assert "7 rows" in capsys.readouterr().err


def errors(world: World, capsys: pytest.CaptureFixture[str], *options: str, rows: list[Row] | None = None) -> str:
    assert world.run([("m05", "child")], *(options or ALPHA), rows=rows) == 2
    return capsys.readouterr().err


def test_errors_say_where(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    other = [*world.rows(), ("q0", "m00", "something else")]
    assert f"r.parquet:{len(other)}: is not the answer" in errors(world, capsys, rows=other)
    assert "r.parquet:1: no model" in errors(world, capsys, rows=[("q0", None, "x"), *world.rows()])  # type: ignore[list-item]
    alone = [row for row in world.rows() if row[1] == "child"]
    assert "only 1 of the models can be compared" in errors(world, capsys, rows=alone)
    mute = [(prompt, name, text if name < "m02" else "yes") for prompt, name, text in world.rows()]
    assert "22 have fewer than 20 usable answers, 0 say other words than most" in errors(world, capsys, rows=mute)
    assert "only 0 of the models can be compared" in errors(world, capsys, rows=[])
    assert "--prompts" in errors(world, capsys, "--prompts", "19")
    assert "--alpha" in errors(world, capsys, "--alpha", "1")


def test_pairs_and_tables_that_cannot_be_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for pairs, said in {
        (("m05", "nobody"),): "'nobody'",
        (("m05", "m05"),): "pairs.csv:2: a pair needs two",
        (("m05", "m06"), ("m05", "m06")): "pairs.csv:3: the same pair as line 2",
        (): "no pairs",
        (("m05", ""),): "pairs.csv:2",
    }.items():
        assert world.run(list(pairs), *ALPHA) == 2
        assert said in capsys.readouterr().err
    world.origins.append(("m05", "x", "y"))
    assert "models.csv:27: a model needs" in errors(world, capsys)
    world.origins = []
    assert world.run([("m05", "child")], *ALPHA) == 0
    assert world.found()[0]["verdict"] == "cannot tell"


def test_a_name_does_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a spreadsheet nor on a terminal; JSON and other names are exact."""
    formula, escape = '=HYPERLINK("http://x")', "\x1b[2Jchild"
    world.said = {{"m05": formula, "child": escape}.get(name, name): text for name, text in world.said.items()}
    world.origins = [({"m05": formula, "child": escape}.get(n, n), m, b) for n, m, b in world.origins]
    assert world.run([(formula, escape), ("m07", formula)], *ALPHA) == 1
    assert [(row["candidate"], row["suspect"]) for row in world.found()] == [
        (f"'{formula}", escape),
        ("m07", f"'{formula}"),
    ]
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert f"{formula} -> ⟨U+001B⟩[2Jchild" in shown


def test_people_read_why(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.said["empty"] = [""] * PROMPTS
    pairs = [(f"m{k:02}", "empty") for k in range(12)]
    assert world.run([*pairs, ("m07", "m08")], *ALPHA) == 0
    shown = capsys.readouterr().out
    assert shown.count("-> empty: the suspect: 0 usable answers, and 20 are needed") == 10
    assert "and 2 more, with --json" in shown
    assert "Related says" not in shown
    assert world.run([("m05", "child")], *ALPHA) == 1
    assert "Related says" in capsys.readouterr().out


def test_an_output_is_not_lost(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out.csv").write_text("mine")
    world.run([("m05", "child")], *ALPHA)
    Path("out.csv").write_text("mine")
    files = ["--pairs", "pairs.csv", "--population", "models.csv", "--out", "out.csv"]
    assert run(["lineage", "behaviour", "r.parquet", *files]) == 2
    assert Path("out.csv").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    for wrong in ("pairs.csv", "nowhere.parquet"):
        assert run(["lineage", "behaviour", wrong, *files, "--overwrite"]) == 2
        assert wrong in capsys.readouterr().err
