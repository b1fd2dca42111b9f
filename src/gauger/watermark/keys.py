"""Keys: each is derived from one master key and the context that it is for.

Whoever holds the master can make every key. Whoever holds one key learns nothing about another, nor about the
master (HMAC-SHA256 is a pseudo-random function). Beside the fast keys of campaigns and accounts stands one slow
key of all traffic that has none of these, whose party is ``FLEET`` and whose epochs are long.

A secret leaves a ``Key`` only by its attribute ``secret``. It has no other printed, serial or pickled form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from gauger.errors import ConfigError

FLEET = "fleet"
"""The party of the slow key. Give accounts a prefix (``account:...``), so that none can be called this."""

MASTER_BYTES = 32
SECRET_BYTES = 32
MAX_FIELD_BYTES = 1024
MAX_PERIOD_DAYS = 3650

_DERIVE = b"gauger-key-v1"
_COMMIT = b"gauger-commitment-v1"
_UNUSED = b"gauger-unused-v1"
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})/P([0-9]+)D")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyContext:
    """What one key is for; two contexts that differ in any byte have unrelated keys.

    Attributes:
        tenant: whose deployment. party: a campaign's or an account's id, or ``FLEET``.
        epoch: a name of the period; see ``epochs`` and ``check_epoch``.
        model, tokenizer: which served model, and what its token ids mean. scheme: how the mark is laid.

    Raises:
        ConfigError: a field is blank, no text, no UTF-8, or longer than ``MAX_FIELD_BYTES``.
    """

    tenant: str
    party: str
    epoch: str
    model: str
    tokenizer: str
    scheme: str

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_field(field.name, getattr(self, field.name))

    def message(self) -> bytes:
        """The fields in order, each as its length (4 bytes, big-endian) and its UTF-8; no two contexts share it."""
        values = (self.tenant, self.party, self.epoch, self.model, self.tokenizer, self.scheme)
        return b"".join(len(e).to_bytes(4, "big") + e for e in map(str.encode, values))


class Key:
    """A derived key. Immutable; shown, compared and hashed by its ``id``, never by its secret.

    Attributes:
        context: what it is for. secret: 32 bytes; marks are laid and found with it.
        id: ``sha256:`` and the digest of a domain tag, the context's message and the secret. It is the key's
            public commitment: the secret's 256 bits hide the context and the secret, and SHA-256 binds both.

    Raises:
        ConfigError: a secret that is not 32 bytes.
    """

    __slots__ = ("_secret", "context", "id")
    context: KeyContext
    id: str

    def __init__(self, context: KeyContext, secret: bytes) -> None:
        _check_bytes("a key's secret", secret, SECRET_BYTES)
        digest = hashlib.sha256(_COMMIT + context.message() + secret).hexdigest()
        for name, value in (("context", context), ("id", f"sha256:{digest}"), ("_secret", bytes(secret))):
            object.__setattr__(self, name, value)

    @property
    def secret(self) -> bytes:
        """The 32 bytes. Do not log them, and do not put them into a record."""
        value: bytes = self._secret  # type: ignore[attr-defined]
        return value

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a key cannot be changed")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a key has no serial form: pass its context and derive it again")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__getstate__()


def derive(master: bytes, context: KeyContext) -> Key:
    """The key of a context: HMAC-SHA256(master, "gauger-key-v1" and the context's message).

    Raises:
        ConfigError: a master that is not 32 bytes.
    """
    _check_bytes("a master key", master, MASTER_BYTES)
    return Key(context, hmac.digest(master, _DERIVE + context.message(), "sha256"))


def unused(keys: Sequence[Key], n: int) -> list[Key]:
    """Keys that nobody serves under: always the same for these keys, in any order, and unknown without all of them.

    Nobody who did not hold the keys can have written a text that the unused ones acquit; and a referee who was shown
    the keys has the same ones as whoever holds the master.

    Raises:
        ConfigError: no keys.
    """
    if not keys:
        raise ConfigError("unused keys are made from those that they stand beside: give at least one")
    ordered = sorted(keys, key=lambda key: key.id)
    root = hashlib.sha256(b"".join((_UNUSED, *(key.secret for key in ordered)))).digest()
    return [derive(root, replace(ordered[0].context, party=f"unused:{k}", epoch="never")) for k in range(n)]


def epochs(first: datetime, last: datetime, *, period_days: int) -> tuple[str, ...]:
    """Names of the epochs from the one that ``first`` lies in to that of ``last``; one time gives one epoch.

    Epochs of a period tile UTC from 1970-01-01. A name is the ISO 8601 interval of its first day and its length, such
    as ``2026-01-15/P28D``: it sorts by time, and a changed period never meets an old name.

    Args:
        first, last: timezone-aware, not before 1970.
        period_days: the rotation period: short (7 to 30 days) for campaigns, long (a year) for the fleet.

    Raises:
        ConfigError: a naive time, a time before 1970, ``last`` before ``first``, or a period outside 1 to 3,650 days.
    """
    if not 1 <= period_days <= MAX_PERIOD_DAYS:
        raise ConfigError(f"a rotation period has 1 to {MAX_PERIOD_DAYS:,} days")
    if first.tzinfo is None or last.tzinfo is None or not _FIRST_DAY <= first <= last:
        raise ConfigError("an epoch needs times with a timezone, from 1970 on, the first not after the last")
    period = timedelta(days=period_days)
    starts = range((first - _FIRST_DAY) // period, (last - _FIRST_DAY) // period + 1)
    return tuple(f"{_FIRST_DAY + k * period:%Y-%m-%d}/P{period_days}D" for k in starts)


def _check_field(name: str, value: Any) -> None:
    # Messages name the field only: who the parties are is nobody's business who reads a log.
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"a key's context needs a `{name}` that is text and not blank")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ConfigError(f"`{name}` of a key's context cannot be written as UTF-8") from None
    if size > MAX_FIELD_BYTES:
        raise ConfigError(f"`{name}` of a key's context has {size:,} bytes; at most {MAX_FIELD_BYTES:,} are allowed")


def check_epoch(epoch: str) -> None:
    """Refuse a name that has the form of ``epochs``' names and is none of them, where keys are named.

    Days that fall between two epochs look right, and such a key finds nothing that any server marked. Names of another
    form are free, though no server serves under them; and what was recorded under any name stays readable.

    Raises:
        ConfigError: no such day, period or epoch; says which epoch the day lies in.
    """
    if (form := _EPOCH.fullmatch(epoch)) is None:
        return
    days = int(form[2])
    if not 1 <= days <= MAX_PERIOD_DAYS:
        raise ConfigError(f"epoch {epoch:.40} has no period that keys serve for: 1 to {MAX_PERIOD_DAYS:,} days")
    try:
        day = datetime.fromisoformat(form[1]).replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"epoch {epoch:.40} begins on a day that no calendar has") from None
    if day < _FIRST_DAY:
        raise ConfigError(f"epoch {epoch:.40} begins before {_FIRST_DAY:%Y-%m-%d}, the first day of all epochs")
    (name,) = epochs(day, day, period_days=days)
    if epoch != name:
        raise ConfigError(
            f"epoch {epoch:.40} is none that a server serves in: epochs of {days:,} days begin {_FIRST_DAY:%Y-%m-%d}, "
            f"and that day lies in {name}"
        )


def _check_bytes(what: str, value: Any, size: int) -> None:
    if not isinstance(value, bytes):
        raise ConfigError(f"{what} is {size} bytes; this is a {type(value).__name__}")
    if len(value) != size:
        raise ConfigError(f"{what} is {size} bytes; this has {len(value)}")
