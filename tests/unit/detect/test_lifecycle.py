"""Births, bans and rebirths, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.lifecycle import SIGNAL, group

DAY_S = 86_400
START_S = 20_000 * DAY_S
MEMBERS = np.arange(10)
HOUR = 3600


def times(size: int) -> dict[str, np.ndarray]:
    """`first` and `banned_at` of accounts: five members banned on day 4, five born an hour later."""
    first = np.full(size, START_S)
    first[5:10] = START_S + 4 * DAY_S + HOUR
    banned = np.full(size, np.nan)
    banned[:5] = START_S + 4 * DAY_S
    return {"first": first, "banned_at": banned}


def test_members_born_after_a_members_ban(traffic) -> None:
    assert group(traffic(30, **times(30)), MEMBERS)["rebirths"] == 0.5
    assert group(traffic(30, **times(30)), MEMBERS)["banned"] == pytest.approx(5 / 10 - 5 / 30)


def test_strangers_born_then_as_well_are_chance(traffic) -> None:
    given = times(30)
    given["first"][10:30] = START_S + 9 * DAY_S
    given["first"][10:20] = given["first"][5]  # half of the strangers that are born late
    assert group(traffic(30, **given), MEMBERS)["rebirths"] == pytest.approx(0.5 - 0.5 * 0.5)


def test_births_before_the_ban_or_long_after_are_none(traffic) -> None:
    given = times(30)
    given["first"][5:10] = START_S + 3 * DAY_S + np.arange(5)
    assert group(traffic(30, **given), MEMBERS)["rebirths"] == 0
    given["first"][5:10] = START_S + 6 * DAY_S + np.arange(5)
    assert group(traffic(30, **given), MEMBERS)["rebirths"] == 0
    given["first"][5:10] = START_S + 6 * DAY_S - 1
    assert group(traffic(30, **given), MEMBERS)["rebirths"] == 0.5


def test_the_bans_of_others_are_no_matter(traffic) -> None:
    scores = group(traffic(30, **times(30)), np.arange(5, 15))
    assert scores["rebirths"] == 0
    assert np.isnan(group(traffic(30), MEMBERS)["rebirths"])  # no bans table


def test_use_against_the_plan(traffic) -> None:
    n = np.full(20, 100)
    n[:3] = 800
    plan = ["free"] * 10 + ["paid"] * 10
    assert group(traffic(20, n=n, plan=plan), np.arange(3))["plan_to_use"] == pytest.approx(np.log(8))


def test_full_speed_from_the_first_hour(traffic) -> None:
    hours = np.zeros((2, 14 * 24))
    hours[0] = 2  # at once
    hours[1] = np.linspace(0, 4, 14 * 24).round()  # slowly
    made = traffic(2, hours=hours)
    assert group(made, np.array([0]))["no_ramp"] == pytest.approx(0, abs=0.01)
    assert group(made, np.array([1]))["no_ramp"] < -0.7


def test_people_rest(traffic) -> None:
    made = traffic(8, days=[14] * 4 + [7] * 4, last=START_S + 14 * DAY_S - 1)
    assert group(made, np.arange(4))["persistent"] == 1
    assert group(made, np.arange(4, 8))["persistent"] == 0.5
    assert np.isnan(group(traffic(8, last=START_S + DAY_S), np.arange(4))["persistent"])


def test_a_crowd_that_met_once_does_not_last(traffic) -> None:
    made = traffic(8, days=[7] * 4 + [1] * 4, last=START_S + 14 * DAY_S - 1)
    log_days = made.hours.shape[1] / 24
    assert group(made, np.arange(4))["lasting"] == pytest.approx(7 / log_days)
    assert group(made, np.arange(4, 8))["lasting"] == pytest.approx(1 / log_days)


def test_a_short_log_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(3, days=3))
    assert not SIGNAL.missing(traffic(3, days=4))
