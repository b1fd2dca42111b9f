"""Turning what logs say into canonical scalars, without ever trusting their types.

Two kinds of failure are kept apart. What an exchange cannot do without (its time, its account) raises
`LineError`, and the line is quarantined. Anything else that has the wrong type becomes null: were the
whole line refused, a sender could keep out of sight by sending one odd parameter.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

T = TypeVar("T")

EARLIEST = 946_684_800_000_000  # 2000-01-01 in microseconds: before any log of this kind
LATEST = 4_102_444_800_000_000  # 2100-01-01
UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}


class LineError(ValueError):
    """A record that holds no usable exchange. The message names the fault and never quotes the text."""


def load(line: bytes) -> dict[str, Any]:
    """Decode one JSON object, accepting what real writers emit beyond RFC 8259.

    Lone surrogates (which Python's writer passes on from a prompt), NaN and raw control characters are
    replaced, so that a sender cannot hide an exchange by putting one into a prompt.

    Raises:
        LineError: not UTF-8, not JSON, nested too deeply, or not an object.
    """
    try:
        value = msgspec.json.decode(line)
    except RecursionError:
        raise LineError("nested too deeply") from None
    except ValueError:
        value = _load_leniently(line)
    if not isinstance(value, dict):
        raise LineError("not a JSON object")
    return value


def _load_leniently(line: bytes) -> Any:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise LineError("invalid UTF-8") from None
    try:
        value = json.loads(text, strict=False, parse_constant=lambda _: None)
        return msgspec.json.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise LineError("nested too deeply") from None
    except ValueError as fault:
        at = f" at byte {fault.pos}" if isinstance(fault, json.JSONDecodeError) else ""
        raise LineError(f"not JSON{at}") from None


def micros(value: Any, unit: str | None = None) -> int:
    """Microseconds since 1970 from epoch numbers (any unit) or ISO 8601 (naive means UTC).

    Args:
        unit: "s", "ms", "us" or "ns"; guessed from the magnitude where None.

    Raises:
        LineError: missing, not a time, or outside the years 2000 to 2099.
    """
    if type(value) is float and 1e9 <= value < 4e9 and unit is None:
        return int(value * 1e6 + 0.5)  # what most logs hold, and this runs twice a record
    if isinstance(value, str):
        value = _number_or_iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise LineError("no time" if value is None else "time not understood")
    if abs(value) > 1e20:
        raise LineError("time out of range")
    scale = UNITS[unit or _guess(abs(value))]
    at = value * int(scale) if scale >= 1 and isinstance(value, int) else value // 1000 if scale < 1 else value * scale
    at = round(at)
    if not EARLIEST <= at < LATEST:
        raise LineError("time out of range")
    return at


def micros_or_none(value: Any, unit: str | None = None) -> int | None:
    """As `micros`, but None where the time is missing or no time."""
    try:
        return micros(value, unit)
    except LineError:
        return None


def _guess(size: float) -> str:
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def _number_or_iso(value: str) -> int | float | None:
    value = value.strip()
    if not value:
        return None
    try:
        if value.isdecimal():
            return int(value[:40])
        if value.replace(".", "", 1).isdecimal():
            return float(value[:40])
        when = datetime.fromisoformat(value)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        return round(when.timestamp() * 1e6) if when.year >= 2000 else 0
    except (ValueError, OverflowError):
        raise LineError("time not understood") from None


def text(value: Any) -> str | None:
    """A non-empty string; numbers (not booleans) are written out, all else is None."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def integer(value: Any) -> int | None:
    """An int64, also from a whole float or digits in a string; otherwise None."""
    try:
        if isinstance(value, str):
            value = float(value) if "." in value or "e" in value.lower() else int(value[:40])
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            return None
        return int(value) if -(2**63) <= value < 2**63 else None
    except (ValueError, OverflowError):
        return None


def number(value: Any) -> float | None:
    """A finite float, also from a string; otherwise None."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def first(record: Mapping[str, Any], *names: str) -> Any:
    """The first of the named fields that holds something."""
    for name in names:
        value = record.get(name)
        if value is not None and not (isinstance(value, str) and value in ("", "-")):
            return value
    return None


def key_hash(value: str | None) -> str | None:
    """The key as logged if it is a hash already; its digest where a log holds a raw key."""
    if not value:
        return None
    if value.startswith(("sk-", "Bearer ", "bearer ", "Basic ", "basic ")):
        return "key:" + blake2b(value.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return value


def structured(value: Any) -> Any:
    """A value that may be JSON inside a string (exports in CSV do that), decoded where it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (ValueError, RecursionError):
            return value
    return value


def tolerant(value: Any, kind: Any) -> Any:
    """As ``msgspec.convert(value, kind)``, but parts that do not fit fall back to their default.

    Returns:
        an instance of `kind`, or None where nothing of it fits.
    """
    try:
        return msgspec.convert(value, kind, strict=False)
    except (msgspec.ValidationError, RecursionError):
        pass
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    for option in options:
        if get_origin(option) is list and isinstance(value, list):
            kept = (tolerant(v, get_args(option)[0]) for v in value)
            return [v for v in kept if v is not None]
        if isinstance(option, type) and issubclass(option, msgspec.Struct) and isinstance(value, dict):
            return _tolerant_struct(value, option)
    return text(value) if str in options else None


def _tolerant_struct(value: dict[str, Any], kind: type[T]) -> T:
    given = {}
    for field in msgspec.structs.fields(cast(Any, kind)):
        if field.encode_name in value:
            found = tolerant(value[field.encode_name], field.type)
            if found is not None:
                given[field.name] = found
    return cast(Callable[..., T], kind)(**given)
