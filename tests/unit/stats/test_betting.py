"""The five e-processes: worked numbers, immutability, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats.betting import Bernoulli, BoundedMean, Exponential, Paired, Process, Ranks

PROCESSES: list[tuple[Process, list[float]]] = [
    (Bernoulli(p0=0.25), [1, 0, 1, 1]),
    (Bernoulli(p0=0.25, side="less"), [1, 0, 0, 0]),
    (Bernoulli(p0=0.25, side="two-sided"), [1, 0, 1, 1]),
    (Exponential(), [0.5, 2.5, 7.0]),
    (BoundedMean(m=0.3), [0.9, 0.1, 1.0]),
    (BoundedMean(m=0.3, side="two-sided"), [0.9, 0.1, 0.0]),
    (Paired(scale=2.0), [-1.0, 3.5, 0.0]),
    (Ranks(others=9), [9, 8, 0, 9]),
]


@pytest.mark.parametrize(("test", "xs"), PROCESSES, ids=lambda v: repr(v) if isinstance(v, Process) else "")
class TestEveryProcess:
    def test_starts_at_one(self, test: Process, xs: list[float]) -> None:
        assert test.initial().n == 0
        assert float(test.log_e(test.initial())) == pytest.approx(0.0, abs=1e-12)

    def test_update_leaves_the_old_state_alone(self, test: Process, xs: list[float]) -> None:
        state = test.initial()
        after = test.update(state, xs)
        assert state.n == 0
        assert not state.sums.any()
        assert after.n == len(xs)
        with pytest.raises(ValueError, match="read-only"):
            after.sums[...] = 0

    def test_no_observation_changes_nothing(self, test: Process, xs: list[float]) -> None:
        state = test.update(test.initial(), xs)
        assert test.log_e(test.update(state, [])) == test.log_e(state)

    def test_path_ends_at_the_state(self, test: Process, xs: list[float]) -> None:
        path = test.path(test.initial(), xs)
        states = [test.update(test.initial(), xs[: i + 1]) for i in range(len(xs))]
        assert path.tolist() == [float(test.log_e(s)) for s in states]

    def test_streams_run_side_by_side(self, test: Process, xs: list[float]) -> None:
        both = test.update(test.initial(), [xs, xs[::-1]])
        assert both.n == len(xs)
        alone = [test.log_e(test.update(test.initial(), x)) for x in (xs, xs[::-1])]
        assert test.log_e(both).tolist() == [float(a) for a in alone]

    def test_refuses_nan(self, test: Process, xs: list[float]) -> None:
        with pytest.raises(InputError):
            test.update(test.initial(), [math.nan])


def test_bernoulli_with_a_uniform_prior_is_laplace() -> None:
    # Beta(1, 1): the marginal of k ones in n is 1 / ((n + 1) C(n, k)).
    test = Bernoulli(p0=0.5, side="two-sided", strengths=(2.0,))
    value = test.log_e(test.update(test.initial(), [1] * 7 + [0] * 3))
    assert float(value) == pytest.approx(10 * math.log(2) - math.log(11 * math.comb(10, 3)), abs=1e-12)


def test_bernoulli_cut_to_one_side_doubles_what_lies_there() -> None:
    # All ones: nearly all posterior mass is above 1/2, half of the prior is.
    cut = Bernoulli(p0=0.5, strengths=(2.0,))
    whole = Bernoulli(p0=0.5, side="two-sided", strengths=(2.0,))
    gain = cut.log_e(cut.update(cut.initial(), [1] * 60)) - whole.log_e(whole.update(whole.initial(), [1] * 60))
    assert float(gain) == pytest.approx(math.log(2), abs=1e-12)


def test_sides_mirror() -> None:
    up, down = Bernoulli(p0=0.3), Bernoulli(p0=0.7, side="less")
    xs = np.array([1, 1, 0, 1, 1, 1])
    a, b = up.log_e(up.update(up.initial(), xs)), down.log_e(down.update(down.initial(), 1 - xs))
    assert float(a) == pytest.approx(float(b), abs=1e-12)
    more, less = BoundedMean(m=0.25), BoundedMean(m=0.75, side="less")
    a, b = more.log_e(more.update(more.initial(), xs)), less.log_e(less.update(less.initial(), 1 - xs))
    assert float(a) == pytest.approx(float(b), abs=1e-12)


def test_a_posterior_tail_far_below_the_floats_is_still_exact() -> None:
    # Uniform over (1/2, 1), n zeros: 2 (1 - q)^n 2^n integrates to 1 / (n + 1); the tail alone is 2^-5001.
    test = Bernoulli(p0=0.5, strengths=(2.0,))
    value = float(test.log_e(test.update(test.initial(), np.zeros(5000))))
    assert value == pytest.approx(-math.log(5001), abs=1e-9)


def test_bounded_mean_bets_as_written() -> None:
    test = BoundedMean(m=0.2, fractions=(0.5,))
    value = test.log_e(test.update(test.initial(), [1.0, 0.0]))
    assert float(value) == pytest.approx(math.log(1 + 2.5 * 0.8) + math.log(1 - 2.5 * 0.2))


def test_paired_ties_bet_nothing_and_scale_clips() -> None:
    signs = Paired()
    assert float(signs.log_e(signs.update(signs.initial(), [0.0] * 9))) == 0.0
    clipped = Paired(scale=1.0)
    big = clipped.update(clipped.initial(), [50.0, 1.0])
    assert float(clipped.log_e(big)) == float(signs.log_e(signs.update(signs.initial(), [1.0, 1.0])))


def test_two_ranks_are_a_coin() -> None:
    ranks, coin = Ranks(others=1), Bernoulli(p0=0.5, side="two-sided")
    xs = [1, 1, 0, 1, 1, 1, 1]
    assert float(ranks.path(ranks.initial(), xs)[-1]) == pytest.approx(float(coin.path(coin.initial(), xs)[-1]))


def test_bins_of_unequal_size_have_unequal_nulls() -> None:
    # Ranks 0..2 in two bins: {0, 1} and {2}. In proportion 2:1 they are no evidence.
    test = Ranks(others=2, bins=2)
    even = float(test.path(test.initial(), [0, 1, 2] * 200)[-1])
    assert even < 0
    assert float(test.path(test.initial(), [0, 2] * 300)[-1]) > 20


@pytest.mark.parametrize(
    ("test", "bad"),
    [
        (Bernoulli(p0=0.5), 0.5),
        (Bernoulli(p0=0.5), 2),
        (BoundedMean(m=0.5), 1.01),
        (BoundedMean(m=0.5), -0.01),
        (Ranks(others=3), 4),
        (Ranks(others=3), -1),
        (Ranks(others=3), 1.5),
    ],
)
def test_refuses_impossible_observations(test: Process, bad: float) -> None:
    with pytest.raises(InputError):
        test.update(test.initial(), [bad])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bernoulli(p0=0.0),
        lambda: Bernoulli(p0=1.0),
        lambda: Bernoulli(p0=math.nan),
        lambda: Bernoulli(p0=0.5, side="both"),  # type: ignore[arg-type]
        lambda: Bernoulli(p0=0.5, strengths=()),
        lambda: Bernoulli(p0=0.5, strengths=(0.0,)),
        lambda: BoundedMean(m=0.0),
        lambda: BoundedMean(m=0.5, fractions=(1.0,)),
        lambda: BoundedMean(m=0.5, fractions=(-0.1,)),
        lambda: Paired(scale=-1.0),
        lambda: Paired(scale=math.inf),
        lambda: Ranks(others=0),
        lambda: Ranks(others=3, bins=1),
    ],
)
def test_refuses_impossible_configurations(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]
