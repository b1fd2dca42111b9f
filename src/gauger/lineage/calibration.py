"""From a pair's score to a p-value: its rank among pairs of models that are known to be unrelated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from gauger.stats import BoolArray, FloatArray, IntArray, conformal

ALIKE = 2 / 3  # of the null pairs, those above this quantile of likeness in length are a stratum of their own
LEAST_SPREAD = 2  # values from which a standard deviation can be taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullPairs:
    """Pairs of models that no table calls related.

    Attributes:
        first, second: the models, int64[n]. score: float64[n]. stratum: bool[n], alike in length.
        unit: the pair's pair of clusters, int64[n]. base: bool[n], of one pretrained base.
        unsure: bool[n, 2], whether the history of the first and of the second is not known to be whole.
        apart: the likeness in length that divides the strata.
    """

    first: IntArray
    second: IntArray
    score: FloatArray
    stratum: BoolArray
    unit: IntArray
    base: BoolArray
    unsure: BoolArray
    apart: float

    def among(self, kept: BoolArray) -> tuple[FloatArray, BoolArray]:
        """The highest score of each unit that is kept, and whether it is of one base."""
        places = np.flatnonzero(kept)
        order = places[np.lexsort((self.score[places], self.unit[places]))]
        last = order[np.flatnonzero(np.diff(self.unit[order], append=-1))]
        return self.score[last], self.base[last]


def null_pairs(
    score: FloatArray,
    length: FloatArray,
    kin: BoolArray,
    cluster: IntArray,
    base: BoolArray,
    known: BoolArray,
    listed: BoolArray | None = None,
) -> NullPairs:
    """The null of a population. score, length: float64[models, models]; cluster: int64[models].

    Args:
        kin, base: pairs that are related, and of one base, bool[models, models].
        known: models whose history is known to be whole, bool[models].
        listed: pairs that are unrelated for another reason, whatever is known of the two, bool[models, models].
    """
    first, second = np.nonzero(np.triu(~kin & ~np.isnan(score) & ~np.isnan(length), 1))
    low, high = np.sort([cluster[first], cluster[second]], axis=0)
    unsure = np.stack([~known[first], ~known[second]], axis=1)
    if listed is not None:
        unsure &= ~(listed | listed.T)[first, second][:, None]
    likeness = length[first, second]
    sure = likeness[~unsure.any(axis=1)]
    apart = float(np.quantile(sure, ALIKE)) if len(sure) else np.inf
    return NullPairs(
        first=first,
        second=second,
        score=score[first, second],
        stratum=likeness > apart,
        unit=low * (int(cluster.max(initial=0)) + 1) + high,
        base=base[first, second],
        unsure=unsure,
        apart=apart,
    )


def p_values(
    pairs: Sequence[tuple[int, int]],
    score: FloatArray,
    length: FloatArray,
    null: NullPairs,
    kin: BoolArray,
    base: BoolArray,
) -> tuple[FloatArray, IntArray]:
    """The p-value of each pair and the number of null units that it rests on; 1 and 0 where there is none.

    score: float64[..., models, models]; the p-values are float64[pairs, ...].

    The unit is a pair of clusters (a cluster: models of one maker and base), and its score the highest of its members.
    Null pairs that join the kin of the one model with the kin of the other (``kin``: bool[models, models]) are left
    out, so that no model calibrates the test of its own family. Pairs of either model with the population are in,
    known or not: without them a model that is like many would be judged by pairs of others only.

    Models of one base are alike beyond what others are (``base``: bool[models, models]). Null pairs of one base are
    too few for ranks of their own, so both kinds are put on one scale: mean and spread, with Student's correction for
    a pair of one base, as those of its kind are only estimated.

    Null: the two models were not made from one another, one another's outputs or a common fine-tuned model, and their
        pair of clusters is exchangeable with those of the population that are as alike in length.
    Guarantee: P(p <= u) <= u over the draw of the population and the pair.  Not claimed: the same for one given
        candidate, whatever its style; anything about pairs of one maker, of which none is known to be unrelated. Of
        pairs of one base it holds if their scores differ from others by a shift and a stretch.
    Source: Vovk, Gammerman & Shafer 2005, chapters 2 and 4 (Mondrian).  Deviates: pairs known to be related are left
        out of the ranking, and a unit counts by its maximum, which errs on the side of the suspect.
    """
    made, n = np.ones((len(pairs), *score.shape[:-2])), np.zeros(len(pairs), dtype=np.int64)
    for k, (a, b) in enumerate(pairs):
        related = kin[a][null.first] & kin[b][null.second] | kin[b][null.first] & kin[a][null.second]
        mine = [(ends == a) | (ends == b) for ends in (null.first, null.second)]
        sure = (~null.unsure[:, 0] | mine[0]) & (~null.unsure[:, 1] | mine[1])
        highest, of_base = null.among(~related & sure & (null.stratum == (length[a, b] > null.apart)))
        others, value = on_one_scale(highest, of_base, score[..., a, b], bool(base[a, b]))
        n[k] = len(others)
        made[k] = conformal.p_values(others, value)
    return made, n


def on_one_scale(
    scores: FloatArray, of_base: BoolArray, value: FloatArray, value_of_base: bool
) -> tuple[FloatArray, FloatArray]:
    """The scores, and the value, as if none was of one base; those of its own kind where one kind is missing."""
    other, same = scores[~of_base], scores[of_base]
    if len(other) < LEAST_SPREAD or len(same) < LEAST_SPREAD:
        return (same if value_of_base else other), value
    spread, stretched = float(other.std(ddof=1)), float(same.std(ddof=1))
    level = float(other.mean())
    moved = np.where(of_base, level + (scores - same.mean()) / (stretched or 1.0) * spread, scores)
    if not value_of_base:
        return moved, value
    far = (value - float(same.mean())) / ((stretched or 1.0) * np.sqrt(1 + 1 / len(same)))
    return moved, level + spread * norm.isf(t.sf(far, len(same) - 1))
