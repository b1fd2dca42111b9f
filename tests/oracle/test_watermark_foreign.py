"""Marks of other software, bit for bit: against the packages themselves, and against what they gave once.

tests/data/foreign_marks.json holds texts that transformers 5.23.0 and MarkLLM 0.1.5 marked with a model of random
weights (torch 2.13.0, on the processor), plain ones beside them, and their own flags of each token. It is made anew by

    python tests/oracle/test_watermark_foreign.py > tests/data/foreign_marks.json
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from gauger.edge.foreign_marks import KINDS
from gauger.errors import ConfigError, InputError
from gauger.watermark.foreign import Reader, first_uses, read
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.mt19937 import among_first, coins, permutation
from gauger.watermark.foreign.synthid import HfSynthId
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel, _philox, derived

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


# -- what the packages gave ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_the_flags_are_theirs(way: int) -> None:
    case = frozen()[way]
    assert (case["kind"], case["config"]) == WAYS[way]
    reader = reader_of(case["kind"], case["config"])
    assert [flags_of(reader, text) for text in (*case["texts"], *case["plain"])] == case["flags"]
    assert {"0", "1"} == set("".join(case["flags"]))


@pytest.mark.parametrize("way", MARKED)
def test_marked_text_is_found_by_its_configuration_alone(way: int) -> None:
    kind, config = WAYS[way]
    case, found = frozen()[way], []
    for other in ({}, *others(kind, config)):
        said = read(reader_of(kind, {**config, **other}), case["texts"], subject="x")
        found.append((said.log_e > math.log(1e6), float(said.params["log_p"]) < math.log(1e-6)))
        if other:
            assert said.log_e < math.log(100), other
            assert float(said.params["log_p"]) > math.log(1e-4), other
    assert found == [(True, True)] + [(False, False)] * (len(found) - 1)
    plain = read(reader_of(kind, config), case["plain"], subject="x")
    assert plain.n > 80
    assert plain.log_e < math.log(100)


def others(kind: str, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Configurations next to this one: another key, width, seed or scheme. selfhash at another width: half."""
    if kind == "hf-kgw":
        yield {"hashing_key": config["hashing_key"] + 1}
        yield {"seeding_scheme": "lefthash" if config["seeding_scheme"] == "selfhash" else "selfhash"}
        yield {"vocab_size": V + 1}
    elif kind == "hf-synthid":
        yield {"keys": [k + 1 for k in config["keys"]]}
        yield {"ngram_len": config["ngram_len"] + 1}
        yield {"ngram_len": config["ngram_len"] - 1}
        yield {"sampling_table_seed": 6}
    else:
        yield {"hash_key": config["hash_key"] + 1}
        if config["f_scheme"] != "min":  # there a neighbouring width often has the same seed
            yield {"prefix_length": config["prefix_length"] + 1}


def test_torchs_permutations_and_coins() -> None:
    """Made with torch 2.13.0: randperm(12), randint(0, 2, (24,)), and a digest of randperm(1_000_003)."""
    assert permutation(15485863, 12).tolist() == PERMUTATION
    assert "".join(map(str, coins(2**40 + 3, 24).tolist())) == COINS
    assert hashlib.sha256(permutation(15485863, 1_000_003).astype("<i8").tobytes()).hexdigest() == LONG
    assert permutation(5, 1).tolist() == [0]
    assert permutation(2**32 + 5, 9).tolist() == permutation(5, 9).tolist()


PERMUTATION = [10, 11, 1, 3, 5, 7, 4, 6, 2, 0, 9, 8]
COINS = "001100011101110110000110"
LONG = "8349a4f9ed0427a921a1780919acc7e5620eab13259e43b7f09c832c24b16d70"


@pytest.mark.parametrize(("n", "size"), [(2, 1), (7, 3), (1000, 250), (1000, 999), (3000, 750)])
def test_a_token_is_followed_to_where_the_shuffle_takes_it(n: int, size: int) -> None:
    """Alone, with another, and among many of its list."""
    rng = np.random.default_rng(n)
    seeds = np.repeat(rng.integers(0, 2**32, 12, dtype=np.uint32), [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 30])
    tokens = rng.integers(0, n, len(seeds)).astype(np.uint32)
    order = rng.permutation(len(seeds))
    seeds, tokens = seeds[order], tokens[order]
    listed = [token in permutation(int(seed), n)[:size] for seed, token in zip(seeds, tokens, strict=True)]
    assert among_first(seeds, tokens, n, size).tolist() == listed


# -- vLLM ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_vectors(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert tuple(map(int, _philox(*map(np.uint64, (*counter, *key))))) == expected


