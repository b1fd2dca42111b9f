"""Writes simulated worlds to folders: a gateway's log and the provider's tables, or Parquet by the million."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import zstandard

from gauger.detect.simulate import World
from gauger.detect.simulate.bulk import BulkPlan, batches, plan_bulk
from gauger.detect.simulate.ledger import RESUMED, signature

_SIDE_TABLES = ("orgs", "bans", "releases", "truth")
_CSV = pa_csv.WriteOptions(quoting_style="needed", quoting_header="none")
Message = dict[str, Any]


def write_world(world: World, out: Path, layout: Literal["litellm", "parquet"] = "litellm") -> Path:
    """Write a world: its events, and orgs.csv, bans.csv, releases.csv and truth.csv beside them.

    Args:
        layout: "litellm" for `events.jsonl.zst` in LiteLLM's StandardLoggingPayload shape, "parquet" for
            `events.parquet` in the schema EVENTS.

    Returns:
        The file of events.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in _SIDE_TABLES:
        pa_csv.write_csv(_plain(getattr(world, name)), out / f"{name}.csv", _CSV)
    if layout == "parquet":
        pq.write_table(world.events, out / "events.parquet", compression="zstd")
        return out / "events.parquet"
    encoder = msgspec.json.Encoder()
    with (out / "events.jsonl.zst").open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as log:
        for payload in payloads(world):
            log.write(encoder.encode(payload) + b"\n")
    return out / "events.jsonl.zst"


def payloads(world: World) -> Iterator[dict[str, Any]]:
    """Each event as LiteLLM logs it: the whole conversation so far stands in `messages`."""
    history = _history(world)
    exchanges = {name: world.exchanges[name].to_pylist() for name in world.exchanges.column_names}
    at = 0
    for batch in world.events.to_batches(max_chunksize=4096):
        for event in batch.to_pylist():
            conv, turn = exchanges["conversation"][at], exchanges["turn"][at]
            copied, stolen = exchanges["purpose"][at] == "replay", exchanges["stolen"][at]
            past = history[conv][: 2 * turn] if turn else []
            if stolen >= 0:
                past = [_answer(RESUMED, signature(stolen, 0)), *past]
            thinks = bool(event["reasoning_out"] or event["reasoning_in"])
            yield _payload(event, past if thinks and not copied else [_bare(m) for m in past], conv, turn)
            at += 1


def _history(world: World) -> dict[int, list[Message]]:
    """The messages of each conversation of several turns, prompts and answers in turn."""
    spoken: dict[int, list[tuple[int, str, str | None, bool]]] = defaultdict(list)
    several = set(world.exchanges.filter(pc.field("turn") > 0)["conversation"].to_pylist())
    columns = zip(
        *(world.exchanges[name].to_pylist() for name in ("conversation", "turn", "purpose")),
        *(world.events[name].to_pylist() for name in ("prompt", "answer", "reasoning_out")),
        strict=True,
    )
    for conv, turn, purpose, prompt, answer, thought in columns:
        if conv in several and purpose != "replay":
            spoken[conv].append((turn, prompt, answer, bool(thought)))
    return {
        conv: [
            message
            for turn, prompt, answer, thought in sorted(turns)
            for message in (
                {"role": "user", "content": prompt},
                _answer(answer or "", signature(conv, turn) if thought else None),
            )
        ]
        for conv, turns in spoken.items()
    }


def _answer(text: str, sign: str | None) -> Message:
    message: Message = {"role": "assistant", "content": text}
    return message | {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": sign}]} if sign else message


def _bare(message: Message) -> Message:
    return {"role": message["role"], "content": message["content"]}


def _payload(event: dict[str, Any], past: list[Message], conv: int, turn: int) -> dict[str, Any]:
    system = [{"role": "system", "content": event["system"]}] if event["system"] else []
    tools = (
        {"tools": [{"type": "function", "function": {"name": f"tool_{i}"}} for i in range(event["tools"])]}
        if event["tools"]
        else {}
    )
    sign = signature(conv, turn) if event["reasoning_out"] else None
    answered = event["answer"] is not None
    return {
        "id": event["event_id"],
        "trace_id": f"trace-{event['event_id'][4:]}",
        "session_id": event["session"],
        "call_type": "acompletion",
        "status": event["status"],
        "startTime": event["time"].timestamp(),
        "endTime": event["end_time"].timestamp(),
        "model": event["model"],
        "prompt_tokens": event["input_tokens"],
        "completion_tokens": event["output_tokens"],
        "total_tokens": event["input_tokens"] + event["output_tokens"],
        "response_cost": event["cost_usd"],
        "end_user": event["end_user"],
        "requester_ip_address": event["address"],
        "user_agent": event["user_agent"],
        "messages": [*system, *past, {"role": "user", "content": event["prompt"]}],
        "response": {"choices": [{"message": _answer(event["answer"], sign)}]} if answered else {},
        "model_parameters": msgspec.json.decode(event["params"]) | tools,
        "metadata": {
            "user_api_key_hash": event["api_key"],
            "user_api_key_user_id": event["account"],
            "user_api_key_team_id": None,
            "user_api_key_org_id": event["org"],
        },
    }


def _plain(table: pa.Table) -> pa.Table:
    """Times as ISO 8601 text with an offset, for CSV."""
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            text = pc.strftime(table.column(at), format="%Y-%m-%dT%H:%M:%S+00:00")
            table = table.set_column(at, field.name, text)
    return table


def write_bulk(out: Path, exchanges: int, accounts: int, seed: int, part_rows: int = 250_000) -> BulkPlan:
    """Write a large world for benchmarks as `part-00000.parquet`, ... and `truth.csv`, in bounded memory.

    Args:
        exchanges, accounts: how many in all. part_rows: exchanges a part, which bounds the memory.
    """
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    plan = plan_bulk(exchanges, accounts, rng)
    with ThreadPoolExecutor(1) as writer:  # one part is composed while the one before is packed
        packed: Future[None] | None = None
        for number, table in enumerate(batches(plan, part_rows, rng)):
            if packed is not None:
                packed.result()
            packed = writer.submit(_write_part, table, out / f"part-{number:05}.parquet")
        if packed is not None:
            packed.result()
    pa_csv.write_csv(plan.truth, out / "truth.csv", _CSV)
    return plan


def _write_part(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=1)
