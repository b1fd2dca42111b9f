"""Pairs of accounts and how strongly each pair's ties speak for one hand behind both.

For each layer two accounts have a similarity: how surprising the rarest thing is that they share,
``log(accounts / holders)``, or for scaffolds that times the cosine of their use. The weight of a pair
is the sum over layers of log likelihood ratios, looked up by binned similarity: how often pairs of one
campaign are that similar over how often two unrelated benign accounts are. The table of ratios is
learned (`detect.calibration`), not set by hand. (Fellegi & Sunter 1969; independent layers assumed,
which is why the sum is a Score and the test of a campaign does not use it.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from gauger.detect.infrastructure import payment_layer, signup_layer
from gauger.detect.traffic import Traffic

EDGES = np.array([0.0, 0.75, 1.5, 2.5, 3.5, 4.5, 6.0])
"""Similarity s falls into bin ``searchsorted(EDGES, s)``: bin 0 is nothing shared (s <= 0)."""
LAYERS = (
    "scaffold",
    "payment",
    "subnet_24",
    "subnet_16",
    "user_agent",
    "params",
    "signup",
    "conversation",
    "reasoning",
)
CANDIDATES_PER_ACCOUNT = 60
MAX_HOLDERS = 400  # of a token that proposes pairs by itself
BLOCK = 1024

Ratios = Mapping[str, list[float]]
"""Layer -> log likelihood ratio for each bin."""


def candidate_pairs(traffic: Traffic, scaffolds: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs a < b worth weighing, of different orgs, in order.

    An account proposes its nearest ``CANDIDATES_PER_ACCOUNT`` by scaffolds (``template_families.scaffold_matrix``),
    and those it shares a card, a network or a conversation with.
    """
    org = traffic.org_codes()
    tied = [_sharing(layers(traffic)[layer]) for layer in ("payment", "subnet_24")] + list(traffic.pairs.values())
    keys = [rows["a"].to_numpy(dtype=np.int64) * traffic.size + rows["b"].to_numpy(dtype=np.int64) for rows in tied]
    keys.append(_nearest(scaffolds))
    a, b = np.divmod(np.unique(np.concatenate(keys)), max(traffic.size, 1))
    apart = org[a] != org[b]
    return a[apart], b[apart]


def layers(traffic: Traffic) -> dict[str, pd.DataFrame]:
    """Rows (token, a, ...) of the layers in which two accounts may hold the same thing."""
    held = {name: traffic.held[name] for name in ("subnet_24", "subnet_16", "user_agent", "params")}
    return held | {"payment": payment_layer(traffic), "signup": signup_layer(traffic)}


def similarities(
    traffic: Traffic, scaffolds: sparse.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Similarity of each pair in each layer, arrays of the pairs' length; NaN where a layer is absent."""
    # Seven is the top bin: a cosine of 1 is as surprising as a scaffold can be.
    found = {"scaffold": 7.0 * _cosines(scaffolds, a, b) if traffic.has_prompts else np.full(len(a), np.nan)}
    for name, rows in layers(traffic).items():
        found[name] = _rarest_shared(rows, traffic.size, a, b)
    for name in ("conversation", "reasoning"):
        found[name] = _tied(traffic.pairs.get(name), traffic.size, a, b)
    return found


def weigh(similar: Mapping[str, NDArray[np.float64]], ratios: Ratios) -> NDArray[np.float64]:
    """Sum of log likelihood ratios over layers, in nats, one a pair; an absent layer adds nothing."""
    total = np.zeros(len(next(iter(similar.values()))))
    for name, s in similar.items():
        table = np.asarray(ratios[name])
        total += np.where(np.isnan(s), 0.0, table[np.searchsorted(EDGES, np.nan_to_num(s))])
    return total


def _cosines(scaffolds: sparse.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.zeros(len(a))
    for i in range(0, len(a), 1 << 18):
        cut = slice(i, i + (1 << 18))
        found[cut] = np.asarray(scaffolds[a[cut]].multiply(scaffolds[b[cut]]).sum(axis=1)).ravel()
    return found


def _nearest(scaffolds: sparse.csr_matrix) -> NDArray[np.int64]:
    """Keys a * size + b of each account's nearest, a < b."""
    size = scaffolds.shape[0]
    keys = [np.zeros(0, dtype=np.int64)]
    for begin in range(0, size, BLOCK):
        block = (scaffolds[begin : begin + BLOCK] @ scaffolds.T).tocoo()
        row, col = _top(block.row.astype(np.int64) + begin, block.col.astype(np.int64), block.data)
        keys.append(np.minimum(row, col) * size + np.maximum(row, col))
    return np.concatenate(keys)


def _top(
    row: NDArray[np.int64], col: NDArray[np.int64], cosine: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best few of each row. Ties go by a mix of both indices, so none is a hub."""
    keep = (row != col) & (cosine > 0.1)
    row, col, cosine = row[keep], col[keep], np.round(cosine[keep], 6)
    tie = (row * 2654435761 ^ col * 40503) % 1000003
    order = np.lexsort((tie, -cosine, row))
    row, col = row[order], col[order]
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]) if len(row) else np.array([], dtype=np.int64)
    rank = np.arange(len(row)) - np.repeat(starts, np.diff(np.r_[starts, len(row)]))
    best = rank < CANDIDATES_PER_ACCOUNT
    return row[best], col[best]


def _sharing(rows: pd.DataFrame) -> pd.DataFrame:
    holders = rows.groupby("token")["a"].transform("size")
    rows = rows[(holders > 1) & (holders <= MAX_HOLDERS)][["token", "a"]]
    pairs = rows.merge(rows.rename(columns={"a": "b"}), on="token")
    return pairs.loc[pairs["a"] < pairs["b"], ["a", "b"]].drop_duplicates()


def _rarest_shared(rows: pd.DataFrame, size: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Surprise of the rarest token that both of each pair hold; 0 for none; NaN if nobody holds any."""
    if rows.empty:
        return np.full(len(a), np.nan)
    codes, _ = pd.factorize(rows["token"], sort=True)
    holders = np.bincount(codes)
    surprise = np.log(size / holders)
    # Rare tokens first, so that the first level at which a pair meets is its rarest.
    best = np.zeros(len(a))
    held = sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows["a"], codes)), shape=(size, len(holders)))
    for low, high in zip(EDGES, [*EDGES[1:], np.inf], strict=True):
        level = (surprise > low) & (surprise <= high) & (holders > 1)
        if not level.any():
            continue
        part = held[:, level]
        for i in range(0, len(a), 1 << 18):
            cut = slice(i, i + (1 << 18))
            meets = np.asarray(part[a[cut]].multiply(part[b[cut]]).sum(axis=1)).ravel() > 0
            best[cut][meets] = max(low, 0) + 1e-6
    return best


def _tied(pairs: pd.DataFrame | None, size: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    if pairs is None:
        return np.full(len(a), np.nan)
    key = pairs["a"].to_numpy(dtype=np.int64) * size + pairs["b"].to_numpy(dtype=np.int64)
    n = pd.Series(pairs["n"].to_numpy(dtype=float), index=key).reindex(np.minimum(a, b) * size + np.maximum(a, b))
    return np.asarray(np.minimum(n.fillna(0).to_numpy(dtype=np.float64), 6.5))
