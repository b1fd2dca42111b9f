"""Which answers count, and which models cannot be judged by theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gauger.lineage.words import Tokens, changes
from gauger.stats import BoolArray, FloatArray, IntArray

LEAST_WORDS = 5
LEAST_ANSWERS = 20
CANNED = 25
FIRST = 50
LEAST_COMMON = 0.3
LEAST_MEDIAN, LEAST_OF_MEDIAN = 1 / 2, 1 / 2
MOST_ASTRAY = 1 / 10
MOST_LOST = 1 / 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What models answered to the same prompts, sorted by prompt.

    Attributes:
        prompt, model: of each answer, int64[n]. tokens: its words and signs. models: how many models there are.
    """

    prompt: IntArray
    model: IntArray
    tokens: Tokens
    models: int

    def take(self, which: IntArray) -> Answers:
        """Some of the answers: rising indices int64[k]."""
        return Answers(
            prompt=self.prompt[which], model=self.model[which], tokens=self.tokens.take(which), models=self.models
        )

    def counts(self) -> IntArray:
        """Answers of each model, int64[models]."""
        return np.bincount(self.model, minlength=self.models)


def usable(answers: Answers) -> BoolArray:
    """The answers that say something, bool[n]: five words or more, and no text that the model said before.

    A refusal or a constant answer that is given to many prompts counts once: texts are the same if their first 25
    words and signs are.
    """
    tokens = answers.tokens
    words = np.diff(tokens.words()[1])
    hashes, starts = tokens.opening(CANNED)
    folded = _fold(hashes, starts)
    order = np.lexsort((folded, answers.model))
    again = np.zeros(len(order), dtype=np.bool_)
    again[order[1:]] = (np.diff(answers.model[order]) == 0) & (folded[order[1:]] == folded[order[:-1]])
    return (words >= LEAST_WORDS) & ~again


def chosen(answers: Answers, asked: BoolArray, prompts: int, rng: np.random.Generator) -> Answers:
    """The answers to the ``prompts`` prompts that most models of ``asked`` answered, then most of all, ties by lot.

    asked: bool[models]. A model that lacks prompts is compared on those it has, as far as there are enough.
    """
    held = np.bincount(answers.prompt)
    of_asked = np.bincount(answers.prompt, weights=asked[answers.model])
    order = rng.permutation(len(held))
    kept = order[np.lexsort((-held[order], -of_asked[order]))][:prompts]
    return answers.take(np.flatnonzero(np.isin(answers.prompt, kept)))


def shared(answers: Answers, pairs: IntArray) -> Answers:
    """Without the prompts that at most half as many models of the pairs answered as answered others.

    A pair that was asked little is to be ranked among pairs that are compared on as little. Nothing is left out if it
    would cost a pair more than one in ten of the prompts that both answered, or leave fewer than 20.

    Args:
        pairs: of models, int64[n, 2].
    """
    grid = np.zeros((int(answers.prompt.max(initial=-1)) + 1, answers.models), dtype=np.bool_)
    grid[answers.prompt, answers.model] = True
    asked = grid[:, np.unique(pairs)].sum(axis=1)
    kept = 2 * asked > asked.max(initial=0)
    both = grid[:, pairs[:, 0]] & grid[:, pairs[:, 1]]
    costs = (both[~kept].sum(axis=0) > MOST_LOST * both.sum(axis=0)).any()
    return answers if costs or kept.sum() < LEAST_ANSWERS else answers.take(np.flatnonzero(kept[answers.prompt]))


def too_few(answers: Answers) -> BoolArray:
    """The models with fewer than 20 usable answers, bool[models]."""
    return answers.counts() < LEAST_ANSWERS


def abroad(answers: Answers, strays: BoolArray) -> BoolArray:
    """The models of whose answers more than one in ten is ``astray``, bool[models].

    Without those answers their habits would be those of one language, and the others' of all.
    """
    return np.bincount(answers.model[strays], minlength=answers.models) > MOST_ASTRAY * answers.counts()


