"""Marks for hosts that call ``(input_ids, scores) -> scores`` with numpy arrays, one response at a time.

    how = {"temperature": 0.8, "top_k": 40, "top_p": 0.95}
    marked = MarkingLogits(key, **how, temperature_last=True, rng=np.random.default_rng())
    said = llama(prompt, logits_processor=LogitsProcessorList([marked]), **how, min_p=0.0)
    marked.check()

llama-cpp-python calls it before its own samplers. So it applies top-k, top-p and temperature by itself, draws, and
leaves the host one token. Where nothing is marked, it leaves the scores as they are: give the host the same options.

llama-cpp-python also swallows whatever is raised here, and samples on without a mark. Hence ``check``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gauger.edge.marking.turns import Turn, bend, common_scheme, contexts
from gauger.errors import ConfigError
from gauger.watermark.keys import Key
from gauger.watermark.sampling import candidates

_ELSEWHERE = (
    "marking: after a single token the host went on with another text: drafts (a draft_model, prompt lookup), beams "
    "and several answers at once cannot be marked. If that token was all of an answer, call check() after each"
)
_NEVER = "marking: the host has asked for no token since the last check: does it have this logits processor?"


class MarkingLogits:
    """One response after the other: tokens that do not go on from the last ones are a new response's prompt.

    Args:
        key: the key of all of them.
        temperature, top_k, top_p, temperature_last: as for ``sampling.candidates``, and as the host has them.
        rng: for schemes that leave a choice.

    Raises:
        ConfigError: an option outside its range; when called, a host that takes what it is not offered, as with drafts.
        InputError: when called, scores that hold no candidate.
    """

    def __init__(
        self,
        key: Key,
        *,
        rng: np.random.Generator,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        temperature_last: bool = False,
    ) -> None:
        self._choose = partial(
            candidates, temperature=temperature, top_k=top_k, top_p=top_p, temperature_last=temperature_last
        )
        self._choose(np.zeros(1))
        scheme = common_scheme([key])
        assert scheme is not None  # noqa: S101
        self._key, self._scheme, self._turn, self._rng = key, scheme, Turn(key), rng
        self._tokens: list[int] | None = None
        self._prompt = 0
        self._goes_on = self._longer = False
        self._fault: Exception | None = None

    def __call__(self, input_ids: ArrayLike, scores: NDArray[Any]) -> NDArray[Any]:
        """Scores float[vocabulary] of the token after input_ids int[n], the prompt among them."""
        try:
            return self._bent(input_ids, scores)
        except Exception as fault:
            self._fault = self._fault or fault
            raise

    def check(self) -> None:
        """Did nothing fail, and was it asked at all? For after each answer, before it is served; then comes another's.

        An answer of h tokens or fewer has no mark all the same.

        Raises:
            ConfigError: no token was asked for since the last check. And the first thing that was raised since then,
                whether or not the host let it through.
        """
        fault, called = self._fault, self._tokens is not None
        self._fault = self._tokens = None
        if fault is not None:
            raise fault
        if not called:
            raise ConfigError(_NEVER)

    def _bent(self, input_ids: ArrayLike, scores: NDArray[Any]) -> NDArray[Any]:
        tokens = np.asarray(input_ids).tolist()
        self._follow(tokens)
        before = contexts([tokens[self._prompt :]], self._scheme.h)
        if (before < 0).any():
            return scores
        ids, p = self._choose(scores)
        bent, after = bend(self._scheme, [self._turn], before, ids[None], p[None])
        if not bent[0]:
            return scores
        only = np.full_like(scores, -np.inf)
        only[self._rng.choice(ids, p=after[0] / after[0].sum())] = 0.0
        return only

    def _follow(self, tokens: list[int]) -> None:
        last, self._tokens = self._tokens, tokens
        if tokens == last:
            stray = self._longer and not self._goes_on  # drafts that the host took are asked about one by one
        elif last is not None and tokens[:-1] == last:
            self._turn.wrote()
            self._goes_on, stray = True, False
        else:
            stray = last is not None and not self._goes_on
            self._longer = last is not None and tokens[: len(last)] == last
            self._begin(tokens)
        if stray:
            raise ConfigError(_ELSEWHERE)

    def _begin(self, prompt: list[int]) -> None:
        self._turn, self._prompt, self._goes_on = Turn(self._key), len(prompt), False
        self._turn.read(self._scheme, prompt)
