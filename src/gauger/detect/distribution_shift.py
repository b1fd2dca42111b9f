"""Signal 4: what a pool of accounts asks, against what everyone asks.

A prompt is a point in a random projection of its words (`topic_*`); an account is the mean of its
prompts. The unit is the account, so that a chatty one counts once. Power comes from the pool: one
account at 10 % dilution looks like any other, fifteen of them together do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.tables import TOPICS
from gauger.detect.traffic import Traffic
from gauger.stats import calibrators

MIN_PROMPTS = 5
RIDGE = 0.1
POOL_NULL = "the pool's accounts are exchangeable with the other accounts in what they ask"


def account_means(traffic: Traffic) -> NDArray[np.float64]:
    """Mean embedding of each account's prompts, shape (accounts, TOPICS); NaN below five prompts."""
    sums = traffic.accounts[[f"topic_{i}" for i in range(TOPICS)]].to_numpy(dtype=float)
    n = traffic.accounts["prompts"].to_numpy(dtype=float)
    return np.where((n >= MIN_PROMPTS)[:, None], sums / np.maximum(n, 1)[:, None] / 127, np.nan)


def asked(topics: NDArray[np.float64], elicits: NDArray[np.float64]) -> NDArray[np.float64]:
    """What accounts ask, as rows for ``pool_test``: mean embeddings, and how often each class of elicitation occurs.

    Args:
        topics: mean embeddings, shape (accounts, TOPICS).
        elicits: share of prompts above each class's threshold, shape (accounts, classes).
    """
    return np.concatenate([topics, np.sqrt(elicits)], axis=1)  # the root evens out the spread of rare shares


def mean_shift(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Squared distance of two mean embeddings (linear-kernel MMD), unbiased.

    Args:
        inside, outside: account means, shape (accounts, TOPICS), without NaN; at least two rows each.
    """
    gap = inside.mean(axis=0) - outside.mean(axis=0)
    noise = inside.var(axis=0, ddof=1) / len(inside) + outside.var(axis=0, ddof=1) / len(outside)
    return float((gap**2 - noise).sum())


def spread(means: NDArray[np.float64], n: NDArray[np.float64]) -> float:
    """How far accounts differ in what they ask: the variance of their true means, unbiased, summed over dimensions.

    A mean over few prompts scatters more than one over many; embeddings have length 1, so what a mean scatters by is
    known from its own length, and is taken off. Else whoever sends much looks like everyone else who does.

    Args:
        means: account means, shape (accounts, TOPICS), at least two rows; n: prompts behind each, at least two.
    """
    noise = (1 - (means**2).sum(axis=1)) / (n - 1)
    return float(means.var(axis=0, ddof=1).sum() - noise.mean())


def pool_test(
    rows: NDArray[np.float64], mine: NDArray[np.bool_], rng: np.random.Generator, draws: int = 999
) -> tuple[float, float]:
    """Does a pool of accounts ask for other things than the rest? A permutation test of whitened means.

    Null: ``POOL_NULL``.  Guarantee: P(p <= u) <= u, and E[e] <= 1, if the pool was chosen without looking at prompts
        (by card, network, ban list), and not by this or another test of the same prompts.
    Not claimed: why they differ. A class, an office or an app differs from the crowd as well.
    Source: Gretton et al. 2012 (MMD, here with a linear kernel); Wang & Ramdas 2022 (soft-rank e-value).
    Deviates: distances are in the covariance of all accounts (ridged), which a permutation leaves as it is.

    Args:
        rows: what each account asks (``asked``), shape (accounts, k), without NaN; the account is the unit.
        mine: which accounts are the pool, shape (accounts,).

    Returns:
        Natural logs of the p-value and of the e-value.
    """
    scaled = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-12)
    spread = scaled.T @ scaled / len(scaled) + RIDGE * np.eye(rows.shape[1])
    white = np.linalg.solve(np.linalg.cholesky(spread), scaled.T).T
    picks = np.argsort(rng.random((draws, len(rows))), axis=1)[:, : int(mine.sum())]
    drawn = (white[picks].mean(axis=1) ** 2).sum(axis=1)
    seen = float((white[mine].mean(axis=0) ** 2).sum())
    return float(calibrators.permutation_log_p(seen, drawn)), float(calibrators.soft_rank_log_e(seen, drawn))


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Distance of the members' mean from the rest of the log's, and how close members are to one another."""
    means = account_means(traffic)
    known = ~np.isnan(means[:, 0])
    mine = np.zeros(traffic.size, dtype=bool)
    mine[members] = True
    inside, outside = means[known & mine], means[known & ~mine]
    if len(inside) < 3 or len(outside) < 3:
        return {"shift": float("nan"), "alike": float("nan")}
    total = max(float(outside.var(axis=0, ddof=1).sum()), 1e-12)
    n = traffic.accounts["prompts"].to_numpy(dtype=float)
    crowd = max(spread(outside, n[known & ~mine]), 1e-3)
    return {
        "shift": float(np.sqrt(max(mean_shift(inside, outside), 0) / total)),
        "alike": -float(np.log(np.clip(spread(inside, n[known & mine]) / crowd, 0.02, 50.0))),
    }


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.has_prompts else "the log holds no prompts"


SIGNAL = Signal(id="distribution-shift", title="Distribution shift", group=group, missing=missing)
