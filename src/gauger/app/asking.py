"""A suspect asked as planned: the loop between the journal of answers and the judgement that looks at planned times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gauger.app.materials import Output
from gauger.edge.answers import Journal
from gauger.edge.suspects import Answer, Ids, Predicted, Text
from gauger.edge.suspects.tokenizer import Tokenizer
from gauger.edge.token_files import Tokens
from gauger.errors import ConfigError, InputError
from gauger.stats import FloatArray
from gauger.watermark.radioactivity import Closed, Opened
from gauger.watermark.reading import Reading

SAY_EACH = 25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A judgement, and how it is fed: ``take`` the answers from a place of the plan on."""

    test: Closed | Opened
    take: Callable[[int, Sequence[Answer]], None]


def closed_trial(test: Closed, prompts: Sequence[Tokens], tokenizer: Tokenizer | None) -> Trial:
    """Answers in text. prompts: the ids in which a quotation of each stands."""

    def take(first: int, answers: Sequence[Answer]) -> None:
        texts = [_tokens(answer, first + k, tokenizer) for k, answer in enumerate(answers)]
        test.add(texts, prompts[first : first + len(texts)])

    return Trial(test=test, take=take)


def opened_trial(test: Opened, outputs: Sequence[Output], candidates: int, h: int) -> Trial:
    """Predictions at the places of outputs."""

    def take(first: int, answers: Sequence[Answer]) -> None:
        mine = outputs[first : first + len(answers)]
        read = [_predicted(a, first + k, len(mine[k].places), candidates) for k, a in enumerate(answers)]
        windows = [o.tokens[o.places[:, None] + np.arange(-h, 0)].reshape(-1, h) for o in mine]
        reading = Reading(
            windows=np.concatenate(windows),
            ids=np.concatenate([ids for ids, _ in read]),
            weights=np.concatenate([weights for _, weights in read]),
        )
        test.add(reading, outputs=len(mine))

    return Trial(test=test, take=take)


def follow(trial: Trial, answers: Mapping[int, Answer]) -> None:
    """Go to every planned look whose answers are all there. Answers after the test is over are not looked at."""
    test = trial.test
    while (until := test.next_look) is not None and all(k in answers for k in range(test.done, until)):
        trial.take(test.done, [answers[k] for k in range(test.done, until)])


def ask_until(until: int, journal: Journal, ask: Callable[[int], Answer], say: Callable[[str], None]) -> None:
    """Ask what the plan's first ``until`` places hold and the journal does not, in order."""
    for index in range(until):
        if index not in journal.answers:
            journal.append(index, ask(index))
            if len(journal.answers) % SAY_EACH == 0 or index + 1 == until:
                say(f"{len(journal.answers):,} answers in the journal")


def _tokens(answer: Answer, index: int, tokenizer: Tokenizer | None) -> Tokens:
    if isinstance(answer, Ids):
        found = np.array(answer.tokens, np.uint32)
        if tokenizer is not None and found.max(initial=0) >= tokenizer.size:
            raise InputError(f"answer {index + 1:,} has ids of another tokenizer: the keys' has {tokenizer.size:,}")
        return found
    if isinstance(answer, Predicted):
        raise InputError(f"answer {index + 1:,} is a prediction, and the plan is for text")
    if tokenizer is None:
        raise ConfigError(f"answer {index + 1:,} is text, and marks lie on token ids: say --tokenizer-file")
    return tokenizer.encode(answer.text)


def _predicted(answer: Answer, index: int, places: int, candidates: int) -> tuple[NDArray[np.uint32], FloatArray]:
    if isinstance(answer, Text | Ids):
        raise InputError(f"answer {index + 1:,} is text, and the plan is for predictions")
    ids, weights = answer.arrays()
    if ids.shape != (places, candidates):
        raise InputError(
            f"answer {index + 1:,} does not predict the plan's {candidates} candidates at {places:,} places"
        )
    return ids, weights
