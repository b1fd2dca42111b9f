"""Candidates, their test, and who is flagged, on hand-made traffic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gauger.detect.calibration import Calibration, Null, Weights
from gauger.detect.campaigns import (
    MAX_SOLOS,
    authorised,
    candidate_groups,
    find,
    solo_candidates,
    weigh_ties,
)
from gauger.detect.links import EDGES, LAYERS
from gauger.detect.verdicts import Candidate, account_table, joined, marked
from gauger.stats import calibrators

SIZE = 200
RING = np.arange(12)  # accounts with one card


def benign(feature: str, size: list[int], value: float = 0.0) -> Null:
    """Benign candidates from logs without side tables, all with about one value of one feature."""
    n = len(size)
    rows = value + np.random.default_rng(1).normal(0, 0.01, (n, 1))
    return Null(features=(feature,), rows=rows, size=np.array(size), sides=np.zeros(n, bool), prompts=np.ones(n, bool))


def calibration(null: int = 400) -> Calibration:
    """A card in common is 6 nats; nothing else counts. Benign groups never share one."""
    weights = Weights(features=("shared_payment",), center=(0.0,), scale=(0.1,), weight=(1.0,), intercept=-2.0)
    return Calibration(
        ratios={k: [0.0] + [6.0 if k == "payment" else 0.0] * len(EDGES) for k in LAYERS},
        groups=weights,
        groups_unread=weights,
        solos=replace(weights, features=("elicit_share",)),
        null_groups=benign("shared_payment", [4] * (null // 2) + [40] * (null - null // 2)),
        null_solos=benign("elicit_share", [1] * null),
        digest="sha256:0",
    )


def ring(traffic, **columns):
    """200 accounts of which twelve share a card."""
    return traffic(SIZE, payment_hash=["card" if i in RING else None for i in range(SIZE)], **columns)


def candidate(members: np.ndarray, *, member_p: float = 0.001, p: float = 0.001) -> Candidate:
    return Candidate(
        members=members,
        scores={},
        log_odds=2.0,
        affinity=np.linspace(1, 2, len(members)),
        member_p=np.full(len(members), member_p),
        p=p,
        n_null=999,
        flagged=np.zeros(len(members), dtype=bool),
        parts=(members,),
    )


def test_a_ring_is_found_tested_and_flagged(traffic) -> None:
    made = ring(traffic)
    groups, solos, ties = find(made, calibration(), fdr=0.05)
    assert [g.members.tolist() for g in groups] == [RING.tolist()]
    assert (solos, groups[0].rejected) == ([], True)
    assert groups[0].p == 1 / 201  # of the 200 benign groups of its size
    assert groups[0].scores["shared_payment"] == 1
    assert (ties.weight == 4.5).all()  # 6 nats less the prior of 1.5
    table = account_table(made, groups, solos)
    assert np.flatnonzero(table["flagged"]).tolist() == RING.tolist()


def test_one_benign_look_alike_is_enough_to_acquit(traffic) -> None:
    guilty = replace(calibration(), null_groups=benign("shared_payment", [40] * 400, 1.0))
    groups, _, _ = find(ring(traffic), guilty, fdr=0.05)
    assert (groups[0].p, groups[0].rejected) == (1, False)
    table = account_table(ring(traffic), groups, [])
    assert table["flagged"].sum() == 0
    assert table["score"].to_numpy()[RING].min() > table["score"].to_numpy()[12:].max()  # it still ranks


def test_too_few_benign_groups_can_reject_nothing(traffic) -> None:
    groups, _, _ = find(ring(traffic), calibration(null=30), fdr=0.05)  # 15 of its size: p is 1 / 16 at least
    assert not groups[0].rejected


@pytest.mark.parametrize("use", ["synthetic-data", "yes", "1"])
def test_authorised_orgs_are_left_out(traffic, use: str) -> None:
    made = ring(traffic, authorised_use=[use if i < 6 else None for i in range(SIZE)])
    assert np.flatnonzero(authorised(made)).tolist() == list(range(6))
    ties = weigh_ties(made, calibration().ratios)
    assert min(ties.a.min(), ties.b.min()) == 6
    groups, solos, _ = find(made, calibration(), fdr=0.05)
    assert groups[0].members.tolist() == list(range(6, 12))
    assert account_table(made, groups, solos)["flagged"].to_numpy()[:6].sum() == 0


@pytest.mark.parametrize("use", [None, "", "0", "false", "No", "NONE"])
def test_no_use_is_no_authorisation(traffic, use: str | None) -> None:
    assert not authorised(traffic(3, authorised_use=use)).any()


def test_a_loose_end_is_cut(traffic) -> None:
    pairs = [(0, 50, 5)]  # account 50 is tied to one of twelve
    strong = calibration()
    strong = replace(strong, ratios={**strong.ratios, "conversation": [0.0] + [5.0] * len(EDGES)})
    made = ring(traffic, pairs={"conversation": pairs})
    ((members, affinity, member_p),) = candidate_groups(made, weigh_ties(made, strong.ratios))
    assert members.tolist() == RING.tolist()
    assert affinity.tolist() == pytest.approx([4.5] * 12)
    assert member_p.tolist() == pytest.approx([1 / (SIZE - 12 + 1)] * 12)


def test_flagged_needs_a_rejected_candidate(traffic) -> None:
    made = traffic(SIZE)
    groups = marked([candidate(np.arange(10)), candidate(np.arange(10, 20), p=0.9)], 0.05)
    table = account_table(made, groups, [])
    assert np.flatnonzero(table["flagged"]).tolist() == list(range(10))
    assert table["candidate"].tolist() == [0] * 10 + [1] * 10 + [-1] * (SIZE - 20)
    assert (table["score"][20:] < table["score"][:20].min()).all()
    assert table["log10_e"][0] == pytest.approx(float(calibrators.mixture(np.log(0.001))) / np.log(10))


@pytest.mark.parametrize(
    ("member_p", "rejected", "expected"),
    [(0.0125, 1, 10), (0.0126, 1, 0), (0.0126, 2, 20), (0.05, 4, 40), (0.051, 4, 0)],
)
def test_within_a_group_the_level_pays_for_the_choice_of_groups(member_p: float, rejected: int, expected: int) -> None:
    """Of four groups one is rejected: its ten members pass together at 0.05 / 4, and not at more."""
    groups = [candidate(np.arange(10) + 10 * k, member_p=member_p, p=0.001 if k < rejected else 0.9) for k in range(4)]
    found = marked(groups, 0.05)
    assert sum(g.rejected for g in found) == rejected
    assert sum(g.flagged.sum() for g in found) == expected


def test_rejected_groups_of_one_hand_are_one_campaign(traffic) -> None:
    """A and B are tied, C is tied to neither, and D, tied to all, was not rejected."""
    groups = [candidate(np.arange(5) + 5 * k, p=p) for k, p in enumerate((0.001, 0.004, 0.002, 0.9))]
    hand = np.array([0, 0, 1, 0]).repeat(5)

    def weigh(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(hand[a] == hand[b], 3.5, 3.0)

    found = joined(marked(groups, 0.05), traffic(SIZE), calibration(), weigh)
    rejected = {tuple(g.members.tolist()): g.p for g in found if g.rejected}
    assert rejected == {tuple(range(10)): 0.004, tuple(range(10, 15)): 0.002}
    assert [g.members.tolist() for g in found if not g.rejected] == [list(range(15, 20))]
    whole = next(g for g in found if len(g.members) == 10)
    assert whole.flagged.all()
    assert [p.tolist() for p in whole.parts] == [list(range(5)), list(range(5, 10))]
    assert whole.among == 4
    assert whole.affinity.tolist() == [*np.linspace(1, 2, 5), *np.linspace(1, 2, 5)]
    assert account_table(traffic(SIZE), found, [])["flagged"].sum() == 15


def test_who_is_judged_alone(traffic) -> None:
    elicits = np.zeros(SIZE, dtype=int)
    elicits[[3, 4, 5, 6]] = 40, 9, 40, 40
    made = traffic(
        SIZE,
        elicit_reasoning=elicits,
        logprobs=np.where(np.arange(SIZE) == 9, 10, 0),
        prompts=np.where(np.arange(SIZE) == 5, 29, 100),
        authorised_use=["yes" if i == 6 else None for i in range(SIZE)],
    )
    taken = np.zeros(SIZE, dtype=bool)
    assert solo_candidates(made, taken).tolist() == [3, 9]
    taken[3] = True
    assert solo_candidates(made, taken).tolist() == [9]
    assert len(solo_candidates(traffic(MAX_SOLOS + 9, logprobs=99), np.zeros(MAX_SOLOS + 9, dtype=bool))) == MAX_SOLOS


def test_a_solo_is_held_against_benign_accounts(traffic) -> None:
    loud = np.where(np.arange(SIZE) == 7, 90, 0)
    made = traffic(SIZE, elicit_grading=loud)
    groups, solos, _ = find(made, calibration(), fdr=0.05)
    assert groups == []
    assert [(s.members.tolist(), s.p, s.rejected) for s in solos] == [([7], 1 / 401, True)]
    assert np.flatnonzero(account_table(made, groups, solos)["flagged"]).tolist() == [7]
