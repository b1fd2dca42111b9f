"""Units matched by their gates, then judged by their signs. It does not mind if the suspect's units were reordered."""

from __future__ import annotations

import numpy as np

from gauger.lineage.weights.layout import Floats
from gauger.lineage.weights.order import directions
from gauger.stats import BoolArray, FloatArray


class Matching:
    """For some units of the candidate, the suspect's unit with the likest gate, found a chunk at a time.

    A unit without weights in any part is like nothing, in either model.

    Attributes:
        gate: cosine of the gates so far, float64[units].
        sign: of the matched pair, cosine of up and cosine of down together: what a flip of the unit's sign would flip.
        agree: whether the likest unit by up, whatever its sign, is the likest by gate.
    """

    def __init__(self, gate: Floats, up: Floats, down: Floats) -> None:
        self._gate, self._up, self._down = directions(gate), directions(up), directions(down)
        self.gate, self.sign = np.full(len(gate), -np.inf), np.zeros(len(gate))
        self._up_best, self.agree = np.full(len(gate), -np.inf), np.zeros(len(gate), dtype=np.bool_)

        self._live = _live(gate, up, down)

    def add(self, gate: Floats, up: Floats, down: Floats) -> None:
        """The next of the suspect's units, float32[units, width] each."""
        live = self._live[:, None] & _live(gate, up, down)
        gate, up, down = directions(gate), directions(up), directions(down)
        by_gate = np.where(live, self._gate @ gate.T, -np.inf)
        by_up = np.where(live, np.abs(self._up @ up.T), -np.inf)
        best, best_up = by_gate.argmax(axis=1), by_up.argmax(axis=1)
        mine = np.arange(len(best))
        better, better_up = by_gate[mine, best] > self.gate, by_up[mine, best_up] > self._up_best
        self.agree &= ~(better | better_up)
        self.agree |= better & better_up & (best == best_up)
        self.gate = np.where(better, by_gate[mine, best], self.gate)
        self._up_best = np.where(better_up, by_up[mine, best_up], self._up_best)
        both = (self._up * up[best]).sum(axis=1) + (self._down * down[best]).sum(axis=1)
        self.sign = np.where(better, both, self.sign)


def _live(*parts: Floats) -> BoolArray:
    """The units that have weights in all parts, bool[units]."""
    return np.asarray(np.all([part.any(axis=1) for part in parts], axis=0))


def log_p(signs: FloatArray) -> float:
    """log p that units' signs agree: exp(-t^2 / (2 sum of squares)) for a sum t > 0, else 1.

    Null: each unit's sign is + or - with chance 1/2, independent of all others, given the candidate without its signs
        and all of the suspect.
    Guarantee: P(p <= u) <= u, whatever the matching, for it does not see the candidate's signs.
        Not claimed: uniformity; less than exp(-units / 2).
    Source: Hoeffding 1963, theorem 2, for a weighted sum of signs.  Deviates: nothing. That a unit's sign is chance is
        not in Zhu et al. 2025, whose test by matched units has no exact p-value.
    """
    total, squares = float(signs.sum()), float((signs**2).sum())
    return -(total**2) / (2 * squares) if total > 0 else 0.0


def floor(units: int) -> float:
    """log of the least p that so many units can give."""
    return -units / 2
