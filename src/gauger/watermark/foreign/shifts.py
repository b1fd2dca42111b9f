"""The tail of a total over random shifts of a table: what a text reaches that was written against the table itself."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gauger.stats import FloatArray, IntArray

_ROUNDING = 1e-12  # of the convolution, whose terms add up to 1
_STEEPEST = 64.0  # exp(-64) of a step is nothing beside the rounding


def totals(places: IntArray, coins: NDArray[np.uint8]) -> IntArray:
    """How many of the coins at ``places`` + k are 1, for each shift k around the table: int64[len(coins)]."""
    at = np.bincount(places, minlength=len(coins))
    spectrum = np.conj(np.fft.rfft(at)) * np.fft.rfft(coins)
    return np.rint(np.fft.irfft(spectrum, len(coins))).astype(np.int64)


def log_tail(counts: IntArray, draws: int, total: float) -> float:
    """log P(S >= total), S a sum of so many picks from ``counts``, each uniform and independent.

    The picks are tilted until S is about ``total`` on average, so that the convolution sees the tail well, and the tilt
    is taken out again. What that rounds is added, so that the tail is never too small.
    """
    least = int(counts.min())
    share = np.bincount(counts - least) / len(counts)
    steps, excess = np.arange(len(share)), total - least * draws
    low, high = 0.0, _STEEPEST
    for _ in range(30):  # any slope is right, and one nearby sees as well
        middle = (low + high) / 2
        low, high = (middle, high) if draws * float(steps @ _tilted(share, middle)[0]) < excess else (low, middle)
    tilted, log_mass = _tilted(share, low)
    sums = _convolved(tilted, draws)
    above = np.arange(len(sums)) - excess
    tail = math.fsum(sums[above >= 0] * np.exp(-low * above[above >= 0])) + _ROUNDING
    return min(0.0, draws * log_mass - low * excess + math.log(tail))


def _tilted(share: FloatArray, slope: float) -> tuple[FloatArray, float]:
    """Shares times exp(slope * step), made to add up to 1 again, and the logarithm of what they added up to."""
    with np.errstate(divide="ignore"):
        logs = np.log(share) + slope * np.arange(len(share))
    top = float(logs.max())
    mass = np.exp(logs - top)
    return mass / mass.sum(), top + math.log(mass.sum())


def _convolved(share: FloatArray, draws: int) -> FloatArray:
    n = draws * (len(share) - 1) + 1
    size = 1 << (n - 1).bit_length()
    return np.maximum(np.fft.irfft(np.fft.rfft(share, size) ** draws, size)[:n], 0.0) if size > 1 else np.ones(1)
