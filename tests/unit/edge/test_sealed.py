"""The sealed store: what was put comes out, what was altered does not, and what was destroyed never does."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import sys
import tracemalloc
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from gauger.edge.case import stream
from gauger.edge.case.sealed import Sealed, create, unlock, write_out
from gauger.edge.case.stream import CHUNK, TAG
from gauger.errors import ConfigError, GaugerError, InputError, UnsupportedError, VerifyError
from gauger.model import canonical_json

PHRASE = "five words that nobody says"
TEXT = b"how do I rename every ledger row of branch 7? " * 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return create(tmp_path_factory.mktemp("made") / "sealed", PHRASE, log2_n=14)


@pytest.fixture
def store(made: Sealed, tmp_path: Path) -> Sealed:
    """A store of its own for each test, of one master: a passphrase takes its time."""
    shutil.copytree(made.folder, tmp_path / "sealed")
    return Sealed(tmp_path / "sealed", made._master)


def put(store: Sealed, text: bytes = TEXT, case: str = "C-1", after: str = "") -> str:
    with store.writing():
        return store.put(io.BytesIO(text), case, after).object


def got(store: Sealed, name: str, case: str = "C-1") -> bytes:
    return b"".join(store.open(name, case))


def files(store: Sealed, name: str) -> tuple[Path, Path]:
    digits = name.removeprefix("sha256:")
    return store.folder / "objects" / digits, store.folder / "keys" / digits


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_put_comes_out(store: Sealed, size: int) -> None:
    text = os.urandom(size)
    name = put(store, text)
    assert got(store, name) == text
    assert got(unlock(store.folder, PHRASE), name) == text
    salt = bytes.fromhex(store.salt(name, "C-1"))
    assert name == "sha256:" + hashlib.sha256(salt + text).hexdigest()


def test_a_name_tells_nothing_of_the_text(store: Sealed) -> None:
    first, second = put(store, b"yes"), put(store, b"yes")
    assert first != second
    assert "sha256:" + hashlib.sha256(b"yes").hexdigest() not in (first, second)


def test_nothing_is_in_the_clear_not_even_while_it_is_put(store: Sealed) -> None:
    seen: list[bytes] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            seen.extend(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
            return super().read(size)

    with store.writing():
        name = store.put(Watched(TEXT * 2000), "C-1").object
    seen += [p.read_bytes() for p in store.folder.rglob("*") if p.is_file()]
    assert any(len(data) > CHUNK for data in seen)
    assert not any(b"ledger row" in data or bytes.fromhex(store.salt(name, "C-1")) in data for data in seen)
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in store.folder.rglob("*") if p.is_file())


def test_a_wrong_passphrase_says_so(store: Sealed) -> None:
    with pytest.raises(VerifyError, match="passphrase is wrong"):
        unlock(store.folder, PHRASE + "!")


def test_a_changed_passphrase_opens_what_was_put_before(store: Sealed) -> None:
    name = put(store)
    store.change_passphrase("other words for all of this", log2_n=14)
    assert got(unlock(store.folder, "other words for all of this"), name) == TEXT
    with pytest.raises(VerifyError, match="passphrase is wrong"):
        unlock(store.folder, PHRASE)


def test_altered_bytes_are_refused(store: Sealed) -> None:
    name = put(store)
    for path in files(store, name):
        data = path.read_bytes()
        for at in range(0, len(data), 1 + (len(data) > 300)):
            cut = [data[:at]] if at % 16 == 0 or at > len(data) - 8 else []
            for altered in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], *cut):
                path.write_bytes(altered)
                with pytest.raises(GaugerError) as error:
                    store.open(name, "C-1")
                assert "ledger" not in str(error.value)
        path.write_bytes(data)
    assert got(store, name) == TEXT


def test_chunks_cannot_be_cut_off_dropped_moved_repeated_or_added(store: Sealed) -> None:
    name = put(store, os.urandom(3 * CHUNK))
    path, _ = files(store, name)
    data = path.read_bytes()
    a, b, c = (data[k * (CHUNK + TAG) : (k + 1) * (CHUNK + TAG)] for k in range(3))
    for altered in (a + b, a + c, b + a + c, a + b + b + c, a + b + c + c, a + b + c + b"x", c, b""):
        path.write_bytes(altered)
        with pytest.raises(VerifyError, match="altered, cut short or swapped"):
            store.open(name, "C-1")  # before a single byte is given out


def test_the_stream_itself_tells_what_was_done_to_it() -> None:
    """Without the object's name as a second check: each chunk knows its place, and the last one that it is the last."""
    key, text = os.urandom(32), os.urandom(2 * CHUNK)
    a, b = (data for _, data in stream.sealed(key, io.BytesIO(text)))

    def opened(data: bytes) -> bytes:
        return b"".join(stream.opened(key, io.BytesIO(data), "f"))

    assert opened(a + b) == text
    for altered in (a, b, b + a, a + a, a + b + b, a + b + b"x" * TAG, a + b[:-1], b""):
        with pytest.raises(VerifyError):
            opened(altered)


