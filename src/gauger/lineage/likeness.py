"""How alike the answers of two models to the same prompts are: three statistics, each centred over the population.

Centring takes away what a model shares with all others and what a prompt makes all say.
"""

from __future__ import annotations

import numpy as np

from gauger.compiled import compiled
from gauger.lineage.answers import Answers
from gauger.lineage.centring import centred
from gauger.lineage.words import Hashes, grams
from gauger.stats import FloatArray, IntArray

RARE_WORDS, RARE_HOLDERS = 4, 4
FIRST = 12


def wording(answers: Answers) -> FloatArray:
    """Cosine of the two answers' sets of words, a word weighed by the log of how few answers to the prompt hold it."""
    return centred(mean(*overlap(answers, *answers.tokens.words(), 1)))


def rare_runs(answers: Answers) -> FloatArray:
    """Square root of the count of four-word runs that both answers hold, and at most four answers to the prompt."""
    return centred(mean(*overlap(answers, *answers.tokens.words(), RARE_WORDS, rare=True)))


def openers(answers: Answers) -> FloatArray:
    """As ``wording``, of pairs of words and signs among the first twelve of the answers."""
    return centred(mean(*overlap(answers, *answers.tokens.opening(FIRST), 2)))


def mean(total: FloatArray, both: FloatArray) -> FloatArray:
    """Over the prompts that both answered, NaN where there is none."""
    with np.errstate(invalid="ignore"):
        return np.where(both > 0, total / both, np.nan)


def overlap(
    answers: Answers, hashes: Hashes, starts: IntArray, n: int, *, rare: bool = False
) -> tuple[FloatArray, FloatArray]:
    """The overlaps of each pair summed over prompts, and how many prompts both answered. float64[models, models]."""
    runs, begins = grams(hashes, starts, n)
    edges = np.flatnonzero(np.diff(answers.prompt, prepend=-1, append=-1))
    total, both = np.zeros((2, answers.models, answers.models))
    _add_overlaps(runs, begins, edges, answers.model, rare, total, both)
    return total, both


def agreement(answers: Answers) -> FloatArray:
    """The mean over all pairs of how alike they word their answers, float64[prompts]; NaN where fewer than two did."""
    edges = np.flatnonzero(np.diff(answers.prompt, prepend=-1, append=-1))
    made = np.full(int(answers.prompt.max(initial=-1)) + 1, np.nan)
    made[answers.prompt[edges[:-1]]] = _means(*grams(*answers.tokens.words(), 1), edges)
    return made


@compiled
def _add_overlaps(
    runs: Hashes, begins: IntArray, edges: IntArray, model: IntArray, rare: bool, total: FloatArray, both: FloatArray
) -> None:
    """For each prompt the overlaps of its answers, less their mean over all pairs."""
    for k in range(len(edges) - 1):
        first, size = edges[k], edges[k + 1] - edges[k]
        if size < 2:
            continue
        shared, mean = _overlaps(runs, begins[first : edges[k + 1] + 1], rare)
        for i in range(size):
            for j in range(i):
                a, b = model[first + i], model[first + j]
                for x, y in ((a, b), (b, a)):
                    total[x, y] += shared[i, j] - mean
                    both[x, y] += 1


@compiled
def _means(runs: Hashes, begins: IntArray, edges: IntArray) -> FloatArray:
    made = np.full(len(edges) - 1, np.nan)
    for k in range(len(made)):
        if edges[k + 1] - edges[k] > 1:
            made[k] = _overlaps(runs, begins[edges[k] : edges[k + 1] + 1], False)[1]
    return made


@compiled
def _overlaps(runs: Hashes, begins: IntArray, rare: bool) -> tuple[FloatArray, float]:
    """The overlaps of two answers or more to one prompt, below the diagonal, and their mean over all pairs."""
    shared, total = _shared(runs, begins, rare), 0.0
    size = len(shared)
    for i in range(size):
        for j in range(i):
            if rare:
                shared[i, j] = np.sqrt(shared[i, j])
            elif shared[i, j] > 0:
                shared[i, j] /= np.sqrt(shared[i, i] * shared[j, j])
            total += shared[i, j]
    return shared, total / (size * (size - 1) / 2)


@compiled
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
