"""A seal over exchanges and their twins: which was released is fixed, and hidden, before a suspect is asked.

Each exchange is an entry of a Merkle tree: a salted digest over its id, its account, its prompt, the k + 1 answers in
their order, and the column of the released one. The order is a permutation that our own randomness drew. The root can
be published: the salts keep it from telling anything.

Equal answers stay. A twin that says what was released, or what another twin says, gets the same score, so the bet lays
the same stake on both: fair as ever, and of use if the suspect knows that text. To drop only twins that equal the
released answer would shift the odds of what is left.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from gauger import merkle
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.lineage.ghost_scores import SHARPNESS, words_of
from gauger.lineage.ghosts import bets, log_e
from gauger.model import canonical_json
from gauger.stats import FloatArray

SCHEMA = "gauger/ghost-seal/1"
ALGORITHM = "rfc6962-sha256"
SALT_BYTES = 32
ALARM = math.log(1e3)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """An exchange as whoever asks the suspect may see it. prompt: its digest. answers: k + 1, in their order."""

    id: str
    prompt: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the seal hides of an exchange. salt: hex. released: a column, from 0.

    Raises:
        ConfigError: a salt out of form.
    """

    id: str
    account: str
    salt: str
    released: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.salt):
            raise ConfigError("an opening's salt is 64 small hexadecimal digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The public record; its digest is what a log or a notary dates.

    Attributes:
        root: ``sha256:`` and hex. size: exchanges. k: twins of each. chosen, twins: digests of the files of the
            exchanges chosen and of the twins. created: as claimed.

    Raises:
        ConfigError: another version, or a field out of form.
    """

    schema: str = SCHEMA
    algorithm: str = ALGORITHM
    root: str
    size: int
    k: int
    chosen: str
    twins: str
    created: datetime

    def __post_init__(self) -> None:
        if (self.schema, self.algorithm) != (SCHEMA, ALGORITHM):
            raise ConfigError("a seal of another version or algorithm: read it with the release that made it")
        if not all(map(_DIGEST.fullmatch, (self.root, self.chosen, self.twins))):
            raise ConfigError("a seal's root and digests are sha256: and 64 small hexadecimal digits")
        if self.size < 1 or self.k < 1 or self.created.tzinfo is None:
            raise ConfigError("a seal has at least one exchange, at least one twin, and a time with a timezone")


def shuffled(
    id: str, account: str, prompt: str, answers: Sequence[str], *, below: Callable[[int], int], salt: bytes
) -> tuple[Twins, Opening]:
    """An exchange in an order of its own.

    Args:
        answers: the released one first. below: a uniform integer below n, from a cryptographic source. salt: fresh.
    """
    order = list(range(len(answers)))
    for at in range(len(order) - 1, 0, -1):
        to = below(at + 1)
        order[at], order[to] = order[to], order[at]
    twins = Twins(id=id, prompt=prompt, answers=tuple(answers[k] for k in order))
    return twins, Opening(id=id, account=account, salt=salt.hex(), released=order.index(0))


def root(twins: Sequence[Twins], openings: Sequence[Opening]) -> str:
    """The root over all exchanges, in order.

    Raises:
        InputError: none, openings of other exchanges, or a column that there is not.
    """
    if not twins or [t.id for t in twins] != [o.id for o in openings] or len({t.id for t in twins}) < len(twins):
        raise InputError("a seal needs exchanges, each once, and an opening of each in the same order")
    if not all(0 <= o.released < len(t.answers) for t, o in zip(twins, openings, strict=True)):
        raise InputError("an opening names a column that its exchange has not")
    return "sha256:" + merkle.levels([entry(t, o) for t, o in zip(twins, openings, strict=True)])[-1][0].hex()


def entry(twins: Twins, opening: Opening) -> bytes:
    """One exchange's salted digest, 32 bytes."""
    said = {
        "exchange": twins.id,
        "account": opening.account,
        "prompt": twins.prompt,
        "answers": twins.answers,
        "released": opening.released,
    }
    salt = bytes.fromhex(opening.salt)
    return hmac.new(salt, b"gauger-ghost-twins-v1" + canonical_json(said), hashlib.sha256).digest()


def verify_opening(seal: Seal, twins: Sequence[Twins], openings: Sequence[Opening]) -> None:
    """Hold all exchanges against the seal.

    Raises:
        VerifyError: they are not what was sealed. InputError: as ``root``.
    """
    if len(twins) != seal.size or {len(t.answers) for t in twins} != {seal.k + 1} or root(twins, openings) != seal.root:
        raise VerifyError(
            f"these twins and openings are not what {seal.root} seals: an answer, its order, an account, a salt or "
            "which was released is another, or an exchange is missing"
        )


def control(twins: Sequence[Twins], openings: Sequence[Opening]) -> float:
    """The log e-value by which the released answers differ from their twins in what no suspect decides.

    Length, and how like the other k an answer is: both ways, mixed evenly. If the teacher has changed, caches, cuts
    its answers or was asked otherwise, this grows, and the null of ``ghosts.log_e`` is not ours to claim.

    Null: released and twins are exchangeable.  Guarantee: P(log_e >= ALARM) <= 1e-3.
    Not claimed: that twins which pass are twins.
    Source: ``ghosts.log_e``.  Deviates: nothing.
    """
    released = np.array([o.released for o in openings])
    tables = [np.array([score(t.answers) for t in twins]) for score in (_length, _alike)]
    values = [float(log_e(bets(sign * table, released).sum(axis=0))) for table in tables for sign in (1, -1)]
    return float(np.logaddexp.reduce(values) - np.log(len(values)))


def _length(answers: Sequence[str]) -> FloatArray:
    sizes: FloatArray = np.log([len(answer) + 1.0 for answer in answers])
    return sizes


def _alike(answers: Sequence[str]) -> FloatArray:
    """The mean share of words in common with the others."""
    sets = [set(words) for words in words_of(answers)]
    shares = np.array([[len(a & b) / max(len(a | b), 1) for b in sets] for a in sets])
    mean: FloatArray = SHARPNESS * (shares.sum(axis=1) - shares.diagonal()) / (len(answers) - 1)
    return mean
