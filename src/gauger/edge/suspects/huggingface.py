"""A suspect whose weights are on this machine: it answers prompts, or reads what we served."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gauger.edge.foreign_code import refused_as
from gauger.edge.marking.local_model import LocalModel, Sampling
from gauger.edge.suspects import LEAST_LOG_P, Answer, Ids, Predicted, Text
from gauger.edge.suspects.prompts import Prompt
from gauger.errors import ConfigError, InputError
from gauger.stats import FloatArray, IntArray

_PLACES = 64  # whose probabilities over the whole vocabulary are held at a time


class LocalSuspect(LocalModel):
    """A model in a folder, as ``LocalModel`` finds it, that answers without any mark of ours.

    Args:
        how: how it answers, where it does. tokenizer: the digest of the keys' tokenizer, where known: if it is this
            model's own, answers are ids.
    """

    def __init__(self, where: str, *, seed: int = 1, how: Sampling | None = None, tokenizer: str = "") -> None:
        super().__init__(where, seed)
        self._how, self._as_ids = how or Sampling(), tokenizer == self.tokenizer_digest

    @property
    def weights_digest(self) -> str:
        """Of all parameters by name, in float32."""
        sha256 = hashlib.sha256(b"gauger-weights-v1")
        for name, values in sorted(self._model.state_dict().items()):
            array = values.detach().to(self._torch.float32).cpu().contiguous().numpy()
            sha256.update(f"\n{name} {array.shape}\n".encode())
            sha256.update(array)
        return f"sha256:{sha256.hexdigest()}"

    @property
    def vocabulary(self) -> int:
        """How many tokens it predicts."""
        size: int = self._model.config.get_text_config().vocab_size
        return size

    def check_reads(self, largest: int, longest: int) -> None:
        """Refuse outputs that this model cannot read.

        Args:
            largest: id among their tokens. longest: how many tokens are read at once.

        Raises:
            ConfigError: ids of another tokenizer, or more tokens than the model has positions.
        """
        if largest >= self.vocabulary:
            raise ConfigError(
                f"the outputs have ids of another tokenizer: this model knows {self.vocabulary:,}, not {largest:,}"
            )
        config = self._model.config.get_text_config()
        if longest > (positions := getattr(config, "max_position_embeddings", longest)):
            raise ConfigError(f"this model reads at most {positions:,} tokens at once, not {longest:,}: say --longest")

    def ask(self, prompt: Prompt, how: Sampling | None = None) -> Answer:
        """Its answer to one prompt, drawn at its own probabilities; ``how`` stands in for what it was made with."""
        how = how or self._how
        (said,) = self.answer([self._asked(prompt, how.plain)], [None], how)
        if self._as_ids:
            return Ids(said)
        cut = len(said) == how.max_tokens  # the token that ends an answer is not among them
        with refused_as(_no_suspect):
            return Text(self._tokenizer.decode(said, skip_special_tokens=True), "length" if cut else "")

    def probabilities(self, tokens: Sequence[int], places: IntArray) -> list[FloatArray]:
        """What it gives each token of the vocabulary at places of a text, in blocks float64[at most 64, vocabulary].

        Args:
            tokens: that are read, int[n]. places: of tokens to predict, from 1, int64[m].
        """
        torch, at = self._torch, self._torch.from_numpy(places - 1)
        rows = torch.tensor([list(tokens[: int(places.max())])])
        some = "logits_to_keep" in inspect.signature(self._model.forward).parameters
        with torch.inference_mode(), refused_as(_no_suspect):
            logits = self._model(input_ids=rows, **({"logits_to_keep": at} if some else {})).logits[0]
        logits = logits if some else logits[at]
        return [torch.softmax(part.double(), -1).numpy() for part in logits.split(_PLACES)]

    def log_probabilities(
        self, prompt: Prompt, text: str, longest: int, *, plain: bool = False
    ) -> tuple[IntArray, FloatArray]:
        """Of a text as its answer to a prompt: the characters at which its tokens begin, and their log p in nats.

        Args:
            longest: how many tokens are read of prompt and text, where the model has so many positions. plain: without
                a chat template.

        Returns:
            int64[n + 1], float64[n + 1]: the last are the character before which reading ended, and 0.
        """
        asked, (said, begins) = self._asked(prompt, plain), self._pieces(text)
        config = self._model.config.get_text_config()
        tokens = [*asked, *said][: min(longest, getattr(config, "max_position_embeddings", longest))]
        places = np.arange(len(asked), len(tokens))
        characters = np.array([*begins, len(text)])[: len(places) + 1]
        if not len(places):
            return characters, np.zeros(1)
        p = np.concatenate(self.probabilities(tokens, places))[np.arange(len(places)), tokens[len(asked) :]]
        with np.errstate(divide="ignore"):
            return characters, np.append(np.maximum(np.log(p), LEAST_LOG_P), 0)

    def _pieces(self, text: str) -> tuple[list[int], list[int]]:
        """A text's tokens, and where each begins; at 0 if the tokenizer does not tell."""
        told = self._tokenizer.is_fast
        with refused_as(_no_suspect):
            found = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=told)
        begins = [begin for begin, _ in found["offset_mapping"]] if told else [0] * len(found["input_ids"])
        return list(found["input_ids"]), begins

    def _asked(self, prompt: Prompt, plain: bool) -> list[int]:
        said = [{"role": m.role, "content": m.content} for m in prompt.messages]
        with refused_as(_no_suspect):
            if plain or not self._tokenizer.chat_template:
                ids = self._tokenizer("\n\n".join(m["content"] for m in said))["input_ids"]
            else:
                ids = self._tokenizer.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
        if not ids:
            raise InputError(f"the prompt {prompt.id!r} has no token")
        return list(ids)


def read(
    model: LocalSuspect, tokens: Sequence[int], places: IntArray, k: int, reference: LocalSuspect | None = None
) -> Predicted:
    """A model's predictions at places of one output, of its k candidates at each.

    The weight of a candidate is its probability. With a reference it is how much likelier it is than to that one, as a
    share of the largest such difference at the place; the candidates are those that differ most.
    """
    if not len(places):
        return Predicted.of(np.empty((0, k), np.uint32), np.empty((0, k)))
    ids, weights = list[NDArray[np.uint32]](), list[FloatArray]()
    mine, others = model.probabilities(tokens, places), reference and reference.probabilities(tokens, places)
    for at, part in enumerate(mine):
        found = _differences(part, others[at]) if others else part
        best = np.argpartition(-np.abs(found), k - 1, axis=1)[:, :k]
        ids.append(best.astype(np.uint32))
        weights.append(np.clip(np.take_along_axis(found, best, 1), -1, 1))
    return Predicted.of(np.concatenate(ids), np.concatenate(weights))


def _no_suspect(reason: str) -> ConfigError:
    return ConfigError(f"the suspect's model, tokenizer or chat template fails: {reason}")


def _differences(p: FloatArray, other: FloatArray) -> FloatArray:
    """p - other as a share of the largest at each place, over the vocabulary that both have (files pad theirs)."""
    both = min(p.shape[1], other.shape[1])
    found: FloatArray = p[:, :both] - other[:, :both]
    largest = np.abs(found).max(axis=1, keepdims=True)
    found /= np.where(largest > 0, largest, 1)
    return found
