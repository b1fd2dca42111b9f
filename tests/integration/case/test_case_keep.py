"""Raw text in a sealed store, from the command line, between two hands, and under kill -9."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("cryptography")

from gauger.app import case_keeping, cli
from gauger.app.cli.case.show import _show_case
from gauger.case import retention
from gauger.case.entries import verify_chain
from gauger.case.retention import word
from gauger.edge.case import sealed as sealed_module
from gauger.edge.case.sealed import Sealed, create
from gauger.edge.case.store import Store, open_store
from gauger.errors import ConfigError, ExchangeError, VerifyError
from gauger.model import digest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHRASE = "five words that nobody says"
TEXT = b"how do I rename every ledger row of branch 7?"
FORK = multiprocessing.get_context("fork")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sealed]:
    """A case store with three people and a case, and a sealed store: made once, as both take their time."""
    folder = tmp_path_factory.mktemp("made")
    with open_store(folder / "cases.db") as cases:
        for name, role in (("mira", "analyst"), ("ken", "reviewer"), ("lea", "counsel")):
            cases.enrol(name, role, time=NOW)
        cases.new("C-1", time=NOW)
    return folder, create(folder / "sealed", PHRASE, log2_n=14)


@pytest.fixture
def place(made: tuple[Path, Sealed], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def sealed(made: tuple[Path, Sealed], place: Path) -> Sealed:
    return Sealed(place / "sealed", made[1]._master)


@pytest.fixture
def cases(place: Path) -> Iterator[Store]:
    with open_store(place / "cases.db") as found:
        yield found


def put(cases: Any, sealed: Sealed, text: bytes = TEXT, days: int | None = None, author: str = "mira") -> str:
    source = io.BytesIO(text)
    return case_keeping.put(
        cases, sealed, "C-1", source, kind="raw", days=days, text="prompts", author=author, time=NOW
    ).object


def read(cases: Any, sealed: Sealed, name: str, author: str = "mira") -> bytes:
    return b"".join(case_keeping.read(cases, sealed, "C-1", name, why="to quote", author=author, time=NOW))


def erase(cases: Any, sealed: Sealed, name: str, author: str = "lea") -> retention.Kept:
    return case_keeping.erase(cases, sealed, "C-1", name, why="asked", author=author, time=NOW)


@pytest.fixture
def gauger(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, place: Path) -> Run:
    monkeypatch.chdir(place)
    monkeypatch.setenv("GAUGER_AUTHOR", "mira")
    monkeypatch.setenv("PHRASE", PHRASE)

    def run(*args: str) -> tuple[int, str, str]:
        phrase = () if args[0] in ("list", "hold", "release") else ("--passphrase-env", "PHRASE")
        code = cli.run(["case", "keep", *args, *phrase])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def test_the_life_of_an_object_from_the_command_line(gauger: Run, cases: Store, place: Path) -> None:
    (place / "raw.txt").write_bytes(TEXT)
    code, out, err = gauger("put", "sealed", "C-1", "raw.txt", "--text", "prompts of account 7", "--days", "0")
    assert code == 0, err
    name = out.strip()
    assert gauger("get", "sealed", "C-1", name, "--why", "to quote") == (0, TEXT.decode(), "")
    assert gauger("get", "sealed", "C-1", name, "--why", "to quote", "--out", "got", "--salt-out", "salt")[0] == 0
    assert (place / "got").read_bytes() == TEXT
    assert digest(bytes.fromhex((place / "salt").read_text()) + TEXT) == name
    assert "due" in gauger("list", "C-1")[1]
    assert gauger("hold", "C-1", name, "--why", "letter of a court")[0] == 0
    code, _, err = gauger("release", "C-1", name, "--why", "done")
    assert (code, "only counsel releases" in err) == (2, True)
    code, out, _ = gauger("expire", "sealed", "--author", "lea", "--json")
    assert (json.loads(out)["erased"], len(json.loads(out)["held"])) == ([], 1)
    assert gauger("erase", "sealed", "C-1", name, "--why", "asked", "--author", "lea")[0] == 2
    assert gauger("release", "C-1", name, "--why", "the case was settled", "--author", "lea")[0] == 0
    code, out, _ = gauger("expire", "sealed", "--author", "lea", "--json")
    assert [o["object"] for o in json.loads(out)["erased"]] == [name]
    code, out, err = gauger("get", "sealed", "C-1", name, "--why", "to quote")
    assert (code, out, "was erased; its tombstone is sha256:" in err) == (2, "", True)
    kinds = [(e.kind, e.author) for e in verify_chain(cases.case("C-1")).entries]
    reads = [("read", "mira"), ("read", "mira")]
    holds = [("note", "mira"), ("note", "mira"), ("note", "lea")]
    assert kinds == [("note", "mira"), *reads, *holds, ("erasure", "lea")]
    stone = cases.case("C-1").entries[-1].body["tombstone"]
    assert json.loads((place / "sealed" / "tombstones" / stone[7:]).read_bytes())["by"] == "lea"


def test_a_wrong_passphrase_reads_and_notes_nothing(
    gauger: Run, cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = put(cases, sealed)
    monkeypatch.setenv("NEW", PHRASE)
    assert gauger("passphrase", "sealed", "--new-passphrase-env", "NEW")[0] == 0
    monkeypatch.setenv("PHRASE", "another five words here")
    assert gauger("passphrase", "sealed", "--new-passphrase-env", "NEW")[0] == 4
    code, out, err = gauger("get", "sealed", "C-1", name, "--why", "to quote")
    assert (code, out) == (4, "")
    assert "the passphrase is wrong, or the file was altered" in err
    assert len(cases.case("C-1").entries) == 1


def test_canary_records_name_the_copy_that_leaked(gauger: Run, place: Path) -> None:
    for who in ("lab b", "lab c"):
        period = ("--from", "2026-02-01", "--to", "2026-03-01")
        assert gauger("canary", "make", "sealed", "--for", who, *period, "--out", f"{who}.jsonl")[0] == 0
    leak = [json.loads(line)["prompt"] for line in (place / "lab c.jsonl").read_text().splitlines()[2:4]]
    (place / "found.txt").write_text("dumped today:\n" + "\n".join(leak))
    code, out, _ = gauger("canary", "check", "sealed", "found.txt", "--json")
    said = json.loads(out)
    assert code == 1
    assert [(c["recipient"], c["marks"]) for c in said["copies"]] == [("lab c", 2)]
    assert 0 < said["chance"] < 1e-8
    assert said["evidence"]["log_e"] > 18
    (place / "found.txt").write_text("nothing of ours")
    assert gauger("canary", "check", "sealed", "found.txt")[0] == 0
    assert b"lab" not in b"".join(p.read_bytes() for p in (place / "sealed").rglob("*") if p.is_file())


class Failing:
    """A store of cases in which nothing can be written."""

    def __init__(self, cases: Store) -> None:
        self._cases = cases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cases, name)

    def append(self, *_: Any, **__: Any) -> None:
        raise ExchangeError("the case store cannot be reached")


def test_what_cannot_be_entered_is_neither_read_nor_put_nor_erased(
    cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = put(cases, sealed)
    monkeypatch.setattr(Sealed, "open", lambda *_: pytest.fail("opened before the reading was entered"))
    for failing, author, error in ((Failing(cases), "mira", ExchangeError), (cases, "nobody", ConfigError)):
        with pytest.raises(error):
            case_keeping.read(failing, sealed, "C-1", name, why="x", author=author, time=NOW)
        with pytest.raises(error):
            put(failing, sealed, author=author)
        with pytest.raises(error):
            erase(failing, sealed, name, "lea" if author == "mira" else author)
    with pytest.raises(ConfigError, match="writes no erasure"):
        erase(cases, sealed, name, "mira")
    assert sealed.names() == [name]
    assert len(cases.case("C-1").entries) == 1


def test_the_reading_is_entered_before_anything_is_opened(cases: Store, sealed: Sealed) -> None:
    name = put(cases, sealed)
    (sealed.folder / "objects" / name[7:]).write_bytes(b"broken")
    with pytest.raises(VerifyError):
        read(cases, sealed, name)
    assert cases.case("C-1").entries[-1].kind == "read"


def test_holds_releases_and_what_was_no_release_are_told_apart(
    cases: Store, sealed: Sealed, capsys: pytest.CaptureFixture[str]
) -> None:
    name = put(cases, sealed)
    case_keeping.hold(cases, "C-1", name, on=True, why="court", author="mira", time=NOW)
    with pytest.raises(ConfigError, match="stays on hold"):
        case_keeping.hold(cases, "C-1", name, on=False, why="court", author="mira", time=NOW)
    case_keeping.hold(cases, "C-1", name, on=False, why="court", author="lea", time=NOW)
    assert list(map(word, cases.case("C-1").entries))[-4:] == ["kept", "hold", "refused", "released"]
    _show_case(cases.case("C-1"), as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    for said in ("on legal hold:", "release refused", "released from hold:"):
        assert said in shown


def test_a_hold_that_comes_first_in_the_chain_voids_an_erasure(
    cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the entry somebody puts it on hold: nothing is destroyed."""
    name = put(cases, sealed)
    bury = Sealed.bury

    def late(self: Sealed, stone: bytes) -> None:
        bury(self, stone)
        case_keeping.hold(cases, "C-1", name, on=True, why="court", author="mira", time=NOW)

    monkeypatch.setattr(Sealed, "bury", late)
    with pytest.raises(ConfigError, match="its erasure is void and nothing was destroyed"):
        erase(cases, sealed, name)
    assert read(cases, sealed, name) == TEXT