def test_another_text_under_the_same_key_is_refused(store: Sealed) -> None:
    """Whoever has the passphrase can seal another text in the old one's place; the name in the chain gives it away."""
    name = put(store)
    key = store._secret(name, "C-1")[:32]
    forged = b"".join(data for _, data in stream.sealed(key, io.BytesIO(TEXT[::-1])))
    files(store, name)[0].write_bytes(forged)
    with pytest.raises(VerifyError, match="altered, cut short or swapped"):
        store.open(name, "C-1")


def test_without_its_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(UnsupportedError, match=r"gauger\[case\]"):
        create(tmp_path / "s", PHRASE)
    assert not (tmp_path / "s").exists()


def test_swapped_files_are_refused(store: Sealed, tmp_path: Path) -> None:
    a, b = put(store, b"one"), put(store, b"two")
    objects = [files(store, n)[0] for n in (a, b)]
    keys = [files(store, n)[1] for n in (a, b)]
    for pair in (objects, keys):
        _swap(*pair)
        for name in (a, b):
            with pytest.raises(VerifyError):
                got(store, name)
        _swap(*pair)
    _swap(*objects)
    _swap(*keys)  # whole objects under each other's name
    with pytest.raises(VerifyError, match="of another object"):
        got(store, a)
    _swap(*objects)
    _swap(*keys)
    with pytest.raises(VerifyError, match="of another object or case"):
        got(store, a, "C-2")
    other = create(tmp_path / "other", PHRASE, log2_n=14)
    for kind in ("objects", "keys"):
        shutil.copytree(store.folder / kind, other.folder / kind, dirs_exist_ok=True)
    with pytest.raises(VerifyError):
        got(other, a)


def test_a_record_that_names_another_case_is_refused(store: Sealed) -> None:
    name = put(store)
    path = files(store, name)[1]
    path.write_bytes(canonical_json({**json.loads(path.read_bytes()), "case": "C-2"}) + b"\n")
    with pytest.raises(VerifyError):
        got(store, name, "C-2")


