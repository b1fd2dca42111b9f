"""Communities of the multiplex graph: the candidate campaigns.

Modularity cannot see small parts of a big graph: a ring with strong ties melts into a crowd that it is weakly
tied to. So a tie counts only if it is strong by the standards of both ends. What is then cut too finely, because
each account has only so many candidate ties, is put together again where sampled ties across are as strong as inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkit as nk
import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 30
MIN_MEMBERS = 3
OWN = 5  # an account's standard is the mean of so many of its strongest ties
STANDARD = 0.35  # of which a tie must reach this share, at both ends
RESOLUTION = 0.5  # below 1: rather too large than cut in two
SAMPLE = 64
ALIKE = 0.6  # communities merge if ties across reach this share of those inside
SEED = 1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
WeighPairs = Callable[[Ints, Ints], Floats]
"""Weights in nats of any pairs (a, b)."""


def communities(a: Ints, b: Ints, weight: Floats, size: int, weigh: WeighPairs) -> list[Ints]:
    """Communities of the graph of positive pairs, each a sorted array of account indices, largest first.

    One thread and fixed seeds make the result repeatable.

    Args:
        a, b: the pairs, a < b, each once.
        weight: nats for one hand behind both; pairs at or below 0 are dropped.
        size: how many accounts there are.
        weigh: the same weights, for pairs that are not among these.

    Source: Traag, Waltman & van Eck 2019 (Leiden), in networkit.  Deviates: the two steps around it, see above.
    """
    keep = np.flatnonzero(weight > 0)
    keep = keep[_standing_out(a[keep], b[keep], weight[keep], size)]
    keep = keep[_rank(a[keep], b[keep], weight[keep]) < NEIGHBOURS]
    if not len(keep):
        return []
    label = _leiden(a[keep], b[keep], weight[keep], size)
    groups = [g for g in _groups(label) if len(g) >= MIN_MEMBERS]
    return sorted(_merged(groups, a, b, weigh, size) if groups else [], key=lambda g: (-len(g), int(g[0])))


def _standing_out(a: Ints, b: Ints, weight: Floats, size: int) -> NDArray[np.bool_]:
    """Pairs whose weight is a good part of what both ends are used to."""
    end = np.concatenate([a, b])
    top = _ranks(end, np.concatenate([b, a]), np.tile(weight, 2)) < OWN
    count = np.bincount(end[top], minlength=size)
    standard = np.bincount(end[top], np.tile(weight, 2)[top], minlength=size) / np.maximum(count, 1)
    return np.asarray(weight >= STANDARD * np.maximum(standard[a], standard[b]))


def _leiden(a: Ints, b: Ints, weight: Floats, size: int) -> Ints:
    graph = nk.graph.Graph(size, weighted=True)
    for i, j, w in zip(a.tolist(), b.tolist(), weight.tolist(), strict=True):
        graph.addEdge(i, j, w)
    nk.setNumberOfThreads(1)
    nk.setSeed(SEED, False)
    leiden = nk.community.ParallelLeiden(graph, iterations=5, randomize=False, gamma=RESOLUTION)
    leiden.run()
    return np.asarray(leiden.getPartition().getVector(), dtype=np.int64)


def _groups(label: Ints) -> list[Ints]:
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _merged(groups: list[Ints], a: Ints, b: Ints, weigh: WeighPairs, size: int) -> list[Ints]:
    """Merge the most alike pair of communities again and again, by mean weights of sampled pairs."""
    label = np.full(size, -1)
    for k, group in enumerate(groups):
        label[group] = k
    low, high = np.minimum(label[a], label[b]), np.maximum(label[a], label[b])
    touching = np.unique(np.stack([low, high])[:, (low >= 0) & (low < high)], axis=1)
    inside = np.tile(np.arange(len(groups)), (2, 1))
    mean = np.full((len(groups), len(groups)), -np.inf)
    blocks = np.concatenate([touching, inside], axis=1)
    mean[blocks[0], blocks[1]] = mean[blocks[1], blocks[0]] = sampled_ties(groups, blocks, weigh)
    n = np.array([len(g) for g in groups], dtype=float)
    members = list(groups)
    while len(groups) > 1:
        own = np.maximum(mean.diagonal()[:, None], mean.diagonal()[None, :])
        alike = np.where((mean > 0) & ~np.eye(len(groups), dtype=bool), mean / np.maximum(own, 1e-9), -np.inf)
        i, j = sorted(divmod(int(alike.argmax()), len(groups)))
        if alike[i, j] < ALIKE:
            break
        share = n[i] / (n[i] + n[j])
        within = share**2 * mean[i, i] + (1 - share) ** 2 * mean[j, j] + 2 * share * (1 - share) * mean[i, j]
        # Where two do not touch, the weight across is not known; what is known speaks for both.
        row = np.where(
            np.isinf(mean[i]), mean[j], np.where(np.isinf(mean[j]), mean[i], share * mean[i] + (1 - share) * mean[j])
        )
        mean[i], mean[:, i], mean[i, i] = row, row, within
        mean[j], mean[:, j] = -np.inf, -np.inf
        members[i], members[j], n[i] = np.concatenate([members[i], members[j]]), members[j][:0], n[i] + n[j]
    return [np.sort(g) for g in members if len(g)]


def sampled_ties(groups: Sequence[Ints], blocks: Ints, weigh: WeighPairs) -> Floats:
    """Mean weight of random pairs between (or within) groups of accounts.

    Args:
        blocks: which groups, shape (2, k): indices of the one and of the other.

    Returns:
        nats, shape (k,).
    """
    rng = np.random.default_rng(SEED)
    left = np.stack([rng.choice(groups[i], SAMPLE) for i in blocks[0]])
    right = np.stack([rng.choice(groups[j], SAMPLE) for j in blocks[1]])
    apart = left != right
    weight = np.zeros(left.shape)
    weight[apart] = weigh(np.minimum(left, right)[apart], np.maximum(left, right)[apart])
    return np.asarray(weight.sum(axis=1) / np.maximum(apart.sum(axis=1), 1))


def _rank(a: Ints, b: Ints, weight: Floats) -> Ints:
    """Each pair's rank among the ties of the end where it ranks better; ties go by a mix of both ends."""
    ranks = _ranks(np.concatenate([a, b]), np.concatenate([b, a]), np.tile(weight, 2))
    return np.minimum(ranks[: len(a)], ranks[len(a) :])


def _ranks(end: Ints, other: Ints, weight: Floats) -> Ints:
    """Rank of each half-tie among those of its end, 0 the strongest."""
    order = np.lexsort(((other * 2654435761 + end * 97) % 1000003, -np.round(weight, 6), end))
    sorted_end = end[order]
    starts = np.flatnonzero(np.r_[True, sorted_end[1:] != sorted_end[:-1]]) if len(order) else np.array([], np.int64)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return rank
