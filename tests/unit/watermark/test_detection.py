"""Marked text is found by its key and by no other; nothing to score is evidence of zero; flags of other tools."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.model import canonical_json
from gauger.watermark import detection, prf
from gauger.watermark.corpus import Seen, Selection, select
from gauger.watermark.detection import detect, evidence, flags, log_e, sums, values
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament

VOCABULARY = 5000
SCHEMES: list[Scheme] = [Gumbel(), Tournament(), Greenlist(h=1, delta=2.0), Greenlist(h=0, delta=2.0)]
by_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: f"{s.id}-h{s.h}")


def key(party: str, epoch: str = "2026-01") -> Key:
    context = KeyContext(tenant="t", party=party, epoch=epoch, model="m", tokenizer="k", scheme="s")
    return derive(bytes(32), context)


def marked(scheme: Scheme, secret: bytes | None, texts: int = 20, length: int = 60) -> np.ndarray:
    """Texts int64[texts, length] of a model that has 16 likely next tokens wherever it stands."""
    rng = np.random.default_rng(41)
    responses = [Response(secret) for _ in range(texts)]
    tokens = rng.integers(0, VOCABULARY, (texts, 4))
    for _ in range(length):
        ids = np.array([rng.choice(VOCABULARY, 16, replace=False) for _ in range(texts)])
        drawn = sample(scheme, responses, tokens, ids, rng.dirichlet(np.full(16, 0.7), texts), rng)
        tokens = np.column_stack([tokens, drawn])
    return tokens[:, 4:]


@by_scheme
def test_the_key_finds_its_text_and_no_other_does(scheme: Scheme) -> None:
    text = marked(scheme, key("a").secret)
    selection = select(text, h=scheme.h)
    found = detect(selection, key("a"), scheme, subject="x")
    assert found.kind == "exact"
    assert found.anytime
    assert found.n == selection.tally.scored > 100
    assert found.log10_e > 6
    assert found.params["log_p"] < -6 * np.log(10)
    assert found.inputs == (key("a").id, selection.digest)
    assert key("a").id in found.null
    canonical_json(found)  # has its one form
    unmarked, renumbered = marked(scheme, None), (text * 7 + 3) % VOCABULARY  # another tokenizer's ids
    for what, by in [(text, key("b")), (text, key("a", "2026-02")), (unmarked, key("a")), (renumbered, key("a"))]:
        other = detect(select(what, h=scheme.h), by, scheme, subject="x")
        assert other.log10_e < 1
        assert other.params["log_p"] > np.log(1e-3)


def test_evidence_is_the_bare_sum_of_the_written_values() -> None:
    scheme, secret = Gumbel(h=2), key("a").secret
    text = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    keys = prf.key_words([secret])[0]
    states = prf.window(keys, np.lib.stride_tricks.sliding_window_view(text, 2)[:-1])
    expected = prf.value(keys, states, text[2:])
    selection = select([text], h=2)
    assert values(selection, secret).tolist() == expected.tolist()
    found = detect(selection, key("a"), scheme, subject="x")
    assert found.log_e == pytest.approx(float(log_e(scheme.sums(expected), scheme)))


@by_scheme
def test_blocks_parts_and_many_keys_change_nothing(scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    text, secrets = marked(scheme, key("a").secret), [key(p).secret for p in "abc"]
    whole = sums(select(text, h=scheme.h), secrets, scheme)
    assert whole == pytest.approx(np.array([scheme.sums(values(select(text, h=scheme.h), s)) for s in secrets]))
    seen = Seen()
    parts = [select(text[:7], h=scheme.h, seen=seen), select(text[7:], h=scheme.h, seen=seen)]
    added = sum(sums(p, secrets, scheme) for p in parts)
    assert added == pytest.approx(whole)
    monkeypatch.setattr(detection, "_BLOCK", 7)
    assert sums(select(text, h=scheme.h), secrets, scheme) == pytest.approx(whole)
    by_parts = evidence(
        added[0],
        parts[0].tally + parts[1].tally,
        scheme,
        key_id=key("a").id,
        inputs=tuple(p.digest for p in parts),
        subject="x",
    )
    assert by_parts.log_e == pytest.approx(detect(select(text, h=scheme.h), key("a"), scheme, subject="x").log_e)


def all_repeats(h: int) -> Selection:
    seen = Seen()
    select([list(range(30))], h=h, seen=seen)
    return select([list(range(30))], h=h, seen=seen)


@by_scheme
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda h: select([], h=h), "there is no text"),
        (lambda h: select([[], []], h=h), "there is no text"),
        (lambda h: select([[1] * h], h=h), "beginning|no text"),
        (lambda h: select([[5] * 40], h=h, prompts=[[5] * 40]), "stands in the prompt"),
        (lambda h: select([list(range(40))], h=h, keep=[[False] * 40]), "mask"),
        (all_repeats, "repeat"),
    ],
)
def test_nothing_to_score_is_evidence_of_zero(scheme: Scheme, make: object, words: str) -> None:
    found = detect(make(scheme.h), key("a"), scheme, subject="x")  # type: ignore[operator]
    assert (found.n, found.log_e, found.params["log_p"]) == (0, 0.0, 0.0)
    assert "no evidence" in found.why
    assert any(word in found.why for word in words.split("|"))


def test_one_sentence_over_and_over_counts_once() -> None:
    scheme, text = Gumbel(), marked(Gumbel(), key("a").secret, texts=1)[0]
    once = detect(select([text], h=4), key("a"), scheme, subject="x")
    often = detect(select([text] * 500, h=4), key("a"), scheme, subject="x")
    assert often.log_e == once.log_e
    assert "28,000" not in once.why
    assert often.params["repeated"] == 499 * once.n


def test_a_selection_for_another_width_is_refused() -> None:
    with pytest.raises(ConfigError, match="h=3, but gumbel has h=4"):
        detect(select([[1, 2, 3, 4, 5]], h=3), key("a"), Gumbel(), subject="x")


def test_flags() -> None:
    found = flags([1, 0, 1, 1], 0.25, subject="theirs")
    assert (found.kind, found.n, found.anytime) == ("model", 4, True)
    assert found.params["log_p"] == pytest.approx(np.log(0.25**4 + 4 * 0.25**3 * 0.75))
    assert found.why == "3 of 4 flags are green, 25.0% expected"
    assert flags([True, False], 0.25, subject="x").inputs == flags([1.0, 0.0], 0.25, subject="x").inputs
    nothing = flags([], 0.25, subject="x")
    assert (nothing.log_e, nothing.params["log_p"], nothing.n) == (0.0, 0.0, 0)


@pytest.mark.parametrize("stream", [[0, 2], [0, 0.5], [[0, 1]], ["1", "0"], [float("nan")]])
def test_what_is_no_flag_is_refused(stream: list[object]) -> None:
    with pytest.raises(InputError, match="flags must be"):
        flags(stream, 0.25, subject="x")  # type: ignore[arg-type]
    for gamma in (1.5, 0, 1e-300, 1 - 1e-16, float("nan")):
        with pytest.raises(ConfigError, match="gamma must lie strictly between 0 and 1"):
            flags([0, 1], gamma, subject="x")
