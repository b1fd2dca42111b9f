"""A spool killed at any point holds a valid prefix, and a resumed scan neither repeats nor loses a row."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.detect.tables import SKETCHES
from gauger.edge.spool import JOURNAL, Spool, signed
from gauger.errors import InputError

TOTAL = 100
# Appends numbers from where the journal stands, and kills itself at the n-th line run in spool.py.
CHILD = """
import os, signal, sys
import pyarrow as pa
from pathlib import Path
from gauger.edge import spool
left = int(sys.argv[2])
def trace(frame, event, arg):
    global left
    if frame.f_code.co_filename != spool.__file__:
        return None
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace
sys.settrace(trace)
s = spool.Spool(Path(sys.argv[1]), "f")
at = s.progress.positions.get("log", 0)
while at < int(sys.argv[3]):
    end = min(at + 7, int(sys.argv[3]))
    s.append([pa.RecordBatch.from_pydict({"x": list(range(at, end))})], {"log": end}, {"seen": end})
    at = end
"""


def batch(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": pa.array(values, pa.int64())})


def values(spool: Spool) -> list[int]:
    return [x for path in spool.paths() for x in pq.read_table(path)["x"].to_pylist()]


def test_killed_anywhere_it_goes_on_with_nothing_twice_and_nothing_lost(tmp_path: Path) -> None:
    rng = random.Random(20)
    killed, at = 0, 0
    for after in [*(rng.randrange(1, 300) for _ in range(9)), sys.maxsize]:
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(after), str(TOTAL)]
        killed += subprocess.run(command, check=False).returncode == -signal.SIGKILL
        spool = Spool(tmp_path, "f")
        before, at = at, spool.progress.positions.get("log", 0)
        assert before <= at
        assert values(spool) == list(range(at))
        assert spool.progress.rows == at == spool.progress.counters.get("seen", 0)
    assert at == TOTAL
    assert killed >= 4
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([JOURNAL, *spool.progress.parts])


def test_every_torn_journal_is_a_prefix(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "f")
    spool.append([batch(1, 2)], {"a": 2}, {})
    spool.append([batch(3)], {"a": 3}, {"bad": 1})
    journal = tmp_path / JOURNAL
    data = journal.read_bytes()
    second = data.rstrip(b"\n").rfind(b"\n") + 1
    part = (tmp_path / "000001.parquet").read_bytes()
    for cut in range(second, len(data) + 1):
        journal.write_bytes(data[:cut])
        (tmp_path / "000001.parquet").write_bytes(part)
        again = Spool(tmp_path, "f")
        whole = cut == len(data)
        assert values(again) == ([1, 2, 3] if whole else [1, 2])
        assert again.progress.positions == {"a": 3 if whole else 2}
        assert (tmp_path / "000001.parquet").exists() == whole
        again.append([batch(9)], {}, {})
        assert values(Spool(tmp_path, "f"))[-1] == 9
        (tmp_path / "000002.parquet").unlink(missing_ok=True)


def test_other_inputs_start_anew(tmp_path: Path) -> None:
    Spool(tmp_path, "f").append([batch(1)], {"a": 1}, {"n": 1})
    assert Spool(tmp_path, "f").progress.rows == 1
    other = Spool(tmp_path, "g")
    assert (other.progress.rows, other.progress.positions, values(other)) == (0, {}, [])
    assert list(tmp_path.glob("*.parquet")) == []


def test_progress_without_rows_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "f")
    spool.append([], {"a": 10}, {"quarantined": 10})
    spool.append([batch(1)], {"b": 1}, {})
    again = Spool(tmp_path, "f").progress
    assert again == spool.progress
    assert (again.positions, again.counters, again.parts) == (
        {"a": 10, "b": 1},
        {"quarantined": 10},
        ("000000.parquet",),
    )


@pytest.mark.parametrize(
    "line", [b"[]\n", b"{}\n", b"\xff\n", b'{"part": 1, "rows": 1, "positions": {}, "counters": {}}\n']
)
def test_a_damaged_journal_is_an_error_that_says_so(tmp_path: Path, line: bytes) -> None:
    Spool(tmp_path, "f")
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(line)
    with pytest.raises(InputError, match="delete the folder"):
        Spool(tmp_path, "f")


def test_a_lost_part_is_an_error(tmp_path: Path) -> None:
    Spool(tmp_path, "f").append([batch(1)], {}, {})
    (tmp_path / "000000.parquet").unlink()
    with pytest.raises(InputError, match="gone"):
        Spool(tmp_path, "f")


def test_hashes_keep_their_bits_as_signed_integers() -> None:
    kinds = {"h": pa.uint64(), "l": pa.list_(pa.uint64()), "s": pa.string()}
    rows = pa.RecordBatch.from_pydict(
        {"h": [0, 2**64 - 1, None, 2**63], "l": [[2**63, 1], [], None, [None]], "s": ["a", None, "", "b"]},
        schema=pa.schema(list(kinds.items())),
    )
    for cut in (rows, rows.slice(1, 3)):
        got = signed(cut)
        assert got.to_pydict() == signed(rows).slice(rows.num_rows - cut.num_rows).to_pydict()
    assert signed(rows).to_pydict()["h"] == [0, -1, None, -(2**63)]
    assert signed(rows).to_pydict()["l"] == [[-(2**63), 1], [], None, [None]]
    assert "uint64" not in str(signed(pa.RecordBatch.from_pylist([], schema=SKETCHES)).schema)
