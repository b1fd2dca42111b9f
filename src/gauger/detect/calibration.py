"""What a scan has learned beforehand: the weights of ties and signals, and the benign null population.

Everything here is learned by ``bench/calibrate.py`` from worlds that Gauger simulates: the weights from
worlds with campaigns, the null population and so every threshold from *other* worlds that hold honest
traffic only. ``calibration.json`` is the result; its digest is an input of every Evidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from gauger.detect.links import EDGES, LAYERS, Ratios
from gauger.detect.signals import GroupScores
from gauger.model import digest

SMALL_GROUP = 10
CLIP = 3.0


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
        raw = np.array([[s.get(f, np.nan) for f in self.features] for s in scores], dtype=float).reshape(
            len(scores), len(self.features)
        )
        x = (raw - np.array(self.center)) / np.array(self.scale)
        return np.asarray(np.nan_to_num(np.clip(x, -CLIP, CLIP), nan=0.0), dtype=np.float64)

    def log_odds(self, scores: Sequence[GroupScores]) -> NDArray[np.float64]:
        """One number a group; more means more like a harvest."""
        return np.asarray(self.standardise(scores) @ np.array(self.weight) + self.intercept)

    def parts(self, scores: GroupScores) -> dict[str, float]:
        """What each feature adds to the log odds, largest first."""
        added = self.standardise([scores])[0] * np.array(self.weight)
        return dict(sorted(zip(self.features, added.tolist(), strict=True), key=lambda fv: -fv[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Learned numbers of a scan.

    Attributes:
        ratios: layer -> log likelihood ratio for each similarity bin.
        groups, solos: weights for groups of accounts and for accounts on their own.
        null_groups: log odds of the benign null groups; null_sizes: how many accounts each had.
        null_solos: log odds of benign accounts that passed the same screen as solo candidates.
        digest: of the file's content.
    """

    ratios: Ratios
    groups: Weights
    solos: Weights
    null_groups: tuple[float, ...]
    null_sizes: tuple[int, ...]
    null_solos: tuple[float, ...]
    digest: str


def load() -> Calibration:
    """Read the calibration that ships with Gauger."""
    return parse_calibration(resources.files("gauger.detect").joinpath("calibration.json").read_bytes())


def parse_calibration(data: bytes) -> Calibration:
    """Parse a calibration file."""
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
        solos=weights(body["solos"]),
        null_groups=tuple(body["null_groups"]),
        null_sizes=tuple(body["null_sizes"]),
        null_solos=tuple(body["null_solos"]),
        digest=digest(data),
    )


def dump_weights(weights: Weights) -> dict[str, list[float]]:
    """The file's form of weights: feature -> [center, scale, weight], the intercept first."""
    rows = zip(weights.features, weights.center, weights.scale, weights.weight, strict=True)
    return {"(intercept)": [0.0, 1.0, round(weights.intercept, 4)]} | {
        f: [round(c, 4), round(s, 4), round(w, 4)] for f, c, s, w in rows
    }


def learn_weights(scores: Sequence[GroupScores], campaign: Sequence[bool], *, ridge: float = 0.05) -> Weights:
    """Ridge logistic regression with weights bounded below by 0, classes weighted alike.

    The bound keeps quirks of simulated worlds out: a signal that is oriented to suspicion may be found
    useless and never turned round.

    Args:
        scores: features of each group, any missing or NaN.
        campaign: whether the group is (mostly) a campaign's.
        ridge: penalty on the squared weights, per group.
    """
    y = np.asarray(campaign, dtype=bool)
    names = tuple(sorted({f for s in scores for f in s}))
    raw = np.array([[s.get(f, np.nan) for f in names] for s in scores], dtype=float)
    benign = raw[~y]
    seen = ~np.isnan(benign).all(axis=0)
    names, raw, benign = tuple(np.array(names)[seen].tolist()), raw[:, seen], benign[:, seen]
    center = np.nanmedian(benign, axis=0)
    scale = np.maximum(np.nan_to_num(np.nanstd(benign, axis=0)), 0.1)
    x = np.nan_to_num(np.clip((raw - center) / scale, -CLIP, CLIP))
    sample = np.where(y, 0.5 / max(y.sum(), 1), 0.5 / max((~y).sum(), 1))
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

    Ratios rise with similarity (isotonic by running maximum of pooled counts): a rarer thing in common
    never speaks less for one hand than a commoner one.

    Args:
        together: layer -> similarities of pairs from one campaign; strangers: of benign pairs of
            different orgs. NaN where a layer was absent.
    """
    tables = {}
    for layer in LAYERS:
        counts = np.array([_binned(side[layer]) for side in (together, strangers)]) + 0.5
        # Pool each bin with all above it: few strangers share rare things, and their rate is the tail's.
        tail = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        rate = tail / tail[:, :1]
        ratio = np.log(rate[0] / rate[1])
        ratio[0] = np.log((counts[0, 0] / counts[0].sum()) / (counts[1, 0] / counts[1].sum()))
        ratio[1:] = np.maximum.accumulate(ratio[1:])
        tables[layer] = np.clip(ratio, -1.0, 8.0).round(3).tolist()
    return tables


def _binned(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    s = similarity[~np.isnan(similarity)]
    return np.bincount(np.searchsorted(EDGES, s), minlength=len(EDGES) + 1).astype(float)
