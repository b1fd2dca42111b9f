"""Gumbel-max: among the candidates choose argmax log(u) / p. The default: it changes no distribution."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gauger.compiled import compiled
from gauger.stats import FloatArray
from gauger.stats.betting import Exponential
from gauger.stats.tails import gamma_log_upper
from gauger.watermark.prf import VERSION, Words, uniform, value_of
from gauger.watermark.schemes import Candidates, checked_width


@dataclass(frozen=True, slots=True, kw_only=True)
class Gumbel:
    """Aaronson's scheme. A scored token counts -log(1 - u), u being its value's uniform.

    Null: the text was made without the key, and each (window, token) is scored once; so each score is Exp(1) and their
        sum Gamma(n, 1). Fails if n-grams repeat, if the text was chosen by its score, or if the key leaked.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha. Averaged over keys, the
        chosen token has just the probabilities p, and so has a response whose windows are each used once.
    Not claimed: that one prompt, asked twice under one key, is answered twice; or a mark where p is nearly certain.
    Source: Aaronson 2022 (talk on AI safety); Kirchenbauer et al. 2023 for windows.  Deviates: nothing; u lies on a
        grid of 2^52 points, which moves a score's mean by less than 1e-14.
    """

    h: int = 4

    def __post_init__(self) -> None:
        checked_width("gumbel", self.h, least=1)

    @property
    def id(self) -> str:
        return "gumbel"

    @property
    def repeats(self) -> bool:
        return False

    @property
    def process(self) -> Exponential:
        return Exponential()

    def params(self) -> Mapping[str, float | int | str]:
        return {"scheme": self.id, "prf": VERSION, "h": self.h}

    def tilt(self, keys: Words, states: Words, ids: Candidates, p: FloatArray) -> FloatArray:
        chosen = np.zeros_like(p)
        _choose(keys, states, ids, p, chosen)
        return chosen

    def observations(self, values: Words) -> FloatArray:
        scores: FloatArray = -np.log(uniform(~values))  # 1 - u is the uniform of the complement, without rounding
        return scores

    def sums(self, values: Words) -> FloatArray:
        return np.array([len(values), self.observations(values).sum()])

    def log_p(self, sums: FloatArray) -> FloatArray:
        n, total = sums[..., 0], sums[..., 1]
        return np.where(n > 0, gamma_log_upper(total, np.maximum(n, 1)), 0.0)

    @property
    def spread(self) -> float:
        return 1.0

    def score(self, values: Words) -> FloatArray:
        return self.observations(values)

    def log_mgf(self, x: FloatArray) -> FloatArray:
        return -np.log1p(-np.minimum(x, 1.0), where=x < 1, out=np.full(np.shape(x), -np.inf))


@compiled
def _choose(keys, states, ids, p, chosen):  # type: ignore[no-untyped-def]
    """Put all of a row's probability on one candidate."""
    for row in range(len(p)):
        best, winner = np.inf, -1
        for j in range(p.shape[1]):
            if p[row, j] > 0:
                value = value_of(keys[row, 0], keys[row, 1], states[row], ids[row, j])
                wait = -np.log(uniform(value)) / p[row, j]
                if winner < 0 or wait < best:
                    best, winner = wait, j
        if winner >= 0:
            chosen[row, winner] = 1.0
