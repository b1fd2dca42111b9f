"""Exchanges as columns: what the generators of a world hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[Any]]

FIELDS: dict[str, tuple[Any, Any]] = {
    "time": (np.float64, 0.0),  # seconds since the world's start
    "who": (np.int64, 0),  # index of the account
    "prompt": (object, ""),
    "answer": (object, ""),
    "system": (object, None),
    "address": (object, None),
    "user_agent": (object, None),
    "end_user": (object, None),
    "session": (np.bool_, False),  # does the client send a session id?
    "model": (np.int64, -1),  # index into MODELS; -1: whatever the account uses at that time
    "temperature": (np.float64, np.nan),
    "top_p": (np.float64, np.nan),
    "max_tokens": (np.int64, -1),
    "n": (np.int64, -1),
    "logprobs": (np.bool_, False),
    "tools": (np.int64, -1),
    "conv": (np.int64, -1),  # conversation and turn; a replayed exchange keeps those of its original
    "turn": (np.int64, 0),
    "thinks": (np.bool_, False),  # does the answer hold a reasoning block that the next turn sends back?
    "stolen": (np.int64, -1),  # conversation whose first reasoning block this request replays
    "purpose": (object, "ordinary"),  # ordinary | harvest:<kind> | cover | replay
}


def rows(size: int, /, **given: Any) -> Rows:
    """So many exchanges; a scalar holds for all, a missing field gets its default.

    Raises:
        KeyError: a field that is not in `FIELDS`.
    """
    table: Rows = {}
    for name, (kind, default) in FIELDS.items():
        value = given.pop(name, default)
        column = np.empty(size, dtype=kind)
        column[:] = value
        table[name] = column
    if given:
        raise KeyError(f"no such field: {sorted(given)}")
    return table


def take(table: Rows, at: NDArray[Any]) -> Rows:
    """The exchanges at these positions (or where this mask holds)."""
    return {name: column[at] for name, column in table.items()}


def concat(tables: Sequence[Rows]) -> Rows:
    """All exchanges, one table after the other."""
    return {name: np.concatenate([t[name] for t in tables]) for name in FIELDS} if tables else rows(0)
