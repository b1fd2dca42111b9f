"""The journal: what was appended is there after any cut of its last line, and nothing else is."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import numpy as np
import pytest

from gauger.edge import answers
from gauger.edge.answers import Journal, read_answers
from gauger.edge.suspects import Answer, Ids, Predicted, Text
from gauger.errors import ConfigError, InputError

PREDICTED = Predicted.of(np.array([[1, 2], [7, 4]], np.uint32), np.array([[0.1, -1], [1 / 3, 5e-324]]))
ANSWERS: list[Answer] = [Text("a\n\u2028\x00 ü \N{GRINNING FACE}"), Ids([0, 4294967295]), Text(""), PREDICTED]


def written(path: Path, answers: list[Answer] = ANSWERS) -> bytes:
    with Journal(path, "sha256:p", 9) as journal:
        for index, answer in enumerate(answers):
            journal.append(index, answer)
    return path.read_bytes()


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = written(path)
    assert data.count(b"\n") == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_answers(path, "sha256:p", 4) == dict(enumerate(ANSWERS))
    ids, weights = PREDICTED.arrays()
    assert ids.tolist() == [[1, 2], [7, 4]]
    assert weights.tolist() == [[0.1, -1], [1 / 3, 5e-324]]


def test_a_cut_anywhere_loses_the_line_that_it_is_in_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = written(path)
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        whole = max(data[: cut + 1].count(b"\n") - 1, 0)  # one that lacks its end only is whole
        assert read_answers(path, "sha256:p", 9) == dict(enumerate(ANSWERS[:whole]))
        assert path.read_bytes() == data[:cut]  # reading changes nothing
        with Journal(path, "sha256:p", 9) as journal:
            assert journal.answers == dict(enumerate(ANSWERS[:whole]))
            for index, answer in list(enumerate(ANSWERS))[whole:]:
                journal.append(index, answer)
        assert path.read_bytes() == data


def test_nothing_is_answered_twice_or_beyond_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path, "sha256:p", 2) as journal:
        journal.append(1, Text("b"))
        for index in (1, 2, -1):
            with pytest.raises(ConfigError):
                journal.append(index, Text("c"))
        with pytest.raises(ConfigError, match="another process"):
            Journal(path, "sha256:p", 2)
    assert read_answers(path, "sha256:p", 2) == {1: Text("b")}
    for plan, budget in (("sha256:q", 2), ("sha256:p", 1)):
        data = path.read_bytes()
        with pytest.raises(InputError):
            Journal(path, plan, budget)
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"sesame",
        b'{"index":0}',
        b'{"index":"0","answer":{"type":"text","text":"sesame"}}',
        b'{"index":0,"answer":{"type":"sesame","text":"a"}}',
        b'{"index":0,"answer":{"type":"text","text":"a","sesame":1}}',
        b'{"index":0,"answer":{"type":"tokens","tokens":[-1]}}',
        b'{"index":0,"answer":{"type":"predicted","k":1,"ids":"sesame!","weights":""}}',
        b'{"plan":"sha256:p","schema":"gauger/answers/1"}',
        b"[" * 100_000,
        b"",
    ],
    ids=lambda line: repr(line[:40]),
)
def test_a_line_that_is_none_is_named_and_not_quoted(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(written(path, ANSWERS[:1]) + line + b"\n")
    with pytest.raises(InputError) as caught:
        read_answers(path, "sha256:p", 9)
    assert (caught.value.source, caught.value.line) == (str(path), 3)
    assert "sesame" not in str(caught.value)


HEAD = b'{"plan":"sha256:p","schema":"gauger/answers/1"}\n'


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"the only copy of a thesis", 1),
        (b"{", 1),
        (b'{"plan":"sha256:q","schema":"gau', 1),
        (b"{}", 1),
        (b"sesame", 2),
        (b"{", 2),
        (b'{"indices":[0', 2),
        (b'{"answer":{"type":"text","text":"' + b"a" * 4096, 2),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else str(value),
)
def test_only_half_a_line_of_ours_is_cut_off(
    tmp_path: Path, data: bytes, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of a file that was named in error, though it has no line's end."""
    monkeypatch.setattr(answers, "MAX_LINE_BYTES", 4096)
    path, data = tmp_path / "a.jsonl", (HEAD if line == 2 else b"") + data
    path.write_bytes(data)
    if data in (b"{", HEAD + b"{"):  # as a kill after the first byte leaves it
        with Journal(path, "sha256:p", 9):
            assert path.read_bytes() == HEAD
        return
    with pytest.raises(InputError, match="is no line of a journal of answers") as caught:
        Journal(path, "sha256:p", 9)
    assert (caught.value.source, caught.value.line) == (str(path), line)
    assert path.read_bytes() == data


@pytest.mark.parametrize("rest", [b"\0" * 100, b"  "])
def test_what_a_power_failure_leaves_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(HEAD + rest)
    with Journal(path, "sha256:p", 9):
        assert path.read_bytes() == HEAD
    path.write_bytes(rest)  # of a file without our head nothing is known
    with pytest.raises(InputError, match="is no line of a journal"):
        Journal(path, "sha256:p", 9)


def test_what_is_no_file_is_not_added_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="is no file that answers can be added to") as caught:
            Journal(path, "sha256:p", 9)
        assert caught.value.source == str(path)


def test_a_disk_that_is_full_is_named_and_loses_no_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, ANSWERS[:1])
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path, "sha256:p", 9) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, bounds[1]))
        try:
            with pytest.raises(OSError, match="too large") as caught:
                journal.append(1, Text("a" * 99))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert caught.value.filename == str(path)
    assert 1 not in journal.answers
    with Journal(path, "sha256:p", 9) as again:
        assert again.answers == {0: ANSWERS[0]}


def test_a_journal_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_answers(tmp_path / "none", "sha256:p", 9)
    with pytest.raises(OSError, match="none"):
        Journal(tmp_path / "none" / "a.jsonl", "sha256:p", 9)


@pytest.mark.parametrize(
    "bad",
    [
        Predicted(0, b"", b""),
        Predicted(2, b"\0" * 4, b"\0" * 8),
        Predicted(1, b"\0" * 4, b"\0" * 16),
        Predicted(2, b"\0" * 8, b"\0" * 16),
    ],
)
def test_predictions_that_do_not_fit(bad: Predicted) -> None:
    with pytest.raises(InputError, match="predictions"):
        bad.arrays()