def test_names_that_lead_elsewhere_are_refused(store: Sealed) -> None:
    for name in ("../master.json", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:../" + "a" * 61, ""):
        with pytest.raises(ConfigError, match="named by its digest"):
            store.open(name, "C-1")
    with pytest.raises(InputError, match="cannot be read"):
        store.open("sha256:" + "a" * 64, "C-1")


def test_memory_is_bounded_whatever_the_size(store: Sealed) -> None:
    size = 8 << 20

    class Endless(io.RawIOBase):
        left = size

        def read(self, n: int = -1, /) -> bytes:
            n = min(n, self.left, 5000)
            self.left -= n
            return bytes(n)

    put(store, b"warm")
    tracemalloc.start()
    with store.writing():
        header = store.put(Endless(), "C-1")  # type: ignore[arg-type]
    assert header.bytes == size
    assert sum(map(len, store.open(header.object, "C-1"))) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_what_is_shredded_is_gone_even_with_its_bytes_kept(store: Sealed, tmp_path: Path) -> None:
    name, other = put(store), put(store, b"stays")
    body, key = files(store, name)
    shutil.copy(body, tmp_path / "backup")
    os.link(key, tmp_path / "key")
    assert store.shred(name)
    assert not body.exists()
    assert not key.exists()
    assert set((tmp_path / "key").read_bytes()) == {0}  # not its name alone
    shutil.copy(tmp_path / "backup", body)
    with pytest.raises(InputError):
        got(store, name)
    assert store.shred(name)  # what was left
    assert not store.shred(name)
    assert store.names() == [other]
    assert got(store, other) == b"stays"


def test_a_put_that_fails_leaves_nothing(store: Sealed) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the pipe broke")

    with pytest.raises(OSError, match="pipe"), store.writing():
        store.put(Broken(), "C-1")
    assert list((store.folder / "objects").iterdir()) == store.names() == []


def test_remains_of_a_kill_are_swept_but_never_beside_a_writer(store: Sealed) -> None:
    kept, erased = put(store, b"kept"), put(store, b"erased")
    put(store, b"orphan", after="ours")
    (store.folder / "objects" / ".half").write_bytes(b"x")
    known = {kept: True, erased: False}
    with store.writing():
        other = unlock(store.folder, PHRASE)
        assert other.sweep(lambda: pytest.fail("asked while somebody writes"), lambda _: True) is None
    assert store.sweep(lambda: known, lambda entry: entry == "ours") == (3, [])
    assert store.names() == [kept]
    assert store.sweep(lambda: known, lambda _: True) == (0, [])


def test_what_another_may_keep_is_never_swept(store: Sealed) -> None:
    """Put after an entry of another store; of no store's that is known; entered by another; by a version before."""
    found = [put(store, after=after) for after in ("theirs", "", "ours", "ours")]
    store.entered(found[2])
    (store.folder / "keys" / f"{found[3][7:]}.put").unlink()
    assert store.sweep(dict, lambda entry: entry == "ours") == (0, sorted(found))
    assert all(got(store, name) == TEXT for name in found)
    assert {store.case_of(name) for name in found} == {"C-1"}
    files(store, found[0])[1].unlink()
    assert store.case_of(found[0]) == ""


def test_a_put_that_was_killed_before_its_bytes_had_their_name_is_swept(store: Sealed) -> None:
    name = put(store, after="ours")
    for path in files(store, name):
        path.unlink()
    assert store.names() == [name]
    assert store.sweep(dict, lambda entry: entry == "ours") == (0, [])
    assert store.names() == []


def test_tombstones_are_named_by_what_they_say(store: Sealed) -> None:
    stone = canonical_json({"why": "due"}) + b"\n"
    store.bury(stone)
    store.bury(stone)
    (path,) = (store.folder / "tombstones").iterdir()
    assert store.tombstone(f"sha256:{path.name}") == stone
    path.write_bytes(stone.replace(b"due", b"duo"))
    with pytest.raises(VerifyError, match="tombstone was altered"):
        store.tombstone(f"sha256:{path.name}")


def test_small_records_are_sealed_and_bound_to_their_names(store: Sealed) -> None:
    store.seal_note("canaries", {"recipient": "lab b"})
    store.seal_note("canaries", {"recipient": "lab c"})
    assert sorted(n["recipient"] for n in store.notes("canaries")) == ["lab b", "lab c"]
    paths = sorted((store.folder / "canaries").iterdir())
    assert not any(b"lab" in p.read_bytes() for p in paths)
    _swap(*paths)
    with pytest.raises(VerifyError):
        store.notes("canaries")


def test_a_store_is_not_made_over_another(store: Sealed) -> None:
    with pytest.raises(ConfigError, match="exists"):
        create(store.folder, PHRASE, log2_n=14)
    with pytest.raises(ConfigError, match="at least 12"):
        create(store.folder.parent / "b", "short", log2_n=14)


def test_a_file_that_is_not_read_to_its_end_is_not_left(tmp_path: Path) -> None:
    def pieces() -> object:
        yield b"a"
        raise VerifyError("altered")

    with pytest.raises(VerifyError):
        write_out(tmp_path / "out", pieces())  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
    write_out(tmp_path / "out", iter([b"a", b"b"]))
    assert (tmp_path / "out").read_bytes() == b"ab"
    with pytest.raises(ConfigError, match="exists"):
        write_out(tmp_path / "out", iter([b"c"]))


def _swap(a: Path, b: Path) -> None:
    one, two = a.read_bytes(), b.read_bytes()
    a.write_bytes(two)
    b.write_bytes(one)


def test_the_file_that_is_given_out_is_the_one_that_was_verified(store: Sealed) -> None:
    """A file swapped between the two readings is not what is read: it was opened once."""
    name = put(store)
    body, _ = files(store, name)
    pieces = store.open(name, "C-1")
    body.unlink()
    body.write_bytes(b"something else")
    assert b"".join(pieces) == TEXT
