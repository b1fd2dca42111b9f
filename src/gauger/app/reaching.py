"""A plan's suspect, by the way that the plan says: a function from a question's place to the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from gauger.app.materials import read_outputs, read_prompts
from gauger.edge.marking.local_model import Sampling
from gauger.edge.plans import ByEndpoint, ByFile, ByReading, ByWeights, Settings, settings_of
from gauger.edge.suspects import Answer, Suspect
from gauger.edge.suspects.endpoint import Endpoint, key_from_env
from gauger.edge.suspects.huggingface import LocalSuspect, read
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Prompt
from gauger.edge.suspects.responses import Responses
from gauger.errors import ConfigError, ExchangeError, VerifyError
from gauger.watermark.naming import scheme_named
from gauger.watermark.radioactivity import Plan

Question = Callable[[int], Answer]


@dataclass(frozen=True, slots=True)
class Way:
    """Options of asking; as the command line names them."""

    prompts: str | None
    served: str | None
    responses: str | None
    api_key_env: str | None
    weights: str | None
    reference: str | None
    timeout_s: float
    skip_refused: bool
    seed: int


@contextmanager
def reached(plan: Plan, way: Way, pace: Pace) -> Iterator[Question]:
    """The plan's suspect.

    Raises:
        ConfigError: options that are for another way than the plan's. VerifyError: other prompts, outputs or weights.
    """
    settings = settings_of(plan)
    _check_way(way, settings)
    if isinstance(settings, ByReading):
        yield _reader(plan, settings, way)
        return
    if way.prompts is None:
        raise ConfigError("say what to ask: --prompts")
    prompts = read_prompts(way.prompts, plan)
    if isinstance(settings, ByEndpoint):
        key = "" if way.api_key_env is None else key_from_env(way.api_key_env)
        rng = np.random.default_rng(way.seed)
        with Endpoint(
            settings, key=key, pace=pace, rng=rng, timeout_s=way.timeout_s, skip_refused=way.skip_refused
        ) as endpoint:
            yield _asker(endpoint, prompts)
    elif isinstance(settings, ByWeights):
        yield _asker(_answerer(settings, way), prompts)
    else:
        yield _asker(Responses(way.responses or "", prompts), prompts)


def _check_way(way: Way, settings: Settings) -> None:
    endpoint = isinstance(settings, ByEndpoint)
    wanted = {
        "--weights": (way.weights, isinstance(settings, ByWeights | ByReading)),
        "--reference": (way.reference, isinstance(settings, ByReading) and settings.reference != ""),
        "--responses": (way.responses, isinstance(settings, ByFile)),
    }
    for option, (given, needed) in wanted.items():
        if (given is not None) != needed:
            raise ConfigError(f"this plan {'needs' if needed else 'takes no'} {option}")
    if way.api_key_env is not None and not endpoint:
        raise ConfigError("this plan takes no --api-key-env: it asks no endpoint")


def _asker(suspect: Suspect, prompts: Sequence[Prompt]) -> Question:
    def ask(index: int) -> Answer:
        try:
            return suspect.ask(prompts[index])
        except ExchangeError as error:
            raise ExchangeError(f"question {index + 1:,} of {len(prompts):,}: {error}", retry=error.retry) from None

    return ask


def _answerer(settings: ByWeights, way: Way) -> Suspect:
    how = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        plain=settings.plain,
    )
    suspect = LocalSuspect(way.weights or "", seed=way.seed, how=how, tokenizer=settings.tokenizer)
    _check_weights("--weights", suspect.weights_digest, settings.weights)
    return suspect


def _reader(plan: Plan, settings: ByReading, way: Way) -> Question:
    if way.served is None:
        raise ConfigError("say what to read: --served")
    h, longest = scheme_named(plan.scheme).h, settings.longest
    outputs = read_outputs(way.served, h=h, longest=longest, budget=plan.looks[-1], plan=plan)
    model = LocalSuspect(way.weights or "")
    _check_weights("--weights", model.weights_digest, settings.weights)
    reference = None if way.reference is None else LocalSuspect(way.reference)
    if reference is not None:
        _check_weights("--reference", reference.weights_digest, settings.reference)

    def predict(index: int) -> Answer:
        output = outputs[index]
        tokens = [*output.prompt.tolist(), *output.tokens.tolist()]
        return read(model, tokens, output.places + len(output.prompt), settings.candidates, reference)

    return predict


def _check_weights(option: str, found: str, planned: str) -> None:
    if found != planned:
        raise VerifyError(f"{option}: its weights are {found}, but the plan is for {planned}")
