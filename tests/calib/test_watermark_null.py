"""False alarms on text that repeats itself, over many keys, at the worst moment to stop. Exact binomial bounds at 1e-6.

A text is fixed and keys are drawn: then values are independent from key to key, and the runs are trials of one coin.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from gauger.stats.betting import State
from gauger.watermark.corpus import Selection, select
from gauger.watermark.detection import flags, values
from gauger.watermark.reading import bets
from gauger.watermark.reading import log_e as reading_log_e
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament
from gauger.watermark.weighing import POWERS, weighed

KEYS = 4000
ALPHAS = (1e-2, 1e-3)
SCHEMES: list[Scheme] = [Gumbel(), Gumbel(h=2), Tournament(layers=8), Greenlist(h=1), Greenlist(h=4), Greenlist(h=0)]
Texts = list[list[int]]


def prose(rng: np.random.Generator) -> Texts:
    """Words of Zipf's law, every other one called for by the word before: phrases recur, as in any language."""
    follower = rng.integers(0, 2000, 2000)
    texts = []
    for _ in range(6):
        words = (rng.zipf(1.4, 150) - 1) % 2000
        texts.append(np.column_stack([words, follower[words]]).ravel().tolist())
    return texts


def templates(rng: np.random.Generator) -> Texts:
    """One form of 40 tokens, filled in 40 times at two slots."""
    form = rng.integers(0, 2000, 40)
    texts = []
    for _ in range(40):
        filled = form.copy()
        filled[[9, 27]] = rng.integers(0, 2000, 2)
        texts.append(filled.tolist())
    return texts


def code(rng: np.random.Generator) -> Texts:
    """Lines out of few idioms over few names, indented: most n-grams recur many times."""
    idioms = [rng.integers(0, 60, rng.integers(4, 9)).tolist() for _ in range(12)]
    texts = []
    for _ in range(4):
        text: list[int] = []
        for _ in range(50):
            line = idioms[min(int(rng.zipf(1.3)) - 1, 11)]
            text += [100] * int(rng.integers(1, 4)) + line + [int(rng.integers(60, 66)), 101]
        texts.append(text)
    return texts


CORPORA = {f.__name__: f(np.random.default_rng(51)) for f in (prose, templates, code)}


def everything(texts: Texts, h: int) -> Selection:
    """What would be scored if repeats were: each token with a window before it."""
    chosen = select(texts, h=h)
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    where = np.arange(len(chosen.tokens))
    into = where - starts[np.searchsorted(starts, where, side="right") - 1]
    return Selection(tokens=chosen.tokens, at=where[into >= h], h=h, tally=chosen.tally, digest=chosen.digest)


def alarms(selection: Selection, scheme: Scheme, seed: int) -> dict[tuple[str, float], int]:
    """How many of KEYS raise a false alarm: by the fixed-n tail, and by the e-process at the best of many looks."""
    rng = np.random.default_rng(seed)
    looks = np.unique(np.geomspace(1, len(selection.at), 24).astype(int))
    totals = np.empty((KEYS, len(looks), 2))
    for row, secret in zip(totals, rng.integers(0, 2**64, (KEYS, 4), np.uint64), strict=True):
        steps = scheme.process.steps(scheme.observations(values(selection, secret.tobytes())))
        each = len(steps) // len(selection.at)
        row[:] = np.add.reduceat(steps, each * np.array([0, *looks[:-1]])).cumsum(axis=0)
    peak, log_p = scheme.process.log_e(State(0, totals)).max(-1), scheme.log_p(totals[:, -1])
    counts = {("p", a): int((log_p <= math.log(a)).sum()) for a in ALPHAS}
    return counts | {("e", a): int((peak >= -math.log(a)).sum()) for a in ALPHAS}


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("corpus", CORPORA)
def test_false_alarms_are_as_many_as_promised(corpus: str, scheme: Scheme) -> None:
    counts = alarms(select(CORPORA[corpus], h=scheme.h), scheme, 52)
    for (kind, alpha), count in counts.items():
        assert count <= binom.isf(1e-6, KEYS, alpha), (kind, alpha)
    if scheme.id == "gumbel":  # its tail is continuous, so just as many are due
        assert counts["p", 1e-2] >= binom.ppf(1e-6, KEYS, 1e-2)


