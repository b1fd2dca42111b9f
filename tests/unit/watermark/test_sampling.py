"""Rows with keys, rows without, rows without a window, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gauger.errors import ConfigError, InputError
from gauger.watermark.sampling import Response, candidates, sample, tilt
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament

ONE, TWO = bytes(range(32)), bytes(range(1, 33))
ROWS, K = 6, 40
RNG = np.random.default_rng(5)
P = RNG.dirichlet(np.full(K, 0.5), ROWS)
IDS = np.array([RNG.permutation(128_000)[:K] for _ in range(ROWS)])
CONTEXTS = RNG.integers(0, 128_000, (ROWS, 4))
SCHEMES: list[Scheme] = [Gumbel(), Tournament(), Greenlist(delta=2.0)]
by_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.id)


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


@by_scheme
def test_rows_without_a_key_are_sampled_plainly(scheme: Scheme) -> None:
    tokens = sample(scheme, [Response(None) for _ in range(ROWS)], CONTEXTS, IDS, P, generator())
    plain = (P.cumsum(-1) > generator().random(ROWS)[:, None]).argmax(-1)
    assert tokens.tolist() == IDS[np.arange(ROWS), plain].tolist()


@by_scheme
def test_a_row_depends_on_its_own_key_alone(scheme: Scheme) -> None:
    secrets = [ONE, None, TWO, ONE, None, TWO]
    together = tilt(scheme, [Response(s) for s in secrets], CONTEXTS, IDS, P)
    for r, secret in enumerate(secrets):
        alone = tilt(scheme, [Response(secret)], CONTEXTS[r : r + 1], IDS[r : r + 1], P[r : r + 1])
        assert together[r].tolist() == alone[0].tolist()
        assert np.allclose(together[r], P[r]) == (secret is None)


@by_scheme
def test_only_the_last_h_tokens_and_the_key_matter(scheme: Scheme) -> None:
    def marked(secret: bytes, contexts: np.ndarray) -> list[list[float]]:
        return tilt(scheme, [Response(secret) for _ in range(ROWS)], contexts, IDS, P).tolist()

    longer = np.concatenate([np.full((ROWS, 3), 9), CONTEXTS], axis=-1)
    assert marked(ONE, longer) == marked(ONE, CONTEXTS)
    other = CONTEXTS.copy()
    other[:, 4 - scheme.h] += 1
    assert marked(ONE, other) != marked(ONE, CONTEXTS)
    assert marked(TWO, CONTEXTS) != marked(ONE, CONTEXTS)


@by_scheme
def test_a_window_marks_once_a_response_unless_the_scheme_repeats(scheme: Scheme) -> None:
    response = Response(ONE)
    first = tilt(scheme, [response], CONTEXTS[:1], IDS[:1], P[:1])
    again = tilt(scheme, [response], CONTEXTS[:1], IDS[:1], P[:1])
    elsewhere = tilt(scheme, [Response(ONE)], CONTEXTS[:1], IDS[:1], P[:1])
    assert np.allclose(again, first if scheme.repeats else P[:1])
    assert not np.allclose(first, P[:1])
    assert first.tolist() == elsewhere.tolist()


@by_scheme
def test_a_row_without_a_full_window_is_unmarked(scheme: Scheme) -> None:
    short = CONTEXTS.copy()
    short[:, 4 - scheme.h] = -1
    responses = [Response(ONE) for _ in range(ROWS)]
    assert np.allclose(tilt(scheme, responses, short, IDS, P), P)
    assert not any(r.used for r in responses)


def test_one_list_for_all_text_needs_no_context() -> None:
    after = tilt(Greenlist(h=0), [Response(ONE)], np.empty((1, 0), int), IDS[:1], P[:1])
    assert not np.allclose(after, P[:1])


@by_scheme
def test_weights_need_not_sum_to_one_and_padding_is_never_chosen(scheme: Scheme) -> None:
    padded = np.concatenate([np.zeros((ROWS, 3)), 7 * P, np.zeros((ROWS, 3))], axis=-1)
    ids = np.concatenate([np.full((ROWS, 3), 1), IDS, np.full((ROWS, 3), 2)], axis=-1)
    for secret in (ONE, None):
        wide = sample(scheme, [Response(secret) for _ in range(ROWS)], CONTEXTS, ids, padded, generator())
        slim = sample(scheme, [Response(secret) for _ in range(ROWS)], CONTEXTS, IDS, P, generator())
        assert wide.tolist() == slim.tolist()


def test_an_empty_batch_is_empty() -> None:
    nothing = np.empty((0, 5))
    assert sample(Gumbel(), [], np.empty((0, 4), int), nothing, nothing, generator()).tolist() == []


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [-0.5, 1.5]])
def test_a_row_that_is_no_distribution_is_refused(bad: list[float]) -> None:
    p, ids = np.array([[0.5, 0.5], bad]), np.array([[1, 2], [1, 2]])
    with pytest.raises(InputError, match="row 1 of p"):
        sample(Gumbel(), [Response(ONE), Response(None)], CONTEXTS[:2], ids, p, generator())


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        sample(Gumbel(), [Response(ONE)], CONTEXTS, IDS, P, generator())
    with pytest.raises(InputError, match="at least 4 tokens"):
        sample(Gumbel(), [Response(ONE) for _ in P], CONTEXTS[:, :3], IDS, P, generator())


@example([0.0, 1.0, 1.0, 1.0, 2.0], 1.0, 5, 0.625)
@example([0.0, 1.0, 1.0, 1.0, 2.0], 1.0, 4, 0.7)
@settings(max_examples=500)
@given(
    st.lists(st.integers(-9, 9) | st.just(-np.inf), min_size=1, max_size=30).filter(lambda x: max(x) > -np.inf),
    st.floats(0.2, 2),
    st.integers(0, 8),
    st.floats(0.05, 1),
)
def test_candidates_are_the_likeliest(logits: list[float], temperature: float, top_k: int, top_p: float) -> None:
    ids, p = candidates(np.array(logits), temperature=temperature, top_k=top_k, top_p=top_p)
    weights = np.exp((np.array(logits) - max(logits)) / temperature)
    order = sorted((j for j in range(len(logits)) if weights[j] > 0), key=lambda j: (-weights[j], j))[: top_k or None]
    kept, share = ids.tolist(), weights[order] / weights[order].sum()
    assert kept == order[: len(kept)]
    assert share[: len(kept)].sum() >= top_p - 1e-9  # enough of what top_k left ...
    assert share[: len(kept) - 1].sum() < top_p + 1e-9  # ... and no token more
    assert p == pytest.approx(weights[kept] / weights[kept].sum())


@settings(max_examples=300)
@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=30, unique=True),
    st.floats(0.2, 3),
    st.integers(0, 8),
    st.floats(0.05, 1),
)
def test_with_temperature_last_they_are_llama_cpps(
    tenths: list[int], temperature: float, top_k: int, top_p: float
) -> None:
    """Its chain, one sampler after the other: top-k, top-p of what is left, and only then temperature."""
    logits = [score / 10 for score in tenths]
    left = sorted(enumerate(logits), key=lambda pair: -pair[1])[: top_k or None]
    weights = np.exp([score - left[0][1] for _, score in left])
    reached = np.cumsum(weights / weights.sum())
    assume(np.abs(reached - top_p).min() > 1e-9 or top_p == 1)
    left = left if top_p == 1 else left[: int((reached < top_p).sum()) + 1]
    warm = np.exp([(score - left[0][1]) / temperature for _, score in left])
    ids, p = candidates(np.array(logits), temperature=temperature, top_k=top_k, top_p=top_p, temperature_last=True)
    assert ids.tolist() == [token for token, _ in left]
    assert p == pytest.approx(warm / warm.sum())


@pytest.mark.parametrize(("last", "kept"), [(False, 3), (True, 2)])
def test_the_order_of_temperature_and_top_p_matters(last: bool, kept: int) -> None:
    logits = np.log([0.6, 0.3, 0.08, 0.02])
    ids, p = candidates(logits, temperature=1.5, top_p=0.85, temperature_last=last)
    assert len(ids) == kept
    assert p[0] / p[1] == pytest.approx(2 ** (1 / 1.5))


def test_candidates_refuse_what_leaves_no_choice() -> None:
    for options in ({"temperature": 0.0}, {"top_p": 0.0}, {"top_k": -1}, {"top_p": 1.1}):
        with pytest.raises(ConfigError, match="temperature above 0"):
            candidates(np.zeros(3), **options)
    for logits in ([], [-np.inf], [np.nan, 0.0], [np.inf]):
        with pytest.raises(InputError, match="finite"):
            candidates(np.array(logits))
