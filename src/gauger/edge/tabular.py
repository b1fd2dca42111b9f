"""CSV and Parquet logs: canonical Parquet as Arrow batches, all else as blocks of JSON lines, one a record."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gauger.detect.tables import EVENTS
from gauger.edge.formats.exchange import column
from gauger.edge.formats.values import EARLIEST, LATEST, LineError, micros
from gauger.edge.inputs import TruncatedError, pieces
from gauger.edge.lines import BOM, LONGEST_LINE, Block
from gauger.edge.quarantine import Fault, fault
from gauger.errors import InputError


def csv_blocks(source: str, needed: Sequence[str] = (), /, *, block_bytes: int, block_lines: int) -> Iterator[Block]:
    """Each record as a JSON object of its non-empty cells. Line numbers count records, without the header.

    Raises:
        InputError: the header cannot be read, or lacks a column that is needed.
    """
    csv.field_size_limit(LONGEST_LINE)
    stream = _Text(source)
    rows = csv.reader(stream)
    try:
        header = next((cells for cells in rows if any(map(str.strip, cells))), [])
    except csv.Error as error:
        raise InputError(f"no CSV header: {error}", source=source) from None
    if header and (missing := [name for name in needed if name not in header]):
        has = ", ".join(ascii(name)[1:-1][:32] for name in header[:12])
        raise InputError(f"no column `{missing[0]}` (the header has: {has})", source=source, line=1)
    records: list[bytes | Fault] = []
    size, line = 0, 1
    while True:
        try:
            cells = next(rows, None)
            if cells is None:
                break
            record = _record(header, cells, line + len(records))
        except csv.Error as error:
            record = Fault(line + len(records), f"not CSV: {error}")
        records.append(record)
        size += len(record) if isinstance(record, bytes) else 0
        if size >= block_bytes or len(records) >= block_lines:
            yield from packed(records, line)
            line, records, size = line + len(records), [], 0
    yield from packed(records, line)
    if stream.cut_short:
        line += len(records)
        yield Block(line, 1, b"", Fault(line, f"{stream.cut_short}; all before it was read"))


class _Text:
    """The lines of a source for `csv.reader`; bytes that are not UTF-8 become lone surrogates."""

    def __init__(self, source: str) -> None:
        self._pieces = pieces(source)
        self.cut_short: str | None = None

    def __iter__(self) -> Iterator[str]:
        held = b""
        first = True
        while True:
            try:
                piece = next(self._pieces, None)
            except TruncatedError as error:
                self.cut_short, piece, held = str(error), None, b""
            lines = (held + (piece or b"")).splitlines(keepends=True)
            held = lines.pop() if piece is not None and lines else b""
            if len(held) > LONGEST_LINE:
                self.cut_short, piece = f"line longer than {LONGEST_LINE >> 20} MiB", None
            for raw in lines:
                yield (raw.removeprefix(BOM) if first else raw).decode("utf-8", "surrogateescape")
                first = False
            if piece is None:
                return


def _record(header: list[str], cells: list[str], line: int) -> bytes | Fault:
    if not cells:
        return b""  # a blank line
    if len(cells) > len(header):
        raw = ",".join(cells).encode("utf-8", "surrogateescape")
        return fault(line, f"{len(cells)} cells under a header of {len(header)}", raw)
    try:
        return msgspec.json.encode({k: v for k, v in zip(header, cells, strict=False) if v != ""})
    except UnicodeEncodeError:
        return fault(line, "invalid UTF-8", ",".join(cells).encode("utf-8", "surrogateescape"))


def packed(records: list[bytes | Fault], line: int) -> Iterator[Block]:
    """Runs of records as blocks, faults between them."""
    run: list[bytes] = []
    for at, record in enumerate([*records, None], line):
        if isinstance(record, bytes):
            run.append(record)
            continue
        if run:
            yield Block(at - len(run), len(run), b"\n".join(run))
            run = []
        if record is not None:
            yield Block(at, 1, b"", record)


def parquet_names(source: str) -> list[str]:
    """The columns of a Parquet file.

    Raises:
        InputError: it cannot be read.
    """
    return list(_open(source).schema_arrow.names)


def parquet_blocks(source: str, columns: list[str] | None, *, block_bytes: int, block_lines: int) -> Iterator[Block]:
    """Each row as a JSON object without its nulls."""
    line = 1
    for batch in _batches(source, columns, block_bytes, block_lines):
        if isinstance(batch, Fault):
            batch.line = line
            yield Block(line, 1, b"", batch)
            return
        records: list[bytes | Fault] = []
        for record in batch.to_pylist(maps_as_pydicts="lossy"):
            try:
                records.append(msgspec.json.encode({k: v for k, v in record.items() if v is not None}))
            except (TypeError, ValueError, OverflowError, RecursionError):
                records.append(Fault(line + len(records), "a column that has no JSON form"))
        yield from packed(records, line)
        line += len(records)


def canonical_batches(
    source: str, *, block_bytes: int, block_lines: int
) -> Iterator[tuple[pa.RecordBatch, list[Fault], int]]:
    """Canonical Parquet without a detour over Python objects.

    Yields:
        the usable rows in the schema EVENTS, the faults, and how many rows the file gave for them.
    """
    line = 1
    for batch in _batches(source, [n for n in EVENTS.names if n not in ("source", "line")], block_bytes, block_lines):
        if isinstance(batch, Fault):
            batch.line = line
            yield _nothing(), [batch], 1
            return
        yield (*_canonical(source, line, batch), batch.num_rows)
        line += batch.num_rows


def _nothing() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in EVENTS], schema=EVENTS)


def _canonical(source: str, line: int, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Fault]]:
    count = batch.num_rows
    lines = pa.array(np.arange(line, line + count))
    arrays = {"source": pa.repeat(pa.scalar(source), count), "line": lines}
    for field in EVENTS:
        if field.name in arrays:
            continue
        given = batch.column(field.name) if field.name in batch.schema.names else pa.nulls(count, field.type)
        arrays[field.name] = _times(given) if field.name in ("time", "end_time") else _as(given, field.type)
    if arrays["event_id"].null_count:
        place = pc.binary_join_element_wise(source, lines.cast(pa.string()), ":")
        arrays["event_id"] = pc.coalesce(arrays["event_id"], place)
    arrays["account"] = pc.coalesce(*(_filled(arrays[n]) for n in ("account", "api_key", "org")))
    arrays["params"] = pc.fill_null(arrays["params"], "{}")
    made = pa.RecordBatch.from_arrays([arrays[f.name] for f in EVENTS], schema=EVENTS)
    no_time, no_account = pc.is_null(arrays["time"]), pc.is_null(arrays["account"])
    bad = pc.or_(no_time, no_account)
    if not pc.any(bad).as_py():
        return made, []
    why = pc.if_else(no_time, "no usable time", "no account")
    faults = [
        Fault(at, reason) for at, reason in zip(lines.filter(bad).to_pylist(), why.filter(bad).to_pylist(), strict=True)
    ]
    return made.filter(pc.invert(bad)), faults


def _filled(names: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(names, ""), None, names)


def _as(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast; where some value does not fit the type, those are null."""
    if values.type == kind:
        return values
    try:
        return values.cast(kind)
    except pa.ArrowException:
        return column(values.to_pylist(), kind)


