"""False alarms of readers of foreign marks on text that repeats itself, over many keys. Binomial bounds at 1e-6."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from gauger.watermark.foreign import Reader, read
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.shifts import log_tail
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


def test_text_written_against_the_table_is_found_no_oftener_than_stated() -> None:
    """The table is public and the hash linear: here all shifts that the table's strongest wave lifts, without a key."""
    reader = HfSynthId(ngram_len=2, keys=(0,), table_size=1024)
    tokens = np.stack([np.zeros(1024, np.uint32), np.arange(1024, dtype=np.uint32)], 1).ravel()
    at = np.arange(1, len(tokens), 2)
    coins = reader.flags(tokens, at)[:, 0].astype(float)
    wave = np.fft.rfft(coins)
    wave[np.abs(wave) < np.sort(np.abs(wave[1:]))[-1]] = 0
    wave[0] = 0
    lifted = np.fft.irfft(wave, 1024) > 0
    text = tokens.reshape(-1, 2)[lifted].tolist()
    rng, log_p, log_e, naive = np.random.default_rng(5), [], [], []
    for _ in range(400):
        keyed = HfSynthId(ngram_len=2, keys=tuple(rng.integers(0, 2**40, 30).tolist()), table_size=1024)
        said = read(keyed, text, subject="x")
        log_p.append(float(said.params["log_p"]))
        log_e.append(said.log_e)
        naive.append(float(keyed.log_p(keyed.sums(tokens, at[lifted]))))
    for alpha in (1e-1, 1e-2, 1e-3):
        bound = binom.isf(1e-6, 400, alpha)
        assert sum(p <= math.log(alpha) for p in log_p) <= bound
        assert sum(e >= -math.log(alpha) for e in log_e) <= bound
    assert sum(p <= math.log(1e-2) for p in naive) > 2 * binom.isf(1e-6, 400, 1e-2)  # so that it can fail


def test_the_tail_over_shifts_is_the_convolutions() -> None:
    rng = np.random.default_rng(2)
    counts = rng.binomial(40, 0.5, 64)
    exact = np.bincount(counts - counts.min()) / 64
    total = np.ones(1)
    for _ in range(5):
        total = np.convolve(total, exact)
    for least in range(5 * counts.min(), 5 * counts.max() + 1):
        tail = total[least - 5 * counts.min() :].sum()
        assert log_tail(counts, 5, least) == pytest.approx(math.log(tail), abs=1e-6)
    assert log_tail(counts, 5, 5 * counts.max() + 1) < -20
    assert log_tail(np.full(9, 7), 3, 21) == 0


def test_a_tables_own_share_is_the_null() -> None:
    """Of 4,096 coins 56 % are 1: against 1/2 every text would be marked."""
    texts = np.random.default_rng(3).integers(0, 10**6, (20, 100)).tolist()
    reader = synthid(1)
    assert reader.process.p0 == np.mean(TABLE)
    said = read(reader, texts, subject="x")
    ones = reader.sums(np.array([t for text in texts for t in text], np.uint32), np.arange(2, 2000))
    assert binom.logsf(ones[0], ones.sum(), 0.5) < math.log(1e-6)
    assert float(said.params["log_p"]) > math.log(1e-3)
