"""Rhythm, lockstep and load balancing: by hand, and the e-value's error under independent members."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.timing import SIGNAL, circadian, group, step_deviate, step_log_e
from gauger.stats.tails import binomial_log_upper

RARE = np.log(1e-9)  # a test that fails by chance once in a billion
DAYS, MEMBERS = 14, 5


def busy(on: np.ndarray, rng: np.random.Generator, rate: float = 4.0) -> np.ndarray:
    """Hourly counts by day: office hours of the days that are on, shape (members, days) -> (members, hours)."""
    shape = np.zeros(24)
    shape[9:18] = 1
    return rng.poisson(rate * on[:, :, None] * shape).reshape(len(on), -1).astype(float)


def strangers(rng: np.random.Generator) -> np.ndarray:
    """Members whose days are their own."""
    return busy(rng.random((MEMBERS, DAYS)) < 0.5, rng)


def in_step(rng: np.random.Generator) -> np.ndarray:
    """Members that all work on the same days."""
    return busy(np.tile(rng.permutation(np.arange(DAYS) % 2 == 0), (MEMBERS, 1)), rng)


def in_turn(rng: np.random.Generator) -> np.ndarray:
    """Members that take turns, one a day."""
    return busy(np.arange(DAYS)[None, :] % MEMBERS == np.arange(MEMBERS)[:, None], rng)


def test_a_flat_day_has_no_rhythm() -> None:
    assert circadian(np.full(24, 10.0)) == 0


def test_one_hour_is_all_rhythm() -> None:
    counts = np.zeros(24)
    counts[3] = 240
    assert circadian(counts) == pytest.approx(np.sqrt(23 * 239 / 240))  # chi-square 23 n, less 23, over n
    assert np.isnan(circadian(counts / 20))  # 12 exchanges say nothing


def test_noise_is_no_rhythm() -> None:
    rng = np.random.default_rng(1)
    flat = [circadian(rng.multinomial(200, np.full(24, 1 / 24)).astype(float)) for _ in range(500)]
    assert np.quantile(flat, 0.95) < 0.3  # a person's is above 0.7
    assert np.mean(np.array(flat) == 0) > 0.3


def test_lockstep_is_above_zero_and_taking_turns_below() -> None:
    rng = np.random.default_rng(2)
    assert min(step_deviate(in_step(rng), 0, rng) for _ in range(20)) > 2
    assert max(step_deviate(in_turn(rng), 0, rng) for _ in range(20)) < -1


def test_what_cannot_be_told_is_zero() -> None:
    rng = np.random.default_rng(2)
    for hours in (in_step(rng)[:1], in_step(rng)[:, :48], np.zeros((MEMBERS, DAYS * 24)), np.ones((MEMBERS, 100))):
        assert step_deviate(hours, 0, rng) == 0
        assert step_log_e(hours, 0, rng, draws=19) == 0


@pytest.mark.parametrize("draws", [3, 39])
def test_the_e_value_keeps_its_mean_under_independent_members(draws: int) -> None:
    """If E[e] <= 1, the capital of one who bets a tenth on every e passes 1e9 with probability at most 1e-9."""
    rng = np.random.default_rng(4)
    log_e = np.array([step_log_e(strangers(rng), 0, rng, draws) for _ in range(800)])
    for stake in (0.1, 0.3, 0.6):
        assert np.log1p(stake * np.expm1(log_e)).sum() < -RARE
    for level in (0.5, 0.25, 0.1):
        passed = int((log_e >= -np.log(level)).sum())
        assert binomial_log_upper(passed, len(log_e), level) > RARE


def test_the_e_value_sees_lockstep_and_turns() -> None:
    rng = np.random.default_rng(5)
    assert np.median([step_log_e(in_step(rng), 0, rng) for _ in range(5)]) > np.log(20)
    assert np.median([step_log_e(in_turn(rng), 0, rng) for _ in range(9)]) > np.log(2)


def test_a_group_is_told_by_its_members_together(traffic) -> None:
    rng = np.random.default_rng(6)
    hours = np.concatenate([in_step(rng), in_turn(rng), np.full((MEMBERS, DAYS * 24), 2.0)])
    made = traffic(3 * MEMBERS, hours=hours, days=DAYS)
    step, turn, flat = (group(made, np.arange(k, k + MEMBERS)) for k in range(0, 3 * MEMBERS, MEMBERS))
    assert (step["lockstep"] > 1, step["load_balanced"]) == (True, 0)
    assert (turn["lockstep"], turn["load_balanced"] > 0.7) == (0, True)
    assert step["no_rhythm"] < -1  # nine hours of the day
    assert (flat["lockstep"], flat["load_balanced"], flat["no_rhythm"]) == (0, 0, 0)


def test_starting_together_beyond_the_crowd(traffic) -> None:
    begin = np.arange(20) % 10 * 86_400 + 20_000 * 86_400
    begin[[1, 2, 3]] = begin[5]  # three more on day 5, which 2 of 20 had, and members 1, 2, 3 and 5 are in it
    made = traffic(20, first=begin)
    assert group(made, np.array([1, 2, 3, 4]))["start_together"] == pytest.approx(3 / 4 - 5 / 20)
    first_day = traffic(20, first=np.where(np.arange(20) < 4, 0, np.arange(20)) * 86_400)
    assert group(first_day, np.arange(4))["start_together"] == 0


def test_under_three_days_it_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(5, days=2))
    assert not SIGNAL.missing(traffic(5, days=3))
