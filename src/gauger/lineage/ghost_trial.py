"""The test of a suspect by ghost twins: a plan that is fixed first, then a judgement that bets exchange by exchange.

plan = Plan(...)                        # its digest is logged before the suspect is asked
trial = Trial(plan, accounts, released)
while not trial.over: trial.add(scores of the next exchange)
trial.verdict(inputs)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gauger.errors import ConfigError
from gauger.lineage.ghost_scores import LIKELIHOODS
from gauger.lineage.ghosts import bets
from gauger.lineage.stakes import Stakes
from gauger.model import Evidence, digest
from gauger.stats import FloatArray
from gauger.stats.multiple import e_bh

SCHEMA = "gauger/ghost-plan/1"
METHOD = "ghost-twins"
TEXT_SCORE = "likeness"
NULL = (
    "the suspect learnt from none of the sealed exchanges: to it, the released answer is exchangeable with the twins "
    "that were drawn beside it and never released"
)
Word = Literal["learnt", "not shown", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that could be fitted to the suspect's answers, fixed before them.

    Attributes:
        mode: whether the suspect's log-probabilities of the answers are scored, or its own text. subject: which model
            is asked, and where. seal: digest of the seal's record; root: of its tree.
        order: digest of the exchanges' ids in the order of the test. budget: how many are tested at most, of
            ``accounts`` accounts. republished: how many of those sealed were left out as reposted.
        samples: answers of the suspect to each prompt (text), else 0. score: how they become a number.
        asked: settings of each request, as canonical JSON. alpha: the chance to accuse a model that learnt nothing.

    Raises:
        ConfigError: a field out of form, or so few exchanges that the bound cannot be reached.
    """

    schema: str = SCHEMA
    mode: Literal["likelihood", "text"]
    subject: str
    seal: str
    root: str
    k: int
    order: str
    budget: int
    republished: int
    samples: int
    score: str
    asked: str
    alpha: float

    def __post_init__(self) -> None:
        if not self.subject.strip() or not 0 < self.alpha < 1:
            raise ConfigError("a plan names a subject, and an alpha strictly between 0 and 1")
        known = (TEXT_SCORE,) if self.mode == "text" else tuple(LIKELIHOODS)
        if self.score not in known or (self.samples >= 1) != (self.mode == "text"):
            raise ConfigError(f"a plan of mode {self.mode} scores by {', '.join(known)}; only text has samples")
        if self.budget < (least := fewest(self.k, self.alpha)):
            raise ConfigError(
                f"{self.budget:,} exchanges with {self.k} twins each can never reach alpha {self.alpha:g}: it takes "
                f"{least:,} at least, and many more as a rule"
            )

    @property
    def digest(self) -> str:
        """What a log or a notary dates before the first question."""
        return digest(self)


def fewest(k: int, alpha: float) -> int:
    """Exchanges without which no answers at all could reach the bound: each multiplies by at most k + 1."""
    return math.ceil(-math.log(alpha) / math.log(k + 1) - 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """One account's part: did the suspect learn from its exchanges? named: by e-BH over all accounts at alpha."""

    account: str
    evidence: Evidence
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the exchanges so far say.

    Attributes:
        accounts: the largest evidence first. done: exchanges judged. informative: those where the suspect's scores
            told the answers apart. unread, cut: exchanges and answers as of ``ghost_scores.Scored``.
    """

    word: Word
    evidence: Evidence
    accounts: tuple[Learnt, ...]
    done: int
    informative: int
    unread: int
    cut: int
    why: str


class Trial:
    """Bets on the exchanges in the plan's order, merged as ``Stakes`` are.

    Args:
        accounts: whose each exchange is, in the plan's order. released: the columns.
    """

    def __init__(self, plan: Plan, accounts: Sequence[str], released: Sequence[int]) -> None:
        if not len(accounts) == len(released) == plan.budget:
            raise ConfigError("the trial needs an account and a released column for each exchange of the plan")
        self.plan, self._accounts, self._released = plan, accounts, released
        self.done = self.informative = self.unread = self.cut = 0
        self._stakes = Stakes(NULL, accounts)
        self._merged = 0.0

    def add(self, scores: FloatArray, *, silent: bool = False, unread: bool = False, cut: int = 0) -> None:
        """Bet on the next exchange.

        Args:
            scores: float[k + 1]. silent: the suspect said nothing of its own, such as the refusal it always gives.
            unread, cut: as of ``ghost_scores.Scored``.
        """
        if self.over:
            raise ConfigError("the test is over: its plan has no further exchange")
        self._stakes.add(self._accounts[self.done], bets([scores], self._released[self.done : self.done + 1])[0])
        self.informative += int(not silent and len(set(np.asarray(scores).tolist())) > 1)
        self.unread += int(unread)
        self.cut += cut
        self.done += 1
        self._merged = self._stakes.merged

    @property
    def merged(self) -> float:
        """The log e-value so far."""
        return self._merged

    @property
    def crossed(self) -> bool:
        """Whether the plan's bound is reached. It ends the test."""
        return self.merged >= -math.log(self.plan.alpha)

    @property
    def over(self) -> bool:
        """No exchange is left, or the bound is reached."""
        return self.done == self.plan.budget or self.crossed

    def verdict(self, inputs: Sequence[str]) -> Verdict:
        """What the exchanges so far say.

        Args:
            inputs: digests of the seal and of what was answered; the plan's is put before.
        """
        word, why = self._word()
        evidence = self._evidence(self.plan.subject, NULL, self.merged, self.done, inputs, why)
        names, values = self._stakes.names, list(self._stakes.log_e.values())
        named = e_bh(values, self.plan.alpha).mask.tolist()
        asked = {name: self._accounts[: self.done].count(name) for name in names}
        rows = [
            Learnt(
                account=name,
                evidence=self._evidence(self.plan.subject, _null(name), value, asked[name], inputs, why),
                named=hit,
            )
            for name, value, hit in zip(names, values, named, strict=True)
        ]
        rows.sort(key=lambda row: (-row.evidence.log_e, row.account))
        return Verdict(
            word=word,
            evidence=evidence,
            accounts=tuple(rows),
            done=self.done,
            informative=self.informative,
            unread=self.unread,
            cut=self.cut,
            why=why,
        )

    def _word(self) -> tuple[Word, str]:
        if self.crossed:
            return "learnt", f"e reached 1 / alpha after {self.done:,} exchanges"
        if 2 * self.informative < self.done or not self.done:
            told = f"in {self.informative:,} of {self.done:,} exchanges only its answers told the k + 1 apart"
            return "cannot tell", told
        return "not shown", f"e is below 1 / alpha after {self.done:,} of {self.plan.budget:,} exchanges"

    def _evidence(self, subject: str, null: str, value: float, n: int, inputs: Sequence[str], why: str) -> Evidence:
        plan = self.plan
        params: dict[str, float | int | str] = {
            "mode": plan.mode,
            "score": plan.score,
            "k": plan.k,
            "samples": plan.samples,
            "budget": plan.budget,
        }
        return Evidence(
            subject=subject,
            null=null,
            kind="exact",
            method=METHOD,
            params={**params, "republished": plan.republished, "informative": self.informative},
            log_e=value,
            n=n,
            anytime=True,
            inputs=(plan.digest, *inputs),
            why=why,
        )


def _null(account: str) -> str:
    return f"the suspect learnt from none of the sealed exchanges of {account}"
