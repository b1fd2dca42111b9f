"""The test of a suspect by canaries: a plan that is fixed first, then bets on each party's choices, canary by canary.

    trial = Trial(plan, steps, decoys)
    while (at := trial.wanted) is not None: trial.add(at, the suspect's scores of that canary's m notes)
    trial.verdict(inputs)

One question serves all parties: the scores are the suspect's, and each party's choice is a coin of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gauger.errors import ConfigError
from gauger.lineage.ghost_scores import LIKELIHOODS
from gauger.lineage.ghost_trial import TEXT_SCORE, fewest
from gauger.lineage.ghosts import bets
from gauger.lineage.stakes import Stakes
from gauger.model import Evidence, digest
from gauger.stats import FloatArray
from gauger.stats.multiple import e_bh, holm
from gauger.stats.tails import binomial_log_upper

SCHEMA = "gauger/canary-plan/1"
METHOD = "canaries"
NULL = (
    "the suspect learnt from no text with the sealed choices: to it, each answer of a canary is as likely the one that "
    "a party was served"
)
DECOYS = "the suspect knows no decoy's choices, which nobody was ever served"
Word = Literal["learnt", "not shown", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that could be fitted to the suspect's answers, fixed before them.

    Attributes:
        mode, subject, samples, score, asked, alpha: as of ``ghost_trial.Plan``. seal: digest of the seal's record;
            root: of its tree. m: answers of a canary. order: digest of the ids of the canaries that are asked, in
            order; budget: how many. planted: digest of the log of what was planted, to which the bets keep, or "".
        rule: ``anytime`` stops at the bound and names by e-BH; ``fixed`` asks all and names by Holm over exact tails.

    Raises:
        ConfigError: a field out of form, or so few canaries that the bound cannot be reached.
    """

    schema: str = SCHEMA
    mode: Literal["likelihood", "text"]
    subject: str
    seal: str
    root: str
    m: int
    parties: int
    order: str
    budget: int
    planted: str
    samples: int
    score: str
    rule: Literal["anytime", "fixed"]
    asked: str
    alpha: float

    def __post_init__(self) -> None:
        if not self.subject.strip() or not 0 < self.alpha < 1:
            raise ConfigError("a plan names a subject, and an alpha strictly between 0 and 1")
        known = (TEXT_SCORE,) if self.mode == "text" else tuple(LIKELIHOODS)
        if self.score not in known or (self.samples >= 1) != (self.mode == "text"):
            raise ConfigError(f"a plan of mode {self.mode} scores by {', '.join(known)}; only text has samples")
        if self.rule == "fixed" and self.planted:
            raise ConfigError("how much was planted may hang on what was planted before, so --planted is for --anytime")
        if self.budget < (least := fewest(self.m - 1, self.alpha)):
            raise ConfigError(
                f"{self.budget:,} canaries of {self.m} answers can hardly reach alpha {self.alpha:g}: it takes "
                f"{least:,} at least, and more as a rule"
            )

    @property
    def digest(self) -> str:
        """What a log or a notary dates before the first question."""
        return digest(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A bet. canary: its place in the order of asking. column: of the note that the party was served."""

    canary: int
    party: str
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """One party's part. hits: canaries of which its answer was what the suspect liked best, of ``evidence.n``."""

    party: str
    evidence: Evidence
    hits: int
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the canaries so far say.

    Attributes:
        parties: the largest evidence first. done: canaries asked. informative: those whose answers the suspect told
            apart. unread, cut: canaries and notes as of ``ghost_scores.Scored``. decoys: each decoy's log e, the
            largest first.
    """

    word: Word
    evidence: Evidence
    parties: tuple[Learnt, ...]
    done: int
    informative: int
    unread: int
    cut: int
    decoys: tuple[float, ...]
    why: str


class Trial:
    """Bets step by step.

    Null: as ``NULL`` says; for a party, of its choices alone. True by our own randomness: the key's columns are uniform
        and independent of all that the suspect is, says and knows of other parties' columns.
    Guarantee: rule ``anytime``: P(ever merged >= log(1/alpha)) <= alpha, and the false discovery rate over the named
        parties is at most alpha; ``fixed``: the chance to name any party wrongly, or to say "learnt" wrongly, is.
    Not claimed: the null once choices leaked, were republished, or came to the suspect by a later model of our own
        that was trained on what it had been served. Who trained the suspect.
    Source: as ``ghosts.log_e``; exact binomial tails; Holm 1979; Wang & Ramdas 2022.  Deviates: a tie for what the
        suspect likes best is no hit, which only makes the tail larger.

    Args:
        steps: in an order in which whether a step is there never hangs on its own column: all parties canary by
            canary, or as they were planted first. decoys: columns by decoy, of every canary in the order of asking.
    """

    def __init__(self, plan: Plan, steps: Sequence[Step], decoys: Mapping[str, Sequence[int]]) -> None:
        if not steps or not all(0 <= s.canary < plan.budget for s in steps):
            raise ConfigError("the trial needs steps, each of a canary of the plan")
        self.plan, self._steps, self._columns = plan, steps, decoys
        self._stakes = Stakes(NULL, [step.party for step in steps])
        self._decoys = Stakes(DECOYS, decoys)
        self._scores = dict[int, FloatArray]()
        self._hits, self._bets = Counter[str](), Counter[str]()
        self.done = self.informative = self.unread = self.cut = self._at = 0
        self.merged = 0.0

    @property
    def crossed(self) -> bool:
        """Whether the bound is reached, which ends a test of rule ``anytime``."""
        return self.plan.rule == "anytime" and self.merged >= -math.log(self.plan.alpha)

    @property
    def wanted(self) -> int | None:
        """The canary that is to be asked next; None when the test is over."""
        return None if self.crossed or self._at == len(self._steps) else self._steps[self._at].canary

    def add(self, canary: int, scores: FloatArray, *, unread: bool = False, cut: int = 0) -> None:
        """Take the suspect's scores of a canary's notes, float[m], and make all bets that can be made.

        Args:
            unread, cut: as of ``ghost_scores.Scored``.
        """
        if canary != self.wanted:
            raise ConfigError("that canary is not asked for now")
        row = np.asarray(scores, np.float64)
        self._scores[canary] = row
        self.done += 1
        self.unread += int(unread)
        self.cut += cut
        self.informative += int(len(set(row.tolist())) > 1)
        columns = [columns[canary] for columns in self._columns.values()]
        for name, gains in zip(self._columns, _gains(row, columns), strict=True):
            self._decoys.add(name, gains)
        while (at := self.wanted) is not None and at in self._scores:
            self._bet(self._scores[at], self._run(at))

    def _run(self, canary: int) -> Sequence[Step]:
        """The next steps, as far as they are of this canary: bet on together."""
        end = self._at
        while end < len(self._steps) and self._steps[end].canary == canary:
            end += 1
        return self._steps[self._at : end]

    def _bet(self, scores: FloatArray, steps: Sequence[Step]) -> None:
        best = np.flatnonzero(scores == scores.max()).tolist()
        for step, gains in zip(steps, _gains(scores, [step.column for step in steps]), strict=True):
            self._stakes.add(step.party, gains)
            self._hits[step.party] += int(best == [step.column])
            self._bets[step.party] += 1
        self._at += len(steps)
        self.merged = self._stakes.merged

    def verdict(self, inputs: Sequence[str]) -> Verdict:
        """What the canaries so far say.

        Args:
            inputs: digests of the seal and of what was answered; the plan's is put before.
        """
        values = self._stakes.log_e
        log_p = [self._log_p(self._hits[name], self._bets[name]) for name in values]
        whole = self._log_p(self._hits.total(), self._bets.total())
        named, found = self._decided(list(values.values()), [whole, *log_p])
        decoys = sorted(self._decoys.log_e.values(), reverse=True)
        word, why = self._word(found, bool(e_bh(decoys, self.plan.alpha).mask.any()))
        rows = [
            Learnt(
                party=name,
                evidence=self._evidence(_null(name), value, self._bets[name], self._hits[name], p, inputs, why),
                hits=self._hits[name],
                named=hit and word == "learnt",
            )
            for (name, value), p, hit in zip(values.items(), log_p, named, strict=True)
        ]
        rows.sort(key=lambda row: (-row.evidence.log_e, row.party))
        total = self._hits.total()
        return Verdict(
            word=word,
            evidence=self._evidence(NULL, self.merged, self._bets.total(), total, whole, inputs, why),
            parties=tuple(rows),
            done=self.done,
            informative=self.informative,
            unread=self.unread,
            cut=self.cut,
            decoys=tuple(decoys),
            why=why,
        )

    def _decided(self, values: Sequence[float], log_p: Sequence[float]) -> tuple[list[bool], bool]:
        """Which parties are named, and whether anything is found. log_p: of all together, then of each party."""
        if self.plan.rule == "anytime":
            return e_bh(values, self.plan.alpha).mask.tolist(), self.crossed
        mask = holm(np.exp(log_p), self.plan.alpha).mask.tolist()
        over = self._at == len(self._steps)
        return [hit and over for hit in mask[1:]], over and any(mask)

    def _word(self, found: bool, decoy: bool) -> tuple[Word, str]:
        if decoy:
            return "cannot tell", "it seems to know a decoy, whose choices nobody was served: something here is broken"
        if found:
            bound = "e reached 1 / alpha" if self.plan.rule == "anytime" else "an exact tail is below Holm's bound"
            return "learnt", f"{bound} after {self.done:,} canaries"
        if 2 * self.informative < self.done or not self.done:
            told = f"in {self.informative:,} of {self.done:,} canaries only it told the answers apart"
            return "cannot tell", told
        return "not shown", f"the bound is not reached after {self.done:,} of {self.plan.budget:,} canaries"

    def _log_p(self, hits: int, n: int) -> float:
        return float(binomial_log_upper(hits, n, 1 / self.plan.m))

    def _evidence(
        self, null: str, value: float, n: int, hits: int, log_p: float, inputs: Sequence[str], why: str
    ) -> Evidence:
        plan = self.plan
        params: dict[str, float | int | str] = {
            "mode": plan.mode,
            "score": plan.score,
            "rule": plan.rule,
            "m": plan.m,
            "samples": plan.samples,
            "budget": plan.budget,
            "informative": self.informative,
            "hits": hits,
        }
        # A tail is exact for what was planned only, so a test that may stop early has none.
        tail = {"log_p": log_p} if plan.rule == "fixed" and self._at == len(self._steps) else {}
        return Evidence(
            subject=plan.subject,
            null=null,
            kind="exact",
            method=METHOD,
            params={**params, **tail},
            log_e=value,
            n=n,
            anytime=True,
            inputs=(plan.digest, *inputs),
            why=why,
        )


def _gains(scores: FloatArray, columns: Sequence[int]) -> FloatArray:
    """Of bets by one row of scores on several columns, float64[columns, len(BETS)]."""
    return bets(np.tile(scores, (len(columns), 1)), np.array(columns, np.int64))


def _null(party: str) -> str:
    return f"the suspect learnt from no text with the choices that were served to {party}"
