"""Which exchanges get ghost twins. The choice must not depend on the answer, or released and twins are not alike.

So an exchange is chosen by its account or by a keyed coin over its id, and left out for what was asked and how, or for
what came before it. A rule that looks at an answer is applied to all k + 1 answers alike, once they are drawn
(``dropped``): the exchange goes if *any* of them breaks it, which tells nothing about which was released.

Of an exchange that the account asks again within the window, the first stays and the later ones go. Not the other way
round: whether somebody asks again hangs on what the first answer said, and to drop it for that would keep those
released answers that satisfied, beside twins of which nobody knows.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gauger.errors import ConfigError
from gauger.model import digest

MOST_ASKED = 64  # a prompt that is asked more often is everybody's
_SAID = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "n")
_IDLE = ("logprobs", "top_logprobs", "tool_choice", "parallel_tool_calls", "service_tier")
_KNOWN = {"top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "reasoning_effort"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an answer was sampled; ``more``: further fields of the request."""

    temperature: float
    top_p: float
    max_tokens: int
    more: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One exchange with a prompt that a candidate has. time_us: 0 where the log does not say. answer: a digest."""

    id: str
    account: str
    time_us: int
    answer: str


class Coin:
    """A keyed choice by an exchange's id, which nobody without the secret can foresee, and no answer can sway."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ConfigError("the secret of the choice has at least 16 bytes")
        self._secret = secret

    def toss(self, event_id: str) -> float:
        """A number in [0, 1): an exchange is picked where it is below the share."""
        said = hmac.new(self._secret, b"gauger-ghost-choice-v1" + event_id.encode(), hashlib.sha256).digest()
        return int.from_bytes(said[:6]) / 2**48


def folded(text: str) -> str:
    """A text as it counts where two are compared: blanks and case folded."""
    return " ".join(text.split()).casefold()


def answer_digest(text: str) -> str:
    """Of the folded text."""
    return digest(folded(text).encode("utf-8", "surrogatepass"))


def unfit(row: Mapping[str, Any], *, known: Settings | None) -> str:
    """Why an exchange, a row of EVENTS, can have no twins; "" if it can. known: ``settings`` of the row."""
    # A blank answer goes here, and an exchange with a blank twin in ``dropped``: the rule is the same for all k + 1.
    if row["status"] == "failure" or not (row["prompt"] or "").strip() or not (row["answer"] or "").strip():
        return "no prompt or answer text"
    if row["tools"]:
        return "tool calls"
    if (row["turns"] or 1) > 1 or row["context"] is not None:
        return "earlier turns, which the log's table does not hold"
    if (row["n"] or 1) > 1:
        return "several answers to one request"
    if known is None:
        return "settings unknown, or such that twins cannot be drawn by them"
    return "" if known.temperature > 0 else "no sampling: temperature 0"


def settings(row: Mapping[str, Any], params: Mapping[str, Any], defaults: Mapping[str, float]) -> Settings | None:
    """How a row of EVENTS was sampled; None where that is not known or cannot be asked for again.

    Args:
        params: the row's ``params``, read. defaults: what the service takes where a request does not say, by name.
    """
    temperature, top_p, most = (
        defaults.get(name) if row[name] is None else row[name] for name in ("temperature", "top_p", "max_tokens")
    )
    more = {name: value for name, value in params.items() if name not in (*_SAID, *_IDLE)}
    odd = set(more) - _KNOWN or any(isinstance(v, str) and not re.fullmatch(r"[a-z]+", v) for v in more.values())
    if odd or temperature is None or top_p is None or most is None:
        return None
    return Settings(temperature=float(temperature), top_p=float(top_p), max_tokens=int(most), more=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An exchange among all those with its prompt. reason: why it is left out, or "". elsewhere: others' answers."""

    reason: str
    elsewhere: frozenset[str]


def placed(sightings: Sequence[Sighting], wanted: Collection[str], window_s: float) -> dict[str, Place]:
    """The candidates among the exchanges with one and the same prompt, by id.

    What the account asked later does not count: that it asked again may hang on the answer it had.

    Args:
        sightings: in the log's order. wanted: ids of the candidates.
    """
    if len(sightings) > MOST_ASKED:
        return dict.fromkeys(wanted, Place(reason=COMMON, elsewhere=frozenset()))
    found = {}
    for at, mine in enumerate(sightings):
        if mine.id in wanted:
            before = [s for k, s in enumerate(sightings) if k != at and (s.time_us, k) < (mine.time_us, at)]
            own = [s for s in before if s.account == mine.account]
            again = any(mine.time_us - s.time_us <= window_s * 1e6 for s in own)
            others = frozenset(s.answer for s in [*own, *(s for s in sightings if s.account != mine.account)])
            said = SAID_ELSEWHERE if mine.answer in others else ""
            found[mine.id] = Place(reason=RETRY if again else said, elsewhere=others)
    return found


RETRY = "retry: the account had asked the same within the window"
COMMON = f"a prompt that was asked more than {MOST_ASKED} times"
SAID_ELSEWHERE = "duplicate: one of the k + 1 answers was also given to the same prompt elsewhere"
BLANK = "one of the k + 1 answers is blank"
REPUBLISHED = "one of the k + 1 answers stands in a later public repost"


def dropped(answers: Sequence[str], elsewhere: Iterable[str], reposts: str = "") -> str:
    """Why an exchange goes once its twins are drawn, or ""; the same whichever of the answers was released.

    ``reposts`` breaks that a little: only what was released can be reposted, so the exchanges that stay lack those
    released answers that people like to repost. The number dropped is told beside the evidence.

    Args:
        answers: all k + 1. elsewhere: digests of other exchanges' answers to the same prompt. reposts: folded text.
    """
    if not all(answer.strip() for answer in answers):
        return BLANK
    if not set(elsewhere).isdisjoint(map(answer_digest, answers)):
        return SAID_ELSEWHERE
    return REPUBLISHED if reposts and any(folded(answer) in reposts for answer in answers) else ""
