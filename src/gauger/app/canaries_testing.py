"""A suspect tested by sealed canaries: the plan, the questions in its order, and the bets on what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from gauger.app.ghosts_asking import Ask, Settings, Wish, asking
from gauger.app.ghosts_testing import ANSWERS, answers_to, scored
from gauger.edge.answers import Journal
from gauger.edge.lineage.canary_files import Sent, read_asked, read_choices, read_policy, read_seal, read_sent
from gauger.edge.lineage.ghost_files import Shown
from gauger.edge.suspects import Answer
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Message
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.lineage.canaries import Canary
from gauger.lineage.canary_planting import Policy
from gauger.lineage.canary_seal import Choice, Seal, verify_choices
from gauger.lineage.canary_trial import Plan, Step, Trial, Verdict
from gauger.lineage.ghost_trial import TEXT_SCORE
from gauger.model import canonical_json, digest

SCORE = "total"

Rule = Literal["anytime", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What a plan is about.

    Attributes:
        canaries: all of the seal. rows: those that are asked, in order. pairs: account's party and canary in the order
            in which they were planted first, or none. each: how many questions a canary has.
    """

    plan: Plan
    seal: Seal
    canaries: tuple[Canary, ...]
    rows: tuple[Shown, ...]
    pairs: tuple[tuple[str, str], ...]
    each: int


@contextmanager
def prepared(
    wish: Wish, rule: Rule, planted: str | None, pace: Pace, root: str | None
) -> Iterator[tuple[Prepared, Ask]]:
    """The plan of a wish, and whoever answers its questions.

    Args:
        planted: the log of what was planted: bets are laid on that alone. root: that was logged when it was sealed.

    Raises:
        VerifyError: another root, or the files are not the seal's. ConfigError: no plan can be made of this. And what
            models raise.
    """
    seal = read_seal(wish.folder)
    if root is not None and seal.root != root:
        raise VerifyError(f"{wish.folder}: its root is {seal.root}: this is not the seal that was logged")
    canaries = read_asked(wish.folder, seal)
    sent, log = ([], "") if planted is None else read_sent(planted)
    pairs = _pairs(sent, read_policy(wish.folder, seal), canaries, planted) if planted is not None else ()
    names = list(dict.fromkeys(canary for _, canary in pairs)) or [canary.id for canary in canaries]
    count = len(names) if wish.budget is None else wish.budget
    if count > len(names):
        raise ConfigError(f"the budget is {count:,} canaries, but there are {len(names):,}")
    known = {canary.id: canary for canary in canaries}
    rows = tuple(_shown(known[name]) for name in names[:count])
    each = wish.samples if wish.by == "text" else seal.m * wish.models
    with asking(wish, rows, pace) as (ask, settings):
        plan = _plan(wish, rule, seal, rows, log, settings)
        yield Prepared(plan=plan, seal=seal, canaries=canaries, rows=rows, pairs=pairs, each=each), ask


def opened(test: Prepared, path: Path) -> Trial:
    """The trial, once the choices are held against the seal.

    Raises:
        VerifyError: they are not what was sealed. InputError: the file cannot be read.
    """
    made = read_choices(path)
    verify_choices(test.seal, test.canaries, made)
    place = {row.id: at for at, row in enumerate(test.rows)}
    served = {(c.party, c.canary): c for c in made if not c.decoy and c.canary in place}
    # Canary by canary where no log says in which order they went out: no choice has a hand in either order.
    canary_by_canary = sorted(served, key=lambda pair: (place[pair[1]], pair[0]))
    order = [pair for pair in test.pairs if pair[1] in place] or canary_by_canary
    steps = [Step(canary=place[canary], party=party, column=served[party, canary].column) for party, canary in order]
    return Trial(test.plan, steps, _decoys(made, test.rows))


def run(test: Prepared, ask: Ask, trial: Trial | None, out: Path, say: Callable[[str], None]) -> Verdict | None:
    """Ask canary by canary what the journal does not hold; with a trial, bet and stop when it is over.

    Returns:
        the verdict, or None without a trial.
    """
    said = list[Answer]()
    with Journal(out / ANSWERS, test.plan.digest, len(test.rows) * test.each) as journal:
        for at, row in enumerate(test.rows):
            if trial is not None and trial.wanted is None:
                break
            answers = answers_to(test.plan.mode, test.each, at, row, ask, journal)
            said += answers
            if trial is not None:
                found = scored(test.plan.mode, test.plan.score, row, answers)
                trial.add(at, found.scores, unread=found.unread, cut=found.cut)
            if (at + 1) % 25 == 0 or at + 1 == len(test.rows):
                say(f"{at + 1:,} of {len(test.rows):,} canaries asked")
    if trial is None:
        return None
    return trial.verdict([test.plan.seal, digest([msgspec.to_builtins(answer) for answer in said])])


def _pairs(
    sent: Sequence[Sent], policy: Policy, canaries: Sequence[Canary], source: str | None
) -> tuple[tuple[str, str], ...]:
    known = {canary.id: canary for canary in canaries}
    found = dict[tuple[str, str], None]()
    for line, row in enumerate(sent, 1):
        if row.account not in policy.parties or row.canary not in known:
            raise InputError("an account or a canary that is not sealed here", source=source or "", line=line)
        if row.text and not any(note in row.text for note in known[row.canary].notes):
            raise InputError("the text has none of the canary's notes", source=source or "", line=line)
        found[policy.parties[row.account], row.canary] = None
    return tuple(found)


def _decoys(made: Sequence[Choice], rows: Sequence[Shown]) -> dict[str, list[int]]:
    columns = {(c.party, c.canary): c.column for c in made if c.decoy}
    names = sorted({party for party, _ in columns})
    return {name: [columns[name, row.id] for row in rows] for name in names}


def _shown(canary: Canary) -> Shown:
    return Shown(id=canary.id, messages=(Message(role="user", content=canary.question),), answers=canary.notes)


def _plan(wish: Wish, rule: Rule, seal: Seal, rows: Sequence[Shown], planted: str, settings: Settings) -> Plan:
    return Plan(
        mode=wish.by,
        subject=wish.subject,
        seal=digest(seal),
        root=seal.root,
        m=seal.m,
        parties=seal.parties,
        order=digest([row.id for row in rows]),
        budget=len(rows),
        planted=planted,
        samples=wish.samples if wish.by == "text" else 0,
        score=TEXT_SCORE if wish.by == "text" else wish.score or SCORE,
        rule=rule,
        asked=canonical_json(settings).decode(),
        alpha=wish.alpha,
    )
