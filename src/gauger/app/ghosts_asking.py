"""The questions of a test by ghost twins, in the plan's order, and whoever answers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gauger.app.lineage_reaching import Question, Way, by_endpoint, connect, copies, speaking
from gauger.edge.lineage.ghost_files import Shown
from gauger.edge.suspects import Answer, Predicted
from gauger.edge.suspects.huggingface import LocalSuspect
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Prompt
from gauger.errors import ConfigError, ExchangeError

SLOT = "{prompt}"

Ask = Callable[[int], Answer]
Read = Callable[[Prompt, str], Predicted]
Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of a test, as the command line names them."""

    folder: Path
    subject: str
    by: Literal["likelihood", "text"]
    way: Way
    reference: str | None
    score: str | None
    samples: int
    temperature: float
    top_p: float
    max_tokens: int
    longest: int
    template: str
    alpha: float
    budget: int | None

    def __post_init__(self) -> None:
        if self.by == "likelihood" and self.way.responses is not None:
            raise ConfigError("a file of responses holds text: --by text")
        if self.by == "text" and (self.reference is not None or self.score is not None):
            raise ConfigError("--reference and --score are for log-probabilities: --by likelihood")
        if SLOT not in self.template or self.longest < 2:
            raise ConfigError(f"--template holds {SLOT}, and --longest is at least 2")

    @property
    def models(self) -> int:
        """How many read an answer: the suspect, and the reference where there is one."""
        return 1 + (self.reference is not None)


@contextmanager
def asking(wish: Wish, rows: Sequence[Shown], pace: Pace) -> Iterator[tuple[Ask, Settings]]:
    """Whoever answers question by question, and the settings as they stand in the plan.

    Text: the questions of an exchange are its prompt, as often as there are samples. Likelihood: they are the suspect's
    log-probabilities of its answers in their order, then the reference's.
    """
    if wish.by == "text":
        with _writing(wish, rows, pace) as found:
            yield found
    elif wish.way.endpoint is not None:
        with connect(wish.way, by_endpoint(wish.way, _question(wish, rows[0])), pace) as client:

            def read(prompt: Prompt, text: str) -> Predicted:
                return client.read(_filled(wish.template, prompt), text, wish.longest)

            yield _reading(wish, rows, read, _url(wish))
    else:
        local = LocalSuspect(wish.way.weights or "")
        where = {"weights": local.weights_digest, "plain": wish.way.plain}
        yield _reading(wish, rows, _reader(local, wish), where)


@contextmanager
def _writing(wish: Wish, rows: Sequence[Shown], pace: Pace) -> Iterator[tuple[Ask, Settings]]:
    questions = [q for row in rows for q in copies(_question(wish, row), wish.samples)]
    asked = {"temperature": wish.temperature, "top_p": wish.top_p, "max_tokens": wish.max_tokens}
    with speaking(wish.way, pace, questions) as (ask, weights):
        where = {"weights": weights, "plain": wish.way.plain} if weights else _url(wish)
        yield ask, {"by": "text", **asked, **where}


def _reading(wish: Wish, rows: Sequence[Shown], suspect: Read, where: Settings) -> tuple[Ask, Settings]:
    # ``scored`` keeps out journals that do not tell where tokens begin.
    told = {"by": "likelihood", "scored": "what all models read", "longest": wish.longest, "reference": "", **where}
    models = [suspect]
    if wish.reference is not None:
        reference = LocalSuspect(wish.reference)
        models.append(_reader(reference, wish))
        told["reference"] = reference.weights_digest

    def ask(index: int) -> Answer:
        at, question = divmod(index, len(models) * len(rows[0].answers))
        which, column = divmod(question, len(rows[at].answers))
        try:
            return models[which](Prompt(id=rows[at].id, messages=rows[at].messages), rows[at].answers[column])
        except ExchangeError as error:
            raise ExchangeError(f"exchange {at + 1:,} of {len(rows):,}: {error}", retry=error.retry) from None

    return ask, told


def _reader(model: LocalSuspect, wish: Wish) -> Read:
    def read(prompt: Prompt, text: str) -> Predicted:
        places, log_p = model.log_probabilities(prompt, text, wish.longest, plain=wish.way.plain)
        return Predicted.of(places.astype(np.uint32)[:, None], log_p[:, None])

    return read


def _filled(template: str, prompt: Prompt) -> str:
    return template.replace(SLOT, "\n\n".join(m.content for m in prompt.messages))


def _question(wish: Wish, row: Shown) -> Question:
    return Question(
        prompt=Prompt(id=row.id, messages=row.messages),
        model=wish.way.ask_model or "",
        temperature=wish.temperature,
        top_p=wish.top_p,
        max_tokens=wish.max_tokens,
        more={},
    )


def _url(wish: Wish) -> Settings:
    way = wish.way
    if way.endpoint is None:
        return {"file": True}
    return {"url": way.endpoint, "model": way.ask_model or "", "request": way.request, "template": wish.template}
