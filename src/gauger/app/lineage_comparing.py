"""From a file of responses to how alike each two models answer: all prompts at once, or one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gauger.edge.lineage.responses import Responses
from gauger.edge.lineage.tables import Pair
from gauger.errors import ConfigError, InputError
from gauger.lineage import answers as sieve
from gauger.lineage import centring, habits, likeness, sequential
from gauger.lineage.answers import Answers
from gauger.lineage.hosting import bare
from gauger.lineage.leaks import Leaks
from gauger.lineage.words import packed, tokenize
from gauger.stats import FloatArray, IntArray

LEAST_MODELS = 4

Statistic = Literal["likeness", "leaks", "phrases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A phrase or a claim that carried a finding. words: as an output has them, cut short and not yet made visible.

    candidate, suspect: how many of their answers hold it; of a claim the suspect's alone.
    """

    words: str
    candidate: int
    suspect: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """All pairs of a file. Matrices are float64[models, models], NaN where a pair cannot be compared.

    Attributes:
        unfit: why a model cannot be judged, "" where it can.
        score: after each look, float64[looks, models, models]. looks: after how many prompts; one, if all at once.
        common: prompts that both answered. Below ``least`` there is no score: a mean over few is large by chance.
        order: the prompts as they are to be asked; empty if all at once.
        asked: prompts that both were asked by each look, int64[looks, models, models]; None if all at once.
        statistic: what was compared. leaks: of that statistic, with a null for each claimed identity.
        carriers: of a candidate and a suspect by their places, what carried a high score, to be shown.
    """

    models: tuple[str, ...]
    unfit: tuple[str, ...]
    statistics: dict[str, FloatArray]
    score: FloatArray
    length: FloatArray
    common: IntArray
    least: int
    looks: tuple[int, ...]
    order: tuple[str, ...] = ()
    asked: IntArray | None = None
    statistic: Statistic = "likeness"
    leaks: Leaks | None = None
    carriers: Callable[[int, int], tuple[Carrier, ...]] | None = None


def compare(responses: Responses, prompts: int, rng: np.random.Generator, pairs: Sequence[Pair] = ()) -> Compared:
    """How alike the models answer at most ``prompts`` prompts: those that most models of ``pairs`` answered.

    Raises:
        ConfigError: fewer than 20 prompts asked for. InputError: fewer than four models can be compared.
    """
    held, unfit = sieved(responses, prompts, rng, pairs, sieve.LEAST_ANSWERS)
    habit = {"opening_style": habits.opening_style(held), "sentence_style": habits.sentence_style(held)}
    habit["openers"] = likeness.openers(held)
    content = {"wording": likeness.wording(held), "rare_runs": likeness.rare_runs(held)}
    common = sieve.in_common(held)
    least = sieve.least_common(common)
    score = centring.score(list(habit.values()), list(content.values()))
    return Compared(
        models=responses.models,
        unfit=unfit,
        statistics=habit | content,
        score=np.where(common < least, np.nan, score)[None],
        length=sieve.likeness_of_length(held),
        common=common,
        least=least,
        looks=(len(np.unique(held.prompt)),),
    )


def compare_in_turn(
    responses: Responses, prompts: int, rng: np.random.Generator, pairs: Sequence[Pair] = ()
) -> Compared:
    """As ``compare``, prompt by prompt. The order, and how far means over few prompts are drawn in, are learnt from
    models that are no suspects, or from all where fewer than four of those can be compared.

    Of lengths only those of the first look count, as a pair may be decided there.
    """
    held, unfit = sieved(responses, prompts, rng, pairs, sequential.FIRST_LOOK, in_turn=True)
    learnt_from = ~np.isin(responses.models, [suspect for _, suspect in pairs])
    if np.count_nonzero(learnt_from & (held.counts() > 0)) < LEAST_MODELS:
        learnt_from[:] = True
    asked = sequential.order(held, learnt_from)
    at = sequential.looks(len(asked))
    score, statistics = sequential.paths(held, asked, at, sequential.silent(held, asked, learnt_from))
    common = sieve.in_common(held)
    answered = np.zeros((len(responses.prompts), len(responses.models)), dtype=np.bool_)
    answered[responses.answers.prompt, responses.answers.model] = True
    return Compared(
        models=responses.models,
        unfit=unfit,
        statistics=statistics,
        score=np.where(common < sequential.FIRST_LOOK, np.nan, score),
        length=sieve.likeness_of_length(held.take(np.flatnonzero(np.isin(held.prompt, asked[: at[0]])))),
        common=common,
        least=sequential.FIRST_LOOK,
        looks=tuple(at),
        order=tuple(responses.prompts[k] for k in asked),
        asked=sequential.asked_of_both(answered[asked], at),
    )


def sieved(
    responses: Responses,
    prompts: int,
    rng: np.random.Generator,
    pairs: Sequence[Pair],
    least: int,
    *,
    in_turn: bool = False,
) -> tuple[Answers, tuple[str, ...]]:
    """The usable answers of the models that can be judged, bare of what hosts add, and why the others cannot.

    in_turn: what the models of ``pairs`` were not asked yet counts too, for the order is made before.
    """
    if prompts < sieve.LEAST_ANSWERS:
        raise ConfigError(f"--prompts must be at least {sieve.LEAST_ANSWERS}, not {prompts}")
    said = bare(responses.answers, tokenize(*packed(responses.asked)))
    everything = said.take(np.flatnonzero(sieve.usable(said)))
    asked = np.isin(responses.models, [name for pair in pairs for name in pair])
    held = sieve.chosen(everything, asked, prompts, rng)
    code = {name: k for k, name in enumerate(responses.models)}
    known = np.array([[code[a], code[b]] for a, b in pairs if a in code and b in code], np.int64).reshape(-1, 2)
    held = held if in_turn or not len(known) else sieve.shared(held, known)
    strays = sieve.astray(held)
    other = sieve.other_words(held) | sieve.abroad(held, strays)
    held = held.take(np.flatnonzero(other[held.model] | ~strays))
    counts = held.counts()
    few = counts < least
    unfit = tuple(
        f"{counts[k]} usable answers, and {least} are needed"
        if few[k]
        else "its words are not those of the others: it may answer in another language, to some prompts or to all"
        if other[k]
        else ""
        for k in range(held.models)
    )
    fit = ~(few | other)
    if fit.sum() < LEAST_MODELS:
        raise InputError(
            f"only {fit.sum()} of the models can be compared, and a population needs at least {LEAST_MODELS}: "
            f"{few.sum()} have fewer than {least} usable answers, {(other & ~few).sum()} say other words than most"
        )
    return held.take(np.flatnonzero(fit[held.model])), unfit