def test_an_object_of_another_sealed_store_is_not_erased_by_this_one(
    cases: Store, sealed: Sealed, tmp_path: Path
) -> None:
    name = put(cases, sealed, days=0)
    other = create(tmp_path / "other", PHRASE, log2_n=14)
    with pytest.raises(ConfigError, match="not in this sealed store"):
        erase(cases, other, name)
    assert case_keeping.expire(cases, other, author="lea", time=NOW).erased == ()
    assert read(cases, sealed, name) == TEXT


def test_expiry_takes_what_is_due_and_nothing_else(cases: Store, sealed: Sealed) -> None:
    due, held, later = (put(cases, sealed, days=days) for days in (1, 1, 3))
    case_keeping.hold(cases, "C-1", held, on=True, why="court", author="mira", time=NOW)
    done = case_keeping.expire(cases, sealed, author="lea", time=NOW + timedelta(days=2))
    assert ([k.object for k in done.erased], [k.object for k in done.held], done.remains) == ([due], [held], 0)
    assert sealed.names() == sorted([held, later])
    assert case_keeping.expire(cases, sealed, author="lea", time=NOW + timedelta(days=2)).erased == ()


@pytest.mark.parametrize("first", ["A-1", "Z-1"])
def test_another_case_of_the_store_destroys_nothing(cases: Store, sealed: Sealed, first: str) -> None:
    """An analyst's entry in a case of his own names an object that is on hold in another."""
    name = put(cases, sealed)
    case_keeping.hold(cases, "C-1", name, on=True, why="court", author="mira", time=NOW)
    body = retention.kept_body(name, kind="raw", until=NOW, size=1, text="x")
    cases.new(first, time=NOW)
    cases.append(first, "note", body, author="mira", time=NOW)
    for _ in range(2):
        assert case_keeping.expire(cases, sealed, author="lea", time=NOW + timedelta(days=1)).erased == ()
    with pytest.raises(ConfigError, match="was sealed for the case C-1"):
        case_keeping.erase(cases, sealed, first, name, why="asked", author="lea", time=NOW)
    stone = retention.tombstone(first, retention.the(cases.case(first), name), why="x", author="lea", time=NOW)
    forged = retention.erasure_body(name, why="x", stone=stone)
    cases.append(first, "erasure", forged, author="lea", time=NOW)
    assert case_keeping.expire(cases, sealed, author="lea", time=NOW + timedelta(days=1)).remains == 0
    with pytest.raises(ConfigError, match="was sealed for the case C-1"):
        case_keeping.erase(cases, sealed, first, name, why="asked", author="lea", time=NOW)
    assert read(cases, sealed, name) == TEXT


