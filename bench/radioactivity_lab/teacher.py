"""A teacher whose next token hangs on the three before it and on a topic that only the prompt names.

Each word has a few successors. How likely they are is shifted by the two words before and by the topic, so a
response's statistics reach further back than a mark's window of two, and the prompt matters to the end.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes import Scheme

Tokens = NDArray[np.int64]
TOPICS, PROMPT, ANSWER = 16, 4, 60
"""The first ids name topics; a prompt is a topic and three words."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """successors int64[words, k] and their logits, what the words before and the topic add, how common words are."""

    successors: Tokens
    base: NDArray[np.float64]
    before: NDArray[np.float64]
    earlier: NDArray[np.float64]
    after: NDArray[np.float64]
    topical: NDArray[np.float64]
    common: NDArray[np.float64]

    def candidates(self, last: Tokens, topic: Tokens, temperature: float) -> tuple[Tokens, NDArray[np.float64]]:
        """What may follow the last three tokens int[rows, 3], and how likely: both [rows, k]."""
        p = np.empty((len(last), self.base.shape[1]))
        features = (self.before, self.earlier, self.after, self.topical)
        _weigh(self.successors, self.base, features, last, topic, 1 / temperature, p)
        return self.successors[last[:, 2]], p


def teacher(seed: int, *, words: int = 1000, k: int = 20, rank: int = 8) -> Teacher:
    """Zipf words. Successors are drawn by how common they are, so that common windows come often."""
    rng = np.random.default_rng(seed)
    common = np.where(np.arange(words) < TOPICS, 0.0, 1.0 / np.maximum(np.arange(words) - TOPICS + 5, 1))
    common /= common.sum()
    race = rng.exponential(size=(words, words - TOPICS)) / common[TOPICS:]
    successors = np.argpartition(race, k, axis=1)[:, :k] + TOPICS
    return Teacher(
        successors=successors,
        base=rng.normal(scale=1.2, size=(words, k)),
        before=rng.normal(scale=0.4, size=(words, rank)),
        earlier=rng.normal(scale=0.4, size=(words, rank)),
        after=rng.normal(scale=0.6, size=(words, rank)),
        topical=1.5 * (rng.integers(0, TOPICS, words) == np.arange(TOPICS)[:, None]),
        common=common,
    )


def prompts(world: Teacher, n: int, rng: np.random.Generator) -> Tokens:
    """int[n, PROMPT], never marked."""
    words = rng.choice(len(world.common), (n, PROMPT - 1), p=world.common)
    return np.column_stack([rng.integers(0, TOPICS, n), words])


def answers(
    world: Teacher,
    asked: Tokens,
    secrets: Sequence[bytes | None],
    scheme: Scheme | None,
    rng: np.random.Generator,
    *,
    length: int = ANSWER,
    temperature: float = 1.0,
) -> Tokens:
    """Prompts int[n, any] and what the teacher says to each under its key, or without: int[n, any + length].

    A window that holds part of the prompt is marked too, as a server would.
    """
    said = np.empty((len(asked), asked.shape[1] + length), np.int64)
    said[:, : asked.shape[1]] = asked
    responses = [Response(s) for s in secrets]
    for at in range(asked.shape[1], said.shape[1]):
        ids, p = world.candidates(said[:, at - 3 : at], asked[:, 0], temperature)
        if scheme is None:
            drawn = (p.cumsum(1) < rng.random((len(ids), 1))).sum(1).clip(max=p.shape[1] - 1)
            said[:, at] = ids[np.arange(len(ids)), drawn]
        else:
            context = said[:, max(0, at - scheme.h) : at]
            context = np.pad(context, ((0, 0), (scheme.h - context.shape[1], 0)), constant_values=-1)
            said[:, at] = sample(scheme, responses, context, ids, p, rng)
    return said


def paraphrased(world: Teacher, said: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    """A share of the answers' tokens replaced by what else the teacher might have said there."""
    out = said.copy()
    for at in range(PROMPT, said.shape[1]):
        rows = np.flatnonzero(rng.random(len(said)) < share)
        ids, p = world.candidates(said[rows, at - 3 : at], said[rows, 0], 1.0)
        p = np.where(ids == said[rows, at][:, None], 0.0, p)
        out[rows, at] = ids[np.arange(len(ids)), (p / rng.exponential(size=p.shape)).argmax(1)]
    return out


def entropy(world: Teacher, said: Tokens, temperature: float = 1.0) -> float:
    """Mean over the answers' tokens, in nats."""
    total = 0.0
    for at in range(PROMPT, said.shape[1]):
        p = world.candidates(said[:, at - 3 : at], said[:, 0], temperature)[1]
        total -= float((p * np.log(np.maximum(p, 1e-300))).sum(1).mean())
    return total / (said.shape[1] - PROMPT)


@njit(cache=True, nogil=True)
def _weigh(successors, base, features, last, topic, sharpness, p):  # type: ignore[no-untyped-def]
    before, earlier, after, topical = features
    for row in range(len(last)):
        third, far, near = last[row, 0], last[row, 1], last[row, 2]
        top = -np.inf
        for j in range(p.shape[1]):
            to = successors[near, j]
            logit = base[near, j] + topical[topic[row], to]
            for r in range(before.shape[1]):
                logit += (before[far, r] + earlier[third, r]) * after[to, r]
            p[row, j] = logit * sharpness
            top = max(top, p[row, j])
        total = 0.0
        for j in range(p.shape[1]):
            p[row, j] = np.exp(p[row, j] - top)
            total += p[row, j]
        for j in range(p.shape[1]):
            p[row, j] /= total
