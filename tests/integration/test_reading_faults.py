"""Every kind of bad input gets a clear error or a counted quarantine, and all that is good is read."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from gauger.detect.tables import EVENTS
from gauger.edge import parallel
from gauger.edge.reading import FileReport, read_logs
from gauger.errors import ExchangeError, InputError

WORDS = "the-words-of-a-user"


def record(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"e{n}",
        "startTime": 1_750_000_000.0 + n,
        "endTime": 1_750_000_001.0 + n,
        "model": "teal-large",
        "prompt_tokens": 1,
        "messages": [{"role": "user", "content": f"{WORDS} {n}"}],
        "response": {"choices": [{"message": {"content": "Yes."}}]},
        "model_parameters": {},
        "metadata": {"user_api_key_user_id": f"acct-{n}"},
    } | changes


def line(n: int, **changes: Any) -> bytes:
    return json.dumps(record(n, **changes)).encode() + b"\n"


class Result:
    def __init__(self, path: Path, **options: Any) -> None:
        quarantine = path.parent / "quarantine.jsonl"
        self.reading = read_logs([path], workers=0, quarantine=quarantine, **options)
        self.table = pa.Table.from_batches([b for b, _ in self.reading], EVENTS)
        self.ids = self.table.column("event_id").to_pylist()
        self.faults = [json.loads(x) for x in quarantine.read_bytes().splitlines()]
        assert WORDS not in quarantine.read_text()
        assert self.report.quarantined == len(self.faults)

    @property
    def report(self) -> FileReport:
        return self.reading.files[0]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(f["line"], f["reason"]) for f in self.faults]


def write(tmp_path: Path, data: bytes, name: str = "log.jsonl") -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv", "log.jsonl.gz", "log.jsonl.zst"])
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_log(tmp_path: Path, name: str, content: bytes) -> None:
    packed = {".gz": gzip.compress, ".zst": zstandard.compress}.get(Path(name).suffix, bytes)
    path = write(tmp_path, packed(content), name)
    with pytest.raises(InputError, match=f"{name}: the log is empty"):
        Result(path)


def test_an_empty_log_among_others_is_counted(tmp_path: Path) -> None:
    paths = [write(tmp_path, b"", "a.jsonl"), write(tmp_path, line(1), "b.jsonl")]
    reading = read_logs(paths, workers=0, quarantine=tmp_path / "q.jsonl")
    assert sum(b.num_rows for b, _ in reading) == 1
    assert [(f.read, f.quarantined) for f in reading.files] == [(0, 1), (1, 0)]
    fault = json.loads((tmp_path / "q.jsonl").read_bytes())
    assert fault == {"source": str(paths[0]), "line": None, "reason": "the log is empty"}


def test_malformed_lines(tmp_path: Path) -> None:
    torn = line(2)[:40] + b"\n"
    result = Result(write(tmp_path, line(1) + torn + b"plain words\n" + b"[1]\n" + line(3)))
    assert result.ids == ["e1", "e3"]
    assert [n for n, _ in result.reasons] == [2, 3, 4]
    assert result.faults[0]["sha256"] == sha256(torn.rstrip(b"\n")).hexdigest()
    assert result.faults[0]["bytes"] == 39 + 1
    assert result.faults[2]["reason"] == "not a JSON object"


def test_strict_stops_at_the_first_fault(tmp_path: Path) -> None:
    path = write(tmp_path, line(1) + b"{torn\n" + line(3))
    with pytest.raises(InputError, match=r"log\.jsonl:2: not JSON") as caught:
        Result(path, strict=True)
    assert (caught.value.source, caught.value.line) == (str(path), 2)


@pytest.mark.parametrize("pack", ["gz", "zst"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_truncated_frame_gives_all_its_whole_lines(tmp_path: Path, pack: str, strict: bool) -> None:
    data = b"".join(line(n, pad=sha256(b"%d" % n).hexdigest() * 9) for n in range(2000))
    whole = gzip.compress(data) if pack == "gz" else zstandard.compress(data)
    path = write(tmp_path, whole[: len(whole) * 2 // 3], f"log.jsonl.{pack}")
    if strict:
        with pytest.raises(InputError, match="truncated"):
            Result(path, strict=True)
        return
    result = Result(path)
    assert 100 < len(result.ids) < 2000
    assert result.ids == [f"e{n}" for n in range(len(result.ids))]
    ((at, reason),) = result.reasons
    assert at == len(result.ids) + 1
    assert "truncated" in reason
    if pack == "zst":
        readable = io.BytesIO()
        zstandard.ZstdDecompressor().copy_stream(io.BytesIO(path.read_bytes()), readable)
        assert len(result.ids) >= readable.getvalue().count(b"\n")


def test_a_frame_cut_before_its_first_line_ends_is_called_truncated(tmp_path: Path) -> None:
    whole = zstandard.compress(line(1, pad=sha256(b"x").hexdigest() * 99))
    path = write(tmp_path, whole[: len(whole) // 2], "log.jsonl.zst")
    with pytest.raises(InputError, match=r"log\.jsonl\.zst:1: .*truncated.*copy the log again"):
        Result(path)


def test_a_first_line_that_is_too_long_does_not_hide_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, b"x" * (66 << 20) + b"\n" + line(2) + line(3))
    result = Result(path)
    assert result.ids == ["e2", "e3"]
    assert [n for n, _ in result.reasons] == [1]


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_a_damaged_stream(tmp_path: Path, pack: str) -> None:
    part = b"".join(line(n) for n in range(50))
    packer = gzip.compress if pack == "gz" else zstandard.compress
    path = write(tmp_path, packer(part) + packer(part)[:4] + b"\xff" * 400, f"log.jsonl.{pack}")
    result = Result(path)
    assert result.ids == [f"e{n}" for n in range(50)]
    assert len(result.faults) == 1
    assert "damaged" in result.reasons[0][1]


def test_a_log_without_accounts(tmp_path: Path) -> None:
    path = write(tmp_path, line(1, metadata={}) + line(2, metadata={"user_api_key_user_id": ""}))
    with pytest.raises(InputError, match=r"nothing usable was read; first fault: .*log\.jsonl:1: no account"):
        Result(path)
    assert len((tmp_path / "quarantine.jsonl").read_bytes().splitlines()) == 2


def test_clocks_that_are_wrong(tmp_path: Path) -> None:
    lines = [
        line(1),
        line(2, endTime=1_749_999_000.0),  # ends before it starts
        line(3, endTime=1_760_000_000.0),  # runs for months
        line(4, startTime=1_950_000_000.0, endTime=1_950_000_001.0),  # years after the others
        line(5, startTime="tomorrow"),
        line(6, startTime=None),
        line(7, startTime=12.0),
        line(8, endTime="later"),
        line(9),
    ]
    result = Result(write(tmp_path, b"".join(lines)))
    assert result.ids == ["e1", "e2", "e3", "e4", "e8", "e9"]
    ends = dict(zip(result.ids, result.table.column("end_time").is_valid().to_pylist(), strict=True))
    assert ends == {"e1": True, "e2": False, "e3": False, "e4": False, "e8": False, "e9": True}
    assert result.table.column("time").null_count == 0
    assert result.report.skewed == 3
    assert result.reasons == [(5, "time not understood"), (6, "no time"), (7, "time out of range")]


def test_duplicate_ids_keep_the_first(tmp_path: Path) -> None:
    data = line(1) + line(2) + line(1, model="another") + line(3) + line(2)
    result = Result(write(tmp_path, data))
    assert result.ids == ["e1", "e2", "e3"]
    assert result.table.column("model").to_pylist() == ["teal-large"] * 3
    assert result.reasons == [(3, "duplicate id"), (5, "duplicate id")]


def test_the_same_log_twice_counts_once(tmp_path: Path) -> None:
    paths = [write(tmp_path, line(1) + line(2), name) for name in ("a.jsonl", "b.jsonl")]
    reading = read_logs(paths, workers=0)
    assert sum(b.num_rows for b, _ in reading) == 2
    assert [f.quarantined for f in reading.files] == [0, 2]


def test_a_prompt_of_50_mb_is_read(tmp_path: Path) -> None:
    text = "many words, " * (50_000_000 // 12)
    data = line(1) + line(2, messages=[{"role": "user", "content": text}]) + line(3)
    result = Result(write(tmp_path, zstandard.compress(data), "log.jsonl.zst"))
    assert result.ids == ["e1", "e2", "e3"]
    assert len(result.table.column("prompt")[1].as_py()) == len(text)
    assert result.faults == []


READ = """
import sys
from gauger.edge import parallel
from gauger.edge.reading import read_logs
reading = read_logs([sys.argv[1]], workers=0, quarantine=sys.argv[2])
print(sum(b.num_rows for b, _ in reading), reading.files[0].quarantined)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
def test_a_longer_line_is_quarantined_without_being_held(tmp_path: Path) -> None:
    size = 600 << 20
    path = tmp_path / "log.jsonl.zst"
    with zstandard.open(path, "wb") as file:
        file.write(line(1) + b'{"id": "')
        for _ in range(size >> 20):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + line(3))
    command = [sys.executable, "-c", READ, str(path), str(tmp_path / "q.jsonl")]
    env = {"PYTHONPATH": ":".join(sys.path)}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()
    assert told[:2] == ["2", "1"]
    assert int(told[2]) << 10 < size  # the peak of the whole process, in bytes
    fault = json.loads((tmp_path / "q.jsonl").read_bytes())
    assert (fault["line"], fault["reason"], fault["bytes"]) == (2, "line longer than 64 MiB", size + len('{"id": ""}'))


