"""The green list: a keyed share of all tokens becomes likelier. It distorts, and is what a student learns best."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gauger.compiled import compiled
from gauger.errors import ConfigError
from gauger.stats import FloatArray
from gauger.stats.betting import Bernoulli
from gauger.stats.tails import binomial_log_upper
from gauger.watermark.prf import VERSION, Words, value_of
from gauger.watermark.schemes import Candidates, checked_width


@dataclass(frozen=True, slots=True, kw_only=True)
class Greenlist:
    """A token is green if its value is below gamma 2^64; the odds of green candidates are multiplied by exp(delta).

    Null: the text was made without the key, and each (window, token) is scored once; so each is green with probability
        gamma, independently, and Binomial(n, gamma) of them are. Fails as ``Gumbel`` does.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha, for any delta and entropy_nats.
    Not claimed: an unchanged distribution: text is biased wherever the candidates' entropy exceeds the bound.
    Source: Kirchenbauer et al. 2023, algorithm 2; Zhao et al. 2023 for h = 0.  Deviates: the list is no permutation of
        the vocabulary but a threshold on each token's own value. Its size is then Binomial(vocabulary, gamma) instead
        of fixed. What is scored, whether *this* token is green, has probability gamma in both, but only here
        independently of a window's other tokens, and at a cost that does not grow with the vocabulary. The bias
        comes after top-p and top-k, so it never admits a token that they had dropped.

    Attributes:
        h: width of the window; 0 gives one list for all text, the easiest for a student to learn, and for a thief. Each
            distinct token then counts once, so a corpus that holds the whole vocabulary says nothing.
        gamma: share of green tokens.
        delta: what is added to a green token's logit.
        entropy_nats: rows whose candidates' entropy is at most this are left alone.
    """

    h: int = 1
    gamma: float = 0.25
    delta: float = 1.0
    entropy_nats: float = 0.0

    def __post_init__(self) -> None:
        checked_width("greenlist", self.h, least=0)
        if not 2.0**-32 <= self.gamma <= 1 - 2.0**-32:
            raise ConfigError(f"greenlist: gamma must lie strictly between 0 and 1, not {self.gamma}")
        if not 0 <= self.delta <= 50:
            raise ConfigError(f"greenlist: delta must lie between 0 and 50, not {self.delta}")
        if not 0 <= self.entropy_nats < math.inf:
            raise ConfigError(f"greenlist: entropy_nats must be a number of at least 0, not {self.entropy_nats}")

    @property
    def id(self) -> str:
        return "greenlist"

    @property
    def repeats(self) -> bool:
        return True

    @property
    def process(self) -> Bernoulli:
        return Bernoulli(p0=self.gamma)

    def params(self) -> Mapping[str, float | int | str]:
        """Without delta and the bound on entropy: they shape the marking, and no number hangs on them."""
        return {"scheme": self.id, "prf": VERSION, "h": self.h, "gamma": self.gamma}

    def tilt(self, keys: Words, states: Words, ids: Candidates, p: FloatArray) -> FloatArray:
        tilted = p.copy()
        _lift(keys, states, ids, tilted, self._threshold(), np.exp(self.delta), self.entropy_nats)
        return tilted

    def observations(self, values: Words) -> FloatArray:
        return (values < self._threshold()).astype(np.float64)

    def sums(self, values: Words) -> FloatArray:
        green = int(np.count_nonzero(values < self._threshold()))
        return np.array([green, len(values) - green], dtype=np.float64)

    def log_p(self, sums: FloatArray) -> FloatArray:
        return binomial_log_upper(sums[..., 0], sums.sum(-1), self.gamma)

    @property
    def spread(self) -> float:
        return math.sqrt(self.gamma * (1 - self.gamma))

    def score(self, values: Words) -> FloatArray:
        return self.observations(values)

    def log_mgf(self, x: FloatArray) -> FloatArray:
        return np.log1p(self.gamma * np.expm1(x))

    def _threshold(self) -> np.uint64:
        return np.uint64(int(self.gamma * 2**64))


@compiled
def _lift(keys, states, ids, p, threshold, factor, entropy_nats):  # type: ignore[no-untyped-def]
    for row in range(len(p)):
        entropy = 0.0
        for j in range(p.shape[1]):
            if p[row, j] > 0:
                entropy -= p[row, j] * np.log(p[row, j])
        if entropy <= entropy_nats:
            continue
        total = 0.0
        for j in range(p.shape[1]):
            if p[row, j] > 0:
                if value_of(keys[row, 0], keys[row, 1], states[row], ids[row, j]) < threshold:
                    p[row, j] *= factor
                total += p[row, j]
        for j in range(p.shape[1]):
            p[row, j] /= total
