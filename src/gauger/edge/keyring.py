"""The master key at rest: sealed with a passphrase in a key file, in an environment variable, or in a KMS.

A key file is one line of canonical JSON: a header, and the master under AES-256-GCM with a key that scrypt makes of
the passphrase. The header is authenticated with it. Scrypt's cost is bounded when a file is read, so that a hostile
one cannot take the machine's memory.

Python cannot wipe memory: a master that was read lies in this process until it ends.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gauger.edge.small_files import read_small, write_new
from gauger.errors import ConfigError, ExchangeError, InputError, UnsupportedError, VerifyError
from gauger.model import canonical_json
from gauger.watermark.keys import MASTER_BYTES

MAX_FILE_BYTES = 4096
MIN_PASSPHRASE = 12
MAX_PASSPHRASE = 1024

Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z")]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stands before the sealed master, in the clear.

    Scrypt takes 128 ``r`` 2^``log2_n`` bytes: at most 1 GiB is ever taken for a file. ``id`` tells masters apart;
    nobody can come from it to the master.
    """

    schema: Literal["gauger/key-file/1"] = "gauger/key-file/1"
    kdf: Literal["scrypt"] = "scrypt"
    log2_n: Annotated[int, Meta(ge=14, le=20)]
    r: Literal[8] = 8
    p: Annotated[int, Meta(ge=1, le=4)] = 1
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    salt: Annotated[Hex, Meta(min_length=32, max_length=32)]
    nonce: Annotated[Hex, Meta(min_length=24, max_length=24)]
    id: Annotated[Hex, Meta(min_length=16, max_length=16)]


class _KeyFile(_Header, frozen=True, kw_only=True):
    sealed: Annotated[Hex, Meta(min_length=2 * (MASTER_BYTES + 16), max_length=2 * (MASTER_BYTES + 16))]


def new_master() -> bytes:
    """32 random bytes from the operating system."""
    return secrets.token_bytes(MASTER_BYTES)


def master_id(master: bytes) -> str:
    """A name for a master that may be printed: 16 hex digits of an HMAC under it."""
    return hmac.digest(master, b"gauger-master-id-v1", "sha256").hex()[:16]


def write_key_file(
    path: str | Path, master: bytes, passphrase: str, *, overwrite: bool = False, log2_n: int = 17
) -> None:
    """Seal a master into a file that only its owner may read.

    Args:
        log2_n: scrypt's cost, 14 to 20. At 17 one guess takes 128 MiB and some tenths of a second; a step doubles both.

    Raises:
        ConfigError: a weak master or passphrase, another cost, or a file that exists.
        UnsupportedError: no `cryptography`.
    """
    _check_master(master, "the master key")
    if len(passphrase) < MIN_PASSPHRASE:
        raise ConfigError(f"a passphrase needs at least {MIN_PASSPHRASE} characters: take five random words or more")
    if log2_n not in range(14, 21):
        raise ConfigError("the cost of a key file, log2_n, is 14 to 20")
    header = _Header(log2_n=log2_n, salt=secrets.token_hex(16), nonce=secrets.token_hex(12), id=master_id(master))
    plain = msgspec.to_builtins(header)
    sealed = _cipher(header, passphrase).encrypt(bytes.fromhex(header.nonce), master, canonical_json(plain))
    write_new(Path(path), canonical_json({**plain, "sealed": sealed.hex()}) + b"\n", overwrite=overwrite)


