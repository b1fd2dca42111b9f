"""How fast a suspect is asked, and how long to wait after it refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import numpy as np

from gauger.errors import ConfigError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0


class Pace:
    """A bucket of one token: requests start at least 60 / per_minute seconds apart, retries among them.

    Args:
        clock: seconds that only grow. sleep: waits so many.
    """

    def __init__(self, per_minute: float, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        if not 0 < per_minute <= 1e6:
            raise ConfigError("requests per minute: a number above 0, and at most a million")
        self.clock, self.sleep = clock, sleep
        self._apart, self._next = 60 / per_minute, clock()

    def turn(self) -> None:
        """Wait until the next request may start."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + self._apart


def backoff_s(attempt: int, rng: np.random.Generator) -> float:
    """How long to wait after the attempt (from 0): doubling to a cap, of which a random half or more is taken."""
    return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempt, 16)) * rng.uniform(0.5, 1))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that a response asks for; None where it says none that can be read.

    A date is taken against the response's own, so that no clock of ours has to be right.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    until, now = _date(said), _date(headers.get("date", ""))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
