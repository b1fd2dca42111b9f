"""When requests come. Times are seconds since the world's start, which is a midnight UTC on a Monday."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gauger.detect.simulate.spec import DAY

Times = NDArray[np.float64]
WAKING = np.array(
    [1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3.5, 5, 5.5, 5.2, 4.4, 4.8, 5.2, 5, 4.6, 4, 3.8, 4, 4.4, 4, 3, 1.8]
)
_OFFICE = np.array([0, 0, 0, 0, 0, 0, 0.2, 1, 4, 6, 6.5, 6, 3, 5, 6.5, 6, 5, 3, 1, 0.3, 0.2, 0.1, 0, 0])
_BURST_S = 80.0
_WEEKEND = {"waking": 0.7, "office": 0.08}


def circadian(
    rng: np.random.Generator, zone_h: NDArray[Any], days: int, profile: str = "waking", first_day: int = 0
) -> Times:
    """One arrival for each entry of `zone_h` (hours east of UTC, fractions shift the owner's habits)."""
    weights = np.where(np.arange(first_day, days) % 7 >= 5, _WEEKEND[profile], 1.0)
    hours = _OFFICE if profile == "office" else WAKING
    day = first_day + rng.choice(len(weights), size=len(zone_h), p=weights / weights.sum())
    local = rng.choice(24, size=len(zone_h), p=hours / hours.sum()) + rng.random(len(zone_h))
    return np.asarray(day * DAY + ((local - zone_h) % 24) * 3600)


def flat(rng: np.random.Generator, n: int, start: float, end: float) -> Times:
    """n arrivals spread evenly by chance."""
    return np.sort(rng.uniform(start, end, n))


def queue(rng: np.random.Generator, n: int, start: float, end: float, jitter: float = 0.35) -> Times:
    """n arrivals at an almost constant rate: a worker queue, smoother than chance."""
    step = (end - start) / max(n, 1)
    return np.sort(start + step * (np.arange(n) + 0.5 + rng.uniform(-jitter, jitter, n)))


def lockstep(rng: np.random.Generator, n: int, start: float, end: float, every_s: float) -> Times:
    """n arrivals in bursts that begin every `every_s` seconds."""
    bursts = max(int((end - start) // every_s), 1)
    return np.asarray(start + rng.integers(bursts, size=n) * every_s + rng.exponential(_BURST_S, n))
