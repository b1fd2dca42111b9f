"""From candidates to records: campaigns with their evidence, and the body of report.json."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from gauger.detect.calibration import Calibration
from gauger.detect.campaigns import Ties
from gauger.detect.elicited import capabilities
from gauger.detect.links import weigh
from gauger.detect.registry import SIGNALS
from gauger.detect.template_families import shared_rows
from gauger.detect.timing import STEP_NULL, step_log_e
from gauger.detect.traffic import SCAFFOLDS, Traffic
from gauger.detect.verdicts import GROUP_NULL, SOLO_NULL, Candidate
from gauger.model import Campaign, Evidence, Family, Score, to_plain
from gauger.stats import conformal
from gauger.stats.merging import Merged, mean

MAX_FAMILIES = 12
SEED = 1  # of the rotations: the same log gives the same number
MAX_EDGES = 1500
TIMELINE_BINS = 96

NOT_CLAIMED = (
    "That any person or company did anything: evidence is against a written null about accounts in this log.",
    "A probability of guilt: an e-value of 100 is a finding that the null makes at most once in a hundred.",
    "That what was not flagged is innocent: accounts that share nothing that is logged leave no trace here.",
    "That a model was trained on these exchanges: that needs a test of the model itself.",
)


def evidence_of(candidate: Candidate, subject: str, inputs: tuple[str, ...]) -> Evidence:
    """The candidate's conformal evidence."""
    solo = len(candidate.members) == 1
    return Evidence(
        subject=subject,
        null=SOLO_NULL if solo else GROUP_NULL,
        kind="calibrated",
        method="campaign-conformal",
        params={"p": candidate.p, "log_odds": round(candidate.log_odds, 6), "floor": conformal.floor(candidate.n_null)},
        log_e=candidate.log_e,
        n=candidate.n_null,
        anytime=False,
        inputs=inputs,
        why=f"stronger than all but {round(candidate.p * (candidate.n_null + 1)) - 1} of {candidate.n_null} benign "
        f"{'accounts' if solo else 'groups'} (p = {candidate.p:.4g})",
    )


def step_evidence(traffic: Traffic, candidate: Candidate, subject: str, inputs: tuple[str, ...]) -> Evidence:
    """Whether the members keep step: another null, so another number, never merged with the first.

    Groups are formed without timing but chosen with it, so the number pays for the choice: it is the mean over all
    groups that were formed, with 0 for those that are not this campaign.
    """
    rng = np.random.default_rng(SEED)
    hours = [np.asarray(traffic.hours[part].toarray(), dtype=float) for part in candidate.parts]
    values = [Merged(null=STEP_NULL, kind="model", log_e=step_log_e(h, traffic.start, rng)) for h in hours]
    share = 1 / candidate.among
    others = Merged(null=STEP_NULL, kind="model", log_e=-math.inf)
    merged = mean([*values, others], [*(share for _ in values), max(1 - share * len(values), 0.0)])
    return Evidence(
        subject=subject,
        null=STEP_NULL,
        kind="model",
        method="timing-rotation",
        params={"draws": 999, "seed": SEED, "groups": candidate.among},
        log_e=merged.log_e,
        n=len(candidate.members),
        anytime=False,
        inputs=inputs,
        why="variance of the members' summed hourly exchanges against members whose days are rotated at random",
    )


def scores_of(candidate: Candidate, subject: str, calibration: Calibration, *, prompts: bool) -> tuple[Score, ...]:
    """What moved the log odds most, as Scores."""
    weights = calibration.weights(len(candidate.members), prompts=prompts)
    parts = weights.parts(candidate.scores)
    return tuple(
        Score(
            subject=subject,
            method=feature.replace("_", "-"),
            value=round(float(candidate.scores[feature]), 4),
            n=len(candidate.members),
            why=f"adds {added:+.2f} to the log odds",
        )
        for feature, added in parts.items()
        if added > 0.05 and not math.isnan(candidate.scores.get(feature, math.nan))
    )


def family_tokens(traffic: Traffic, candidate: Candidate) -> list[tuple[str, Any, int, int, int]]:
    """The group's main scaffolds: (layer, token, events, accounts, orgs), one entry for one template.

    The same template shows as a prefix and a suffix of two lengths; of scaffolds with nearly the same
    holders and uses only the longest is kept.
    """
    found: list[tuple[str, Any, int, int, int]] = []
    for layer in SCAFFOLDS:
        rows = shared_rows(traffic, layer, candidate.members)
        if rows.empty:
            continue
        table = rows.groupby("token").agg(n=("n", "sum"), a=("a", "nunique"), o=("org", "nunique"))
        for token, n, a, o in table.itertuples():
            same = any(abs(n - f[2]) <= 0.05 * n and abs(a - f[3]) <= 0.05 * a for f in found)
            if not same:
                found.append((layer, token, int(n), int(a), int(o)))
    return sorted(found, key=lambda f: (-f[2], str(f[1])))[:MAX_FAMILIES]


def family_id(layer: str, token: Any) -> str:
    """Stable name of a scaffold."""
    return f"{layer}:{int(token) & 0xFFFFFFFFFFFFFFFF:016x}"


