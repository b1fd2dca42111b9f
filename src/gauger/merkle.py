"""The Merkle tree of RFC 6962 over SHA-256: one root for many entries, and a short proof that one is among them.

A leaf is hashed with 0x00 before it and a node with 0x01, so that neither passes for the other. A node without a
sibling rises as it is, which gives the RFC's tree (split at the largest power of two below n) from the bottom up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import zip_longest


def levels(entries: Sequence[bytes]) -> list[list[bytes]]:
    """All hashes of the tree over at least one entry: the leaves first, the root (one hash) last."""
    tree = [[_leaf(e) for e in entries]]
    while len(tree[-1]) > 1:
        row = tree[-1]
        tree.append([_node(a, b) if b is not None else a for a, b in zip_longest(row[::2], row[1::2])])
    return tree


def path(tree: Sequence[Sequence[bytes]], index: int) -> tuple[bytes, ...]:
    """The siblings from the leaf at ``index`` up; what ``root_from`` needs beside the entry."""
    siblings = ((row, (index >> height) ^ 1) for height, row in enumerate(tree))
    return tuple(row[at] for row, at in siblings if at < len(row))


def root_from(entry: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root that a tree of ``size`` entries has if ``entry`` is at ``index``; None if the path's length is wrong.

    Under one root and size an index can be opened to one entry only, unless SHA-256 collides. So at most ``size``
    entries can ever be shown to be in a tree, however it was made.
    """
    if not 0 <= index < size:
        return None
    left, found = list(reversed(siblings)), _leaf(entry)
    while size > 1:
        if index ^ 1 < size:
            if not left:
                return None
            sibling = left.pop()
            found = _node(sibling, found) if index & 1 else _node(found, sibling)
        index, size = index >> 1, (size + 1) >> 1
    return None if left else found


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
