"""Four e-processes: Bernoulli, bounded mean, paired differences, ranks. The wealth of a gambler who bets on data.

Each reads the same way: a configuration, ``initial()``, ``update(state, xs)``, ``log_e(state)``.

    test = Bernoulli(p0=0.25)
    state = test.initial()
    state = test.update(state, [1, 0, 1])      # one observation or many: the same number to the last bit
    test.log_e(state)                          # natural log; may be read, and acted upon, at any time

States are immutable. Time is the last axis of ``xs``; axes before it are independent streams, which are
carried side by side. Bets are mixtures fixed before the data, never tuned to them, so a state is a sum
over observations and the order of arrival within it does not matter (but for rounding).

Each ``log_e`` is that of a nonnegative supermartingale that starts at 1 under its null, so by Ville's
inequality P(ever log_e >= log(1/alpha)) <= alpha, whenever one looks and however one stops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import gammaln, logsumexp, xlogy

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, FloatArray
from gauger.stats.tails import beta_log_lower, beta_log_upper, gamma_log_lower

Side = Literal["greater", "less", "two-sided"]

STRENGTHS = (2.0, 20.0, 200.0, 2000.0)
"""Prior pseudo-counts around the null, mixed evenly: from gross to subtle effects, at a cost of log 4 at most."""

FRACTIONS = tuple(0.9 * 2.0 ** (-2 * i / 3) for i in range(16))
"""Shares of the largest admissible bet, mixed evenly: 0.9 down to 0.0009."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a process remembers. n: observations per stream; sums: shape (..., width), read-only."""

    n: int
    sums: FloatArray

    def __post_init__(self) -> None:
        self.sums.setflags(write=False)


