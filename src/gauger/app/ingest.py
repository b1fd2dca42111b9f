"""Logs -> sketches in a spool. An interrupted scan goes on from what its spool holds."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gauger import __version__
from gauger.app.header import QUARANTINE
from gauger.app.options import Progress, ScanOptions
from gauger.detect import calibration as calibrations
from gauger.detect.elicitation import load_model
from gauger.detect.sketch import sketch
from gauger.edge.duplicates import Duplicates
from gauger.edge.inputs import STDIN, expand
from gauger.edge.reading import FileReport, Position, Reading, read_logs, read_mapping
from gauger.edge.spool import Spool
from gauger.errors import InputError
from gauger.model import digest

PART_ROWS = 500_000
THREADS = 2
SKEWED = "skewed:"  # a counter of the spool beside that of the exchanges read, which bears the source's name alone


def ingest(options: ScanOptions, work: Path, progress: Progress) -> tuple[Spool, list[FileReport]]:
    """Read and sketch what the spool under ``work`` does not hold yet; say what each source gave.

    Raises:
        InputError: nothing usable in the logs, or any bad line with ``options.strict``.
    """
    spool = Spool(work / "sketches", _fingerprint(options))
    start = dict(spool.progress.positions)
    seen = Duplicates(int.from_bytes(hashlib.sha256(str(work).encode()).digest()[:8], "big"))
    if spool.progress.rows:
        progress(f"going on after {spool.progress.rows:,} exchanges of an interrupted scan")
        for path in spool.paths():
            for batch in pq.ParquetFile(path).iter_batches(columns=["event_id"]):
                seen.add(batch.column(0))
    reading = read_logs(
        options.logs,
        format=options.format,
        mapping=options.mapping,
        quarantine=options.out / QUARANTINE,
        strict=options.strict,
        start=start,
        duplicates=seen,
    )
    _sketch_all(reading, spool, progress)
    if not spool.progress.rows:
        raise InputError("nothing usable was read: see quarantine.jsonl", source=str(options.out))
    for file in reading.files:
        file.read = spool.progress.counters.get(file.source, 0)
        file.skewed = spool.progress.counters.get(SKEWED + file.source, 0)
    return spool, reading.files


def _sketch_all(reading: Reading, spool: Spool, progress: Progress) -> None:
    """Sketch batch by batch and keep the sketches in parts, with how far each source was read.

    The kernel runs without the interpreter's lock, so a few threads sketch while this one reads; batches
    are kept in the order of the logs.
    """
    weights, bias = load_model()
    positions, read = dict(spool.progress.positions), Counter(spool.progress.counters)
    before = Counter(read)
    held: list[pa.RecordBatch] = []
    asked: deque[tuple[Future[pa.RecordBatch], Position]] = deque()
    written: list[Future[None]] = []  # the part that is being written, while the next one is sketched

    def flush() -> None:
        settle()
        written.append(writer.submit(spool.append, held.copy(), dict(positions), Counter(read)))
        held.clear()

    def settle() -> None:
        while written:
            written.pop().result()
            progress(f"{spool.progress.rows:,} exchanges read")

    def take() -> None:
        sketched, position = asked.popleft()
        held.append(sketched.result())
        positions[position.source] = position.lines
        read[position.source] += held[-1].num_rows
        read[SKEWED + position.source] = before[SKEWED + position.source] + position.skewed

    with ThreadPoolExecutor(THREADS) as pool, ThreadPoolExecutor(1) as writer:
        for batch, position in reading:
            asked.append((pool.submit(sketch, batch, weights, bias), position))
            if len(asked) > 2 * THREADS:
                take()
            if sum(b.num_rows for b in held) >= PART_ROWS:
                flush()
        while asked:
            take()
        flush()
        settle()


def _fingerprint(options: ScanOptions) -> str:
    """Names the inputs and what is made of them; another one makes a spool start anew."""
    stats = [(p, *((s.st_size, s.st_mtime_ns) if (s := _stat(p)) else ())) for p in expand(options.logs)]
    mapping = "" if options.mapping is None else repr(read_mapping(options.mapping))
    said = json.dumps([__version__, calibrations.load().digest, options.format, mapping, options.strict, stats])
    return digest(said.encode())


def _stat(path: str) -> Any:
    return None if path == STDIN else Path(path).stat()
