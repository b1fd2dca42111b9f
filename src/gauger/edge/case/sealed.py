"""The sealed store: a folder of objects, each under a key of its own, each key sealed under one master.

    master.json        the master, sealed with a passphrase (``edge.keyring``)
    objects/HEX        an object's bytes, in authenticated chunks (``edge.case.stream``)
    keys/HEX           its data key and its salt, sealed under the master, with the case that it belongs to
    keys/HEX.put       until it has been entered: what its case store's log ended with, by which that store is known
    tombstones/HEX     what stays of an erased one; named by its own digest
    canaries/HEX       for whom records that reveal a leak were made, sealed

An object's name is ``sha256(salt || plaintext)`` over a random salt of 32 bytes, so nobody can guess a short text from
its name. Whoever is given the salt with the text checks the name by SHA-256 alone. An erasure destroys key and salt:
what is left of the bytes cannot be opened, and the name tells nothing of what it named, to us neither.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
from msgspec import Meta

from gauger.edge import keyring
from gauger.edge.canonical import canonical_line, parse_canonical
from gauger.edge.case.stream import ALTERED, NONCE, TAG, aead, opened, sealed, unsealed
from gauger.edge.small_files import read_small, write_new
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.model import canonical_json, digest

_KEY, _SECRET = 32, 64
_MASTER = "master.json"
_MAX_RECORD = 1 << 16
_PUT = ".put"
_NAME = re.compile(r"sha256:([0-9a-f]{64})")
_FOLDERS = ("objects", "keys", "tombstones", "canaries")

Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z")]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stands in the clear before an object's sealed key, authenticated with it."""

    schema: Literal["gauger/sealed-object/1"] = "gauger/sealed-object/1"
    cipher: Literal["aes-256-gcm-stream-64k"] = "aes-256-gcm-stream-64k"
    object: str
    case: str
    bytes: Annotated[int, Meta(ge=0)]


class _Record(Header, frozen=True, kw_only=True):
    nonce: Annotated[Hex, Meta(min_length=2 * NONCE, max_length=2 * NONCE)]
    sealed: Annotated[Hex, Meta(min_length=2 * (_SECRET + TAG), max_length=2 * (_SECRET + TAG))]


