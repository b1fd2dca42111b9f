"""Reasoning blocks replayed by another account, on DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis
import pyarrow as pa

from gauger.detect.reasoning_replay import MAX_ISSUED_TO, replays
from gauger.detect.tables import SKETCHES

START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("account", "session", "time", "reasoning_out", "reasoning_in")
BIG = 2**63 + 5  # does not fit a signed integer


def found(*rows: tuple[str, int, list[int] | None, list[int] | None]) -> dict[tuple[str, str], int]:
    """Replays among (account, minute, out, in)."""
    events = [
        {"account": a, "session": "s", "time": START + timedelta(minutes=m), "reasoning_out": out, "reasoning_in": sent}
        for a, m, out, sent in rows
    ]
    table = ibis.memtable(pa.Table.from_pylist(events, schema=pa.schema([SKETCHES.field(c) for c in COLUMNS])))
    result = ibis.duckdb.connect().to_pyarrow(replays(table)).to_pylist()
    return {(r["account_from"], r["account_to"]): r["n"] for r in result}


def test_a_block_sent_by_another_account_links_the_two() -> None:
    assert found(("a", 0, [1, BIG], None), ("b", 5, None, [BIG, 1]), ("b", 6, None, [1])) == {("a", "b"): 2}


def test_an_own_block_and_an_unknown_one_link_nobody() -> None:
    assert found(("a", 0, [1], None), ("a", 1, None, [1]), ("b", 2, None, [7])) == {}


def test_a_block_sent_before_it_was_issued_is_no_replay() -> None:
    assert found(("b", 0, None, [1]), ("a", 5, [1], None)) == {}
    assert found(("b", 0, None, [1]), ("a", 5, [1], None), ("b", 9, None, [1])) == {("a", "b"): 1}


def test_a_sender_that_was_issued_the_same_block_replays_nothing() -> None:
    assert found(("a", 0, [1], None), ("b", 1, [1], None), ("b", 2, None, [1]), ("a", 3, None, [1])) == {}


def test_a_block_that_everyone_gets_links_nobody() -> None:
    everyone = [(f"a{k}", 0, [1], None) for k in range(MAX_ISSUED_TO + 1)]
    assert found(*everyone, ("b", 1, None, [1])) == {}
    assert len(found(*everyone[1:], ("b", 1, None, [1]))) == MAX_ISSUED_TO


def test_a_log_without_reasoning_has_no_pairs() -> None:
    assert found(("a", 0, None, None), ("b", 1, [], [])) == {}
