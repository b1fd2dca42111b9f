"""Signed notes (C2SP signed-note): some lines of text, an empty line, and lines by keys that signed it.

There is one spelling of a note and of a key, and any other is refused: what was read is written back byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from gauger.errors import ConfigError, InputError, UnsupportedError, VerifyError

LOG, WITNESS = 0x01, 0x04
"""Kinds of Ed25519 signature: of the text, and of the text with a time before it (cosignature/v1)."""

PUBLIC, ID = 32, 4  # bytes
MAX_NOTE, MAX_SIGNATURES, MAX_NAME = 1 << 20, 100, 200
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public Ed25519 key, under a name and for one kind of signature.

    Raises:
        ConfigError: a name that is empty, long, or has spaces, pluses or control characters; no key.
        UnsupportedError: another kind.
    """

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if self.kind not in (LOG, WITNESS):
            raise UnsupportedError(
                f"keys of kind {self.kind:#04x} are not supported: Ed25519 for logs and witnesses is"
            )
        if not _NAME.fullmatch(self.name) or not self.name.isprintable() or len(self.name) > MAX_NAME:
            raise ConfigError(
                f"a key's name is like a URL without its scheme (example.org/log), of at most {MAX_NAME} characters, "
                f"without spaces, pluses and what does not show: not {self.name[:80]!r}"
            )
        if len(self.public) != PUBLIC:
            raise ConfigError(f"an Ed25519 public key has {PUBLIC} bytes")

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart; they prove nothing."""
        said = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(said).digest()[:ID]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hex: what a person compares."""
        return hashlib.sha256(self.public).hexdigest()

    def __str__(self) -> str:
        """The verifier key: ``name+id+key``."""
        return f"{self.name}+{self.id.hex()}+{encoded(bytes([self.kind]) + self.public)}"

    def verify(self, signature: bytes, message: bytes) -> None:
        """Nothing, if the key signed the message.

        Raises:
            VerifyError: it did not. UnsupportedError: no `cryptography`.
        """
        try:
            from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        except ImportError:
            raise UnsupportedError("signatures need the package cryptography: pip install 'gauger[case]'") from None
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise VerifyError(f"the signature of {self.name} ({self.id.hex()}) does not hold") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A line of a note: whose it says it is, and its bytes, which nobody has verified."""

    name: str
    id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {encoded(self.id + self.value)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note, its text with the last line's end. Nothing in it is true unless a trusted key signed it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


def parse_key(text: str) -> VerifierKey:
    """A verifier key, ``name+id+key``.

    Raises:
        InputError: it is none, or its id is another's. UnsupportedError: for another kind of signature.
    """
    name, _, rest = text.partition("+")
    raw = decoded(rest.partition("+")[2])
    try:
        key = VerifierKey(name=name, kind=raw[0], public=raw[1:])
    except (ConfigError, IndexError):
        raise InputError("is no verifier key: a name, an id and an Ed25519 key with a plus between them") from None
    if str(key) != text:
        raise InputError(f"is no verifier key: its id is not that of the key, which is {key.id.hex()}")
    return key


def parse_note(text: str) -> Note:
    """A note and its unverified signatures.

    Raises:
        InputError: it is none, is written in another form, or one key signed it twice.
    """
    head, gap, tail = text.rpartition("\n\n")
    if len(text) > MAX_NOTE or not printable(text) or not gap or not tail.endswith("\n"):
        raise InputError("is no signed note: text, an empty line, and lines of signatures")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InputError(f"has more than {MAX_SIGNATURES} signatures")
    note = Note(text=f"{head}\n", signatures=tuple(map(parse_signature, lines)))
    if len({(s.name, s.id) for s in note.signatures}) < len(lines):
        raise InputError("is signed twice by one key")
    return note


def parse_signature(line: str) -> Signature:
    """A line of signature, without its end.

    Raises:
        InputError: it is none.
    """
    found = _LINE.fullmatch(line)
    raw = decoded(found[2]) if found else b""
    if found is None or len(raw) <= ID:
        raise InputError("has a line that is no signature: a dash (—), a name, and base64")
    return Signature(name=found[1], id=raw[:ID], value=raw[ID:])


def printable(text: str) -> bool:
    """Whether a note may hold it: it is UTF-8, and of control characters has ends of lines only."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return not _CONTROL.search(text)


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes:
    """The bytes of base64; none of what is no base64, or not as ``encoded`` writes it."""
    try:
        raw = base64.b64decode(text)
    except ValueError:
        return b""
    return raw if encoded(raw) == text else b""
