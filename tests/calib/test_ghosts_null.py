"""Ghost twins: a suspect that cannot tell is accused no more often than said; one that can is found."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom

from gauger.lineage.ghosts import BETS, bets, log_e, rank_p

RUNS, EXCHANGES, ALPHA = 2000, 100, 0.01
SHAPES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy": lambda rng, shape: rng.standard_cauchy(shape),
    "coarse": lambda rng, shape: rng.integers(3, size=shape).astype(float),
    "shifted by exchange": lambda rng, shape: rng.normal(size=shape) + 100 * rng.normal(size=(*shape[:-1], 1)),
    "some impossible": lambda rng, shape: np.where(rng.random(shape) < 0.3, -np.inf, rng.normal(size=shape)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 3])
def test_optional_stopping_under_the_null(shape: str, k: int) -> None:
    rng = np.random.default_rng(7)
    scores = SHAPES[shape](rng, (RUNS * EXCHANGES, k + 1))
    gains = bets(scores, rng.integers(k + 1, size=len(scores))).reshape(RUNS, EXCHANGES, -1)
    ever = (log_e(gains.cumsum(axis=1)) >= -math.log(ALPHA)).any(axis=1).sum()
    assert ever <= binom.ppf(1 - 1e-4, RUNS, ALPHA)


def test_an_adaptive_suspect_gains_nothing_by_the_past() -> None:
    """It scores by what was released before, and still cannot know this one."""
    rng, ever = np.random.default_rng(8), 0
    for _ in range(2000):
        released = rng.integers(4, size=50)
        scores = np.vstack([np.zeros(4), np.eye(4)[released[:-1]] * 5])
        ever += bool(log_e(bets(scores, released).cumsum(axis=0)).max() >= math.log(20))
    assert ever <= binom.ppf(1 - 1e-4, 2000, 0.05)


@pytest.mark.parametrize(("gap", "needed"), [(0.5, 1500), (2.0, 120)])
def test_a_suspect_that_leans_to_the_released_is_found(gap: float, needed: int) -> None:
    rng, took = np.random.default_rng(9), []
    for _ in range(20):
        scores, released = rng.normal(scale=2, size=(3000, 4)), rng.integers(4, size=3000)
        scores[np.arange(3000), released] += gap
        path = log_e(bets(scores, released).cumsum(axis=0))
        assert path.max() >= math.log(1e6)
        took.append(int((path >= math.log(1e6)).argmax()))
    assert np.median(took) <= needed


def test_the_bets_are_fair_whatever_the_scores() -> None:
    scores = np.array([[0.3, -2.0, 7.0], [-math.inf, 0.0, 1.0], [-math.inf] * 3, [1e300, 0.0, -1e300]])
    for row in scores:
        mean = np.mean([np.exp(bets([row], [j])[0]) for j in range(3)], axis=0)
        assert mean == pytest.approx(np.ones(len(BETS)))


def test_ranks_are_uniform_and_ties_are_broken_by_chance() -> None:
    rng = np.random.default_rng(3)
    p = rank_p(np.zeros((8000, 4)), np.zeros(8000, int), rng)
    counts = np.unique(np.round(p * 4), return_counts=True)[1]
    assert np.abs(counts - 2000).max() <= 4.5 * math.sqrt(8000 * 3 / 16)
    assert rank_p([[1.0, 3.0, 2.0]], [1], rng).tolist() == [pytest.approx(1 / 3)]
    assert rank_p([[1.0, 3.0, 2.0]], [0], rng).tolist() == [1.0]


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark of the whole path, from drawing to the verdict, with fewer exchanges."""
    place = Path(__file__).parents[2] / "bench" / "ghosts_null.py"
    spec = importlib.util.spec_from_file_location("ghosts_null", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUDGET", 20)
    return module


@pytest.mark.parametrize("suspect", ["by_style", "by_reading", "by_hindsight"])
def test_the_whole_path_from_twins_to_verdict(path: ModuleType, suspect: str) -> None:
    found = path.measured(suspect, 600, 5)
    for alpha in (1e-2, 1e-3):
        assert found[f"{alpha:g}"]["accused"] <= binom.ppf(1 - 1e-4, 600, alpha)
    assert found["an account named"] <= binom.ppf(1 - 1e-4, 600, 1e-3)


def test_without_an_order_of_our_own_it_would_accuse(path: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suspect that learns where the released one stood needs nothing more, if it always stands there."""
    real = path.ghost_seal.shuffled
    kept = lambda *args, below, salt: real(*args, below=lambda n: n - 1, salt=salt)  # noqa: E731
    monkeypatch.setattr(path.ghost_seal, "shuffled", kept)
    assert path.measured("by_hindsight", 20, 5)["0.001"]["accused"] == 20
