"""Times of log lines in columns: what `formats.values.micros` makes of those that need no guess."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import uint64

from gauger.compiled import compiled
from gauger.edge.formats.values import EARLIEST, LATEST
from gauger.edge.kernel import kernel, of

MISSING, UNREAD = np.iinfo(np.int64).min, np.iinfo(np.int64).min + 1  # in place of a time: both below all times
_PER_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}  # microseconds

Micros = npt.NDArray[np.int64]


def from_integers(counts: npt.NDArray[np.int64], unit: str | None = None) -> Micros:
    """Microseconds of counts since 1970; of no named unit, the one in which they lie in our century."""
    found = np.full(len(counts), UNREAD)
    for name, scale in _PER_UNIT.items():
        if unit in {None, name}:
            usual = (counts >= EARLIEST // scale) & (counts < LATEST // scale)
            found[usual] = counts[usual] * scale
    if unit == "ns":  # unnamed ones are left: readers to whom all numbers are floats see others
        usual = (counts >= EARLIEST * 1000) & (counts < LATEST * 1000)
        found[usual] = counts[usual] // 1000
    return found


def from_fractions(seconds: npt.NDArray[np.float64], unit: str | None = None) -> Micros:
    """Microseconds of seconds since 1970. UNREAD what is, or may be, of another unit."""
    usual = (seconds >= 1e9) & (seconds < 4e9) & (unit in {None, "s"})
    scaled = np.where(usual, seconds, 0) * 1e6
    micros = np.rint(scaled) if unit else np.floor(scaled + 0.5)  # as `values.micros` does
    return np.where(usual, micros.astype(np.int64), UNREAD)


@compiled
def from_iso(data, spans):  # type: ignore[no-untyped-def]
    """Microseconds of texts as 2026-02-03T04:05:06.789Z, in the shapes that log writers use.

    The seconds' fraction (1 to 9 digits) and the zone (Z, +hh:mm; UTC where there is none) may be missing and a
    blank may stand for the T. UNREAD what is written in another way, no day of the calendar, or out of range.

    Args:
        data: uint8; it goes on for at least one byte behind each text. spans: (count, 2) the texts.
    """
    found = np.empty(len(spans), np.int64)
    for i in range(len(spans)):
        found[i] = _iso(data, uint64(spans[i, 0]), uint64(spans[i, 1]))
    return found


@kernel
def _iso(data, at, end):  # type: ignore[no-untyped-def]
    if end - at < 19 or end - at > 35:
        return UNREAD
    year, month, day = _two(data, at) * 100 + _two(data, at + 2), _two(data, at + 5), _two(data, at + 8)
    hour, minute, second = _two(data, at + 11), _two(data, at + 14), _two(data, at + 17)
    split = of(data, at + 10)
    framed = of(data, at + 4) == 45 and of(data, at + 7) == 45 and (split == ord("T") or split == 32)
    framed = framed and of(data, at + 13) == 58 and of(data, at + 16) == 58  # : :
    if not framed or year < 2000 or not 1 <= month <= 12 or not 1 <= day <= _days(year, month):
        return UNREAD
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return UNREAD
    at, fraction = _fraction(data, at + 19, end)
    east = _zone(data, at, end)
    if fraction < 0 or east == UNREAD:
        return UNREAD
    seconds = ((_day_number(year, month, day) * 24 + hour) * 60 + minute - east) * 60 + second
    micros = seconds * 1_000_000 + fraction
    return micros if EARLIEST <= micros < LATEST else UNREAD


@kernel
def _two(data, at):  # type: ignore[no-untyped-def]
    """The number that two digits write; below -900 where they are none."""
    tens, ones = np.int64(of(data, at)) - 48, np.int64(of(data, at + 1)) - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -100_000


@kernel
def _days(year, month):  # type: ignore[no-untyped-def]
    """Days of a month from 2000 to 2099, in which each fourth year is a leap year."""
    if month == 2:
        return 29 if year % 4 == 0 else 28
    return 30 + (month + (month > 7)) % 2


@kernel
def _day_number(year, month, day):  # type: ignore[no-untyped-def]
    """Days since 1970 of a day from 2000 to 2099."""
    behind = year - 2000
    days = 10_957 + behind * 365 + (behind + 3) // 4 + day - 1
    for earlier in range(1, month):
        days += _days(year, earlier)
    return days


@kernel
def _fraction(data, at, end):  # type: ignore[no-untyped-def]
    """What follows a fraction of a second, if there is one, and its microseconds cut short, or -1."""
    if at == end or of(data, at) != 46:  # .
        return at, 0
    at += uint64(1)
    begin, micros = at, 0
    while at < end and 48 <= of(data, at) <= 57:
        micros = micros * 10 + of(data, at) - 48 if at - begin < 6 else micros
        at += uint64(1)
    digits = at - begin
    for _ in range(digits, 6):
        micros *= 10
    return at, (micros if 1 <= digits <= 9 else -1)


@kernel
def _zone(data, at, end):  # type: ignore[no-untyped-def]
    """Minutes east of Greenwich that the rest of the text says, or UNREAD."""
    if at == end:
        return 0
    sign = of(data, at)
    if sign == 90:  # Z
        return 0 if at + 1 == end else UNREAD
    if not (sign == ord("+") or sign == ord("-")) or at + 6 != end or of(data, at + 3) != 58:
        return UNREAD
    hours, minutes = _two(data, at + 1), _two(data, at + 4)
    if not (0 <= hours < 24 and 0 <= minutes < 60):
        return UNREAD
    return hours * 60 + minutes if sign == ord("+") else -hours * 60 - minutes
