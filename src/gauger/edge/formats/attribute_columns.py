"""OTLP's attributes in columns: of each of their owners (spans, resources), the value under each wanted key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import uint64

from gauger.compiled import compiled
from gauger.edge.columns import Cells, Columns, rows_of, texts
from gauger.edge.kernel import of
from gauger.edge.span_kernels import ARRAY, BOOL, ESCAPED, FRACTION, INTEGER, NULL, NUMBER, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SCALARS = {
    "stringValue": Want(TEXT | NULL),
    "intValue": Want(INTEGER | TEXT | NULL),
    "doubleValue": Want(NUMBER | NULL),
    "boolValue": Want(BOOL | NULL),
}
_WITHIN = Want(OBJECT, _SCALARS | dict.fromkeys(("arrayValue", "kvlistValue"), Want(NULL)))
_INNER = Want(OBJECT, {"key": Want(TEXT), "value": _WITHIN._replace(kinds=OBJECT | NULL)})
_VALUES = _SCALARS | {
    "arrayValue": Want(OBJECT | NULL, {"values": Want(ARRAY, each=_WITHIN, read=False)}),
    "kvlistValue": Want(OBJECT | NULL, {"values": Want(ARRAY, each=_INNER, read=False)}),
}
PAIR = Want(OBJECT, {"key": Want(TEXT), "value": Want(OBJECT | NULL, _VALUES)})
"""An attribute of any type, but with no list in a list."""


class Attributes:
    """The attributes of some owners.

    Args:
        table: of the tree, rows of `PAIR`. owners: how many there may be.
        wanted: key -> kinds that its value may have. refused: of a key, must its owners be odd?

    Attributes:
        rows, parents, keys, codes: the attributes; who owns each; the distinct keys, and which of them each has.
        odd: (owners,) those with a refused key, a wanted one twice or with another kind of value.
    """

    def __init__(
        self,
        spans: Spans,
        tree: Tree,
        table: str,
        owners: int,
        wanted: Mapping[str, int],
        refused: Callable[[str], bool],
    ) -> None:
        self.rows, self.parents = rows_of(spans, tree, table), spans.rows[table].parents
        encoded = self.rows.text("key").fill_null("").dictionary_encode()
        keys = encoded.dictionary.cast(pa.binary()).to_pylist()  # those of odd lines may be no text
        self.keys, self.codes = [key.decode("utf-8", "replace") for key in keys], encoded.indices.to_numpy()
        self._columns = {key: n for n, key in enumerate(key for key in self.keys if key in wanted)}
        self.odd = np.zeros(owners, np.bool_)
        self.odd[self.parents[self.those(refused)]] = True
        mine = self.those(self._columns.__contains__)
        column, owner = self._of_keys(lambda key: self._columns.get(key, 0))[mine], self.parents[mine]
        self._at = np.full((len(self._columns), owners), -1)
        self._at[column, owner] = mine
        self.cells, plain = _values(spans.data, self.rows, mine)
        may = np.array([wanted[key] for key in self._columns], np.int64)[column]
        plain &= (self._at[column, owner] == mine) & (self.cells[1][mine] & ~may == 0)
        self.odd[owner[~plain]] = True

    def those(self, which: Callable[[str], bool]) -> Ints:
        """The attributes with such keys."""
        return np.flatnonzero(self._of_keys(which))

    def _of_keys(self, made: Callable[[str], int]) -> Ints:
        found: Ints = np.array([made(key) for key in self.keys], np.int64)[self.codes]
        return found

    def __contains__(self, key: str) -> bool:
        return key in self._columns

    def at(self, key: str) -> Ints:
        """(owners,) which attribute has the key, or -1."""
        column = self._columns.get(key)
        return np.full(len(self.odd), -1) if column is None else self._at[column]


def _values(data: npt.NDArray[np.uint8], rows: Columns, mine: Ints) -> tuple[Cells, Mask]:
    """All attributes' values, read for some of them (kind 0: none), and which of these have one plain value."""
    spans, kinds = np.zeros((len(rows), 2), np.int32), np.zeros(len(rows), np.uint8)
    found = np.zeros(len(mine), np.int64)
    plain = np.ones(len(mine), np.bool_)
    for name in _VALUES:
        there = rows.kind(f"value.{name}")[mine] > NULL
        if there.any():
            found += there
            own_spans, own_kinds = (cells[mine[there]] for cells in rows.cells(f"value.{name}"))
            if name == "intValue" and (written := own_kinds & TEXT > 0).any():
                plain[np.flatnonzero(there)[written]] = whole(data, own_spans[written]) >= 0
                own_kinds[written & (own_kinds & ESCAPED == 0)] = INTEGER
            if name == "doubleValue":  # 1 is 1.0 there
                own_kinds[:] = FRACTION
            spans[mine[there]], kinds[mine[there]] = own_spans, own_kinds
    dashes = np.flatnonzero((kinds[mine] & ESCAPED > 0) & (spans[mine, 1] - spans[mine, 0] == 6))
    plain[dashes] &= data[spans[mine[dashes], 0] + 4] != ord("2")  # perhaps \u002d, which `first` passes over
    return (spans, kinds), plain & (found <= 1)


