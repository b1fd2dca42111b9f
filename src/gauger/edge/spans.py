"""Where the wanted values of JSON lines lie: one strict pass over a block of them, without the GIL.

The pass knows a tree of wanted members. For each it notes kind and place and decodes nothing. A line that
the tree does not describe to the letter is *odd*: the wrong kind, a member twice, an escape in a name,
a number that may not fit, what some writers emit beyond RFC 8259. Whoever calls reads odd lines another way,
so the pass may refuse whatever it likes, and must be right only about what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gauger.edge.span_kernels import RULE_WIDE, find, newlines

_SMALLEST = 24  # bytes of a row within a line: more and smaller ones make the line odd


class Want(NamedTuple):
    """What a value must be.

    Attributes:
        kinds: of the value, ORed; all others make the line odd.
        members: those wanted of an object. Without any, the object is passed over.
        each: what each element of an array must be. Without it, the array is passed over.
        most: elements that the array may have.
        rows: each element is a row of a table of its own (one array of the tree).
    """

    kinds: int
    members: Mapping[str, Want] = {}
    each: Want | None = None
    most: int = 1 << 30
    rows: bool = False


class Tree:
    """A `Want` as the array that the pass reads.

    Attributes:
        slots: dotted path -> slot of a line. row_slots: path within a row -> slot of a row.
    """

    def __init__(self, root: Want) -> None:
        self.slots: dict[str, int] = {}
        self.row_slots: dict[str, int] = {}
        queue, names, rules = [(root, "", self.slots)], [b""], []
        for want, path, slots in queue:
            slot = slots.setdefault(path, len(slots))
            inner = self.row_slots if want.rows else slots
            below = [(child, f"{path}.{name}".lstrip("."), inner) for name, child in want.members.items()]
            if want.each is not None:
                below = [(want.each, "" if want.rows else f"{path}.", inner)]
            rules.append([want.kinds, len(queue), len(queue) + len(below), slot, want.rows, want.most])
            queue += below
            names += [name.encode() for name in want.members or [""] * len(below)]
        at = len(rules) * RULE_WIDE + np.cumsum([0, *map(len, names)])
        shapes = [[_shape(len(n), n[:1], n[-1:]), begin] for n, begin in zip(names, at, strict=False)]
        self.array = np.concatenate([np.hstack([rules, shapes]).ravel(), np.frombuffer(b"".join(names), np.uint8)])


def _shape(size: int, first: bytes, last: bytes) -> int:
    return size << 16 | int.from_bytes(first) << 8 | int.from_bytes(last)


class Spans(NamedTuple):
    """What a pass found. A span ends before its second number; texts lie within their quotes.

    Attributes:
        data: uint8, the lines, the last one ended like the others.
        ends: (lines,) where each line's newline is.
        odd: (lines,) bool.
        spans, kinds: (slots, lines, 2) and (slots, lines); kind 0 is a member that is not there.
        first_row: (lines + 1,) index of each line's first row.
        row_spans, row_kinds: the same of the rows.
    """

    data: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int32]
    odd: npt.NDArray[np.bool_]
    spans: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]
    first_row: npt.NDArray[np.int32]
    row_spans: npt.NDArray[np.int32]
    row_kinds: npt.NDArray[np.uint8]


def find_spans(tree: Tree, block: bytes) -> Spans:
    """Find what the tree wants in each line of the block (below 2 GiB)."""
    data = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    lines, rows = newlines(data, 0, len(data)), len(data) // _SMALLEST + 1
    wide, row_wide = len(tree.slots), max(1, len(tree.row_slots))
    cells = lines * wide  # of the lines, before those of the rows; a slot's lie side by side, for it is read alone
    spans = np.empty((cells + rows * row_wide, 2), np.int32)
    kinds = np.zeros(len(spans), np.uint8)
    ends, odd, first_row = np.empty(lines, np.int32), np.empty(lines, np.bool_), np.zeros(lines + 1, np.int32)
    find(data, tree.array, (cells, row_wide, rows), ends, odd, first_row, spans, kinds)
    if not _is_utf8(data):  # some line is not, and lines of ASCII alone cannot be it
        odd |= np.logical_or.reduceat(data >= 128, np.concatenate([[0], ends[:-1] + 1]))
    return Spans(
        data,
        ends,
        odd,
        spans[:cells].reshape(wide, -1, 2),
        kinds[:cells].reshape(wide, -1),
        first_row,
        spans[cells:].reshape(row_wide, -1, 2),
        kinds[cells:].reshape(row_wide, -1),
    )


def _is_utf8(data: npt.NDArray[np.uint8]) -> bool:
    text = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)]
    )
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
