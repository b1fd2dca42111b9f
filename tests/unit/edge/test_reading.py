"""Many files, packings and formats become the same batches; reading goes on where it stopped."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import zstandard

from gauger.detect.tables import EVENTS
from gauger.edge.duplicates import Duplicates
from gauger.edge.reading import Reading, read_logs
from gauger.errors import ConfigError, InputError

WORDS = ("wren", "kite", "rook", "heron", "stork")


def record(n: int) -> dict[str, Any]:
    return {
        "id": f"e{n}",
        "status": "success",
        "startTime": 1_750_000_000.5 + n,
        "endTime": 1_750_000_002.0 + n,
        "model": "teal-large",
        "prompt_tokens": n,
        "completion_tokens": 2 * n,
        "response_cost": n / 1000,
        "messages": [{"role": "user", "content": f"Describe the {WORDS[n % 5]} no. {n}."}],
        "response": {"choices": [{"message": {"role": "assistant", "content": "A bird. " * (n % 9)}}]},
        "model_parameters": {"temperature": n % 3},
        "metadata": {"user_api_key_user_id": f"acct-{n % 4}", "user_api_key_org_id": "org"},
    }


def jsonl(numbers: range) -> bytes:
    return b"".join(json.dumps(record(n)).encode() + b"\n" for n in numbers)


def table(reading: Reading) -> pa.Table:
    return pa.Table.from_batches([b for b, _ in reading], EVENTS)


def ids(reading: Reading) -> list[str]:
    return table(reading).column("event_id").to_pylist()


@pytest.fixture
def plain(tmp_path: Path) -> pa.Table:
    path = tmp_path / "plain" / "log.jsonl"
    path.parent.mkdir()
    path.write_bytes(jsonl(range(300)))
    return table(read_logs([path], workers=0))


def test_batches_have_the_exact_schema_and_the_lines(plain: pa.Table) -> None:
    assert plain.schema == EVENTS
    assert plain.column("line").to_pylist() == list(range(1, 301))
    row = plain.slice(7, 1).to_pylist()[0]
    assert (row["event_id"], row["account"], row["prompt"]) == ("e7", "acct-3", "Describe the rook no. 7.")
    assert (row["input_tokens"], row["output_tokens"], row["params"]) == (7, 14, '{"temperature":1}')
    assert row["time"].isoformat() == "2025-06-15T15:06:47.500000+00:00"


PACKED = {
    "log.jsonl.gz": gzip.compress(jsonl(range(300))),
    "two.jsonl.gz": gzip.compress(jsonl(range(100))) + gzip.compress(jsonl(range(100, 300))),
    "log.jsonl.zst": zstandard.compress(jsonl(range(300))),
    "two.jsonl.zst": zstandard.compress(jsonl(range(100))) + zstandard.compress(jsonl(range(100, 300))),
    "misnamed.log": zstandard.compress(jsonl(range(300))),
    "bom.jsonl": b"\xef\xbb\xbf" + jsonl(range(300)),
    "crlf.jsonl": jsonl(range(300)).replace(b"\n", b"\r\n"),
    "unended.jsonl": jsonl(range(300)).rstrip(b"\n"),
    "array.json": json.dumps([record(n) for n in range(300)]).encode(),
    "pretty.json": json.dumps([record(n) for n in range(300)], indent=2).encode(),
}


@pytest.mark.parametrize("name", PACKED)
def test_every_packing_gives_the_same_rows(tmp_path: Path, plain: pa.Table, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    got = table(read_logs([tmp_path / name], workers=0))
    assert got.drop(["source"]).equals(plain.drop(["source"]))


def test_blank_lines_count_as_lines_but_are_no_faults(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"\n" + jsonl(range(1)) + b"  \n\n" + jsonl(range(1, 2)))
    reading = read_logs([tmp_path / "log.jsonl"], workers=0)
    assert table(reading).column("line").to_pylist() == [2, 5]
    assert reading.files[0].quarantined == 0


def test_spend_logs_as_parquet_and_csv(tmp_path: Path) -> None:
    rows = [
        {
            "request_id": f"r{n}",
            "api_key": "88dc",
            "spend": 0.5,
            "startTime": f"2025-06-15T15:06:{n:02}Z",
            "prompt_tokens": n,
            "user": "acct-7",
            "metadata": json.dumps({"user_api_key_org_id": "org-3"}),
            "messages": json.dumps([{"role": "user", "content": 'A "quoted"\nline, and more'}]),
        }
        for n in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "spend.parquet")
    pa_csv.write_csv(pa.Table.from_pylist(rows), tmp_path / "spend.csv")
    (tmp_path / "spend.csv.gz").write_bytes(gzip.compress((tmp_path / "spend.csv").read_bytes()))
    (tmp_path / "spend.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    got = {p.name: table(read_logs([p], workers=0)).drop(["source"]) for p in tmp_path.iterdir()}
    assert len(got) == 4
    assert all(t.equals(got["spend.jsonl"]) for t in got.values())
    assert got["spend.csv"].column("prompt")[0].as_py() == 'A "quoted"\nline, and more'
    assert got["spend.csv"].column("line").to_pylist() == list(range(1, 41))


@pytest.mark.parametrize("kind", ["timestamp_ms", "timestamp_ns", "epoch", "text"])
def test_canonical_parquet_needs_no_mapping(tmp_path: Path, plain: pa.Table, kind: str) -> None:
    time = plain.column("time")
    whole = {
        "timestamp_ms": time.cast(pa.timestamp("ms")),
        "timestamp_ns": time.cast(pa.timestamp("ns", tz="Europe/Paris")),
        "epoch": time.cast(pa.int64()),
        "text": pa.chunked_array([[t.isoformat() for t in time.to_pylist()]]),
    }[kind]
    columns = plain.set_column(plain.schema.get_field_index("time"), "time", whole).drop(["source", "line", "params"])
    pq.write_table(columns, tmp_path / "log.parquet", row_group_size=70)
    reading = read_logs([tmp_path / "log.parquet"], batch_rows=64)
    got = table(reading)
    assert (reading.files[0].format, reading.files[0].read) == ("canonical", 300)
    assert got.drop(["source", "params"]).equals(plain.drop(["source", "params"]))
    assert set(got.column("params").to_pylist()) == {"{}"}


def test_unusable_rows_of_canonical_parquet_are_faults(tmp_path: Path) -> None:
    rows = {
        "event_id": ["a", None, "c", "d", "a"],
        "time": ["2025-06-15", "2025-06-15", "never", "2025-06-15", "2025-06-15"],
        "account": ["u", "", "u", None, "u"],
        "org": [None, "o", None, None, None],
        "input_tokens": ["1", "2", "3", "4", "5"],
    }
    pq.write_table(pa.table(rows), tmp_path / "log.parquet")
    reading = read_logs([tmp_path / "log.parquet"], quarantine=tmp_path / "q.jsonl")
    got = table(reading)
    assert got.column("event_id").to_pylist() == ["a", f"{tmp_path}/log.parquet:2"]
    assert got.column("account").to_pylist() == ["u", "o"]
    assert got.column("input_tokens").to_pylist() == [1, 2]
    faults = [json.loads(line) for line in (tmp_path / "q.jsonl").read_bytes().splitlines()]
    assert [(f["line"], f["reason"]) for f in faults] == [(3, "no usable time"), (4, "no account"), (5, "duplicate id")]


def test_directories_globs_and_mixed_formats(tmp_path: Path) -> None:
    (tmp_path / "day" / "one").mkdir(parents=True)
    (tmp_path / "day" / "one" / "a.jsonl").write_bytes(jsonl(range(3)))
    (tmp_path / "day" / "b.jsonl.zst").write_bytes(zstandard.compress(jsonl(range(3, 5))))
    (tmp_path / "day" / "README.md").write_text("not a log")
    envoy = {"start_time": "2025-06-15T15:06:40Z", "response_code": 200, "genai_model_name": "m", "x-user-id": "u"}
    (tmp_path / "day" / "c.log").write_text(json.dumps(envoy) + "\n")
    reading = read_logs([tmp_path / "day", tmp_path / "day" / "b.jsonl.zst"], workers=0)
    assert sorted(ids(reading))[:2] != []
    assert [(Path(f.source).name, f.format, f.read) for f in reading.files] == [
        ("b.jsonl.zst", "litellm", 2),
        ("c.log", "envoy", 1),
        ("a.jsonl", "litellm", 3),
    ]
    assert "model_parameters" in reading.files[0].why
    assert len(ids(read_logs([f"{tmp_path}/day/**/*.jsonl*"], workers=0))) == 5


def test_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("when,who,said\n1750000000,acct-7,Hello\n1750000001,,Again\n")
    (tmp_path / "map.toml").write_text('[fields]\ntime = "when"\naccount = "who"\nprompt = "said"\n')
    reading = read_logs([tmp_path / "log.csv"], mapping=tmp_path / "map.toml", workers=0)
    assert table(reading).column("prompt").to_pylist() == ["Hello"]
    assert (reading.files[0].format, reading.files[0].quarantined) == ("mapped", 1)
    with pytest.raises(ConfigError, match="go together"):
        read_logs([tmp_path / "log.csv"], format="mapped")
    with pytest.raises(ConfigError, match="unknown log format"):
        read_logs([tmp_path / "log.csv"], format="syslog")


def odd(lines: bytes) -> bytes:
    """The same exchanges as lines that have to be decoded one by one."""
    return lines.replace(b'"startTime": 175', b'"startTime": "175').replace(b'.5, "endTime"', b'.5", "endTime"')


@pytest.mark.parametrize("written", [bytes, odd], ids=["in threads", "in children"])
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_give_what_this_process_gives(
    tmp_path: Path, plain: pa.Table, workers: int, written: Callable[[bytes], bytes]
) -> None:
    lines = written(jsonl(range(300))).splitlines(keepends=True)
    lines[250:250] = [b"{torn\n", b"\xff\n"]
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    reading = read_logs([tmp_path / "log.jsonl"], workers=workers, batch_bytes=4000, quarantine=tmp_path / "q.jsonl")
    got = table(reading)
    assert got.drop(["source", "line"]).equals(plain.drop(["source", "line"]))
    assert got.column("line").to_pylist() == [*range(1, 251), *range(253, 303)]
    faults = [json.loads(line) for line in (tmp_path / "q.jsonl").read_bytes().splitlines()]
    assert [(f["line"], f["reason"]) for f in faults] == [(251, "not JSON at byte 1"), (252, "invalid UTF-8")]


@pytest.mark.parametrize(("written", "children"), [(bytes, 0), (odd, 2)])
def test_stopping_early_leaves_no_child_behind(
    tmp_path: Path, written: Callable[[bytes], bytes], children: int
) -> None:
    """Plain lines need no child process: threads read them, which never hold Python's lock for long."""
    (tmp_path / "log.jsonl").write_bytes(written(jsonl(range(300))))
    before = _children()
    stream: Iterator[Any] = iter(read_logs([tmp_path / "log.jsonl"], workers=2, batch_bytes=2000))
    for _ in range(6):
        next(stream)
    assert len(_children()) == len(before) + children
    stream.close()  # type: ignore[attr-defined]
    assert _children() == before


