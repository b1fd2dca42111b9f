"""Reading logs: many files, any packing, any known format, as Arrow batches with a place to resume from."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge import formats, tabular
from gauger.edge.duplicates import Duplicates
from gauger.edge.formats.exchange import settle
from gauger.edge.formats.mapped import CANONICAL, FieldMap, parse_mapping
from gauger.edge.formats.mapped import NAME as MAPPED
from gauger.edge.formats.values import LineError, load
from gauger.edge.inputs import STDIN, TruncatedError, expand, kind_of, pieces
from gauger.edge.lines import BOM, LONGEST_LINE, Block, after, blocks
from gauger.edge.parallel import Job, Parsed, Tally, parse_all
from gauger.edge.quarantine import Fault, Quarantine
from gauger.errors import ConfigError, InputError

_SNIFFED = 20  # records by which a format is recognised


class Position(msgspec.Struct, frozen=True):
    """How far a source was read: ``start={source: lines}`` goes on from there."""

    source: str
    lines: int
    skewed: int = 0  # exchanges so far, in this run, whose clock was wrong


class FileReport(msgspec.Struct):
    """What one source gave, in this run.

    Attributes:
        format, why: what it was read as, and by what that was recognised.
        read: exchanges. skipped: records that are none (spans of tools, health checks).
        quarantined: faults, including those that an interrupted run had kept.
        skewed: exchanges whose clock was wrong, so that their end was dropped.
    """

    source: str
    format: str = ""
    why: str = ""
    read: int = 0
    quarantined: int = 0
    skipped: int = 0
    skewed: int = 0


class Reading:
    """The batches of some logs; iterate once. `files` fills as it goes. Made by `read_logs`."""

    def __init__(
        self,
        sources: Sequence[str],
        *,
        format: str,
        mapping: FieldMap | None,
        quarantine: Path | None,
        strict: bool,
        batch_rows: int,
        batch_bytes: int,
        start: Mapping[str, int],
        duplicates: Duplicates | None,
        workers: int,
    ) -> None:
        self.files: list[FileReport] = []
        self._sources, self._format, self._mapping, self._strict = sources, format, mapping, strict
        self._limits = {"block_bytes": batch_bytes, "block_lines": batch_rows}
        self._start = start
        self._quarantine = Quarantine(quarantine, start)
        self._duplicates = Duplicates(int.from_bytes(os.urandom(8))) if duplicates is None else duplicates
        self._workers = workers
        self._first_fault = ""

    def __iter__(self) -> Iterator[tuple[pa.RecordBatch, Position]]:
        with closing(self._quarantine):
            for source in self._sources:
                report = FileReport(source, quarantined=self._quarantine.kept.get(source, 0))
                self.files.append(report)
                try:
                    yield from self._read(report)
                except InputError as error:
                    if self._strict:
                        raise
                    self._refuse(report, [Fault(error.line, str(error).removeprefix(f"{source}: "))])
        if not any(f.read for f in self.files) and not any(self._start.values()):
            raise InputError(f"nothing usable was read; first fault: {self._first_fault}")

    def _read(self, report: FileReport) -> Iterator[tuple[pa.RecordBatch, Position]]:
        consumed = self._start.get(report.source, 0)
        with closing(self._parsed(report, consumed)) as stream:
            for parsed in stream:
                batch = self._checked(report, parsed)
                report.read += batch.num_rows
                report.skipped += parsed.tally.skipped
                report.skewed += parsed.tally.skewed
                yield batch, Position(report.source, parsed.job.line + parsed.job.lines - 1, report.skewed)

    def _checked(self, report: FileReport, parsed: Parsed) -> pa.RecordBatch:
        """The batch without ids that were seen before; its faults go to the quarantine."""
        seen = self._duplicates.add(parsed.batch.column("event_id"))
        batch, faults = parsed.batch, parsed.tally.faults
        if seen.any():
            again = batch.column("line").filter(pa.array(seen)).to_pylist()
            faults = sorted(faults + [Fault(n, "duplicate id") for n in again], key=lambda f: f.line or 0)
            batch = batch.filter(pa.array(~seen))
        self._refuse(report, faults)
        return batch

    def _refuse(self, report: FileReport, faults: Sequence[Fault]) -> None:
        if not faults:
            return
        worst = faults[0]
        if self._strict:
            raise InputError(worst.reason, source=report.source, line=worst.line)
        at = report.source if worst.line is None else f"{report.source}:{worst.line}"
        self._first_fault = self._first_fault or f"{at}: {worst.reason}"
        report.quarantined += len(faults)
        self._quarantine.add(report.source, faults)

    def _parsed(self, report: FileReport, consumed: int) -> Generator[Parsed, None, None]:
        source = report.source
        try:
            kind = kind_of(source)
            if kind == "parquet":
                names = tabular.parquet_names(source)
                self._recognise(report, [dict.fromkeys(names, "")])
                if report.format == CANONICAL:
                    yield from self._canonical(report, consumed)
                    return
                stream = tabular.parquet_blocks(source, None, **self._limits)
            elif kind == "csv":
                stream = tabular.csv_blocks(source, **self._limits)
            else:
                stream = blocks(pieces(source), **self._limits)
            yield from self._from_blocks(report, stream, consumed)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or type(error).__name__}", source=source) from None

    def _from_blocks(self, report: FileReport, stream: Iterator[Block], consumed: int) -> Generator[Parsed, None, None]:
        faulty: list[Block] = []  # what comes before the first block that can tell the format
        while (head := next(stream, None)) is not None and head.fault is not None:
            faulty.append(head)
        if head is None and faulty:
            self._refuse(report, [b.fault for b in faulty if b.fault is not None])
            return
        if head is None or head.data.isspace():
            raise InputError("the log is empty", source=report.source)
        records, whole = _sniff(head.data)
        if whole and not faulty and (found := _document(report.source)) is not None:
            records = [r for r in found[:_SNIFFED] if isinstance(r, dict)]
            packed: list[bytes | Fault] = [msgspec.json.encode(r) for r in found]
            stream, head = tabular.packed(packed, 1), None
        self._recognise(report, records)
        everything = stream if head is None else chain(faulty, [head], stream)
        jobs = (
            (Job(report.source, b.line, b.lines, report.format, self._mapping, b.fault), b.data)
            for b in after(everything, consumed)
        )
        yield from parse_all(jobs, self._workers)

    def _canonical(self, report: FileReport, consumed: int) -> Generator[Parsed, None, None]:
        line = 1
        for found, faults, rows in tabular.canonical_batches(report.source, **self._limits):
            job = Job(report.source, line, rows, CANONICAL)
            line += rows
            if line - 1 > consumed:
                fresh = found.filter(pc.greater(found.column("line"), consumed)) if job.line <= consumed else found
                batch, skewed = settle(fresh)
                kept = [f for f in faults if f.line is None or f.line > consumed]
                yield Parsed(job, batch, Tally(kept, 0, skewed))

    def _recognise(self, report: FileReport, records: Sequence[dict[str, Any]]) -> None:
        if self._mapping is not None:
            report.format, report.why = MAPPED, "the mapping given"
        elif self._format != "auto":
            report.format, report.why = self._format, "named by the user"
        else:
            report.format, report.why = formats.recognise(records, report.source)


def read_logs(
    paths: Sequence[str | Path],
    *,
    format: str = "auto",
    mapping: str | Path | None = None,
    quarantine: str | Path | None = None,
    strict: bool = False,
    batch_rows: int = 65_536,
    batch_bytes: int = 8 << 20,
    start: Mapping[str, int] | None = None,
    duplicates: Duplicates | None = None,
    workers: int | None = None,
) -> Reading:
    """Read logs as batches in the schema `gauger.detect.tables.EVENTS`, in the order of the logs.

    Args:
        paths: files, directories, globs, or "-" for JSON lines on standard input; gzip and zstd are seen through.
        format: one of `gauger.edge.formats.NAMES`; "auto" recognises each file by its first records.
        mapping: a TOML mapping (`gauger.edge.formats.mapped`) for the format "mapped".
        quarantine: the JSONL file that faults are written to; without it they are counted only.
        strict: raise at the first fault instead.
        batch_rows, batch_bytes: of a batch, about: a line is never divided.
        start: lines that an interrupted run consumed, by source; they are not read again. Give the ids of
            those lines in `duplicates` too, should later lines repeat them.
        workers: threads, or processes, that parse (0: none but this one; default: one for each core).

    Returns:
        an iterable of (batch, position) whose `files` say what was recognised and count what was read.

    Raises:
        InputError: a path that does not exist; while iterating, with `strict`, the first fault; at the
            end, that nothing at all was usable. ConfigError: an unknown format or an unusable mapping.
    """
    if format not in formats.NAMES:
        raise ConfigError(f"unknown log format {format!r}: use one of {', '.join(formats.NAMES)}")
    if (format == MAPPED and mapping is None) or (mapping is not None and format not in (MAPPED, "auto")):
        raise ConfigError("a mapping file and format mapped go together")
    return Reading(
        expand(paths),
        format=format,
        mapping=None if mapping is None else read_mapping(Path(mapping)),
        quarantine=None if quarantine is None else Path(quarantine),
        strict=strict,
        batch_rows=batch_rows,
        batch_bytes=batch_bytes,
        start=start or {},
        duplicates=duplicates,
        workers=_cores() if workers is None else workers,
    )


def _cores() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable if usable > 1 else 0


def read_mapping(path: Path) -> FieldMap:
    """Read a mapping file.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    try:
        return parse_mapping(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: the mapping cannot be read: {error.strerror}") from None


def _sniff(data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The first records of a block of lines, and whether it looks like one JSON document instead."""
    lines = [line for line in data[: 4 * LONGEST_LINE].split(b"\n", 4 * _SNIFFED) if line.strip()]
    lines = lines[:_SNIFFED]
    records = []
    for line in lines:
        try:
            records.append(load(line.removeprefix(BOM)))
        except LineError:
            continue
    opening = lines[0].removeprefix(BOM).strip()[:1] if lines else b""
    return records, bool(lines) and (opening == b"[" or (opening == b"{" and not records))


def _document(source: str) -> list[Any] | None:
    """The records of a file that is one JSON document (an array, or one object over several lines)."""
    if source == STDIN:
        return None
    data = b""
    try:
        for piece in pieces(source):
            data += piece
            if len(data) > LONGEST_LINE:
                raise InputError(
                    f"one JSON document of over {LONGEST_LINE >> 20} MiB: write one record a line (jq -c '.[]')",
                    source=source,
                )
        found = msgspec.json.decode(data.removeprefix(BOM))
    except (ValueError, RecursionError, TruncatedError):
        return None
    return found if isinstance(found, list) else [found]
