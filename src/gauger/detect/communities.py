"""Communities of the multiplex graph: the candidate campaigns."""

from __future__ import annotations

import networkit as nk
import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 30
MIN_MEMBERS = 3


def communities(
    a: NDArray[np.int64], b: NDArray[np.int64], weight: NDArray[np.float64], size: int
) -> list[NDArray[np.int64]]:
    """Leiden communities of the graph of positive pairs, each a sorted array of account indices.

    Only an account's strongest ``NEIGHBOURS`` ties count: in a dense graph every campaign that shares
    one scaffold with another would melt into it, because modularity cannot see small parts of a big one.
    One thread and a fixed seed make the result repeatable.

    Args:
        a, b: the pairs, a < b, each once.
        weight: nats for one hand behind both; pairs at or below 0 are dropped.
        size: how many accounts there are.

    Source: Traag, Waltman & van Eck 2019, in networkit.  Deviates: nothing.
    """
    keep = np.flatnonzero(weight > 0)
    keep = keep[_strongest(a[keep], b[keep], weight[keep])]
    if not len(keep):
        return []
    graph = nk.graph.Graph(size, weighted=True)
    for i in keep:
        graph.addEdge(int(a[i]), int(b[i]), float(weight[i]))
    nk.setNumberOfThreads(1)
    nk.setSeed(1, False)
    leiden = nk.community.ParallelLeiden(graph, iterations=5, randomize=False)
    leiden.run()
    label = np.asarray(leiden.getPartition().getVector(), dtype=np.int64)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((np.sort(g) for g in groups if len(g) >= MIN_MEMBERS), key=lambda g: (-len(g), int(g[0])))


def _strongest(a: NDArray[np.int64], b: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs that are among the strongest ``NEIGHBOURS`` of either end."""
    pair = np.tile(np.arange(len(a)), 2)
    end = np.concatenate([a, b])
    other = np.concatenate([b, a])
    order = np.lexsort(((other * 2654435761 + end * 97) % 1000003, -np.round(weight[pair], 6), end))
    sorted_end = end[order]
    starts = np.flatnonzero(np.r_[True, sorted_end[1:] != sorted_end[:-1]]) if len(order) else np.array([], np.int64)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    chosen = np.zeros(len(a), dtype=bool)
    chosen[pair[order[rank < NEIGHBOURS]]] = True
    return chosen
