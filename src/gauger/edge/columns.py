"""Arrow arrays out of the spans of JSON lines (`gauger.edge.spans`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge.formats.exchange import column
from gauger.edge.span_kernels import ESCAPED, NULL, NUMBER, TEXT, cut, first
from gauger.edge.times import MISSING, UNREAD, from_iso, from_seconds

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
        self._used: npt.NDArray[np.bool_] = np.any(kinds > NULL, axis=1)

    def __len__(self) -> int:
        return int(self._kinds.shape[1])

    def only(self, rows: npt.NDArray[Any]) -> Columns:
        """Those rows only (a mask or indices)."""
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
        slots = [self._slots[name] for name in names if self._used[self._slots[name]]]
        found: Cells = first(self._spans, self._kinds, np.array(slots or [self._slots[names[0]]]))
        return found

    def text(self, cells: str | Cells) -> pa.Array:
        """Strings; null where there is none. Of values that are no strings, their JSON."""
        spans, kinds = self.cells(cells) if isinstance(cells, str) else cells
        valid = kinds > NULL
        if not valid.any():
            return pa.nulls(len(kinds), pa.string())
        offsets, text = (pa.py_buffer(found) for found in cut(self._data, spans, kinds))
        there = None if valid.all() else pa.array(valid).buffers()[1]
        return pa.Array.from_buffers(pa.string(), len(kinds), [there, offsets, text])

    def integer(self, name: str) -> pa.Array:
        """int64, of a slot of integers."""
        return self.text(name).cast(pa.int64())

    def number(self, name: str) -> pa.Array:
        """float64, of a slot of numbers."""
        return self.text(name).cast(pa.float64())

    def micros(self, name: str) -> npt.NDArray[np.int64]:
        """Microseconds since 1970, of a slot of seconds or ISO 8601; else MISSING, or UNREAD what is not plain."""
        spans, kinds = self.cells(name)
        found = np.full(len(kinds), MISSING)
        counted, written = (kinds & NUMBER) > 0, (kinds & TEXT) > 0
        if counted.any():
            seconds = self.text((spans, np.where(counted, kinds, 0).astype(np.uint8))).cast(pa.float64())
            found = from_seconds(seconds.to_numpy(zero_copy_only=False))
        if written.any():
            found[written] = from_iso(self._data, spans[written])
            found[(kinds & ESCAPED) > 0] = UNREAD
        return found

    def cells(self, name: str) -> Cells:
        """Where each value lies and its kind."""
        slot = self._slots[name]
        return self._spans[slot], self._kinds[slot]


def per_distinct(values: pa.Array, made: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """``made(value)`` of each value that is not null, asked once for each that is distinct."""
    encoded = values.dictionary_encode()
    return column([made(v) for v in encoded.dictionary.to_pylist()], kind).take(encoded.indices)


def text_of(strings: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The bytes of strings, and where each begins and the last one ends; a null one has none."""
    _, offsets, data = strings.buffers() if pa.types.is_string(strings.type) else (None, None, None)
    if offsets is None:
        offsets = bytes(4 * (len(strings) + 1))
    at = np.frombuffer(offsets, np.int32)[strings.offset :][: len(strings) + 1]
    return np.frombuffer(data or b"", np.uint8), at


def either(first: pa.Array, other: Callable[[], pa.Array]) -> pa.Array:
    """The first where it is not null, which mostly is everywhere: then the other is not made."""
    return pc.coalesce(first, other()) if first.null_count else first
