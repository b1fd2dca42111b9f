"""The accounts in a text are named, nobody else is; decoys acquit where the null fails; what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import binom

from gauger.errors import ConfigError
from gauger.watermark.corpus import Selection, select
from gauger.watermark.detection import detect
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament
from gauger.watermark.tracing import trace


def keys(n: int, party: str = "account") -> list[Key]:
    return [
        derive(
            bytes(32),
            KeyContext(tenant="t", party=f"{party}:{k}", epoch="e", model="m", tokenizer="k", scheme="s"),
        )
        for k in range(n)
    ]


ACCOUNTS, DECOYS = keys(300), keys(200, "decoy")


def served(scheme: Scheme, accounts: list[int], length: int, seed: int = 61) -> np.ndarray:
    """One text for each account, of a model with 20 likely next tokens: int64[accounts, length]."""
    rng, n = np.random.default_rng(seed), len(accounts)
    responses = [Response(ACCOUNTS[a].secret) for a in accounts]
    tokens = rng.integers(0, 10_000, (n, 4))
    for _ in range(length):
        ids = rng.integers(0, 10_000, (n, 20)) // 20 * 20 + np.arange(20)  # distinct in a row
        drawn = sample(scheme, responses, tokens, ids, rng.dirichlet(np.full(20, 0.15), n), rng)
        tokens = np.column_stack([tokens, drawn])
    return tokens[:, 4:]


@pytest.mark.parametrize("scheme", [Gumbel(), Tournament(), Greenlist(delta=2.0)], ids=lambda s: s.id)
def test_the_account_is_named(scheme: Scheme) -> None:
    culprits = [5, 77, 120, 200, 299, 0, 31, 32, 33, 250]
    for culprit, text in zip(culprits, served(scheme, culprits, 300), strict=True):
        selection = select([text], h=scheme.h)
        found = trace(selection, ACCOUNTS, scheme, subject="x", decoys=DECOYS)
        assert found.order[0] == culprit
        assert np.flatnonzero(found.by_p).tolist() == [culprit]
        assert found.accused == (detect(selection, ACCOUNTS[culprit], scheme, subject="x"),)
        assert found.decoy_p == 1 / 201


def test_all_accounts_behind_a_corpus_are_named() -> None:
    culprits = [3, 14, 159]
    found = trace(select(served(Gumbel(), culprits, 300), h=4), ACCOUNTS, Gumbel(), subject="x", decoys=DECOYS)
    assert sorted(found.order[:3]) == culprits
    assert np.flatnonzero(found.by_p).tolist() == culprits
    assert len(found.accused) == 3
    log_p = [e.params["log_p"] for e in found.accused]
    assert log_p == sorted(log_p)


def test_innocent_accounts_are_accused_no_oftener_than_stated() -> None:
    """At 5 % a trace, over texts under accounts' own keys left out of the search."""
    texts, runs = np.random.default_rng(62).integers(0, 50, (400, 60)), 400
    for scheme in (Gumbel(h=1), Greenlist()):
        by_p = 0
        for run, text in enumerate(texts):
            some = keys(20, f"run-{run}")
            found = trace(select([text], h=1), some, scheme, subject="x", alpha=0.05)
            by_p += found.by_p.any()
        bound = binom.isf(1e-6, runs, 0.05)
        assert by_p <= bound
        assert by_p > 0


def test_decoys_acquit_where_the_null_does_not_hold() -> None:
    """A selection that scores each repeat, as if somebody had taken the set away: the decoys see it."""
    text = np.tile(np.arange(12), 60)
    honest = select([text], h=2)
    broken = Selection(tokens=honest.tokens, at=np.arange(2, len(text)), h=2, tally=honest.tally, digest=honest.digest)
    found = trace(broken, ACCOUNTS, Gumbel(h=2), subject="x", decoys=DECOYS)
    assert found.by_p.any()
    assert found.null_log_p < math.log(1e-6)
    assert found.accused == ()
    assert "the null does not hold" in found.why
    sound = trace(honest, ACCOUNTS, Gumbel(h=2), subject="x", decoys=DECOYS)
    assert not sound.by_p.any()
    assert sound.null_log_p > math.log(1e-3)


def test_decoys_acquit_from_one_in_a_thousand() -> None:
    """Of 200 decoys some more each time are keys that the text was made with, which fall below 1 %."""
    made = list(range(12))
    selection, acquitted = select(served(Gumbel(), made, 300), h=4), []
    for k in range(3, 12):
        decoys = [*(ACCOUNTS[a] for a in made[:k]), *DECOYS[k:]]
        found = trace(selection, ACCOUNTS[11:], Gumbel(), subject="x", decoys=decoys)
        low = trace(selection, decoys, Gumbel(), subject="x").log_p <= math.log(0.01)
        assert found.null_log_p == pytest.approx(binom.logsf(low.sum() - 1, 200, 0.01))
        assert (found.accused == ()) == (found.null_log_p <= math.log(1e-3))
        acquitted.append(found.accused == ())
    assert acquitted == sorted(acquitted)
    assert 0 < sum(acquitted) < len(acquitted)


def test_nothing_to_score_accuses_nobody() -> None:
    found = trace(select([[1, 2]], h=4), ACCOUNTS, Gumbel(), subject="x", decoys=DECOYS)
    assert (found.accused, found.decoy_p, found.null_log_p) == ((), 1.0, 0.0)
    assert not found.log_p.any()
    assert not found.log_e.any()
    assert "nothing to score" in found.why


def test_no_key_may_come_twice() -> None:
    selection = select([[1, 2, 3, 4, 5, 6]], h=4)
    for some, decoys in [([], []), (ACCOUNTS[:1] * 2, []), (ACCOUNTS[:2], ACCOUNTS[1:3])]:
        with pytest.raises(ConfigError, match="twice"):
            trace(selection, some, Gumbel(), subject="x", decoys=decoys)


def test_what_is_given_back_cannot_be_changed() -> None:
    found = trace(select([[1, 2, 3, 4, 5, 6]], h=4), ACCOUNTS[:3], Gumbel(), subject="x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.why = ""  # type: ignore[misc]
