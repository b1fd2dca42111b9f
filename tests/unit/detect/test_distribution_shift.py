"""The pooled two-sample test: unbiased without a shift, and strong only by pooling accounts."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.distribution_shift import (
    MIN_PROMPTS,
    SIGNAL,
    account_means,
    asked,
    group,
    mean_shift,
    pool_test,
    spread,
)
from gauger.detect.tables import TOPICS
from gauger.detect.traffic import Traffic
from gauger.stats.tails import binomial_log_lower, binomial_log_upper

RARE = np.log(1e-9)
CROWD = 300
OWN, NOISE = 0.1, 0.3  # how accounts differ from one another, and prompts of one account, per dimension
HARVEST = np.full(TOPICS, 2.2 / np.sqrt(TOPICS))  # what a harvesting prompt adds


def accounts(size: int, diluted: float, rng: np.random.Generator) -> np.ndarray:
    """Sums of 100 prompts' embeddings an account, of which so large a share harvests, shape (size, TOPICS)."""
    own, noise = rng.normal(0, OWN, (size, TOPICS)), rng.normal(0, NOISE * np.sqrt(100), (size, TOPICS))
    return np.round((100 * own + noise + rng.binomial(100, diluted, (size, 1)) * HARVEST) * 127)


def shift(made: Traffic, crowd: np.ndarray, members: np.ndarray) -> float:
    """The shift of some members added to a crowd; ``made`` has an account for each."""
    made.accounts[[f"topic_{i}" for i in range(TOPICS)]] = np.concatenate([members, crowd])
    return group(made, np.arange(len(members)))["shift"]


def test_no_shift_is_zero_on_average() -> None:
    rng = np.random.default_rng(1)
    draws = [mean_shift(rng.normal(size=(15, TOPICS)), rng.normal(size=(60, TOPICS))) for _ in range(3000)]
    assert abs(np.mean(draws)) < 6 * np.std(draws) / np.sqrt(len(draws))  # the bias of a plain square is 190 of these


def test_a_shift_is_its_square_on_average() -> None:
    rng = np.random.default_rng(2)
    draws = [mean_shift(rng.normal(0.5, 1, (15, TOPICS)), rng.normal(size=(60, TOPICS))) for _ in range(1000)]
    assert np.mean(draws) == pytest.approx(0.25 * TOPICS, abs=6 * np.std(draws) / np.sqrt(len(draws)))


def prompts_of(centres: np.ndarray, n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of n unit vectors scattered around each centre, shape (accounts, TOPICS)."""
    drawn = [c + rng.normal(size=(k, TOPICS)) / np.sqrt(TOPICS) for c, k in zip(centres, n, strict=True)]
    return np.array([(d / np.linalg.norm(d, axis=1, keepdims=True)).mean(axis=0) for d in drawn])


def test_accounts_that_ask_alike_have_no_spread_however_few_their_prompts() -> None:
    rng = np.random.default_rng(5)
    centres = np.tile(rng.normal(size=TOPICS) / np.sqrt(TOPICS), (12, 1))
    for low, high in ((5, 9), (200, 400)):
        draws = []
        for _ in range(300):
            n = rng.integers(low, high, 12)
            draws.append(spread(prompts_of(centres, n, rng), n.astype(float)))
        assert abs(np.mean(draws)) < 6 * np.std(draws) / np.sqrt(len(draws))  # untouched it is some 0.09 of few prompts


def test_alike_is_no_matter_of_volume(traffic) -> None:
    """Loud accounts that each ask for their own thing are as little alike as quiet ones; one hand's are alike."""
    rng = np.random.default_rng(6)
    own = rng.normal(size=(CROWD, TOPICS)) / np.sqrt(TOPICS)
    own[:20] = own[0]
    n = np.full(CROWD, 10)
    n[20:40] = 300
    made = traffic(CROWD, prompts=n)
    made.accounts[[f"topic_{i}" for i in range(TOPICS)]] = prompts_of(own, n, rng) * n[:, None] * 127
    one_hand, loud, quiet = (group(made, np.arange(i, i + 20))["alike"] for i in (0, 20, 40))
    assert one_hand > 1.5
    assert abs(loud) < 0.3
    assert abs(quiet) < 0.3


def test_power_at_ten_percent_dilution_comes_from_the_pool(traffic) -> None:
    rng = np.random.default_rng(3)
    crowd = accounts(CROWD, 0, rng)

    def shifts(size: int, diluted: float, times: int) -> np.ndarray:
        made = traffic(size + CROWD)
        return np.array([shift(made, crowd, accounts(size, diluted, rng)) for _ in range(times)])

    def seen(size: int) -> tuple[int, int]:
        bar = np.sort(shifts(size, 0, 100))[-2]  # two benign pools in a hundred reach it
        return int((shifts(size, 0.1, 80) > bar).sum()), 80

    assert np.isnan(shifts(1, 0.1, 1)).all()  # one account of 100 prompts
    few, pool = seen(3), seen(15)
    assert binomial_log_upper(*few, 0.5) > RARE  # 300 prompts: mostly not (one in four, by a long run)
    assert binomial_log_lower(*pool, 0.95) > RARE  # 1500 prompts: nearly always (98 in 100)
    assert binomial_log_upper(*pool, 0.5) < RARE


def test_accounts_with_few_prompts_are_left_out(traffic) -> None:
    made = traffic(4, prompts=[MIN_PROMPTS - 1, MIN_PROMPTS, 50, 50], topic_0=127)
    means = account_means(made)
    assert np.isnan(means[0]).all()
    assert means[1:, 0].tolist() == pytest.approx([1 / MIN_PROMPTS, 1 / 50, 1 / 50])
    assert np.isnan(group(made, np.arange(3))["shift"])


def test_without_prompts_it_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(4, prompts=0))
    assert not SIGNAL.missing(traffic(4))


def test_the_pool_test_keeps_its_error_and_sees_rare_elicitation() -> None:
    rng = np.random.default_rng(6)
    mine = np.arange(75) < 15

    def tested(share: float) -> tuple[float, float]:
        """Fifteen accounts of a hundred prompts, of which so large a share elicits, beside sixty that do not."""
        topics = rng.normal(0, OWN, (75, TOPICS))
        elicits = rng.binomial(100, np.where(mine, 0.005 + share, 0.005)[:, None], (75, 6)) / 100
        return pool_test(asked(topics, elicits), mine, rng, draws=99)

    null = np.array([tested(0.0) for _ in range(400)])
    assert binomial_log_upper(int((null[:, 0] <= np.log(0.05)).sum()), 400, 0.05) > RARE
    assert binomial_log_lower(int((null[:, 0] <= np.log(0.5)).sum()), 400, 0.5) > RARE  # and it is not idle
    stake = 0.1  # a bet of a tenth keeps its mean at 1 as well, and grows if e does not
    assert np.log1p(stake * np.expm1(null[:, 1])).sum() < -RARE
    hits = sum(tested(0.03)[0] <= np.log(0.01) for _ in range(40))
    assert binomial_log_lower(hits, 40, 0.95) > RARE
    assert binomial_log_upper(hits, 40, 0.5) < RARE
