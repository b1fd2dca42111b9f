"""A code for accounts that pool what they harvest: which of them are in a mixture of marks?

A key for each account says little of an account whose answers are a small share of what a student was fed. Here
accounts share the keys instead. Every answer belongs to one of ``length`` positions (by its prompt, say), each position
has two keys, and which of the two marks an account's answers is the account's bit there. Colluders choose, position by
position, whose answer they keep; they cannot write a bit that none of them has, nor know which positions tell.

    code = Tardos(length=2000)
    bits = code.bits(key, accounts)  # which of a position's keys marks whose answers
    seen = symbols(log_p)  # from each position's two tests
    found = accuse(code, key, accounts, seen, subject="suspect-7")
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from gauger.compiled import compiled
from gauger.errors import ConfigError, InputError
from gauger.model import Evidence, digest
from gauger.stats import BoolArray, FloatArray
from gauger.watermark.keys import Key
from gauger.watermark.prf import VERSION, Words, key_words, uniform, value, value_of

COALITIONS = (2, 4, 8, 16, 32)
"""Sizes of a coalition that an account's e-value bets on, evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tardos:
    """A binary fingerprinting code of any number of accounts.

    Attributes:
        length: positions; some 100 c^2 name most of c colluders among 10,000 accounts (see the benchmarks).
        cutoff: biases lie between this and 1 - this.
    """

    length: int
    cutoff: float = 1e-3

    def __post_init__(self) -> None:
        if not (1 <= self.length <= 1 << 20 and 0 < self.cutoff < 0.5):
            raise ConfigError("Tardos code: needs a length from 1 to 2^20 and a cutoff strictly between 0 and 1/2")

    def biases(self, key: Key) -> FloatArray:
        """How likely a bit is 1 at each position, float64[length]: secret, of the arcsine law."""
        at = uniform(value(key_words([key.secret])[0], _states([""])[0], np.arange(self.length)))
        edge = math.asin(math.sqrt(self.cutoff))
        return np.asarray(np.sin(edge + at * (math.pi / 2 - 2 * edge)) ** 2)

    def bits(self, key: Key, accounts: Sequence[str]) -> NDArray[np.uint8]:
        """The accounts' code words, uint8[accounts, length].

        Raises:
            ConfigError: an account without a name, which is the biases' own.
        """
        bits = np.empty((len(accounts), self.length), np.uint8)
        _bits(key_words([key.secret])[0], _states(_named(accounts)), self._thresholds(key), bits)
        return bits

    def log_e(self, key: Key, accounts: Sequence[str], seen: ArrayLike) -> FloatArray:
        """The e-value against each account, float64[accounts]. ``seen`` as in ``accuse``.

        Null: the account is innocent: what was seen does not depend on its bits, which are independent and 1 with the
            positions' biases, by our own draw.
        Guarantee: E[exp(log_e)] <= 1, whatever the colluders' strategy.  Not claimed: power, if they are many or
            positions few; or validity if one stops by looking at log_e, as what a position shows may change.
        Source: Tardos 2008; Laarhoven 2014 (likelihood ratios under interleaving).  Deviates: the ratios of several
            sizes of a coalition are mixed evenly, and serve as e-values instead of a score with a threshold.
        """
        shares = _shares(seen, self.length)
        found = np.empty((len(accounts), len(COALITIONS)))
        tables = np.log(_ratios(self.biases(key), shares))
        _sums(key_words([key.secret])[0], _states(_named(accounts)), self._thresholds(key), tables, found)
        return np.asarray(logsumexp(found, axis=-1) - math.log(len(COALITIONS)))

    def _thresholds(self, key: Key) -> Words:
        return np.array([int(p * 2**64) for p in self.biases(key).tolist()], np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accusation:
    """log_e: of each account. mask: who is accused. accused: their evidence, the strongest first."""

    log_e: FloatArray
    mask: BoolArray
    accused: tuple[Evidence, ...]


def symbols(log_p: ArrayLike, *, alpha: float = 1e-2) -> FloatArray:
    """What each position shows: 0, 1, 1/2 for both, NaN for neither.

    Args:
        log_p: of the tests by each position's two keys, float[length, 2].
        alpha: below which a mark counts as seen. Errors cost power only.
    """
    below = np.asarray(log_p, np.float64) <= math.log(alpha)
    if below.ndim != 2 or below.shape[1] != 2:
        raise InputError(f"Tardos code: needs two tests a position, not an array of shape {below.shape}")
    return np.where(below.any(-1), (below[:, 1] + 1.0 - below[:, 0]) / 2, np.nan)


def accuse(
    code: Tardos, key: Key, accounts: Sequence[str], seen: ArrayLike, *, subject: str, alpha: float = 1e-6
) -> Accusation:
    """Name accounts of which the code words are in a mixture.

    Args:
        seen: the share of symbol 1 at each position, float[length] in [0, 1]; NaN where nothing was seen.

    Null: of each account, that it is innocent (see ``Tardos.log_e``).
    Guarantee: P(any innocent account is accused) <= alpha, whatever the colluders' strategy (Markov's inequality and
        the union bound).  Not claimed: that all colluders are named.
    Source: Tardos 2008; Laarhoven 2014.  Deviates: by e-values, so that no assumption on the coalition's size enters
        the error; a positive answer needs a somewhat longer code.

    Raises:
        ConfigError: no accounts, one twice, or alpha outside (0, 1). InputError: seen that does not fit the code.
    """
    if not accounts or len(set(accounts)) < len(accounts) or not 0 < alpha < 1:
        raise ConfigError("Tardos code: needs accounts, none of them twice, and alpha strictly between 0 and 1")
    log_e, shares = code.log_e(key, accounts, seen), _shares(seen, code.length)
    mask = log_e >= math.log(len(accounts) / alpha)
    shown = int(np.isfinite(shares).sum())
    accused = [
        Evidence(
            subject=subject,
            null=f"what was seen does not depend on the bits of {accounts[k]} under key {key.id}",
            kind="exact",
            method="watermark-tardos",
            params={"prf": VERSION, "length": code.length, "cutoff": code.cutoff, "accounts": len(accounts)},
            log_e=float(log_e[k]),
            n=shown,
            anytime=False,
            inputs=(key.id, digest(b"gauger-tardos-v1" + shares.astype("<f8").tobytes())),
            why=f"{shown:,} of {code.length:,} positions show a symbol",
        )
        for k in np.argsort(-log_e, kind="stable")
        if mask[k]
    ]
    return Accusation(log_e=log_e, mask=mask, accused=tuple(accused))


def _named(accounts: Sequence[str]) -> Sequence[str]:
    if not all(accounts):
        raise ConfigError("Tardos code: an account needs a name")
    return accounts


def _states(names: Sequence[str]) -> Words:
    """A word for each name; the empty one is the biases'."""
    prefixes = [hashlib.sha256(b"gauger-tardos-v1" + name.encode()).digest()[:8] for name in names]
    return np.frombuffer(b"".join(prefixes), "<u8").astype(np.uint64)


def _shares(seen: ArrayLike, length: int) -> FloatArray:
    shares = np.asarray(seen, np.float64)
    if shares.shape != (length,) or not np.all(np.isnan(shares) | ((shares >= 0) & (shares <= 1))):
        raise InputError(f"Tardos code: seen must hold {length} shares from 0 to 1, or NaN where nothing was seen")
    return shares


def _ratios(biases: FloatArray, shares: FloatArray) -> FloatArray:
    """How much likelier each bit is in one of c colluders who draw whose answer they keep: float64[length, c, 2].

    If symbol 1 was kept, a colluder's bit 1 had (1/c + (1 - 1/c) p) / p times its innocent chance, bit 0 had 1 - 1/c;
    and the other way round for symbol 0. Weighted by the bits' chances each pair has mean 1, as have their mixtures.
    """
    kept, p = 1 - 1 / np.array(COALITIONS), biases[:, None]
    same_1, same_0 = (1 - kept + kept * p) / p, (1 - kept + kept * (1 - p)) / (1 - p)
    other = np.broadcast_to(kept, same_1.shape)
    one, zero = np.stack([other, same_1], axis=-1), np.stack([same_0, other], axis=-1)
    w = shares[:, None, None]
    return np.where(np.isnan(w), 1.0, w * one + (1 - w) * zero)


@compiled
def _bits(key, states, thresholds, bits):  # type: ignore[no-untyped-def]
    for a in range(len(states)):
        for i in range(len(thresholds)):
            bits[a, i] = value_of(key[0], key[1], states[a], i) < thresholds[i]


@compiled
def _sums(key, states, thresholds, tables, found):  # type: ignore[no-untyped-def]
    """Sum the logarithms of each account's ratios, without ever holding all bits."""
    found[:] = 0.0
    for a in range(len(states)):
        for i in range(len(thresholds)):
            bit = 1 if value_of(key[0], key[1], states[a], i) < thresholds[i] else 0
            for c in range(found.shape[1]):
                found[a, c] += tables[i, c, bit]
