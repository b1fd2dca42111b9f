"""Which files a user means, what they are packed in, and their bytes, decompressed in bounded pieces."""

from __future__ import annotations

import glob
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, TextIO, cast

import pyarrow as pa
import zstandard

from gauger.errors import InputError

STDIN = "-"
Kind = Literal["lines", "csv", "parquet"]

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".log", ".csv", ".parquet", ".pq")
_PACKED = (".gz", ".gzip", ".zst", ".zstd")
_ZSTD, _GZIP, _PARQUET = b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"PAR1"
_PIECE = 1 << 20
_ZSTD_PIECE = 2048  # nothing bounds what a piece becomes: of repeated text, 2 KiB may be 64 MiB
_LARGEST_WINDOW = 1 << 27  # what `zstd --long` needs


class TruncatedError(Exception):
    """A compressed stream ends or breaks before its end; what came before it was yielded."""


def expand(paths: Sequence[str | Path]) -> list[str]:
    """Files named, in directories (by suffix, sorted, recursively) or matched by globs, each once.

    Raises:
        InputError: a path that does not exist, or matches nothing.
    """
    found: dict[str, None] = {}
    for given in map(str, paths):
        path = Path(given)
        if given == STDIN or path.is_file():
            matches = [given]
        elif path.is_dir():
            matches = sorted(str(p) for p in path.rglob("*") if p.is_file() and _is_log(p))
        else:
            matches = sorted(m for m in glob.glob(given, recursive=True) if Path(m).is_file())
        if not matches:
            what = f"no logs ({', '.join(_SUFFIXES)}, also .gz or .zst)" if path.is_dir() else "no such file"
            raise InputError(f"{what}: name a log, a directory of logs, a glob, or - for standard input", source=given)
        found.update(dict.fromkeys(matches))
    if not found:
        raise InputError("no log was named")
    return list(found)


def _is_log(path: Path) -> bool:
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name.endswith(_SUFFIXES) and not path.name.startswith(".")


def kind_of(source: str) -> Kind:
    """What a source holds: Parquet by its first bytes, CSV by its name, lines otherwise."""
    if source == STDIN:
        return "lines"
    with _opened(source) as file:
        if file.read(4) == _PARQUET:
            return "parquet"
    return "csv" if any(s == ".csv" for s in Path(source.lower()).suffixes[-2:]) else "lines"


def pieces(source: str) -> Iterator[bytes]:
    """The source's bytes, decompressed by what its first bytes say.

    Raises:
        TruncatedError: after all that could be decompressed. InputError: standard input is closed or was read before,
            or a pipe that has a name.
    """
    if source == STDIN:
        yield from _unpacked(_stdin())
        return
    with _opened(source) as file:
        zstd = file.read(len(_ZSTD)) == _ZSTD
        file.seek(0)
        yield from _unzstd_quickly(source, file) if zstd else _unpacked(file)


def _opened(source: str) -> BinaryIO:
    """A file, which is read more than once: for its kind, and for what it holds."""
    file = Path(source).open("rb")  # noqa: SIM115
    if not file.seekable():
        file.close()
        raise InputError("is a pipe, which can be read once only: give it on standard input, and name -", source=source)
    return file


_taken: list[TextIO] = []


def _stdin() -> BinaryIO:
    # None where whoever started us closed it.
    if (stream := cast("TextIO | None", sys.stdin)) is None:
        raise InputError("standard input is closed", source=STDIN)
    if stream in _taken:
        raise InputError("standard input can be read once only: name - for one file", source=STDIN)
    _taken[:] = [stream]
    return stream.buffer


def _unzstd_quickly(source: str, file: BinaryIO) -> Iterator[bytes]:
    """As `_unzstd`, by Arrow as far as that goes.

    Arrow takes large pieces and bounds what they expand to, which is twice as fast, but of a stream that is cut or
    damaged it does not give the last bytes: then the rest comes from `_unzstd`.
    """
    given = 0
    try:
        with pa.CompressedInputStream(pa.OSFile(source), "zstd") as stream:
            while piece := stream.read(_PIECE):
                given += len(piece)
                yield piece
        return
    except OSError:
        skipped = 0
    for piece in _unzstd(file, file.read(_ZSTD_PIECE)):
        skipped += len(piece)
        if skipped > given:
            yield piece[max(0, len(piece) - (skipped - given)) :]


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    head = file.read(_ZSTD_PIECE)
    if head.startswith(_ZSTD):
        return _unzstd(file, head)
    return _gunzip(file, head) if head.startswith(_GZIP) else _plain(file, head)


def _plain(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    while piece:
        yield piece
        piece = file.read(_PIECE)


def _unzstd(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    """All frames of a zstd stream. (`stream_reader` would not tell a truncated frame from a whole one.)"""
    context = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    frame = context.decompressobj()
    ready: list[bytes] = []
    size, begun, damaged = 0, False, False
    while piece:
        try:
            ready.append(frame.decompress(piece))
        except zstandard.ZstdError:
            damaged = True
            break
        size += len(ready[-1])
        if size >= _PIECE:
            yield b"".join(ready)
            ready, size = [], 0
        piece, begun = frame.unused_data, not frame.eof
        if frame.eof:
            frame = context.decompressobj()
        piece = piece or file.read(_ZSTD_PIECE)
    yield b"".join(ready)
    if damaged or begun:
        raise TruncatedError(f"the zstd stream {'is damaged' if damaged else 'ends within a frame (truncated)'}")


def _gunzip(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    while piece:
        try:
            yield member.decompress(piece, _PIECE)
        except zlib.error:
            raise TruncatedError("the gzip stream is damaged") from None
        piece = member.unconsumed_tail or member.unused_data
        if member.eof:
            member = zlib.decompressobj(wbits=31)
            piece = piece.lstrip(b"\0")  # padding between members
            piece = piece or file.read(_PIECE)
            if not piece:
                return
        else:
            piece = piece or file.read(_PIECE)
    raise TruncatedError("the gzip stream ends within a member (truncated)")
