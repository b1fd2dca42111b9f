"""The store on both databases: nothing lost between writers, nothing half after a kill, nothing altered unseen."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gauger.case.entries import verify_chain
from gauger.edge.case.store import Stamp, Store, open_store
from gauger.errors import ConfigError, ExchangeError, GaugerError, InputError, UnsupportedError, VerifyError
from gauger.model import digest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime
from gauger.edge.case.store import open_store
where, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open_store(where) as store:
    store.people()
    print("ready", flush=True)
    sys.stdin.readline()
    for k in range(count):
        store.append("C-1", "note", {"text": f"{name} {k}"}, author=name, time=datetime(2026, 3, 2, tzinfo=UTC))
        print(k, flush=True)
"""


def writer(where: str, name: str, count: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", WRITER, where, name, str(count)]
    one = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert one.stdout is not None
    assert one.stdout.readline() == "ready\n"
    return one


def go(one: subprocess.Popen[str]) -> None:
    assert one.stdin is not None
    one.stdin.write("go\n")
    one.stdin.flush()


def test_entries_are_chained_and_stand_in_the_log(store: Store, where: str) -> None:
    first = store.append("C-1", "note", {"text": "a"}, author="mira", time=NOW)
    second, third = store.append_all(
        "C-1", [("note", {"text": "b", "n": 1.0}), ("suspect", {"name": "m", "what": "model"})], author="mira", time=NOW
    )
    assert (first.prev, second.prev, third.prev) == ("", digest(first), digest(second))
    assert [store.position(digest(e)) for e in (first, second, third)] == [0, 1, 2]
    assert store.leaves() == [bytes.fromhex(digest(e)[7:]) for e in (first, second, third)]
    assert (store.leaves(1, 2), store.leaves(2), store.leaves(3)) == (store.leaves()[1:2], store.leaves()[2:], [])
    store.new("C-2", time=NOW)
    other = store.append("C-2", "note", {"text": "a"}, author="ken", time=NOW)
    assert (other.seq, other.role, store.position(digest(other))) == (0, "reviewer", 3)
    with open_store(where) as again:
        assert again.case("C-1") == store.case("C-1")
        assert [digest(e) for e in again.case("C-1").entries] == [digest(e) for e in (first, second, third)]
        assert again.cases() == ["C-1", "C-2"]


def test_what_must_not_be_written_is_not(store: Store) -> None:
    def refused(words: str, *args: Any, author: str = "mira", case: str = "C-1") -> None:
        with pytest.raises(ConfigError, match=words):
            store.append(case, *args, author=author, time=NOW)

    refused("no case", "note", {"text": "x"}, case="C-9")
    refused("nobody is enrolled", "note", {"text": "x"}, author="eve")
    refused("takes counsel", "close", {"why": "x"})
    refused("needs text", "note", {})
    refused("no UTF-8", "note", {"text": "\udcff"})
    refused("canonical", "note", {"text": "x", "n": 1 << 60})
    refused("approve", "notice", {"notice": "n", "kind": "x", "state": "sent", "document": f"sha256:{'0' * 64}"})
    store.append("C-1", "note", {"text": "x"}, author="mira", time=NOW)
    with pytest.raises(ConfigError, match="the clock is behind"):
        store.append("C-1", "note", {"text": "x"}, author="mira", time=NOW - timedelta(seconds=1))
    with pytest.raises(ConfigError, match="needs text"):
        store.append_all("C-1", [("note", {"text": "x"}), ("note", {})], author="mira", time=NOW)
    with pytest.raises(ConfigError, match="there is a case"):
        store.new("C-1", time=NOW)
    with pytest.raises(ConfigError, match="role"):
        store.enrol("eve", "king")
    assert len(store.case("C-1").entries) == len(store.leaves()) == 1


def test_an_entry_of_the_future_is_refused_by_a_server(store: Store, where: str) -> None:
    """A file has no clock but the writer's own."""
    if "://" not in where:
        pytest.skip("of PostgreSQL")
    with store._engine.connect() as connection:
        now = connection.exec_driver_sql("SELECT clock_timestamp()").scalar()
    store.append("C-1", "note", {"text": "x"}, author="mira", time=now + timedelta(minutes=4))
    with pytest.raises(ConfigError, match="ahead of the database server's by 1 day"):
        store.append("C-1", "note", {"text": "x"}, author="mira", time=now + timedelta(days=2) - timedelta(minutes=1))
    assert len(store.case("C-1").entries) == 1


def test_a_role_that_is_taken_away(store: Store) -> None:
    store.enrol("mira", "", time=NOW)
    with pytest.raises(ConfigError, match="nobody is enrolled"):
        store.append("C-1", "note", {"text": "x"}, author="mira", time=NOW)
    assert store.people() == {"ken": "reviewer", "lea": "counsel"}
    assert ("mira", "", "2026-03-01T12:00:00Z") in store.enrolled()


@pytest.mark.parametrize("name", ["Ken", " ken", "k\u0435n", "\uff4ben", "ken\u200b", "", "x" * 201, "le\na", "\udcff"])
def test_nobody_is_enrolled_who_could_be_taken_for_another(store: Store, name: str) -> None:
    with pytest.raises(ConfigError):
        store.enrol(name, "reviewer")
    store.enrol("ken", "counsel")
    store.enrol("Кен", "reviewer")  # in one script, it is another name
    assert store.people() == {"mira": "analyst", "ken": "counsel", "lea": "counsel", "Кен": "reviewer"}


def given(store: Store, state: str = "proposed", *, by: str = "mira", **more: Any) -> str:
    body = {"disclosure": "d", "state": state, "document": f"sha256:{'1' * 64}", "to": "lab-a"} | more
    return digest(store.append("C-1", "disclosure", body, author=by, time=NOW))


def approve(store: Store, of: str, *names: str) -> None:
    for name in names:
        store.append("C-1", "review", {"of": of, "verdict": "approve"}, author=name, time=NOW)


@pytest.mark.parametrize(
    ("state", "more"), [("made", {"to": "lab-b"}), ("made", {"document": f"sha256:{'2' * 64}"}), ("Made", {})]
)
def test_what_was_approved_goes_to_whom_it_was_approved_for(store: Store, state: str, more: dict[str, str]) -> None:
    approve(store, given(store), "ken", "lea")
    with pytest.raises(ConfigError):
        given(store, state, **more)
    given(store, "made")


def test_a_draft_that_was_corrected_stays_in(store: Store) -> None:
    first = given(store)
    approve(store, first, "ken", "lea")
    given(store, disclosure="e", corrects=first)
    with pytest.raises(ConfigError, match="corrected"):
        given(store, "made")


def test_two_who_drafted_it_are_not_two_people(store: Store) -> None:
    store.enrol("cleo", "counsel")
    given(store, by="lea")
    again = given(store, by="cleo")
    approve(store, again, "lea", "cleo")
    with pytest.raises(ConfigError, match="two people"):
        given(store, "made")
    approve(store, again, "ken")
    given(store, "made")


def test_checkpoints_and_stamps_are_kept(store: Store) -> None:
    assert [store.keep_checkpoint(f"note {k}\n", size=k) for k in (1, 2)] == [0, 1]
    store.keep_stamp(Stamp(checkpoint=1, authority="tsa", token=b"\x00\xff"))
    assert store.checkpoints() == ["note 1\n", "note 2\n"]
    assert store.keep_checkpoint("note 1, cosigned late\n", size=1) == 2
    with pytest.raises(ConfigError, match="sign again"):
        store.keep_checkpoint("note 0\n", size=0)
    assert store.stamps() == [Stamp(checkpoint=1, authority="tsa", token=b"\x00\xff")]
    with pytest.raises(GaugerError):
        store.keep_stamp(Stamp(checkpoint=7, authority="tsa", token=b""))


def two_writers(store: Store, where: str, count: int) -> None:
    both = [writer(where, name, count) for name in ("mira", "ken")]
    for one in both:
        go(one)
    for one in both:
        _, said = one.communicate(timeout=250)
        assert one.returncode == 0, said
    case = verify_chain(store.case("C-1"))
    for name in ("mira", "ken"):
        assert [e.body["text"] for e in case.entries if e.author == name] == [f"{name} {k}" for k in range(count)]
    assert store.leaves() == [bytes.fromhex(digest(e)[7:]) for e in case.entries]


def test_two_writers_lose_nothing(store: Store, where: str) -> None:
    two_writers(store, where, 60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_writers_of_a_thousand(store: Store, where: str) -> None:
    two_writers(store, where, 1000)


def killed(store: Store, where: str, times: int, after: Callable[[int], float]) -> None:
    """Each time a writer dies at some moment; what it said was written is there, and the chain holds."""
    for k in range(times):
        before = len(store.case("C-1").entries)
        one = writer(where, "mira", 10_000)
        assert one.stdout is not None
        go(one)
        assert one.stdout.readline() == "0\n"
        time.sleep(after(k))
        one.send_signal(signal.SIGKILL)
        rest, _ = one.communicate()
        whole = [line for line in rest.split("\n")[:-1] if line]
        entries = verify_chain(store.case("C-1")).entries
        said = 1 + len(whole)
        assert before + said <= len(entries) <= before + said + 1
        assert len(store.leaves()) == len(entries)


def test_killed_while_writing(store: Store, where: str) -> None:
    killed(store, where, 3, lambda k: 0.013 * k)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_a_hundred_times(store: Store, where: str) -> None:
    killed(store, where, 100, lambda k: 0.0007 * (k * 37 % 100))


def test_rows_cannot_be_altered_by_mistake(store: Store) -> None:
    store.append("C-1", "note", {"text": "a"}, author="mira", time=NOW)
    store.keep_checkpoint("x", size=1)
    for query in (
        "UPDATE entry SET text = ''",
        "DELETE FROM entry",
        "DELETE FROM person",
        "UPDATE checkpoint SET size = 0",
    ):
        with pytest.raises(Exception, match="append-only"), store._engine.connect() as connection:
            connection.exec_driver_sql(query)
    assert len(store.case("C-1").entries) == 1


@pytest.mark.parametrize("how", ["text", "digest", "gone"])
def test_whoever_alters_the_file_is_found_out(tmp_path: Path, how: str) -> None:
    path = tmp_path / "c.db"
    with open_store(path) as store:
        store.enrol("mira", "analyst")
        store.new("C-1", time=NOW)
        for k in range(5):
            store.append("C-1", "note", {"text": f"n{k}"}, author="mira", time=NOW)
    with sqlite3.connect(path) as owner:
        for verb in ("update", "delete"):
            owner.execute(f"DROP TRIGGER entry_no_{verb}")
        if how == "text":
            owner.execute("UPDATE entry SET text = replace(text, 'n2', 'n9') WHERE seq = 2")
        elif how == "digest":
            text = owner.execute("SELECT replace(text, 'n2', 'n9') FROM entry WHERE seq = 2").fetchone()[0]
            owner.execute("UPDATE entry SET text = ?, digest = ? WHERE seq = 2", (text, digest(text.encode())))
        else:
            owner.execute("DELETE FROM entry WHERE seq = 2")
    with open_store(path) as store, pytest.raises(VerifyError):
        store.case("C-1")
    if how == "gone":
        with open_store(path) as store, pytest.raises(VerifyError, match="gap"):
            store.leaves()


def test_stores_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(os.urandom(8192))
    with pytest.raises(InputError, match="damaged"), open_store(tmp_path / "no.db"):
        pass
    with pytest.raises(ConfigError, match="mysql"), open_store("mysql://root:secret@h/d"):
        pass
    with pytest.raises(ExchangeError) as error, open_store("postgresql://u:secret@127.0.0.1:1/d"):
        pass
    assert "secret" not in str(error.value)
    with pytest.raises(ExchangeError), open_store(tmp_path / "nowhere" / "c.db"):
        pass
    for url in ("u:secret@h:port/d", "u:secret@[::1/d", "u:secret@127.0.0.1:1/d?secret=1", ""):
        with pytest.raises(ConfigError, match="URL") as wrong, open_store(f"postgresql://{url}"):
            pass
        assert "secret" not in str(wrong.value)
    with open_store(tmp_path / "c.db"):
        pass
    with sqlite3.connect(tmp_path / "c.db") as owner:
        owner.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnsupportedError, match="newer version"), open_store(tmp_path / "c.db"):
        pass


@pytest.mark.parametrize("name", ["", ".", ":memory:"])
def test_a_store_that_would_keep_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="keep nothing"), open_store(name):
        pass


def test_a_store_is_the_file_that_was_named(tmp_path: Path) -> None:
    with open_store(tmp_path / "a?mode=memory&b=%41#.db") as store:
        store.new("C-1", time=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["a?mode=memory&b=%41#.db"]
