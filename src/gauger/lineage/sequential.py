"""Asking prompt by prompt: how alike two models are after each look, and when it is no use to go on.

A look is a number of prompts asked. Whoever looks often sees the highest of many scores, so the null is looked at as
often: a pair's highest score so far is ranked among the highest that unrelated pairs ever reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gauger.lineage import likeness
from gauger.lineage.answers import Answers
from gauger.lineage.calibration import NullPairs
from gauger.lineage.centring import centred, spread
from gauger.stats import BoolArray, FloatArray, IntArray

FIRST_LOOK, GROWTH = 4, 1.2
FUTILE_FROM, FUTILE = 12, 0.9
CONTENTS = {"wording": (1, False), "rare_runs": (likeness.RARE_WORDS, True)}


def looks(prompts: int) -> list[int]:
    """After how many prompts to look: 4, 5, 6, 8, 10, 12, 15 and so on by a fifth, and after all."""
    made = [min(FIRST_LOOK, prompts)]
    while made[-1] < prompts:
        made.append(min(prompts, math.ceil(made[-1] * GROWTH)))
    return made


def order(answers: Answers, learnt_from: BoolArray) -> IntArray:
    """The prompts, those first to which models answer least alike. learnt_from: bool[models].

    Where all say the same nobody can be told apart. No label is used, so nothing is fitted to known relations.
    """
    held = np.unique(answers.prompt)
    agreed = likeness.agreement(answers.take(np.flatnonzero(learnt_from[answers.model])))
    value = np.full(int(held[-1]) + 1, np.nan)
    value[: len(agreed)] = agreed
    return held[np.argsort(value[held], kind="stable")]  # NaN last


def silent(answers: Answers, asked: IntArray, learnt_from: BoolArray) -> dict[str, float]:
    """By how many prompts that say nothing a mean of each statistic is to be drawn to 0. learnt_from: bool[models].

    Let overlaps vary r times as much among a pair's prompts as among pairs. With k silent prompts, means over t vary as
    t (t + r) / (t + k)²: at k = r / 2 that rises to its limit and never passes it, so no look has more than its share
    of the highest scores. r is measured on every other prompt against the rest, without labels. Where these do not
    go together nothing tells pairs apart, and k is all prompts.
    """
    held = answers.take(np.flatnonzero(learnt_from[answers.model]))
    halves = [held.take(np.flatnonzero(np.isin(held.prompt, asked[start::2]))) for start in (0, 1)]
    pairs = np.triu_indices(answers.models, 1)
    made = {}
    for name, (n, rare) in CONTENTS.items():
        sums = [likeness.overlap(half, *half.tokens.words(), n, rare=rare) for half in halves]
        means = np.array([centred(likeness.mean(*found))[pairs] for found in sums])
        there = np.isfinite(means).all(axis=0)
        (first, shared), (_, second) = np.cov(means[:, there]) if there.sum() > 1 else np.zeros((2, 2))
        prompts = np.mean([both[pairs][there] for _, both in sums]) if shared > 0 else 0.0
        r = prompts * ((first + second) / 2 / shared - 1) if shared > 0 else math.inf
        made[name] = float(np.clip(r / 2, 0, len(asked)))
    return made


def paths(
    answers: Answers, asked: IntArray, at: Sequence[int], drawn_in: Mapping[str, float]
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """The score after each look, float64[looks, models, models], and its statistics after the last.

    As ``centring.score`` but of contents alone, which tell the most after few prompts. A mean over few is drawn in by
    so many ``silent`` prompts. Both statistics are in standard deviations of the last look.
    """
    total = {name: np.zeros((answers.models, answers.models)) for name in CONTENTS}
    both = np.zeros((answers.models, answers.models))
    found: dict[str, list[FloatArray]] = {name: [] for name in CONTENTS}
    for start, stop in zip([0, *at], at, strict=False):
        block = answers.take(np.flatnonzero(np.isin(answers.prompt, asked[start:stop])))
        for name, (n, rare) in CONTENTS.items():
            more, counts = likeness.overlap(block, *block.tokens.words(), n, rare=rare)
            total[name] += more
        both += counts
        for name, k in drawn_in.items():
            found[name].append(centred(likeness.mean(total[name], np.where(both > 0, both + k, 0.0))))
    stacked = {name: np.stack(made) for name, made in found.items()}
    score = np.mean([made / spread(made[-1]) for made in stacked.values()], axis=0)
    return score, {name: made[-1] for name, made in stacked.items()}


def asked_of_both(answered: BoolArray, at: Sequence[int]) -> IntArray:
    """Prompts by each look that both models were asked, int64[looks, models, models].

    answered: bool[prompts, models], in the order of asking, whatever the answer.
    """
    blocks = np.split(answered.astype(np.int64), at[:-1])
    return np.cumsum([block.T @ block for block in blocks], axis=0)


def reached(asked: IntArray, at: Sequence[int]) -> IntArray:
    """The last look for which each candidate and suspect have prompts enough, int64[models, models].

    A look before its last prompt would be one more than unrelated pairs have. All looks are reached where the suspect
    was asked everything that the candidate was; of fewer than twelve prompts only where there are no more.
    """
    both = asked[-1]
    done = (both == at[-1]) | (both == np.diag(both)[:, None]) & (both >= FUTILE_FROM)
    return np.where(done, len(at) - 1, np.maximum(np.searchsorted(at, both, side="right") - 1, 0))


def stops(path: FloatArray, at: Sequence[int], null: NullPairs, pairs: Sequence[tuple[int, int]]) -> IntArray:
    """The look after which it is no use to go on with a pair, int64[pairs]; the last where there is none.

    From twelve prompts on: where the score is below that of one in ten unrelated pairs. It only spares prompts: a pair
    that is given up is never accused, and the null is not given up, so no error rate rises.
    """
    made = np.full(len(pairs), len(at) - 1)
    for look in reversed(range(len(at) - 1)):
        scores = path[look][null.first, null.second]
        if at[look] >= FUTILE_FROM and not np.isnan(scores).all():
            low = np.array([path[look, a, b] < np.nanquantile(scores, FUTILE) for a, b in pairs], dtype=np.bool_)
            made[low] = look
    return made
