"""The seal binds all it should; the trial bets, merges, stops and names by its plan."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError, VerifyError
from gauger.lineage import ghost_seal
from gauger.lineage.ghost_scores import (
    Reading,
    by_likelihood,
    f_score,
    in_common,
    likeness,
    per_root,
    per_token,
    total,
    words_of,
)
from gauger.lineage.ghost_seal import ALARM, Opening, Seal, Twins, control, entry, shuffled, verify_opening
from gauger.lineage.ghost_trial import Plan, Trial, fewest
from gauger.lineage.ghosts import bets, log_e
from gauger.model import digest

SHA = "sha256:" + "a" * 64
PLAN = Plan(
    mode="likelihood",
    subject="s",
    seal=SHA,
    root=SHA,
    k=3,
    order=SHA,
    budget=40,
    republished=2,
    samples=0,
    score="total",
    asked="{}",
    alpha=1e-3,
)
TWINS = Twins(id="e", prompt=SHA, answers=("a", "b", "c"))
OPENING = Opening(id="e", account="x", salt="0" * 64, released=1)


def trial(accounts: list[str], plan: Plan = PLAN) -> Trial:
    plan = replace(plan, budget=len(accounts))
    return Trial(plan, accounts, [k % 4 for k in range(len(accounts))])


def knowing(at: int, strength: float = 9.0) -> np.ndarray:
    return np.eye(4)[at % 4] * strength


def test_each_thing_sealed_changes_the_entry() -> None:
    """A change of any field gives another entry, and nothing is read across a border of two fields."""
    others = [
        (replace(TWINS, id="f"), OPENING),
        (replace(TWINS, prompt="sha256:" + "b" * 64), OPENING),
        (replace(TWINS, answers=("b", "a", "c")), OPENING),
        (replace(TWINS, answers=("a", "b", "c", "")), OPENING),
        (replace(TWINS, answers=("a", 'b","c')), OPENING),
        (TWINS, replace(OPENING, account="y")),
        (TWINS, replace(OPENING, salt="0" * 63 + "1")),
        (TWINS, replace(OPENING, released=2)),
    ]
    assert len({entry(TWINS, OPENING), *(entry(*pair) for pair in others)}) == len(others) + 1


def test_an_opening_is_held_against_the_seal() -> None:
    twins = [replace(TWINS, id=f"e{k}") for k in range(5)]
    openings = [replace(OPENING, id=f"e{k}", salt=f"{k:064x}") for k in range(5)]
    root = ghost_seal.root(twins, openings)
    seal = Seal(root=root, size=5, k=2, chosen=SHA, twins=SHA, created=datetime(2026, 1, 1, tzinfo=UTC))
    verify_opening(seal, twins, openings)
    with pytest.raises(VerifyError, match="not what"):
        verify_opening(seal, twins, [replace(openings[0], released=0), *openings[1:]])
    with pytest.raises(VerifyError):
        verify_opening(seal, twins[:4], openings[:4])
    with pytest.raises(VerifyError):
        verify_opening(replace(seal, size=4), twins, openings)
    for bad in ([], openings[::-1], [openings[0]] * 5, [replace(openings[0], released=3), *openings[1:]]):
        with pytest.raises(InputError):
            ghost_seal.root(twins if bad else [], bad)


def test_every_order_is_as_likely() -> None:
    rng = np.random.default_rng(3)
    draw = lambda: shuffled("e", "x", SHA, "abc", below=lambda n: int(rng.integers(n)), salt=bytes(32))  # noqa: E731
    counts = dict[tuple[str, ...], int]()
    for twins, opening in (draw() for _ in range(6000)):
        assert twins.answers[opening.released] == "a"
        counts[twins.answers] = counts.get(twins.answers, 0) + 1
    assert len(counts) == 6
    assert max(abs(n - 1000) for n in counts.values()) < 4.5 * math.sqrt(6000 * 5 / 36)


@pytest.mark.parametrize("kind", ["alike", "longer", "shorter", "odd one out", "least odd"])
def test_the_control_sees_twins_that_are_none(kind: str) -> None:
    rng = np.random.default_rng(4)
    text = lambda n=20: " ".join(f"w{w}" for w in rng.integers(50, size=n))  # noqa: E731
    made = []
    for k in range(60):
        twins = [text() for _ in range(3)] if kind != "odd one out" else [text()] * 3
        mine = {"longer": text(23), "shorter": text(17), "least odd": " ".join(t[:9] for t in twins)}.get(kind, text())
        below = lambda n: int(rng.integers(n))  # noqa: E731
        made.append(shuffled(f"e{k}", "x", SHA, [mine, *twins], below=below, salt=rng.bytes(32)))
    value = control([m[0] for m in made], [m[1] for m in made])
    assert (value >= ALARM) == (kind != "alike"), value


def test_the_verdict_is_the_mean_of_all_and_of_the_accounts() -> None:
    accounts = ["a", "b", "a", "b", "b", "c"]
    judge = trial(accounts, replace(PLAN, alpha=1e-9, k=99))
    released = [k % 4 for k in range(6)]
    table = np.random.default_rng(1).normal(size=(6, 4))
    for row in table:
        judge.add(row)
    gains = bets(table, released)
    by = [log_e(gains[[k for k, a in enumerate(accounts) if a == name]].sum(axis=0)) for name in "abc"]
    wanted = 0.5 * np.exp(log_e(gains.sum(axis=0))) + 0.5 * np.mean(np.exp(by))
    assert math.exp(judge.merged) == pytest.approx(wanted)
    found = {row.account: row.evidence.log_e for row in judge.verdict([SHA]).accounts}
    assert [found[name] for name in "abc"] == pytest.approx(by)


def test_it_stops_at_the_bound_and_names_whose_exchanges() -> None:
    accounts = ["guilty" if k % 2 else "innocent" for k in range(40)]
    judge, at = trial(accounts), 0
    while not judge.over:
        judge.add(knowing(at) if at % 2 else np.random.default_rng(at).normal(size=4))
        at += 1
    verdict = judge.verdict([SHA])
    assert (verdict.word, verdict.done < 40, verdict.done) == ("learnt", True, at)
    assert verdict.evidence.inputs == (judge.plan.digest, SHA)
    assert verdict.evidence.log_e >= math.log(1000)
    assert (verdict.evidence.kind, verdict.evidence.n, verdict.evidence.params["republished"]) == ("exact", at, 2)
    assert [(a.account, a.named, a.evidence.n) for a in verdict.accounts] == [
        ("guilty", True, at // 2), ("innocent", False, (at + 1) // 2)
    ]  # fmt: skip
    assert len({a.evidence.null for a in verdict.accounts} | {verdict.evidence.null}) == 3
    with pytest.raises(ConfigError, match="is over"):
        judge.add(knowing(0))


def test_what_was_not_read_or_cut_is_counted() -> None:
    judge = trial(["a"] * 10)
    judge.add(np.zeros(4), unread=True)
    judge.add(np.array([0.0, 0, 0, 1]), cut=3)
    judge.add(np.array([0.0, 0, 0, 1]), cut=1)
    verdict = judge.verdict([SHA])
    assert (verdict.done, verdict.informative, verdict.unread, verdict.cut) == (3, 2, 1, 4)


def test_one_account_of_very_many_is_found() -> None:
    """The product over all would drown it."""
    rng = np.random.default_rng(7)
    judge = trial([f"a{k % 20}" for k in range(400)])
    while not judge.over:
        judge.add(knowing(judge.done) if judge.done % 20 == 5 else rng.normal(size=4, scale=9))
    verdict = judge.verdict([SHA])
    assert verdict.word == "learnt"
    assert [a.account for a in verdict.accounts if a.named] in ([], ["a5"])
    assert verdict.accounts[0].account == "a5"


@pytest.mark.parametrize("case", ["ties", "silent", "half", "nothing"])
def test_a_suspect_that_says_nothing_of_them_is_not_judged(case: str) -> None:
    judge = trial(["a"] * 10)
    for k in range(0 if case == "nothing" else 10):
        tied = case == "ties" or (case == "half" and k < 4)
        judge.add(np.zeros(4) if tied else np.random.default_rng(k).normal(size=4), silent=case == "silent")
    assert judge.verdict([SHA]).word == ("not shown" if case == "half" else "cannot tell")


def test_plans_out_of_form() -> None:
    assert fewest(3, 1e-3) == 5
    assert math.exp(log_e(bets([knowing(0, 1e9)] * 5, [0] * 5).sum(axis=0))) >= 1000
    assert fewest(1, 0.5) == 1
    replace(PLAN, budget=5)
    for change in (
        {"budget": 4},
        {"subject": " "},
        {"alpha": 0.0},
        {"score": "likeness"},
        {"mode": "text"},
        {"samples": 2},
        {"mode": "text", "samples": 2},
    ):
        with pytest.raises(ConfigError):
            replace(PLAN, **change)
    replace(PLAN, mode="text", samples=2, score="likeness")
    assert digest(PLAN) == PLAN.digest != replace(PLAN, budget=39).digest
    with pytest.raises(ConfigError, match="for each exchange"):
        Trial(PLAN, ["a"], [0])


def test_scores_by_likelihood() -> None:
    mine, other = np.array([-1.0, -2, -1, -4]), np.array([-2.0, -3, -5])
    assert total(mine, other) == 2
    assert per_root(mine, other) == 1
    assert per_token(mine, other) == 8
    assert [f(np.empty(0), np.empty(0)) for f in (total, per_root, per_token)] == [0, 0, 0]


TEXT = "one two three"
REFUSED: Reading = (np.empty(0, np.int64), np.empty(0))


def read(*places: int) -> Reading:
    """Tokens that begin there, of -1, -2, ... nats; before the last of the places reading ended."""
    return np.array(places), -np.append(np.arange(1.0, len(places)), 0)


@pytest.mark.parametrize(
    ("mine", "other", "told"),
    [
        (read(0, 4, 8, 13), read(0, 3, 7, 13), ([-1, -2, -3], [-1, -2, -3], True)),  # blanks before or after the words
        (read(0, 4, 8, 13), read(0, 4, 8), ([-1, -2], [-1, -2], False)),
        (read(0, 4, 8, 13), read(0, 2, 4, 6, 10), ([-1], [-1, -2], False)),  # "three" is one token to the first
        (read(4, 8, 13), read(0, 4, 8, 13), ([-1, -2], [-2, -3], False)),  # "one" began before the answer
        (read(0, 13), read(0, 4, 8, 13), ([-1], [-1, -2, -3], True)),
        (read(0, 0, 0, 13), read(0, 4, 8, 13), ([-1, -2, -3], [-1, -2, -3], True)),  # a tokenizer that does not tell
        (read(0, 0, 0), read(0, 4, 8, 13), ([], [], False)),
        (read(0, 5, 9), read(4, 8, 13), ([], [], False)),
        (read(0), read(0, 4, 8, 13), ([], [], False)),  # the prompt alone was too long
        (REFUSED, read(0, 4, 8, 13), ([], [], False)),
    ],
)
def test_models_are_compared_over_the_same_characters(mine: Reading, other: Reading, told: tuple[object, ...]) -> None:
    log_p, whole = in_common(TEXT, [mine, other])
    assert (*(values.tolist() for values in log_p), whole) == told
    log_p, whole = in_common(TEXT, [other, mine])
    assert (*(values.tolist() for values in log_p[::-1]), whole) == told


def test_one_answer_that_was_not_read_leaves_all_even() -> None:
    """By either model, and whichever answer it is. Else a sum over no tokens would be the highest of all."""
    full, cut = read(0, 4, 8, 13), read(0, 4, 8)
    assert by_likelihood("total", [TEXT] * 3, [[full, full], [full, cut], [cut, full]])[1:] == (False, 2)
    for models in ([REFUSED, full], [full, REFUSED], [read(0), full]):
        for at in range(3):
            found = by_likelihood("total", [TEXT] * 3, [models if at == k else [cut, full] for k in range(3)])
            assert (found.scores.tolist(), *found[1:]) == ([0, 0, 0], True, 0)
    found = by_likelihood("per-token", [TEXT, TEXT], [[full], [cut]])
    assert (found.scores.tolist(), *found[1:]) == ([-32, -24], False, 1)
    assert by_likelihood("total", [TEXT, TEXT], [[full], [REFUSED]]).unread


@pytest.mark.parametrize("spoilt", ["refused", "cut"])
def test_a_few_answers_refused_or_cut_cost_little(spoilt: str) -> None:
    """A suspect to which what was released is .25 nats a token likelier, with a reference."""
    rng, gains = np.random.default_rng(0), {True: np.zeros(10), False: np.zeros(10)}
    for _ in range(100):
        lengths, released, readings = rng.integers(100, 600, size=4), int(rng.integers(4)), []
        for column, n in enumerate(lengths):
            other, places = -rng.gamma(2, 1, size=n), 4 * np.arange(n + 1)
            mine = other + rng.normal(0, 0.3, n) + 0.25 * (column == released)
            readings.append([(places, np.append(values, 0)) for values in (mine, other)])
        texts = ["w123" * int(n) for n in lengths]
        whole = by_likelihood("per-root", texts, readings)
        if spoilt == "cut":
            for models in readings:
                models[1] = tuple(values[:301] for values in models[1])
        elif rng.random() < 0.05:
            readings[rng.integers(4)][0] = REFUSED
        for ours, scores in ((False, whole.scores), (True, by_likelihood("per-root", texts, readings).scores)):
            gains[ours] += bets([scores], [released])[0]
    assert log_e(gains[True]) > 0.85 * log_e(gains[False]) > 100


def test_likeness_counts_what_only_few_of_the_answers_say() -> None:
    answers = words_of(["the cat sat on the mat", "the cat ate the hat", "the cat ran off", "The CAT sat on the mat!"])
    said = words_of(["so the cat ate a hat"])
    scores = likeness(said, answers)
    assert scores.argmax() == 1
    assert scores[0] == scores[3]
    assert likeness(words_of(["the cat"]), answers).tolist() == [0, 0, 0, 0]  # all say that
    assert likeness([], answers).tolist() == [0, 0, 0, 0]
    assert likeness(said * 3, answers) == pytest.approx(scores)
    assert f_score(said, answers).argmax() == 1
    assert words_of([]) == []
    assert [len(words) for words in words_of(["", "a", "日本 語"])] == [0, 1, 3]
