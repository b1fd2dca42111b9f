"""Commit to keys before they serve, so that nobody can say that a key was fitted to the text it is found in.

The commitment is the root of a Merkle tree whose entries are the keys' ids. An id is a digest over 256 secret bits,
so the published root, and the siblings in another key's proof, tell nothing of contexts or secrets. Entries are
sorted by id, which is as good as shuffled: a place in the tree tells nothing either. Padding is random bytes, which
nobody can tell from ids, so the size need not show how many keys (hence customers) there are. The tree alone would fit
several sizes, so what is published is a digest of both.

What a commitment gives: of one commitment at most ``size`` keys can ever be shown, whoever made it. A reader who
is shown one of them divides its e-value by ``size`` unless the key was named beforehand: padding costs that.
What it does not give: the date. ``created`` is a claim; publish the record where somebody else dates it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gauger import merkle
from gauger.errors import ConfigError, VerifyError
from gauger.watermark.keys import Key

SCHEMA = "gauger/key-commitment/1"
ALGORITHM = "rfc6962-sha256-sized"
UNSIZED = "rfc6962-sha256"  # of records before: their root is the tree's, and leaves their size open
MAX_SIZE = 1 << 32  # of a tree: paths have at most 32 hashes
ENTRY_BYTES = 32

_HASH = re.compile(r"[0-9a-f]{64}")  # one spelling only: a proof with another is another proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """The public record. Its ``gauger.model.digest`` is what a log or a notary dates.

    Attributes:
        root: ``sha256:`` and hex, of tree and size. size: entries, padding included. created: timezone-aware, as
            claimed.

    Raises:
        ConfigError: a schema or algorithm of another version, or a field that is out of form.
    """

    schema: str = SCHEMA
    algorithm: str = ALGORITHM
    root: str
    size: int
    created: datetime

    def __post_init__(self) -> None:
        if self.schema != SCHEMA or self.algorithm not in (ALGORITHM, UNSIZED):
            raise ConfigError("a commitment of another version or algorithm: read it with the release that made it")
        if not _HASH.fullmatch(self.root.removeprefix("sha256:")) or len(self.root) != 71:
            raise ConfigError("a commitment's root is sha256: and 64 small hexadecimal digits")
        if not 1 <= self.size <= MAX_SIZE or self.created.tzinfo is None:
            raise ConfigError("a commitment has 1 to 2^32 entries and a time with a timezone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That one key is in a commitment: its place, and the hashes beside its way to the root, lowest first.

    Raises:
        ConfigError: a place out of range, or a hash that is not 64 small hexadecimal digits.
    """

    index: int
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE or len(self.path) > 32 or not all(map(_HASH.fullmatch, self.path)):
            raise ConfigError("a proof is a place and at most 32 hashes of 64 small hexadecimal digits")


def commit(
    keys: Sequence[Key], *, created: datetime, padding: Iterable[bytes] = ()
) -> tuple[Commitment, tuple[Proof, ...]]:
    """The commitment to all ``keys``, and a proof for each, in their order.

    Args:
        padding: random entries of 32 bytes from a cryptographic source. They decide nothing about the keys' proofs
            but their places; they need not be kept.

    Raises:
        ConfigError: no key, a key or padding that is there twice, or padding that is not 32 bytes.
    """
    entries = [_entry(key) for key in keys]
    extra = list(padding)
    if not entries:
        raise ConfigError("a commitment needs at least one key")
    if any(len(e) != ENTRY_BYTES for e in extra):
        raise ConfigError(f"an entry of padding is {ENTRY_BYTES} bytes")
    ordered = sorted({*entries, *extra})
    if len(ordered) != len(entries) + len(extra):
        raise ConfigError("a key or an entry of padding is there twice: each context is committed once")
    tree = merkle.levels(ordered)
    place = {entry: index for index, entry in enumerate(ordered)}
    proofs = (
        Proof(index=i, path=tuple(h.hex() for h in merkle.path(tree, i))) for i in map(place.__getitem__, entries)
    )
    root = _root(ALGORITHM, tree[-1][0], len(ordered))
    return Commitment(root=root, size=len(ordered), created=created), tuple(proofs)


def verify_key(commitment: Commitment, key: Key, proof: Proof) -> Key:
    """The key, if it is the one that was committed to at the proof's place.

    Raises:
        VerifyError: it is not: the secret, a field of the context, the proof or the commitment is another.
    """
    tree = merkle.root_from(_entry(key), proof.index, commitment.size, [bytes.fromhex(h) for h in proof.path])
    if tree is None or _root(commitment.algorithm, tree, commitment.size) != commitment.root:
        raise VerifyError(
            f"{key.id} is not in the commitment {commitment.root}: the secret, the context, the proof or the "
            "commitment was altered, or belongs to another"
        )
    return key


def _root(algorithm: str, tree: bytes, size: int) -> str:
    sized = hashlib.sha256(b"\x02" + size.to_bytes(8, "big") + tree).digest()
    return f"sha256:{(tree if algorithm == UNSIZED else sized).hex()}"


def _entry(key: Key) -> bytes:
    return bytes.fromhex(key.id.removeprefix("sha256:"))
