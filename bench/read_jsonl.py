"""How fast one zstd JSONL log becomes Arrow batches, beside a plain json.loads loop and DuckDB's read_json.

Writes its own synthetic log, prints one JSON object. MB are of decompressed JSON. The first batch is timed
apart: it loads compiled code, once a process (a first run ever also compiles it).

    python bench/read_jsonl.py --megabytes 300 --workers 2
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import zstandard

from gauger.edge.inputs import pieces
from gauger.edge.reading import read_logs

SYLLABLES = ["ba", "co", "di", "fu", "ge", "ha", "li", "mo", "nu", "pe", "ra", "so", "ti", "vu", "wa", "ze"]


def words(rng: random.Random, count: int) -> str:
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(count))


def record(rng: random.Random, n: int) -> dict[str, Any]:
    start = 1_750_000_000 + n / 3
    messages = [{"role": "user", "content": words(rng, rng.randint(10, 60))}]
    if rng.random() < 0.3:
        messages.insert(0, {"role": "system", "content": words(rng, 12)})
    if rng.random() < 0.2:
        messages += [{"role": "assistant", "content": words(rng, 30)}, {"role": "user", "content": words(rng, 9)}]
    return {
        "id": f"chatcmpl-{n:016x}",
        "trace_id": f"{rng.getrandbits(64):016x}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": start,
        "endTime": start + rng.random() * 9,
        "model": rng.choice(["teal-large", "teal-small"]),
        "prompt_tokens": rng.randint(9, 900),
        "completion_tokens": rng.randint(9, 900),
        "response_cost": rng.random() / 100,
        "requester_ip_address": f"203.0.113.{rng.randint(0, 255)}",
        "user_agent": "curl/8.9",
        "messages": messages,
        "response": {"choices": [{"message": {"role": "assistant", "content": words(rng, rng.randint(10, 90))}}]},
        "model_parameters": rng.choice([{}, {"temperature": 0.7}, {"max_tokens": 1024, "temperature": 0}]),
        "metadata": {
            "user_api_key_hash": f"hk_{n % 999:x}",
            "user_api_key_user_id": f"acct-{n % 999:x}",
            "user_api_key_team_id": None,
            "user_api_key_org_id": f"org-{n % 99:x}",
        },
    }


def in_parts(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"messages": [m | {"content": [{"type": "text", "text": m["content"]}]} for m in found["messages"]]}


def in_words(found: dict[str, Any]) -> dict[str, Any]:
    return found | {k: datetime.fromtimestamp(found[k], UTC).isoformat() for k in ("startTime", "endTime")}


def canonical(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": found["id"],
        "time": found["startTime"],
        "account": found["metadata"]["user_api_key_user_id"],
        "model": found["model"],
        "input_tokens": found["prompt_tokens"],
        "prompt": found["messages"][-1]["content"],
        "answer": found["response"]["choices"][0]["message"]["content"],
    }


def otlp(found: dict[str, Any]) -> dict[str, Any]:
    def said(role: str, text: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": text}]}

    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": found["model"],
        "user.id": found["metadata"]["user_api_key_user_id"],
        "client.address": found["requester_ip_address"],
        "gen_ai.usage.input_tokens": found["prompt_tokens"],
        "gen_ai.input.messages": json.dumps([said(m["role"], m["content"]) for m in found["messages"]]),
        "gen_ai.output.messages": json.dumps(
            [said("assistant", found["response"]["choices"][0]["message"]["content"])]
        ),
    }
    span = {
        "traceId": found["id"],  # no hexadecimal, but each another one
        "spanId": found["trace_id"],
        "startTimeUnixNano": str(int(found["startTime"] * 1e9)),
        "endTimeUnixNano": str(int(found["endTime"] * 1e9)),
        "attributes": [
            {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
            for k, v in given.items()
        ],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


SHAPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "litellm": lambda found: found,
    "litellm-parts": in_parts,
    "litellm-iso": in_words,
    "canonical": canonical,
    "otlp": otlp,
}


def write(path: Path, megabytes: float, shape: str) -> tuple[int, int]:
    """Lines and bytes written. Lines repeat after the first 20,000, but for their id."""
    rng = random.Random(1)
    lines = [json.dumps(SHAPES[shape](record(rng, n))).encode() + b"\n" for n in range(20_000)]
    size = count = 0
    with zstandard.open(path, "wb") as file:
        while size < megabytes * 1e6:
            turn, at = divmod(count, len(lines))
            size += file.write(lines[at].replace(b"chatcmpl-00", b"chatcmpl-%02x" % turn, 1))
            count += 1
    return count, size


def timed(work: Callable[[], int], megabytes: float) -> dict[str, float]:
    before = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    start = time.perf_counter()
    rows = work()
    wall_s = time.perf_counter() - start
    after = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(a.ru_utime + a.ru_stime - b.ru_utime - b.ru_stime for a, b in zip(after, before, strict=True))
    figures = {"wall_s": wall_s, "cpu_s": cpu_s, "mb_per_s": megabytes / wall_s, "mb_per_cpu_s": megabytes / cpu_s}
    return {"rows": rows} | {k: round(v, 2) for k, v in figures.items()}


def naive(path: Path) -> int:
    """The plainest loop: decompress, split, json.loads; nothing is kept."""
    rows, held = 0, b""
    for piece in pieces(str(path)):
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            json.loads(line)
        rows += len(lines)
    return rows


def duck(path: Path, threads: int) -> int:
    """DuckDB's reader into a table of the columns that a scan needs (it computes no digests)."""
    db = duckdb.connect(config={"threads": threads})
    db.execute(f"create table t as select * from read_json('{path}', format = 'newline_delimited')")  # noqa: S608
    return int(db.execute("select count(*) from t").fetchall()[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shape", choices=SHAPES, default="litellm", help="of the synthetic log's lines")
    parser.add_argument("--log", type=Path, help="measure this log instead of a synthetic one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.log or Path(folder) / "log.jsonl.zst"
        if options.log is None:
            write(path, options.megabytes, options.shape)
        size = sum(map(len, pieces(str(path)))) / 1e6

        def gauger(workers: int) -> int:
            return sum(batch.num_rows for batch, _ in read_logs([path], workers=workers))

        def start() -> int:
            return next(iter(read_logs([path], workers=0)))[0].num_rows

        print(
            json.dumps(
                {
                    "bench": "read_jsonl",
                    "log": "given" if options.log else options.shape,
                    "megabytes": round(size, 1),
                    "cores": os.cpu_count(),
                    "load_before": round(os.getloadavg()[0], 2),
                    "decompress_only": timed(lambda: sum(1 for _ in pieces(str(path))), size),
                    "gauger_first_batch": timed(start, size),
                    f"gauger_{options.workers}_workers": timed(lambda: gauger(options.workers), size),
                    "gauger_in_process": timed(lambda: gauger(0), size),
                    "json_loads_loop": timed(lambda: naive(path), size),
                    "duckdb_read_json": timed(lambda: duck(path, max(1, options.workers)), size),
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
