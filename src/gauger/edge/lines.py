"""A stream of bytes as blocks of whole lines, never holding more than one line's limit beyond a block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from gauger.edge.inputs import TruncatedError
from gauger.edge.quarantine import Fault
from gauger.edge.span_kernels import newlines

LONGEST_LINE = 64 << 20  # bytes: a 50 MB prompt is read, what is longer is quarantined
BOM = b"\xef\xbb\xbf"


class Block(msgspec.Struct):
    """Whole lines, or (`data` empty) a fault in their place.

    Attributes:
        line: 1-based number of the first line (of the faulty one).
        lines: how many lines it covers.
    """

    line: int
    lines: int
    data: bytes
    fault: Fault | None = None


def blocks(
    pieces: Iterable[bytes], *, block_bytes: int, block_lines: int, longest: int = LONGEST_LINE
) -> Iterator[Block]:
    """Cut the pieces into blocks of at most about `block_bytes` (or one line) and `block_lines` lines."""
    held: list[bytes] = []
    size, line = 0, 1
    tail = 0  # bytes since the last newline
    over: _Overlong | None = None
    cut_short: str | None = None
    stream = iter(pieces)
    while True:
        try:
            piece = next(stream, None)
        except TruncatedError as fault:
            cut_short, piece = str(fault), None
        if piece is None:
            break
        if over is not None:
            rest = over.skip(piece)
            if rest is None:
                continue
            yield Block(line, 1, b"", over.fault(line))
            line, over, piece = line + 1, None, rest
        held.append(piece)
        size += len(piece)
        at = piece.rfind(b"\n")
        tail = tail + len(piece) if at < 0 else len(piece) - at - 1
        if (tail < size and size + len(piece) > block_bytes) or tail > longest:  # before another such piece is too much
            data = b"".join(held)
            for block in _split(data, size - tail, line, block_bytes, block_lines):
                yield block
                line += block.lines
            held, size = [data[size - tail :]], tail
        if tail > longest:
            over, held, size, tail = _Overlong(held[0]), [], 0, 0
    if over is not None:
        yield Block(line, 1, b"", over.fault(line))
        line += 1
    data = b"".join(held)
    torn = data[size - tail :] if cut_short else b""
    for block in _split(data, len(data) - len(torn), line, block_bytes, block_lines):
        yield block
        line += block.lines
    if cut_short:
        digest = hashlib.sha256(torn).hexdigest()
        reason = f"{cut_short}; all whole lines before it were read: copy the log again"
        yield Block(line, 1, b"", Fault(line, reason, digest, len(torn)))


class _Overlong:
    """Counts and digests a line that is too long to hold."""

    def __init__(self, begun: bytes) -> None:
        self._sha256 = hashlib.sha256(begun)
        self._bytes = len(begun)

    def skip(self, piece: bytes) -> bytes | None:
        """Take the piece up to the line's end; returns what follows it, or None where it does not end."""
        at = piece.find(b"\n")
        mine = piece if at < 0 else piece[:at]
        self._sha256.update(mine)
        self._bytes += len(mine)
        return None if at < 0 else piece[at + 1 :]

    def fault(self, line: int) -> Fault:
        return Fault(line, f"line longer than {LONGEST_LINE >> 20} MiB", self._sha256.hexdigest(), self._bytes)


def _split(data: bytes, size: int, line: int, most_bytes: int, most_lines: int) -> Iterator[Block]:
    """The first `size` bytes as one block, or several where they are many or the lines short and many."""
    at = 0
    while at < size:
        end = size
        if end - at > most_bytes:
            cut = data.rfind(b"\n", at, at + most_bytes)
            cut = cut if cut >= 0 else data.find(b"\n", at + most_bytes, size)
            end = cut + 1 if cut >= 0 else end
        count = newlines(np.frombuffer(data, np.uint8), at, end) + (data[end - 1] != ord("\n"))
        if count > most_lines:
            count, end = most_lines, at
            for _ in range(most_lines):
                end = data.index(b"\n", end) + 1
        yield Block(line, count, data[at:end])
        at, line = end, line + count


def after(stream: Iterable[Block], consumed: int) -> Iterator[Block]:
    """The blocks without their first `consumed` lines."""
    for block in stream:
        last = block.line + block.lines - 1
        if block.line > consumed:
            yield block
        elif last > consumed:
            at = -1
            for _ in range(consumed - block.line + 1):
                at = block.data.index(b"\n", at + 1)
            yield Block(consumed + 1, last - consumed, block.data[at + 1 :])
