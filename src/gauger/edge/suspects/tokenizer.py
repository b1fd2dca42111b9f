"""The keys' tokenizer, from its file: a suspect's text is read in the ids that marks were laid on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gauger.edge.foreign_code import refused_as
from gauger.edge.small_files import read_small
from gauger.edge.suspects.prompts import Prompt
from gauger.edge.token_files import Tokens
from gauger.errors import InputError, UnsupportedError
from gauger.model import canonical_json, digest

MAX_BYTES = 1 << 28
_INSTALL = "text needs the package tokenizers to become token ids: pip install 'gauger[ask]'"


class Tokenizer:
    """A tokenizer.json of the package tokenizers.

    Attributes:
        digest: of the vocabulary, in the order of its ids; as ``edge.marking`` names tokenizers. It says which ids
            there are, and not how text becomes them. file: of the whole file, which does. size: one above the largest
            id.

    Raises:
        InputError: the file is none. UnsupportedError: the package is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            import tokenizers  # noqa: PLC0415
        except ImportError:
            raise UnsupportedError(_INSTALL) from None
        data = read_small(path, MAX_BYTES)
        self.file, self._path = digest(data), path
        with refused_as(lambda _: InputError("is no tokenizer.json of the package tokenizers", source=str(path))):
            self._inner: Any = tokenizers.Tokenizer.from_buffer(data)
        self._inner.no_truncation()
        self._inner.no_padding()
        if isinstance(self._inner.model, tokenizers.models.BPE):
            self._inner.model.dropout = None  # it is for training: one text would be other ids at each reading
        words = sorted(self._inner.get_vocab(with_added_tokens=True).items(), key=lambda item: (item[1], item[0]))
        self.digest, self.size = digest(canonical_json(words)), max((k for _, k in words), default=-1) + 1

    def encode(self, text: str) -> Tokens:
        """Its ids, without special tokens of the tokenizer's own.

        Raises:
            InputError: it can make none of it, as one without an id for unknown words.
        """
        no_ids = InputError("has no ids for some of the text that is to be read", source=str(self._path))
        with refused_as(lambda _: no_ids):  # the text is not quoted
            return np.array(self._inner.encode(text, add_special_tokens=False).ids, np.uint32)

    def quoted(self, prompt: Prompt) -> Tokens:
        """Ids in which a quotation of the prompt stands: each message by itself, and as it reads after a blank."""
        if prompt.tokens is not None:
            return np.array(prompt.tokens, np.uint32)
        said = [form for m in prompt.messages for form in (m.content, f" {m.content}")]
        return np.concatenate([self.encode(text) for text in said])

    def again(self, tokens: Tokens) -> Tokens:
        """The ids of what these ids say: of a tokenizer's own text nearly the same, of another's not so many."""
        with refused_as(lambda _: InputError("has no text for some of the ids beside it", source=str(self._path))):
            text = self._inner.decode(tokens.tolist(), skip_special_tokens=False)
        return self.encode(text)
