"""The journal of answers: JSON lines, the first naming the plan, then one for each answer, in the order they came.

A line is on the disk before the next question is asked, so whoever is killed asks nothing again that was answered.
Half a line of ours at the end, as a kill leaves it, is cut off; what else is no line is an error, and stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from gauger.edge.suspects import Answer
from gauger.errors import ConfigError, InputError
from gauger.model import canonical_json

MAX_LINE_BYTES = 1 << 28


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: str
    schema: Literal["gauger/answers/1"] = "gauger/answers/1"


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``index``: the question's place in the plan, from 0."""

    index: int
    answer: Answer


_BEGINS = (b'{"answer":', b'{"index":')  # every line but the head; we write the first
_HEAD: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)
_LINE: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


def read_answers(path: Path, plan: str, budget: int) -> dict[int, Answer]:
    """Answers by their question's place.

    Args:
        plan: its digest. budget: how many answers it allows.

    Raises:
        InputError: unreadable, of another plan, or a line that is no answer, has one twice or one beyond the budget.
    """
    return _parsed(path, plan, budget)[0]


class Journal:
    """A journal that is added to. One process at a time.

    Attributes:
        answers: all that are there, by their question's place.

    Raises:
        InputError: as ``read_answers``, or no file that can be added to. ConfigError: another process has it open.
        OSError: the disk refuses it.
    """

    def __init__(self, path: Path, plan: str, budget: int) -> None:
        new = not path.exists()
        if not new and not path.is_file():
            raise InputError("is no file that answers can be added to: a folder, a pipe or a device", source=str(path))
        self._file, self._path = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), path
        try:
            _lock(self._file, path)
            self.answers, size = _parsed(path, plan, budget)
            with _named(path):
                if size < os.fstat(self._file).st_size:
                    os.ftruncate(self._file, size)
                if size and os.pread(self._file, 1, size - 1) != b"\n":
                    os.write(self._file, b"\n")
            if not size:
                self._write(_Head(plan))
            if new:
                _sync_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise
        self._budget = budget

    def append(self, index: int, answer: Answer) -> None:
        """Add one answer. After it returns, no crash loses it."""
        if index in self.answers or not 0 <= index < self._budget:
            raise ConfigError(f"question {index} is answered, or is none of the plan's")
        self._write(_Line(index, answer))
        self.answers[index] = answer

    def _write(self, line: msgspec.Struct) -> None:
        data = _written(line)
        with _named(self._path):
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)


def _parsed(path: Path, plan: str, budget: int) -> tuple[dict[int, Answer], int]:
    """The answers, and how many bytes their whole lines take."""
    found, size, source = dict[int, Answer](), 0, str(path)
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                try:
                    line = _decoded(_HEAD if number == 1 else _LINE, raw, source, number)
                except InputError:
                    if not _half(raw, (_written(_Head(plan)),) if number == 1 else _BEGINS):
                        raise
                    break  # a whole one counts, though an editor took its end
                if isinstance(line, _Head):
                    _check_plan(line, plan, source)
                else:
                    _check_index(line.index, found, budget, source, number)
                    found[line.index] = line.answer
                size += len(raw)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=source) from None
    return found, size


def _half(raw: bytes, begins: tuple[bytes, ...]) -> bool:
    """Whether this is what a kill leaves of a line of ours, and of no other file that was named in error.

    Args:
        begins: the whole head, or what other lines begin with.
    """
    ours = raw.startswith(begins) or any(begin.startswith(raw) for begin in begins)
    ours |= len(begins) > 1 and not raw.strip(b"\0 ")  # some file systems leave that after a power failure
    return ours and not raw.endswith(b"\n") and len(raw) < MAX_LINE_BYTES


def _written(line: msgspec.Struct) -> bytes:
    return canonical_json(msgspec.to_builtins(line)) + b"\n"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """A full disk's error names no file: say which."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes, source: str, number: int) -> Any:
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):  # the message could quote an answer
        raise InputError("is no line of a journal of answers", source=source, line=number) from None


def _check_plan(head: _Head, plan: str, source: str) -> None:
    if head.plan != plan:
        raise InputError(
            "holds answers to another plan, or to this one before it was altered: each plan has a journal of its own",
            source=source,
        )


def _check_index(index: int, found: dict[int, Answer], budget: int, source: str, number: int) -> None:
    if not 0 <= index < budget:
        raise InputError(f"an answer beyond the plan's {budget:,}", source=source, line=number)
    if index in found:
        raise InputError("a second answer to the same question", source=source, line=number)


def _lock(file: int, path: Path) -> None:
    import fcntl  # noqa: PLC0415  # POSIX only

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ConfigError(f"{path} is being added to by another process") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
