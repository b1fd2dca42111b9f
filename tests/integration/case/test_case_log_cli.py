"""`gauger case keygen|checkpoint|witness`: a log that is signed, watched, and caught when its past is another."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli
from gauger.case.checkpoint import verify_note
from gauger.edge.case.signing import read_public
from gauger.edge.case.store import open_store

Gauger = Callable[..., tuple[int, str, str]]
LOG = ("checkpoint", "--key-file", "log.key")
WITNESS = ("witness", "r.json", "--log-key", "log.key.pub", "--key-file", "w.key", "--state", "w.json", "--out", "line")
TAKE = (*LOG, "--cosignature", "line", "--witness-key", "w.key.pub")


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAUGER_AUTHOR", "mira")
    monkeypatch.setenv("PHRASE", "five words that nobody says")

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["case", *args])
        return code, *capsys.readouterr()

    for args in (
        ("keygen", "log.key", "--name", "example.org/log", "--plain"),
        ("keygen", "w.key", "--name", "w.example/w", "--witness", "--plain"),
        ("new", "C-1"),
    ):
        assert run(*args)[0] == 0
    return run


def note(gauger: Gauger, text: str = "x") -> None:
    assert gauger("add", "note", "C-1", text)[0] == 0


def signed(gauger: Gauger, *more: str) -> dict[str, Any]:
    code, out, err = gauger(*LOG, *more, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_checkpoint_is_signed_once_and_cosigned(gauger: Gauger) -> None:
    note(gauger)
    first = signed(gauger, "--request", "r.json")
    assert signed(gauger) == first
    assert gauger(*WITNESS)[0] == 0
    code, out, _ = gauger(*TAKE)
    log, witness = read_public("log.key.pub"), read_public("w.key.pub")
    assert code == 0
    assert verify_note(out, log, [witness], quorum=1).checkpoint.size == 1
    note(gauger)
    assert signed(gauger, "--request", "r.json", "--seen", "1")["size"] == 2
    assert gauger(*WITNESS)[0] == 0
    assert gauger(*TAKE)[0] == 0
    with open_store("cases.db") as store:
        assert [verify_note(t, log).checkpoint.size for t in store.checkpoints()] == [1, 1, 2, 2]


def test_a_cosignature_may_come_after_newer_checkpoints(gauger: Gauger, capsys: pytest.CaptureFixture[str]) -> None:
    note(gauger)
    signed(gauger, "--request", "r.json")
    note(gauger)
    newest = signed(gauger)
    assert gauger(*WITNESS)[0] == 0
    code, out, err = gauger(*TAKE)
    assert (code, verify_note(out, read_public("log.key.pub")).checkpoint.size) == (0, 1), err
    assert signed(gauger) == newest
    assert "the first 1 of the case's 2 entries" in exported(gauger, capsys)[1]


def test_a_witness_who_contradicts_the_store_is_told_of_before_anything_is_given_out(
    gauger: Gauger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock was behind: whoever knows the witness would refuse the bundle."""
    note(gauger)
    signed(gauger, "--request", "r.json")
    monkeypatch.setattr("gauger.app.cli.case.checkpoint.now", lambda: datetime.now(UTC) - timedelta(minutes=10))  # noqa: TID251
    assert (gauger(*WITNESS)[0], gauger(*TAKE)[0]) == (0, 0)
    code, _, err = gauger("export", "C-1", "--key-file", "log.key", "--witness", "w.key.pub", "--out", "b")
    assert (code, Path("b").exists()) == (4, False)
    assert "does not verify to who knows w.example/w" in " ".join(err.split())
    assert gauger("export", "C-1", "--key-file", "log.key", "--out", "b")[0] == 0


def test_a_line_for_another_checkpoint_is_refused(gauger: Gauger, tmp_path: Path) -> None:
    note(gauger)
    signed(gauger)
    other = ("--store", str(tmp_path / "other.db"))
    assert (gauger("new", "C-1", *other)[0], gauger("add", "note", "C-1", "other", *other)[0]) == (0, 0)
    signed(gauger, *other, "--request", "r.json")
    assert gauger(*WITNESS)[0] == 0
    code, _, err = gauger(*TAKE)
    assert (code, "none of the 1 checkpoints" in err) == (4, True)
    Path("line").write_text("— w.example/w AAAA\n")
    assert gauger(*TAKE)[0] == 2
    assert gauger(*LOG, "--cosignature", "line")[0] == 2


