"""What a scan has learned beforehand: the weights of ties and signals, and the benign null population.

Everything here is learned by ``bench/calibrate.py`` from worlds that Gauger simulates: the weights from
worlds with campaigns (``calibration.json``), the null population and so every threshold from *other*
worlds that hold honest traffic only (``null.parquet``). The digest of both is an input of every Evidence.

The null population keeps the features of each benign candidate, not only its log odds, so that a
candidate whose log lacks something is ranked among benign ones that are read without it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize

from gauger.detect.links import EDGES, LAYERS, Ratios
from gauger.detect.signals import GroupScores
from gauger.model import digest

SMALL_GROUP = 10
CLIP = 3.0
CAMPAIGN = "campaign"
NULL_COLUMNS = ("unit", "sides", "prompts", "size", "kind")
"""Columns of null.parquet before the features: group or solo; whether the log came with side tables and
with prompts; how many accounts; the kind of most of them (for people to read, never used)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A linear score over features, each centred and scaled on benign groups and clipped.

    Attributes:
        features: names, in order; center, scale, weight: one number each; weight >= 0, so that
            no signal can ever speak for innocence by being suspicious.
        intercept: of the log odds.
    """

    features: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def standardise(self, scores: Sequence[GroupScores]) -> NDArray[np.float64]:
        """Features as a matrix (groups, features); what is missing is 0, neither for nor against."""
        raw = np.array([[s.get(f, np.nan) for f in self.features] for s in scores], dtype=float)
        return self.scaled(raw.reshape(len(scores), len(self.features)), self.features)

    def scaled(self, raw: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
        """Raw features (groups, names), in any order, as a standardised matrix (groups, features)."""
        at = {f: i for i, f in enumerate(names)}
        ours = np.column_stack(
            [raw[:, at[f]] if f in at else np.full(len(raw), np.nan) for f in self.features]
        ).reshape(len(raw), len(self.features))
        x = (ours - np.array(self.center)) / np.array(self.scale)
        return np.asarray(np.nan_to_num(np.clip(x, -CLIP, CLIP), nan=0.0), dtype=np.float64)

    def log_odds(self, scores: Sequence[GroupScores]) -> NDArray[np.float64]:
        """One number a group; more means more like a harvest."""
        return np.asarray(self.standardise(scores) @ np.array(self.weight) + self.intercept)

    def parts(self, scores: GroupScores) -> dict[str, float]:
        """What each feature adds to the log odds, largest first."""
        added = self.standardise([scores])[0] * np.array(self.weight)
        return dict(sorted(zip(self.features, added.tolist(), strict=True), key=lambda fv: -fv[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Benign candidates that the same steps formed in honest traffic.

    Attributes:
        features: names; rows: their raw values, float64 (candidates, features), NaN where missing.
        size: accounts of each; sides, prompts: whether its log came with side tables and with prompts.
    """

    features: tuple[str, ...]
    rows: NDArray[np.float64]
    size: NDArray[np.int64]
    sides: NDArray[np.bool_]
    prompts: NDArray[np.bool_]

    def log_odds(
        self, weights: Weights, scores: GroupScores, *, size: int, sides: bool, prompts: bool
    ) -> NDArray[np.float64]:
        """Log odds of the benign candidates that one candidate is ranked among.

        They are of its stratum of size (a mean over four accounts varies more than one over forty), come from
        logs with the same tables, and are read without the features that it lacks.
        """
        alike = (self.size < SMALL_GROUP) == (size < SMALL_GROUP)
        alike &= (self.sides == sides) & (self.prompts == prompts)
        seen = np.array([not np.isnan(scores.get(f, np.nan)) for f in self.features])
        x = weights.scaled(np.where(seen, self.rows[alike], np.nan), self.features)
        return np.asarray(x @ np.array(weights.weight) + weights.intercept, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Learned numbers of a scan.

    Attributes:
        ratios: layer -> log likelihood ratio for each similarity bin.
        groups, groups_unread, solos: weights for groups of accounts, for groups in logs that hold no prompts, and
            for accounts on their own.
        null_groups, null_solos: benign groups, and benign accounts that passed the screen for solos.
        digest: of both files' content.
    """

    ratios: Ratios
    groups: Weights
    groups_unread: Weights
    solos: Weights
    null_groups: Null
    null_solos: Null
    digest: str

    def weights(self, size: int, *, prompts: bool) -> Weights:
        """What weighs a candidate of so many accounts, in a log with prompts or without."""
        if size == 1:
            return self.solos
        return self.groups if prompts else self.groups_unread


def load() -> Calibration:
    """Read the calibration that ships with Gauger."""
    here = resources.files("gauger.detect")
    return parse_calibration(here.joinpath("calibration.json").read_bytes(), here.joinpath("null.parquet").read_bytes())


def parse_calibration(data: bytes, null: bytes) -> Calibration:
    """Parse calibration.json and null.parquet."""
    table = pq.read_table(pa.BufferReader(null))
    body = json.loads(data)

    def weights(raw: Mapping[str, list[float]]) -> Weights:
        names = tuple(raw)
        columns = [tuple(raw[n][i] for n in names) for i in range(3)]
        return Weights(
            features=names[1:],
            center=columns[0][1:],
            scale=columns[1][1:],
            weight=columns[2][1:],
            intercept=columns[2][0],
        )

    return Calibration(
        ratios=body["ratios"],
        groups=weights(body["groups"]),
        groups_unread=weights(body["groups_unread"]),
        solos=weights(body["solos"]),
        null_groups=_null(table, "group"),
        null_solos=_null(table, "solo"),
        digest=digest(data + null),
    )


def _null(table: pa.Table, unit: str) -> Null:
    rows = table.to_pandas()
    rows = rows[rows["unit"] == unit]
    features = tuple(c for c in rows.columns if c not in NULL_COLUMNS)
    return Null(
        features=features,
        rows=rows[list(features)].to_numpy(dtype=np.float64),
        size=rows["size"].to_numpy(dtype=np.int64),
        sides=rows["sides"].to_numpy(dtype=bool),
        prompts=rows["prompts"].to_numpy(dtype=bool),
    )


def dump_weights(weights: Weights) -> dict[str, list[float]]:
    """The file's form of weights: feature -> [center, scale, weight], the intercept first."""
    rows = zip(weights.features, weights.center, weights.scale, weights.weight, strict=True)
    return {"(intercept)": [0.0, 1.0, round(weights.intercept, 4)]} | {
        f: [round(c, 4), round(s, 4), round(w, 4)] for f, c, s, w in rows
    }


def learn_weights(scores: Sequence[GroupScores], kinds: Sequence[str], *, ridge: float = 0.05) -> Weights:
    """Ridge logistic regression with weights bounded below by 0, campaigns against all honest kinds alike.

    The bound keeps quirks of simulated worlds out: a signal that is oriented to suspicion may be found
    useless and never turned round. Each honest kind counts by the root of its number, because what decides is
    the few that look most like a campaign, and not the many that never do.

    Args:
        scores: features of each group, any missing or NaN.
        kinds: of most accounts of each group; ``CAMPAIGN`` for a campaign's.
        ridge: penalty on the squared weights, per group.
    """
    y = np.asarray(kinds) == CAMPAIGN
    names = tuple(sorted({f for s in scores for f in s}))
    raw = np.array([[s.get(f, np.nan) for f in names] for s in scores], dtype=float)
    benign = raw[~y]
    seen = ~np.isnan(benign).all(axis=0)
    names, raw, benign = tuple(np.array(names)[seen].tolist()), raw[:, seen], benign[:, seen]
    center = np.nanmedian(benign, axis=0)
    scale = np.maximum(np.nan_to_num(np.nanstd(benign, axis=0)), 0.1)
    x = np.nan_to_num(np.clip((raw - center) / scale, -CLIP, CLIP))
    _, kind, count = np.unique(np.asarray(kinds), return_inverse=True, return_counts=True)
    sample = 1 / np.sqrt(count[kind])
    sample = np.where(y, sample / (2 * sample[y].sum()), sample / (2 * sample[~y].sum()))
    sign = np.where(y, 1.0, -1.0)

    def loss(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ beta[1:] + beta[0])
        slope = -sample * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        value = float((sample * np.logaddexp(0, -margin)).sum() + ridge * (beta[1:] ** 2).sum())
        return value, np.concatenate([[slope.sum()], x.T @ slope + 2 * ridge * beta[1:]])

    bounds = [(None, None)] + [(0.0, None)] * len(names)
    beta = minimize(loss, np.zeros(len(names) + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return Weights(
        features=names,
        center=tuple(center.tolist()),
        scale=tuple(scale.tolist()),
        weight=tuple(beta[1:].tolist()),
        intercept=float(beta[0]),
    )


def learn_ratios(
    together: Mapping[str, NDArray[np.float64]], strangers: Mapping[str, NDArray[np.float64]]
) -> dict[str, list[float]]:
    """Log likelihood ratios of binned similarities, one table a layer.

    Ratios rise with similarity (isotonic regression from bin 1 on): a rarer thing in common never speaks
    less for one hand than a commoner one.

    Args:
        together: layer -> similarities of pairs from one campaign; strangers: of benign pairs of
            different orgs. NaN where a layer was absent.
    """
    tables = {}
    for layer in LAYERS:
        one, two = (_binned(side[layer]) + 0.5 for side in (together, strangers))
        share = one / (one + two)
        share[1:] = isotonic_regression(share[1:], weights=(one + two)[1:]).x
        ratio = np.log(share / (1 - share) * two.sum() / one.sum())
        tables[layer] = np.clip(ratio, -1.0, 8.0).round(3).tolist()
    return tables


def _binned(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    s = similarity[~np.isnan(similarity)]
    return np.bincount(np.searchsorted(EDGES, s), minlength=len(EDGES) + 1).astype(float)
