"""What models say whatever they are asked: who they are, and phrases of their own. Each is a statistic by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gauger.app.lineage_comparing import Carrier, Compared, sieved
from gauger.edge.lineage.responses import Responses
from gauger.edge.lineage.tables import Pair
from gauger.lineage import answers as sieve
from gauger.lineage import phrases
from gauger.lineage.answers import Answers
from gauger.lineage.centring import spread
from gauger.lineage.claims import Speaker
from gauger.lineage.identities import identities
from gauger.lineage.leaks import Leaks
from gauger.lineage.phrases import Overuse
from gauger.lineage.population import Origin, everybody
from gauger.lineage.words import grams, spelled
from gauger.stats import IntArray

SHOWN, LOOKED_AT = 5, 20


def compare_phrases(
    responses: Responses, prompts: int, rng: np.random.Generator, pairs: Sequence[Pair] = ()
) -> Compared:
    """How far each two models over-use each other's phrases, on at most ``prompts`` prompts, halved by lot.

    Raises:
        ConfigError: fewer than 20 prompts asked for. InputError: fewer than four models can be compared.
    """
    held, unfit = sieved(responses, prompts, rng, pairs, sieve.LEAST_ANSWERS)
    asked = np.unique(held.prompt)
    second = np.zeros(len(responses.prompts), dtype=np.bool_)
    second[rng.permutation(asked)[: len(asked) // 2]] = True
    used = phrases.overuse(held, second)
    common = sieve.in_common(held)
    score = phrases.shared(used)
    beyond = phrases.shared(phrases.beyond_length(used, held))
    least = sieve.least_common(common)
    return Compared(
        models=responses.models,
        unfit=unfit,
        statistics={"shared_phrases": score, "beyond_length": beyond},
        score=np.where(common < least, np.nan, score / spread(score))[None],
        length=sieve.likeness_of_length(held),
        common=common,
        least=least,
        looks=(len(asked),),
        statistic="phrases",
        carriers=lambda candidate, suspect: _phrases(responses, held, used, candidate, suspect),
    )


def compare_leaks(
    responses: Responses,
    prompts: int,
    rng: np.random.Generator,
    pairs: Sequence[Pair] = (),
    origins: Sequence[Origin] = (),
) -> Compared:
    """On how many of at most ``prompts`` prompts each model says that it is another, or of another's maker.

    Raises:
        ConfigError: fewer than 20 prompts asked for. InputError: fewer than four models can be compared.
    """
    held, unfit = sieved(responses, prompts, rng, pairs, sieve.LEAST_ANSWERS)
    leaks = _leaks(responses, held, origins)
    counts = leaks.counts().astype(np.float64)
    answered = held.counts()
    there = answered > 0
    share = np.where(there[:, None] & there[None, :], counts / np.maximum(answered, 1), np.nan)
    np.fill_diagonal(share, np.nan)
    return Compared(
        models=responses.models,
        unfit=unfit,
        statistics={"claims": counts},
        score=share[None],
        length=sieve.likeness_of_length(held),
        common=sieve.in_common(held),
        least=sieve.LEAST_ANSWERS,
        looks=(len(np.unique(held.prompt)),),
        statistic="leaks",
        leaks=leaks,
        carriers=lambda candidate, suspect: tuple(
            Carrier(words=leaks.words[k], candidate=0, suspect=1) for k in leaks.of(candidate, suspect)[:SHOWN]
        ),
    )


def _leaks(responses: Responses, held: Answers, origins: Sequence[Origin]) -> Leaks:
    who = identities(everybody(responses.models, origins)).of_first(held.models)
    speaker = Speaker(who)
    answered = np.zeros((len(responses.prompts), held.models), dtype=np.bool_)
    answered[held.prompt, held.model] = True
    asking = np.zeros((len(responses.prompts), who.of_base.shape[1]), dtype=np.bool_)
    for prompt in np.unique(held.prompt):
        text = responses.asked[prompt]
        asking[prompt, list(speaker.named(text))] = True
        asking[prompt] |= speaker.plays_a_role(text)
    rows = _rows(responses, held)
    found = [
        (int(held.prompt[k]), int(held.model[k]), identity, words)
        for k in range(len(rows))
        for identity, words in speaker.claims(responses.output(int(rows[k]))).items()
    ]
    prompt, model, identity = np.array([claim[:3] for claim in found], dtype=np.int64).reshape(-1, 3).T
    return Leaks(
        who=who,
        answered=answered,
        asking=asking,
        prompt=prompt,
        model=model,
        identity=identity,
        words=tuple(claim[3] for claim in found),
    )


def _rows(responses: Responses, held: Answers) -> IntArray:
    """Where each answer stands in the file's."""
    every = responses.answers
    return np.searchsorted(every.prompt * every.models + every.model, held.prompt * held.models + held.model)


def _phrases(responses: Responses, held: Answers, used: Overuse, candidate: int, suspect: int) -> tuple[Carrier, ...]:
    """Of the phrases that tell most of the two those that lie within no other."""
    rows = _rows(responses, held.take(np.flatnonzero(held.model == candidate)))
    hashes, starts = responses.answers.tokens.take(rows).words()
    found: dict[str, Carrier] = {}
    for phrase in phrases.carriers(used, candidate, suspect)[:LOOKED_AT]:
        size = int(used.size[phrase])
        runs, begins = grams(hashes, starts, size)
        at = int(np.flatnonzero(runs == used.names[phrase])[0])
        text = int(np.searchsorted(begins, at, side="right")) - 1
        words = spelled(responses.output(int(rows[text])).encode(), at - int(begins[text]), size)
        said = used.said[:, :, phrase].sum(axis=0)
        found[f" {words} "] = Carrier(words=words, candidate=int(said[candidate]), suspect=int(said[suspect]))
    whole = [one for key, one in found.items() if not any(key in other for other in found if other != key)]
    return tuple(whole[:SHOWN])
