"""What stands around answers and tells of their host: template tokens, a set courtesy, the prompt said again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gauger.lineage.answers import Answers
from gauger.lineage.words import Hashes, Tokens
from gauger.stats import IntArray

LEAST_HELD = 3
LEAST_ECHO, BEFORE_ECHO = 8, 16
ROUNDS = 2


def bare(answers: Answers, asked: Tokens) -> Answers:
    """The answers without what most of a model's answers begin or end with, and without the prompt said first.

    asked: each prompt's text, empty where it is not known. Twice, as one may stand within the other.
    """
    tokens = answers.tokens
    first, size = tokens.starts[:-1], np.diff(tokens.starts)
    for _ in range(ROUNDS):
        echo = _echo(answers, first, size, asked)
        first, size = first + echo, size - echo
        begun = _shown(answers, first, 1, size)
        first, size = first + begun, size - begun
        size = size - _shown(answers, first + size - 1, -1, size)
    return replace(answers, tokens=tokens.part(first, size))


def _echo(answers: Answers, first: IntArray, size: IntArray, asked: Tokens) -> IntArray:
    """After how many tokens each answer has said its prompt, int64[n]: 0 where it does not.

    Eight tokens of it or more, after a template of at most sixteen; of a shorter prompt all, at the answer's beginning.
    """
    begun, whole = asked.starts[answers.prompt], np.diff(asked.starts)[answers.prompt]
    made = np.zeros(len(size), dtype=np.int64)
    for before in range(BEFORE_ECHO + 1):
        longest = np.maximum(np.minimum(whole, size - before), 0)
        shown = _alike(answers.tokens.hashes, first + before, 1, asked.hashes, begun, longest)
        there = shown >= (LEAST_ECHO if before else np.clip(whole, 1, LEAST_ECHO))
        made = np.where(there & (made == 0), before + shown, made)
    return made


def _shown(answers: Answers, edge: IntArray, step: int, size: IntArray) -> IntArray:
    """How many tokens, from ``edge`` on by ``step``, each answer has of the run that most of its model's have.

    int64[n]. An answer that has not all of the run loses what it has. One word alone is how a model talks, and stays.
    """
    tokens, made = answers.tokens, np.zeros(len(size), dtype=np.int64)
    for model in range(answers.models):
        mine = np.flatnonzero((answers.model == model) & (size > 0))
        run = _run(tokens.hashes, edge[mine], step, size[mine])
        if len(run) != 1 or not tokens.word[edge[mine]][tokens.hashes[edge[mine]] == run[0]].any():
            longest = np.minimum(size[mine], len(run))
            made[mine] = _alike(tokens.hashes, edge[mine], step, run, np.zeros_like(mine), longest)
    return made


def _run(hashes: Hashes, edge: IntArray, step: int, size: IntArray) -> Hashes:
    """The longest run of tokens that more than half of some texts have at their edge."""
    needed, run = max(LEAST_HELD, len(edge) // 2 + 1), list[np.uint64]()
    while len(edge) >= needed:
        inside = size > len(run)
        edge, size = edge[inside], size[inside]
        said, held = np.unique(hashes[edge + step * len(run)], return_counts=True)
        if held.max(initial=0) < needed:
            break
        run.append(said[held.argmax()])
        follows = hashes[edge + step * (len(run) - 1)] == run[-1]
        edge, size = edge[follows], size[follows]
    return np.array(run, dtype=np.uint64)


def _alike(hashes: Hashes, at: IntArray, step: int, other: Hashes, begun: IntArray, longest: IntArray) -> IntArray:
    """How many tokens from ``at`` on are those from ``begun`` on of another, and at most ``longest``: int64[k]."""
    made = np.zeros(len(at), dtype=np.int64)
    live = np.arange(len(at))
    while len(live := live[made[live] < longest[live]]):
        live = live[hashes[at[live] + step * made[live]] == other[begun[live] + made[live]]]
        made[live] += 1
    return made
