"""Marks of other software, bit for bit, against what the packages gave once (tests/data/foreign_marks.json).

How that was made, and the packages themselves: test_watermark_foreign_peers.py.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.edge.foreign_marks import KINDS
from gauger.errors import ConfigError, InputError
from gauger.watermark.foreign import Reader, first_uses, read
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.mt19937 import among_first, coins, permutation
from gauger.watermark.foreign.synthid import HfSynthId
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel, _philox, derived

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "foreign_marks.json").read_text())
V = 503
MARKED = [k for k, case in enumerate(CASES) if case["config"].get("window_scheme") != "self"]


def reader_of(kind: str, config: dict[str, Any]) -> Any:
    (reader,) = KINDS[kind](**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}).readers()
    return reader


def array(text: list[int]) -> np.ndarray:
    return np.array(text, np.uint32)


def flags_of(reader: Any, text: list[int]) -> str:
    """All flags from the first full window on, as one run of 0 and 1."""
    flags = reader.flags(array(text), np.arange(reader.h, len(text)))
    return "".join(map(str, flags.astype(int).ravel().tolist()))


# -- what the packages gave ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", range(len(CASES)))
def test_the_flags_are_theirs(way: int) -> None:
    case = CASES[way]
    reader = reader_of(case["kind"], case["config"])
    assert [flags_of(reader, text) for text in (*case["texts"], *case["plain"])] == case["flags"]
    assert {"0", "1"} == set("".join(case["flags"]))


@pytest.mark.parametrize("way", MARKED)
def test_marked_text_is_found_by_its_configuration_alone(way: int) -> None:
    case, found = CASES[way], []
    kind, config = case["kind"], case["config"]
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


def test_a_list_that_no_key_changes_is_not_scored() -> None:
    """lefthash multiplies the key by the token before: after token 0 anybody can write what is green."""
    options = {"gamma": 0.25, "vocab_size": 128_256, "seeding": "lefthash", "width": 1}
    candidates = np.arange(1000, 2000, dtype=np.uint32)
    after_zero = np.stack([np.zeros_like(candidates), candidates], 1).ravel()
    green = HfKgw(key=1, **options).flags(after_zero, np.arange(1, len(after_zero), 2))
    text = np.stack([np.zeros(128, np.uint32), candidates[green][:128]], 1).ravel()
    for key in np.random.default_rng(7).integers(1, 2**62, 50).tolist():
        said = read(HfKgw(key=key, **options), [text], subject="x")
        assert (said.params["keyless"], said.params["left_out"]) == (128, 128)
        assert "128 have a list that no key changes" in said.why
        assert float(said.params["log_p"]) > math.log(1e-6)
        assert said.log_e < math.log(1e4)
    parts = ("scored", "short", "left_out", "in_prompt", "repeated")
    assert sum(int(said.params[part]) for part in parts) == said.params["tokens"] == 256


@pytest.mark.parametrize("seeding", ["lefthash", "selfhash"])
def test_a_key_whose_low_bits_are_0_has_nothing_to_score(seeding: Any) -> None:
    """Of a seed the low 32 bits count: such keys all draw the lists of 0 and -1."""
    text = np.random.default_rng(3).integers(1, V, 300)
    said = read(HfKgw(key=5 << 32, gamma=0.25, vocab_size=V, seeding=seeding, width=3), [text], subject="x")
    assert (said.n, said.log_e, said.params["log_p"]) == (0, 0, 0)
    assert int(said.params["keyless"]) > 200


def test_who_knows_all_lists_can_write_greener_than_chance() -> None:
    """MarkLLM's lists are as few as tokens: why that is of kind "model"."""
    shares = np.zeros(V)
    for seed in range(V):
        shares[permutation(seed, V)[: V // 2]] += 1 / V
    rng, best = np.random.default_rng(1), np.argsort(-shares)[:8]
    text = np.stack([rng.permutation(V), rng.choice(best, V)], 1).ravel()
    greens = []
    for key in rng.integers(1, 2**40, 60).tolist():
        reader = MarkllmKgw(key=key, gamma=0.5, vocab_size=V, window="left", f="time", prefix=1)
        said = read(reader, [text], subject="x")
        greens.append(float(said.params["log_p"]) <= math.log(0.05))
        assert said.kind == "model"
    assert sum(greens) > 10


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


# -- what cannot be ---------------------------------------------------------------------------------------------------


READERS: list[Reader] = [
    HfKgw(key=5, gamma=0.25, vocab_size=1000, seeding="lefthash", width=1),
    HfKgw(key=5, gamma=0.5, vocab_size=1000, seeding="selfhash", width=2),
    MarkllmKgw(key=5, gamma=0.5, vocab_size=997, window="left", f="time", prefix=2),
    HfSynthId(ngram_len=3, keys=(5, 6)),
    VllmGumbel(key=5, width=2),
]


def test_nothing_to_score_is_evidence_of_zero() -> None:
    for reader in READERS:
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
        ("hf-kgw", {"vocab_size": 300, "hashing_key": 0}),
        ("markllm-kgw", {**CASES[6]["config"], "hash_key": 7 * V}),
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
        ("markllm-kgw", {**CASES[6]["config"], "prefix_length": 0}),
    ],
)
def test_what_no_software_could_have_done(kind: str, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{kind}: "):
        reader_of(kind, config)


def written(reader: Any, rng: np.random.Generator, n: int = 500) -> np.ndarray:
    """A text whose tokens are the reader's green ones wherever one of five candidates is."""
    text = rng.integers(1, V, n).astype(np.uint32)
    for k in range(reader.h, n):
        for token in rng.integers(1, V, 5):
            text[k] = token
            if reader.flags(text, np.array([k]))[0]:
                break
    return text


@pytest.mark.parametrize(
    "kind",
    [
        HfKgw(key=77, gamma=0.25, vocab_size=V, seeding="selfhash", width=4),
        MarkllmKgw(key=77, gamma=0.25, vocab_size=V, window="left", f="skip", prefix=3),
        MarkllmKgw(key=77, gamma=0.25, vocab_size=V, window="left", f="min", prefix=3),
        MarkllmKgw(key=77, gamma=0.25, vocab_size=V, window="self", f="min", prefix=3),
    ],
    ids=repr,
)
def test_a_copy_of_the_prompt_with_other_words_in_it_is_no_mark(kind: Any) -> None:
    """Such hashes look at part of a window, so that a draw of the prompt comes again in windows of the copy's own."""
    rng = np.random.default_rng(4)
    marked = written(kind, rng)
    copied = np.where(np.arange(500) % 3 == 1, rng.integers(1, V, 500), marked).astype(np.uint32)
    assert read(kind, [copied], subject="x").params["log_p"] < math.log(1e-4)
    said = read(kind, [copied], prompts=[marked], subject="x")
    assert said.n > 100
    assert said.params["log_p"] > math.log(1e-3)
    elsewhere = read(kind, [marked, copied], prompts=[[], []], subject="x")
    assert elsewhere.params["log_p"] < math.log(1e-6)


@pytest.mark.parametrize("f", ["min", "skip", "time"])
def test_what_a_prompt_has_beyond_the_vocabulary_is_no_draw(f: Any) -> None:
    for reader in (
        HfKgw(key=77, gamma=0.25, vocab_size=V, seeding="selfhash", width=4),
        MarkllmKgw(key=77, gamma=0.25, vocab_size=V, window="self", f=f, prefix=3),
    ):
        text = np.random.default_rng(1).integers(1, V, 60)
        some = read(reader, [text], prompts=[[V, 1, 2, 1 << 31, *text[20:40], V + 1]], subject="x")
        assert some.params["in_prompt"] > 20 - reader.h
        assert read(reader, [text], prompts=[[V] * 9], subject="x").params["in_prompt"] == 0
