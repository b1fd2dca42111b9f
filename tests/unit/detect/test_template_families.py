"""Shared scaffolds: numbers by hand, and what the rest of the world holds as well."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.template_families import SIGNAL, group, scaffold_matrix, shared_rows, shared_scaffolds

T = 77  # tokens are hashes
MEMBERS = np.array([0, 1, 2])
OWN = [(T, 0, 50), (T, 1, 20), (T, 2, 10)]  # of 100 prompts each


def test_cover_of_a_scaffold_that_nobody_else_holds(traffic) -> None:
    scores = group(traffic(20, held={"prefix_12": OWN}), MEMBERS)
    assert scores == pytest.approx(
        {
            "template_cover": 0.2,  # the median member's share
            "template_use": np.log1p(20),
            "template_breadth": np.log1p(3),  # three holders, every member one of them
            "template_fresh": 1.0,  # every use another prompt
        }
    )


def test_the_more_strangers_hold_it_the_less_it_says(traffic) -> None:
    world = [(T, i, 7) for i in range(3, 12)]  # 12 holders, 3 of them members: the root of a quarter
    scores = group(traffic(20, held={"prefix_12": OWN + world}), MEMBERS)
    assert scores == pytest.approx(
        {
            "template_cover": 0.1,
            "template_use": np.log1p(10),
            "template_breadth": np.log1p(3) / 2,
            "template_fresh": 0.5,
        }
    )


def test_a_member_without_it_counts(traffic) -> None:
    scores = group(traffic(20, held={"prefix_12": OWN}), np.array([0, 1, 2, 3]))
    assert scores["template_cover"] == pytest.approx((0.1 + 0.2) / 2)
    assert scores["template_breadth"] == pytest.approx(np.log1p(3) * 3 / 4)


def test_the_layer_that_covers_most_is_told(traffic) -> None:
    suffix = [(9, i, 80) for i in range(3)]
    scores = group(traffic(20, held={"prefix_12": OWN, "suffix_6": suffix}), MEMBERS)
    assert scores["template_cover"] == pytest.approx(0.8)


def test_one_customer_and_its_contractor_are_no_strangers(traffic) -> None:
    orgs = ["x", "x", "y", *(f"o{i}" for i in range(17))]
    made = traffic(20, held={"prefix_12": OWN}, org=orgs)
    assert shared_rows(made, "prefix_12", MEMBERS).empty
    assert group(made, MEMBERS)["template_cover"] == 0


def test_without_prompts_it_says_so(traffic) -> None:
    made = traffic(20, prompts=0)
    assert SIGNAL.missing(made)
    assert np.isnan(list(group(made, MEMBERS).values())).all()


def test_what_may_link_accounts(traffic) -> None:
    held = [(2, i, 5) for i in range(2)] + [(3, i, 5) for i in range(3)]
    held += [(60, i, 5) for i in range(60)] + [(61, i, 5) for i in range(61)]
    rows = shared_scaffolds(traffic(300, held={"prefix_12": held, "family": [(3, 0, 5)]}))
    assert sorted(rows.groupby("token")["a"].size()) == [3, 60]
    assert set(rows["layer"]) == {"prefix_12"}


def test_rare_scaffolds_decide_what_is_alike(traffic) -> None:
    held = [(1, i, 9) for i in range(50)] + [(2, i, 9) for i in (0, 1, 2)]
    made = traffic(200, held={"prefix_12": held})
    cosine = (m := scaffold_matrix(made, shared_scaffolds(made))) @ m.T
    assert cosine.diagonal()[:50] == pytest.approx(1)
    assert cosine[0, 1] == pytest.approx(1)
    # log(200 / 50) and log(200 / 3), weighted alike by use
    assert cosine[0, 7] == pytest.approx(np.log(4) / np.hypot(np.log(4), np.log(200 / 3)))
    assert cosine[0, 120] == 0
