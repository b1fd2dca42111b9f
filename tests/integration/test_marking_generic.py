"""Marks in a loop such as llama-cpp-python's: one buffer of tokens that grows, scores that are changed in place."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from gauger.edge.marking.generic import MarkingLogits
from gauger.edge.marking.turns import Turn
from gauger.errors import ConfigError, InputError
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.sampling import candidates, tilt

VOCABULARY, PROMPT = 300, [5, 9, 2, 5, 9]
TABLE = np.random.default_rng(1).normal(scale=2, size=(VOCABULARY, VOCABULARY)).astype(np.float32)
OPTIONS: dict[str, Any] = {"temperature": 0.9, "top_k": 60, "top_p": 0.95}


def key(party: str, scheme: str = "gumbel:h=2") -> Key:
    context = KeyContext(tenant="lab", party=party, epoch="e", model="m", tokenizer="t", scheme=scheme)
    return derive(bytes(range(32)), context)


def written(processor: Any, n: int, seed: int = 2) -> list[int]:
    """An answer. The host's own options are the processor's."""
    rng, tokens = np.random.default_rng(seed), np.zeros(len(PROMPT) + n, np.intc)
    tokens[: len(PROMPT)] = PROMPT
    for at in range(len(PROMPT), len(tokens)):
        scores = TABLE[tokens[at - 1]].copy()
        scores[:] = processor(tokens[:at], scores)
        ids, p = candidates(scores, **OPTIONS)
        tokens[at] = rng.choice(ids, p=p)
    return tokens[len(PROMPT) :].tolist()


def log_e(answer: list[int], by: Key) -> float:
    scheme = scheme_named(by.context.scheme)
    return detect(select([answer], h=scheme.h, prompts=[PROMPT]), by, scheme, subject="test").log_e


@pytest.mark.parametrize("scheme", ["gumbel:h=2", "tournament:h=2", "greenlist:h=2:delta=3"])
def test_an_answer_is_found_by_its_key_only(scheme: str) -> None:
    mine, other = key("account:1", scheme), key("account:2", scheme)
    answer = written(MarkingLogits(mine, rng=np.random.default_rng(3), **OPTIONS), 200)
    plain = written(lambda _, scores: scores, 200)
    assert log_e(answer, mine) > math.log(1e6)
    assert max(log_e(answer, other), log_e(plain, mine), log_e(plain, other)) < math.log(20)


def test_every_token_is_what_the_core_chooses() -> None:
    mine, scheme = key("account:1"), scheme_named("gumbel:h=2")
    answer = written(MarkingLogits(mine, rng=np.random.default_rng(3), **OPTIONS), 200)
    turn, forced = Turn(mine), 0
    turn.read(scheme, PROMPT)
    for at in range(2, len(answer)):
        ids, p = candidates(TABLE[answer[at - 1]], **OPTIONS)
        after = tilt(scheme, [turn], np.array([answer[at - 2 : at]]), ids[None], p[None])[0]
        turn.wrote()
        if after.max() == 1:
            forced += 1
            assert answer[at] == ids[after.argmax()]
    assert forced > 150


def test_scores_are_left_alone_where_nothing_is_marked() -> None:
    marked, scores = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS), TABLE[0]
    for tokens in (PROMPT, [*PROMPT, 5]):
        assert marked(tokens, scores) is scores
    assert marked([*PROMPT, 5, 9], scores) is scores  # a window of the prompt
    bent = marked([*PROMPT, 5, 9, 7], scores)
    assert np.isfinite(bent).sum() == 1
    assert np.array_equal(marked([*PROMPT, 5, 9, 7], scores), bent)


@pytest.mark.parametrize(("h", "marked"), [(1, False), (2, True), (4, True)])
def test_a_prompt_of_all_tokens_uses_up_windows_of_one(monkeypatch: pytest.MonkeyPatch, h: int, marked: bool) -> None:
    """Why engines refuse to serve h = 1 (serving.LEAST_H)."""
    monkeypatch.setitem(globals(), "PROMPT", list(range(VOCABULARY)))
    mine = key("account:1", f"gumbel:h={h}")
    answer = written(MarkingLogits(mine, rng=np.random.default_rng(3), **OPTIONS), 200)
    assert (log_e(answer, mine) > math.log(1e6)) == marked


def swallowing(processor: Any) -> Any:
    """As a callback of ctypes: what is raised goes nowhere, and the scores stay."""

    def call(tokens: Any, scores: Any) -> Any:
        with suppress(Exception):
            return processor(tokens, scores)
        return scores

    return call


@pytest.mark.parametrize("checked", [False, True])
def test_one_for_many_responses_marks_each(monkeypatch: pytest.MonkeyPatch, checked: bool) -> None:
    """The same prompt again, another one, and the talk so far."""
    mine, marked = key("account:1"), MarkingLogits(key("account:1"), rng=np.random.default_rng(3), **OPTIONS)
    talk = list(PROMPT)
    for prompt in (PROMPT, PROMPT, [8, 8, 1, 7], talk):
        monkeypatch.setitem(globals(), "PROMPT", list(prompt))
        answer = written(swallowing(marked), 200)
        assert log_e(answer, mine) > math.log(1e6)
        talk[len(talk) :] = [*answer, 4, 4]
        if checked:
            marked.check()
    if not checked:
        marked.check()


def drafting(processor: Any, n: int, *, start: int, taken: bool) -> None:
    """As llama-cpp-python with a ``draft_model``: while it samples one after the other, all drafts stand in the tokens.

    Args:
        start: how many tokens go before the first draft.
        taken: there is but one draft, and it turns out right.
    """
    rng, tokens, drafts = np.random.default_rng(2), list(PROMPT), list[int]()
    while len(tokens) < len(PROMPT) + n:
        shown = tokens + drafts
        for place in range(len(drafts) + 1):
            ids, p = candidates(processor(shown, TABLE[tokens[-1]].copy()), **OPTIONS)
            right = taken and place < len(drafts)
            tokens.append(drafts[place] if right else int(rng.choice(ids, p=p)))
            if tokens != shown[: len(tokens)]:
                break
        drafts = [VOCABULARY - 1] * (len(tokens) == len(PROMPT) + start or (not taken and len(tokens) > start))


@pytest.mark.parametrize("start", [1, 2, 40])
@pytest.mark.parametrize("taken", [False, True])
def test_drafts_are_told(start: int, taken: bool) -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    drafting(swallowing(marked), start + 12, start=start, taken=taken)
    with pytest.raises(ConfigError, match="draft_model"):
        marked.check()


@pytest.mark.parametrize("tokens", [[1, 2], [*PROMPT[:-1], 0, 0], PROMPT[:-1]])
def test_answers_by_turns_are_refused(tokens: list[int]) -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    marked(PROMPT, TABLE[0])
    with pytest.raises(ConfigError, match="several answers at once"):
        marked(tokens, TABLE[0])


def test_a_check_after_each_lets_an_answer_have_one_token() -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    for prompt in (PROMPT, [1, 2], [1, 2, 3, 4], [1, 2, 3, 4]):
        marked(prompt, TABLE[0])
        marked.check()


def test_a_fault_that_the_host_swallows_is_told_once() -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    for answer in range(3):
        faulty = answer == 1

        def host(tokens: Any, scores: Any, faulty: bool = faulty) -> Any:
            spoilt = np.full_like(scores, np.nan) if faulty and len(tokens) == len(PROMPT) + 20 else scores
            after = swallowing(marked)(tokens, spoilt)
            return scores if after is spoilt else after

        written(host, 40)
        if faulty:
            with pytest.raises(InputError, match="finite"):
                marked.check()
        else:
            marked.check()


def test_a_processor_that_the_host_was_not_given_is_told() -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    with pytest.raises(ConfigError, match="no token"):
        marked.check()
    written(marked, 3)
    marked.check()
    with pytest.raises(ConfigError, match="no token"):
        marked.check()


def test_with_temperature_last_an_answer_is_over_keys_llama_cpps() -> None:
    """The third token under each of many keys, against top-k, top-p, and then temperature."""
    options: dict[str, Any] = {"top_k": 12, "top_p": 0.9, "temperature": 1.8}
    order = np.argsort(-TABLE[7])[:12]
    p = np.exp(TABLE[7][order].astype(float))
    order = order[np.cumsum(p / p.sum()) - p / p.sum() < 0.9]
    expected = np.exp(TABLE[7][order].astype(float) / 1.8)
    for last, fits in ((True, True), (False, False)):
        seen = np.zeros(VOCABULARY)
        for k in range(4000):
            marked = MarkingLogits(key(f"account:{k}"), rng=np.random.default_rng(3), temperature_last=last, **options)
            marked(PROMPT, TABLE[0])
            marked([*PROMPT, 6], TABLE[0])
            seen[marked([*PROMPT, 6, 7], TABLE[7]).argmax()] += 1
        inside, n = seen[order], seen.sum()
        fit = inside.sum() == n and chisquare(inside, n * expected / expected.sum()).pvalue > 1e-6
        assert fit == fits


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_p": 0}, {"top_k": -1}])
def test_options_that_leave_no_room_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="temperature above 0"):
        MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS | options)
