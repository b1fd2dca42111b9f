"""Marks of other software against the packages themselves (marker ``peers``), and how their frozen answers were made.

tests/data/foreign_marks.json holds texts that transformers 5.23.0 and MarkLLM 0.1.5 marked with a model of random
weights (torch 2.13.0, on the processor), plain ones beside them, and their own flags of each token. It is made anew by

    python tests/oracle/test_watermark_foreign_peers.py > tests/data/foreign_marks.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gauger.edge.foreign_marks import KINDS
from gauger.watermark.foreign import read
from gauger.watermark.foreign.mt19937 import coins, permutation
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel, derived

FROZEN = Path(__file__).parents[1] / "data" / "foreign_marks.json"
V = 503
KGW = {"vocab_size": V, "greenlist_ratio": 0.25, "bias": 2.5}
MARKLLM = {"vocab_size": V, "gamma": 0.5, "delta": 2.5, "hash_key": 15485863}
WAYS: list[tuple[str, dict[str, Any]]] = [
    ("hf-kgw", {**KGW, "hashing_key": 15485863, "seeding_scheme": "lefthash", "context_width": 1}),
    ("hf-kgw", {**KGW, "hashing_key": 2**62 + 12345, "seeding_scheme": "lefthash", "context_width": 3}),
    ("hf-kgw", {**KGW, "hashing_key": 15485863, "seeding_scheme": "selfhash", "context_width": 4}),
    ("hf-kgw", {**KGW, "hashing_key": 2**61 + 991, "seeding_scheme": "selfhash", "context_width": 1}),
    ("hf-synthid", {"ngram_len": 5, "keys": [654, 400, 836, 123, 340, 443, 597, 160, 57]}),
    ("hf-synthid", {"ngram_len": 3, "keys": [2**40 + 1, -7, 3], "sampling_table_seed": 5, "sampling_table_size": 1000}),
    ("markllm-kgw", {**MARKLLM, "prefix_length": 1, "f_scheme": "time", "window_scheme": "left"}),
    ("markllm-kgw", {**MARKLLM, "prefix_length": 3, "f_scheme": "additive", "window_scheme": "left"}),
    ("markllm-kgw", {**MARKLLM, "prefix_length": 2, "f_scheme": "skip", "window_scheme": "self"}),
    ("markllm-kgw", {**MARKLLM, "prefix_length": 3, "f_scheme": "min", "window_scheme": "left"}),
]
MARKED = [
    k for k, (_, config) in enumerate(WAYS) if config.get("window_scheme") != "self"
]  # MarkLLM's self takes minutes


def reader_of(kind: str, config: dict[str, Any]) -> Any:
    (reader,) = KINDS[kind](**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}).readers()
    return reader


def frozen() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(FROZEN.read_text())
    return made


def array(text: list[int]) -> np.ndarray:
    return np.array(text, np.uint32)


def flags_of(reader: Any, text: list[int]) -> str:
    """All flags from the first full window on, as one run of 0 and 1."""
    flags = reader.flags(array(text), np.arange(reader.h, len(text)))
    return "".join(map(str, flags.astype(int).ravel().tolist()))


def test_the_frozen_answers_are_of_these_ways() -> None:
    assert [(case["kind"], case["config"]) for case in frozen()] == WAYS


@pytest.mark.peers
@pytest.mark.parametrize("way", range(len(WAYS)))
def test_the_packages_still_say_so(way: int) -> None:
    kind, config = WAYS[way]
    theirs, reader, rng = package(kind, config), reader_of(kind, config), np.random.default_rng(way)
    for text in (*frozen()[way]["texts"][:1], rng.integers(0, V, 40).tolist()):
        assert flags_of(reader, text) == theirs.flags(text)


@pytest.mark.peers
@pytest.mark.parametrize("way", MARKED)
def test_what_they_mark_now_is_found(way: int) -> None:
    kind, config = WAYS[way]
    texts = package(kind, config).marked(3, 70)
    assert read(reader_of(kind, config), texts, subject="x").log10_e > 6
    wrong = {**config, **ANOTHER_KEY[kind]}
    assert read(reader_of(kind, wrong), texts, subject="x").log10_e < 2
    assert read(reader_of(kind, config), package(kind, config).marked(3, 70, mark=False), subject="x").log10_e < 2


@pytest.mark.peers
@pytest.mark.parametrize("n", [1, 2, 624, 625, 5000])
def test_torch_still_draws_so(n: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for seed in (0, 15485863, 2**40 + 3, 2**64 - 2):
        drawn = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        assert permutation(seed, n).tolist() == drawn.tolist()
        drawn = torch.randint(0, 2, (n,), generator=torch.Generator().manual_seed(seed))
        assert coins(seed, n).tolist() == drawn.tolist()


@pytest.mark.peers
@pytest.mark.parametrize("width", [1, 4, 6])
def test_vllm_still_draws_so(width: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    prfs = pytest.importorskip("vllm.v1.watermarking.prfs", reason="vLLM 0.30 or later is not installed")
    text = np.random.default_rng(width).integers(0, 128_000, 50)
    windows = np.lib.stride_tricks.sliding_window_view(text[:-1], width)
    theirs = prfs.PhiloxPRF(42).uniform(torch.tensor(windows.copy()), torch.tensor(text[width:, None]))
    mantissas = np.round(theirs[:, 0].double().numpy() * (2**24 + 1)) - 1
    ours = VllmGumbel(key=42, width=width).words(array(text.tolist()), np.arange(width, 50)) >> 8
    assert ours.tolist() == mantissas.astype(int).tolist()


@pytest.mark.peers
@pytest.mark.parametrize("algorithm", ["gumbel", "dual_key_gumbel"])
def test_what_vllm_marks_now_is_found(algorithm: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    theirs = pytest.importorskip("vllm.v1.watermarking", reason="vLLM 0.30 or later is not installed")
    torch.manual_seed(3)
    key = derived(42, b"key_b") if algorithm == "dual_key_gumbel" else 42
    marker, text = theirs.GumbelWatermarker(key), [-1] * 4
    for _ in range(90):
        text.append(int(marker._sample_watermarked(torch.randn(1, 300), torch.tensor([text[-4:]])).token_ids))
    found = [read(r, [text[4:]], subject="x") for r in KINDS["vllm-gumbel"](key=42, algorithm=algorithm).readers()]
    assert [f.log10_e > 6 for f in found] == ([True] if len(found) == 1 else [False, True])
    assert theirs.GumbelWatermarkDetector(key).detect(text[4:]).is_watermarked
    padded = array([t % 2**32 for t in text])
    ours = VllmGumbel(key=key).sums(padded, np.arange(4, len(text)))[1]
    assert ours == pytest.approx(theirs.GumbelWatermarkDetector(key, deduplicate_contexts=False).detect(text[4:]).score)


ANOTHER_KEY = {"hf-kgw": {"hashing_key": 99}, "hf-synthid": {"keys": [1, 2, 9]}, "markllm-kgw": {"hash_key": 99}}


def package(kind: str, config: dict[str, Any]) -> Any:
    """The real thing: ``flags(text)`` by its own functions, ``marked(rows, n, mark=True)`` by its own sampling."""
    if kind == "markllm-kgw":
        return markllm(config)
    transformers = pytest.importorskip("transformers", reason="transformers 5 is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    made = {k: v for k, v in config.items() if k != "vocab_size"}
    if kind == "hf-kgw":
        settings = transformers.WatermarkingConfig(**made)
        detector = transformers.WatermarkDetector(SimpleNamespace(**MODEL), "cpu", settings)
        own = config["seeding_scheme"] == "selfhash"

        def flags(text: list[int]) -> str:
            scored, h = torch.tensor(text), config["context_width"] - 1 if own else 1
            greens = (detector.processor._get_greenlist_ids(scored[: k + own]) for k in range(h, len(text)))
            return "".join(str(int(t in green)) for t, green in zip(text[h:], greens, strict=True))
    else:
        settings = transformers.SynthIDTextWatermarkingConfig(**made)
        processor = settings.construct_processor(V, "cpu")

        def flags(text: list[int]) -> str:
            return "".join(map(str, processor.compute_g_values(torch.tensor([text])).flatten().tolist()))

    def marked(rows: int, n: int, *, mark: bool = True) -> list[list[int]]:
        return sampled(rows, n, {"watermarking_config": settings} if mark else {})

    return SimpleNamespace(flags=flags, marked=marked)


MODEL = {"bos_token_id": None, "is_encoder_decoder": False, "vocab_size": V}


def markllm(config: dict[str, Any]) -> Any:
    kgw = pytest.importorskip("markllm.watermark.kgw.kgw", reason="markllm is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    made = SimpleNamespace(**config, device="cpu")
    utils = kgw.KGWUtils(made)

    def flags(text: list[int]) -> str:
        if config["window_scheme"] == "left":
            _, found = utils.score_sequence(torch.tensor(text))
            return "".join(map(str, found[config["prefix_length"] :]))
        return "".join(str(int(alone(text[:k], text[k]))) for k in range(config["prefix_length"], len(text)))

    def alone(before: list[int], token: int) -> bool:
        """Whether ``_get_greenlist_ids_self`` lists the token, without its trying all others."""
        utils.rng.manual_seed(utils._f(torch.tensor(before)) * int(utils.prf[token]) % V)
        return token in torch.randperm(V, generator=utils.rng)[: int(V * config["gamma"])]

    def marked(rows: int, n: int, *, mark: bool = True) -> list[list[int]]:
        return sampled(rows, n, {"logits_processor": [kgw.KGWLogitsProcessor(made, utils)]} if mark else {})

    return SimpleNamespace(flags=flags, marked=marked)


def sampled(rows: int, n: int, options: dict[str, Any]) -> list[list[int]]:
    """What a model of random weights answers."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    torch.manual_seed(7)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=V, **shape))
    prompt = torch.randint(0, V, (rows, 6))
    out = model.generate(
        prompt,
        do_sample=True,
        top_k=40,
        min_new_tokens=n,
        max_new_tokens=n,
        pad_token_id=0,
        eos_token_id=None,
        **options,
    )
    return [row[6:].tolist() for row in out]


if __name__ == "__main__":
    cases = []
    for number, (kind, config) in enumerate(WAYS):
        theirs = package(kind, config)
        plain = theirs.marked(3, 70, mark=False)
        texts = theirs.marked(3, 70) if number in MARKED else plain
        flags = [theirs.flags(text) for text in (*texts, *plain)]
        cases.append({"kind": kind, "config": config, "texts": texts, "flags": flags, "plain": plain})
    sys.stdout.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
