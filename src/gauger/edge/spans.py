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

_UNREAD = "*"
_SMALLEST = 24  # bytes of a row within a line: more and smaller ones make the line odd


class Want(NamedTuple):
    """What a value must be.

    Attributes:
        kinds: of the value, ORed; all others make the line odd.
        members: those wanted of an object. Without any, the object is passed over.
        each: what each element of an array must be. Without it, the array is passed over.
        most: elements that the array may have.
        rows: the name of the table of which each element is a row: of lines, or of the rows that hold it.
        read: does anybody ask where it, or what is in it, lies? All others share a slot: a row's cells are to be few.
    """

    kinds: int
    members: Mapping[str, Want] = {}
    each: Want | None = None
    most: int = 1 << 30
    rows: str = ""
    read: bool = True


class Table(NamedTuple):
    """Rows that a tree wants: their number, the number of the table that holds them (-1: lines), their slots."""

    number: int
    parent: int
    slots: dict[str, int]


class Tree:
    """A `Want` as the array that the pass reads.

    Attributes:
        slots: dotted path -> slot of a line. tables: name -> table, whose slots' paths begin within a row.
    """

    def __init__(self, root: Want) -> None:
        self.slots: dict[str, int] = {}
        self.tables: dict[str, Table] = {}
        queue, names, rules = [(root, "", self.slots, -1)], [b""], []  # -1: within lines
        for want, place, slots, over in queue:
            path = place if want.read else _UNREAD
            slot, inner = slots.setdefault(path, len(slots)), (f"{path}.", slots, over)
            if want.rows:
                table = self.tables[want.rows] = Table(len(self.tables), over, {})
                inner = ("", table.slots, table.number)
            below = [(child, f"{path}.{name}".lstrip("."), slots, over) for name, child in want.members.items()]
            below = below if want.each is None else [(want.each, *inner)]
            if path == _UNREAD:
                below = [(child, path, slots, over) for child, *_ in below]
            number = inner[2] + 1 if want.rows else 0
            rules.append([want.kinds, len(queue), len(queue) + len(below), slot, number, want.most])
            queue += below
            names += [name.encode() for name in want.members or [""] * len(below)]
        at = len(rules) * RULE_WIDE + np.cumsum([0, *map(len, names)])
        shapes = [[_shape(len(n), n[:1], n[-1:]), begin] for n, begin in zip(names, at, strict=False)]
        self.array = np.concatenate([np.hstack([rules, shapes]).ravel(), np.frombuffer(b"".join(names), np.uint8)])


def _shape(size: int, first: bytes, last: bytes) -> int:
    return size << 16 | int.from_bytes(first) << 8 | int.from_bytes(last)


class Rows(NamedTuple):
    """The rows of one table.

    Attributes:
        parents: (rows,) index of the line, or of the row of another table, that holds each; ascending.
        spans, kinds: (slots, rows, 2) and (slots, rows).
    """

    parents: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]


class Spans(NamedTuple):
    """What a pass found. A span ends before its second number; texts lie within their quotes.

    Attributes:
        data: uint8, the lines, the last one ended like the others.
        ends: (lines,) where each line's newline is.
        odd: (lines,) bool.
        spans, kinds: (slots, lines, 2) and (slots, lines); kind 0 is a member that is not there.
        rows: name -> table, without the rows of lines that the pass found odd.
    """

    data: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int32]
    odd: npt.NDArray[np.bool_]
    spans: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]
    rows: Mapping[str, Rows]


def find_spans(tree: Tree, block: bytes) -> Spans:
    """Find what the tree wants in each line of the block (below 2 GiB)."""
    data = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    lines, room, tables = newlines(data, 0, len(data)), len(data) // _SMALLEST + 1, tree.tables.values()
    wide = [len(table.slots) for table in tables]
    # Cells of the lines, where a slot's lie side by side, for it is read alone; then those of each table, where a row's
    # do, for there is room for many more rows than there are, and what is not written costs nothing.
    starts = lines * len(tree.slots) + room * np.cumsum([0, *wide])
    layout = np.array([[starts[n], wide[n], room, room * n] for n in range(len(wide))], np.int64).reshape(-1, 4)
    spans, kinds = np.empty((starts[-1], 2), np.int32), np.empty(starts[-1], np.uint8)
    kinds[: starts[0]] = 0
    parents, made = np.empty(room * len(wide), np.int32), np.zeros(len(wide), np.int64)
    ends, odd = np.empty(lines, np.int32), np.empty(lines, np.bool_)
    find(data, tree.array, layout, made, ends, odd, parents, spans, kinds)
    if not _is_utf8(data):  # some line is not, and lines of ASCII alone cannot be it
        odd |= np.logical_or.reduceat(data >= 128, np.concatenate([[0], ends[:-1] + 1]))

    def rows(table: Table) -> Rows:
        width, over = wide[table.number], parents[room * table.number :][: made[table.number]]
        if table.parent >= 0:
            over = (over - starts[table.parent]) // wide[table.parent]
        begin, end = starts[table.number], starts[table.number] + made[table.number] * width
        return Rows(over, spans[begin:end].reshape(-1, width, 2).swapaxes(0, 1), kinds[begin:end].reshape(-1, width).T)

    of_lines = spans[: starts[0]].reshape(-1, lines, 2), kinds[: starts[0]].reshape(-1, lines)
    return Spans(data, ends, odd, *of_lines, {name: rows(table) for name, table in tree.tables.items()})


def _is_utf8(data: npt.NDArray[np.uint8]) -> bool:
    text = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)]
    )
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
