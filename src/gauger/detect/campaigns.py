"""From accounts to campaigns: candidates, the test of each as a whole, and the accounts of those that fail it.

1. Ties between accounts of different orgs are weighed (`detect.links`) and clustered
   (`detect.communities`). Loosely tied members are cut. Accounts that elicit much are candidates alone.
2. Each candidate is described by every signal and weighed into log odds, a Score.
3. The Score is ranked among those of benign groups that the same steps made of honest traffic: a
   conformal p-value. Benjamini-Hochberg over the groups, and over the solos, controls the false discovery rate.
4. A member of a rejected group is flagged if its ties to the others are beyond those of the accounts
   outside: Benjamini-Hochberg again, over the group's members, at a level that pays for the choice of groups.
5. Rejected groups that are tied to one another as by one hand are one campaign.

Accounts of orgs with an authorised use are taken out before step 1 and are never flagged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gauger.detect.calibration import Calibration
from gauger.detect.communities import MIN_MEMBERS, WeighPairs, communities
from gauger.detect.links import CANDIDATES_PER_ACCOUNT, Ratios, candidate_pairs, similarities, weigh
from gauger.detect.signals import Members
from gauger.detect.tables import ELICITATION
from gauger.detect.template_families import scaffold_matrix, shared_scaffolds
from gauger.detect.traffic import Traffic
from gauger.detect.verdicts import Candidate, joined, judge, marked
from gauger.stats import conformal

CORE = 0.2  # a member whose ties are under this share of the members' median is cut
PRIOR = 1.5  # nats that ties must overcome: most pairs of accounts are strangers
SOLO_PROMPTS = 30
MAX_SOLOS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """Weighed pairs of accounts; a < b, weight in nats for one hand behind both; `weigh_pairs` weighs any others."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    weight: NDArray[np.float64]
    similar: dict[str, NDArray[np.float64]]
    weigh_pairs: WeighPairs


def weigh_ties(traffic: Traffic, ratios: Ratios) -> Ties:
    """All pairs worth weighing, authorised orgs left out."""
    scaffolds = scaffold_matrix(traffic, shared_scaffolds(traffic))
    a, b = candidate_pairs(traffic, scaffolds)
    free = ~authorised(traffic)
    both = free[a] & free[b]
    a, b = a[both], b[both]
    similar = similarities(traffic, scaffolds, a, b)

    def weigh_pairs(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        return weigh(similarities(traffic, scaffolds, left, right), ratios) - PRIOR

    return Ties(a=a, b=b, weight=weigh(similar, ratios) - PRIOR, similar=similar, weigh_pairs=weigh_pairs)


def authorised(traffic: Traffic) -> NDArray[np.bool_]:
    """Accounts of orgs that may generate training data."""
    use = traffic.accounts["authorised_use"]
    return np.asarray(use.notna() & ~use.astype(str).str.lower().isin(["", "0", "false", "no", "none"]))


def candidate_groups(traffic: Traffic, ties: Ties) -> list[tuple[Members, NDArray[np.float64], NDArray[np.float64]]]:
    """Communities without their loose ends: (members, affinity, member p-values)."""
    found = []
    for group in communities(ties.a, ties.b, ties.weight, traffic.size, ties.weigh_pairs):
        members = group
        for _ in range(2):  # the median moves when the loose ends go; twice is enough
            affinity = _affinity(ties, members, traffic.size)
            members = members[affinity[members] >= CORE * np.median(affinity[members])]
        if len(members) < MIN_MEMBERS:
            continue
        affinity = _affinity(ties, members, traffic.size)
        outside = np.delete(affinity, members)
        found.append((members, affinity[members], conformal.p_values(outside, affinity[members])))
    return found


def solo_candidates(traffic: Traffic, taken: NDArray[np.bool_]) -> Members:
    """Accounts to be judged alone: the loudest that elicit, or sample for logits, outside all groups."""
    rows = traffic.accounts
    sought = rows[[f"elicit_{c}" for c in ELICITATION]].sum(axis=1) + rows["many_samples"] + rows["logprobs"]
    screen = (rows["prompts"] >= SOLO_PROMPTS) & (sought >= SOLO_PROMPTS // 3) & ~taken & ~authorised(traffic)
    chosen = np.flatnonzero(screen)
    order = np.argsort(-sought.to_numpy(dtype=float)[chosen], kind="stable")
    return np.sort(chosen[order][:MAX_SOLOS])


def find(traffic: Traffic, calibration: Calibration, *, fdr: float) -> tuple[list[Candidate], list[Candidate], Ties]:
    """Find, test and mark candidates.

    Null: ``verdicts.GROUP_NULL`` and ``SOLO_NULL``.
    Guarantee: among the groups (before they are joined), and among the solos, the expected share of benign
        candidates among the rejected is <= fdr, if the null population stands for this log's benign ones. Averaged
        over the rejected, the expected share of accounts flagged in a group that are no members of it is <= fdr, if
        ``MEMBER_NULL`` holds for them.
    Not claimed: power against a campaign whose accounts share nothing that is logged.
    Source: Vovk et al. 2005 (conformal); Bates et al. 2023 (Benjamini-Hochberg on conformal p-values); Benjamini &
        Bogomolov 2014 (selected families are tested at fdr times the share selected).
    Deviates: the null population is simulated honest traffic, not this provider's own. Members were chosen by the
        very ties that are ranked, so flagging cuts loose ends; it is no proof.

    Returns:
        Groups, solos (all candidates, rejected or not, strongest first) and the ties.
    """
    ties = weigh_ties(traffic, calibration.ratios)
    groups = []
    for members, affinity, member_p in candidate_groups(traffic, ties):
        judged = judge(traffic, members, calibration)
        groups.append(replace(judged, affinity=affinity, member_p=member_p))
    taken = np.zeros(traffic.size, dtype=bool)
    for g in groups:
        taken[g.members] = True
    chosen = solo_candidates(traffic, taken)
    solos = [judge(traffic, np.array([i]), calibration) for i in chosen]
    return joined(marked(groups, fdr), traffic, calibration, ties.weigh_pairs), marked(solos, fdr), ties


def _affinity(ties: Ties, members: Members, size: int) -> NDArray[np.float64]:
    """Every account's mean positive tie to the members, over as many as it could have, nats."""
    inside = np.zeros(size, dtype=bool)
    inside[members] = True
    pull = np.maximum(ties.weight, 0)
    total = np.bincount(ties.b[inside[ties.a]], pull[inside[ties.a]], minlength=size)
    total += np.bincount(ties.a[inside[ties.b]], pull[inside[ties.b]], minlength=size)
    return np.asarray(total / max(min(len(members) - 1, CANDIDATES_PER_ACCOUNT), 1), dtype=np.float64)