def campaign_of(
    traffic: Traffic,
    candidate: Candidate,
    table: pd.DataFrame,
    calibration: Calibration,
    inputs: tuple[str, ...],
    examples: Mapping[str, str],
) -> Campaign:
    """The record of one rejected group."""
    flagged = candidate.members[table["flagged"].to_numpy()[candidate.members] == 1]
    rows = traffic.accounts.iloc[flagged]
    names = tuple(rows["account"])
    subject = campaign_id(names)
    families = tuple(
        Family(
            id=family_id(layer, token), events=n, accounts=a, orgs=o, example=examples.get(family_id(layer, token), "")
        )
        for layer, token, n, a, o in family_tokens(traffic, candidate)
    )
    return Campaign(
        id=subject,
        accounts=names,
        families=families,
        capabilities=tuple(capabilities(traffic, flagged)),
        first=moment(rows["first"].min()),
        last=moment(rows["last"].max()),
        exchanges=int(rows["n"].sum()),
        tokens=int(rows["tokens_in"].fillna(0).sum() + rows["tokens_out"].fillna(0).sum()),
        value_usd=round(float(rows["cost_usd"].fillna(0).sum()), 2),
        scores=scores_of(candidate, subject, calibration, prompts=traffic.has_prompts),
        evidence=(evidence_of(candidate, subject, inputs), step_evidence(traffic, candidate, subject, inputs)),
    )


def campaign_id(accounts: Sequence[str]) -> str:
    """``C-`` and a digest of the accounts: the same accounts are the same campaign in every run."""
    return "C-" + hashlib.sha256("\n".join(sorted(accounts)).encode("utf-8", "replace")).hexdigest()[:10]


def campaign_body(
    traffic: Traffic,
    candidate: Candidate,
    campaign: Campaign,
    alarm: datetime | None,
    table: pd.DataFrame,
    ties: Ties,
    ratios: Mapping[str, list[float]],
) -> dict[str, Any]:
    """A campaign in the form of report.json."""
    flagged = candidate.members[table["flagged"].to_numpy()[candidate.members] == 1]
    shares = capabilities(traffic, flagged)
    plain = to_plain(campaign)
    plain["accounts"] = account_bodies(traffic, table, flagged)
    plain["capabilities"] = [{"name": c, "share": round(shares.get(c, 0.0), 4)} for c in campaign.capabilities]
    plain["evidence"] = [evidence_body(e) for e in campaign.evidence]
    plain["value_usd"] = campaign.value_usd or None
    plain["alarm"] = to_plain(alarm)
    plain["timeline"] = timeline(traffic, candidate.members)
    plain["graph"] = graph(traffic, candidate.members, ties, ratios)
    return dict(plain)


def evidence_body(evidence: Evidence) -> dict[str, Any]:
    """Evidence in the form of report.json."""
    plain = to_plain(evidence)
    return {k: plain[k] for k in ("null", "kind", "method", "n", "anytime", "inputs", "why", "params")} | {
        "log10_e": round(evidence.log10_e, 4),
        "floor": evidence.params.get("floor"),
    }


def account_bodies(traffic: Traffic, table: pd.DataFrame, members: np.ndarray) -> list[dict[str, Any]]:
    """Accounts in the form of report.json, highest score first."""
    order = members[np.argsort(-table["score"].to_numpy()[members], kind="stable")]
    return [_account_body(traffic.accounts.iloc[i], table.iloc[i]) for i in order]


def _account_body(row: pd.Series, result: pd.Series) -> dict[str, Any]:
    return {
        "account": row["account"],
        "org": row["org"] or "",
        "exchanges": int(row["n"]),
        "score": round(float(result["score"]), 4),
        "log10_e": round(float(result["log10_e"]), 4),
        "first": to_plain(moment(row["first"])),
        "last": to_plain(moment(row["last"])),
        "banned": None if pd.isna(row["banned_at"]) else to_plain(moment(row["banned_at"])),
    }


def timeline(traffic: Traffic, members: np.ndarray) -> list[dict[str, Any]]:
    """The campaign's exchanges and everyone else's, in at most ``TIMELINE_BINS`` bins of whole hours."""
    mine = np.asarray(traffic.hours[members].sum(axis=0)).ravel()
    rest = np.asarray(traffic.hours.sum(axis=0)).ravel() - mine
    width = -(-len(mine) // TIMELINE_BINS)
    starts = np.arange(0, len(mine), width)
    return [
        {"t": to_plain(moment((traffic.start + int(s)) * 3600)), "exchanges": int(m), "background": int(r)}
        for s, m, r in zip(starts, np.add.reduceat(mine, starts), np.add.reduceat(rest, starts), strict=True)
    ]


def graph(traffic: Traffic, members: np.ndarray, ties: Ties, ratios: Mapping[str, list[float]]) -> dict[str, Any]:
    """The strongest ties inside the group, each with the layers that speak for it."""
    inside = np.zeros(traffic.size, dtype=bool)
    inside[members] = True
    mine = np.flatnonzero(inside[ties.a] & inside[ties.b] & (ties.weight > 0))
    mine = mine[np.argsort(-ties.weight[mine], kind="stable")][:MAX_EDGES]
    speaks = {name: weigh({name: s[mine]}, ratios) > 0.3 for name, s in ties.similar.items()}
    names = traffic.accounts["account"]
    return {
        "nodes": [{"id": names.iloc[i], "exchanges": int(traffic.accounts["n"].iloc[i])} for i in members],
        "edges": [
            {
                "a": names.iloc[ties.a[e]],
                "b": names.iloc[ties.b[e]],
                "weight": round(float(ties.weight[e]), 3),
                "layers": [name for name, on in speaks.items() if on[k]],
            }
            for k, e in enumerate(mine)
        ],
    }


def signal_bodies(traffic: Traffic) -> list[dict[str, Any]]:
    """Which signals ran, and why the others could not."""
    return [
        {"id": s.id, "title": s.title, "ran": not why, "why_not": why or None, "kind": "score"}
        for s in SIGNALS
        for why in [s.missing(traffic)]
    ]


def moment(seconds: float) -> datetime:
    """Epoch seconds as a UTC time."""
    return datetime.fromtimestamp(int(seconds), UTC)
