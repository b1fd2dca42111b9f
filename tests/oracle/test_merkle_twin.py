"""The tree against the recursive definitions of RFC 6962, section 2.1, and against another implementation."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger import merkle

ENTRIES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    return 1 << ((n - 1).bit_length() - 1)


def root(d: list[bytes]) -> bytes:
    """MTH(D[n])."""
    if len(d) == 1:
        return sha(b"\x00" + d[0])
    k = split(len(d))
    return sha(b"\x01" + root(d[:k]) + root(d[k:]))


def path(m: int, d: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), root(d[k:])] if m < k else [*path(m - k, d[k:]), root(d[:k])]


def up(entry: bytes, m: int, n: int, siblings: list[bytes]) -> bytes:
    """The root from a path, by the same recursion; IndexError if the path is too short."""
    if n == 1:
        assert not siblings
        return sha(b"\x00" + entry)
    k = split(n)
    if m < k:
        return sha(b"\x01" + up(entry, m, k, siblings[:-1]) + siblings[-1])
    return sha(b"\x01" + siblings[-1] + up(entry, m - k, n - k, siblings[:-1]))


@given(ENTRIES, st.data())
def test_root_and_paths_are_the_rfcs(entries: list[bytes], data: st.DataObject) -> None:
    tree = merkle.levels(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    assert tree[-1] == [root(entries)]
    siblings = path(at, entries)
    assert list(merkle.path(tree, at)) == siblings
    assert merkle.root_from(entries[at], at, len(entries), siblings) == root(entries)


@given(
    st.binary(max_size=8), st.integers(1, 200), st.data(), st.lists(st.binary(min_size=32, max_size=32), max_size=10)
)
def test_roots_from_any_path_are_the_twins(entry: bytes, size: int, data: st.DataObject, siblings: list[bytes]) -> None:
    index = data.draw(st.integers(-1, size))
    found = merkle.root_from(entry, index, size, siblings)
    try:
        assert 0 <= index < size
        expected = up(entry, index, size, siblings)
    except (AssertionError, IndexError):
        assert found is None
        return
    assert found == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 97])
def test_pymerkle_agrees(size: int) -> None:
    pymerkle = pytest.importorskip("pymerkle")
    entries = [bytes([i]) * 32 for i in range(size)]
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        theirs.append_entry(entry)
    tree = merkle.levels(entries)
    assert theirs.get_state() == tree[-1][0]
    for at in range(size):
        own, *siblings = theirs.prove_inclusion(at + 1).serialize()[
            "path"
        ]  # theirs counts from 1 and begins with the leaf
        assert own == tree[0][at].hex()
        assert siblings == [h.hex() for h in merkle.path(tree, at)]
