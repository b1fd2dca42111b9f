"""From accounts to campaigns: candidates, the test of each as a whole, and the accounts of those that fail it.

1. Ties between accounts of different orgs are weighed (`detect.links`) and clustered
   (`detect.communities`). Loosely tied members are cut. Accounts that elicit much are candidates alone.
2. Each candidate is described by every signal and weighed into log odds, a Score.
3. The Score is ranked among those of benign groups that the same steps made of honest traffic: a
   conformal p-value. Benjamini-Hochberg over the groups, and over the solos, controls the false discovery rate.
4. A member of a rejected group is flagged if its ties to the others are beyond those of the accounts
   outside: Benjamini-Hochberg again, over the group's members, at a level that pays for the choice of groups.

Accounts of orgs with an authorised use are taken out before step 1 and are never flagged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gauger.detect.calibration import Calibration
from gauger.detect.communities import MIN_MEMBERS, WeighPairs, communities
from gauger.detect.links import CANDIDATES_PER_ACCOUNT, Ratios, candidate_pairs, similarities, weigh
from gauger.detect.registry import describe
from gauger.detect.signals import GroupScores, Members
from gauger.detect.tables import ELICITATION
from gauger.detect.template_families import scaffold_matrix, shared_scaffolds
from gauger.detect.traffic import Traffic
from gauger.stats import calibrators, conformal, multiple

CORE = 0.2  # a member whose ties are under this share of the members' median is cut
PRIOR = 1.5  # nats that ties must overcome: most pairs of accounts are strangers
SOLO_PROMPTS = 30
MAX_SOLOS = 2000

GROUP_NULL = (
    "the group is benign: its log odds are exchangeable with those of groups that the same steps form in honest traffic"
)
SOLO_NULL = (
    "the account is benign: its log odds are exchangeable with those of honest accounts that pass the same screen"
)
MEMBER_NULL = (
    "the account is no member: its ties to the campaign are exchangeable with those of the log's accounts outside it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """Weighed pairs of accounts; a < b, weight in nats for one hand behind both; `weigh_pairs` weighs any others."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    weight: NDArray[np.float64]
    similar: dict[str, NDArray[np.float64]]
    weigh_pairs: WeighPairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A group that may be a campaign.

    Attributes:
        members: sorted account indices.
        scores: every signal's description; log_odds: their weighted sum.
        affinity: each member's mean tie to the others, nats; NaN for a solo.
        member_p: each member's conformal p-value against the accounts outside.
        p, n_null: conformal p-value of the group, and how many benign groups it rests on.
        rejected: whether the false discovery procedure rejects "benign".
    """

    members: Members
    scores: GroupScores
    log_odds: float
    affinity: NDArray[np.float64]
    member_p: NDArray[np.float64]
    p: float
    n_null: int
    rejected: bool = False

    @property
    def log_e(self) -> float:
        """Natural log of the e-value that the p-value calibrates to."""
        return float(calibrators.mixture(np.log(self.p)))


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

    Null: ``GROUP_NULL`` and ``SOLO_NULL``.  Guarantee: among the groups, and among the solos, the expected share
        of benign candidates among the rejected is <= fdr, if the null population stands for this log's benign ones.
    Not claimed: power against a campaign whose accounts share nothing that is logged.
    Source: Vovk et al. 2005 (conformal); Bates et al. 2023 (Benjamini-Hochberg on conformal p-values).
    Deviates: the null population is simulated honest traffic, not this provider's own.

    Returns:
        Groups, solos (all candidates, rejected or not, strongest first) and the ties.
    """
    ties = weigh_ties(traffic, calibration.ratios)
    groups = []
    for members, affinity, member_p in candidate_groups(traffic, ties):
        judged = _judge(traffic, members, calibration)
        groups.append(replace(judged, affinity=affinity, member_p=member_p))
    taken = np.zeros(traffic.size, dtype=bool)
    for g in groups:
        taken[g.members] = True
    chosen = solo_candidates(traffic, taken)
    solos = [_judge(traffic, np.array([i]), calibration) for i in chosen]
    return _marked(groups, fdr), _marked(solos, fdr), ties


