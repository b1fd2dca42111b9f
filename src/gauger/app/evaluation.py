"""Hold a scan against the truth: ``evaluate_scan`` reads both and returns every figure with its interval.

Accounts are judged where both files know them. The truth's accounts without an event, and the scan's without
a truth, are counted apart. A campaign counts as found if some reported group of accounts (an account flagged
alone is a group of one) has Jaccard similarity >= 0.5 with it, over all accounts that the scan saw.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gauger.app.evaluation_files import ACCOUNTS, TRUTH, Row, read_report, read_rows
from gauger.detect.evaluation import Curve, Ints, Measure, rate
from gauger.stats import bootstrap
from gauger.stats.tails import clopper_pearson

FPRS = (0.01, 0.001, 0.0001)
FOUND_JACCARD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; all None where the data cannot say (no positives, no negatives)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRate:
    """How many accounts of a kind were flagged; ``low`` and ``high`` are the exact 95 % limits of the rate."""

    kind: str
    label: int
    accounts: int
    flagged: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFound:
    """A true campaign and the reported group nearest to it.

    Attributes:
        accounts, exchanges: of its members with events.
        leaked: exchanges before the first alarm, or None where the report holds no alarm time for it. Members that no
            alarm reached leaked all that they took.
    """

    campaign: str
    accounts: int
    exchanges: int
    flagged: int
    nearest: str
    jaccard: float
    found: bool
    leaked: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that ``gauger evaluate scan`` prints.

    Attributes:
        figures: by name: ``tpr_at_0.01`` (by score), ``auroc``, ``auprc``; the same with ``volume_`` for the
            baseline that ranks by exchanges alone; ``tpr_flagged``, ``fpr_flagged``, ``campaigns_found``.
        without_events: accounts of the truth that the scan never saw; without_truth: the reverse.
        reported, reported_true: campaigns that the scan reported, and those of them that are a true one.
    """

    schema: str
    positives: int
    negatives: int
    positive_clusters: int
    negative_clusters: int
    without_events: int
    without_truth: int
    figures: Mapping[str, Estimate]
    kinds: tuple[KindRate, ...]
    campaigns: tuple[CampaignFound, ...]
    reported: int
    reported_true: int
    replicates: int
    seed: int


def evaluate_scan(folder: Path, truth_file: Path, *, seed: int, replicates: int = 1000) -> Evaluation:
    """Evaluate the scan written to ``folder`` against ``truth_file``.

    Raises:
        InputError: a file, column or value that is missing or cannot be read.
    """
    scanned = read_rows(folder / "accounts.csv", ACCOUNTS)
    truth = read_rows(truth_file, TRUTH)
    report_file = folder / "report.json"
    report = read_report(report_file) if report_file.exists() else {}
    return evaluate(scanned, truth, report, seed=seed, replicates=replicates)


def evaluate(
    scanned: Sequence[Row], truth: Sequence[Row], report: Mapping[str, Any], *, seed: int, replicates: int = 1000
) -> Evaluation:
    """As ``evaluate_scan``, over rows already read."""
    known = {row["account"] for row in truth}
    seen = {row["account"]: row for row in scanned}
    both = [(t, seen[t["account"]]) for t in truth if t["account"] in seen]
    positive = np.array([t["label"] == "1" for t, _ in both], dtype=bool)
    flagged = np.array([s["flagged"] == "1" for _, s in both], dtype=bool)
    clusters = _clusters([t for t, _ in both], positive)
    campaigns = _campaigns(both, scanned, report)
    measures = {
        **_ranking("", [float(s["score"]) for _, s in both], positive),
        **_ranking("volume_", [float(s["exchanges"]) for _, s in both], positive),
        "tpr_flagged": rate(flagged, positive),
        "fpr_flagged": rate(flagged, ~positive),
        "campaigns_found": _share_found([t["campaign"] for t, _ in both], campaigns),
    }
    reported = {s["campaign"] for s in scanned} - {""}
    return Evaluation(
        schema="gauger/scan-evaluation/1",
        positives=int(positive.sum()),
        negatives=int((~positive).sum()),
        positive_clusters=len(np.unique(clusters[positive])),
        negative_clusters=len(np.unique(clusters[~positive])),
        without_events=len(truth) - len(both),
        without_truth=sum(s["account"] not in known for s in scanned),
        figures=_figures(measures, clusters, positive, seed=seed, replicates=replicates),
        kinds=_kinds([t for t, _ in both], positive, flagged),
        campaigns=campaigns,
        reported=len(reported),
        reported_true=len(reported & {c.nearest for c in campaigns if c.found}),
        replicates=replicates,
        seed=seed,
    )


def _ranking(prefix: str, score: Sequence[float], positive: npt.NDArray[np.bool_]) -> dict[str, Measure]:
    curve = Curve(np.array(score, dtype=np.float64), positive)
    at = {f"{prefix}tpr_at_{fpr:g}": partial(curve.tpr_at, fpr) for fpr in FPRS}
    return {**at, f"{prefix}auprc": curve.auprc, f"{prefix}auroc": curve.auroc}