SLOW = [pytest.param(scheme, marks=pytest.mark.slow) for scheme in (Tournament(layers=8), Greenlist(h=1))]


@pytest.mark.parametrize("scheme", [Gumbel(), *SLOW], ids=repr)
@pytest.mark.parametrize("corpus", ["templates", "code"])
def test_they_are_many_more_if_repeats_are_scored(corpus: str, scheme: Scheme) -> None:
    counts = alarms(everything(CORPORA[corpus], scheme.h), scheme, 53)
    for (kind, alpha), count in counts.items():
        assert count > binom.isf(1e-6, KEYS, alpha), (kind, alpha)


@pytest.mark.parametrize("scheme", [Gumbel(), Tournament(layers=8), Greenlist(h=1)], ids=repr)
@pytest.mark.parametrize("corpus", CORPORA)
def test_weights_raise_no_more(corpus: str, scheme: Scheme) -> None:
    """Whatever the entropies: here they lean towards tokens that recur."""
    rng, texts = np.random.default_rng(56), CORPORA[corpus]
    counts = np.bincount(np.concatenate(texts))
    nats = [rng.exponential(0.2 * np.log1p(counts[text])) for text in texts]
    reading = weighed(select(texts, h=scheme.h), nats)
    secrets = [secret.tobytes() for secret in rng.integers(0, 2**64, (1000, 4), np.uint64)]
    found = reading_log_e(bets(reading, secrets, scheme, powers=POWERS))
    for alpha in (0.05, 1e-2):
        assert (found >= -math.log(alpha)).sum() <= binom.isf(1e-6, len(secrets), alpha)


def test_prompts_that_are_copied_raise_no_alarm() -> None:
    """A marked prompt is no mark of the answer that quotes it: its windows are not scored, though the key is right."""
    rng, scheme = np.random.default_rng(54), Gumbel(h=2)
    secret = bytes(32)
    tokens = rng.integers(0, 3000, 2).tolist()
    for _ in range(400):  # a text of the key's favourites
        pool = rng.integers(0, 3000, 12)
        trials = select([[*tokens[-2:], int(t)] for t in pool], h=2)
        tokens.append(int(trials.tokens[trials.at][values(trials, secret).argmax()]))
    quoted, alone = (select([tokens], h=2, prompts=p) for p in ([tokens], None))
    assert len(quoted.at) == 0
    assert float(scheme.log_p(scheme.sums(values(alone, secret)))) < math.log(1e-12)


def test_flags_of_other_tools() -> None:
    """0.2588 against 0.25 passes a million by 85,000 flags in the median; 0.25 passes 20 no oftener than it may."""
    rng, runs, step = np.random.default_rng(55), 1000, 1000
    null, faint = np.zeros(runs, bool), np.zeros(runs, bool)
    green = np.zeros((2, runs))
    process = Greenlist(gamma=0.25).process
    for n in range(step, 85_001, step):
        green += rng.binomial(step, [[0.25], [0.2588]], (2, runs))
        log_e = process.log_e(State(n, np.stack([green, n - green], axis=-1)))
        null |= log_e[0] >= math.log(20)
        faint |= log_e[1] >= math.log(1e6)
    assert null.sum() <= binom.isf(1e-6, runs, 1 / 20)
    assert faint.sum() > binom.isf(1e-6, runs, 0.5)
    one = flags(np.repeat([1, 0], [int(green[1, 0]), int(85_000 - green[1, 0])]), 0.25, subject="x")
    assert one.log_e == pytest.approx(float(log_e[1, 0]))
