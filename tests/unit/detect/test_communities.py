"""Planted groups come back whole, apart, and the same in every run and order."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.communities import MIN_MEMBERS, communities


class Graph:
    """A graph made edge by edge."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.edges: dict[tuple[int, int], float] = {}
        self.hidden: dict[tuple[int, int], float] = {}  # pairs that are no candidates

    def tie(self, i: int, j: int, weight: float) -> None:
        self.edges[min(i, j), max(i, j)] = weight

    def clique(self, members: range, weight: float) -> None:
        for i in members:
            for j in members:
                if i < j:
                    self.tie(i, j, weight)

    def groups(self, order: np.ndarray | None = None) -> set[frozenset[int]]:
        """The communities, with account i called order[i] while they are sought."""
        order = np.arange(self.size) if order is None else order
        ends = np.sort(order[np.array(list(self.edges), dtype=np.int64).reshape(-1, 2)], axis=1)
        weight = np.array(list(self.edges.values()), dtype=float)
        shuffle = np.lexsort((ends[:, 1], ends[:, 0]))
        back = np.argsort(order)

        def weigh(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            known = zip(np.sort(np.stack([back[a], back[b]]), axis=0).T.tolist(), strict=True)
            return np.array([self.edges.get((i, j), self.hidden.get((i, j), 0.0)) for ((i, j),) in known])

        found = communities(ends[shuffle, 0], ends[shuffle, 1], weight[shuffle], self.size, weigh)
        assert all((np.diff(g) > 0).all() for g in found)
        return {frozenset(back[g].tolist()) for g in found}


@pytest.fixture
def planted() -> Graph:
    """Two cliques of eight and a weak bridge; nine accounts alone."""
    graph = Graph(25)
    graph.clique(range(8), 5.0)
    graph.clique(range(8, 16), 5.0)
    graph.tie(7, 8, 1.0)
    return graph


TWO = {frozenset(range(8)), frozenset(range(8, 16))}


def test_two_cliques_and_a_bridge(planted: Graph) -> None:
    assert planted.groups() == TWO


def test_every_run_and_every_order_of_accounts_gives_the_same(planted: Graph) -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        assert planted.groups() == TWO
        assert planted.groups(rng.permutation(25)) == TWO


def test_a_hub_cannot_melt_groups() -> None:
    graph = Graph(1 + 3 * 40)
    cliques = [range(1 + 40 * k, 41 + 40 * k) for k in range(3)]
    for members in cliques:
        graph.clique(members, 4.0)
    for i in range(1, graph.size):
        graph.tie(0, i, 3.5)  # nearly as strong as the groups themselves
    assert {g - {0} for g in graph.groups()} == {frozenset(c) for c in cliques}


def test_groups_that_share_a_weak_scaffold_stay_apart() -> None:
    graph = Graph(200)
    for i in range(200):
        for j in range(i):
            graph.tie(j, i, 6.0 if i // 50 == j // 50 else 1.0)
    assert graph.groups() == {frozenset(range(k, k + 50)) for k in range(0, 200, 50)}


def test_a_ring_does_not_melt_into_a_crowd_that_it_is_weakly_tied_to() -> None:
    rng = np.random.default_rng(4)
    graph = Graph(160)
    for i in range(160):  # people who share a little with many
        for j in rng.choice(160, 20).tolist():
            if i != j:
                graph.tie(i, j, 2.0)
    graph.clique(range(12), 15.0)
    assert frozenset(range(12)) in graph.groups()


def test_halves_that_know_only_their_own_side_are_put_together_again() -> None:
    """Each account has only so many candidate ties, so a large ring falls apart: the pairs across are weighed then."""
    graph = Graph(120)
    graph.clique(range(40), 5.0)
    graph.clique(range(40, 80), 5.0)
    graph.clique(range(80, 120), 5.0)
    graph.tie(0, 40, 5.0)
    graph.tie(1, 80, 5.0)
    graph.hidden = {(i, j): 4.5 for i in range(40) for j in range(40, 80)}
    assert graph.groups() == {frozenset(range(80)), frozenset(range(80, 120))}


def test_too_small_or_not_positive_is_no_group() -> None:
    graph = Graph(10)
    graph.clique(range(MIN_MEMBERS - 1), 9.0)
    graph.clique(range(4, 10), -1.0)
    assert graph.groups() == set()
    assert Graph(3).groups() == set()
    graph.clique(range(MIN_MEMBERS), 9.0)
    assert graph.groups() == {frozenset(range(MIN_MEMBERS))}
