"""Signal 5: requests that keep step, fill in for one another, or never sleep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic
from gauger.stats import calibrators

DAY_H = 24
DRAWS = 99
EPOCH_WEEKDAY, SATURDAY = 3, 5  # 1970 began on a Thursday; Monday is 0
STEP_NULL = (
    "which working days, and which days of the weekends, a member is active is independent of the other members' days"
)


def circadian(counts: NDArray[np.float64]) -> float:
    """Strength of the daily rhythm of 24 hourly counts: 0 is flat; corrected for the sample's size."""
    n = counts.sum()
    if n < DAY_H:
        return float("nan")
    chi2 = float(((counts - n / DAY_H) ** 2).sum() / (n / DAY_H))
    return float(np.sqrt(max(chi2 - (DAY_H - 1), 0) / n))


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Daily rhythm, and whether the members' sum is burstier or smoother than their days allow."""
    hours = np.asarray(traffic.hours[members].toarray(), dtype=np.float64)
    of_day = _by_hour_of_day(traffic, hours.sum(axis=0))
    step = step_deviate(hours, traffic.start, np.random.default_rng(len(members)))
    return {
        "no_rhythm": -circadian(of_day),
        "lockstep": float(np.log1p(max(step, 0))),
        "load_balanced": float(np.log1p(max(-step, 0))),
        "start_together": _start_together(traffic, members),
    }


def step_deviate(hours: NDArray[np.float64], start: int, rng: np.random.Generator) -> float:
    """How far the variance of the members' summed hourly counts is from that of unsynchronised members.

    Args:
        hours: shape (members, hours), counts; start: hours since 1970 of the first.

    Returns:
        A standardised deviate: positive for lockstep, negative for load balancing; 0 where it cannot be told.
    """
    seen, drawn = rotated_variances(hours, start, rng, DRAWS)
    return float((seen - drawn.mean()) / (drawn.std() + 1e-9)) if len(drawn) else 0.0


def step_log_e(hours: NDArray[np.float64], start: int, rng: np.random.Generator, draws: int = 999) -> float:
    """Natural log of an e-value that the members keep step, or fill in for one another.

    Null: ``STEP_NULL``: rotating a member's days, independently of the others', changes nothing. A day that
        is special to everyone (a holiday, an outage, another weekend than Saturday and Sunday) breaks it too.
    Guarantee: E[e] <= 1 under the null, if the members were not chosen by their timing. A group that was chosen
        among several by its timing divides by their number.
    Not claimed: anything about intent: a classroom keeps step as well.
    Source: Wang & Ramdas 2022 (soft-rank e-value) over circular shifts.  Deviates: nothing.
    """
    seen, drawn = rotated_variances(hours, start, rng, draws)
    every = np.append(seen, drawn)  # centred and scaled over all alike: else the seen one is not exchangeable
    if not len(drawn) or every.std() == 0:
        return 0.0
    far = np.abs(every - every.mean()) / every.std()
    return float(calibrators.soft_rank_log_e(far[0], far[1:]))


def rotated_variances(
    hours: NDArray[np.float64], start: int, rng: np.random.Generator, draws: int
) -> tuple[float, NDArray[np.float64]]:
    """Variance over time of the members' sum, as seen and with each member's days rotated at random.

    A rotation by whole days, working days and weekends apart, keeps a member's rhythm, week and volume, and
    breaks what ties it to the others. The drawn ones are empty for under two members or three days.

    Args:
        hours: shape (members, hours), counts, from ``start`` (hours since 1970) on. Broken days at either end are cut.
    """
    early = -start % DAY_H
    days = (hours.shape[1] - early) // DAY_H
    if len(hours) < 2 or days < 3:
        return 0.0, np.zeros(0)
    series = hours[:, early : early + days * DAY_H].reshape(len(hours), days, DAY_H)
    rest = ((start + early) // DAY_H + np.arange(days) + EPOCH_WEEKDAY) % 7 >= SATURDAY
    rows = np.arange(len(hours))[:, None]
    drawn = np.empty(draws)
    for i in range(draws):
        day = np.empty((len(hours), days), dtype=np.int64)
        for kind in (np.flatnonzero(rest), np.flatnonzero(~rest)):
            if len(kind):
                turn = rng.integers(0, len(kind), len(hours))[:, None]
                day[:, kind] = kind[(np.arange(len(kind))[None, :] + turn) % len(kind)]
        drawn[i] = series[rows, day].sum(axis=0).var()
    return float(series.sum(axis=0).var()), drawn


def _by_hour_of_day(traffic: Traffic, hourly: NDArray[np.float64]) -> NDArray[np.float64]:
    of_day = np.zeros(DAY_H)
    np.add.at(of_day, (traffic.start + np.arange(len(hourly))) % DAY_H, hourly)
    return of_day


def _start_together(traffic: Traffic, members: Members) -> float:
    """Largest share of members first seen in one day, beyond that day's share of all accounts.

    The log's first day is left out: everyone who was there before seems to start in it.
    """
    day = (traffic.accounts["first"].to_numpy() // 86400).astype(np.int64)
    day -= day.min()
    mine = np.bincount(day[members], minlength=day.max() + 1) / len(members)
    others = np.bincount(day, minlength=day.max() + 1) / len(day)
    return float((mine - others)[1:].max(initial=0.0))


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.hours.shape[1] >= 3 * DAY_H else "the log covers less than three days"


SIGNAL = Signal(id="timing", title="Timing", group=group, missing=missing)
