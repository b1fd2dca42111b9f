"""The test of candidates, what it rejects, and whom that names: steps 2 to 5 of `detect.campaigns`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from gauger.detect.calibration import Calibration
from gauger.detect.communities import WeighPairs, sampled_ties
from gauger.detect.registry import describe
from gauger.detect.signals import GroupScores, Members
from gauger.detect.traffic import Traffic
from gauger.stats import calibrators, conformal, multiple

JOIN = 3.2  # nats: mean tie between two rejected groups from which they are one campaign; different ones came to 2.9

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
class Candidate:
    """A group that may be a campaign.

    Attributes:
        members: sorted account indices.
        scores: every signal's description; log_odds: their weighted sum.
        affinity: each member's mean tie to the others, nats; NaN for a solo.
        member_p: each member's conformal p-value against the accounts outside.
        p, n_null: conformal p-value of the group, and how many benign groups it rests on.
        rejected: whether the false discovery procedure rejects "benign".
        flagged: the members that are named, if it does.
        parts: the groups as they were formed: more than one where rejected groups were joined.
        among: how many candidates it was chosen from.
    """

    members: Members
    scores: GroupScores
    log_odds: float
    affinity: NDArray[np.float64]
    member_p: NDArray[np.float64]
    p: float
    n_null: int
    flagged: NDArray[np.bool_]
    parts: tuple[Members, ...]
    among: int = 1
    rejected: bool = False

    @property
    def log_e(self) -> float:
        """Natural log of the e-value that the p-value calibrates to."""
        return float(calibrators.mixture(np.log(self.p)))


def judge(traffic: Traffic, members: Members, calibration: Calibration) -> Candidate:
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
        flagged=np.zeros(len(members), dtype=bool),
        parts=(members,),
    )


def marked(candidates: list[Candidate], fdr: float) -> list[Candidate]:
    """Candidates with what Benjamini-Hochberg rejects, first of them, then of their members; strongest first."""
    rejected = multiple.bh(np.array([c.p for c in candidates]), fdr).mask
    level = fdr * rejected.sum() / max(len(candidates), 1)
    judged = [
        replace(c, among=len(candidates), rejected=True, flagged=multiple.bh(c.member_p, level).mask) if r else c
        for c, r in zip(candidates, rejected, strict=True)
    ]
    return _strongest_first(judged)


def _strongest_first(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda c: (-c.log_odds, int(c.members[0])))


def joined(
    groups: list[Candidate], traffic: Traffic, calibration: Calibration, weigh_pairs: WeighPairs
) -> list[Candidate]:
    """The groups, those rejected ones put together whose members are rather of one hand than strangers.

    Only what a campaign is called depends on it: who is flagged was settled before. The whole has the largest
    p-value of its parts, which holds against "at least one part is benign".
    """
    parts = [g for g in groups if g.rejected]
    pairs = np.array([(i, j) for i in range(len(parts)) for j in range(i)], dtype=np.int64).reshape(-1, 2).T
    across = sampled_ties([g.members for g in parts], pairs, weigh_pairs) if pairs.size else np.zeros(0)
    near = pairs[:, across > JOIN]
    graph = sparse.coo_matrix((np.ones(near.shape[1]), (near[0], near[1])), shape=(len(parts), len(parts)))
    count, label = connected_components(graph, directed=False)
    wholes = [
        _whole([g for g, at in zip(parts, label, strict=True) if at == k], traffic, calibration) for k in range(count)
    ]
    return _strongest_first([*wholes, *(g for g in groups if not g.rejected)])


def _whole(parts: list[Candidate], traffic: Traffic, calibration: Calibration) -> Candidate:
    if len(parts) == 1:
        return parts[0]
    members, affinity, member_p, flagged = (
        np.concatenate([getattr(g, name) for g in parts]) for name in ("members", "affinity", "member_p", "flagged")
    )
    order = np.argsort(members)
    worst = max(parts, key=lambda g: g.p)
    return replace(
        judge(traffic, members[order], calibration),
        affinity=affinity[order],
        member_p=member_p[order],
        flagged=flagged[order],
        parts=tuple(g.members for g in parts),
        among=worst.among,
        p=worst.p,
        n_null=worst.n_null,
        rejected=True,
    )


def account_table(traffic: Traffic, groups: list[Candidate], solos: list[Candidate]) -> pd.DataFrame:
    """One row an account: account, org, exchanges, score, log10_e, flagged, candidate (index or -1).

    The score ranks: log odds of the account's candidate, less what its ties fall short of the members'
    median. log10_e is the account's own e-value: against ``MEMBER_NULL`` in a group, ``SOLO_NULL`` alone.
    """
    rows = traffic.accounts[["account", "org"]].assign(exchanges=traffic.accounts["n"])
    score, p, of = np.full(traffic.size, -20.0), np.ones(traffic.size), np.full(traffic.size, -1)
    flagged = np.zeros(traffic.size, dtype=bool)
    for k, c in enumerate([*groups, *solos]):
        near = np.zeros(1) if len(c.members) == 1 else np.log(np.clip(c.affinity / np.median(c.affinity), 1e-6, 1.0))
        score[c.members] = c.log_odds + near
        p[c.members], of[c.members], flagged[c.members] = c.member_p, k, c.flagged
    log10_e = np.asarray(calibrators.mixture(np.log(p))) / np.log(10)
    return rows.assign(score=score, log10_e=log10_e, flagged=flagged.astype(int), candidate=of)
