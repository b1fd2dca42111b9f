"""From a pair's score to a p-value: its rank among pairs of models that are known to be unrelated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gauger.stats import BoolArray, FloatArray, IntArray, conformal

ALIKE = 2 / 3  # of the null pairs, those above this quantile of likeness in length are a stratum of their own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullPairs:
    """Pairs of unrelated models.

    Attributes:
        first, second: the models, int64[n]. score: float64[n]. stratum: bool[n], alike in length.
        unit: the pair's pair of clusters, int64[n].
        apart: the likeness in length that divides the strata.
    """

    first: IntArray
    second: IntArray
    score: FloatArray
    stratum: BoolArray
    unit: IntArray
    apart: float


def null_pairs(score: FloatArray, length: FloatArray, unrelated: BoolArray, cluster: IntArray) -> NullPairs:
    """The null of a population. All float64 or bool[models, models], and cluster int64[models]."""
    first, second = np.nonzero(np.triu(unrelated & ~np.isnan(score) & ~np.isnan(length), 1))
    low, high = np.sort([cluster[first], cluster[second]], axis=0)
    likeness = length[first, second]
    apart = float(np.quantile(likeness, ALIKE)) if len(first) else np.inf
    return NullPairs(
        first=first,
        second=second,
        score=score[first, second],
        stratum=likeness > apart,
        unit=low * (int(cluster.max(initial=0)) + 1) + high,
        apart=apart,
    )


def p_values(
    pairs: Sequence[tuple[int, int]], score: FloatArray, length: FloatArray, null: NullPairs, related: BoolArray
) -> tuple[FloatArray, IntArray]:
    """The p-value of each pair and the number of null units that it rests on; 1 and 0 where there is none.

    The unit is a pair of clusters (a cluster: models of one maker and base), and its score the highest of its members.
    Null pairs that join the kin of the one model with the kin of the other (``related``: bool[models, models]) are left
    out, so that no model calibrates the test of its own family. A base in common makes no kin: pairs of one base are
    what an innocent pair of that base has to be ranked among.

    Null: the two models were not made from one another, one another's outputs or a common fine-tuned model, and their
        pair of clusters is exchangeable with those of the population that are as alike in length.
    Guarantee: P(p <= u) <= u over the draw of the population and the pair.  Not claimed: the same for one given
        candidate, whatever its style; anything about pairs of one maker, of which none is known to be unrelated.
    Source: Vovk, Gammerman & Shafer 2005, chapters 2 and 4 (Mondrian).  Deviates: pairs known to be related are left
        out of the ranking, and a unit counts by its maximum, which errs on the side of the suspect.
    """
    made, n = np.ones(len(pairs)), np.zeros(len(pairs), dtype=np.int64)
    for k, (a, b) in enumerate(pairs):
        kin = related[a][null.first] & related[b][null.second] | related[b][null.first] & related[a][null.second]
        kept = ~kin & (null.stratum == (length[a, b] > null.apart))
        highest = _highest(null.unit[kept], null.score[kept])
        n[k] = len(highest)
        made[k] = conformal.p_values(highest, [score[a, b]])[0]
    return made, n


def _highest(unit: IntArray, score: FloatArray) -> FloatArray:
    """The highest score of each unit."""
    order = np.lexsort((score, unit))
    last = np.flatnonzero(np.diff(unit[order], append=-1))
    return score[order][last]