def test_invalid_utf8(tmp_path: Path) -> None:
    bad = line(2).replace(WORDS.encode(), b"\xff\xfe")
    result = Result(write(tmp_path, line(1) + bad + line(3)))
    assert result.ids == ["e1", "e3"]
    assert result.reasons == [(2, "invalid UTF-8")]


def test_invalid_utf8_in_csv(tmp_path: Path) -> None:
    data = b"time,account,prompt\n1750000000,a,good\n1750000001,b,\xff\n1750000002,c,good\n"
    result = Result(write(tmp_path, data, "log.csv"))
    assert result.table.column("account").to_pylist() == ["a", "c"]
    assert result.reasons == [(2, "invalid UTF-8")]


def test_markup_and_terminal_escapes_pass_as_text(tmp_path: Path) -> None:
    text = "<script>alert(1)</script> \x1b[31mred\x1b[0m \u202egnp.exe \x00 {{7*7}}"
    result = Result(write(tmp_path, line(1, messages=[{"role": "user", "content": text}])))
    assert result.table.column("prompt").to_pylist() == [text]
    assert result.faults == []


def test_an_unknown_format_names_its_fields_harmlessly(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"\x1b[2Jwhen": 1, "<b>who</b>": 2, "x" * 500: WORDS}).encode())
    with pytest.raises(InputError, match="no known log format") as caught:
        Result(path)
    said = str(caught.value)
    assert "\x1b" not in said
    assert "x" * 40 not in said
    assert WORDS not in said
    assert "--mapping" in said


def test_a_log_that_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no known log format"):
        Result(write(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "log.log"))


def test_damaged_parquet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable Parquet file"):
        Result(write(tmp_path, b"PAR1" + b"\0" * 100, "log.parquet"))


def test_a_child_that_dies_is_an_error_with_its_place(tmp_path: Path) -> None:
    child = parallel._start()
    child.kill()
    with pytest.raises(ExchangeError, match="log:7"):
        parallel._ask(child, parallel.Job("log", 7, 1, "litellm"), line(1))
    child.communicate()