def other_words(answers: Answers) -> BoolArray:
    """The models that speak another language than the population, bool[models].

    Of the words that open their answers, fewer than 30 % are used by a quarter of the models.
    """
    hashes, starts = answers.tokens.opening(FIRST)
    owner = np.repeat(answers.model, np.diff(starts))
    words, code = np.unique(hashes, return_inverse=True)
    held = np.unique(code * answers.models + owner) // answers.models
    speaking = np.count_nonzero(answers.counts())
    common = np.bincount(held, minlength=len(words)) >= min(float(speaking), max(2.0, float(speaking) / 4))
    said = np.bincount(owner, minlength=answers.models)
    shared = np.bincount(owner, weights=common[code], minlength=answers.models)
    return (said > 0) & (shared < LEAST_COMMON * said)


def astray(answers: Answers) -> BoolArray:
    """The answers in another language than the others to the prompt, bool[n].

    Of the words and signs that open them, those that open a quarter of the answers to that prompt have not half the
    share that they have in the median answer. Where that is below 50 % nobody is: chance would do it.
    """
    hashes, starts = answers.tokens.opening(FIRST)
    text = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.lexsort((hashes, answers.prompt[text]))  # stable: the answers that hold a word rise
    hashes, text = hashes[order], text[order]
    prompt = answers.prompt[text]
    new = changes(hashes) | changes(prompt)
    word = np.cumsum(new) - 1
    held = np.bincount(word[new | changes(text)])
    common = held[word] >= np.maximum(2, np.bincount(answers.prompt)[prompt] / 4)
    share = np.bincount(text, weights=common, minlength=len(starts) - 1) / np.maximum(np.diff(starts), 1)
    made = np.zeros(len(share), dtype=np.bool_)
    edges = np.append(np.flatnonzero(changes(answers.prompt)), len(share))
    for first, last in pairwise(edges):
        median = np.median(share[first:last])
        made[first:last] = (median >= LEAST_MEDIAN) & (share[first:last] < LEAST_OF_MEDIAN * median)
    return made


def in_common(answers: Answers) -> IntArray:
    """How many prompts each two models both answered: int64[models, models]."""
    grid = np.zeros((int(answers.prompt.max(initial=-1)) + 1, answers.models), dtype=np.int64)
    grid[answers.prompt, answers.model] = 1
    return grid.T @ grid


def least_common(common: IntArray) -> int:
    """How many prompts two models must both have answered: half of what pairs have in the median, and 20.

    A mean over fewer varies more than those that it would be ranked among, and chance makes it large.
    """
    pairs = common[np.triu_indices(len(common), 1)]
    pairs = pairs[pairs >= LEAST_ANSWERS]
    return max(LEAST_ANSWERS, math.ceil(np.median(pairs) / 2) if len(pairs) else 0)


def likeness_of_length(answers: Answers) -> FloatArray:
    """Minus the mean absolute log ratio of two models' word counts over their prompts: float64[models, models]."""
    prompts = int(answers.prompt.max(initial=-1)) + 1
    grid = np.full((prompts, answers.models), np.nan)
    grid[answers.prompt, answers.model] = np.log(np.diff(answers.tokens.words()[1]) + LEAST_WORDS)
    total, both = np.zeros((2, answers.models, answers.models))
    for row in grid:
        apart = np.abs(row[:, None] - row[None, :])
        both += ~np.isnan(apart)
        total += np.nan_to_num(apart)
    with np.errstate(invalid="ignore"):
        return np.asarray(-total / both)


def _fold(hashes: IntArray | np.ndarray, starts: IntArray) -> np.ndarray:
    """One hash for each text: a sum in which the place counts."""
    place = (np.arange(len(hashes)) - np.repeat(starts[:-1], np.diff(starts))).astype(np.uint64)
    mixed = (hashes ^ (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xC2B2AE3D27D4EB4F)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)])
    return np.asarray(total[starts[1:]] - total[starts[:-1]])