def test_vllm_words_are_the_ones_that_vllm_promises() -> None:
    """Its compatibility vector: key 42, windows 1 2 3 4 and 4 5 6 7, tokens 7 and 8."""
    words = [
        int(VllmGumbel(key=42).words(array([*window, token]), np.array([4]))[0])
        for window in ((1, 2, 3, 4), (4, 5, 6, 7))
        for token in (7, 8)
    ]
    assert words == [425429266, 2706218805, 2494036831, 3424185538]


def twin(key: int, window: list[int], token: int) -> int:
    """The 32 bits of a token in whole numbers, from vLLM's definition of ``philox4x32-10-v1``."""

    def philox(c: list[int], k: list[int]) -> list[int]:
        for step in range(10):
            k0, k1 = (k[0] + step * 0x9E3779B9) % 2**32, (k[1] + step * 0xBB67AE85) % 2**32
            high, low = divmod(c[0] * 0xD2511F53, 2**32)
            high_2, low_2 = divmod(c[2] * 0xCD9E8D57, 2**32)
            c = [high_2 ^ c[1] ^ k0, low_2, high ^ c[3] ^ k1, low]
        return c

    state = [0x574D4358, len(window), 0, 0]
    for begin in range(0, len(window), 4):
        block = (window[begin : begin + 4] + [2**32 - 1 - i for i in range(4)][len(window[begin : begin + 4]) :])[:4]
        mixed = [a ^ (b % 2**32) for a, b in zip(state, block, strict=True)]
        state = philox(mixed, [key % 2**32 ^ begin, key >> 32])
    last = philox([token >> 2, *state[:3]], [key % 2**32 ^ state[3], key >> 32 ^ 0x574D544B])
    return last[token & 3]


@pytest.mark.parametrize("width", [1, 3, 4, 5, 16])
@pytest.mark.parametrize("key", [0, 42, 2**32, 2**64 - 1, 15726070495360670683])
def test_vllm_words_in_whole_numbers(width: int, key: int) -> None:
    text = np.random.default_rng(width).integers(0, 2**32, width + 9).tolist()
    at = np.arange(width, len(text))
    words = VllmGumbel(key=key, width=width).words(array(text), at).tolist()
    assert words == [twin(key, text[i - width : i], text[i]) for i in at]


def gumbel_text(key: int, width: int, n: int, rng: np.random.Generator) -> list[int]:
    """As vLLM samples: the window is of the answer, filled up with -1; a window seen before is sampled plainly."""
    text: list[int] = []
    seen: set[tuple[int, ...]] = set()
    for _ in range(n):
        window = ([-1] * width + text)[-width:]
        ids, p = rng.choice(4000, 12, replace=False), rng.dirichlet(np.full(12, 0.7))
        u = rng.random(12)
        if tuple(window) not in seen:
            u = np.array([((twin(key, window, int(i)) >> 8) + 1) / (2**24 + 1) for i in ids])
        seen.add(tuple(window))
        text.append(int(ids[np.argmax(np.log(np.maximum(p, 1e-300)) - np.log(-np.log(u)))]))
    return text


def test_gumbel_text_is_found_by_its_key_alone() -> None:
    rng = np.random.default_rng(8)
    texts = [gumbel_text(42, 4, 80, rng) for _ in range(3)]
    found = read(VllmGumbel(key=42), texts, subject="x")
    assert (found.kind, found.n) == ("exact", 3 * 76)
    assert found.log10_e > 6
    for other in (VllmGumbel(key=43), VllmGumbel(key=42, width=3), VllmGumbel(key=42, width=5)):
        said = read(other, texts, subject="x")
        assert said.log_e < math.log(100)
        assert float(said.params["log_p"]) > math.log(1e-4)
    a, b = KINDS["vllm-gumbel"](key=42, algorithm="dual_key_gumbel").readers()
    assert (a.key, b.key) == (derived(42, b"key_a"), derived(42, b"key_b"))
    assert a.key == int.from_bytes(hashlib.sha256(b"key_a" + bytes(7) + b"\x2a").digest()[:8], "big")
    second = read(b, [gumbel_text(b.key, 4, 80, rng)], subject="x")
    assert (second.log10_e > 6, second.params["key_name"]) == (True, "key_b")


# -- draws that are one draw -----------------------------------------------------------------------------------------


def test_windows_that_share_a_seed_count_once() -> None:
    """selfhash looks at the least of a window, so that other tokens in it change nothing."""
    reader = HfKgw(key=15485863, gamma=0.25, vocab_size=5000, seeding="selfhash", width=4)  # so a list may give five
    products = reader.table[:V]
    low, token = int(np.argmin(products)), int(np.argmax(products))
    texts = [[a, low, b, token] for a in range(20, 30) for b in range(40, 50)]
    seeds = {int(reader.seeds(array(t), np.array([3]))[0]) for t in texts}
    said = read(reader, texts, subject="x")
    assert (said.n, said.params["repeated"]) == (len(seeds), len(texts) - len(seeds))
    assert said.n < len(texts) / 2


