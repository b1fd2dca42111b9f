"""Parsing blocks of lines: in threads where formats have columns, in child processes otherwise.

The children speak a framed protocol over their standard streams (JSON headers, raw lines in, Arrow IPC
out): nothing is pickled, and the parent's ``__main__`` is never imported, so it works from any script.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import BinaryIO, cast

import msgspec
import numpy as np
import pyarrow as pa

from gauger.edge.columns import ColumnReader
from gauger.edge.formats import (
    Decode,
    FieldMap,
    decoder,
    litellm,
    litellm_columns,
    mapped,
    mapped_columns,
    otlp,
    otlp_columns,
)
from gauger.edge.formats.exchange import Exchange, settle, to_batch
from gauger.edge.formats.values import LineError
from gauger.edge.lines import BOM, LONGEST_LINE
from gauger.edge.quarantine import Fault, fault
from gauger.edge.spans import find_spans
from gauger.errors import ExchangeError

OURS = "the reader failed on this line: please report it"
_AT_HOME = 2  # blocks that no child is started for
_PIPE = 1 << 20 if sys.platform == "linux" else -1  # bytes; the default means a switch of process each 64 KiB
_AHEAD = 2  # blocks in flight for each worker
_MOST_ODD = 0.05  # of a block's lines, read one by one in a thread that others then wait for


class Job(msgspec.Struct):
    """Which lines these are, and how to read them."""

    source: str
    line: int
    lines: int
    format: str
    mapping: FieldMap | None = None
    fault: Fault | None = None  # found in place of a line


class Tally(msgspec.Struct):
    """What became of a block beside its rows: faults, records that are no exchanges, rows with a wrong clock."""

    faults: list[Fault] = []
    skipped: int = 0
    skewed: int = 0


class Parsed(msgspec.Struct):
    """A block's rows and tally."""

    job: Job
    batch: pa.RecordBatch
    tally: Tally


def parse(job: Job, data: bytes) -> Parsed:
    """Parse one block of lines: in columns where its format has them, and what is odd there line by line."""
    return cast(Parsed, _parse(job, data, 1.0))


def _parse(job: Job, data: bytes, most_odd: float) -> Parsed | None:
    """As `parse`, or None where a larger share than this of the lines would be decoded one by one."""
    columns = _columns(*_format(job))
    spans = None if columns is None else find_spans(columns.tree, data)
    plain = None
    if columns is not None and spans is not None and np.mean(spans.odd) <= most_odd:
        try:
            plain = columns.read(job.source, job.line, spans)
        except Exception:  # a defect of ours must not end a scan of millions
            plain = None
    if spans is None or plain is None:
        return None if most_odd < 1 else _by_line(job, enumerate(data.split(b"\n"), job.line), None)
    odd = np.flatnonzero(spans.odd).tolist()
    if len(odd) > most_odd * len(spans.odd):
        return None
    begins, ends = [0, *(spans.ends + 1).tolist()], spans.ends.tolist()
    skipped = len(ends) - len(odd) - len(plain.column("line").unique())
    return _by_line(job, ((job.line + at, data[begins[at] : ends[at]]) for at in odd), plain, skipped)


def _by_line(
    job: Job, numbered: Iterable[tuple[int, bytes]], others: pa.RecordBatch | None, skipped: int = 0
) -> Parsed:
    """Decode these lines one by one; `others` are what other lines of the block hold, `skipped` lines nothing."""
    decode = _decoder(*_format(job))
    tally = Tally([job.fault] if job.fault else [], skipped)
    found: list[Exchange] = []
    lines: list[int] = []
    for number, line in numbered:
        if not line or line.isspace():
            continue
        first = len(found)
        for exchange in _decoded(decode, number, line, tally):
            if exchange.account and exchange.time is not None:
                if not exchange.event_id and len(found) > first:  # its place in the line, whatever else is in the block
                    exchange.event_id = f"{job.source}:{number}#{len(found) - first}"
                found.append(exchange)
                lines.append(number)
            else:
                reason = "no usable time" if exchange.account else "no account"
                tally.faults.append(fault(number, reason, line))
    if others is None or found:
        batch = to_batch(job.source, lines, found)
        others = batch if others is None else _in_line_order(others, batch)
    batch, tally.skewed = settle(others)
    return Parsed(job, batch, tally)