def test_a_store_whose_past_was_altered_is_not_signed_again(gauger: Gauger) -> None:
    for k in range(3):
        note(gauger, f"n{k}")
    signed(gauger)
    with sqlite3.connect("cases.db") as owner:
        owner.execute("DROP TRIGGER entry_no_update")
        owner.execute("UPDATE entry SET digest = 'sha256:' || substr(digest, 9) || '0' WHERE seq = 1")
    note_code, _, _ = gauger("show", "C-1")
    code, _, err = gauger(*LOG)
    assert (note_code, code) == (4, 4)
    assert "altered" in err


def test_a_witness_refuses_a_rollback_and_another_past(gauger: Gauger, tmp_path: Path) -> None:
    for k in range(3):
        note(gauger, f"n{k}")
    whole = signed(gauger, "--request", "r.json")
    assert gauger(*WITNESS)[0] == 0
    remembered = Path("w.json").read_bytes()
    for count in (2, 3):  # the same log's key over another store
        store = tmp_path / f"other{count}.db"
        assert gauger("new", "C-1", "--store", str(store))[0] == 0
        for k in range(count):
            assert gauger("add", "note", "C-1", f"other {k}", "--store", str(store))[0] == 0
        signed(gauger, "--store", str(store), "--request", "r.json", "--seen", str(min(count, 3)))
        request = json.loads(Path("r.json").read_text())
        Path("r.json").write_text(
            json.dumps({**request, "seen": 3}, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        )
        code, out, err = gauger(*WITNESS)
        assert (code, out) == (4, "")
        assert ("rollback" if count == 2 else "split view") in err
    assert Path("w.json").read_bytes() == remembered
    assert whole["size"] == 3


def exported(gauger: Gauger, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[str, str]:
    """What stderr says, and what a reader who knows log and witness is shown."""
    words = ("export", "C-1", "--key-file", "log.key", "--witness", "w.key.pub", "--out", "b", "--overwrite")
    code, _, err = gauger(*words, *more)
    assert code == 0, err
    assert cli.run(["verify", "b", "--key", "log.key.pub", "--key", "w.key.pub", "--json"]) == 0
    return err, capsys.readouterr().out


def test_no_later_entry_takes_a_cosignature_out_of_the_bundle(
    gauger: Gauger, capsys: pytest.CaptureFixture[str]
) -> None:
    note(gauger)
    signed(gauger)
    assert "no cosignature of w.example/w is in the bundle" in exported(gauger, capsys)[0]
    note(gauger)
    signed(gauger, "--request", "r.json")
    assert (gauger(*WITNESS)[0], gauger(*TAKE)[0], gauger("new", "C-2")[0]) == (0, 0, 0)
    for case, entries in (("C-2", 2), ("C-1", 2), ("C-1", 3)):  # where the next entry goes, and how many C-1 has
        err, out = exported(gauger, capsys, "--witness", "w.key.pub")  # given twice, it counts once
        assert "cosignature" not in err
        assert f"the first 2 of the case's {entries} entries (the log's first 2) were there at" in out
        assert gauger("add", "note", case, "later")[0] == 0


def test_a_witness_is_not_passed_over_in_silence(gauger: Gauger) -> None:
    note(gauger)
    code, _, err = gauger("export", "C-1", "--witness", "w.key.pub", "--out", "b")
    assert code == 2
    assert "--witness goes with --key-file" in err
    code, _, err = gauger("export", "C-1", "--key-file", "log.key", "--witness", "log.key.pub", "--out", "b")
    assert code == 2
    assert "public keys of witnesses" in err
    assert not Path("b").exists()


def test_keys_are_kept(gauger: Gauger) -> None:
    assert gauger("keygen", "log.key", "--name", "a", "--plain")[0] == 2
    assert gauger("keygen", "b.key", "--name", "two words", "--plain")[0] == 2
    sealed = ("--name", "example.org/log", "--passphrase-env", "PHRASE")
    assert gauger("keygen", "s.key", *sealed)[0] == 0
    assert Path("s.key").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in Path("s.key").read_text()
    assert gauger("checkpoint", "--key-file", "s.key", "--passphrase-env", "PHRASE")[0] == 0
    code, _, err = gauger("checkpoint", "--key-file", "w.key")
    assert code == 4
    assert "not of 'w.example/w'" in err
    for request in ("{}", "[]", '{"schema":"gauger/witness-request/2"}'):
        Path("r.json").write_text(request)
        assert gauger(*WITNESS)[0] == 2
