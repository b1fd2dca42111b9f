"""The experiment of bench/radioactivity.py, at a tiny size: it teaches, tests, and tests as the program does."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("torch", reason="students are trained with torch: pip install torch")
BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import radioactivity as bench  # noqa: E402
from radioactivity_lab.drawing import draw  # noqa: E402
from radioactivity_lab.judging import (  # noqa: E402
    closed,
    log10,
    looks_of,
    open_path,
    over_looks,
    part,
    readings,
)
from radioactivity_lab.merging import merged, ours, pairs  # noqa: E402
from radioactivity_lab.student import ask  # noqa: E402
from radioactivity_lab.teacher import ANSWER, PROMPT, paraphrased, prompts, teacher  # noqa: E402

from gauger.watermark.naming import scheme_named  # noqa: E402
from gauger.watermark.radioactivity import Closed, Opened, Plan  # noqa: E402
from gauger.watermark.served import served  # noqa: E402

SCHEME = scheme_named(bench.SCHEME)
TAUGHT = bench.Cell(share=1.0, epochs=(6.0,))


@pytest.fixture(scope="module")
def lab() -> bench.Lab:
    return bench.Lab(bench.SIZES["small"])


def test_a_student_of_marked_text_is_found_by_its_predictions_and_an_innocent_one_is_not(lab: bench.Lab) -> None:
    guilty = next(lab.run(TAUGHT, 0))["open"]["log10_e"]
    assert min(guilty["p"][-1], guilty["p - base"][-1], guilty["first choice"][-1]) > 3
    innocent = next(lab.run(bench.INNOCENT, 0))
    assert max(max(curve) for curve in innocent["open"]["log10_e"].values()) < 1.3
    assert max(innocent["closed"]["planned"] + innocent["closed alone"]["planned"] + innocent["pairs once"]) < 1.3


def plan(mode: Any, key: Any, looks: tuple[int, ...], windows: str, unmarked: str = "") -> Plan:
    return Plan(
        mode=mode, subject="student", keys=(key.id,), commitment="", scheme=bench.SCHEME, tokenizer="words",
        prompts="p", served=windows, unmarked=unmarked, asked="{}", looks=looks, alpha=1e-12,
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_the_experiment_counts_as_the_program_does(lab: bench.Lab) -> None:
    key = bench.key("account:0")
    said = lab.marked(64, key.secret, np.random.default_rng(1))
    asked, windows = prompts(lab.world, 48, np.random.default_rng(2)), served(list(said[:, PROMPT:]), h=SCHEME.h)
    course = lab.grown(False, 0)
    course.study(said, 4)
    texts = list(ask(course.student, asked, ANSWER, 3))

    usual = lab.plain(SCHEME.h)
    found = closed(texts, asked, windows, key.secret, SCHEME, usual)
    looks = looks_of(len(texts))
    judge = Closed(plan("closed", key, looks, windows.digest, usual.digest), [key], windows, usual)
    for first, last in zip((0, *looks), looks, strict=False):
        judge.add(texts[first:last], list(asked[first:last]))
    assert judge.verdict().evidence.log_e / np.log(10) == pytest.approx(found["planned"][-1], abs=2e-3)
    assert judge.verdict().evidence.n == found["windows"][-1]

    everywhere = over_looks(texts, asked, served(texts, h=SCHEME.h), usual)
    assert [log10(part(r, windows), [key.secret], SCHEME)[0] for r in everywhere] == found["log10_e"]

    weighed, of = readings(course.student, lab.base(False).student, said, SCHEME.h)
    reader = Opened(plan("open", key, (64,), ""), [key])
    reader.add(weighed["p"], outputs=64)
    assert reader.verdict().evidence.log_e / np.log(10) == pytest.approx(
        open_path(weighed["p"], of, [20, 64], key.secret, SCHEME)[-1], abs=2e-3
    )


def test_the_teacher_looks_further_back_than_a_window_of_two() -> None:
    world, last = teacher(1, words=100), np.array([[50, 60, 70], [51, 60, 70], [50, 60, 70]])
    ids, p = world.candidates(last, np.array([0, 0, 1]), 1.0)
    assert (ids == ids[0]).all()
    assert np.abs(p[0] - p[1]).max() > 0.01
    assert np.abs(p[0] - p[2]).max() > 0.01
    np.testing.assert_allclose(p.sum(1), 1)


def test_a_paraphrase_changes_the_share_that_it_says(lab: bench.Lab) -> None:
    said = lab.marked(150, bench.key("a").secret, np.random.default_rng(4))
    other = paraphrased(lab.world, said, 0.3, np.random.default_rng(5))
    assert (other[:, :PROMPT] == said[:, :PROMPT]).all()
    assert np.mean(other[:, PROMPT:] != said[:, PROMPT:]) == pytest.approx(0.3, abs=0.025)  # 5 s.d.


def test_text_of_another_tokenizer_comes_back_whole(lab: bench.Lab) -> None:
    said = lab.unmarked(40, np.random.default_rng(6))
    table = pairs(said, 20, 100)
    foreign = merged(said, table)
    assert (foreign >= 100).any(axis=1).mean() > 0.9
    answers = [row[row >= 0] for row in foreign[:, PROMPT:]]
    width = max(map(len, answers))
    padded = np.stack([np.pad(row, (0, width - len(row)), constant_values=0) for row in answers])
    back = ours(padded, table, ANSWER)
    assert all((b[: len(s)] == s).all() for b, s in zip(back, said[:, PROMPT:], strict=True))


def test_rates_are_told_with_their_intervals() -> None:
    found = bench.rates({"x": [0.0] * 97 + [1.31, 2.0, 3.0]})["x"]
    assert found["passed"] == {20: 3, 1000: 1}
    low, high = found["interval"][20]
    assert low == pytest.approx(0.00623, abs=1e-5)
    assert high == pytest.approx(0.08518, abs=1e-5)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, BENCH / "radioactivity.py", "--scale", "small", "--out", file, "--images", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads(file.read_text())
    assert [len(kinds) for kinds in report["summary"].values()] == [6 + 2 + 3, len(bench.EVASIONS + bench.SCHEMES)]
    assert report["innocent_closed"]["closed, planned looks"]["paths"] == 20
    assert report["wrong_keys"]["closed, planned looks"]["paths"] == 20
    for name in ("closed", "open"):
        picture = ElementTree.parse(tmp_path / f"radioactivity-{name}.svg").getroot()  # noqa: S314
        assert len(picture.findall("{*}polyline")) == 5


def test_a_picture_shows_every_share(tmp_path: Path) -> None:
    kind = {"rest": "unmarked", "epochs": 3.0, "clean": 0}
    rows = [
        {
            **kind, "share": s, "tokens": [960, 1920], "closed": {"log10_e": [0.0, 9 * s]},
            "open": {"outputs": [10, 20], "log10_e": {"p - base": [1.0, 400 * s]}},
        }
        for s in (0.0, 0.25)
    ]  # fmt: skip
    draw(rows, tmp_path)
    for name in ("closed", "open"):
        picture = ElementTree.parse(tmp_path / f"radioactivity-{name}.svg").getroot()  # noqa: S314
        assert "25% marked" in {e.text for e in picture.findall("{*}text")}
        below, above = (line.get("points", "").split()[-1] for line in picture.findall("{*}polyline"))
        assert float(below.split(",")[1]) > float(above.split(",")[1])  # SVG counts downwards