class Process(ABC):
    """An e-process whose state is a sum over observations."""

    __slots__ = ()

    @abstractmethod
    def steps(self, xs: ArrayLike) -> FloatArray:
        """What each observation adds to the state's sums: shape (..., n, width).

        Raises:
            InputError: an observation that the null does not allow.
        """

    @abstractmethod
    def log_e(self, state: State) -> FloatArray:
        """The natural-log e-value now, one per stream: shape (...)."""

    def initial(self) -> State:
        """Nothing seen: an e-value of 1."""
        return State(0, np.zeros(self.steps([]).shape[-1]))

    def update(self, state: State, xs: ArrayLike) -> State:
        """The state after the further observations ``xs``: a scalar, or an array of shape (..., n)."""
        sums = self._accumulate(state, xs)
        return State(state.n + sums.shape[-2] - 1, sums[..., -1, :].copy())

    def path(self, state: State, xs: ArrayLike) -> FloatArray:
        """``log_e`` after each of the further observations: shape (..., n)."""
        sums = self._accumulate(state, xs)
        return self.log_e(State(state.n, sums[..., 1:, :]))

    def _accumulate(self, state: State, xs: ArrayLike) -> FloatArray:
        steps = self.steps(xs)
        streams = np.broadcast_shapes(state.sums.shape[:-1], steps.shape[:-2])
        start = np.broadcast_to(state.sums[..., None, :], (*streams, 1, steps.shape[-1]))
        steps = np.broadcast_to(steps, (*streams, *steps.shape[-2:]))
        # accumulate() adds strictly in order, so that batches and single observations agree bit for bit.
        return np.add.accumulate(np.concatenate([start, steps], axis=-2), axis=-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bernoulli(Process):
    """Is a stream of zeros and ones richer in ones than p0 allows?

    Null: given the past, each is 1 with probability at most p0 (``greater``), at least p0 (``less``),
        exactly p0 (``two-sided``). Fails if trials repeat one another.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha.  Not claimed: that p0 is the right null.
    Source: Robbins 1970 (mixture martingales); Waudby-Smith & Ramdas 2024.  Deviates: the prior is an even
        mixture of Beta(s p0, s (1 - p0)) over strengths s, cut to the side tested and renormalised; any prior
        fixed beforehand is valid, and on that side each likelihood ratio is a supermartingale under all of the null.
    """

    p0: float
    side: Side = "greater"
    strengths: tuple[float, ...] = STRENGTHS

    def __post_init__(self) -> None:
        _check(0 < self.p0 < 1, f"Bernoulli: p0 must lie strictly between 0 and 1, not {self.p0}")
        _check_side(self.side)
        _check_positive("Bernoulli: strengths", self.strengths)

    def steps(self, xs: ArrayLike) -> FloatArray:
        ones = _observations(xs)
        if not np.all((ones == 0) | (ones == 1)):
            raise InputError("a Bernoulli observation must be 0 or 1")
        return np.stack([ones, 1 - ones], axis=-1)

    def log_e(self, state: State) -> FloatArray:
        null = np.array([self.p0, 1 - self.p0])
        parts = _log_dirichlet(state.sums, null, self.strengths)
        if self.side != "two-sided":
            tail = beta_log_upper if self.side == "greater" else beta_log_lower
            prior = np.multiply.outer(self.strengths, null)
            after = prior + state.sums[..., None, :]
            parts = parts + tail(self.p0, after[..., 0], after[..., 1]) - tail(self.p0, prior[:, 0], prior[:, 1])
        return _log_average(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential(Process):
    """Are waiting times longer than a clock of rate 1 allows?

    Null: given the past, each is Exp(1), or stochastically smaller (P(x > t) <= exp(-t) for every t).
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha.  Not claimed: the best power where the times, though longer, are
        of another shape than exponential.
    Source: Robbins 1970 (mixture martingales).  Deviates: the prior on the rate is an even mixture of
        Gamma(s, s), of mean 1, over strengths s, cut to rates below 1 and renormalised; there each likelihood ratio
        r exp((1 - r) x) grows with x, so it is a supermartingale under all of the null.
    """

    strengths: tuple[float, ...] = STRENGTHS

    def __post_init__(self) -> None:
        _check_positive("Exponential: strengths", self.strengths)

    def steps(self, xs: ArrayLike) -> FloatArray:
        times = _observations(xs)
        if not np.all((times >= 0) & (times < np.inf)):
            raise InputError("a waiting time must be a number of at least 0")
        return np.stack([np.ones_like(times), times], axis=-1)

    def log_e(self, state: State) -> FloatArray:
        prior = np.asarray(self.strengths)
        n, total = state.sums[..., 0, None], state.sums[..., 1, None]
        shape, rate = prior + n, prior + total
        gained = gammaln(shape) - gammaln(prior) + prior * np.log(prior) - shape * np.log(rate) + total
        return _log_average(gained + gamma_log_lower(rate, shape) - gamma_log_lower(prior, prior))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedMean(Process):
    """Do values in [0, 1] lie above m on average?

    Null: given the past, the mean of each is at most m (``greater``), at least m (``less``), exactly m
        (``two-sided``); nothing else is assumed of their distribution, which may change with time.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha.  Not claimed: the best power; where values are zeros and
        ones ``Bernoulli`` is stronger.
    Source: Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting".
        Deviates: an even mixture over fixed bets instead of a bet tuned to the past (aGRAPA); each bet's
        wealth is a test supermartingale, and so is their mean.
    """

    m: float
    side: Side = "greater"
    fractions: tuple[float, ...] = FRACTIONS

    def __post_init__(self) -> None:
        _check(0 < self.m < 1, f"BoundedMean: m must lie strictly between 0 and 1, not {self.m}")
        _check_side(self.side)
        _check_positive("BoundedMean: fractions", self.fractions)
        _check(max(self.fractions) < 1, "BoundedMean: fractions must be below 1, or one bad draw ends the bet")

    def steps(self, xs: ArrayLike) -> FloatArray:
        values = _observations(xs)
        if not np.all((values >= 0) & (values <= 1)):
            raise InputError("a bounded observation must lie in [0, 1]: rescale by bounds known beforehand")
        up, down = np.divide(self.fractions, self.m), -np.divide(self.fractions, 1 - self.m)
        bets = {"greater": up, "less": down, "two-sided": np.concatenate([up, down])}[self.side]
        return np.log1p((values - self.m)[..., None] * bets)

    def log_e(self, state: State) -> FloatArray:
        return _log_average(state.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired(Process):
    """Do the released ones of pairs outscore their controls? Observations are differences, released - control.

    Null: given the past and both scores, which of the two was released was a fair coin's choice (our own), so the
        difference's sign is symmetric. Fails if the choice leaked or depended on the pair.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha, for any ``scale`` fixed beforehand.  Not claimed: that a
        positive mean difference is found if its signs are balanced. Ties bet nothing.
    Source: Waudby-Smith & Ramdas 2024 for the bet; the sign test (Fisher 1935) for the symmetry.  Deviates:
        differences are clipped at ``scale`` (0: signs only) and bet on as a bounded mean of 1/2.
    """

    scale: float = 0.0
    fractions: tuple[float, ...] = FRACTIONS

    def __post_init__(self) -> None:
        _check(0 <= self.scale < np.inf, f"Paired: scale must be 0 (signs) or a positive number, not {self.scale}")
        BoundedMean(m=0.5, fractions=self.fractions)  # checks the fractions

    def steps(self, xs: ArrayLike) -> FloatArray:
        differences = _observations(xs)
        if np.isnan(differences).any():
            raise InputError("a paired difference is not a number")
        bounded = np.clip(differences / self.scale, -1, 1) if self.scale else np.sign(differences)
        return BoundedMean(m=0.5, fractions=self.fractions).steps((1 + bounded) / 2)

    def log_e(self, state: State) -> FloatArray:
        return _log_average(state.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks(Process):
    """Is the rank of the one among ``others`` + 1 uneven? Observations are ranks 0 .. others.

    Null: given the past, the one is exchangeable with the others, so its rank is uniform. Break ties at random:
        ties broken always one way bias the rank.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha.  Not claimed: a direction: any unevenness counts. For
        "ranks high", use ``BoundedMean(m=0.5)`` on rank / others.
    Source: Krichevsky & Trofimov 1981 (mixture over histograms); Vovk, Nouretdinov & Gammerman 2003 (betting on
        ranks).  Deviates: ranks are binned, with a Dirichlet prior around the null at several strengths.
    """

    others: int
    bins: int = 8
    strengths: tuple[float, ...] = STRENGTHS

    def __post_init__(self) -> None:
        _check(self.others >= 1 and self.bins >= 2, "Ranks: needs at least one other and two bins")
        _check_positive("Ranks: strengths", self.strengths)

    def _bin(self, ranks: FloatArray) -> FloatArray:
        return ranks * min(self.bins, self.others + 1) // (self.others + 1)

    def steps(self, xs: ArrayLike) -> FloatArray:
        ranks = _observations(xs)
        if not np.all((ranks >= 0) & (ranks <= self.others) & (ranks == np.floor(ranks))):
            raise InputError(f"a rank among {self.others} others must be a whole number from 0 to {self.others}")
        cells = np.arange(min(self.bins, self.others + 1))
        return np.asarray(self._bin(ranks)[..., None] == cells, dtype=np.float64)

    def log_e(self, state: State) -> FloatArray:
        null = np.bincount(self._bin(np.arange(self.others + 1.0)).astype(np.int64)) / (self.others + 1)
        return _log_average(_log_dirichlet(state.sums, null, self.strengths))


def _log_dirichlet(counts: FloatArray, null: FloatArray, strengths: tuple[float, ...]) -> FloatArray:
    """log marginal likelihood of ``counts`` (..., cells) under Dirichlet(s null) over that under ``null``: (..., s)."""
    prior = np.multiply.outer(strengths, null)
    gained = (gammaln(prior + counts[..., None, :]) - gammaln(prior)).sum(-1)
    total = gammaln(prior.sum(-1) + counts.sum(-1)[..., None]) - gammaln(prior.sum(-1))
    return np.asarray(gained - total - xlogy(counts, null).sum(-1)[..., None])


def _log_average(parts: FloatArray) -> FloatArray:
    return np.asarray(logsumexp(parts, axis=-1) - np.log(parts.shape[-1]))


def _observations(xs: ArrayLike) -> FloatArray:
    return np.atleast_1d(np.asarray(xs, dtype=np.float64))


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)


def _check_side(side: str) -> None:
    _check(side in ("greater", "less", "two-sided"), f"unknown side {side!r}: use greater, less or two-sided")


def _check_positive(name: str, values: tuple[float, ...]) -> None:
    _check(len(values) > 0 and all(0 < v < np.inf for v in values), f"{name} must be positive numbers, at least one")
