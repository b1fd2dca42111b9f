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

MIN_PROMPTS = 5


def account_means(traffic: Traffic) -> NDArray[np.float64]:
    """Mean embedding of each account's prompts, shape (accounts, TOPICS); NaN below five prompts."""
    sums = traffic.accounts[[f"topic_{i}" for i in range(TOPICS)]].to_numpy(dtype=float)
    n = traffic.accounts["prompts"].to_numpy(dtype=float)
    return np.where((n >= MIN_PROMPTS)[:, None], sums / np.maximum(n, 1)[:, None] / 127, np.nan)


def mean_shift(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Squared distance of two mean embeddings (linear-kernel MMD), unbiased.

    Args:
        inside, outside: account means, shape (accounts, TOPICS), without NaN; at least two rows each.
    """
    gap = inside.mean(axis=0) - outside.mean(axis=0)
    noise = inside.var(axis=0, ddof=1) / len(inside) + outside.var(axis=0, ddof=1) / len(outside)
    return float((gap**2 - noise).sum())


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Distance from the rest of the log, and how alike the members are among themselves."""
    means = account_means(traffic)
    known = ~np.isnan(means[:, 0])
    mine = np.zeros(traffic.size, dtype=bool)
    mine[members] = True
    inside, outside = means[known & mine], means[known & ~mine]
    if len(inside) < 3 or len(outside) < 3:
        return {"shift": float("nan"), "alike": float("nan")}
    spread = np.sqrt(outside.var(axis=0, ddof=1).sum() / max(inside.var(axis=0, ddof=1).sum(), 1e-12))
    return {
        "shift": float(np.sqrt(max(mean_shift(inside, outside), 0)) / np.sqrt(outside.var(axis=0, ddof=1).sum())),
        "alike": float(np.clip(np.log(spread), -1, 3)),
    }


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.has_prompts else "the log holds no prompts"


SIGNAL = Signal(id="distribution-shift", title="Distribution shift", group=group, missing=missing)