def _in_line_order(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.RecordBatch:
    both = pa.concat_batches([first, second])
    return both.take(pa.array(np.argsort(both.column("line").to_numpy(), kind="stable")))


def _format(job: Job) -> tuple[str, bytes | None]:
    return job.format, None if job.mapping is None else msgspec.json.encode(job.mapping)


@lru_cache(maxsize=8)
def _decoder(name: str, mapping: bytes | None) -> Decode:
    return decoder(name, None if mapping is None else msgspec.json.decode(mapping, type=FieldMap))


@lru_cache(maxsize=8)
def _columns(name: str, mapping: bytes | None) -> ColumnReader | None:
    if name == litellm.NAME:
        return litellm_columns.READER
    if name == otlp.NAME:
        return otlp_columns.READER
    if name == mapped.CANONICAL:
        return mapped_columns.reader(mapped.canonical_map())
    return mapped_columns.reader(msgspec.json.decode(mapping, type=FieldMap)) if mapping else None


def _decoded(decode: Decode, number: int, line: bytes, tally: Tally) -> list[Exchange]:
    """The line's exchanges; a line that has none goes to the tally."""
    try:
        if len(line) > LONGEST_LINE:
            raise LineError(f"line longer than {LONGEST_LINE >> 20} MiB")
        found = decode(line if number > 1 else line.removeprefix(BOM))
    except LineError as error:
        tally.faults.append(fault(number, str(error), line))
        return []
    except Exception as error:  # a defect of ours on one line must not end a scan of millions
        tally.faults.append(fault(number, f"{OURS} ({type(error).__name__})", line))
        return []
    if not found:
        tally.skipped += 1
    return found


def parse_all(work: Iterable[tuple[Job, bytes]], workers: int) -> Iterator[Parsed]:
    """Parse blocks in order, `workers` at a time (0: none but this thread).

    Threads do it where columns free them from Python's lock. Blocks of which Python must read much go to
    child processes, but for the first few.
    """
    if workers < 1:
        yield from (parse(job, data) for job, data in work)
        return
    children = _Children()

    def parse_one(number: int, job: Job, data: bytes) -> Parsed:
        here = _parse(job, data, 1.0 if number < _AT_HOME else _MOST_ODD)
        return children.parse(job, data) if here is None else here

    asked: deque[Future[Parsed]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for number, (job, data) in enumerate(work):
            asked.append(pool.submit(parse_one, number, job, data))
            if len(asked) > workers * _AHEAD:
                yield asked.popleft().result()
        while asked:
            yield asked.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        children.kill()
        pool.shutdown()
        children.close()


class _Children:
    """Child processes, started when all others are busy."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def parse(self, job: Job, data: bytes) -> Parsed:
        try:
            child = self._idle.get_nowait()
        except Empty:
            child = _start()
            self._all.append(child)
        try:
            return _ask(child, job, data)
        finally:
            self._idle.put(child)

    def kill(self) -> None:
        for child in self._all:
            child.kill()

    def close(self) -> None:
        """Let go of all, also of those that were started since."""
        self.kill()
        for child in self._all:
            child.communicate()


def _start() -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-P", "-m", "gauger.edge.parallel"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, pipesize=_PIPE)  # noqa: S603


def _ask(child: subprocess.Popen[bytes], job: Job, data: bytes) -> Parsed:
    try:
        _send(cast(BinaryIO, child.stdin), msgspec.json.encode(job), data)
        head, body = _receive(cast(BinaryIO, child.stdout))
    except (OSError, EOFError):
        raise ExchangeError(
            f"a reading process died at {job.source}:{job.line} (out of memory?): try again with fewer workers",
            retry=True,
        ) from None
    batch = pa.ipc.open_stream(pa.py_buffer(body)).read_next_batch()
    return Parsed(job, batch, msgspec.json.decode(head, type=Tally))


def _send(stream: BinaryIO, head: bytes, body: memoryview | bytes) -> None:
    stream.write(len(head).to_bytes(8, "little") + len(body).to_bytes(8, "little") + head)
    stream.write(body)
    stream.flush()


def _receive(stream: BinaryIO) -> tuple[bytes, bytes]:
    sizes = stream.read(16)
    if len(sizes) < 16:
        raise EOFError
    head, body = (stream.read(int.from_bytes(size, "little")) for size in (sizes[:8], sizes[8:]))
    return head, body


def _serve() -> None:
    """A child: answer requests until the parent closes the stream."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    gc.disable()  # rows are trees, so counting references frees them
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            head, data = _receive(requests)
        except EOFError:
            return
        parsed = parse(msgspec.json.decode(head, type=Job), data)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, parsed.batch.schema) as writer:
            writer.write_batch(parsed.batch)
        _send(answers, msgspec.json.encode(parsed.tally), memoryview(sink.getvalue()))


if __name__ == "__main__":
    _serve()