class Sealed:
    """An open sealed store. Made by ``create`` or ``unlock``."""

    def __init__(self, folder: Path, master: bytes) -> None:
        self.folder = folder
        self._master = master

    def put(self, source: BinaryIO, case: str, after: str = "") -> Header:
        """Seal all bytes of ``source``. Two chunks are in memory at most, and nothing is written in the clear.

        Call it within ``writing``, enter the object into its case before that ends, and then call ``entered``.

        Args:
            after: an entry of the store of cases that it will be entered into. Without one no sweep ever takes it.
        """
        secret = secrets.token_bytes(_SECRET)
        name, size = hashlib.sha256(secret[_KEY:]), 0
        temporary = self.folder / "objects" / f".{secrets.token_hex(16)}"
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for plain, data in sealed(secret[:_KEY], source):
                    name.update(plain)
                    size += len(plain)
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            header = Header(object=f"sha256:{name.hexdigest()}", case=case, bytes=size)
            write_new(self._mark(header.object), after.encode())
            os.link(temporary, self._at("objects", header.object))
        finally:
            temporary.unlink(missing_ok=True)
        write_new(self._at("keys", header.object), self._wrapped(header, secret))
        for kind in ("objects", "keys"):
            _sync(self.folder / kind)
        return header

    def entered(self, name: str) -> None:
        """It stands in its case: from now on only an erasure destroys it."""
        self._mark(name).unlink(missing_ok=True)

    def open(self, name: str, case: str) -> Iterator[bytes]:
        """Verify all of an object, then give its bytes out, chunk by chunk.

        Raises:
            VerifyError: it was altered, cut short or swapped, or is of another case or store: before the first chunk,
                unless the file is altered while it is read.
            InputError: it is not there.
        """
        secret, header, path = self._secret(name, case), self._record(name), self._at("objects", name)
        try:
            file = path.open("rb")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
        try:
            found, size = hashlib.sha256(secret[_KEY:]), 0
            for piece in opened(secret[:_KEY], file, str(path)):
                found.update(piece)
                size += len(piece)
            if (f"sha256:{found.hexdigest()}", size) != (name, header.bytes):
                raise VerifyError(f"{path}: {ALTERED}")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return _given(secret[:_KEY], file)

    def salt(self, name: str, case: str) -> str:
        """What a reader of the text needs to check its name, in hexadecimal."""
        return self._secret(name, case)[_KEY:].hex()

    def shred(self, name: str) -> bool:
        """Destroy an object: its key and salt, then its bytes. Whether any was there.

        What a kill leaves of it, another call destroys.
        """
        there = False
        for kind in ("keys", "objects"):
            path = self._at(kind, name)
            with suppress(FileNotFoundError):
                if kind == "keys":
                    _overwrite(path)
                path.unlink()
                there = True
            _sync(path.parent)
        self.entered(name)
        return there

    def bury(self, stone: bytes) -> None:
        """Keep a tombstone."""
        with suppress(ConfigError):  # named by what it holds: whoever was quicker wrote the same
            write_new(self._at("tombstones", digest(stone.removesuffix(b"\n"))), stone)

    def tombstone(self, name: str) -> bytes:
        """A tombstone by its digest.

        Raises:
            InputError: there is none. VerifyError: it was altered.
        """
        data = read_small(self._at("tombstones", name), _MAX_RECORD)
        if digest(data.removesuffix(b"\n")) != name:
            raise VerifyError(f"{self._at('tombstones', name)}: the tombstone was altered")
        return data

    def names(self) -> list[str]:
        """All objects of which a key or bytes are there, or the mark of a put that was begun."""
        paths = (path for kind in ("keys", "objects") for path in (self.folder / kind).iterdir())
        found = {f"sha256:{path.name.removesuffix(_PUT)}" for path in paths}
        return sorted(name for name in found if _NAME.fullmatch(name))

    def case_of(self, name: str) -> str:
        """The case that an object was put into, as its key says; "" if that cannot be read."""
        try:
            return self._record(name).case
        except InputError:
            return ""

    def sweep(
        self, known: Callable[[], Mapping[str, bool]], ours: Callable[[str], bool]
    ) -> tuple[int, list[str]] | None:
        """Destroy what a kill left behind: unfinished files, what was erased, and what was put but never entered.

        Args:
            known: all objects that cases of one store speak of, and whether they keep them; asked when nobody can be
                writing.
            ours: whether an entry stands in that store's log. What is not known to be of this store may be another's.

        Returns:
            how many, and the objects that were left as another store may have them; None if somebody is writing just
            now, and nothing was done.
        """
        with _locked(self.folder, alone=True) as alone:
            if not alone:
                return None
            spoken_of, swept, left = known(), 0, list[str]()
            unfinished = [p for kind in _FOLDERS for p in (self.folder / kind).iterdir() if p.name.startswith(".")]
            for path in unfinished:
                path.unlink(missing_ok=True)
            for name in self.names():
                if spoken_of.get(name):
                    self.entered(name)
                elif name in spoken_of or ours(self._after(name)):
                    swept += self.shred(name)
                else:
                    left.append(name)
            return len(unfinished) + swept, left

    def change_passphrase(self, passphrase: str, *, log2_n: int = 17) -> None:
        """Seal the master with another passphrase. A copy of the old master.json still opens with the old one."""
        keyring.write_key_file(self.folder / _MASTER, self._master, passphrase, overwrite=True, log2_n=log2_n)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps sweepers away until what is put has been entered into its case."""
        with _locked(self.folder, alone=False):
            yield

    def derived(self, what: str) -> bytes:
        """A key for something that this master stands for."""
        return hmac.digest(self._master, f"gauger-sealed-store-v1 {what}".encode(), "sha256")

    def seal_note(self, kind: str, plain: Any) -> None:
        """Seal a small record into the store."""
        name, nonce = secrets.token_hex(32), secrets.token_bytes(NONCE)
        data = aead(self.derived(kind)).encrypt(nonce, canonical_json(plain), name.encode())
        write_new(self.folder / kind / name, nonce + data)

    def notes(self, kind: str) -> list[Any]:
        """All small records of a kind.

        Raises:
            VerifyError: one was altered.
        """
        key, found = self.derived(kind), []
        for path in sorted((self.folder / kind).iterdir()):
            if not path.name.startswith("."):
                data = read_small(path, _MAX_RECORD)
                found.append(unsealed(key, data[:NONCE], data[NONCE:], path.name.encode(), str(path)))
        return [msgspec.json.decode(data) for data in found]

    def _wrapped(self, header: Header, secret: bytes) -> bytes:
        nonce, plain = secrets.token_bytes(NONCE), msgspec.to_builtins(header)
        data = aead(self.derived("keys")).encrypt(nonce, secret, canonical_json(plain))
        return canonical_line(_Record(**plain, nonce=nonce.hex(), sealed=data.hex()))

    def _secret(self, name: str, case: str) -> bytes:
        """An object's data key and salt. The record's header is their identity: it opens nowhere else."""
        record, where = self._record(name), str(self._at("keys", name))
        header = msgspec.to_builtins(Header(object=record.object, case=record.case, bytes=record.bytes))
        nonce, data = bytes.fromhex(record.nonce), bytes.fromhex(record.sealed)
        secret = unsealed(self.derived("keys"), nonce, data, canonical_json(header), where)
        if (record.object, record.case) != (name, case):
            raise VerifyError(f"{where}: is of another object or case than it should be")
        return secret

    def _record(self, name: str) -> _Record:
        path = self._at("keys", name)
        data = read_small(path, _MAX_RECORD)
        record = parse_canonical(data, _Record, str(path))
        if canonical_line(record) != data:
            raise InputError("is cut short", source=str(path))
        return record

    def _mark(self, name: str) -> Path:
        path = self._at("keys", name)
        return path.with_name(path.name + _PUT)

    def _after(self, name: str) -> str:
        """An entry of the store that it was being put into; "" if it was entered, or nobody knows."""
        mark = self._mark(name)
        return read_small(mark, _MAX_RECORD).decode("ascii", "replace") if mark.exists() else ""

    def _at(self, kind: str, name: str) -> Path:
        if not (found := _NAME.fullmatch(name)):
            raise ConfigError("an object is named by its digest, sha256: and 64 small hexadecimal digits")
        return self.folder / kind / found[1]


def create(folder: Path, passphrase: str, *, log2_n: int = 17) -> Sealed:
    """A new sealed store; its folder is made.

    Raises:
        ConfigError: there is one, or the passphrase is weak. UnsupportedError: no `cryptography`.
    """
    aead(bytes(_KEY))  # says what is missing before anything is made
    for name in _FOLDERS:
        (folder / name).mkdir(exist_ok=True, parents=True, mode=0o700)
    master = keyring.new_master()
    keyring.write_key_file(folder / _MASTER, master, passphrase, log2_n=log2_n)
    return Sealed(folder, master)


def unlock(folder: Path, passphrase: str) -> Sealed:
    """Open a sealed store.

    Raises:
        InputError: there is none. VerifyError: the passphrase is wrong. UnsupportedError: no `cryptography`.
    """
    aead(bytes(_KEY))
    return Sealed(folder, keyring.read_key_file(folder / _MASTER, passphrase))


def write_out(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a stream into a new file that only its owner can read; nothing stays of it if it does not end.

    Raises:
        ConfigError: the file exists.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists: name another file") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _given(key: bytes, file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from opened(key, file, file.name)


@contextmanager
def _locked(folder: Path, *, alone: bool) -> Iterator[bool]:
    """Writers share the folder; who sweeps has it alone, or not at all. A kill unlocks."""
    import fcntl  # noqa: PLC0415  # POSIX only

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
            got = True
        except BlockingIOError:
            got = False
        yield got
    finally:
        os.close(descriptor)


def _overwrite(path: Path) -> None:
    """Zeros over a key before its name goes. Disks and file systems that copy on write keep the old block."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
