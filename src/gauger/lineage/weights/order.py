"""Rank tests by reordering: the units of a layer, or the channels of the residual stream, a block at a time.

A block's items are put in many other orders. All orders of all blocks are a subgroup of all orders, so the
ranks are exact, and independent from block to block. They need not be so from MLP to MLP: experts and layers may begin
as copies of one MLP, and then have one order between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gauger.lineage.weights.layout import Floats
from gauger.stats import FloatArray, IntArray, calibrators
from gauger.stats.tails import gamma_log_upper

BLOCK = 64
PERMUTATIONS = 999
"""Other orders of a block."""
_AT_ONCE = 32


def blocks(items: int) -> list[slice]:
    """As even as can be, of at most ``BLOCK``; none of fewer than two items."""
    edges = np.linspace(0, items, -(-items // BLOCK) + 1).astype(int) if items > 1 else np.array([0])
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def one_to_one(similarity: FloatArray, rng: np.random.Generator) -> float:
    """log p that item i of one model is like item i of the other: the sum of the diagonal. float64[b, b].

    Null: the rows stand in an order that is uniform given all that determines the columns, and given the rows
        without their order.
    Guarantee: P(p <= u) <= u.  Not claimed: less than 1 / (PERMUTATIONS + 1).
    Source: Zhu, Ahmed, Kuditipudi & Liang 2025, arXiv 2502.12292, algorithm 1.  Deviates: permutes blocks of units,
        where the source permutes a layer's; the sum of cosines in place of a correlation of matched indices.
    """
    orders = _orders(len(similarity), PERMUTATIONS, rng)
    sums = np.round(similarity[orders, np.arange(len(similarity))].sum(axis=1), 9)  # so that rounding breaks no tie
    return float(calibrators.permutation_log_p(sums[0], sums[1:]))


def in_pairs(first: FloatArray, second: FloatArray, rng: np.random.Generator) -> float:
    """log p that the pairs of items that are alike in one model are so in the other. Each float64[b, b], symmetric.

    Null: as ``one_to_one``, for the rows and columns of ``first`` together.
    Guarantee: P(p <= u) <= u.  Not claimed: less than 1 / (PERMUTATIONS + 1).
    Source: Mantel 1967 (matrix correlation by permutation); algorithm 1 of the above.  Deviates: centres both matrices.
    """
    a, b = _centred(first), _centred(second)
    orders = _orders(len(a), PERMUTATIONS, rng)
    n, flat = len(a), a.ravel()
    parts = np.array_split(orders, -(-len(orders) // _AT_ONCE))
    pairs = ((o[:, :, None] * n + o[:, None, :]).reshape(len(o), -1) for o in parts)
    sums = np.concatenate([flat.take(at) @ b.ravel() for at in pairs])
    sums = np.round(sums, 9)
    return float(calibrators.permutation_log_p(sums[0], sums[1:]))


def together(log_ps: Sequence[float]) -> float:
    """log p of the independent blocks of one MLP, or of the channels.

    Null: every block's p-value is valid, and they are independent.
    Guarantee: P(p <= u) <= u.  Not claimed: less than ``floor``.
    Source: Fisher 1932.  Deviates: nothing; ranks are no smaller than the uniform p-values that it is exact for.
    """
    return min(0.0, float(gamma_log_upper(-sum(log_ps), len(log_ps)))) if log_ps else 0.0


def floor(count: int) -> float:
    """log of the least p that so many blocks can give."""
    return together([-float(np.log(PERMUTATIONS + 1))] * count)


def least(log_ps: Sequence[float]) -> float:
    """log p of MLPs that may depend on one another in any way: the least p, times how many there are.

    Null: every MLP's p-value is valid; how many there are was fixed beforehand.
    Guarantee: P(p <= u) <= u.  Not claimed: uniformity; that MLPs which all show a little add up.
    Source: Bonferroni 1936.  Deviates: nothing.
    """
    return min(0.0, min(log_ps) + float(np.log(len(log_ps))))


def cosines(first: Floats, second: Floats) -> FloatArray:
    """float64[n, m] of rows; 0 where a row is."""
    return (directions(first) @ directions(second).T).astype(np.float64)


def directions(rows: Floats) -> Floats:
    """Rows of length 1; 0 where a row is."""
    top = np.abs(rows).max(axis=1, keepdims=True)
    scaled = rows / np.where(top > 0, top, 1)
    length = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    return np.asarray(scaled / np.where(length > 0, length, 1), dtype=np.float32)


def _orders(items: int, others: int, rng: np.random.Generator) -> IntArray:
    """The order as it is, then others; int64[others + 1, items]."""
    orders = np.tile(np.arange(items), (others + 1, 1))
    orders[1:] = rng.permuted(orders[1:], axis=1)
    return orders


def _centred(matrix: FloatArray) -> FloatArray:
    """The diagonal left out, then rows, columns and all with mean 0, and of unit size."""
    off = matrix - np.diag(np.diag(matrix))
    middle = off - off.mean(axis=0) - off.mean(axis=1)[:, None] + off.mean()
    size = float(np.sqrt((middle**2).sum()))
    return np.asarray(middle / (size or 1.0), dtype=np.float64)
