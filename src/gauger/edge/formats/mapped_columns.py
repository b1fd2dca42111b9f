"""Mapped logs in columns: what `mapped.decoder` makes, of the lines that are plain, without Python per line.

A mapping becomes a tree of what its paths must hold. One that no tree can say has no columns: a path that goes
on below another, constants in place of times or conversations, several places for one conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS
from gauger.edge.columns import ColumnReader, Columns, either, exchanges, per_distinct, timestamps
from gauger.edge.formats import chat_columns
from gauger.edge.formats.mapped import FIELDS, SPECIAL, TIMES, FieldMap, reader_of
from gauger.edge.formats.parameters import parameter_columns
from gauger.edge.formats.values import key_hash
from gauger.edge.span_kernels import BOOL, INTEGER, NULL, NUMBER, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want
from gauger.edge.times import UNREAD, Micros

_SPECIAL = {"messages": chat_columns.MESSAGES, "response": chat_columns.RESPONSE, "parameters": Want(OBJECT | NULL)}


_ACCOUNTS = ("account", "api_key", "org")


class _ConflictError(Exception):
    """Two paths of a mapping want what no tree can say."""


def reader(mapping: FieldMap) -> ColumnReader | None:
    """The reader of plain lines that follow the mapping; None where it has no tree."""
    paths = {name: [found] if isinstance(found, str) else found for name, found in mapping.fields.items()}
    if {*TIMES, *SPECIAL} & mapping.constants.keys() or any(len(paths.get(name, ())) > 1 for name in SPECIAL):
        return None
    try:
        tree = Tree(_root(paths))
    except _ConflictError:
        return None
    return ColumnReader(tree, _Mapped(mapping, paths, tree).read)


def _root(paths: Mapping[str, list[str]]) -> Want:
    members: dict[str, Any] = {}
    for name, places in paths.items():
        want = _SPECIAL.get(name) or Want(_kinds(name))
        for path in places:
            steps = path.split(".")
            if len(steps) > 1:  # a column may have a dot in its name: then the line is odd
                _put(members, [path], Want(0))
            _put(members, steps, want)
    return Want(OBJECT, _settled(members))


def _kinds(name: str) -> int:
    """What a field's value may be, for its column to be what `mapped.reader_of` makes of it."""
    if name in TIMES:
        return NUMBER | TEXT | NULL
    kind = EVENTS.field(name).type
    if pa.types.is_boolean(kind):
        return BOOL | NULL
    if pa.types.is_floating(kind):
        return NUMBER | NULL
    if pa.types.is_integer(kind):
        return INTEGER | NULL if pa.types.is_signed_integer(kind) else NULL
    return NULL if pa.types.is_list(kind) else TEXT | INTEGER | NULL


def _put(members: dict[str, Any], steps: list[str], want: Want) -> None:
    for step in steps[:-1]:
        members = members.setdefault(step, {})
        if not isinstance(members, dict):
            raise _ConflictError
    last = steps[-1]
    there = members.setdefault(last, want)
    if isinstance(there, dict) or there[1:] != want[1:]:
        raise _ConflictError
    members[last] = there._replace(kinds=there.kinds & want.kinds)


def _settled(members: Mapping[str, Any]) -> dict[str, Want]:
    return {k: Want(OBJECT | NULL, _settled(v)) if isinstance(v, dict) else v for k, v in members.items()}


class _Mapped:
    """A mapping and its tree."""

    def __init__(self, mapping: FieldMap, paths: Mapping[str, list[str]], tree: Tree) -> None:
        self._units, self._paths, self._tree = mapping.units, paths, tree
        self._response = next(iter(paths.get("response", ())), None)
        made = {name: reader_of(EVENTS.field(name).type)(value) for name, value in mapping.constants.items()}
        self._constants = {name: value for name, value in made.items() if value is not None}

    def read(self, source: str, first_line: int, spans: Spans) -> pa.RecordBatch:
        """The exchanges of all lines that are not odd. Lines without a plain time or an account become odd."""
        lines, times = self._plain(spans)
        arrays = self._made(lines, spans)
        for name in FIELDS:
            if name not in TIMES and (name in self._paths or name in self._constants):
                found = self._field(lines, name)
                arrays[name] = pc.coalesce(found, arrays[name]) if name in arrays else found
        none = pa.nulls(len(lines), pa.string())
        key = per_distinct(arrays.get("api_key", none), key_hash, pa.string())
        account = per_distinct(arrays.get("account", none), key_hash, pa.string())
        arrays |= {"api_key": key, "account": either(account, lambda: pc.coalesce(key, arrays.get("org", none)))}
        arrays |= {name: timestamps(found) for name, found in times.items()}
        return exchanges(source, first_line + np.flatnonzero(~spans.odd), arrays)

    def _plain(self, spans: Spans) -> tuple[Columns, dict[str, Micros]]:
        """The lines that are not odd, after a look at what the tree cannot say, and their times."""
        lines = Columns(spans.data, self._tree.slots, spans.spans, spans.kinds)
        chat_columns.mark_odd(lines, spans, self._tree, self._response)
        at = np.flatnonzero(~spans.odd)
        lines = lines.only(~spans.odd)
        times = {n: lines.micros(lines.first(*self._paths[n]), self._units.get(n)) for n in TIMES if n in self._paths}
        good = times["time"] > UNREAD
        if "end_time" in times:
            good &= times["end_time"] != UNREAD
        if not {*_ACCOUNTS} & self._constants.keys():
            good &= lines.first(*(path for name in _ACCOUNTS for path in self._paths.get(name, ())))[1] > NULL
        spans.odd[at[~good]] = True
        return lines.only(good), {name: found[good] for name, found in times.items()}

    def _made(self, lines: Columns, spans: Spans) -> dict[str, pa.Array]:
        """The columns that are made of a conversation and of parameters."""
        parameters = self._paths.get("parameters")
        raw = lines.text(parameters[0]) if parameters else pa.nulls(len(lines), pa.string())
        arrays = parameter_columns(raw)
        if "messages" in self._paths or self._response is not None:
            arrays |= chat_columns.conversation(lines, spans, self._tree, self._response)
        return arrays

    def _field(self, lines: Columns, name: str) -> pa.Array:
        """A field as its paths have it, and where they have none, as its constant."""
        kind = EVENTS.field(name).type
        kind = pa.string() if pa.types.is_large_string(kind) else kind
        found = pa.nulls(len(lines), kind)
        if name in self._paths and _kinds(name) != NULL:
            texts = lines.text(lines.first(*self._paths[name]))
            found = pc.equal(texts, "true") if pa.types.is_boolean(kind) else texts.cast(kind)
        return pc.coalesce(found, pa.scalar(self._constants[name], kind)) if name in self._constants else found