@pytest.mark.parametrize("author", ["mira", "ken", "nobody"])
def test_only_counsel_expires(cases: Store, sealed: Sealed, author: str) -> None:
    note(cases)
    orphan, due = abandoned(cases, sealed), put(cases, sealed, days=0)
    with pytest.raises(ConfigError, match=r"takes counsel|nobody is enrolled"):
        case_keeping.expire(cases, sealed, author=author, time=NOW)
    assert sealed.names() == sorted([orphan, due])
    assert not any((sealed.folder / "tombstones").iterdir())


@pytest.mark.parametrize("author", ["mira", "nobody"])
def test_only_counsel_finishes_an_erasure(
    cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch, author: str
) -> None:
    name = put(cases, sealed)
    with monkeypatch.context() as patch:
        patch.setattr(Sealed, "shred", lambda *_: False)
        erase(cases, sealed, name)
    with pytest.raises(ConfigError, match=r"takes counsel|nobody is enrolled"):
        erase(cases, sealed, name, author)
    assert sealed.names() == [name]


def note(cases: Store) -> None:
    cases.append("C-1", "note", {"text": "begun"}, author="mira", time=NOW)


def abandoned(cases: Store, sealed: Sealed) -> str:
    """What a kill leaves of a put, between the sealing and the entry."""
    with sealed.writing():
        return sealed.put(io.BytesIO(TEXT), "C-1", cases.last()).object


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Store]:
    """Another house's store, with people and a case of the same names."""
    with open_store(tmp_path / "others.db") as found:
        found.enrol("lea", "counsel", time=NOW)
        found.enrol("mira", "analyst", time=NOW)
        found.new("C-1", time=NOW)
        note(found)
        yield found


