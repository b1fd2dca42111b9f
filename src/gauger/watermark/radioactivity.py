"""The test of a suspect model: a plan that is fixed first, then a judgement that follows it to the letter.

    plan = Plan(...)                             # its digest is logged before the suspect is asked
    judge = Closed(plan, keys, windows)          # or Opened(plan, keys)
    while judge.next_look is not None: ...       # answers are added up to each planned look
    judge.verdict()

Two modes. ``closed``: the suspect answers prompts, and what it says after windows that we served is
scored. ``open``: the suspect reads what we served, and its predictions are scored (``reading``).

The claim is about any key of the plan: its null is that the model learnt from none, and its e-value the mean of the
keys'. Which keys it learnt from is said by e-BH over them. A plan of one key is the strongest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gauger.errors import ConfigError
from gauger.model import Evidence, canonical_json, digest, to_plain
from gauger.stats import BoolArray, FloatArray
from gauger.stats.merging import Looks, Merged, mean
from gauger.stats.multiple import e_bh
from gauger.watermark import reading
from gauger.watermark.corpus import select
from gauger.watermark.habits import POWERS, Habits, predictions
from gauger.watermark.keys import Key
from gauger.watermark.naming import scheme_named
from gauger.watermark.reading import Reading
from gauger.watermark.served import Served

SCHEMA = "gauger/radioactivity-plan/1"
MAX_LOOKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tested, with what, and when one stops: all that could be fitted to the answers, fixed before them.

    Attributes:
        mode: whether the suspect's text or its predictions are scored. subject: which model is asked, and where.
        keys: ids of the keys, in the order of the test. commitment: root that they are committed in, or "".
        scheme, tokenizer: of all keys; the suspect's text is read in this tokenizer.
        prompts: digest of what is asked (open: of the outputs to read), in order. served: digest of the served
            outputs that the filter is made of, "" in open mode. unmarked: digest of the habits of unmarked text that
            the suspect's are compared with, "" for none.
        asked: settings of each request, as canonical JSON: temperature, top-p, longest answer.
        looks: after how many answers (open: outputs) the e-value is read, ascending; the last is the budget.
        alpha: the chance to accuse a model that learnt from none of the keys. created: as claimed.

    Raises:
        ConfigError: a field out of form.
    """

    schema: str = SCHEMA
    mode: Literal["closed", "open"]
    subject: str
    keys: tuple[str, ...]
    commitment: str
    scheme: str
    tokenizer: str
    prompts: str
    served: str
    unmarked: str = ""
    asked: str
    looks: tuple[int, ...]
    alpha: float
    created: datetime

    def __post_init__(self) -> None:
        if self.schema != SCHEMA or self.mode not in ("closed", "open"):
            raise ConfigError("a plan of another version or mode: read it with the release that made it")
        if not self.keys or len(set(self.keys)) < len(self.keys) or not self.subject.strip():
            raise ConfigError("a plan names a subject and at least one key, each key once")
        ascending = all(a < b for a, b in zip((0, *self.looks), self.looks, strict=False))
        if not 1 <= len(self.looks) <= MAX_LOOKS or not ascending:
            raise ConfigError(f"a plan has 1 to {MAX_LOOKS} looks, each after more answers than the one before")
        if not 0 < self.alpha < 1 or self.created.tzinfo is None:
            raise ConfigError("a plan needs an alpha strictly between 0 and 1 and a time with a timezone")
        if (self.mode == "closed") != bool(self.served) or (self.unmarked and not self.served):
            raise ConfigError("a closed plan, and no other, names the served outputs that its filter is made of")
        if scheme_named(self.scheme).h < 1:
            raise ConfigError(
                f"{self.scheme}: a window of width 0 stands everywhere: radioactivity needs h of at least 1"
            )

    @property
    def digest(self) -> str:
        """What a log or a notary dates before the first question."""
        return digest(canonical_json(to_plain(self)))


