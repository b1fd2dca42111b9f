"""Marks in vLLM, as a logits processor of its second model runner, which is the default.

    vllm serve MODEL --logits-processors gauger.edge.marking.vllm_v2:Marking

It sees logits before temperature, min-p, top-k and top-p, slots that are used again without a word, and tokens on the
device. So a step waits for the h last tokens of its rows. Written for vLLM 0.33.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor

from gauger.edge.marking.engine_rows import decide
from gauger.edge.marking.serving import Parameters, Request, Requests, keys_from_env, party_of, refuse_diffusion
from gauger.errors import ConfigError


class Marking(LogitsProcessor):  # type: ignore[misc]
    """Every sampled answer has the key of its party.

    Raises:
        ConfigError: when built, settings that are missing or wrong, speculative decoding, as drafts are not marked, or
            a diffusion model.
    """

    def __init__(self, vllm_config: Any, req_states: Any) -> None:
        if vllm_config.speculative_config is not None:
            raise ConfigError("marking: speculative decoding cannot be marked: serve without it")
        refuse_diffusion(vllm_config.model_config)
        self._requests = Requests(keys_from_env(), vllm_config.model_config.seed)
        self._state = req_states
        self._slots: dict[int, Request] = {}

    @classmethod
    def validate_params(cls, sampling_params: Parameters) -> None:
        """Refuse a party that is none."""
        party_of(sampling_params.extra_args)

    def add_request(self, req_idx: int, sampling_params: Parameters) -> bool:
        """Whoever had the slot is gone."""
        self._slots.pop(req_idx, None)
        if (request := self._requests.admit(sampling_params)) is not None:
            self._slots[req_idx] = request
        return request is not None

    def apply(self, logits: Tensor, ctx: Any) -> Tensor:
        """Logits float32[rows, vocabulary] whose marked rows are decided. In place."""
        rows = [row for row, slot in enumerate(ctx.idx_mapping_np.tolist()) if slot in self._slots]
        if not rows:
            return logits
        length = (ctx.pos[torch.tensor(rows, device=ctx.pos.device)].cpu().numpy() + 1).tolist()
        slots = [int(ctx.idx_mapping_np[row]) for row in rows]
        # A row in the middle of its prompt, or of what it had written before a pause, is computed and thrown away.
        ready = [k for k, slot in enumerate(slots) if length[k] >= self._state.prefill_len.np[slot]]
        rows, slots, length = ([column[k] for k in ready] for column in (rows, slots, length))
        requests, scheme = [self._slots[slot] for slot in slots], self._requests.scheme
        prompts = [int(self._state.prompt_len.np[slot]) for slot in slots]
        for request, slot, n, prompt in zip(requests, slots, length, prompts, strict=True):
            tokens = () if request.at in (n - prompt - 1, n - prompt) else self._tokens(slot, n)
            request.arrive(scheme, n - prompt, tokens[:prompt], tokens[prompt:])
        before = self._before(slots, length, prompts, scheme.h)
        return decide(logits, scheme, rows, requests, before, scaled=False)

    def _tokens(self, slot: int, n: int) -> Any:
        return self._state.all_token_ids.gpu[slot, :n].cpu().numpy()

    def _before(self, slots: list[int], length: list[int], prompts: list[int], h: int) -> Any:
        """As ``turns.contexts``, from the device."""
        places = np.array(length, np.int64)[:, None] - np.arange(h, 0, -1)
        tokens = self._state.all_token_ids.gpu
        where = torch.from_numpy(places.clip(0)).to(tokens.device)
        last = tokens[torch.tensor(slots, dtype=torch.int64, device=tokens.device)[:, None], where].cpu().numpy()
        return np.where(places >= np.array(prompts, np.int64)[:, None], last, -1).astype(np.int64)
