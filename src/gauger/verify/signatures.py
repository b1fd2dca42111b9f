"""Who signed what: keys, in-toto statements in DSSE envelopes, checkpoints in signed notes, time stamps."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gauger.errors import UnsupportedError, VerifyError
from gauger.verify.form import fields, parsed, same, unbase64

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
except ImportError:
    raise UnsupportedError("bundles need cryptography and rfc3161-client: pip install 'gauger[case]'") from None

STATEMENT, PAYLOAD = "https://in-toto.io/Statement/v1", "application/vnd.in-toto+json"
PREDICATES = "https://gauger.dev/predicates/"
MAX_WITNESSES = 64
Mark = tuple[str, bytes]  # how a line by a key begins in a note: its name, and four bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """An Ed25519 key (32 bytes) of which the reader knows, by another way, whose it is: a witness's, or not.

    name: under which the reader knows it, if any.
    """

    public: bytes
    witness: bool = False
    name: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None

    def check(self, what: str, said: datetime, known: datetime) -> None:
        """It was good when it signed: as that is said, and by the time since when that is known."""
        if self.not_before is not None and said < self.not_before:
            raise VerifyError(f"{what} is good from {self.not_before} on, and signed at {said}")
        if self.not_after is not None and max(said, known) > self.not_after:
            raise VerifyError(f"{what} expired at {self.not_after}: no time stamp you trust shows it signed before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key in a bundle. trusted: what the reader knows of it."""

    public: bytes
    use: str
    name: str
    trusted: Trusted | None

    @property
    def id(self) -> str:
        """Its fingerprint."""
        return hashlib.sha256(self.public).hexdigest()

    @property
    def called(self) -> str:
        """What to call it where nothing is asserted: the reader's own name for it, or else its fingerprint."""
        return self.trusted.name if self.trusted and self.trusted.name else f"of the key {self.id[:16]}"

    @property
    def mark(self) -> Mark:
        """By what its signatures of notes are found."""
        said = self.name.encode() + b"\n%c" % (1 if self.use == "log" else 4) + self.public
        return f"— {self.name}", hashlib.sha256(said).digest()[:4]

    def check(self, signature: bytes, data: bytes, what: str) -> None:
        """It signed the data."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except (InvalidSignature, ValueError):
            raise VerifyError(f"{what}: the signature of the key {self.id[:16]} does not hold") from None


def keys_of(rows: Sequence[Any], trusted: Sequence[Trusted]) -> list[Key]:
    """The keys of a bundle: the case's, the log's, and witnesses'."""
    if len(rows) > 2 + MAX_WITNESSES:
        raise VerifyError(f"keys: there are over {MAX_WITNESSES} witnesses: they are not read")
    known, keys = dict[tuple[bytes, bool], Trusted](), list[Key]()
    for t in sorted(trusted, key=lambda t: t.not_after is not None):  # of a key that is given twice, what expires
        known[t.public, t.witness] = t
    for k, row in enumerate(rows):
        found = fields(row, {"keyid": str, "name": str, "public": str, "use": str}, f"keys[{k}]")
        public, use, name = unbase64(found["public"], f"keys[{k}]"), found["use"], found["name"]
        if not re.fullmatch(r"[^\s+]{1,200}", name) or not name.isprintable():
            raise VerifyError(f"keys[{k}]: no key has such a name: 1 to 200 characters that show, no blank, no plus")
        keys.append(Key(public=public, use=use, name=name, trusted=known.get((public, use == "witness"))))
        same(found["keyid"], keys[-1].id, f"keys[{k}]: keyid")
        if (mine := keys[-1].trusted) is not None and mine.name not in ("", name):
            raise VerifyError(f"keys[{k}]: you know this key as {mine.name!r}, and it is called {name!r} here")
    uses = [key.use for key in keys]
    if uses != ["case", "log"] + ["witness"] * (len(uses) - 2) or len(set(keys)) < len(keys):
        raise VerifyError("keys: there is the case's, then the log's, then witnesses', and none of them twice")
    witnesses = {key.public for key in keys[2:]}
    if len(witnesses) < len(keys) - 2 or witnesses & {key.public for key in keys[:2]}:
        raise VerifyError("keys: a witness has a key of its own, neither the house's nor another witness's")
    return keys