def test_another_case_store_destroys_nothing(cases: Store, others: Store, sealed: Sealed) -> None:
    note(cases)
    name, held = put(cases, sealed, days=0), put(cases, sealed, days=0)
    case_keeping.hold(cases, "C-1", held, on=True, why="court", author="mira", time=NOW)
    orphan = abandoned(cases, sealed)
    cases.append("C-1", "note", {"text": "more"}, author="mira", time=NOW)
    done = case_keeping.expire(others, sealed, author="lea", time=NOW)
    assert (done.erased, done.held, done.remains) == ((), (), 0)
    assert done.strange == dict.fromkeys(sorted([name, held, orphan]), "C-1")
    assert read(cases, sealed, name) == read(cases, sealed, held) == TEXT
    done = case_keeping.expire(cases, sealed, author="lea", time=NOW)
    assert ([k.object for k in done.erased], done.remains, done.strange) == ([name], 1, {})
    assert sealed.names() == [held]


def test_two_case_stores_that_share_a_folder_erase_their_own(cases: Store, others: Store, sealed: Sealed) -> None:
    ours, theirs = put(cases, sealed, days=0), put(others, sealed, days=0)
    done = case_keeping.expire(cases, sealed, author="lea", time=NOW)
    assert ([k.object for k in done.erased], done.strange) == ([ours], {theirs: "C-1"})
    assert read(others, sealed, theirs) == TEXT
    done = case_keeping.expire(others, sealed, author="lea", time=NOW)
    assert ([k.object for k in done.erased], done.strange) == ([theirs], {})


def test_an_older_copy_of_the_case_store_destroys_nothing(cases: Store, sealed: Sealed, place: Path) -> None:
    note(cases)
    shutil.copy(place / "cases.db", place / "copy.db")
    name = put(cases, sealed)
    with open_store(place / "copy.db") as copy:
        assert case_keeping.expire(copy, sealed, author="lea", time=NOW).strange == {name: "C-1"}
    assert read(cases, sealed, name) == TEXT


