"""Where a scan keeps its sketches, so that one killed at any point goes on where it was.

A spool is a folder of Parquet parts and a journal of JSON lines. A part is written under a temporary
name, made durable, renamed, and then noted in the journal; only what the journal notes exists. So a
crash leaves a valid prefix: a part without its line is written again, and half a line is cut off.

Unsigned 64-bit columns lie in the parts as *signed* ones with the same bits, because Spark and
others know no unsigned integers; hashes are compared for equality, which survives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from gauger.errors import InputError

JOURNAL = "journal.jsonl"
FORMAT = 1  # of the journal and of the parts' columns

Positions = Mapping[str, int]
"""Source -> how far it has been read: whatever unit its reader resumes by. JSON keeps integers and names only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a spool holds.

    Attributes:
        rows: of all parts together.
        positions: of the sources, after the last part.
        counters: totals that the caller keeps (lines quarantined, duplicates), after the last part.
    """

    parts: tuple[str, ...] = ()
    rows: int = 0
    positions: Positions
    counters: Mapping[str, int]


class Spool:
    """An append-only store of sketches in a folder. One writer at a time.

    Args:
        folder: made if missing. A spool of other inputs in it is emptied.
        fingerprint: names the inputs and the version of the sketch; a spool with another one starts anew.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = folder / JOURNAL
        self.progress = Progress(positions={}, counters={})
        if not self._resume(fingerprint):
            self._restart(fingerprint)
        self._remove_strays()

    def append(self, batches: Sequence[pa.RecordBatch], positions: Positions, counters: Mapping[str, int]) -> None:
        """Add rows, and note how far they bring the sources. After it returns, no crash loses them.

        Args:
            batches: of one schema; may be empty, to note progress that made no rows.
            positions, counters: as they stand after these rows; names missing here keep their values.
        """
        before = self.progress
        rows = sum(b.num_rows for b in batches)
        name = f"{len(before.parts):06d}.parquet" if rows else ""
        if rows:
            self._write_part(name, pa.Table.from_batches([signed(b) for b in batches]))
        line = {"part": name, "rows": rows, "positions": dict(positions), "counters": dict(counters)}
        with self._journal.open("ab") as journal:
            journal.write(_encode(line))
            _sync(journal)
        self.progress = _advance(before, line)

    def paths(self) -> list[Path]:
        """The parts, for ``Engine.table``."""
        return [self._folder / name for name in self.progress.parts]

    def _write_part(self, name: str, rows: pa.Table) -> None:
        fresh = self._folder / (name + ".tmp")
        with fresh.open("wb") as file:
            pq.write_table(rows, file, compression="zstd", compression_level=1)
            _sync(file)
        fresh.rename(self._folder / name)
        _sync_folder(self._folder)

    def _resume(self, fingerprint: str) -> bool:
        """Read the journal, cut off a torn last line, and say whether it is one of these inputs."""
        if not self._journal.exists():
            return False
        data = self._journal.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if not lines or _decode(lines[0], self._journal, 1) != _header(fingerprint):
            return False
        for number, line in enumerate(lines[1:], start=2):
            self.progress = _advance(self.progress, _decode(line, self._journal, number))
        for path in self.paths():
            if not path.exists():
                raise InputError(
                    f"the journal names {path.name}, which is gone: delete the folder", source=str(self._folder)
                )
        if len(whole) < len(data):
            os.truncate(self._journal, len(whole))
        return True

    def _restart(self, fingerprint: str) -> None:
        # The journal goes first: without it no part counts.
        self._journal.unlink(missing_ok=True)
        fresh = self._journal.with_suffix(".tmp")
        with fresh.open("wb") as file:
            file.write(_encode(_header(fingerprint)))
            _sync(file)
        fresh.rename(self._journal)
        _sync_folder(self._folder)

    def _remove_strays(self) -> None:
        """Remove parts that no line notes; the rows in them are read again."""
        known = set(self.progress.parts)
        for path in [*self._folder.glob("*.parquet"), *self._folder.glob("*.tmp")]:
            if path.name not in known:
                path.unlink()


def signed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with uint64 columns, and lists of them, read as int64 of the same bits."""
    columns = [column.view(_signed_type(column.type)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _signed_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_signed_type(kind.value_type))
    return pa.int64() if pa.types.is_uint64(kind) else kind


def _header(fingerprint: str) -> dict[str, object]:
    return {"spool": FORMAT, "fingerprint": fingerprint}


def _advance(before: Progress, line: Mapping[str, object]) -> Progress:
    part, rows, positions, counters = (line.get(k) for k in ("part", "rows", "positions", "counters"))
    if not (
        isinstance(part, str) and isinstance(rows, int) and isinstance(positions, dict) and isinstance(counters, dict)
    ):
        raise InputError("a line of the journal has another form: delete the folder", source=JOURNAL)
    return Progress(
        parts=(*before.parts, part) if part else before.parts,
        rows=before.rows + rows,
        positions={**before.positions, **positions},
        counters={**before.counters, **counters},
    )


def _encode(line: Mapping[str, object]) -> bytes:
    return json.dumps(line, sort_keys=True).encode() + b"\n"


def _decode(line: bytes, journal: Path, number: int) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InputError("not a line of a journal: delete the folder", source=str(journal), line=number) from error
    if not isinstance(value, dict):
        raise InputError("not a line of a journal: delete the folder", source=str(journal), line=number)
    return value


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