def _clusters(truth: Sequence[Row], positive: npt.NDArray[np.bool_]) -> Ints:
    """A number for each positive's campaign and each negative's org, in the order of the truth."""
    numbers: dict[tuple[bool, str], int] = {}
    out = np.empty(len(truth), dtype=np.int64)
    for i, row in enumerate(truth):
        group = row["campaign"] if positive[i] else row["org"]
        key = "g:" + group if group else "a:" + row["account"]
        out[i] = numbers.setdefault((bool(positive[i]), key), len(numbers))
    return out


def _figures(
    measures: Mapping[str, Measure], clusters: Ints, positive: npt.NDArray[np.bool_], *, seed: int, replicates: int
) -> dict[str, Estimate]:
    """Each measure with its interval; campaigns and orgs are drawn apart."""
    found = bootstrap.interval(
        lambda weights: [measure(weights) for measure in measures.values()],
        clusters,
        rng=np.random.default_rng(seed),
        strata=~positive,
        resamples=replicates,
    )
    columns = zip(measures, found.estimate, found.low, found.high, strict=True)
    return {name: _estimate(*map(float, numbers)) for name, *numbers in columns}


def _estimate(value: float, low: float, high: float) -> Estimate:
    if np.isnan([value, low]).any():
        return Estimate(value=None, low=None, high=None)
    return Estimate(value=value, low=low, high=high)


def _share_found(names: Sequence[str], campaigns: Sequence[CampaignFound]) -> Measure:
    """A rate over accounts that counts campaigns, because only one account of each is looked at."""
    at = {name: i for i, name in enumerate(names) if name}
    one_each = np.array([at.get(name) == i for i, name in enumerate(names)], dtype=np.bool_)
    found = {c.campaign for c in campaigns if c.found}
    return rate(np.array([name in found for name in names], dtype=np.bool_), one_each)


def _kinds(
    truth: Sequence[Row], positive: npt.NDArray[np.bool_], flagged: npt.NDArray[np.bool_]
) -> tuple[KindRate, ...]:
    groups: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for row, p, f in zip(truth, positive, flagged, strict=True):
        groups[row["kind"], int(p)].append(bool(f))
        groups["all", int(p)].append(bool(f))
    order = sorted(groups, key=lambda g: (g[1], g[0] == "all", g[0]))
    return tuple(_kind(kind, label, groups[kind, label]) for kind, label in order)


def _kind(kind: str, label: int, flags: Sequence[bool]) -> KindRate:
    low, high = (float(x) for x in clopper_pearson(sum(flags), len(flags)))
    return KindRate(kind=kind, label=label, accounts=len(flags), flagged=sum(flags), low=low, high=high)


def _campaigns(
    both: Sequence[tuple[Row, Row]], scanned: Sequence[Row], report: Mapping[str, Any]
) -> tuple[CampaignFound, ...]:
    true: dict[str, dict[str, Row]] = defaultdict(dict)
    for t, s in both:
        if t["campaign"]:
            true[t["campaign"]][t["account"]] = s
    groups: dict[str, set[str]] = defaultdict(set)
    for s in scanned:
        if s["campaign"]:
            groups[s["campaign"]].add(s["account"])
        elif s["flagged"] == "1":
            groups["alone:" + s["account"]].add(s["account"])
    alarms = {c["id"]: c for c in report.get("campaigns", ()) if c.get("alarm")}
    return tuple(_nearest(name, members, groups, alarms) for name, members in sorted(true.items()))


def _nearest(
    name: str, members: Mapping[str, Row], groups: Mapping[str, set[str]], alarms: Mapping[str, Mapping[str, Any]]
) -> CampaignFound:
    mine = set(members)
    ranked = [(len(mine & g) / len(mine | g), gid) for gid, g in groups.items() if mine & g]
    jaccard, nearest = max(ranked, default=(0.0, ""))
    return CampaignFound(
        campaign=name,
        accounts=len(mine),
        exchanges=sum(int(s["exchanges"]) for s in members.values()),
        flagged=sum(s["flagged"] == "1" for s in members.values()),
        nearest=nearest,
        jaccard=jaccard,
        found=jaccard >= FOUND_JACCARD,
        leaked=_leaked(members, groups.get(nearest, set()), alarms, nearest),
    )


def _leaked(
    members: Mapping[str, Row], reached: Set[str], alarms: Mapping[str, Mapping[str, Any]], nearest: str
) -> int | None:
    if not alarms or (nearest and nearest not in alarms):
        return None
    unreached = sum(int(s["exchanges"]) for account, s in members.items() if account not in reached)
    return unreached + (_before_alarm(alarms[nearest]) if nearest else 0)


def _before_alarm(campaign: Mapping[str, Any]) -> int:
    """Exchanges in the timeline's bins that begin before the alarm; the alarm's own bin counts whole."""
    alarm = datetime.fromisoformat(campaign["alarm"])
    return sum(p["exchanges"] for p in campaign["timeline"] if datetime.fromisoformat(p["t"]) < alarm)