def _children() -> set[str]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        if rest.rpartition(") ")[2].split()[1] == str(os.getpid()):
            found.add(pid)
    return found


PACKINGS = ["log.jsonl", "log.jsonl.zst", "log.parquet", "canonical.parquet", "log.csv"]


@pytest.mark.parametrize("name", PACKINGS)
def test_a_killed_reading_goes_on_where_it_stopped(tmp_path: Path, plain: pa.Table, name: str) -> None:
    path = tmp_path / name
    lines = jsonl(range(300))
    rows = [record(n) | {"model_parameters": "{}", "metadata": json.dumps(record(n)["metadata"])} for n in range(300)]
    if name == "log.jsonl":
        path.write_bytes(lines.replace(b'"id": "e5"', b'"id" "e5"').replace(b'"id": "e290"', b'"id" "e290"'))
    elif name == "log.jsonl.zst":
        path.write_bytes(zstandard.compress(lines))
    elif name == "log.parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name == "canonical.parquet":
        pq.write_table(plain.drop(["source", "line"]), path)
    else:
        flat = [{k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in r.items()} for r in rows]
        pa_csv.write_csv(pa.Table.from_pylist(flat), path)
    whole = table(read_logs([path], workers=0, batch_rows=40, quarantine=tmp_path / "whole.jsonl"))
    first = read_logs([path], workers=0, batch_rows=40, quarantine=tmp_path / "q.jsonl")
    stream = iter(first)
    got, position = [], None
    for _ in range(3):
        batch, position = next(stream)
        got.append(batch)
    next(stream)  # read, but never saved: it must come again
    assert position is not None
    seen = Duplicates()
    for batch in got:
        seen.add(batch.column("event_id"))
    second = read_logs(
        [path],
        workers=0,
        batch_rows=37,
        start={position.source: position.lines},
        duplicates=seen,
        quarantine=tmp_path / "q.jsonl",
    )
    got += [b for b, _ in second]
    assert pa.Table.from_batches(got).equals(whole)
    assert (tmp_path / "q.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert second.files[0].quarantined == (2 if name == "log.jsonl" else 0)


def test_going_on_after_the_end_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(jsonl(range(3)))
    assert ids(read_logs([tmp_path / "log.jsonl"], start={str(tmp_path / "log.jsonl"): 3}, workers=0)) == []


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path, f"{tmp_path}/*.jsonl"):
        with pytest.raises(InputError, match=r"no such file|no logs"):
            read_logs([path])
    with pytest.raises(InputError, match="no log was named"):
        read_logs([])


def test_a_real_sample_is_read_whole(tmp_path: Path) -> None:
    root = Path(os.environ.get("GAUGER_DATA", Path(__file__).parents[4] / "shared" / "data"))
    sample = root / "traffic" / "events.jsonl.zst"
    if not sample.exists():
        pytest.skip(f"no sample at {sample} (set GAUGER_DATA)")
    with sample.open("rb") as file:
        head = zstandard.ZstdDecompressor().stream_reader(file).read(3_000_000)
    head = head[: head.rindex(b"\n") + 1]
    (tmp_path / "head.jsonl").write_bytes(head)
    reading = read_logs([tmp_path / "head.jsonl"], workers=0)
    got = table(reading)
    assert (reading.files[0].format, reading.files[0].quarantined) == ("litellm", 0)
    assert got.num_rows == head.count(b"\n") > 1000
    assert got.column("prompt").null_count == got.column("thread").null_count == 0