def statement(envelope: Any, key: Key, kind: str, where: str) -> tuple[list[Any], Any]:
    """Subject and predicate of an in-toto statement in a DSSE envelope that the key signed."""
    outer = fields(envelope, {"payload": str, "payloadType": str, "signatures": list}, where)
    same([outer["payloadType"], len(outer["signatures"])], [PAYLOAD, 1], f"{where}: payloadType")
    signature = fields(outer["signatures"][0], {"keyid": str, "sig": str}, where)
    same(signature["keyid"], key.id, f"{where}: the signer")
    payload = unbase64(outer["payload"], where)
    signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
    key.check(unbase64(signature["sig"], where), signed, where)
    inner = parsed(payload, where)
    fields(inner, {"_type": str, "predicate": dict, "predicateType": str, "subject": list}, where)
    same([inner["_type"], inner["predicateType"]], [STATEMENT, f"{PREDICATES}{kind}/1"], f"{where}: its type")
    return inner["subject"], inner["predicate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's word on its first ``size`` entries. body: what is signed. cosigned: who saw it, and when."""

    size: int
    root: bytes
    body: bytes
    cosigned: tuple[tuple[Key, datetime], ...]


def checkpoint(note: Any, log: str, signers: Mapping[Mark, Key], where: str) -> Checkpoint:
    """A checkpoint (C2SP tlog-checkpoint) of that log, which signed it, and witnesses cosigned it."""
    text, _, lines = note.partition("\n\n") if type(note) is str else ("", "", "")
    found, body = re.fullmatch("(.*)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)", text), text.encode() + b"\n"
    if found is None or lines[-1:] != "\n":
        raise VerifyError(f"{where}: a checkpoint is the log's name, size and root, an empty line, and signatures")
    same(found[1], log, f"{where}: the log's name")
    cosigned, left = list[tuple[Key, datetime]](), dict(signers)
    for k, line in enumerate(lines.removesuffix("\n").split("\n")):
        prefix, _, said = line.rpartition(" ")
        raw = unbase64(said, where)
        key = left.pop((prefix, raw[:4]), None)
        if key is None or (key.use == "log") != (k == 0):
            raise VerifyError(f"{where}: signature {k} is by an unknown signer, or is out of place")
        if k == 0:
            key.check(raw[4:], body, where)
            continue
        seconds = int.from_bytes(raw[4:12], "big")
        key.check(raw[12:], b"cosignature/v1\ntime %d\n%b" % (seconds, body), where)
        cosigned.append((key, datetime.fromtimestamp(min(seconds, 1 << 37), UTC)))
        if key.trusted is not None:
            key.trusted.check(f"{where}: the witness's key", cosigned[-1][1], cosigned[-1][1])
    return Checkpoint(size=int(found[2]), root=unbase64(found[3], where), body=body, cosigned=tuple(cosigned))


def stamped(response: Any, digest: bytes, roots: Sequence[bytes], where: str) -> datetime:
    """When it was there, by a time stamp (RFC 3161) of an authority under one of the roots, if there are any."""
    try:
        found = decode_timestamp_response(unbase64(response, where))
        said = found.tst_info.message_imprint
        if (said.hash_algorithm.dotted_string, said.message) != ("2.16.840.1.101.3.4.2.1", digest):  # SHA-256
            raise VerifyError(f"{where}: is of something else")
        if roots:
            VerifierBuilder(roots=load_pem_x509_certificates(b"\n".join(roots))).build().verify(found, digest)
        time: datetime = found.tst_info.gen_time
    except (ValueError, TypeError, OverflowError, VerificationError) as error:
        raise VerifyError(f"{where}: does not hold under the roots that you trust ({str(error)[:160]})") from None
    return time
