"""What could not be read: one JSON line for each fault, so that nothing is lost silently.

The raw line is not copied, for prompts may be inside: its digest and length tell which one it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec


class Fault(msgspec.Struct):
    """One thing that could not be read.

    Attributes:
        line: 1-based line or record number; None where the whole source is at fault.
        reason: what was wrong. It never quotes the log.
        sha256, bytes: of the raw line, where it was at hand.
    """

    line: int | None
    reason: str
    sha256: str | None = None
    bytes: int | None = None


class _Record(msgspec.Struct, omit_defaults=True):
    source: str
    line: int | None
    reason: str
    sha256: str | None = None
    bytes: int | None = None


def fault(line: int | None, reason: str, raw: bytes) -> Fault:
    """A fault of a line that is at hand."""
    return Fault(line, reason, sha256(raw).hexdigest(), len(raw))


class Quarantine:
    """The quarantine file, counting what it is given.

    Args:
        path: the JSONL file to write, or None to count only.
        start: lines that an interrupted run has consumed, by source: its records up to there are kept
            and all others dropped, for those lines are read again.
    """

    def __init__(self, path: Path | None, start: Mapping[str, int]) -> None:
        self.kept: dict[str, int] = {}
        self._file: BinaryIO | None = None
        if path is not None:
            kept = _records_until(path, start) if start else []
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
            for record in kept:
                self.kept[record.source] = self.kept.get(record.source, 0) + 1
                self._file.write(msgspec.json.encode(record) + b"\n")

    def add(self, source: str, faults: Iterable[Fault]) -> None:
        """Write the faults of one source."""
        if self._file is not None:
            for f in faults:
                self._file.write(msgspec.json.encode(_Record(source, f.line, f.reason, f.sha256, f.bytes)) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _records_until(path: Path, start: Mapping[str, int]) -> list[_Record]:
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            record = msgspec.json.decode(line, type=_Record)
        except ValueError:
            continue  # the line that the interrupted run was writing
        if record.line is not None and record.line <= start.get(record.source, 0):
            found.append(record)
    return found
