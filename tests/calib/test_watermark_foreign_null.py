"""False alarms of readers of foreign marks on text that repeats itself, over many keys. Binomial bounds at 1e-6."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from gauger.watermark.foreign import Reader, read
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.synthid import HfSynthId
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel

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
    keys = KEYS // (2 if name in ("synthid", "gumbel") else 8)
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
    tokens = np.array([t for text in texts for t in text], np.uint32)
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
    ones = reader.sums(np.array([t for text in texts for t in text], np.uint32), np.arange(2, 2000))
    assert binom.logsf(ones[0], ones.sum(), 0.5) < math.log(1e-6)
    assert float(said.params["log_p"]) > math.log(1e-3)
