"""The master key at rest: sealed with a passphrase in a key file, in an environment variable, or in a KMS.

What a key file is, and what it costs to open, is in ``sealing``.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from gauger.edge.canonical import canonical_line
from gauger.edge.sealing import MAX_FILE_BYTES, Hex, SealedFile, parse_sealed, seal, unseal
from gauger.edge.small_files import read_small, write_new
from gauger.errors import ConfigError, ExchangeError, VerifyError
from gauger.watermark.keys import MASTER_BYTES

MAX_PASSPHRASE = 1024
EXTRA = "watermark"


class _KeyFile(SealedFile, frozen=True, kw_only=True):
    """``id`` tells masters apart; nobody can come from it to the master."""

    schema: Literal["gauger/key-file/1"] = "gauger/key-file/1"
    id: Annotated[Hex, Meta(min_length=16, max_length=16)]


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
    file = seal(_KeyFile, master, passphrase, log2_n=log2_n, extra=EXTRA, id=master_id(master))
    write_new(Path(path), canonical_line(file), overwrite=overwrite)


def read_key_file(path: str | Path, passphrase: str) -> bytes:
    """The master in a key file.

    Raises:
        InputError: no key file, or one cut short or of another version. VerifyError: a wrong passphrase, or a file
            that was altered. UnsupportedError: no `cryptography`.
    """
    file = _parse(read_small(Path(path), MAX_FILE_BYTES), str(path))
    opened = unseal(file, passphrase, str(path), extra=EXTRA)
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
    """A passphrase from an open file descriptor: its first line. What follows is left for others to read.

    Raises:
        ConfigError: it cannot be read, is empty, no UTF-8, or longer than a passphrase may be.
    """
    try:
        line = _first_line(fd, 4 * MAX_PASSPHRASE + 2).removesuffix(b"\n").removesuffix(b"\r").decode()
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        raise ConfigError(f"no passphrase can be read from file descriptor {fd} ({type(error).__name__})") from None
    return _passphrase(line, f"file descriptor {fd}")


def _first_line(fd: int, limit: int) -> bytes:
    line = b""
    while len(line) < limit and not line.endswith(b"\n") and (byte := os.read(fd, 1)):
        line += byte
    return line


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


def _parse(data: bytes, source: str) -> _KeyFile:
    return parse_sealed(_KeyFile, data, source)
