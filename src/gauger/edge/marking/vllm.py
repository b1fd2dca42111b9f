"""Marks in vLLM, as a logits processor of its first model runner (``VLLM_USE_V2_MODEL_RUNNER=0``).

    vllm serve MODEL --logits-processors gauger.edge.marking.vllm:Marking

For the second model runner, the default since it exists, see ``vllm_v2``. Written for vLLM 0.33.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor, MoveDirectionality

from gauger.edge.marking.engine_rows import decide
from gauger.edge.marking.serving import Parameters, Request, Requests, keys_from_env, party_of, refuse_diffusion
from gauger.edge.marking.turns import contexts
from gauger.errors import ConfigError

_NOT_TOLD = (
    "marking: vLLM does not tell its processors which tokens it drew: name this one by --logits-processors, as tokens "
    "are not given to those of an entry point, or serve with --no-async-scheduling"
)


class Marking(LogitsProcessor):  # type: ignore[misc]
    """Every sampled answer has the key of its party.

    Raises:
        ConfigError: when built, settings that are missing or wrong, or a diffusion model: better no service than one
            without its marks.
    """

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        refuse_diffusion(vllm_config.model_config)
        self._requests = Requests(keys_from_env(), vllm_config.model_config.seed)
        self._rows: dict[int, tuple[Request, list[int], list[int]]] = {}

    @classmethod
    def validate_params(cls, sampling_params: Parameters) -> None:
        """Refuse a party that is none."""
        party_of(sampling_params.extra_args)

    def is_argmax_invariant(self) -> bool:
        """True puts this after temperature and min-p, and where greedy rows are decided already: it bends none."""
        return True

    def update_state(self, batch_update: Any) -> None:
        """Removed, added and moved requests, in that order. Lists of output tokens grow in place."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._rows.pop(index, None)
        for index, params, prompt, written in batch_update.added:
            self._rows.pop(index, None)
            if (request := self._requests.admit(params)) is not None:
                self._rows[index] = (request, prompt or [], written)
        for a, b, direction in batch_update.moved:
            first, second = self._rows.pop(a, None), self._rows.pop(b, None)
            if first is not None:
                self._rows[b] = first
            if second is not None and direction == MoveDirectionality.SWAP:
                self._rows[a] = second

    def apply(self, logits: Tensor) -> Tensor:
        """Logits float32[batch, vocabulary] whose marked rows are decided. In place."""
        scheme = self._requests.scheme
        for request, prompt, written in self._rows.values():
            if any(token < 0 for token in written[-max(scheme.h, 1) :]):
                raise ConfigError(_NOT_TOLD)
            request.arrive(scheme, len(written), prompt, written)
        before = contexts([written for _, _, written in self._rows.values()], scheme.h)
        return decide(logits, scheme, list(self._rows), [r for r, _, _ in self._rows.values()], before, scaled=True)
