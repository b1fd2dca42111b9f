"""THE one file in which e-values merge. Nothing else in Gauger adds, multiplies or compares them into one.

An e-value comes with its null and its kind (``gauger.model.Evidence`` has both). Kinds are never mixed;
different nulls are refused, except by ``either``, whose very claim is about several. Every rule is
order-free to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from gauger.errors import ConfigError
from gauger.stats.calibrators import mixture


class EValue(Protocol):
    """What merging needs to know of an e-value: E[exp(log_e)] <= 1 if ``null`` is true."""

    @property
    def null(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def log_e(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The result of a merge, which can be merged again."""

    null: str
    kind: str
    log_e: float


class Reason(Enum):
    """Why a product of e-values is an e-value. There is no third reason."""

    INDEPENDENTLY_RANDOMISED = "each null is true by randomness of our own, drawn afresh for each"
    CONDITIONAL_ON_PAST = "each is an e-value given all that the ones before it saw"


def mean(values: Sequence[EValue], weights: Sequence[float]) -> Merged:
    """The weighted mean. It needs no independence.

    Null: the one null that all share.
    Guarantee: E[e] <= 1 under any dependence, if the weights were fixed before the data.  Not claimed: a mean of
        running maxima, or of processes that watch different data streams and stop together (see ``lifted``).
    Source: Vovk & Wang 2021 (merging by arithmetic mean).  Deviates: nothing.
    """
    null, kind = _one_null(values), _one_kind(values)
    if len(weights) != len(values) or not all(w >= 0 for w in weights) or abs(math.fsum(weights) - 1) > 1e-12:
        raise ConfigError("mean of e-values: needs one weight for each, none negative, with a sum of 1")
    used = [(v.log_e, w) for v, w in zip(values, weights, strict=True) if w > 0 and v.log_e > -math.inf]
    if not used:
        return Merged(null=null, kind=kind, log_e=-math.inf)
    top = max(log_e for log_e, _ in used)
    # fsum rounds once, so that no order of the summands changes the result.
    total = math.fsum(w * math.exp(log_e - top) for log_e, w in used)
    return Merged(null=null, kind=kind, log_e=top + math.log(total))


def product(values: Sequence[EValue], reason: Reason) -> Merged:
    """The product, for one of two stated reasons.

    Null: the one null that all share.
    Guarantee: E[e] <= 1 if the reason is true.  Not claimed: the reason; the caller answers for it. ``calibrated``
        e-values are refused: they share a calibration set, so neither reason holds.
    Source: Vovk & Wang 2021 (independent and sequential e-values).  Deviates: nothing.
    """
    if not isinstance(reason, Reason):
        raise ConfigError("product of e-values: state a merging.Reason; without one use mean")
    null, kind = _one_null(values), _one_kind(values)
    if kind == "calibrated":
        raise ConfigError("product of e-values: calibrated ones share their calibration set; use mean")
    return Merged(null=null, kind=kind, log_e=math.fsum(v.log_e for v in values))


def either(values: Sequence[EValue]) -> Merged:
    """The minimum: evidence that ALL nulls are false. A claim with a way out is as strong as its weakest part.

    Null: at least one of the nulls is true (their union).
    Guarantee: E[e] <= 1 under any dependence.  Not claimed: which null would be true.
    Source: Berger 1982, "Multiparameter hypothesis testing and acceptance sampling" (intersection-union tests),
        with e for p: min(e) is at most the e-value of the true null.  Deviates: nothing.
    """
    kind = _one_kind(values)
    nulls = sorted({v.null for v in values})
    return Merged(null=" OR ".join(nulls), kind=kind, log_e=min(v.log_e for v in values))


