"""Marks in transformers' ``generate``, each row under its own key.

    generate(model, [key, None], **tokenizer(texts, return_tensors="pt", padding=True), do_sample=True)

The processor must run after temperature, top-k and top-p, which transformers puts behind every processor of the user's
own; only the one of a ``watermarking_config`` comes last. So that is what ``MarkingConfig`` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers import LogitsProcessor
from transformers.generation.configuration_utils import BaseWatermarkingConfig

from gauger.edge.marking.torch_rows import candidates, put
from gauger.edge.marking.turns import Turn, bend, common_scheme, contexts, due
from gauger.errors import ConfigError
from gauger.watermark.keys import Key
from gauger.watermark.schemes import Scheme

_REWRITTEN = (
    "marking: the host gave other rows than it was given tokens for: no beams, assistant model or prompt lookup, "
    "please, and a new processor for each generate()"
)
_GREEDY = (
    "marking: greedy text leaves a mark no room, and a MarkingConfig cannot see whether the host samples: give "
    "do_sample=True to model.generate(), and say so here by sampling=True"
)
_NOT_SAVED = "marking_keys_are_not_saved_so_remove_this_watermarking_config"  # a name that no config loads
_DRAFTS = ("assistant_model", "assistant_early_exit", "prompt_lookup_num_tokens", "use_mtp")


def generate(model: Any, keys: Sequence[Key | None], **options: Any) -> Any:
    """``model.generate`` with marks.

    Args:
        keys: one a prompt, None to leave its answers unmarked. The answers of one prompt share its key.
        options: as for ``model.generate``, inputs included.

    Raises:
        ConfigError: no sampling, a temperature of 0, beams, or drafts, as of an assistant model or prompt lookup: they
            leave a mark no room, or take what it is not offered. Or keys for several schemes.
    """
    defaults = options.get("generation_config") or model.generation_config
    names = ("do_sample", "temperature", "num_beams", "num_return_sequences", *_DRAFTS)
    said = {name: options.get(name, getattr(defaults, name, None)) for name in names}
    if not said["do_sample"] or said["temperature"] == 0:
        raise ConfigError("marking: greedy text leaves a mark no room: give do_sample=True and a temperature above 0")
    unmarkable = [name for name in _DRAFTS if said[name] not in (None, False)]
    if (said["num_beams"] or 1) > 1:
        unmarkable.append("num_beams")
    if unmarkable:
        raise ConfigError(f"marking: beams and drafts cannot be marked: leave out {', '.join(unmarkable)}")
    every = [key for key in keys for _ in range(said["num_return_sequences"] or 1)]
    return model.generate(**options, watermarking_config=MarkingConfig(every, sampling=True))


class MarkingConfig(BaseWatermarkingConfig):  # type: ignore[misc]
    """``model.generate(..., do_sample=True, watermarking_config=MarkingConfig(keys, sampling=True))``.

    ``generate`` above refuses what cannot be marked; this can only refuse what its processor gets to see. Transformers
    does not tell it whether it samples. Where it does not, it leaves out temperature, top-k and top-p too: greedy text
    would turn into draws from the whole vocabulary. So the caller has to say it.

    Args:
        keys: one a row of the batch (a prompt's answers are rows next to each other); None leaves a row unmarked.
        sampling: True, for the ``do_sample=True`` that ``model.generate`` is given.

    Raises:
        ConfigError: not sampling, or keys for several schemes.
    """

    def __init__(self, keys: Sequence[Key | None], *, sampling: bool = False) -> None:
        if sampling is not True:
            raise ConfigError(_GREEDY)
        self.row_keys = tuple(keys)
        self.validate()

    def validate(self) -> None:
        common_scheme(self.row_keys)

    def construct_processor(self, vocab_size: int, device: Any = None) -> MarkingProcessor:
        return MarkingProcessor(self.row_keys)

    def to_dict(self) -> dict[str, Any]:
        """For printing only: a key has no serial form. Transformers saves it all the same; the name is in its error."""
        return {_NOT_SAVED: [None if key is None else key.id for key in self.row_keys]}

    def to_json_string(self) -> str:
        return f"{self.to_dict()}\n"

    def __iter__(self) -> Any:
        yield from self.to_dict().items()

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class MarkingProcessor(LogitsProcessor):  # type: ignore[misc]
    """One batch of responses; for hosts with a loop of their own. Call it last, after all that drops tokens.

    Args:
        keys: as for ``MarkingConfig``.

    Raises:
        ConfigError: keys for several schemes; when called, rows that are not one a key, keys of None included, or that
            do not go on from those of the last call.
    """

    supports_continuous_batching = False

    def __init__(self, keys: Sequence[Key | None]) -> None:
        self._scheme = common_scheme(keys)
        self._turns = [Turn(key) for key in keys]
        self._rows: Tensor | None = None
        self._prompt = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores float[rows, vocabulary] of the tokens after input_ids int64[rows, n]; those of unmarked rows stay."""
        if self._rows is None and len(input_ids) != len(self._turns):
            raise ConfigError(
                f"marking: {len(self._turns)} keys for {len(input_ids)} rows: give one a row, and leave out num_beams"
            )
        if self._scheme is None:
            return scores
        self._follow(input_ids, self._scheme)
        h = self._scheme.h
        before = contexts(input_ids[:, max(self._prompt, input_ids.shape[1] - h) :].tolist(), h)
        rows = due(self._turns, before)
        if not len(rows):
            return scores
        some = scores
        if len(rows) < len(scores):
            some = scores.index_select(0, torch.from_numpy(rows).to(scores.device))
        ids, p = candidates(some)
        bent, after = bend(self._scheme, [self._turns[row] for row in rows], before[rows], ids, p)
        return put(scores, rows[bent], ids[bent], after[bent])

    def _follow(self, rows: Tensor, scheme: Scheme) -> None:
        if self._rows is None:
            self._prompt = rows.shape[1]
            for turn, prompt in zip(self._turns, rows.tolist(), strict=True):
                turn.read(scheme, prompt)
        elif not torch.equal(rows, self._rows):
            if not torch.equal(rows[:, :-1], self._rows):
                raise ConfigError(_REWRITTEN)
            for turn in self._turns:
                turn.wrote()
        self._rows = rows.clone()


__all__ = ["MarkingConfig", "MarkingProcessor", "generate"]