@compiled
def whole(data, spans):  # type: ignore[no-untyped-def]
    """The numbers that texts of up to 19 digits write, or -1 (as for one that 64 bits may not hold)."""
    found = np.empty(len(spans), np.int64)
    for i in range(len(spans)):
        begin, end = uint64(spans[i, 0]), uint64(spans[i, 1])
        size, value = end - begin, np.int64(0)
        good = 1 <= size <= 19 and (of(data, begin) != 48 or size == 1) and not (size == 19 and of(data, begin) == 57)
        for k in range(size if good else uint64(0)):
            digit = np.int64(of(data, begin + k)) - 48
            good = good and 0 <= digit <= 9
            value = value * 10 + digit
        found[i] = value if good else -1
    return found


class Merged:
    """Of some spans their attributes, and under keys that they have not, those of their resources.

    Args:
        spans, resources: the attributes of all. of: (n,) which spans. within: (n,) their resources.
    """

    def __init__(
        self, data: npt.NDArray[np.uint8], spans: Attributes, resources: Attributes, of: Ints, within: Ints
    ) -> None:
        self._data, self._spans, self._resources, self._of, self._within = data, spans, resources, of, within
        none = np.zeros((1, 2), np.int32), np.zeros(1, np.uint8)
        every = [spans.cells, resources.cells, none]
        self._cells = np.concatenate([c[0] for c in every]), np.concatenate([c[1] for c in every])

    def only(self, which: Mask) -> Merged:
        """Those spans only."""
        return Merged(self._data, self._spans, self._resources, self._of[which], self._within[which])

    def has(self, key: str) -> Mask:
        """Is there such a key, with whatever value?"""
        return self._at(key) < len(self._cells[1]) - 1

    def cells(self, key: str) -> Cells:
        """The values under a key; kind 0 where there is none."""
        at = self._at(key)
        return self._cells[0][at], self._cells[1][at]

    def first(self, keys: Iterable[str]) -> Cells:
        """The first of the values that `formats.values.first` takes for one."""
        spans, kinds = np.zeros((len(self._of), 2), np.int32), np.zeros(len(self._of), np.uint8)
        for key in filter(self._is_used, keys):
            own_spans, own_kinds = self.cells(key)
            size = own_spans[:, 1] - own_spans[:, 0]
            dash = (size == 1) & (own_kinds == TEXT) & (self._data[own_spans[:, 0]] == ord("-"))
            mine = (kinds == 0) & (own_kinds > NULL) & (size > 0) & ~dash
            spans[mine], kinds[mine] = own_spans[mine], own_kinds[mine]
        return spans, kinds

    def text(self, cells: Cells) -> pa.Array:
        """Strings; null where there is none."""
        return texts(self._data, cells)

    def _is_used(self, key: str) -> bool:
        return key in self._spans or key in self._resources

    def _at(self, key: str) -> Ints:
        own, shared = self._spans.at(key)[self._of], self._resources.at(key)[self._within]
        last, behind = len(self._cells[1]) - 1, len(self._spans.cells[1])
        found: Ints = np.where(own >= 0, own, np.where(shared >= 0, shared + behind, last))
        return found
