"""Texts are found again at the place where they were read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.edge.examples import texts_at

ROWS = [
    {"time": f"2026-03-02T00:00:{k:02d}Z", "account": "a", "event_id": str(k), "prompt": f"p{k}", "system": f"s{k}"}
    for k in range(40)
]


@pytest.fixture(params=["jsonl", "parquet"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / f"log.{request.param}"
    if request.param == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=16)
    return str(path)


def test_prompts_and_system_prompts_by_line(log: str) -> None:
    places = {(log, 1, "prompt"), (log, 17, "prompt"), (log, 17, "system"), (log, 40, "system")}
    assert texts_at(places, {log: "canonical"}, None) == {
        (log, 1, "prompt"): "p0",
        (log, 17, "prompt"): "p16",
        (log, 17, "system"): "s16",
        (log, 40, "system"): "s39",
    }


def test_what_cannot_be_read_again_is_left_out(log: str, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.jsonl")
    places = {(gone, 1, "prompt"), ("-", 1, "prompt"), (log, 41, "prompt"), (log, 2, "prompt")}
    assert texts_at(places, {log: "canonical", gone: "canonical"}, None) == {(log, 2, "prompt"): "p1"}
