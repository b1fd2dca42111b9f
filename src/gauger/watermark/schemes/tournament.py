"""Tournament sampling, as SynthID does it: layer after layer, of two candidates the one that the key's bit prefers."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

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
class Tournament:
    """Layers of fair bits, two candidates a match. A scored token counts how many of its ``layers`` bits are 1.

    Null: the text was made without the key, and each (window, token) is scored once; so the bits are fair and
        independent, and of n tokens' bits Binomial(n layers, 1/2) are 1. Fails as ``Gumbel`` does.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha. Averaged over keys, the
        token has just the probabilities p (two candidates a match: "non-distortionary").
    Not claimed: the best power: early layers carry more than late ones, and are not weighted here.
    Source: Dathathri et al. 2024 (Nature 634), algorithm 2 and the vectorised form for two candidates.  Deviates: the
        layers' bits are the low bits of one 64-bit value instead of a hash each; scores are not weighted by layer.
    """

    h: int = 4
    layers: int = 30

    def __post_init__(self) -> None:
        checked_width("tournament", self.h, least=1)
        if not 1 <= self.layers <= 64:
            raise ConfigError(f"tournament: a value has bits for 1 to 64 layers, not {self.layers}")

    @property
    def id(self) -> str:
        return "tournament"

    @property
    def repeats(self) -> bool:
        return False

    @property
    def process(self) -> Bernoulli:
        return Bernoulli(p0=0.5)

    def params(self) -> Mapping[str, float | int | str]:
        return {"scheme": self.id, "prf": VERSION, "h": self.h, "layers": self.layers}

    def tilt(self, keys: Words, states: Words, ids: Candidates, p: FloatArray) -> FloatArray:
        tilted = p.copy()
        _play(keys, states, ids, tilted, np.zeros(p.shape[1], np.uint64), self.layers)
        return tilted

    def observations(self, values: Words) -> FloatArray:
        bits = values[:, None] >> np.arange(self.layers, dtype=np.uint64) & np.uint64(1)
        return bits.astype(np.float64).ravel()

    def sums(self, values: Words) -> FloatArray:
        mask = np.uint64((1 << self.layers) - 1)
        ones = int(np.bitwise_count(values & mask).sum(dtype=np.int64))
        return np.array([ones, len(values) * self.layers - ones], dtype=np.float64)

    def log_p(self, sums: FloatArray) -> FloatArray:
        return binomial_log_upper(sums[..., 0], sums.sum(-1), 0.5)

    @property
    def spread(self) -> float:
        return float(np.sqrt(self.layers) / 2)

    def score(self, values: Words) -> FloatArray:
        """How many of a value's bits are 1."""
        ones: FloatArray = np.bitwise_count(values & np.uint64((1 << self.layers) - 1)).astype(np.float64)
        return ones

    def log_mgf(self, x: FloatArray) -> FloatArray:
        found: FloatArray = self.layers * (np.logaddexp(0.0, x) - np.log(2.0))
        return found


@compiled(fastmath={"reassoc"})
def _play(keys, states, ids, p, values, layers):  # type: ignore[no-untyped-def]
    """p *= 1 + g - E[g], layer by layer: the chance to win a match against a draw from p itself."""
    one = np.uint64(1)
    for row in range(len(p)):
        for j in range(p.shape[1]):
            if p[row, j] > 0:
                values[j] = value_of(keys[row, 0], keys[row, 1], states[row], ids[row, j])
        for _ in range(layers):  # no branches within, so that the compiler takes several candidates at a time
            mean = 0.0
            for j in range(p.shape[1]):
                mean += p[row, j] * np.float64(values[j] & one)
            lost = max(1.0 - mean, 0.0)  # rounding must not make a chance negative
            for j in range(p.shape[1]):
                p[row, j] *= lost + np.float64(values[j] & one)
                values[j] >>= one
