"""Looks, the order of prompts, scores on the way, and giving up."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.lineage import likeness, sequential
from gauger.lineage.answers import Answers
from gauger.lineage.calibration import null_pairs
from gauger.lineage.centring import centred
from gauger.lineage.words import tokenize


def packed(given: list[tuple[int, int, str]], models: int) -> Answers:
    data = [text.encode() for _, _, text in given]
    return Answers(
        prompt=np.array([p for p, _, _ in given]),
        model=np.array([m for _, m, _ in given]),
        tokens=tokenize(np.frombuffer(b"".join(data), np.uint8), np.cumsum([0, *map(len, data)])),
        models=models,
    )


def answers(seed: int, prompts: int = 12, models: int = 6, missing: float = 0.1) -> Answers:
    rng = np.random.default_rng(seed)
    shared = [" ".join(rng.choice(50, 6).astype(str)) for _ in range(prompts)]
    given = [
        (p, m, f"{shared[p]} {' '.join(rng.choice(50, 20).astype(str))}" if m < 3 else shared[p][:9])
        for p in range(prompts)
        for m in range(models)
        if rng.random() >= missing
    ]
    return packed(given, models)


def test_looks() -> None:
    assert sequential.looks(25) == [4, 5, 6, 8, 10, 12, 15, 18, 22, 25]
    assert sequential.looks(4) == [4]
    assert sequential.looks(3) == [3]


def test_prompts_on_which_models_differ_come_first() -> None:
    """To prompt p, p in ten words are the same for all; of a model that is no part of it they all are."""
    rng = np.random.default_rng(1)
    given = []
    for p in range(10):
        for m in range(8):
            own = [f"p{p}w{k}" if k < p else f"p{p}m{m % 7 if p else m}x{rng.integers(1 << 30)}" for k in range(10)]
            given.append((p, m, " ".join(own)))
    given += [(10, 7, "one answer")]
    learnt_from = np.arange(8) < 7
    assert sequential.order(packed(given, 8), learnt_from).tolist() == list(range(11))
    same = [(p, m, text if m < 7 or p else "p1w0 " * 10) for p, m, text in given]
    assert sequential.order(packed(same, 8), learnt_from).tolist() == list(range(11))


@pytest.mark.parametrize("seed", range(3))
def test_a_path_is_the_drawn_in_means_of_the_prompts_asked(seed: int) -> None:
    said = answers(seed)
    asked = np.random.default_rng(seed).permutation(12)
    path, statistics = sequential.paths(said, asked, [4, 7, 12], {"wording": 3.5, "rare_runs": 0.0})
    found = {"wording": (1, False), "rare_runs": (4, True)}
    for look, count in enumerate([4, 7, 12]):
        part = said.take(np.flatnonzero(np.isin(said.prompt, asked[:count])))
        expected = 0.0
        for name, (n, rare) in found.items():
            total, both = likeness.overlap(part, *part.tokens.words(), n, rare=rare)
            k = 3.5 if name == "wording" else 0.0
            made = centred(np.where(both > 0, total / np.maximum(both + k, 1), np.nan))
            expected = expected + made / np.nanstd(statistics[name]) / 2
            if count == 12:
                np.testing.assert_allclose(statistics[name], made, atol=1e-12)
        np.testing.assert_allclose(path[look], expected, atol=1e-9)


def families(seed: int, share: float) -> Answers:
    """Twelve models in four families; each word of an answer is with this chance one that the family says there."""
    rng = np.random.default_rng(seed)
    said = rng.integers(0, 1 << 30, (4, 40, 30))
    given = []
    for p in range(40):
        for m in range(12):
            own = np.where(rng.random(30) < share, said[m % 4, p], rng.integers(0, 1 << 30, 30))
            given.append((p, m, " ".join(f"w{word}" for word in own)))
    return packed(given, 12)


def test_means_are_drawn_in_the_more_the_less_that_pairs_differ() -> None:
    asked, everyone = np.random.default_rng(3).permutation(40), np.ones(12, dtype=np.bool_)
    drawn_in = [sequential.silent(families(1, share), asked, everyone)["wording"] for share in (0.9, 0.3, 0.02, 0.0)]
    assert drawn_in[0] < 0.1, "one prompt tells families apart"
    assert drawn_in == sorted(drawn_in)
    assert drawn_in[-1] > 10, "nothing does"


def test_how_far_is_measured_on_the_prompts_variance_within_and_between_pairs() -> None:
    """Slow twin: r from one prompt at a time."""
    said, asked = families(2, 0.2), np.arange(40)
    alone = []
    for p in asked:
        part = said.take(np.flatnonzero(said.prompt == p))
        total, both = likeness.overlap(part, *part.tokens.words(), 1)
        alone.append(centred(likeness.mean(total, both))[np.triu_indices(12, 1)])
    within = np.var(alone, axis=0, ddof=1).mean()
    between = np.var(np.mean(alone, axis=0), ddof=1) - within / 40
    found = sequential.silent(said, asked, np.ones(12, dtype=np.bool_))["wording"]
    assert found == pytest.approx(within / between / 2, rel=0.3)


def test_suspects_have_no_part_in_how_far() -> None:
    said, asked, others = families(1, 0.3), np.arange(40), np.arange(12) < 9
    held = said.take(np.flatnonzero(said.model < 9))
    assert sequential.silent(said, asked, others) == sequential.silent(held, asked, np.ones(12, dtype=np.bool_))


def test_a_look_is_reached_with_its_last_prompt() -> None:
    at = sequential.looks(20)  # 4, 5, 6, 8, 10, 12, 15, 18, 20
    answered = np.ones((20, 6), dtype=np.bool_)
    for model, count in enumerate((20, 20, 11, 4, 13, 3)):
        answered[count:, model] = False
    asked = sequential.asked_of_both(answered, at)
    assert asked[:, 0, 2].tolist() == [4, 5, 6, 8, 10, 11, 11, 11, 11]
    assert (asked == asked.transpose(0, 2, 1)).all()
    reached = sequential.reached(asked, at)
    assert reached[0].tolist() == [8, 8, 4, 0, 5, 0]
    assert reached[4, 0] == 8, "the suspect was asked all that the candidate was"
    assert reached[2, 0] == 4, "and they are too few to stand for more"


def test_a_pair_is_given_up_from_twelve_prompts_on_where_unrelated_pairs_score_higher() -> None:
    rng = np.random.default_rng(2)
    at = [10, 12, 15, 18]
    path = np.stack([np.where(np.eye(30), np.nan, (m := rng.normal(size=(30, 30))) + m.T) for _ in at])
    path[:, 0, 1] = [-9, 9, 9, 9]
    path[:, 0, 2] = [9, 9, -9, 9]
    path[:, 0, 3] = [9, -9, 9, -9]
    apart, length = np.eye(30, dtype=np.bool_), np.zeros((30, 30))
    null = null_pairs(path[-1], length, apart, np.arange(30), apart, np.ones(30, dtype=np.bool_))
    assert sequential.stops(path, at, null, [(0, 1), (0, 2), (0, 3)]).tolist() == [3, 2, 1]
    strangers = [(i, j) for i in range(4, 30) for j in range(i)]
    kept = (sequential.stops(path, at, null, strangers) > 1).mean()
    assert 0.05 < kept < 0.15
