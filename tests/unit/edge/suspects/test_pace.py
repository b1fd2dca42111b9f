"""Requests are spread; waits are read as they were meant."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.edge.suspects.pace import LONGEST_WAIT_S, Pace, backoff_s, retry_after_s
from gauger.errors import ConfigError

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def test_an_idle_hour_saves_nothing_up() -> None:
    now, slept = [0.0], list[float]()
    pace = Pace(60, clock=lambda: now[0], sleep=slept.append)
    pace.turn()
    pace.turn()
    assert slept == [1]
    now[0] = 3600
    pace.turn()
    now[0] = 3600.25
    pace.turn()
    assert slept == [1, 0.75]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rates_that_are_none(rate: float) -> None:
    with pytest.raises(ConfigError):
        Pace(rate, clock=lambda: 0.0, sleep=lambda _: None)


def test_waits_double_up_to_a_cap() -> None:
    rng = np.random.default_rng(1)
    for attempt, most in [(0, 1), (1, 2), (5, 32), (6, LONGEST_WAIT_S), (10_000, LONGEST_WAIT_S)]:
        drawn = [backoff_s(attempt, rng) for _ in range(50)]
        assert most / 2 <= min(drawn) < max(drawn) <= most


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "9" * 5000}, 999_999_999),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:01 GMT", "date": DATE}, 61),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:01 GMT"}, None),
        ({}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "\N{ARABIC-INDIC DIGIT SEVEN}"}, None),
        ({"retry-after": "Wed, 99 Oct 99999 07:29:01 GMT", "date": DATE}, None),
    ],
)
def test_what_a_response_asks_for(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after_s(headers) == wait
