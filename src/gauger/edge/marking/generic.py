"""Marks for hosts that call ``(input_ids, scores) -> scores`` with numpy arrays, one response at a time.

    marked = MarkingLogits(key, temperature=0.8, top_k=40, top_p=0.95, rng=np.random.default_rng())
    llama(prompt, logits_processor=LogitsProcessorList([marked]), temperature=0.8, top_k=40, top_p=0.95)

llama-cpp-python calls it before its own samplers. So it applies temperature, top-k and top-p by itself, draws, and
leaves the host one token. Where nothing is marked, it leaves the scores as they are: give the host the same options.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gauger.edge.marking.turns import Turn, bend, common_scheme, contexts
from gauger.errors import ConfigError
from gauger.watermark.keys import Key
from gauger.watermark.sampling import candidates


class MarkingLogits:
    """One response in the making.

    Args:
        key: its key.
        temperature, top_k, top_p: as for ``sampling.candidates``, and as the host has them.
        rng: for schemes that leave a choice.

    Raises:
        ConfigError: an option outside its range; when called, tokens that do not go on from those of the last call.
    """

    def __init__(
        self, key: Key, *, rng: np.random.Generator, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ) -> None:
        self._options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        candidates(np.zeros(1), **self._options)  # type: ignore[arg-type]
        scheme = common_scheme([key])
        assert scheme is not None  # noqa: S101
        self._scheme, self._turn, self._rng = scheme, Turn(key), rng
        self._tokens: list[int] | None = None
        self._prompt = 0

    def __call__(self, input_ids: ArrayLike, scores: NDArray[Any]) -> NDArray[Any]:
        """Scores float[vocabulary] of the token after input_ids int[n], the prompt among them."""
        tokens = np.asarray(input_ids).tolist()
        self._follow(tokens)
        before = contexts([tokens[self._prompt :]], self._scheme.h)
        if (before < 0).any():
            return scores
        ids, p = candidates(scores, **self._options)  # type: ignore[arg-type]
        bent, after = bend(self._scheme, [self._turn], before, ids[None], p[None])
        if not bent[0]:
            return scores
        only = np.full_like(scores, -np.inf)
        only[self._rng.choice(ids, p=after[0] / after[0].sum())] = 0.0
        return only

    def _follow(self, tokens: list[int]) -> None:
        if self._tokens is None:
            self._prompt = len(tokens)
            self._turn.read(self._scheme, tokens)
        elif tokens[:-1] == self._tokens:
            self._turn.wrote()
        elif tokens != self._tokens:
            raise ConfigError(
                "marking: these tokens do not go on from the last ones: make a new MarkingLogits a response"
            )
        self._tokens = tokens
