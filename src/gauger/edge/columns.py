"""Arrow arrays out of the spans of JSON lines (`gauger.edge.spans`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gauger.edge.formats.exchange import column
from gauger.edge.span_kernels import NULL, cut

Cells = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]


class Columns:
    """The slots of some lines, or of their rows, as columns.

    Args:
        data: the block. slots: name -> slot. spans, kinds: (count, slots, 2) and (count, slots).
    """

    def __init__(
        self,
        data: npt.NDArray[np.uint8],
        slots: Mapping[str, int],
        spans: npt.NDArray[np.int32],
        kinds: npt.NDArray[np.uint8],
    ) -> None:
        self._data, self._slots, self._spans, self._kinds = data, slots, spans, kinds
        self._used: npt.NDArray[np.bool_] = np.any(kinds > NULL, axis=0)

    def __len__(self) -> int:
        return len(self._kinds)

    def only(self, rows: npt.NDArray[Any]) -> Columns:
        """Those rows only (a mask or indices)."""
        return Columns(self._data, self._slots, self._spans[rows], self._kinds[rows])

    def kind(self, name: str) -> npt.NDArray[np.uint8]:
        """The kind of each value; 0 where it is missing."""
        return self._kinds[:, self._slots[name]]

    def is_true(self, name: str) -> npt.NDArray[np.bool_]:
        """Of a slot of booleans, which are true."""
        spans, kinds = self._cells(name)
        true: npt.NDArray[np.bool_] = self._data[np.where(kinds > NULL, spans[:, 0], 0)] == ord("t")
        return true & (kinds > NULL)

    def first(self, *names: str) -> Cells:
        """Of each row the first of the named texts that is not empty, as cells for `text`."""
        used = [name for name in names if self._used[self._slots[name]]] or names[:1]
        spans, kinds = self._cells(used[0])
        for name in used:
            more, sorts = self._cells(name)
            empty = (kinds <= NULL) | (spans[:, 0] == spans[:, 1])
            spans, kinds = np.where(empty[:, None], more, spans), np.where(empty, sorts, kinds)
        return spans, np.where(spans[:, 0] == spans[:, 1], 0, kinds)

    def text(self, cells: str | Cells) -> pa.Array:
        """Strings; null where there is none. Of values that are no strings, their JSON."""
        spans, kinds = self._cells(cells) if isinstance(cells, str) else cells
        valid = kinds > NULL
        if not valid.any():
            return pa.nulls(len(kinds), pa.string())
        offsets, text = (pa.py_buffer(found) for found in cut(self._data, spans, kinds))
        return pa.Array.from_buffers(pa.string(), len(kinds), [pa.array(valid).buffers()[1], offsets, text])

    def integer(self, name: str) -> pa.Array:
        """int64, of a slot of integers."""
        return self.text(name).cast(pa.int64())

    def number(self, name: str) -> pa.Array:
        """float64, of a slot of numbers."""
        return self.text(name).cast(pa.float64())

    def _cells(self, name: str) -> Cells:
        slot = self._slots[name]
        return self._spans[:, slot], self._kinds[:, slot]


def per_distinct(values: pa.Array, made: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """``made(value)`` of each value that is not null, asked once for each that is distinct."""
    encoded = values.dictionary_encode()
    return column([made(v) for v in encoded.dictionary.to_pylist()], kind).take(encoded.indices)
