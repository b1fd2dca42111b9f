"""A pivot to a new model, and leaving together, beyond what everyone does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gauger.detect.event_response import SIGNAL, group, releases
from gauger.detect.traffic import Sides

DAY_S, HOUR_S = 86_400, 3600
START_S = 20_000 * DAY_S
OUT_S = START_S + 5 * DAY_S  # the release
MEMBERS = np.arange(4)


def pivoting(after_s: int, quick: int = 4, crowd: int = 10) -> list[tuple[int, str, int]]:
    """First uses: all of the old model at the start, and some of the new one so long after its release."""
    old = [(i, "old", START_S) for i in range(100)]
    return old + [(i, "new", OUT_S + after_s) for i in range(quick)] + [(90 + i, "new", OUT_S) for i in range(crowd)]


def test_all_members_turn_within_a_day(traffic) -> None:
    made = traffic(100, models=pivoting(HOUR_S))
    assert group(made, MEMBERS)["pivot"] == pytest.approx(1 - 14 / 100)
    assert group(made, np.arange(50, 60))["pivot"] == 0


def test_half_of_them_late(traffic) -> None:
    assert group(traffic(100, models=pivoting(HOUR_S, quick=2)), MEMBERS)["pivot"] == pytest.approx(0.5 - 12 / 100)
    assert group(traffic(100, models=pivoting(DAY_S)), MEMBERS)["pivot"] == 0


def test_only_who_was_active_before_and_after_can_turn(traffic) -> None:
    first = np.full(100, START_S)
    first[2:4] = OUT_S + HOUR_S  # born after the release
    made = traffic(100, models=pivoting(HOUR_S, quick=2), first=first)
    assert group(made, MEMBERS)["pivot"] == pytest.approx(1 - 12 / 98)


def test_releases_as_given_or_as_first_seen(traffic) -> None:
    assert releases(traffic(100, models=pivoting(HOUR_S))) == {"new": OUT_S}  # "old" was there from the start
    table = pd.DataFrame({"model": ["new"], "released_at": [pd.Timestamp(OUT_S - 60, unit="s", tz="UTC")]})
    assert releases(traffic(100, models=pivoting(HOUR_S), sides=Sides(releases=table))) == {"new": OUT_S - 60}


def test_leaving_together(traffic) -> None:
    last = np.full(20, START_S + 14 * DAY_S - 1)
    last[:3] = START_S + 6 * DAY_S
    made = traffic(20, last=last, models=[(0, "old", START_S)])
    assert group(made, MEMBERS)["left_together"] == pytest.approx(3 / 4 - 3 / 20)
    assert group(made, np.arange(10, 14))["left_together"] == 0  # there to the end


def test_without_models_it_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(4))
    assert not SIGNAL.missing(traffic(4, models=[(0, "old", START_S)]))
