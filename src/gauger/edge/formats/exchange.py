"""One exchange as a reader found it, and many of them as an Arrow batch of `gauger.detect.tables.EVENTS`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS, TIMESTAMP

LONGEST_US = 7 * 86_400_000_000  # a response that takes longer than a week is a wrong clock
FARTHEST_US = 366 * 86_400_000_000  # as is a start that lies a year from the middle of its batch
LONGEST_USER_AGENT = 512  # characters; headers are the sender's, and every sketch carries this one


class Exchange(msgspec.Struct, gc=False):
    """The columns of EVENTS but `source` and `line`, in their order. Times are microseconds since 1970."""

    event_id: str | None = None
    time: int | None = None
    end_time: int | None = None
    account: str | None = None
    org: str | None = None
    api_key: str | None = None
    session: str | None = None
    end_user: str | None = None
    model: str | None = None
    status: str | None = None
    address: str | None = None
    user_agent: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    tools: int | None = None
    params: str = "{}"
    turns: int | None = None
    context: int | None = None
    thread: int | None = None
    reasoning_out: list[int] | None = None
    reasoning_in: list[int] | None = None
    system: str | None = None
    prompt: str | None = None
    answer: str | None = None


def to_batch(source: str, lines: Sequence[int], exchanges: Sequence[Exchange]) -> pa.RecordBatch:
    """Build one batch; `lines` holds the line of each exchange. An exchange without id is named by its place."""
    rows = zip(*map(msgspec.structs.astuple, exchanges), strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(Exchange.__struct_fields__, rows, strict=False))
    columns["line"] = lines
    columns["source"] = [source] * len(lines)
    columns["event_id"] = _named(source, lines, columns.get("event_id", ()))
    arrays = [column(columns.get(field.name, ()), field.type) for field in EVENTS]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENTS)


def _named(source: str, lines: Sequence[int], ids: Sequence[str | None]) -> Sequence[str | None]:
    if all(ids):
        return ids
    places = [f"{source}:{n}" if at == 0 or lines[at - 1] != n else f"{source}:{n}#{at}" for at, n in enumerate(lines)]
    return [given or place for given, place in zip(ids, places, strict=True)]


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array; a value that its type cannot hold becomes null (text: loses what is not text)."""
    if values and values[0] is None and values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    try:
        return pa.array(values, kind)
    except (OverflowError, TypeError, ValueError, pa.ArrowException):
        return pa.array([_held(v, kind) for v in values], kind)


def _held(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()
    try:
        pa.scalar(value, kind)
    except (OverflowError, TypeError, ValueError, pa.ArrowException):
        return None
    return value


def settle(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Null the end times that a wrong clock made, and shorten user agents.

    Returns:
        the batch and how many rows were skewed: they end before they start, run for over a week, or
        start over a year from the batch's median. Their start is kept: it is all there is.
    """
    if not batch.num_rows:
        return batch, 0
    start = batch.column("time").cast(pa.int64()).to_numpy(zero_copy_only=False)
    ends = batch.column("end_time")
    end = pc.fill_null(ends.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    known = end != np.iinfo(np.int64).min
    lasted = np.where(known, end, start) - start
    skewed = (lasted < 0) | (lasted > LONGEST_US) | (np.abs(start - np.median(start)) > FARTHEST_US)
    if skewed.any():
        ends = pc.if_else(pa.array(skewed), pa.scalar(None, TIMESTAMP), ends)
    agents = batch.column("user_agent")
    if (pc.max(pc.binary_length(agents)).as_py() or 0) > LONGEST_USER_AGENT:
        agents = pc.utf8_slice_codeunits(agents, 0, LONGEST_USER_AGENT)
    batch = batch.set_column(EVENTS.get_field_index("end_time"), EVENTS.field("end_time"), ends)
    batch = batch.set_column(EVENTS.get_field_index("user_agent"), EVENTS.field("user_agent"), agents)
    return batch, int(skewed.sum())
