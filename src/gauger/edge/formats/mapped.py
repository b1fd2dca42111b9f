"""Any JSONL, CSV or Parquet log, through a small TOML mapping from canonical fields to columns or dotted paths.

    [fields]
    time = "ts"
    account = ["user.id", "api_key"]      # the first that holds something
    messages = "request.messages"         # or: prompt = ..., system = ..., answer = ...
    response = "response"
    parameters = "request.params"
    [constants]
    status = "success"
    [units]
    time = "ms"                           # s, ms, us or ns; without it the magnitude tells

A log whose columns already have the canonical names needs no mapping.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa

from gauger.detect.tables import EVENTS
from gauger.edge.formats import chat
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.parameters import Parameters, parameters, set_parameters
from gauger.edge.formats.values import UNITS, integer, key_hash, load, micros, micros_or_none, number, structured, text
from gauger.errors import ConfigError

NAME = "mapped"
CANONICAL = "canonical"
FIELDS = tuple(name for name in EVENTS.names if name not in ("source", "line"))
SPECIAL = ("messages", "response", "parameters")  # chat messages, a response of any shape, a parameters object
TIMES = ("time", "end_time")


class FieldMap(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A mapping. `fields`: canonical name -> the paths that are tried in turn."""

    fields: dict[str, list[str] | str]
    constants: dict[str, str | int | float | bool] = {}
    units: dict[str, str] = {}


def canonical_map() -> FieldMap:
    """The mapping of a log that is canonical already."""
    return FieldMap(fields={name: [name] for name in (*FIELDS, *SPECIAL)})


def parse_mapping(data: bytes, source: str) -> FieldMap:
    """Read and check a TOML mapping.

    Raises:
        ConfigError: not TOML, an unknown field or unit, or no way to a time and an account.
    """
    try:
        found = msgspec.convert(tomllib.loads(data.decode()), FieldMap)
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"{source}: not a usable mapping: {fault}") from None
    known = {*FIELDS, *SPECIAL}
    if strange := sorted({*found.fields, *found.constants} - known):
        raise ConfigError(f"{source}: unknown fields {', '.join(strange)}: use {', '.join(sorted(known))}")
    wrong = [f"{k} = {v!r}" for k, v in found.units.items() if k not in TIMES or v not in UNITS]
    if wrong:
        raise ConfigError(f"{source}: unusable [units] {', '.join(wrong)}: time and end_time may be s, ms, us or ns")
    if "time" not in found.fields:
        raise ConfigError(f"{source}: [fields] must say where `time` is")
    if not {"account", "api_key", "org"} & {*found.fields, *found.constants}:
        raise ConfigError(f"{source}: [fields] must say where `account` is (or `api_key`, or `org`)")
    return msgspec.structs.replace(found, fields={k: [v] if isinstance(v, str) else v for k, v in found.fields.items()})


def decoder(mapping: FieldMap) -> Callable[[bytes], list[Exchange]]:
    """The reader of lines that follow the mapping."""
    paths = {name: [(p, p.split(".")) for p in found] for name, found in mapping.fields.items()}
    readers = {name: reader_of(EVENTS.field(name).type) for name in FIELDS if name not in TIMES}

    def decode(line: bytes) -> list[Exchange]:
        record = load(line)
        given = dict(mapping.constants) | {k: v for k, p in paths.items() if (v := _find(record, p)) is not None}
        exchange = Exchange(time=micros(given.get("time"), mapping.units.get("time")))
        exchange.end_time = micros_or_none(given.get("end_time"), mapping.units.get("end_time"))
        if "parameters" in given:
            found = structured(given["parameters"])
            set_parameters(exchange, parameters(found) if isinstance(found, dict) else Parameters())
        if "messages" in given or "response" in given:
            messages, beside = chat.read_messages(given.get("messages"))
            chat.converse(exchange, messages, chat.read_response(given.get("response")), beside)
        for name in given.keys() & readers.keys():
            if (value := readers[name](given[name])) is not None:
                setattr(exchange, name, value)
        exchange.api_key = key_hash(exchange.api_key)
        exchange.account = key_hash(exchange.account) or exchange.api_key or exchange.org
        return [exchange]

    return decode


def _find(record: dict[str, Any], paths: list[tuple[str, list[str]]]) -> Any:
    for whole, steps in paths:
        value: Any = record.get(whole)  # a column may have a dot in its name
        if value is None and len(steps) > 1:
            value = record
            for step in steps:
                value = structured(value)
                value = value.get(step) if isinstance(value, dict) else None
        if value is not None and value != "":
            return value
    return None


def reader_of(kind: pa.DataType) -> Callable[[Any], Any]:
    """What makes a field's value, or None, of whatever a log holds in its place."""
    if pa.types.is_list(kind):
        return _integers
    if pa.types.is_uint64(kind):
        return _unsigned
    if pa.types.is_integer(kind):
        return integer
    if pa.types.is_floating(kind):
        return number
    return _boolean if pa.types.is_boolean(kind) else text


def _unsigned(value: Any) -> int | None:
    try:
        found = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        return None
    return found if 0 <= found < 2**64 else None


def _integers(value: Any) -> list[int] | None:
    value = structured(value)
    return [v for v in map(_unsigned, value) if v is not None] if isinstance(value, list) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | int) else None
