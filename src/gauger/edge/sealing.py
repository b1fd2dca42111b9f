"""A secret of 32 bytes in a file, sealed with a passphrase: AES-256-GCM, under a key that scrypt makes of it.

Such a file is one line of canonical JSON. All its fields but ``sealed`` are in the clear, and authenticated. Scrypt's
cost is bounded when a file is read, so that a hostile one cannot take the machine's memory.

Python cannot wipe memory: a secret that was read lies in this process until it ends.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from gauger.errors import ConfigError, InputError, UnsupportedError, VerifyError
from gauger.model import canonical_json

MAX_FILE_BYTES = 4096
MIN_PASSPHRASE = 12
_SECRET, _TAG = 32, 16

Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z")]


class SealedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every kind of file has. A kind adds its ``schema``, and what else may be read without the passphrase.

    Scrypt takes 128 ``r`` 2^``log2_n`` bytes: at most 1 GiB is ever taken for a file.
    """

    kdf: Literal["scrypt"] = "scrypt"
    log2_n: Annotated[int, Meta(ge=14, le=20)]
    r: Literal[8] = 8
    p: Annotated[int, Meta(ge=1, le=4)] = 1
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    salt: Annotated[Hex, Meta(min_length=32, max_length=32)]
    nonce: Annotated[Hex, Meta(min_length=24, max_length=24)]
    sealed: Annotated[Hex, Meta(min_length=2 * (_SECRET + _TAG), max_length=2 * (_SECRET + _TAG))]


File = TypeVar("File", bound=SealedFile)


def seal(kind: type[File], secret: bytes, passphrase: str, *, log2_n: int, extra: str, **fields: Any) -> File:
    """The file that holds the secret.

    Args:
        extra: which of Gauger's extras has `cryptography`, for the message where it is missing.
        fields: those that the kind adds.

    Raises:
        ConfigError: a weak passphrase, or a cost out of bounds. UnsupportedError: no `cryptography`.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise ConfigError(f"a passphrase needs at least {MIN_PASSPHRASE} characters: take five random words or more")
    if log2_n not in range(14, 21):
        raise ConfigError("the cost of a key file, log2_n, is 14 to 20")
    file = kind(log2_n=log2_n, salt=secrets.token_hex(16), nonce=secrets.token_hex(12), sealed="", **fields)
    sealed = _cipher(file, passphrase, extra).encrypt(bytes.fromhex(file.nonce), secret, _header(file))
    return msgspec.structs.replace(file, sealed=sealed.hex())


def unseal(file: SealedFile, passphrase: str, source: str, *, extra: str) -> bytes:
    """The secret. AES-GCM can be made to open under two passphrases to two: that it is the right one, is to be checked.

    Raises:
        VerifyError: a wrong passphrase, or a file that was altered. UnsupportedError: no `cryptography`.
    """
    cipher = _cipher(file, passphrase, extra)
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    try:
        opened: bytes = cipher.decrypt(bytes.fromhex(file.nonce), bytes.fromhex(file.sealed), _header(file))
    except InvalidTag:
        raise VerifyError(f"{source}: the passphrase is wrong, or the file was altered") from None
    return opened


def parse_sealed(kind: type[File], data: bytes, source: str) -> File:
    """A file of that kind.

    Raises:
        InputError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:  # msgspec may quote what is in the clear, and no hexadecimal field
        raise InputError(f"is no key file of this version, or is cut short: {error}", source=source) from None


def _header(file: SealedFile) -> bytes:
    return canonical_json({name: value for name, value in msgspec.to_builtins(file).items() if name != "sealed"})


def _cipher(file: SealedFile, passphrase: str, extra: str) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError(f"key files need the package cryptography: pip install 'gauger[{extra}]'") from None
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode()  # keyboards differ in how they write an accent
    except UnicodeEncodeError:
        raise ConfigError("the passphrase cannot be written as UTF-8") from None
    n = 1 << file.log2_n
    memory = 128 * file.r * (n + file.p) + (1 << 20)
    salt = bytes.fromhex(file.salt)
    return AESGCM(hashlib.scrypt(secret, salt=salt, n=n, r=file.r, p=file.p, maxmem=memory, dklen=_SECRET))
