"""Side tables: what a provider knows of its customers, beside the request logs. CSV, JSONL or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from gauger.detect.tables import TIMESTAMP
from gauger.edge import tabular
from gauger.edge.formats.exchange import column
from gauger.edge.formats.values import LineError, load, micros, number, text
from gauger.edge.inputs import TruncatedError, kind_of, pieces
from gauger.edge.lines import blocks
from gauger.errors import InputError

ORGS = pa.schema(
    [
        ("org", pa.string()),
        ("created", TIMESTAMP),
        ("plan", pa.string()),
        ("payment_hash", pa.string()),
        ("verified", pa.bool_()),
        ("authorised_use", pa.string()),  # such as "synthetic-data"; null where nothing was agreed
        ("email_domain_hash", pa.string()),
    ]
)
BANS = pa.schema([("account", pa.string()), ("banned_at", TIMESTAMP)])
RELEASES = pa.schema([("model", pa.string()), ("released_at", TIMESTAMP)])
PRICES = pa.schema([("model", pa.string()), ("input_usd", pa.float64()), ("output_usd", pa.float64())])
"""`input_usd`, `output_usd`: list price of a million tokens."""

_LIMITS = {"block_bytes": 8 << 20, "block_lines": 1 << 16}
_TRUE, _FALSE = {"1", "true", "yes", "t", "y"}, {"0", "false", "no", "f", "n"}


class Side(msgspec.Struct, frozen=True):
    """A side table and the names of the columns that were not understood, to be told to the user."""

    table: pa.Table
    ignored: tuple[str, ...]


def read_orgs(path: str | Path) -> Side:
    """Organisations, by `org`, each once. All other columns are optional."""
    return _read(str(path), ORGS, needed=("org",), once=True)


def read_bans(path: str | Path) -> Side:
    """Accounts that were banned, and when."""
    return _read(str(path), BANS, needed=("account", "banned_at"))


def read_releases(path: str | Path) -> Side:
    """When each model, named once, became available."""
    return _read(str(path), RELEASES, needed=("model", "released_at"), once=True)


def read_prices(path: str | Path) -> Side:
    """List prices by model, each once, for logs that do not hold the cost of an exchange."""
    return _read(str(path), PRICES, needed=PRICES.names, once=True)


def _read(source: str, schema: pa.Schema, *, needed: Sequence[str], once: bool = False) -> Side:
    """Read and check one side table. A small table by hand: a wrong cell is an error, not a quarantine.

    Raises:
        InputError: unreadable, empty, a needed column or cell missing, a cell that is no time, number or
            truth value, or (with ``once``) a row for what an earlier one was about; with its line.
    """
    rows: dict[str, list[Any]] = {name: [] for name in schema.names}
    key, first = schema.names[0], dict[Any, int]()
    seen: dict[str, None] = {}
    for line, record in records(source, needed=needed):
        seen.update(dict.fromkeys(record))
        for name in schema.names:
            try:
                rows[name].append(_cell(record, schema.field(name), name in needed))
            except LineError as error:
                raise InputError(str(error), source=source, line=line) from None
        earlier = first.setdefault(rows[key][-1], line)
        if once and earlier != line:
            raise InputError(f"a second row for this `{key}`; the first is line {earlier}", source=source, line=line)
    if not seen and not _has_header(source):
        raise InputError("the table is empty", source=source)
    ignored = tuple(n for n in seen if n not in schema.names)
    return Side(pa.table([column(rows[f.name], f.type) for f in schema], schema=schema), ignored)


def _has_header(source: str) -> bool:
    """Whether a table without rows still names its columns: nobody was banned yet."""
    kind = kind_of(source)
    return kind == "parquet" or (kind == "csv" and any(piece.strip() for piece in pieces(source)))


def _cell(record: Mapping[str, Any], field: pa.Field, needed: bool) -> Any:
    value = record.get(field.name)
    if value is None or value == "":
        if needed:
            has = ", ".join(ascii(k)[1:-1][:32] for k in list(record)[:12])
            raise LineError(f"no `{field.name}` (this record has: {has})")
        return None
    found = _reader(field.type)(value)
    if found is None:
        raise LineError(f"`{field.name}` is not {_meaning(field.type)}")
    return found


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_timestamp(kind):
        return _time
    if pa.types.is_boolean(kind):
        return _truth
    return number if pa.types.is_floating(kind) else text


def _meaning(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "a time (ISO 8601, or seconds since 1970)"
    if pa.types.is_boolean(kind):
        return "a truth value (1, 0, true or false)"
    return "a number" if pa.types.is_floating(kind) else "text"


def _time(value: Any) -> int | None:
    try:
        return micros(value)
    except LineError:
        return None


def _truth(value: Any) -> bool | None:
    told = str(value).strip().lower()
    return True if told in _TRUE else False if told in _FALSE else None


def records(source: str, *, needed: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records and the lines that they stand on: of CSV the header is line 1, unlike in logs, whose records are counted.

    Args:
        needed: columns that a CSV header must have. Whether a record has them is for who reads it.

    Raises:
        InputError: the file or a record cannot be read, or a column is missing.
    """
    try:
        kind = kind_of(source)
        above = 1 if kind == "csv" else 0
        if kind == "lines":
            stream = blocks(pieces(source), **_LIMITS)
        else:
            stream = (
                tabular.csv_blocks(source, needed, **_LIMITS)
                if kind == "csv"
                else tabular.parquet_blocks(source, None, **_LIMITS)
            )
        for block in stream:
            if block.fault is not None:
                raise InputError(block.fault.reason, source=source, line=block.line + above)
            for line, raw in enumerate(block.data.split(b"\n"), block.line + above):
                if raw.strip():
                    yield line, _load(source, line, raw)
    except (OSError, TruncatedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}", source=source) from None


def _load(source: str, line: int, raw: bytes) -> dict[str, Any]:
    try:
        return load(raw.removeprefix(b"\xef\xbb\xbf"))
    except LineError as error:
        raise InputError(str(error), source=source, line=line) from None