def test_of_one_list_few_are_scored() -> None:
    """They are drawn without replacement: if all others are red, the last is green for sure."""
    texts = [[7, token] for token in range(1, 500)]
    for vocabulary, cap in ((V, 1), (5000, 5)):
        reader = HfKgw(key=3, gamma=0.25, vocab_size=vocabulary, seeding="lefthash", width=1)
        said = read(reader, texts, subject="x")
        assert (said.n, said.params["p0"]) == (cap, int(vocabulary * 0.25) / (vocabulary - cap + 1))


def test_ngrams_that_the_table_cannot_tell_apart_count_once() -> None:
    """A table of 2^16 sees 16 bits of a token: ids that differ by 65,536 have the same coins under every key."""
    rng, keys = np.random.default_rng(4), (1, 2**30 + 7, 99)
    text = rng.integers(0, 60_000, 50)
    reader = HfSynthId(ngram_len=5, keys=keys)
    assert flags_of(reader, text.tolist()) == flags_of(reader, (text + 65536).tolist())
    said = read(reader, [text, text + 65536], subject="x")
    assert (said.n, said.params["repeated"]) == (46, 46)
    odd = HfSynthId(ngram_len=5, keys=keys, table_size=65537)
    assert read(odd, [text, text + 65536], subject="x").n == 92
    twice = HfSynthId(ngram_len=5, keys=(1, 1, 1 + 65536, 99))
    assert twice.params()["layers"] == 2
    assert flags_of(twice, text.tolist()) == flags_of(HfSynthId(ngram_len=5, keys=(1, 99)), text.tolist())


def test_a_window_that_its_text_had_before_is_left_out() -> None:
    """There the software sampled plainly."""
    text = [1, 2, 3, 4, 5, 1, 2, 3, 4, 6, 1, 2, 3, 4, 5]
    expected = [True] * 9 + [False] + [True] * 4 + [False]
    assert first_uses(text, 4).tolist() == expected
    assert first_uses(text[:3], 4).tolist() == [True] * 3
    for reader in (VllmGumbel(key=1), HfSynthId(ngram_len=5, keys=(1, 2))):
        said = read(reader, [text], subject="x")
        assert (said.n, said.params["left_out"]) == (9, 2)


# -- the null --------------------------------------------------------------------------------------------------------

KEYS = 3000


def source_code(rng: np.random.Generator) -> list[list[int]]:
    """Few names and idioms, over and over."""
    idioms = [rng.integers(0, 900, rng.integers(3, 9)).tolist() for _ in range(40)]
    return [[t for k in rng.integers(0, 40, 80) for t in idioms[k]] for _ in range(3)]


