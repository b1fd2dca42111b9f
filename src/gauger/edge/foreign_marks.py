"""The configuration that other software marked with, in its own JSON, read into readers of that mark.

Strict: a field that is not known might change what the software did, so it is an error. Fields that shape only the
marking, such as ``bias``, are let through. No message quotes a number of the file: it might be the key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from gauger.edge.small_files import read_small
from gauger.errors import ConfigError, InputError
from gauger.watermark.foreign import Reader
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.synthid import HfSynthId
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel, derived

MAX_BYTES = 1 << 26  # a sampling table of 2^24 coins


class _HfKgw(msgspec.Struct, forbid_unknown_fields=True):
    """transformers' ``WatermarkingConfig.to_dict()``, and the vocabulary of the model's configuration."""

    vocab_size: int
    greenlist_ratio: float = 0.25
    bias: float = 2.0
    hashing_key: int = 15485863
    seeding_scheme: Literal["lefthash", "selfhash"] = "lefthash"
    context_width: int = 1

    def readers(self) -> tuple[Reader, ...]:
        reader = HfKgw(
            key=self.hashing_key,
            gamma=self.greenlist_ratio,
            vocab_size=self.vocab_size,
            seeding=self.seeding_scheme,
            width=self.context_width,
        )
        return (reader,)


class _HfSynthId(msgspec.Struct, forbid_unknown_fields=True):
    """transformers' ``SynthIDTextWatermarkingConfig.to_dict()``; ``sampling_table`` of the processor, if on a GPU."""

    ngram_len: int
    keys: tuple[int, ...]
    context_history_size: int = 1024
    sampling_table_seed: int = 0
    sampling_table_size: int = 1 << 16
    skip_first_ngram_calls: bool = False
    debug_mode: bool = False
    sampling_table: tuple[int, ...] | None = None

    def readers(self) -> tuple[Reader, ...]:
        reader = HfSynthId(
            ngram_len=self.ngram_len,
            keys=self.keys,
            table_seed=self.sampling_table_seed,
            table_size=self.sampling_table_size,
            coins=self.sampling_table,
        )
        return (reader,)


class _VllmGumbel(msgspec.Struct, forbid_unknown_fields=True):
    """vLLM's ``--watermark-config``. The dual-key algorithm has two keys, each read for itself."""

    key: int
    algorithm: Literal["gumbel", "dual_key_gumbel"] = "gumbel"
    context_width: int | None = None
    prf: Literal["philox"] = "philox"
    alpha: float = 0.1
    deduplicate_contexts: str = "single_turn"
    deduplicate_contexts_max_history: int | None = None
    allow_target_only_watermarking: bool = False

    def readers(self) -> tuple[Reader, ...]:
        width = 4 if self.context_width is None else self.context_width
        whole = VllmGumbel(key=self.key, width=width)
        if self.algorithm == "gumbel":
            return (whole,)
        names = ("key_a", "key_b")
        return tuple(VllmGumbel(key=derived(self.key, n.encode()), width=width, name=n) for n in names)


class _MarkllmKgw(msgspec.Struct, forbid_unknown_fields=True):
    """MarkLLM's ``config/KGW.json``, and the model's vocabulary."""

    vocab_size: int
    gamma: float
    hash_key: int
    prefix_length: int
    f_scheme: Literal["time", "additive", "skip", "min"]
    window_scheme: Literal["left", "self"]
    algorithm_name: Literal["KGW"] = "KGW"
    delta: float = 2.0
    z_threshold: float = 4.0

    def readers(self) -> tuple[Reader, ...]:
        reader = MarkllmKgw(
            key=self.hash_key,
            gamma=self.gamma,
            vocab_size=self.vocab_size,
            window=self.window_scheme,
            f=self.f_scheme,
            prefix=self.prefix_length,
        )
        return (reader,)


KINDS: dict[str, Any] = {
    "hf-kgw": _HfKgw,
    "hf-synthid": _HfSynthId,
    "vllm-gumbel": _VllmGumbel,
    "markllm-kgw": _MarkllmKgw,
}


def readers_of(kind: str, path: Path) -> tuple[Reader, ...]:
    """The readers of a mark: one, or one for each key.

    Raises:
        ConfigError: no such mark, or a value that it cannot have.
        InputError: the file cannot be read, or a field is unknown, missing or of another type.
    """
    if kind not in KINDS:
        raise ConfigError(f"no mark of other software is called {kind!r}: there are {', '.join(KINDS)}")
    try:
        config = msgspec.json.decode(read_small(path, MAX_BYTES), type=KINDS[kind])
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"is no configuration of {kind}: {error}", source=str(path)) from None
    found: tuple[Reader, ...] = config.readers()
    return found
