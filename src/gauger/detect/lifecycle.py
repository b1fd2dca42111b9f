"""Signal 7: accounts that are born at full speed, out-use their plan, and are reborn after bans."""

from __future__ import annotations

import numpy as np

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic

DAY_S = 86400
REBIRTH_S = 2 * DAY_S


def group(traffic: Traffic, members: Members) -> GroupScores:
    """How the group's accounts begin, spend and are replaced."""
    return {
        "no_ramp": _no_ramp(traffic, members),
        "plan_to_use": _plan_to_use(traffic, members),
        "rebirths": _rebirths(traffic, members),
        "banned": _banned(traffic, members),
        "persistent": _persistent(traffic, members),
        "lasting": _lasting(traffic, members),
    }


def _no_ramp(traffic: Traffic, members: Members) -> float:
    """Rate in a member's first quarter of life over its whole rate, log, median; ramps are below 0."""
    rows = traffic.accounts.iloc[members]
    log_ratios = []
    for a, first, last in zip(members, rows["first"], rows["last"], strict=True):
        hours = np.asarray(traffic.hours[[a]].toarray()).ravel()
        begin, end = int(first // 3600) - traffic.start, int(last // 3600) - traffic.start + 1
        if end - begin < 96 or hours.sum() < 20:
            continue
        quarter = hours[begin : begin + (end - begin) // 4].sum()
        log_ratios.append(np.log((quarter + 1) / (hours.sum() / 4 + 1)))
    return float(np.median(log_ratios)) if log_ratios else float("nan")


def _plan_to_use(traffic: Traffic, members: Members) -> float:
    """Log of a member's exchanges over the median of accounts on the same plan, median over members."""
    rows = traffic.accounts
    if rows["plan"].isna().all():
        return float("nan")
    typical = rows.groupby(rows["plan"].fillna("?"))["n"].transform("median")
    return float(np.median(np.log(rows["n"] / typical).to_numpy()[members]))


def _rebirths(traffic: Traffic, members: Members) -> float:
    """Share of members first seen within two days of another member's ban, beyond chance."""
    banned = np.sort(traffic.accounts["banned_at"].to_numpy(dtype=float)[members])
    banned = banned[~np.isnan(banned)]
    if traffic.accounts["banned_at"].isna().all():
        return float("nan")
    first = traffic.accounts["first"].to_numpy(dtype=float)
    born_late = first > first.min() + DAY_S
    if not len(banned):
        return 0.0

    def after_ban(times: np.ndarray) -> float:
        i = np.searchsorted(banned, times, side="right") - 1
        return float(((i >= 0) & (times - banned[np.maximum(i, 0)] < REBIRTH_S)).sum())

    others = np.setdiff1d(np.flatnonzero(born_late), members)
    chance = after_ban(first[others]) / max(len(others), 1)
    mine = members[born_late[members]]
    return after_ban(first[mine]) / len(members) - chance * len(mine) / len(members)


def _banned(traffic: Traffic, members: Members) -> float:
    """How much more often members were banned than accounts at large."""
    banned = traffic.accounts["banned_at"].notna().to_numpy()
    return float(banned[members].mean() - banned.mean()) if banned.any() else float("nan")


def _persistent(traffic: Traffic, members: Members) -> float:
    """Active days over days of life: people rest."""
    rows = traffic.accounts.iloc[members]
    life = (rows["last"] // DAY_S - rows["first"] // DAY_S + 1).to_numpy(dtype=float)
    long = life >= 4
    return float(np.median((rows["days"].to_numpy(dtype=float) / life)[long])) if long.any() else float("nan")


def _lasting(traffic: Traffic, members: Members) -> float:
    """Active days over the log's days, median over members: a crowd that met for one event is gone tomorrow."""
    days = traffic.hours.shape[1] / 24
    return (
        float(np.median(traffic.accounts["days"].to_numpy(dtype=float)[members]) / days) if days >= 4 else float("nan")
    )


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run in full."""
    return "" if traffic.hours.shape[1] >= 4 * 24 else "the log covers less than four days"


SIGNAL = Signal(id="lifecycle", title="Lifecycle", group=group, missing=missing)