def _times(values: pa.Array) -> pa.Array:
    """Timestamps of any unit and zone, epoch numbers or ISO strings, as EVENTS has them; null where none."""
    kind = EVENTS.field("time").type
    if pa.types.is_timestamp(values.type):
        number = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64())
        usable = pc.and_(pc.greater_equal(number, EARLIEST), pc.less(number, LATEST))
        return pc.if_else(usable, number, None).cast(kind)
    return pa.array([_micros(v) for v in values.to_pylist()], pa.int64()).cast(kind)


def _micros(value: object) -> int | None:
    try:
        return micros(value)
    except LineError:
        return None


def _open(source: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not a readable Parquet file ({type(error).__name__})", source=source) from None


def _batches(
    source: str, columns: Iterable[str] | None, most_bytes: int, most_rows: int
) -> Iterator[pa.RecordBatch | Fault]:
    """Batches of at most `most_rows` rows and about `most_bytes`, then a fault where the file is damaged."""
    file = _open(source)
    wanted = None if columns is None else [n for n in file.schema_arrow.names if n in set(columns)]
    try:
        for batch in file.iter_batches(most_rows, columns=wanted):
            parts = max(1, min(batch.num_rows, -(-batch.nbytes // most_bytes)))
            step = -(-batch.num_rows // parts)
            for at in range(0, batch.num_rows, max(1, step)):
                yield batch.slice(at, step)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield Fault(None, f"damaged Parquet ({type(error).__name__}); all whole batches before it were read")
