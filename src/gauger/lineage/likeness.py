"""How alike two models answer: three statistics, each centred over the population, and one score of them.

A statistic is a symmetric matrix float64[models, models] with NaN on the diagonal and where two models have no
prompt in common. Centring takes away what a model shares with all others and what a prompt makes all say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from gauger.lineage.answers import OPENING, Answers
from gauger.lineage.words import Hashes, grams
from gauger.stats import FloatArray, IntArray

RARE_WORDS, RARE_HOLDERS = 4, 4
LONGEST_RUN, FEATURES = 3, 20_000


def wording(answers: Answers) -> FloatArray:
    """Cosine of the two answers' sets of words, a word weighed by the log of how few answers to the prompt hold it."""
    return centred(_mean_overlap(answers, 1, rare=False))


def rare_runs(answers: Answers) -> FloatArray:
    """Square root of the count of four-word runs that both answers hold, and at most four answers to the prompt."""
    return centred(_mean_overlap(answers, RARE_WORDS, rare=True))


def opening_style(answers: Answers) -> FloatArray:
    """Cosine of how often the models use runs of one to three words and signs in the first 50 of an answer.

    Unlike the others it does not compare answers to one prompt: it is habits, summed over all prompts. The square root
    of a share has the variance 1/(4 n) at most, n answers, whatever the share; a run weighs by what part of its
    variance over the models is more than that.
    """
    shares = np.sqrt(opening_shares(answers))
    there = answers.counts() > 0
    habits = shares - shares[there].mean(axis=0)
    variance = np.maximum(shares[there].var(axis=0), 1e-12)
    habits *= np.sqrt(np.maximum(1 - 1 / (4 * answers.counts()[there].mean() * variance), 0))
    habits -= habits.mean(axis=1, keepdims=True)
    size = np.linalg.norm(habits, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        made = (habits @ habits.T) / size[:, None] / size[None, :]
    made[~there], made[:, ~there] = np.nan, np.nan
    np.fill_diagonal(made, np.nan)
    return centred(made)


def opening_shares(answers: Answers) -> FloatArray:
    """In what share of its answers a model uses each of the commonest runs: float64[models, runs].

    Runs that open answers to fewer than 3 prompts, or 2 % of them, are contents and left out.
    """
    hashes, starts = answers.tokens.opening(OPENING)
    prompts = int(answers.prompt.max(initial=-1)) + 1
    asked = len(np.unique(answers.prompt))
    columns = []
    for n in range(1, LONGEST_RUN + 1):
        runs, begins = grams(hashes, starts, n)
        texts = np.repeat(np.arange(len(answers.prompt)), np.diff(begins))
        _, code = np.unique(runs, return_inverse=True)
        once = np.unique(code * np.int64(len(answers.prompt)) + texts)  # a run counts once in an answer
        code, texts = once // len(answers.prompt), once % len(answers.prompt)
        held = np.bincount(code)
        wide = np.bincount(np.unique(code * prompts + answers.prompt[texts]) // prompts)
        kept = np.flatnonzero(wide >= max(3, asked / 50))
        kept = np.sort(kept[np.argsort(-held[kept], kind="stable")][:FEATURES])
        column = np.full(len(held), -1)
        column[kept] = np.arange(len(kept))
        seen = column[code] >= 0
        cell = answers.model[texts[seen]] * max(len(kept), 1) + column[code[seen]]
        columns.append(np.bincount(cell, minlength=answers.models * len(kept)).reshape(answers.models, len(kept)))
    return np.hstack(columns) / np.maximum(answers.counts(), 1)[:, None]


def score(kinds: Sequence[Sequence[FloatArray]]) -> FloatArray:
    """Minus the decimal log of a pair's rank among all pairs, as a share: mean over the kinds of each kind's mean.

    Fixed beforehand: no weight is learned, and what answers say weighs as much as the habits they show. A pair that
    leads in one statistic scores high, as related models may agree in one only.
    """
    shape = kinds[0][0].shape
    upper = np.triu_indices(shape[0], 1)
    total = np.mean([np.mean([_surprise(s[upper]) for s in kind], axis=0) for kind in kinds], axis=0)
    made = np.full(shape, np.nan)
    made[upper] = total
    return np.where(np.isnan(made), made.T, made)


def centred(matrix: FloatArray) -> FloatArray:
    """The residual of the additive fit: overall mean plus one effect for each model, by least squares."""
    held = ~np.isnan(matrix)
    n = held.sum(axis=1)
    there = n > 0
    filled = np.where(held, matrix, 0.0)
    # The normal equations of S_ij ~ a_i + a_j: n_i a_i + sum_j a_j = sum_j S_ij; the mean lies within the effects.
    system = np.diag(n) + held
    effect = np.zeros(len(matrix))
    effect[there] = np.linalg.lstsq(system[np.ix_(there, there)], filled.sum(axis=1)[there], rcond=None)[0]
    return matrix - effect[:, None] - effect[None, :]


def _surprise(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    # The mean of the first and the last place among equals.
    above = len(ordered) - (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right")) / 2
    return np.where(known, -np.log10((above + 0.5) / (len(ordered) + 1)), np.nan)


def _mean_overlap(answers: Answers, n: int, *, rare: bool) -> FloatArray:
    hashes, starts = answers.tokens.words()
    runs, begins = grams(hashes, starts, n)
    edges = np.flatnonzero(np.diff(answers.prompt, prepend=-1, append=-1))
    total, both = np.zeros((2, answers.models, answers.models))
    _add_overlaps(runs, begins, edges, answers.model, rare, total, both)
    with np.errstate(invalid="ignore"):
        return np.where(both > 0, total / both, np.nan)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_overlaps(
    runs: Hashes, begins: IntArray, edges: IntArray, model: IntArray, rare: bool, total: FloatArray, both: FloatArray
) -> None:
    """For each prompt the overlaps of its answers, less their mean over all pairs."""
    for k in range(len(edges) - 1):
        first, size = edges[k], edges[k + 1] - edges[k]
        if size < 2:
            continue
        shared = _shared(runs, begins[first : edges[k + 1] + 1], rare)
        mean = 0.0
        for i in range(size):
            for j in range(i):
                if rare:
                    shared[i, j] = np.sqrt(shared[i, j])
                elif shared[i, j] > 0:
                    shared[i, j] /= np.sqrt(shared[i, i] * shared[j, j])
                mean += shared[i, j]
        mean /= size * (size - 1) / 2
        for i in range(size):
            for j in range(i):
                a, b = model[first + i], model[first + j]
                for x, y in ((a, b), (b, a)):
                    total[x, y] += shared[i, j] - mean
                    both[x, y] += 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _shared(runs: Hashes, begins: IntArray, rare: bool) -> FloatArray:
    """The weight of the runs that answers to one prompt share, below and on the diagonal: float64[size, size]."""
    size, start = len(begins) - 1, begins[0]
    made = np.zeros((size, size))
    owner = np.empty(begins[-1] - start, dtype=np.int32)
    for i in range(size):
        owner[begins[i] - start : begins[i + 1] - start] = i
    order = np.argsort(runs[start : begins[-1]])
    holders, seen = np.empty(size, dtype=np.int32), np.full(size, -1, dtype=np.int64)
    at = 0
    while at < len(order):
        run, count, group = runs[start + order[at]], 0, at
        while at < len(order) and runs[start + order[at]] == run:
            who = owner[order[at]]
            if seen[who] != group:
                seen[who], holders[count], count = group, who, count + 1
            at += 1
        if rare and (count < 2 or count > RARE_HOLDERS):
            continue
        weight = 1.0 if rare else np.log(size / count)
        for u in range(count):
            for v in range(u + 1):
                made[max(holders[u], holders[v]), min(holders[u], holders[v])] += weight
    return made
