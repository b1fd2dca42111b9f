"""The code for colluders: its draw, the mean of its e-values, whom it names by several strategies, and whom not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from gauger.errors import ConfigError, InputError
from gauger.watermark import tardos
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.tardos import Tardos, accuse, symbols

ACCOUNTS = [f"account:{k}" for k in range(500)]


def key(party: str = "code") -> Key:
    return derive(bytes(32), KeyContext(tenant="t", party=party, epoch="e", model="m", tokenizer="k", scheme="s"))


def kept(bits: np.ndarray, strategy: str, rng: np.random.Generator) -> np.ndarray:
    """What colluders with these code words let through: always a bit that one of them has."""
    c, m = bits.shape
    if strategy == "any":
        return bits[rng.integers(0, c, m), np.arange(m)].astype(float)
    if strategy == "majority":
        return (2 * bits.sum(0) > c).astype(float)
    if strategy == "both":
        return bits.mean(0)
    if strategy == "minority":
        return np.where(bits.min(0) == bits.max(0), bits[0], 2 * bits.sum(0) < c).astype(float)
    return np.where(rng.random(m) < 0.3, np.nan, kept(bits, "any", rng))


@pytest.mark.parametrize("strategy", ["any", "majority", "both", "minority", "gaps"])
def test_colluders_are_named_and_nobody_else(strategy: str) -> None:
    rng, code = np.random.default_rng(71), Tardos(length=1500)
    guilty = [7, 250, 499]
    seen = kept(code.bits(key(), [ACCOUNTS[k] for k in guilty]), strategy, rng)
    found = accuse(code, key(), ACCOUNTS, seen, subject="x")
    assert 1 <= found.mask.sum() == found.mask[guilty].sum()
    assert [e.log_e for e in found.accused] == sorted(found.log_e[found.mask], reverse=True)
    assert {e.kind for e in found.accused} == {"exact"}
    assert all(e.n == np.isfinite(seen).sum() for e in found.accused)


def test_a_lone_account_needs_few_positions() -> None:
    code = Tardos(length=200)
    seen = code.bits(key(), ["account:3"])[0]
    assert np.flatnonzero(accuse(code, key(), ACCOUNTS, seen, subject="x").mask).tolist() == [3]
    assert not accuse(code, key("another"), ACCOUNTS, seen, subject="x").mask.any()


@pytest.mark.parametrize("strategy", ["any", "minority"])
def test_innocents_are_accused_no_oftener_than_stated(strategy: str) -> None:
    rng, code, runs, alpha = np.random.default_rng(72), Tardos(length=60), 400, 0.2
    wrong = 0
    for run in range(runs):
        guilty = key(f"code:{run}")
        seen = kept(code.bits(guilty, ["a", "b", "c"]), strategy, rng)
        wrong += accuse(code, guilty, ACCOUNTS[:40], seen, subject="x", alpha=alpha).mask.any()
    assert wrong <= binom.isf(1e-6, runs, alpha)


def test_the_mean_e_value_of_an_innocent_is_one() -> None:
    biases, shares = np.array([0.001, 0.2, 0.5, 0.999, 0.4]), np.array([1.0, 0.0, 0.3, 1.0, np.nan])
    ratios = tardos._ratios(biases, shares)
    assert (ratios > 0).all()
    assert (1 - biases)[:, None] * ratios[..., 0] + biases[:, None] * ratios[..., 1] == pytest.approx(1.0)
    assert (ratios[4] == 1).all()


def test_bits_follow_the_biases_and_biases_the_arcsine_law() -> None:
    code, n = Tardos(length=400), 2000
    biases = code.biases(key())
    assert ((biases >= 0.001) & (biases <= 0.999)).all()
    assert abs((biases < math.sin(math.pi / 8) ** 2).mean() - 0.25) < 6 * math.sqrt(0.25 * 0.75 / 400)
    ones = code.bits(key(), [f"b{k}" for k in range(n)]).sum(0)
    assert (ones <= binom.isf(1e-9, n, biases)).all()
    assert (ones >= binom.ppf(1e-9, n, biases)).all()


def test_log_e_is_the_written_sum() -> None:
    code, rng = Tardos(length=50), np.random.default_rng(73)
    seen = rng.choice([0.0, 1.0, 0.5, np.nan], 50)
    bits, p = code.bits(key(), ["a"])[0], code.biases(key())
    total = 0.0
    for c in tardos.COALITIONS:
        product = 1.0
        for b, q, y in zip(bits, p, seen, strict=True):
            chance = q if b else 1 - q  # of the bit in an innocent
            if not math.isnan(y):
                kept_it = (1 / c + (1 - 1 / c) * chance) / chance
                share = y if b else 1 - y
                product *= share * kept_it + (1 - share) * (1 - 1 / c)
        total += product / len(tardos.COALITIONS)
    assert code.log_e(key(), ["a"], seen)[0] == pytest.approx(math.log(total))


def test_symbols() -> None:
    log_p = np.log([[0.5, 0.5], [1e-9, 0.5], [0.5, 1e-9], [1e-9, 1e-9]])
    assert symbols(log_p).tolist() == pytest.approx([np.nan, 0.0, 1.0, 0.5], nan_ok=True)
    with pytest.raises(InputError, match="two tests"):
        symbols(np.zeros(4))


def test_nothing_seen_accuses_nobody() -> None:
    found = accuse(Tardos(length=9), key(), ACCOUNTS, np.full(9, np.nan), subject="x")
    assert found.log_e == pytest.approx(0.0, abs=1e-12)
    assert found.accused == ()


def test_what_cannot_work_is_refused() -> None:
    code = Tardos(length=3)
    for make in (lambda: Tardos(length=0), lambda: Tardos(length=5, cutoff=0.5), lambda: Tardos(length=5, cutoff=0)):
        with pytest.raises(ConfigError, match="length"):
            make()
    for seen in ([0, 1], [0, 1, 2], [0, 1, -1], [[0, 1, 1]]):
        with pytest.raises(InputError, match="3 shares"):
            accuse(code, key(), ["a"], seen, subject="x")
    for accounts in ([], ["a", "a"], [""]):
        with pytest.raises(ConfigError, match="account"):
            accuse(code, key(), accounts, [0, 1, 1], subject="x")
