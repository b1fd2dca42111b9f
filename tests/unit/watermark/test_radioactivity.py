"""A plan is kept to the letter: its keys, its outputs, its looks."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from gauger.errors import ConfigError
from gauger.watermark.habits import POWERS, Habits, habits, predictions
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.prf import key_words, value, window
from gauger.watermark.radioactivity import Closed, Opened, Plan, doubling
from gauger.watermark.reading import Reading, bets, log_e
from gauger.watermark.sampling import Response, sample
from gauger.watermark.served import served

SCHEME, VOCABULARY = "gumbel:h=1", 50


def key(party: str, **fields: str) -> Key:
    common = {"tenant": "t", "epoch": "e", "model": "m", "tokenizer": "k", "scheme": SCHEME}
    return derive(bytes(32), KeyContext(party=party, **(common | fields)))


OURS, OTHER = key("ours"), key("other")


def marked(n: int, secret: bytes | None, seed: int = 1) -> list[np.ndarray]:
    """n texts of 20 tokens drawn evenly."""
    rng, texts = np.random.default_rng(seed), np.zeros((n, 1), np.int64)
    responses = [Response(secret) for _ in range(n)]
    ids = np.broadcast_to(np.arange(VOCABULARY, dtype=np.uint32), (n, VOCABULARY))
    for _ in range(20):
        drawn = sample(scheme_named(SCHEME), responses, texts[:, -1:], ids, np.ones(ids.shape), rng)
        texts = np.hstack([texts, drawn[:, None].astype(np.int64)])
    return list(texts[:, 1:])


SERVED = served(marked(50, OURS.secret), h=1)
PLAN = Plan(
    mode="closed",
    subject="suspect",
    keys=(OURS.id, OTHER.id),
    commitment="",
    scheme=SCHEME,
    tokenizer="k",
    prompts="sha256:1",
    served=SERVED.digest,
    asked="{}",
    looks=(2, 4, 8),
    alpha=1e-6,
    created=datetime(2026, 1, 1, tzinfo=UTC),
)


def closed(**fields: object) -> Closed:
    return Closed(replace(PLAN, **fields), [OURS, OTHER], SERVED)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "another"),
        ("keys", (OURS.id,)),
        ("commitment", "sha256:2"),
        ("scheme", "gumbel:h=2"),
        ("tokenizer", "l"),
        ("prompts", "sha256:2"),
        ("served", "sha256:2"),
        ("unmarked", "sha256:2"),
        ("asked", '{"temperature":1}'),
        ("looks", (2, 4, 9)),
        ("alpha", 1e-5),
        ("created", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_whatever_changes_in_a_plan_changes_its_digest(field: str, value: object) -> None:
    assert replace(PLAN, **{field: value}).digest != PLAN.digest  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": "gauger/radioactivity-plan/2"},
        {"mode": "ajar"},
        {"subject": " "},
        {"keys": ()},
        {"keys": (OURS.id, OURS.id)},
        {"looks": ()},
        {"looks": (0, 2)},
        {"looks": (2, 2)},
        {"looks": tuple(range(1, 100))},
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"created": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"served": ""},
        {"mode": "open", "served": "", "unmarked": "sha256:2"},
        {"mode": "open"},
        {"scheme": "greenlist:h=0"},
        {"scheme": "unheard-of"},
    ],
)
def test_a_plan_out_of_form_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replace(PLAN, **fields)  # type: ignore[arg-type]


def test_looks_double_up_to_the_budget() -> None:
    assert doubling(100, first=32) == (32, 64, 100)
    assert doubling(32, first=32) == (32,)
    assert doubling(5, first=32) == (5,)
    with pytest.raises(ConfigError):
        doubling(0)


def test_other_keys_outputs_or_orders_than_the_plans_are_refused() -> None:
    for keys in ([OTHER, OURS], [OURS], [OURS, key("third")]):
        with pytest.raises(ConfigError, match="not the plan's keys"):
            Closed(PLAN, keys, SERVED)
    stranger = key("ours", tokenizer="l")
    with pytest.raises(ConfigError, match="tokenizer"):
        Closed(replace(PLAN, keys=(stranger.id,)), [stranger], SERVED)
    with pytest.raises(ConfigError, match="served outputs"):
        Closed(PLAN, [OURS, OTHER], served(marked(50, OURS.secret, seed=2), h=1))
    with pytest.raises(ConfigError, match="closed"):
        Opened(PLAN, [OURS, OTHER])


def test_the_key_that_was_learnt_from_is_named_and_no_other() -> None:
    test = closed(alpha=1e-15)
    texts = marked(8, OURS.secret, seed=9)
    test.add(texts[:2], [[], []])
    assert test.next_look == 4
    test.add(texts[2:3], [[]])
    test.add(texts[3:4], [[]])
    while test.next_look is not None:
        test.add(texts[test.done : test.next_look], [[]] * (test.next_look - test.done))
    verdict = test.verdict()
    assert verdict.crossed
    assert verdict.over
    assert verdict.named.tolist() == [True, False]
    mine, others = verdict.by_key
    assert mine.log_e > math.log(2e15) > 0 > others.log_e
    assert verdict.evidence.log_e == pytest.approx(mine.log_e - math.log(2), abs=1e-9)
    assert verdict.evidence.inputs[:3] == (test.plan.digest, OURS.id, OTHER.id)
    assert verdict.evidence.params["plan"] == test.plan.digest


def test_one_stops_at_the_first_look_that_decides() -> None:
    test = closed(alpha=0.2, looks=(4, 100))
    test.add(marked(4, OURS.secret, seed=9), [[]] * 4)
    assert test.next_look is None
    assert test.verdict().over
    with pytest.raises(ConfigError, match="next look"):
        test.add(marked(1, OURS.secret), [[]])


def test_without_a_look_there_is_no_evidence() -> None:
    test = closed()
    test.add(marked(1, OURS.secret, seed=9), [[]])
    verdict = test.verdict()
    assert [e.log_e for e in (verdict.evidence, *verdict.by_key)] == [0] * (1 + len(verdict.by_key))
    assert {e.why for e in (verdict.evidence, *verdict.by_key)} == {"no look is done yet, so no evidence"}
    assert (verdict.crossed, verdict.named.any()) == (False, False)
    with pytest.raises(ConfigError, match="next look"):
        test.add(marked(3, OURS.secret), [[]] * 3)


def test_answers_without_a_served_window_say_nothing() -> None:
    test = closed()
    test.add([np.arange(1000, 1020), np.arange(2000, 2020)], [[], []])
    verdict = test.verdict()
    assert verdict.evidence.n == 0
    assert "no evidence" in verdict.evidence.why
    assert verdict.evidence.log_e == pytest.approx(-math.log(3))  # one of three looks, at an e-value of 1


def test_a_window_counts_once_however_often_it_comes() -> None:
    texts, n, log_e = marked(4, None, seed=9), [], []
    for copies in (1, 50):
        test = closed(looks=(4 * copies,))
        test.add(texts * copies, [[]] * 4 * copies)
        n.append(test.verdict().evidence.n)
        log_e.append(test.verdict().evidence.log_e)
    assert n[0] == n[1]
    assert max(log_e) < math.log(20)  # copies of a text that was scored each by itself would pass any bound or none


def test_what_unmarked_text_says_anyway_is_no_habit() -> None:
    texts = marked(40, None, seed=9)
    usual = habits(texts, h=1)
    often = Habits(pairs=usual.pairs, counts=1000 * usual.counts)
    other = Habits(pairs=np.array([[1, 49]], np.uint32), counts=np.array([9]))
    found = predictions(usual + other, often, SERVED)
    strongest = np.unravel_index(np.abs(found.weights).argmax(), found.weights.shape)
    assert (found.windows[strongest[0], 0], found.ids[strongest]) == (1, 49)
    alone = predictions(usual + other, Habits.none(1), SERVED)
    assert np.abs(found.weights).sum() < np.abs(alone.weights).sum() / 5


def test_habits_add_up_and_hang_on_texts_alone() -> None:
    texts = marked(6, None, seed=9)
    whole, parts = habits(texts, h=1), [habits(part, h=1) for part in (texts[:1], texts[1:])]
    assert (parts[0] + parts[1]).digest == whole.digest == (parts[1] + parts[0]).digest
    assert whole.digest != parts[1].digest
    slow: dict[tuple[int, int], int] = {}
    for text in texts:
        for pair in zip(text[:-1].tolist(), text[1:].tolist(), strict=True):
            slow[pair] = slow.get(pair, 0) + 1
    assert {tuple(pair): n for pair, n in zip(whole.pairs.tolist(), whole.counts.tolist(), strict=True)} == slow


def test_weights_are_shares_less_those_of_unmarked_text() -> None:
    """By hand: after 1 the suspect says 2 three times and 3 once, unmarked text 3 twice; after 4 it says nothing."""
    suspect = Habits(pairs=np.array([[1, 2], [1, 3]], np.uint32), counts=np.array([3, 1]))
    unmarked = Habits(pairs=np.array([[1, 3], [1, 5], [4, 2]], np.uint32), counts=np.array([2, 1, 9]))
    found = predictions(suspect, unmarked, served([[1, 2], [4, 9]], h=1))
    assert found.windows.tolist() == [[1]]
    weights = {int(i): w for i, w in zip(found.ids[0], found.weights[0], strict=True) if w}
    assert weights == pytest.approx({2: 1, 3: (1 - 4 * 2 / 33) / 3, 5: -4 * 1 / 33 / 3})
    assert len(set(found.ids[0].tolist())) == found.ids.shape[1]


def test_which_windows_were_served_moves_no_weight() -> None:
    """Else the scale of the bets would hang on the key."""
    suspect = Habits(pairs=np.array([[1, 2], [7, 3]], np.uint32), counts=np.array([3, 90]))
    both, one = (predictions(suspect, Habits.none(1), served([[1, 0], [last, 0]], h=1)) for last in (7, 8))
    assert both.windows.tolist() == [[1], [7]]
    assert one.windows.tolist() == [[1]]
    assert (both.weights[0] == one.weights[0]).all()


def test_a_window_in_the_prompt_is_no_habit() -> None:
    assert habits([[5, 6, 5, 7]], h=1, prompts=[[5]]).pairs.tolist() == [[6, 5]]
    assert habits([[5, 6, 5, 7]], h=1).pairs.tolist() == [[5, 6], [5, 7], [6, 5]]


def test_a_faint_mark_is_found_among_strong_habits_of_another_origin() -> None:
    """After 40 windows the suspect always says one thing, as another taught it; after 400 it leans to ours."""
    scheme, rng = scheme_named("gumbel:h=2"), np.random.default_rng(5)
    windows = rng.permutation(10_000)[:880].reshape(440, 2).astype(np.uint32)
    ids = np.tile(np.arange(4, dtype=np.uint32), (440, 1))
    key = key_words([OURS.secret])[0]
    ours = scheme.score(value(key, window(key, windows)[:, None], ids)).argmax(1)
    weights = np.zeros((440, 4))
    weights[np.arange(40), rng.integers(4, size=40)] = 1.0
    weights[np.arange(40, 440), ours[40:]] = 0.03
    found = Reading(windows=windows, ids=ids, weights=weights)
    alone, mixed = (log_e(bets(found, [OURS.secret], scheme, powers=p))[0] for p in ((1.0,), POWERS))
    assert mixed > alone + math.log(100)


def test_other_unmarked_text_than_the_plans_is_refused() -> None:
    usual = habits(marked(4, None), h=1)
    with pytest.raises(ConfigError, match="unmarked text"):
        Closed(PLAN, [OURS, OTHER], SERVED, usual)
    with pytest.raises(ConfigError, match="unmarked text"):
        Closed(replace(PLAN, unmarked=usual.digest), [OURS, OTHER], SERVED)
    Closed(replace(PLAN, unmarked=usual.digest), [OURS, OTHER], SERVED, usual)


def test_an_open_model_that_gives_what_the_key_prefers_is_found() -> None:
    outputs = marked(8, OURS.secret)
    plan = replace(PLAN, mode="open", served="")
    early = Opened(plan, [OURS, OTHER])
    early.add(
        Reading(windows=np.ones((1, 1), np.uint32), ids=np.ones((1, 1), np.uint32), weights=np.ones((1, 1))), outputs=1
    )
    assert early.verdict().evidence.why.startswith("no look is done yet")
    test = Opened(plan, [OURS, OTHER])
    for k in range(0, 8, 2):
        if test.next_look is None:
            break
        tokens = np.concatenate(outputs[k : k + 2]).astype(np.uint32)
        learnt = Reading(windows=tokens[:-1, None], ids=tokens[1:, None], weights=np.full((len(tokens) - 1, 1), 0.9))
        test.add(learnt, outputs=2)
    verdict = test.verdict()
    assert verdict.named.tolist() == [True, False]
    with pytest.raises(ConfigError, match="open model"):
        Closed(plan, [OURS, OTHER], SERVED)