def doubling(budget: int, *, first: int = 32) -> tuple[int, ...]:
    """Looks after ``first`` answers, twice as many, and so on to the budget."""
    if budget < 1 or first < 1:
        raise ConfigError("a budget and a first look have at least one answer")
    times = [first << k for k in range(MAX_LOOKS - 1) if first << k < budget]
    return (*times, budget)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What a plan's looks so far say.

    Attributes:
        evidence: that the model learnt from at least one of the keys. crossed: the plan's bound, 1 / alpha, is reached.
        by_key: the same of each key alone, in the plan's order. named: which of them e-BH names at alpha, bool[keys].
        done: answers that were judged. over: no look is left.
    """

    evidence: Evidence
    crossed: bool
    by_key: tuple[Evidence, ...]
    named: BoolArray
    done: int
    over: bool


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What both modes share: the plan's looks, and what the keys' e-values are merged to."""

    plan: Plan
    keys: Sequence[Key]
    done: int = 0
    n: int = 0
    looks: list[Looks] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    words: str = ""

    def __post_init__(self) -> None:
        if tuple(key.id for key in self.keys) != self.plan.keys:
            raise ConfigError("these are not the plan's keys, or not in its order")
        names = {(key.context.scheme, key.context.tokenizer) for key in self.keys}
        if names != {(self.plan.scheme, self.plan.tokenizer)}:
            raise ConfigError("the keys are for another scheme or tokenizer than the plan's")
        self.looks = [Looks(alpha=self.plan.alpha, planned=len(self.plan.looks)) for _ in self.keys]

    @property
    def next_look(self) -> int | None:
        """After how many answers the next look is; None when the test is over."""
        if self.looks[0].done == len(self.plan.looks) or (self.done and self._merged().log_e >= self._bound):
            return None
        return self.plan.looks[self.looks[0].done]

    @property
    def _bound(self) -> float:
        return -math.log(self.plan.alpha)

    def look(self, log_es: FloatArray) -> None:
        """One of the plan's looks: float64[keys], each key's e-value of all that was added."""
        if self.done != self.next_look:
            raise ConfigError(f"{self.done} answers are no time that the plan looks at: next is {self.next_look}")
        values = [Merged(null=self._null(k), kind="exact", log_e=float(e)) for k, e in enumerate(log_es)]
        self.looks = [look.update(value) for look, value in zip(self.looks, values, strict=True)]

    def verdict(self) -> Verdict:
        """What the looks say by now."""
        merged = self._merged()
        each = self._each()
        by_key = tuple(self._evidence(self._null(k), each[k], key.id) for k, key in enumerate(self.keys))
        return Verdict(
            evidence=self._evidence(merged.null, merged.log_e, *self.plan.keys),
            crossed=merged.log_e >= self._bound,
            by_key=by_key,
            named=e_bh(each, self.plan.alpha).mask,
            done=self.done,
            over=self.next_look is None,
        )

    def _merged(self) -> Merged:
        """The mean over keys, against the null that all of theirs are true."""
        null = f"{self.plan.subject} did not learn from text that was marked with any of {len(self.keys)} keys"
        null = null if len(self.keys) > 1 else self._null(0)
        shares = [Merged(null=null, kind="exact", log_e=e) for e in self._each()]
        return mean(shares, [1 / len(shares)] * len(shares))

    def _each(self) -> list[float]:
        """Each key's e-value by now; before the first look 1, which is no evidence."""
        return [look.merged.log_e if look.merged else 0.0 for look in self.looks]

    def _null(self, k: int) -> str:
        return f"{self.plan.subject} did not learn from text that was marked with key {self.plan.keys[k]}"

    def _evidence(self, null: str, log_e: float, *key_ids: str) -> Evidence:
        return Evidence(
            subject=self.plan.subject,
            null=null,
            kind="exact",
            method=f"radioactivity-{self.plan.mode}",
            params={
                **scheme_named(self.plan.scheme).params(),
                "plan": self.plan.digest,
                "looks": len(self.plan.looks),
                "looks_done": self.looks[0].done,
                "answers": self.done,
            },
            log_e=log_e,
            n=self.n,
            anytime=True,
            inputs=(self.plan.digest, *key_ids, *self.inputs),
            why=self.words if self.looks[0].done else "no look is done yet, so no evidence",
        )