def lifted(running_max: EValue) -> Merged:
    """Turn an e-process's running maximum into an e-value that stands in any richer filtration.

    Two processes that watch different things may not be merged at a time that both decide: lift each first, then
    take the ``mean``. Also the only honest way to quote a maximum. Costs about 2 log(log e).

    Null: that of the process.
    Guarantee: E[e] <= 1 at every stopping time of every finer filtration.  Not claimed: a product of lifted ones.
    Source: Choe & Ramdas 2024, arXiv 2402.09698 (adjust, then combine); adjusters: Shafer et al. 2011.  Deviates: the
        adjuster is the mixture calibrator at p = 1/max.
    """
    kind, null = _one_kind([running_max]), running_max.null
    return Merged(null=null, kind=kind, log_e=float(mixture(-max(0.0, running_max.log_e))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """Watches the weighted mean of several e-processes' current values and holds it where it first crosses.

    Never feed it running maxima: a mean of maxima is not an e-process, the mean of current values is.

    Null: the one null that all share; one filtration, in which each is an e-process.
    Guarantee: P(ever crossed) <= alpha, and ``merged`` is an e-value whenever it is read.
        Not claimed: anything for processes of different filtrations (``lifted`` first).
    Source: Ville 1939; Vovk & Wang 2021 (merging by arithmetic mean).  Deviates: nothing.
    """

    alpha: float
    weights: tuple[float, ...]
    merged: Merged | None = None
    crossed: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError(f"latch: alpha must lie strictly between 0 and 1, not {self.alpha}")

    def update(self, current: Sequence[EValue]) -> Latch:
        """The latch after one more look at the processes' current values; once crossed it stays as it is."""
        merged = mean(current, self.weights)
        if self.merged is not None:
            _one_null([self.merged, merged])
            _one_kind([self.merged, merged])
        if self.crossed:
            return self
        return replace(self, merged=merged, crossed=merged.log_e >= -math.log(self.alpha))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """E-values at times that were planned, each of the whole sample up to then: their mean, as far as it is known.

    For e-values that are valid at each planned time but no e-process between them. What is not looked at yet counts 0,
    so the sum only grows, and one may stop after any look.

    Null: the one null that all share.
    Guarantee: P(ever crossed) <= alpha, and ``merged`` is an e-value whenever it is read.
        Not claimed: anything if looks are added to the plan, or moved, after the data.
    Source: Vovk & Wang 2021 (merging by arithmetic mean); Markov's inequality for the mean of all.  Deviates: nothing.
    """

    alpha: float
    planned: int
    done: int = 0
    merged: Merged | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or self.planned < 1:
            raise ConfigError("looks: needs an alpha strictly between 0 and 1 and at least one planned look")

    @property
    def crossed(self) -> bool:
        return self.merged is not None and self.merged.log_e >= -math.log(self.alpha)

    def update(self, current: EValue) -> Looks:
        """One more look, at the e-value of all that is there by now."""
        if self.done == self.planned:
            raise ConfigError(f"looks: all {self.planned} that were planned are done")
        share = Merged(null=current.null, kind=_one_kind([current]), log_e=current.log_e - math.log(self.planned))
        merged = share if self.merged is None else _added(self.merged, share)
        return replace(self, done=self.done + 1, merged=merged)


def _added(first: Merged, second: Merged) -> Merged:
    null, kind = _one_null([first, second]), _one_kind([first, second])
    top = max(first.log_e, second.log_e)
    if top == -math.inf:
        return first
    return Merged(
        null=null, kind=kind, log_e=top + math.log(math.exp(first.log_e - top) + math.exp(second.log_e - top))
    )


def _one_null(values: Sequence[EValue]) -> str:
    nulls = {v.null for v in values}
    if len(nulls) > 1:
        raise ConfigError(f"e-values against {len(nulls)} different nulls do not merge: {sorted(nulls)!r}")
    return nulls.pop() if nulls else ""


def _one_kind(values: Sequence[EValue]) -> str:
    if not values:
        raise ConfigError("there is no e-value to merge")
    kinds = {v.kind for v in values}
    if len(kinds) > 1:
        raise ConfigError(f"e-values of different kinds do not merge: {sorted(kinds)!r}")
    if any(math.isnan(v.log_e) or v.log_e == math.inf for v in values):
        raise ConfigError("an e-value to merge must have a log_e below +inf that is a number")
    return kinds.pop()
