"""Units matched by gates, against a plain search; the tail of signs, against all of them."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from gauger.lineage.weights import order, signs


def model(seed: int, units: int, width: int = 16) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).standard_normal((3, units, width)).astype(np.float32))


def matched(mine: list[np.ndarray], theirs: list[np.ndarray], chunk: int) -> signs.Matching:
    found = signs.Matching(*mine)
    for start in range(0, len(theirs[0]), chunk):
        found.add(*(part[start : start + chunk] for part in theirs))
    return found


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_chunks_find_what_a_plain_search_finds(chunk: int) -> None:
    mine, theirs = model(0, 30), model(1, 45)
    theirs[1][:20] = -mine[1][:20] + 0.1 * theirs[1][:20]
    theirs[0][:10] = mine[0][:10]
    gate, up, down = (order.cosines(a, b) for a, b in zip(mine, theirs, strict=True))
    best, best_up = gate.argmax(axis=1), np.abs(up).argmax(axis=1)
    found = matched(mine, theirs, chunk)
    at = np.arange(30)
    assert found.sign == pytest.approx(up[at, best] + down[at, best], abs=1e-5)
    assert found.agree.tolist() == (best == best_up).tolist()
    assert 10 <= found.agree.sum() < 25


def test_a_copy_in_another_order_is_found_and_signs_drawn_anew_are_not() -> None:
    mine, rng = model(2, 200), np.random.default_rng(3)
    other = rng.permutation(200)
    copy = [part[other] for part in mine]
    assert signs.log_p(matched(mine, copy, 64).sign) == pytest.approx(signs.floor(200), rel=1e-5)
    flips = rng.choice([-1, 1], 200).astype(np.float32)[:, None]
    anew = matched(mine, [copy[0], flips * copy[1], flips * copy[2]], 64)
    assert anew.agree.all()
    assert signs.log_p(anew.sign) > math.log(0.001)


@pytest.mark.parametrize("sizes", [[1.0] * 10, [2.0**-k for k in range(10)], [5.0, 1, 1, 1, 1, 1, 1, 0, 0, 0]])
def test_p_is_valid_over_all_signs(sizes: list[float]) -> None:
    p = sorted(math.exp(signs.log_p(np.array(s) * sizes)) for s in product((-1, 1), repeat=10))
    assert all(p[k] * 1024 >= k + 1 - 1e-9 for k in range(1024) if k + 1 == 1024 or p[k + 1] > p[k])
    assert p[0] == pytest.approx(math.exp(-(sum(sizes) ** 2) / (2 * sum(size**2 for size in sizes))))


def test_no_sign_at_all_says_nothing() -> None:
    assert signs.log_p(np.zeros(5)) == 0.0
    assert signs.log_p(-np.ones(5)) == 0.0


@pytest.mark.parametrize("part", [0, 1, 2])
def test_units_without_weights_are_like_nothing(part: int) -> None:
    mine = model(4, 40)
    copy = [rows.copy() for rows in mine]
    copy[part][:15] = 0
    assert not matched(copy, mine, 7).agree[:15].any()
    for a, b in ((mine, copy), (copy, mine)):
        assert matched(a, b, 7).agree[15:].all()
    found = matched(mine, [np.zeros_like(rows) for rows in mine], 7)
    assert not found.agree.any()
    assert signs.log_p(found.sign) == 0.0
