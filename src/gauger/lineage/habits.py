"""How alike the habits of models are: what they open answers and sentences with, whatever was asked.

Unlike wording it does not compare two answers to one prompt; shares are taken over all prompts.
"""

from __future__ import annotations

import numpy as np

from gauger.lineage.answers import Answers
from gauger.lineage.centring import centred
from gauger.lineage.words import Hashes, changes, grams
from gauger.stats import FloatArray, IntArray

OPENING, LONGEST_RUN, FEATURES = 25, 3, 20_000


def opening_style(answers: Answers) -> FloatArray:
    """Likeness in runs of one to three words and signs within the first 25 of an answer."""
    return likeness(answers, shares(answers, *answers.tokens.opening(OPENING), LONGEST_RUN))


def sentence_style(answers: Answers) -> FloatArray:
    """Likeness in the words and signs that sentences and lines begin with."""
    return likeness(answers, shares(answers, *answers.tokens.sentence_starts(), 1))


def likeness(answers: Answers, used: FloatArray) -> FloatArray:
    """Cosine of the models' habits, centred: float64[models, models]. used: shares, float64[models, runs].

    The square root of a share has the variance 1/(4 n) at most, n answers, whatever the share; a run weighs by what
    part of its variance over the models is more than that.
    """
    made = np.sqrt(used)
    there = answers.counts() > 0
    made -= made[there].mean(axis=0)
    variance = np.maximum(made[there].var(axis=0), 1e-12)
    made *= np.sqrt(np.maximum(1 - 1 / (4 * answers.counts()[there].mean() * variance), 0))
    made -= made.mean(axis=1, keepdims=True)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)  # no habit is like none
    cosine = made @ made.T
    cosine[~there], cosine[:, ~there] = np.nan, np.nan
    np.fill_diagonal(cosine, np.nan)
    return centred(cosine)


def shares(answers: Answers, hashes: Hashes, starts: IntArray, longest: int) -> FloatArray:
    """In what share of its answers a model uses each of the commonest runs of tokens: float64[models, runs].

    Runs that stand in answers to fewer than 3 prompts, or 2 % of them, are contents and left out.
    """
    columns = []
    for n in range(1, longest + 1):
        names, run, text = common_runs(answers, hashes, starts, n)
        cell = answers.model[text] * max(len(names), 1) + run
        columns.append(np.bincount(cell, minlength=answers.models * len(names)).reshape(answers.models, len(names)))
    return np.hstack(columns) / np.maximum(answers.counts(), 1)[:, None]


def common_runs(answers: Answers, hashes: Hashes, starts: IntArray, n: int) -> tuple[Hashes, IntArray, IntArray]:
    """The commonest runs of ``n``, and which stands in which answer, once in each: hashes[runs], int64[k] twice."""
    asked = len(np.unique(answers.prompt))
    runs, begins = grams(hashes, starts, n)
    text = np.repeat(np.arange(len(answers.prompt)), np.diff(begins))
    order = np.argsort(runs, kind="stable")  # so a run's answers, and with them its prompts, rise
    runs, text = runs[order], text[order]
    new = changes(runs)
    once = new | changes(text)  # a run counts once in an answer
    names, code, text = runs[new], (np.cumsum(new) - 1)[once], text[once]
    held = np.bincount(code)
    wide = np.bincount(code[changes(code) | changes(answers.prompt[text])])
    kept = np.flatnonzero(wide >= max(3, asked / 50))
    kept = np.sort(kept[np.argsort(-held[kept], kind="stable")][:FEATURES])
    column = np.full(len(held), -1)
    column[kept] = np.arange(len(kept))
    seen = column[code] >= 0
    return names[kept], column[code[seen]], text[seen]
