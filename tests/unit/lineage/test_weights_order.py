"""Ranks by reordering, against all orders and against what must and must not change them."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import gamma

from gauger.lineage.weights import order

LEAST = -math.log(order.PERMUTATIONS + 1)


def rows(seed: int, n: int = 40, width: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


def pairs(a: np.ndarray, b: np.ndarray) -> float:
    return order.in_pairs(order.cosines(a, a), order.cosines(b, b), np.random.default_rng(1))


@pytest.mark.parametrize("items", [0, 1, 2, order.BLOCK - 1, order.BLOCK, order.BLOCK + 1, 1000])
def test_blocks_are_all_items_once(items: int) -> None:
    found = order.blocks(items)
    at = [k for block in found for k in range(block.start, block.stop)]
    assert at == (list(range(items)) if items > 1 else [])
    assert all(2 <= block.stop - block.start <= order.BLOCK for block in found)


def test_a_likeness_in_place_has_the_least_p_and_out_of_place_none() -> None:
    mine = rows(0)
    near = mine + 2 * rows(1)
    rng = np.random.default_rng(2)
    assert order.one_to_one(order.cosines(mine, near), rng) == pytest.approx(LEAST)
    assert order.one_to_one(order.cosines(mine, np.roll(near, 1, axis=0)), rng) > math.log(0.05)


def test_the_rank_is_that_among_all_orders() -> None:
    similarity = np.random.default_rng(3).standard_normal((5, 5))
    every = np.array([sum(similarity[p[j], j] for j in range(5)) for p in permutations(range(5))])
    exact = float((every >= np.trace(similarity) - 1e-9).mean())
    found = [math.exp(order.one_to_one(similarity, np.random.default_rng(k))) for k in range(40)]
    assert np.mean(found) == pytest.approx(exact, abs=4 * 0.5 / math.sqrt(40 * order.PERMUTATIONS) + 0.001)


def test_items_that_are_all_alike_say_nothing() -> None:
    rng = np.random.default_rng(4)
    assert order.one_to_one(np.full((30, 30), 0.1), rng) == 0.0
    assert order.in_pairs(np.full((30, 30), 0.1), np.full((30, 30), 0.3), rng) == 0.0


def test_pairs_do_not_mind_a_rotation_and_mind_the_order() -> None:
    mine = rows(5)
    turn = np.linalg.qr(rows(6, 24))[0].astype(np.float32)
    theirs = (mine + 0.3 * rows(7)) @ turn
    assert pairs(mine, theirs) == pytest.approx(LEAST)
    assert pairs(mine, theirs[np.random.default_rng(8).permutation(40)]) > math.log(0.05)
    assert pairs(mine, 100 * theirs[:, :-1]) == pytest.approx(LEAST)


def test_independent_blocks_are_put_together_as_fisher_says() -> None:
    assert order.together([math.log(0.3)]) == pytest.approx(math.log(0.3))
    assert order.together([0.0, 0.0]) == 0.0
    logs = [math.log(p) for p in (0.01, 0.4, 0.7)]
    assert order.together(logs) == pytest.approx(gamma.logsf(-sum(logs), 3))
    assert order.floor(2) == pytest.approx(order.together([LEAST, LEAST]))
    assert order.together([]) == order.floor(0) == 0.0


def test_the_least_of_many_is_valid_however_they_depend() -> None:
    logs = [math.log(p) for p in (0.01, 0.4, 0.7)]
    assert order.least(logs) == pytest.approx(math.log(0.03))
    assert order.least([math.log(0.6)] * 2) == 0.0


def test_rows_of_any_size_have_a_direction() -> None:
    huge = np.array([[3e14, 4e14], [3e-30, 4e-30], [0, 0]], dtype=np.float32)
    assert order.directions(huge) == pytest.approx(np.array([[0.6, 0.8], [0.6, 0.8], [0, 0]]), abs=1e-6)
