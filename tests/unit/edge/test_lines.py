"""Streams are cut into whole lines, whatever pieces they come in."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from gauger.edge.inputs import TruncatedError
from gauger.edge.lines import Block, after, blocks


def pieces(data: bytes, size: int, broken: bool = False) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
    if broken:
        raise TruncatedError("cut")


def lines_of(found: list[Block]) -> dict[int, bytes]:
    return {n: line for b in found for n, line in enumerate(b.data.splitlines(), b.line) if not b.fault}


DATA = b"".join(b"line %d %s\n" % (n, b"x" * (n % 7)) for n in range(1, 200)) + b"the last, unended"


@pytest.mark.parametrize("size", [1, 2, 13, 400, 10_000])
@pytest.mark.parametrize("block_bytes", [1, 50, 100_000])
@pytest.mark.parametrize("block_lines", [1, 7, 1000])
def test_every_line_once_with_its_number(size: int, block_bytes: int, block_lines: int) -> None:
    found = list(blocks(pieces(DATA, size), block_bytes=block_bytes, block_lines=block_lines))
    assert lines_of(found) == dict(enumerate(DATA.splitlines(), 1))
    assert max(b.lines for b in found) <= block_lines
    assert all(len(b.data) <= block_bytes or b.lines == 1 for b in found)
    assert [b.line + b.lines for b in found][:-1] == [b.line for b in found][1:]


@pytest.mark.parametrize("consumed", [0, 1, 6, 7, 8, 100, 199, 200, 500])
def test_going_on_after_some_lines(consumed: int) -> None:
    found = list(after(blocks(pieces(DATA, 64), block_bytes=300, block_lines=7), consumed))
    assert lines_of(found) == {n: line for n, line in enumerate(DATA.splitlines(), 1) if n > consumed}


@pytest.mark.parametrize("size", [1, 5, 64, 5000])
def test_a_line_over_the_limit_is_a_fault_between_its_neighbours(size: int) -> None:
    data = b"one\n" + b"y" * 3000 + b"\nthree\n" + b"z" * 2000
    found = list(blocks(pieces(data, size), block_bytes=100, block_lines=10, longest=1000 if size < 3000 else 10))
    faults = {b.line: b.fault for b in found if b.fault}
    if size < 1000:
        assert lines_of(found) == {1: b"one", 3: b"three"}
        assert {n: f.bytes for n, f in faults.items() if f} == {2: 3000, 4: 2000}
        assert faults[2] is not None
        assert faults[2].sha256 == sha256(b"y" * 3000).hexdigest()


def test_a_torn_stream_keeps_its_whole_lines_and_tells_once() -> None:
    found = list(blocks(pieces(DATA, 64, broken=True), block_bytes=300, block_lines=50))
    assert lines_of(found) == dict(enumerate(DATA.splitlines()[:-1], 1))
    (torn,) = [b for b in found if b.fault]
    assert (torn.line, torn.fault.bytes if torn.fault else 0) == (200, len(b"the last, unended"))
