"""A suspect tested by sealed ghost twins: the plan, the questions in its order, and the bets on what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from gauger.app.ghosts_asking import Ask, Settings, Wish, asking
from gauger.app.lineage_reaching import text_of
from gauger.edge.answers import Journal
from gauger.edge.lineage.ghost_files import Shown, read_openings, read_seal, read_twins
from gauger.edge.suspects import Answer, Predicted
from gauger.edge.suspects.pace import Pace
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.lineage.ghost_choice import REPUBLISHED, dropped, folded
from gauger.lineage.ghost_scores import Reading, Scored, by_likelihood, likeness, words_of
from gauger.lineage.ghost_seal import Seal, verify_opening
from gauger.lineage.ghost_trial import TEXT_SCORE, Plan, Trial, Verdict
from gauger.model import canonical_json, digest

ANSWERS = "answers.jsonl"
SCORES = {True: "per-root", False: "per-token"}  # with a reference, and without
OPENS_ALIKE = 12  # words by which two answers to different prompts pass for one that is always given


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What a plan is about.

    Attributes:
        sealed: every exchange of the seal. rows: those that are tested, in order. each: how many questions one has.
    """

    plan: Plan
    seal: Seal
    sealed: tuple[Shown, ...]
    rows: tuple[Shown, ...]
    each: int

    @property
    def questions(self) -> int:
        """Of the whole plan."""
        return len(self.rows) * self.each


@contextmanager
def prepared(wish: Wish, reposts: str, pace: Pace, root: str | None = None) -> Iterator[tuple[Prepared, Ask]]:
    """The plan of a wish, and whoever answers its questions.

    Args:
        reposts: folded text; exchanges with an answer in it are left out. root: that was logged when it was sealed.

    Raises:
        VerifyError: another root, or the twins are not the seal's. ConfigError: no plan can be made of this. And what
            models raise.
    """
    seal = read_seal(wish.folder)
    if root is not None and seal.root != root:
        raise VerifyError(f"{wish.folder}: its root is {seal.root}: this is not the seal that was logged")
    every = read_twins(wish.folder, seal)
    if len(every) != seal.size or {len(row.answers) for row in every} != {seal.k + 1}:
        raise VerifyError(f"{wish.folder}: an exchange has not the {seal.k} twins that the seal says")
    rows = [row for row in every if dropped(row.answers, (), reposts) != REPUBLISHED]
    count = len(rows) if wish.budget is None else wish.budget
    if not rows:
        raise InputError("every exchange has an answer in the reposts: none is left to test", source=str(wish.folder))
    if count > len(rows):
        raise ConfigError(f"the budget is {count:,} exchanges, but there are {len(rows):,}")
    kept, republished = tuple(rows[:count]), len(every) - len(rows)
    each = wish.samples if wish.by == "text" else (seal.k + 1) * wish.models
    with asking(wish, kept, pace) as (ask, settings):
        plan = _plan(wish, seal, kept, republished, settings)
        yield Prepared(plan=plan, seal=seal, sealed=tuple(every), rows=kept, each=each), ask


def opened(test: Prepared, path: Path) -> Trial:
    """The trial, once the openings are held against the seal.

    Raises:
        VerifyError: they are not what was sealed. InputError: the file cannot be read.
    """
    openings = read_openings(path)
    verify_opening(test.seal, [row.twins for row in test.sealed], openings)
    by_id = {opening.id: opening for opening in openings}
    mine = [by_id[row.id] for row in test.rows]
    return Trial(test.plan, [o.account for o in mine], [o.released for o in mine])


def run(test: Prepared, ask: Ask, trial: Trial | None, out: Path, say: Callable[[str], None]) -> Verdict | None:
    """Ask exchange by exchange what the journal does not hold; with a trial, bet and stop when it is over.

    Returns:
        the verdict, or None without a trial.
    """
    said, seen = list[Answer](), set[str]()
    with Journal(out / ANSWERS, test.plan.digest, test.questions) as journal:
        for at, row in enumerate(test.rows):
            if trial is not None and trial.over:
                break
            answers = answers_to(test.plan.mode, test.each, at, row, ask, journal)
            said += answers
            if trial is not None:
                found = scored(test.plan.mode, test.plan.score, row, answers)
                silent = test.plan.mode == "text" and _silent(answers, seen)
                trial.add(found.scores, silent=silent, unread=found.unread, cut=found.cut)
            if (at + 1) % 25 == 0 or at + 1 == len(test.rows):
                say(f"{at + 1:,} of {len(test.rows):,} exchanges asked")
    if trial is None:
        return None
    return trial.verdict([test.plan.seal, digest([msgspec.to_builtins(answer) for answer in said])])


def scored(mode: str, score: str, row: Shown, answers: Sequence[Answer]) -> Scored:
    """The exchange's scores."""
    if mode == "text":
        said = words_of([text_of(answer, at) for at, answer in enumerate(answers)])
        return Scored(likeness([words for words in said if words], words_of(row.answers)))
    read, count = [_reading(answer, at) for at, answer in enumerate(answers)], len(row.answers)
    return by_likelihood(score, row.answers, [read[column::count] for column in range(count)])


def answers_to(mode: str, each: int, at: int, row: Shown, ask: Ask, journal: Journal) -> list[Answer]:
    """To the questions of one exchange. Of equal answers one is read: they have one score to the last bit."""
    first = at * each
    for k in range(each):
        if first + k not in journal.answers:
            twin = k if mode == "text" else _first_equal(row.answers, k)
            journal.append(first + k, journal.answers[first + twin] if twin < k else ask(first + k))
    return [journal.answers[first + k] for k in range(each)]


def _reading(answer: Answer, index: int) -> Reading:
    if not isinstance(answer, Predicted):
        raise ConfigError(f"answer {index + 1:,} is text, and the plan is for log-probabilities")
    places, log_p = answer.arrays()
    return places[:, 0].astype(np.int64), log_p[:, 0]


def _first_equal(answers: Sequence[str], k: int) -> int:
    """The first question that reads the same text with the same model as question k."""
    model, column = divmod(k, len(answers))
    return model * len(answers) + answers.index(answers[column])


def _silent(answers: Sequence[Answer], seen: set[str]) -> bool:
    """Whether all are blank, or open as an answer to an earlier prompt did."""
    opens = {" ".join(folded(text_of(answer, 0)).split()[:OPENS_ALIKE]) for answer in answers}
    fresh = opens - seen - {""}
    seen |= opens
    return not fresh


def _plan(wish: Wish, seal: Seal, rows: Sequence[Shown], republished: int, settings: Settings) -> Plan:
    return Plan(
        mode=wish.by,
        subject=wish.subject,
        seal=digest(seal),
        root=seal.root,
        k=seal.k,
        order=digest([row.id for row in rows]),
        budget=len(rows),
        republished=republished,
        samples=wish.samples if wish.by == "text" else 0,
        score=TEXT_SCORE if wish.by == "text" else wish.score or SCORES[wish.reference is not None],
        asked=canonical_json(settings).decode(),
        alpha=wish.alpha,
    )
