"""Key files: what opens, what does not, and that no message holds a secret."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.edge import keyring
from gauger.errors import ConfigError, ExchangeError, InputError, UnsupportedError, VerifyError

pytest.importorskip("cryptography")
MASTER = bytes(range(32))
PHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file at the least cost."""
    path = tmp_path_factory.mktemp("keys") / "master.json"
    keyring.write_key_file(path, MASTER, PHRASE, log2_n=14)
    return path


@pytest.fixture
def altered(sealed: Path, tmp_path: Path) -> Callable[..., Path]:
    """The key file with other fields."""

    def make(**fields: Any) -> Path:
        path = tmp_path / "altered.json"
        path.write_text(json.dumps(json.loads(sealed.read_text()) | fields))
        return path

    return make


def test_what_was_sealed_opens(sealed: Path) -> None:
    assert keyring.read_key_file(sealed, PHRASE) == MASTER
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    text = sealed.read_text()
    assert MASTER.hex() not in text
    assert PHRASE not in text
    assert json.loads(text)["id"] == keyring.master_id(MASTER)


def test_two_files_of_one_master_share_nothing_but_its_id(sealed: Path, tmp_path: Path) -> None:
    keyring.write_key_file(tmp_path / "b.json", MASTER, PHRASE, log2_n=14)
    a, b = (json.loads(p.read_text()) for p in (sealed, tmp_path / "b.json"))
    assert {k for k in a if a[k] != b[k]} == {"salt", "nonce", "sealed"}


def test_the_usual_cost_is_128_mib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    real = hashlib.scrypt

    def cheap(secret: bytes, **kw: Any) -> bytes:
        asked.append(kw)
        return real(secret, **{**kw, "n": 2})

    monkeypatch.setattr(hashlib, "scrypt", cheap)
    keyring.write_key_file(tmp_path / "a.json", MASTER, PHRASE)
    assert keyring.read_key_file(tmp_path / "a.json", PHRASE) == MASTER
    assert [128 * kw["n"] * kw["r"] for kw in asked] == [128 << 20] * 2


def test_a_wrong_passphrase_is_said_plainly(sealed: Path) -> None:
    with pytest.raises(VerifyError, match="the passphrase is wrong, or the file was altered") as caught:
        keyring.read_key_file(sealed, PHRASE + "?")
    assert PHRASE not in str(caught.value)


def test_accents_open_however_they_are_typed(tmp_path: Path) -> None:
    keyring.write_key_file(tmp_path / "a.json", MASTER, "caf\u00e9 au lait noir", log2_n=14)
    assert keyring.read_key_file(tmp_path / "a.json", "cafe\u0301 au lait noir") == MASTER


@pytest.mark.parametrize("name", ["salt", "nonce", "sealed"])
def test_altered_bytes_do_not_open(sealed: Path, altered: Callable[..., Path], name: str) -> None:
    value = json.loads(sealed.read_text())[name]
    for at in (0, len(value) - 1):
        with pytest.raises(VerifyError):
            keyring.read_key_file(
                altered(**{name: value[:at] + f"{int(value[at], 16) ^ 1:x}" + value[at + 1 :]}), PHRASE
            )


def test_the_header_is_sealed_too(altered: Callable[..., Path]) -> None:
    for change in ({"id": "0" * 16}, {"log2_n": 15}, {"p": 2}):
        with pytest.raises(VerifyError):
            keyring.read_key_file(altered(**change), PHRASE)


