"""Conversations that another account continues: the join on DuckDB, and the score of a group."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
import pytest

from gauger.detect.conversation_hopping import SIGNAL, group
from gauger.detect.traffic import conversation_pairs

SCHEMA = pa.schema([("account", pa.string()), ("context", pa.int64()), ("thread", pa.int64())])


def hops(*rows: tuple[str, int | None, int | None]) -> dict[tuple[str, str], int]:
    """Pairs among exchanges (account, digest of the history, digest after the answer)."""
    events = [dict(zip(SCHEMA.names, r, strict=True)) for r in rows]
    table = ibis.memtable(pa.Table.from_pylist(events, schema=SCHEMA))
    found = ibis.duckdb.connect().to_pyarrow(conversation_pairs(table)).to_pylist()
    return {(r["account"], r["other"]): r["n"] for r in found}


def test_a_conversation_continued_by_another_account() -> None:
    assert hops(("a", None, 1), ("b", 1, 2), ("c", 2, 3)) == {("a", "b"): 1, ("b", "c"): 1}
    assert hops(("a", None, 1), ("a", None, 5), ("b", 1, 2), ("b", 5, 6)) == {("a", "b"): 2}


def test_an_own_conversation_and_first_turns_are_no_hops() -> None:
    assert hops(("a", None, 1), ("a", 1, 2), ("b", None, 9), ("b", None, None)) == {}


def test_a_public_example_that_several_hold_says_nothing() -> None:
    assert hops(("a", None, 1), ("b", None, 1), ("c", 1, 2)) == {}
    assert hops(("a", None, 1), ("a", None, 1), ("c", 1, 2)) == {("a", "c"): 1}


def test_score_of_a_group(traffic) -> None:
    made = traffic(6, pairs={"conversation": [(0, 1, 4), (1, 2, 2), (2, 5, 90)]})
    assert group(made, np.arange(3))["hops"] == pytest.approx(np.log1p(6 / 3))
    assert group(made, np.array([3, 4]))["hops"] == 0
    assert np.isnan(group(traffic(3), np.arange(2))["hops"])


def test_without_messages_it_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(4, with_turns=0))
    assert not SIGNAL.missing(traffic(4))
