"""What a signal is, and the contrasts that several of them make.

A signal lives in one file. It may link accounts (a layer of the graph), and it may describe a group
of accounts by a few numbers, each oriented so that more means more like a harvest. The numbers are
Scores: `detect.campaigns` weighs them together and calibrates the sum on benign groups, and only
that calibrated sum is Evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gauger.detect.traffic import Traffic

Members = NDArray[np.int64]
"""Sorted account indices of a group."""
GroupScores = dict[str, float]
"""Feature name -> value; NaN where the log cannot say (which counts as neither for nor against)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One way to see a campaign.

    Attributes:
        id: the file's name with hyphens; its page in docs/reference/signals.md.
        group: describes a group of accounts.
        missing: says why the signal cannot run on this log, or "" if it can.
    """

    id: str
    title: str
    group: Callable[[Traffic, Members], GroupScores]
    missing: Callable[[Traffic], str]


def ratio(part: float, whole: float) -> float:
    """Part of a whole; NaN where there is no whole."""
    return float(part / whole) if whole > 0 else float("nan")


def background(traffic: Traffic, part: str, whole: str = "n") -> float:
    """Mean over all accounts of a per-account share: each account counts once, however loud it is."""
    rows = traffic.accounts
    shares = rows[part].to_numpy(dtype=float) / np.maximum(rows[whole].to_numpy(dtype=float), 1)
    seen = rows[whole].to_numpy(dtype=float) > 0
    return float(shares[seen].mean()) if seen.any() else float("nan")


def contrast(traffic: Traffic, members: Members, part: str, whole: str = "n") -> float:
    """How much larger a share is in the group than over all accounts, -1 to 1."""
    rows = traffic.accounts.iloc[members]
    return ratio(rows[part].sum(), rows[whole].sum()) - background(traffic, part, whole)
