"""Arrow arrays out of the spans of JSON lines (`gauger.edge.spans`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS, TIMESTAMP
from gauger.edge.formats.exchange import column
from gauger.edge.span_kernels import ESCAPED, FRACTION, INTEGER, NULL, TEXT, cut, first
from gauger.edge.spans import Spans, Tree
from gauger.edge.times import MISSING, UNREAD, Micros, from_fractions, from_integers, from_iso

Cells = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]


class Columns:
    """The slots of some lines, or of their rows, as columns.

    Args:
        data: the block. slots: name -> slot. spans, kinds: (slots, count, 2) and (slots, count).
    """

    def __init__(
        self,
        data: npt.NDArray[np.uint8],
        slots: Mapping[str, int],
        spans: npt.NDArray[np.int32],
        kinds: npt.NDArray[np.uint8],
    ) -> None:
        self._data, self._slots, self._spans, self._kinds = data, slots, spans, kinds

    def __len__(self) -> int:
        return int(self._kinds.shape[1])

    def only(self, rows: npt.NDArray[Any]) -> Columns:
        """Those rows only (a mask or indices)."""
        if rows.dtype == np.bool_ and rows.all():
            return self
        return Columns(self._data, self._slots, self._spans[:, rows], self._kinds[:, rows])

    def kind(self, name: str) -> npt.NDArray[np.uint8]:
        """The kind of each value; 0 where it is missing."""
        return self.cells(name)[1]

    def is_true(self, name: str) -> npt.NDArray[np.bool_]:
        """Of a slot of booleans, which are true."""
        spans, kinds = self.cells(name)
        true: npt.NDArray[np.bool_] = self._data[np.where(kinds > NULL, spans[:, 0], 0)] == ord("t")
        return true & (kinds > NULL)

    def first(self, *names: str) -> Cells:
        """Of each row the first of the named texts that is not empty, as cells for `text`."""
        slots = [slot for slot in map(self._slots.__getitem__, names) if (self._kinds[slot] > NULL).any()]
        found: Cells = first(self._spans, self._kinds, np.array(slots or [self._slots[names[0]]]))
        return found

    def text(self, cells: str | Cells) -> pa.Array:
        """Strings; null where there is none. Of values that are no strings, their JSON."""
        return texts(self._data, self.cells(cells) if isinstance(cells, str) else cells)

    def integer(self, name: str) -> pa.Array:
        """int64, of a slot of integers."""
        return self.text(name).cast(pa.int64())

    def number(self, name: str) -> pa.Array:
        """float64, of a slot of numbers."""
        return self.text(name).cast(pa.float64())

    def micros(self, cells: str | Cells, unit: str | None = None) -> Micros:
        """Microseconds since 1970, of counts or ISO 8601; else MISSING, or UNREAD what is not plain.

        Args:
            unit: of the counts; as their magnitude tells where None.
        """
        spans, kinds = self.cells(cells) if isinstance(cells, str) else cells
        found = np.full(len(kinds), MISSING)
        for kind, type_, read in ((INTEGER, pa.int64(), from_integers), (FRACTION, pa.float64(), from_fractions)):
            if (mine := (kinds & kind) > 0).any():
                found[mine] = read(self.text((spans[mine], kinds[mine])).cast(type_).to_numpy(), unit)
        if (written := (kinds & TEXT) > 0).any():
            found[written] = UNREAD if unit else from_iso(self._data, spans[written])
            found[(kinds & ESCAPED) > 0] = UNREAD
        return found

    def cells(self, name: str) -> Cells:
        """Where each value lies and its kind."""
        slot = self._slots[name]
        return np.ascontiguousarray(self._spans[slot]), np.ascontiguousarray(self._kinds[slot])


def texts(data: npt.NDArray[np.uint8], cells: Cells) -> pa.Array:
    """As `Columns.text`, of cells of the block."""
    spans, kinds = cells
    valid = kinds > NULL
    if not valid.any():
        return pa.nulls(len(kinds), pa.string())
    offsets, text = (pa.py_buffer(found) for found in cut(data, spans, kinds))
    there = None if valid.all() else pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(kinds), [there, offsets, text])


def rows_of(spans: Spans, tree: Tree, table: str) -> Columns:
    """The rows of a table of the tree."""
    _, row_spans, row_kinds = spans.rows[table]
    return Columns(spans.data, tree.tables[table].slots, row_spans, row_kinds)


class ColumnReader(NamedTuple):
    """A format's way to read plain lines without Python per line.

    Attributes:
        tree: what a line must be. read: of a source, its first line's number and the spans of `tree`, the
            exchanges of all lines that are not odd, in their order; it may find more lines odd.
    """

    tree: Tree
    read: Callable[[str, int, Spans], pa.RecordBatch]


def exchanges(source: str, numbers: npt.NDArray[np.int64], arrays: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Some columns of EVENTS with where they come from; an exchange without id is named by its place.

    Args:
        numbers: of the lines, one an exchange.
    """
    name = column([source], pa.string())[0]  # a path may hold what is no text
    lines = pa.array(numbers)
    event_id = arrays.get("event_id", pa.nulls(len(lines), pa.string()))
    event_id = either(event_id, lambda: pc.binary_join_element_wise(name, lines.cast(pa.string()), ":"))
    arrays = {**arrays, "event_id": event_id, "source": pa.repeat(name, len(lines)), "line": lines}
    columns = [arrays[f.name].cast(f.type) if f.name in arrays else pa.nulls(len(lines), f.type) for f in EVENTS]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def timestamps(micros: Micros) -> pa.Array:
    """Times that are plain or MISSING."""
    return pa.array(micros, mask=micros == MISSING).cast(TIMESTAMP)


def per_distinct(values: pa.Array, made: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """``made(value)`` of each value that is not null, asked once for each that is distinct."""
    encoded = values.dictionary_encode()
    return column([made(v) for v in encoded.dictionary.to_pylist()], kind).take(encoded.indices)


def text_of(strings: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The bytes of strings, and where each begins and the last one ends; a null one has none. Both read-only."""
    _, offsets, data = strings.buffers() if pa.types.is_string(strings.type) else (None, None, None)
    if offsets is None:
        offsets = bytes(4 * (len(strings) + 1))
    at = np.frombuffer(offsets, np.int32)[strings.offset :][: len(strings) + 1]
    text = np.frombuffer(data or b"", np.uint8)
    text.flags.writeable = at.flags.writeable = False  # kernels are compiled anew for what can be written to
    return text, at


def either(first: pa.Array, other: Callable[[], pa.Array]) -> pa.Array:
    """The first where it is not null, which mostly is everywhere: then the other is not made."""
    return pc.coalesce(first, other()) if first.null_count else first