def _judge(traffic: Traffic, members: Members, calibration: Calibration) -> Candidate:
    """Describe a group, or an account on its own, and rank it among benign ones."""
    weights = calibration.weights(len(members), prompts=traffic.has_prompts)
    null = calibration.null_solos if len(members) == 1 else calibration.null_groups
    scores = describe(traffic, members)
    odds = float(weights.log_odds([scores])[0])
    benign = null.log_odds(
        weights,
        scores,
        size=len(members),
        sides=traffic.sides.orgs is not None,
        prompts=traffic.has_prompts,
    )
    p = float(conformal.p_values(benign, [odds])[0])
    return Candidate(
        members=members,
        scores=scores,
        log_odds=odds,
        affinity=np.full(len(members), np.nan),
        member_p=np.full(len(members), p),
        p=p,
        n_null=len(benign),
    )


def _marked(candidates: list[Candidate], fdr: float) -> list[Candidate]:
    """Candidates with what Benjamini-Hochberg rejects, strongest first."""
    rejected = multiple.bh(np.array([c.p for c in candidates]), fdr).mask
    marked = [replace(c, rejected=bool(r)) for c, r in zip(candidates, rejected, strict=True)]
    return sorted(marked, key=lambda c: (-c.log_odds, int(c.members[0])))


def account_table(traffic: Traffic, groups: list[Candidate], solos: list[Candidate], *, fdr: float) -> pd.DataFrame:
    """One row an account: account, org, exchanges, score, log10_e, flagged, candidate (index or -1).

    The score ranks: log odds of the account's candidate, less what its ties fall short of the members'
    median. log10_e is the account's own e-value: against ``MEMBER_NULL`` in a group, ``SOLO_NULL`` alone.

    Guarantee: averaged over the rejected groups, the expected share of accounts flagged in a group that are
        no members of it is <= fdr, if ``MEMBER_NULL`` holds for them.
    Source: Benjamini & Bogomolov 2014 (selected families are tested at fdr times the share selected).
    Deviates: the members were chosen by the very ties that are ranked, so this cuts loose ends; it is no proof.
    """
    rows = traffic.accounts[["account", "org"]].assign(exchanges=traffic.accounts["n"])
    score, p, of = np.full(traffic.size, -20.0), np.ones(traffic.size), np.full(traffic.size, -1)
    flagged = np.zeros(traffic.size, dtype=bool)
    for k, c in enumerate([*groups, *solos]):
        near = np.zeros(1) if len(c.members) == 1 else np.log(np.clip(c.affinity / np.median(c.affinity), 1e-6, 1.0))
        score[c.members] = c.log_odds + near
        p[c.members], of[c.members] = c.member_p, k
    for family in (groups, solos):
        chosen = [c for c in family if c.rejected]
        for c in chosen:
            flagged[c.members] = multiple.bh(c.member_p, fdr * len(chosen) / len(family)).mask
    log10_e = np.asarray(calibrators.mixture(np.log(p))) / np.log(10)
    return rows.assign(score=score, log10_e=log10_e, flagged=flagged.astype(int), candidate=of)


def _affinity(ties: Ties, members: Members, size: int) -> NDArray[np.float64]:
    """Every account's mean positive tie to the members, over as many as it could have, nats."""
    inside = np.zeros(size, dtype=bool)
    inside[members] = True
    pull = np.maximum(ties.weight, 0)
    total = np.bincount(ties.b[inside[ties.a]], pull[inside[ties.a]], minlength=size)
    total += np.bincount(ties.a[inside[ties.b]], pull[inside[ties.b]], minlength=size)
    return np.asarray(total / max(min(len(members) - 1, CANDIDATES_PER_ACCOUNT), 1), dtype=np.float64)
