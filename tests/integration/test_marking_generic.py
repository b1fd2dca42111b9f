"""Marks in a loop such as llama-cpp-python's: one buffer of tokens that grows, scores that are changed in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gauger.edge.marking.generic import MarkingLogits
from gauger.edge.marking.turns import Turn
from gauger.errors import ConfigError
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


@pytest.mark.parametrize("tokens", [[1, 2], [*PROMPT[:-1], 0, 0], PROMPT[:-1]])
def test_another_response_is_refused(tokens: list[int]) -> None:
    marked = MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS)
    marked(PROMPT, TABLE[0])
    with pytest.raises(ConfigError, match="a response"):
        marked(tokens, TABLE[0])


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_p": 0}, {"top_k": -1}])
def test_options_that_leave_no_room_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="temperature above 0"):
        MarkingLogits(key("a"), rng=np.random.default_rng(3), **OPTIONS | options)