class Closed(Judgement):
    """Answers in text: what the suspect says, and how often, after windows that we served.

    Null: the suspect's text was made without the keys, directly or by what it learnt.
    Guarantee: P(ever crossed) <= alpha, at the plan's looks; of the keys named at most a share of alpha is wrong, in
        expectation.  Not claimed: who trained the model, or that our text did not reach it by another's hands;
        power against paraphrase or another tokenizer; anything if the unmarked text was marked with a key of the plan,
        or the served outputs were picked by what they say.
    Source: Sander et al. 2024 (closed model, supervised).  Deviates: see ``served.stand_in`` and
        ``habits.predictions``; looks by ``stats.merging.Looks`` instead of one test of a size fixed beforehand.
    """

    def __init__(self, plan: Plan, keys: Sequence[Key], windows: Served, unmarked: Habits | None = None) -> None:
        super().__init__(plan=plan, keys=keys)
        if plan.mode != "closed":
            raise ConfigError("this plan is for an open model")
        if windows.digest != plan.served:
            raise ConfigError("these are not the served outputs that the plan is for")
        if plan.unmarked != ("" if unmarked is None else unmarked.digest):
            raise ConfigError("this is not the unmarked text that the plan is for")
        self._scheme, self._windows = scheme_named(plan.scheme), windows
        if windows.h != self._scheme.h:
            raise ConfigError(f"windows of {windows.h} tokens, but the plan's scheme has h={self._scheme.h}")
        self._unmarked = Habits.none(windows.h) if unmarked is None else unmarked
        self._said, self._tokens = Habits.none(windows.h), 0

    def add(self, texts: Sequence[ArrayLike], prompts: Sequence[ArrayLike]) -> None:
        """Further answers and their prompts, as token ids, in the plan's order; at a planned time it is looked."""
        if self.next_look is None or self.done + len(texts) > self.next_look:
            raise ConfigError("more answers than the plan's next look takes")
        selection = select(texts, h=self._windows.h, prompts=prompts, repeats=True)
        self._said += Habits.of(selection)
        self._tokens += selection.tally.tokens
        self.done += len(texts)
        self.inputs.append(selection.digest)
        if self.done == self.next_look:
            self._look()

    def _look(self) -> None:
        found = predictions(self._said, self._unmarked, self._windows)
        self.n = len(found.ids)
        told = f"in {self._tokens:,} tokens of its text" + ", beside what unmarked text says" * bool(self.plan.unmarked)
        self.words = f"what follows {self.n:,} windows that we served {told}"
        if not self.n:
            self.words = f"nothing to score, so no evidence: none of the windows that we served {told}"
        secrets = [key.secret for key in self.keys]
        self.look(reading.log_e(reading.bets(found, secrets, self._scheme, powers=POWERS)))


class Opened(Judgement):
    """Predictions at the first occurrence of each window that we served, in the order of service.

    Null, Guarantee, Not claimed: as ``Closed``, and see ``reading.log_e``.
    Source: Sander et al. 2024 (open model, reading mode).  Deviates: see ``reading.log_e``.
    """

    def __init__(self, plan: Plan, keys: Sequence[Key]) -> None:
        super().__init__(plan=plan, keys=keys)
        if plan.mode != "open":
            raise ConfigError("this plan is for a closed model")
        self._gains = np.zeros((len(keys), len(reading.BETS)))

    def add(self, found: Reading, *, outputs: int) -> None:
        """What the suspect predicts at the places of further outputs; ``outputs``: how many they are."""
        if self.next_look is None or self.done + outputs > self.next_look:
            raise ConfigError("more outputs than the plan's next look takes")
        scheme = scheme_named(self.plan.scheme)
        self._gains += reading.bets(found, [key.secret for key in self.keys], scheme)
        self.done, self.n = self.done + outputs, self.n + len(found.ids)
        self.inputs.append(reading.digest_of(found))
        self.words = f"predictions at {self.n:,} places of {self.done:,} outputs"
        if self.done == self.next_look:
            self.look(reading.log_e(self._gains))