def biased_table(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple((rng.random(4096) < 0.56).astype(int).tolist())


def synthid(key: int) -> Reader:
    rng = np.random.default_rng(key)
    keys = tuple(rng.integers(0, 1000 if key % 2 else 2**40, 12).tolist())
    return HfSynthId(ngram_len=3, keys=keys, coins=TABLE, table_size=4096)


TABLE = biased_table(np.random.default_rng(2))
NULLS: dict[str, Callable[[int], Reader]] = {
    "lefthash": lambda key: HfKgw(key=7919 * key + 1, gamma=0.25, vocab_size=1000, seeding="lefthash", width=1),
    "selfhash": lambda key: HfKgw(key=7919 * key + 1, gamma=0.5, vocab_size=1000, seeding="selfhash", width=2),
    "markllm": lambda key: MarkllmKgw(key=key + 1, gamma=0.5, vocab_size=997, window="left", f="time", prefix=2),
    "synthid": synthid,
    "gumbel": lambda key: VllmGumbel(key=7919 * key, width=2),
}


@pytest.mark.parametrize("name", NULLS)
def test_no_false_alarms_on_text_that_repeats_itself(name: str) -> None:
    texts = source_code(np.random.default_rng(6))
    keys = KEYS if name in ("synthid", "gumbel") else KEYS // 4
    said = [read(NULLS[name](key), texts, subject="x") for key in range(keys)]
    log_p, log_e = np.array([s.params["log_p"] for s in said]), np.array([s.log_e for s in said])
    assert min(s.n for s in said) > 100
    for alpha in (1e-1, 1e-2, 1e-3):
        assert (log_p <= math.log(alpha)).sum() <= binom.isf(1e-6, keys, alpha)
        assert (log_e >= -math.log(alpha)).sum() <= binom.isf(1e-6, keys, alpha)
    assert (log_p <= math.log(0.3)).sum() >= binom.ppf(1e-6, keys, 0.15)  # and the tail is no empty bound


@pytest.mark.parametrize("name", NULLS)
def test_scoring_everything_would_raise_them(name: str) -> None:
    """The same texts, each token counted as the packages do: so the test above can fail."""
    texts, alarms = source_code(np.random.default_rng(6)), 0
    tokens = array([t for text in texts for t in text])
    for key in range(300):
        reader = NULLS[name](key)
        at = np.arange(reader.h, len(tokens))
        alarms += float(reader.log_p(reader.sums(tokens, at))) <= math.log(1e-2)
    assert alarms > 2 * binom.isf(1e-6, 300, 1e-2)


def test_a_tables_own_share_is_the_null() -> None:
    """Of 4,096 coins 56 % are 1: against 1/2 every text would be marked."""
    texts = np.random.default_rng(3).integers(0, 10**6, (20, 100)).tolist()
    reader = synthid(1)
    assert reader.process.p0 == np.mean(TABLE)
    said = read(reader, texts, subject="x")
    ones = reader.sums(array([t for text in texts for t in text]), np.arange(2, 2000))
    assert binom.logsf(ones[0], ones.sum(), 0.5) < math.log(1e-6)
    assert float(said.params["log_p"]) > math.log(1e-3)


# -- what cannot be ---------------------------------------------------------------------------------------------------


def test_nothing_to_score_is_evidence_of_zero() -> None:
    for reader in (NULLS[name](5) for name in NULLS):
        for texts in ([], [[]], [[1]], [[1] * reader.h]):
            said = read(reader, texts, subject="x")
            assert (said.n, said.log_e, said.params["log_p"]) == (0, 0, 0)
        prompted = read(reader, [[1, 2, 3, 4, 5]], prompts=[[1, 2, 3, 4, 5]], subject="x")
        assert (prompted.n, prompted.params["in_prompt"]) == (0, 5 - reader.h)


def test_no_evidence_holds_the_key() -> None:
    """Not even as a digest: such keys are so short that all can be tried."""
    a, b = (
        read(HfKgw(key=k, gamma=0.5, vocab_size=9, seeding="lefthash", width=1), [[1]], subject="x") for k in (1, 2)
    )
    assert a == b
    assert read(VllmGumbel(key=1), [[1]], subject="x") == read(VllmGumbel(key=2), [[1]], subject="x")
    kinds = [read(HfSynthId(ngram_len=2, keys=(k,)), [[1]], subject="x") for k in (1, 2)]
    assert kinds[0] == kinds[1]
    assert (a.kind, kinds[0].kind) == ("exact", "model")


def test_a_token_beyond_the_vocabulary_is_of_another_tokenizer() -> None:
    reader = HfKgw(key=1, gamma=0.25, vocab_size=100, seeding="lefthash", width=1)
    with pytest.raises(InputError, match=r"token id 100 is beyond the vocabulary of 100: .*another tokenizer"):
        read(reader, [[1, 2], [100, 3]], subject="x")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("hf-kgw", {"vocab_size": 1}),
        ("hf-kgw", {"vocab_size": 3, "greenlist_ratio": 0.25}),
        ("hf-kgw", {"vocab_size": 300, "greenlist_ratio": 1.0}),
        ("hf-kgw", {"vocab_size": 300, "greenlist_ratio": math.nan}),
        ("hf-kgw", {"vocab_size": 300, "hashing_key": -1}),
        ("hf-kgw", {"vocab_size": 300, "context_width": 0}),
        ("hf-kgw", {"vocab_size": 2**40}),
        ("hf-synthid", {"ngram_len": 1, "keys": [1]}),
        ("hf-synthid", {"ngram_len": 5, "keys": []}),
        ("hf-synthid", {"ngram_len": 5, "keys": [2**63]}),
        ("hf-synthid", {"ngram_len": 5, "keys": [1], "sampling_table_size": 2**25}),
        ("hf-synthid", {"ngram_len": 5, "keys": [1], "sampling_table": [0, 1]}),
        ("hf-synthid", {"ngram_len": 5, "keys": [1], "sampling_table": [0, 2], "sampling_table_size": 2}),
        ("hf-synthid", {"ngram_len": 5, "keys": [1], "sampling_table": [1, 1], "sampling_table_size": 2}),
        ("vllm-gumbel", {"key": -1}),
        ("vllm-gumbel", {"key": 2**64}),
        ("vllm-gumbel", {"key": 1, "context_width": 0}),
        ("markllm-kgw", {**WAYS[6][1], "prefix_length": 0}),
    ],
)
def test_what_no_software_could_have_done(kind: str, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{kind}: "):
        reader_of(kind, config)


# -- the packages themselves ------------------------------------------------------------------------------------------


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
    wrong = {**config, **next(others(kind, config))}
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
