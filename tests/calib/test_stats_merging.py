"""What merging keeps and what it would lose: exact expectations over all histories, and false alarms of the latch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from gauger.stats import merging
from gauger.stats.betting import Bernoulli
from gauger.stats.merging import Latch, Merged, Reason

ALPHA, RUNS = 0.1, 400
BOUND = binom.isf(1e-6, RUNS, ALPHA)


def e(log_e: float, null: str = "fair coin") -> Merged:
    return Merged(null=null, kind="exact", log_e=log_e)


def coin_paths(n: int) -> np.ndarray:
    """log_e after each toss, for every history of n tosses of a fair coin."""
    test = Bernoulli(p0=0.5, strengths=(2.0,))
    return test.path(test.initial(), np.array(list(itertools.product([0, 1], repeat=n))))


def test_running_maximum_is_no_evidence_until_it_is_lifted() -> None:
    peak = np.maximum(coin_paths(14).max(-1), 0.0)
    assert np.exp(peak).mean() > 1.5
    lifted = [math.exp(merging.lifted(e(x)).log_e) for x in peak]
    assert 0.6 < math.fsum(lifted) / len(lifted) <= 1


def test_products_of_independent_and_of_sequential_values_average_to_one() -> None:
    values = np.exp(coin_paths(6)[:, -1])
    pairs = [
        math.exp(merging.product([e(math.log(a)), e(math.log(b))], Reason.INDEPENDENTLY_RANDOMISED).log_e)
        for a in values
        for b in values
    ]
    assert math.fsum(pairs) / len(pairs) == pytest.approx(values.mean() ** 2)
    # The same coin read twice is not independent: its product is no e-value, its mean is.
    squared = [math.exp(merging.product([e(math.log(a))] * 2, Reason.CONDITIONAL_ON_PAST).log_e) for a in values]
    assert math.fsum(squared) / len(squared) > 1.2
    mean = [math.exp(merging.mean([e(math.log(a))] * 2, [0.5, 0.5]).log_e) for a in values]
    assert math.fsum(mean) / len(mean) == pytest.approx(values.mean())


def test_either_is_evidence_if_one_null_is_true_whatever_the_other() -> None:
    true = coin_paths(8)[:, -1]
    both = [math.exp(merging.either([e(x), e(40.0, "another")]).log_e) for x in true]
    assert math.fsum(both) / len(both) <= 1 + 1e-12
    # Taking the larger would not be.
    assert np.exp(np.maximum(true, 40.0)).mean() > 1


def test_latch_on_the_merged_process_keeps_its_promise_and_merged_maxima_do_not() -> None:
    """Eight streams bet on the same coin at staggered times: the mean of their maxima drifts up, the latch stays."""
    rng, test, streams, n = np.random.default_rng(21), Bernoulli(p0=0.5, strengths=(2.0, 20.0)), 8, 120
    tosses = rng.random((streams, RUNS, n)) < 0.5
    paths = test.path(test.initial(), tosses)
    weights = (1 / streams,) * streams
    crossed = 0
    for run in range(RUNS):
        latch = Latch(alpha=ALPHA, weights=weights)
        for t in range(9, n, 10):
            latch = latch.update([e(float(x)) for x in paths[:, run, t]])
        crossed += latch.crossed
    assert crossed <= BOUND
    maxima = np.exp(np.maximum.accumulate(np.maximum(paths, 0), axis=-1))[:, :, -1].mean(0)
    assert maxima.mean() > 1.5