def read_key_file(path: str | Path, passphrase: str) -> bytes:
    """The master in a key file.

    Raises:
        InputError: no key file, or one cut short or of another version. VerifyError: a wrong passphrase, or a file
            that was altered. UnsupportedError: no `cryptography`.
    """
    file = _parse(read_small(Path(path), MAX_FILE_BYTES), str(path))
    header = {k: v for k, v in msgspec.to_builtins(file).items() if k != "sealed"}
    cipher = _cipher(file, passphrase)
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    try:
        opened: bytes = cipher.decrypt(bytes.fromhex(file.nonce), bytes.fromhex(file.sealed), canonical_json(header))
    except InvalidTag:
        raise VerifyError(f"{path}: the passphrase is wrong, or the file was altered") from None
    # AES-GCM can be made to open under two passphrases to two masters; the id then fits one of them only.
    if not hmac.compare_digest(master_id(opened).encode(), file.id.encode()):
        raise VerifyError(f"{path}: the file was altered: it holds another master key than it says")
    return opened


def master_from_env(name: str) -> bytes:
    """A master from an environment variable: 64 hexadecimal digits.

    Raises:
        ConfigError: the variable is not set, or holds no usable master.
    """
    # The name is not repeated in a message: it may be the secret itself, put in the wrong place.
    value = os.environ.get(name, "")
    where = "the environment variable of the master key"
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{2 * MASTER_BYTES}}}", value):
        raise ConfigError(f"{where} is not set, or does not hold {2 * MASTER_BYTES} hexadecimal digits")
    return _check_master(bytes.fromhex(value), where)


def master_from(fetch: Callable[[], bytes]) -> bytes:
    """A master that a callback fetches, from a KMS or an HSM.

    Raises:
        ExchangeError: the callback failed (what it raised is the cause). ConfigError: it gave no usable master.
    """
    try:
        master = fetch()
    except Exception as error:
        raise ExchangeError(f"the master key could not be fetched ({type(error).__name__})", retry=True) from error
    return _check_master(master, "what the key callback returned")


def passphrase_from_env(name: str) -> str:
    """A passphrase from an environment variable.

    Raises:
        ConfigError: it is not set, or longer than a passphrase may be.
    """
    return _passphrase(os.environ.get(name, ""), "the environment variable of the passphrase")


def passphrase_from_fd(fd: int) -> str:
    """A passphrase from an open file descriptor: its first line.

    Raises:
        ConfigError: it cannot be read, is empty, no UTF-8, or longer than a passphrase may be.
    """
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            line = file.readline(4 * MAX_PASSPHRASE + 2).removesuffix(b"\n").removesuffix(b"\r").decode()
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        raise ConfigError(f"no passphrase can be read from file descriptor {fd} ({type(error).__name__})") from None
    return _passphrase(line, f"file descriptor {fd}")


def _passphrase(value: str, where: str) -> str:
    if not 1 <= len(value) <= MAX_PASSPHRASE:
        raise ConfigError(f"{where} should hold a passphrase of at most {MAX_PASSPHRASE:,} characters")
    return value


def _check_master(master: Any, where: str) -> bytes:
    if not isinstance(master, bytes) or len(master) != MASTER_BYTES:
        raise ConfigError(f"{where} is not a master key: {MASTER_BYTES} bytes")
    if len(set(master)) < MASTER_BYTES // 4:  # of random bytes, fewer than once in 10^30
        raise ConfigError(f"{where} is not random: make a master key with `gauger watermark keygen`")
    return master


def _cipher(header: _Header, passphrase: str) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError("key files need the package cryptography: pip install 'gauger[watermark]'") from None
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode()  # keyboards differ in how they write an accent
    except UnicodeEncodeError:
        raise ConfigError("the passphrase cannot be written as UTF-8") from None
    n = 1 << header.log2_n
    memory = 128 * header.r * (n + header.p) + (1 << 20)
    salt = bytes.fromhex(header.salt)
    return AESGCM(hashlib.scrypt(secret, salt=salt, n=n, r=header.r, p=header.p, maxmem=memory, dklen=32))


def _parse(data: bytes, source: str) -> _KeyFile:
    try:
        return msgspec.json.decode(data, type=_KeyFile)
    except (ValueError, RecursionError) as error:  # msgspec's message names the field, never its value
        raise InputError(f"is no key file of this version, or is cut short: {error}", source=source) from None
