"""Models that answer or read: a teacher that draws ghost twins, and whoever is asked for a comparison or a test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gauger.edge.marking.local_model import Sampling
from gauger.edge.plans import ByEndpoint, more_fields
from gauger.edge.suspects import Answer
from gauger.edge.suspects.endpoint import Endpoint, key_from_env
from gauger.edge.suspects.huggingface import LocalSuspect
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Prompt
from gauger.edge.suspects.responses import Responses
from gauger.errors import ConfigError, ExchangeError, UnsupportedError

LOCAL_FIELDS = {"top_k"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Options of reaching a model, as the command line names them."""

    endpoint: str | None
    ask_model: str | None
    request: str
    api_key_env: str | None
    weights: str | None
    responses: str | None
    plain: bool
    timeout_s: float
    skip_refused: bool

    def __post_init__(self) -> None:
        if sum(where is not None for where in (self.endpoint, self.weights, self.responses)) != 1:
            raise ConfigError("say where the model is: one of --endpoint, --weights and --responses")
        if self.endpoint is None and (self.api_key_env is not None or self.ask_model is not None):
            raise ConfigError("--api-key-env and --ask-model are for an --endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request for an answer. more: further fields of it."""

    prompt: Prompt
    model: str
    temperature: float
    top_p: float
    max_tokens: int
    more: dict[str, Any]


@contextmanager
def speaking(way: Way, pace: Pace, questions: Sequence[Question]) -> Iterator[tuple[Callable[[int], Answer], str]]:
    """Whoever answers the questions, each at its own settings; and the digest of its weights, where they are here.

    Raises:
        ConfigError: an address or settings that cannot be asked. And what the model's own file raises.
    """
    with ExitStack() as stack:
        answer, weights = _answerer(way, pace, questions, stack)
        yield _placed(lambda index: answer(questions[index]), len(questions)), weights


def _answerer(
    way: Way, pace: Pace, questions: Sequence[Question], stack: ExitStack
) -> tuple[Callable[[Question], Answer], str]:
    if way.endpoint is not None:
        client = stack.enter_context(connect(way, by_endpoint(way, questions[0]), pace))
        return lambda question: client.ask(question.prompt, by_endpoint(way, question)), ""
    if way.weights is None:
        file = Responses(way.responses or "", [question.prompt for question in questions])
        return lambda question: file.ask(question.prompt), ""
    # Fresh chance at each start: one that is taken up again must not draw what it drew before.
    local = LocalSuspect(way.weights, seed=secrets.randbits(62))

    def answer(question: Question) -> Answer:
        pace.turn()
        return local.ask(question.prompt, local_sampling(way, question))

    return answer, local.weights_digest


def by_endpoint(way: Way, question: Question) -> ByEndpoint:
    """An endpoint's settings for a question; --request has the last word."""
    return ByEndpoint(
        url=way.endpoint or "",
        model=way.ask_model or question.model,
        temperature=question.temperature,
        top_p=question.top_p,
        max_tokens=question.max_tokens,
        more=question.more | more_fields(way.request),
    )


def connect(way: Way, settings: ByEndpoint, pace: Pace) -> Endpoint:
    """A client of the endpoint."""
    key = "" if way.api_key_env is None else key_from_env(way.api_key_env)
    rng = np.random.default_rng(secrets.randbits(62))
    return Endpoint(settings, key=key, pace=pace, rng=rng, timeout_s=way.timeout_s, skip_refused=way.skip_refused)


def local_sampling(way: Way, question: Question) -> Sampling:
    """How a local model answers a question.

    Raises:
        UnsupportedError: a setting that it does not know.
    """
    if odd := sorted(set(question.more) - LOCAL_FIELDS):
        raise UnsupportedError(f"a local model is not sampled with {', '.join(odd)}: reach it by an endpoint")
    return Sampling(
        temperature=question.temperature,
        top_k=int(question.more.get("top_k", 0)),
        top_p=question.top_p,
        max_tokens=question.max_tokens,
        plain=way.plain,
    )


def copies(question: Question, n: int) -> list[Question]:
    """The same question n times, under the names ``ID#1`` and so on, by which a file of responses knows them."""
    prompt = question.prompt
    names = [f"{prompt.id}#{at}" for at in range(1, n + 1)]
    return [replace(question, prompt=Prompt(id=name, messages=prompt.messages)) for name in names]


def text_of(answer: Answer, index: int) -> str:
    """An answer's text.

    Raises:
        ConfigError: it is none.
    """
    text = getattr(answer, "text", None)
    if not isinstance(text, str):
        raise ConfigError(f"answer {index + 1:,} is no text")
    return text.replace("\r\n", "\n").strip()


def _placed(ask: Callable[[int], Answer], count: int) -> Callable[[int], Answer]:
    def placed(index: int) -> Answer:
        try:
            return ask(index)
        except ExchangeError as error:
            raise ExchangeError(f"question {index + 1:,} of {count:,}: {error}", retry=error.retry) from None

    return placed
