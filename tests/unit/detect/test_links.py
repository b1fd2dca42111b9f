"""Similarities by hand, their weights by a table, and which pairs are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gauger.detect.links import EDGES, LAYERS, candidate_pairs, similarities, weigh
from gauger.detect.template_families import scaffold_matrix, shared_scaffolds

A, B = np.array([0, 0, 0]), np.array([1, 2, 5])
NO_SCAFFOLDS = sparse.csr_matrix((10, 1))


def bins(similar: np.ndarray) -> list[int]:
    return np.searchsorted(EDGES, similar).tolist()


def test_the_rarest_shared_thing_counts(traffic) -> None:
    # of 10 accounts 2 hold "rare": log 5 = 1.61, the third bin; 5 hold "common": log 2 = 0.69, the first
    net = [("rare", 0, 1), ("rare", 1, 1), *(("common", i, 1) for i in range(5))]
    similar = similarities(traffic(10, held={"subnet_24": net}), NO_SCAFFOLDS, A, B)
    assert bins(similar["subnet_24"]) == [3, 1, 0]
    assert similar["subnet_24"][2] == 0


def test_what_everyone_holds_ties_nobody(traffic) -> None:
    agents = [("browser", i, 1) for i in range(10)]
    assert similarities(traffic(10, held={"user_agent": agents}), NO_SCAFFOLDS, A, B)["user_agent"].tolist() == [
        0,
        0,
        0,
    ]


def test_what_a_log_lacks_is_nan_and_adds_nothing(traffic) -> None:
    similar = similarities(traffic(10), NO_SCAFFOLDS, A, B)
    assert set(similar) == set(LAYERS)
    assert {name for name, s in similar.items() if np.isnan(s).all()} == set(LAYERS) - {"scaffold"}
    assert weigh(similar, dict.fromkeys(LAYERS, [0.0] + [9.0] * len(EDGES))).tolist() == [0, 0, 0]
    without = similarities(traffic(10, prompts=0), NO_SCAFFOLDS, A, B)
    assert np.isnan(without["scaffold"]).all()


def test_cards_and_direct_ties(traffic) -> None:
    cards = [None] * 10
    cards[0] = cards[2] = "card"
    rows = np.zeros((10, 2))
    rows[0], rows[2], rows[5] = (1, 0), (0.5, np.sqrt(0.75)), (1, 0)  # of unit length: cosines 0, 0.5 and 1
    made = traffic(10, payment_hash=cards, pairs={"conversation": [(0, 1, 2), (0, 5, 50)]})
    similar = similarities(made, sparse.csr_matrix(rows), A, B)
    assert bins(similar["payment"]) == [0, 3, 0]
    assert similar["conversation"].tolist() == [2, 0, 6.5]  # 6.5 is within the top bin
    assert similar["scaffold"].tolist() == [0, 3.5, 7]
    assert bins(similar["scaffold"]) == [0, 4, 7]


def test_weights_by_a_hand_table() -> None:
    ratios = {"x": [-1.0, 1, 2, 3, 4, 5, 6, 7], "y": [-0.5, 0, 0, 0, 0, 0, 0, 10]}
    similar = {"x": np.array([0, 0.5, 0.75, 7, np.nan]), "y": np.array([0, np.nan, 0, 6.5, np.nan])}
    assert weigh(similar, ratios).tolist() == [-1.5, 1, 0.5, 17, 0]


@pytest.mark.parametrize("layer", ["payment", "subnet_24", "conversation", "scaffold"])
def test_strangers_who_share_something_are_looked_at_and_colleagues_are_not(traffic, layer: str) -> None:
    orgs = ["x", "x", "y", *(f"o{i}" for i in range(97))]  # accounts 0 and 1 are of one org
    given = {
        "payment": {"payment_hash": ["card"] * 3 + [None] * 97},
        "subnet_24": {"held": {"subnet_24": [("net", i, 1) for i in range(3)]}},
        "conversation": {"pairs": {"conversation": [(0, 1, 3), (0, 2, 3), (1, 2, 3)]}},
        # account 3 makes it a scaffold of three orgs
        "scaffold": {"held": {"prefix_12": [(7, i, 5) for i in range(4)]}},
    }[layer]
    made = traffic(100, org=orgs, **given)
    a, b = candidate_pairs(made, scaffold_matrix(made, shared_scaffolds(made)))
    found = set(zip(a.tolist(), b.tolist(), strict=True))
    assert found == {(0, 2), (1, 2)} | ({(0, 3), (1, 3), (2, 3)} if layer == "scaffold" else set())
    assert len(found) == len(a)


def test_nobody_shares_anything(traffic) -> None:
    made = traffic(5)
    a, b = candidate_pairs(made, scaffold_matrix(made, shared_scaffolds(made)))
    assert len(a) == len(b) == 0