def test_a_file_that_opens_to_another_master_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for a ciphertext made to open under two passphrases: its header cannot name both masters."""
    with monkeypatch.context() as forged:
        forged.setattr(keyring, "master_id", lambda master: "0" * 16)
        keyring.write_key_file(tmp_path / "a.json", MASTER, PHRASE, log2_n=14)
    with pytest.raises(VerifyError, match="another master key than it says"):
        keyring.read_key_file(tmp_path / "a.json", PHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"log2_n": 29},
        {"log2_n": 21},
        {"log2_n": 13},
        {"log2_n": 2**70},
        {"log2_n": "17"},
        {"r": 1 << 20},
        {"p": 5},
        {"p": 0},
        {"kdf": "pbkdf2"},
        {"cipher": "none"},
        {"schema": "gauger/key-file/2"},
        {"salt": ""},
        {"salt": "zz" * 16},
        {"nonce": "00" * 11},
        {"sealed": "00" * 47},
        {"sealed": "00" * 48 + "\n"},
        {"extra": 1},
        {"id": None},
    ],
)
def test_hostile_headers_cost_nothing(altered: Callable[..., Path], change: dict[str, Any]) -> None:
    path = altered(**change)

    def never(*_: Any, **__: Any) -> bytes:
        raise AssertionError("scrypt ran")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "scrypt", never)
        with pytest.raises(InputError, match=r"altered\.json: is no key file"):
            keyring.read_key_file(path, PHRASE)


def test_any_cut_is_seen(sealed: Path, tmp_path: Path) -> None:
    data = sealed.read_bytes().rstrip(b"\n")
    for size in range(0, len(data), 7):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(InputError, match="cut short"):
            keyring.read_key_file(tmp_path / "cut", PHRASE)


@settings(max_examples=200)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=5), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_foreign_files_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        keyring._parse(data, "x")


def test_deep_and_large_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").write_bytes(b"[" * 4000)
    (tmp_path / "large").write_bytes(b" " * (keyring.MAX_FILE_BYTES + 1))
    for name, says in (("deep", "is no key file"), ("large", "more than 4,096 bytes"), ("none", "No such file")):
        with pytest.raises(InputError, match=says):
            keyring.read_key_file(tmp_path / name, PHRASE)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than"):
            keyring.read_key_file("/dev/zero", PHRASE)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("master", "passphrase", "cost"),
    [
        (MASTER, "elevenchars", 14),
        (MASTER, "", 14),
        (bytes(32), PHRASE, 14),
        (b"0123456" * 4 + b"0123", PHRASE, 14),
        (MASTER[:31], PHRASE, 14),
        (MASTER, PHRASE, 13),
        (MASTER, PHRASE, 21),
        (MASTER, "lone surrogate \ud800", 14),
    ],
)
def test_weak_things_are_not_sealed(tmp_path: Path, master: bytes, passphrase: str, cost: int) -> None:
    with pytest.raises(ConfigError):
        keyring.write_key_file(tmp_path / "a", master, passphrase, log2_n=cost)
    assert os.listdir(tmp_path) == []


def test_a_key_file_is_not_overwritten_unless_told(sealed: Path) -> None:
    before = sealed.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        keyring.write_key_file(sealed, MASTER, PHRASE, log2_n=14)
    assert sealed.read_bytes() == before


def test_without_cryptography_it_says_what_to_install(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'gauger\[watermark\]'"):
        keyring.read_key_file(sealed, PHRASE)


def test_new_masters_are_usable_and_differ(tmp_path: Path) -> None:
    a, b = keyring.new_master(), keyring.new_master()
    assert a != b
    assert len(a) == 32
    assert keyring.master_from(lambda: a) == a


def test_a_master_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER.hex().upper())
    assert keyring.master_from_env("MASTER") == MASTER
    secret = "5ec7e7" * 5
    for value in ("", secret, MASTER.hex() + "00", " " + MASTER.hex(), "g" * 64, "00" * 32):
        monkeypatch.setenv("MASTER", value)
        with pytest.raises(ConfigError) as caught:
            keyring.master_from_env("MASTER")
        assert secret not in str(caught.value)
    with pytest.raises(ConfigError, match="not set") as caught:
        keyring.master_from_env(MASTER.hex())  # the secret where its name should be
    assert MASTER.hex() not in str(caught.value)


def test_a_master_from_a_callback() -> None:
    def fails() -> bytes:
        raise TimeoutError("kms.example")

    with pytest.raises(ExchangeError, match=r"could not be fetched \(TimeoutError\)") as caught:
        keyring.master_from(fails)
    assert caught.value.retry
    assert isinstance(caught.value.__cause__, TimeoutError)
    for bad in (MASTER[:16], MASTER.hex(), None, bytes(32)):
        with pytest.raises(ConfigError) as refused:
            keyring.master_from(lambda bad=bad: bad)  # type: ignore[misc]
        assert MASTER.hex() not in str(refused.value)


def test_passphrases_from_environment_and_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASS", PHRASE)
    assert keyring.passphrase_from_env("PASS") == PHRASE
    with pytest.raises(ConfigError) as caught:
        keyring.passphrase_from_env("hunter2")
    assert "hunter2" not in str(caught.value)
    for data, expected in ((b"a b c\nd", "a b c"), (b"a\r\n", "a"), ("é".encode(), "é")):
        assert from_pipe(data) == expected
    for data in (b"", b"\n", b"\xff\n", b"x" * (keyring.MAX_PASSPHRASE + 1)):
        with pytest.raises(ConfigError):
            from_pipe(data)
    for fd in (-1, 10**9, 2**40):
        with pytest.raises(ConfigError, match="file descriptor"):
            keyring.passphrase_from_fd(fd)


def test_what_follows_the_passphrase_is_left_to_be_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a b c\r\n[1, 2]\n")
    os.close(writer)
    try:
        assert keyring.passphrase_from_fd(reader) == "a b c"
        assert os.read(reader, 100) == b"[1, 2]\n"
    finally:
        os.close(reader)


def from_pipe(data: bytes) -> str:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    try:
        return keyring.passphrase_from_fd(reader)
    finally:
        os.close(reader)
