"""What a suspect gives each of the answers of an exchange: from its log-probabilities, or from what it writes itself.

A score is a function of the answers' texts and the suspect, never of which was released. That is all that validity
asks of it; these differ in power only (``bench/ghosts.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gauger.lineage.words import tokenize
from gauger.stats import FloatArray, IntArray

Words = Sequence[int]
Reading = tuple[IntArray, FloatArray]
"""Of an answer, by one model: the characters at which its tokens begin, and their log p; then, with 0, the character
before which reading ended. Both are empty where the answer was refused."""
LONGEST_RUN = 4
SHARPNESS = 16.0  # of a likeness, which lies between 0 and 1: so that the bets' steepness suits it


def total(mine: FloatArray, reference: FloatArray) -> float:
    """Nats by which the suspect finds an answer likelier than the reference does. Args: log p of its tokens, float[n].

    The two may have cut the answer into other tokens.
    """
    return float(mine.sum() - reference.sum())


def per_root(mine: FloatArray, reference: FloatArray) -> float:
    """``total`` over the root of the number of tokens: a long answer's chance is larger, and its stake is not."""
    return total(mine, reference) / float(np.sqrt(max(len(mine), 1)))


def per_token(mine: FloatArray, reference: FloatArray) -> float:
    """``total`` for each token, in units of a hundredth of a nat times ``SHARPNESS``."""
    return SHARPNESS * total(mine, reference) / max(len(mine), 1)


LIKELIHOODS: Mapping[str, Callable[[FloatArray, FloatArray], float]] = {
    "total": total,
    "per-root": per_root,
    "per-token": per_token,
}


class Scored(NamedTuple):
    """The scores of an exchange's answers, float64[k + 1].

    Attributes:
        unread: of one answer or more there was nothing to score, so all score the same. cut: how many were scored in
            part.
    """

    scores: FloatArray
    unread: bool = False
    cut: int = 0


def by_likelihood(score: str, answers: Sequence[str], readings: Sequence[Sequence[Reading]]) -> Scored:
    """By what every model read of each answer.

    Args:
        score: of ``LIKELIHOODS``. readings: of each answer the suspect's, then the reference's if there is one.
    """
    parts = [in_common(answer, models) for answer, models in zip(answers, readings, strict=True)]
    if not all(len(log_p[0]) for log_p, _ in parts):
        return Scored(np.zeros(len(answers)), unread=True)
    scores = [LIKELIHOODS[score](log_p[0], log_p[1] if len(log_p) > 1 else np.empty(0)) for log_p, _ in parts]
    return Scored(np.array(scores), cut=sum(not whole for _, whole in parts))


def in_common(answer: str, readings: Sequence[Reading]) -> tuple[list[FloatArray], bool]:
    """Each model's log p of the tokens from the first to the last character at which tokens of every model meet.

    Returns:
        they are empty where no two such characters are; and whether they cover the whole answer.
    """
    # Blanks go with what follows them: to some tokenizers they are part of no token.
    solid = np.cumsum([0, *(not character.isspace() for character in answer)])
    borders = [solid[np.minimum(places, len(answer))] for places, _ in readings]
    shared = set[int].intersection(*(set(at.tolist()) for at in borders))
    first, last = min(shared, default=0), max(shared, default=0)
    log_p = [values[(first <= at) & (at < last)] for at, (_, values) in zip(borders, readings, strict=True)]
    return log_p, bool(last - first == solid[-1])


def likeness(said: Sequence[Words], answers: Sequence[Words]) -> FloatArray:
    """How much of each answer's own runs of one to four words the suspect says when asked the same: float64[k + 1].

    A run weighs by the log of how few of the answers hold it, so that what the prompt makes everybody say counts
    nothing; runs of each length weigh the same in all; and the sum is divided by the root of the answer's size.

    Args:
        said: the suspect's answers, as words. answers: the k + 1.
    """
    scores = np.zeros(len(answers))
    for n in range(1, LONGEST_RUN + 1):
        held = [_runs(answer, n) for answer in answers]
        holders = Counter(run for runs in held for run in runs)
        spoken = Counter(run for words in said for run in _runs(words, n))
        for column, runs in enumerate(held):
            weighed = sum(np.log(len(answers) / holders[run]) * spoken[run] for run in runs if run in spoken)
            scores[column] += weighed / max(len(said), 1) / np.sqrt(max(len(runs), 1))
    return scores


def f_score(said: Sequence[Words], answers: Sequence[Words]) -> FloatArray:
    """The usual overlap, to compare with: F1 of runs of one to four words, mean over lengths and ``said``."""
    scores = np.zeros(len(answers))
    for n in range(1, LONGEST_RUN + 1):
        spoken = [_runs(words, n) for words in said]
        for column, answer in enumerate(answers):
            mine = _runs(answer, n)
            scores[column] += sum(2 * len(mine & other) / max(len(mine) + len(other), 1) for other in spoken)
    mean: FloatArray = SHARPNESS * scores / LONGEST_RUN / max(len(said), 1)
    return mean


def words_of(texts: Sequence[str]) -> list[list[int]]:
    """Texts as hashed words, A to Z folded; of scripts without spaces each character is one."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(e) for e in encoded], dtype=np.int64)]).astype(np.int64)
    hashes, starts = tokenize(np.frombuffer(b"".join(encoded), np.uint8), offsets).words()
    return [part.tolist() for part in np.split(hashes, starts[1:-1])] if texts else []


def _runs(words: Words, n: int) -> set[tuple[int, ...]]:
    return set(zip(*(words[k:] for k in range(n)), strict=False))