def test_what_was_entered_before_a_kill_is_kept(cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    note(cases)
    with monkeypatch.context() as patch:
        patch.setattr(Sealed, "entered", lambda *_: None)
        name = put(cases, sealed)
    for _ in range(2):
        assert case_keeping.expire(cases, sealed, author="lea", time=NOW).remains == 0
    assert read(cases, sealed, name) == TEXT
    assert not list((sealed.folder / "keys").glob("*.put"))


def test_a_wrong_case_store_is_told(gauger: Run, cases: Store, others: Store, sealed: Sealed) -> None:
    name = put(cases, sealed, days=36500)
    code, out, err = gauger("expire", "sealed", "--store", "others.db", "--author", "lea", "--json")
    assert (code, "Another may keep them" in err, "C-1" in err) == (1, True, True)
    assert json.loads(out)["strange"] == [{"object": name, "case": "C-1"}]
    code, _, err = gauger("expire", "sealed", "--store", "others.db", "--author", "nobody-at-all")
    assert (code, "nobody is enrolled" in err) == (2, True)
    assert gauger("expire", "sealed", "--author", "lea")[0] == 0
    assert read(cases, sealed, name) == TEXT


def test_an_entry_of_the_future_locks_neither_reading_nor_expiry(cases: Store, sealed: Sealed) -> None:
    due, held = put(cases, sealed, days=0), put(cases, sealed, days=0)
    cases.append("C-1", "note", {"text": "a clock was wrong"}, author="mira", time=NOW + timedelta(days=3000))
    case_keeping.hold(cases, "C-1", held, on=True, why="court", author="lea", time=NOW)
    assert read(cases, sealed, held, "lea") == TEXT
    done = case_keeping.expire(cases, sealed, author="lea", time=NOW + timedelta(days=1))
    assert ([k.object for k in done.erased], [k.object for k in done.held]) == ([due], [held])
    entries = verify_chain(cases.case("C-1")).entries[-3:]
    assert [e.body["clock"] for e in entries] == ["2026-03-01T12:00:00Z"] * 2 + ["2026-03-02T12:00:00Z"]
    with pytest.raises(ConfigError, match="the clock is behind"):
        read(cases, sealed, held)


def test_no_raw_text_is_in_the_case_store(cases: Store, sealed: Sealed, place: Path) -> None:
    name = put(cases, sealed, TEXT * 100)
    read(cases, sealed, name)
    assert not any(b"ledger" in p.read_bytes() for p in place.rglob("*") if p.is_file())


def _puts(begun: Any, place: Path, master: bytes, worker: int) -> None:
    rng = random.Random(worker)
    with open_store(place / "cases.db") as cases:
        begun.set()
        for k in range(1000):
            text = f"{worker} {k} ".encode() * rng.choice([1, 100, 20_000])
            name = put(cases, Sealed(place / "sealed", master), text)
            if k % 2:
                erase(cases, Sealed(place / "sealed", master), name)


def _killed(target: Callable[..., None], *args: Any, after_s: float) -> None:
    begun = FORK.Event()
    process = FORK.Process(target=target, args=(begun, *args))
    process.start()
    assert begun.wait(60)
    time.sleep(after_s)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def _check(cases: Store, sealed: Sealed, seen: set[str]) -> None:
    """Whatever was killed: the chain holds, what is kept opens, what was erased is gone, nothing else is there.

    Args:
        seen: objects that an earlier kill cannot have left half done: all but the last.
    """
    every = retention.kept(verify_chain(cases.case("C-1")))
    for found in (k for name, k in every.items() if name not in seen):
        if found.erased:
            erase(cases, sealed, found.object)
            assert found.object not in sealed.names()
            sealed.tombstone(found.erased)
        else:
            text = b"".join(sealed.open(found.object, "C-1"))
            assert len(text) == found.size
            assert len(set(text.split(b" "))) <= 3
    assert case_keeping.sweep(cases, sealed) is not None
    seen.update(list(every)[:-1])
    kept = [k.object for k in retention.kept(cases.case("C-1")).values() if not k.erased]
    assert sealed.names() == sorted(kept)
    assert not list(sealed.folder.rglob(".*"))


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_at_random_points_lose_and_leave_nothing(kills: int, cases: Store, sealed: Sealed, place: Path) -> None:
    rng, seen = random.Random(kills), set[str]()
    note(cases)
    for k in range(kills):
        _killed(_puts, place, sealed._master, k, after_s=rng.uniform(0.02, 0.2))
        _check(cases, sealed, seen)
    assert len(cases.case("C-1").entries) > 1


def test_writers_at_once_lose_nothing(cases: Store, sealed: Sealed, place: Path) -> None:
    workers = [FORK.Process(target=_few, args=(place, sealed._master, k)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = retention.kept(verify_chain(cases.case("C-1")))
    assert len(found) == len(sealed.names()) == 20
    for name in found:
        assert b"".join(sealed.open(name, "C-1")).startswith(b"worker")


def _few(place: Path, master: bytes, worker: int) -> None:
    with open_store(place / "cases.db") as cases:
        for k in range(10):
            put(cases, Sealed(place / "sealed", master), f"worker {worker} {k}".encode())


def test_a_sweep_beside_writers_takes_nothing_of_theirs(cases: Store, sealed: Sealed, place: Path) -> None:
    worker = FORK.Process(target=_few, args=(place, sealed._master, 1))
    worker.start()
    while worker.is_alive():
        case_keeping.expire(cases, sealed, author="lea", time=NOW)
        time.sleep(0.005)
    worker.join(60)
    assert worker.exitcode == 0
    assert len(sealed.names()) == len(retention.kept(cases.case("C-1"))) == 10


def test_a_kill_between_the_entry_and_the_destruction_is_finished_later(
    cases: Store, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = put(cases, sealed)
    with monkeypatch.context() as patch:
        patch.setattr(sealed_module.Sealed, "shred", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with suppress(KeyboardInterrupt):
            erase(cases, sealed, name)
    assert sealed.names() == [name]
    with pytest.raises(ConfigError, match="was erased"):  # no longer ours to read
        read(cases, sealed, name)
    assert case_keeping.expire(cases, sealed, author="lea", time=NOW).remains == 1
    assert sealed.names() == []
    assert erase(cases, sealed, name).erased  # no second entry
    assert [e.kind for e in cases.case("C-1").entries] == ["note", "erasure"]
