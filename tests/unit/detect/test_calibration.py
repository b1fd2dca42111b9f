"""Weights and ratios that are learned, and the file they are kept in."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.detect.calibration import (
    CAMPAIGN,
    Null,
    Weights,
    dump_weights,
    learn_ratios,
    learn_weights,
    parse_calibration,
)
from gauger.detect.links import EDGES, LAYERS

NAN = float("nan")


def learned(**means: float) -> Weights:
    """Weights from 60 benign groups around 0 and 30 campaigns around the means."""
    rng = np.random.default_rng(1)
    campaign = np.arange(90) < 30
    scores = [{f: float(rng.normal(m * c, 1)) for f, m in means.items()} for c in campaign]
    return learn_weights(scores, [CAMPAIGN if c else "app" for c in campaign])


def test_a_telling_feature_weighs_and_no_weight_is_negative() -> None:
    weights = learned(telling=2.0, noise=0.0, against=-2.0)
    weight = dict(zip(weights.features, weights.weight, strict=True))
    assert weight["telling"] > 0.3
    assert weight["against"] == 0
    assert 0 <= weight["noise"] < weight["telling"] / 3
    guilty, benign = weights.log_odds([{"telling": 2.0}, {"telling": 0.0}])
    assert guilty > 0 > benign


def test_a_rare_kind_that_looks_alike_counts_more_than_its_number() -> None:
    """Ten apps are as loud as the campaigns; a thousand people are not. Loudness must not carry the day."""
    rng = np.random.default_rng(5)
    kinds = [CAMPAIGN] * 30 + ["app"] * 10 + ["chat"] * 1000
    loud = [k != "chat" for k in kinds]
    scores = [
        {"loud": float(rng.normal(3 * x, 1)), "template": float(rng.normal(2 * (k == CAMPAIGN), 1))}
        for k, x in zip(kinds, loud, strict=True)
    ]
    weights = learn_weights(scores, kinds)
    by_number = learn_weights(scores, [k if k == CAMPAIGN else "honest" for k in kinds])
    share, before = (
        dict(zip(w.features, w.weight, strict=True))["template"] / sum(w.weight) for w in (weights, by_number)
    )
    assert share > before + 0.05


def test_what_is_missing_speaks_neither_way() -> None:
    weights = Weights(features=("x", "y"), center=(1.0, 0.0), scale=(2.0, 1.0), weight=(0.5, 2.0), intercept=-1.0)
    odds = weights.log_odds([{}, {"x": NAN, "y": NAN}, {"x": 1.0, "y": 0.0, "unknown": 9.0}, {"x": 3.0}])
    assert odds.tolist() == [-1, -1, -1, -0.5]
    assert weights.log_odds([]).tolist() == []
    assert weights.log_odds([{"y": 1e9}]).tolist() == [-1 + 2 * 3]  # clipped: no one number decides alone
    assert weights.parts({"x": 3.0, "y": 1.0}) == {"y": 2.0, "x": 0.5}


def test_features_that_no_benign_group_has_are_dropped() -> None:
    scores = [{"x": float(i), "rare": NAN if i < 20 else 1.0} for i in range(30)]
    weights = learn_weights(scores, [CAMPAIGN if i >= 20 else "chat" for i in range(30)])
    assert weights.features == ("x",)


def null_file(rows: list[dict[str, object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def test_the_files_keep_what_was_learned() -> None:
    weights = learned(telling=2.0, noise=0.0)
    body = {
        "ratios": {layer: [0.0] * (len(EDGES) + 1) for layer in LAYERS},
        "groups": dump_weights(weights),
        "groups_unread": dump_weights(learned(noise=1.0)),
        "solos": dump_weights(learned(telling=1.0)),
    }
    known = {"sides": True, "prompts": True, "kind": "chat", "telling": 0.5}
    null = null_file([{"unit": "group", "size": 4} | known, {"unit": "solo", "size": 1} | known])
    data = json.dumps(body).encode()
    read = parse_calibration(data, null)
    assert read.groups.features == read.weights(2, prompts=True).features == weights.features
    assert (read.weights(2, prompts=False), read.weights(1, prompts=True)) == (read.groups_unread, read.solos)
    assert read.groups_unread.features == ("noise",)
    for name in ("center", "scale", "weight"):
        assert getattr(read.groups, name) == pytest.approx(getattr(weights, name), abs=5e-5)
    assert read.groups.intercept == pytest.approx(weights.intercept, abs=5e-5)
    assert dump_weights(read.groups) == dump_weights(weights)
    assert (read.null_groups.size.tolist(), read.null_solos.size.tolist()) == ([4], [1])
    assert read.null_groups.rows.tolist() == [[0.5]]
    digests = {
        read.digest,
        parse_calibration(data + b" ", null).digest,
        parse_calibration(data, null_file([known | {"unit": "solo", "size": 1}])).digest,
    }
    assert len(digests) == 3


def test_a_candidate_is_ranked_among_benign_ones_that_are_read_as_it_is() -> None:
    weights = Weights(features=("x", "y"), center=(0.0, 0.0), scale=(1.0, 1.0), weight=(1.0, 1.0), intercept=0.0)
    null = Null(
        features=("y", "x"),  # any order
        rows=np.array([[1.0, 0.5], [2.0, NAN], [2.5, 2.5], [0.25, 0.0]]),
        size=np.array([4, 9, 10, 5]),
        sides=np.array([True, True, True, False]),
        prompts=np.array([True, True, True, True]),
    )

    def odds(size: int = 5, *, sides: bool = True, prompts: bool = True, **scores: float) -> list[float]:
        return null.log_odds(weights, scores, size=size, sides=sides, prompts=prompts).tolist()

    assert odds(x=9.0, y=9.0) == [1.5, 2.0]
    assert odds(size=10, x=9.0, y=9.0) == [5.0]
    assert odds(x=9.0) == [0.5, 0.0]  # the candidate's log knows no y: neither do they
    assert odds(x=9.0, y=NAN) == [0.5, 0.0]
    assert odds(sides=False, x=0.0, y=0.0) == [0.25]
    assert odds(prompts=False, x=0.0, y=0.0) == []


def similar(rng: np.random.Generator, lift: float) -> dict[str, np.ndarray]:
    return {layer: np.maximum(rng.normal(lift, 2, 3000), 0) for layer in LAYERS}


def test_ratios_rise_with_similarity() -> None:
    rng = np.random.default_rng(2)
    ratios = learn_ratios(similar(rng, 3), similar(rng, 0))
    assert set(ratios) == set(LAYERS)
    for table in ratios.values():
        assert len(table) == len(EDGES) + 1
        assert table[0] < 0 < table[-1]  # nothing shared speaks against
        assert table[1:] == sorted(table[1:])
        assert table[-1] > table[1] + 1


def test_ratios_rise_even_where_the_sample_does_not() -> None:
    together, strangers = np.array([0.0] * 50 + [1.0] * 50), np.array([0.0] * 90 + [1.0] * 2 + [7.0] * 8)
    for table in learn_ratios(dict.fromkeys(LAYERS, together), dict.fromkeys(LAYERS, strangers)).values():
        assert table[1:] == sorted(table[1:])


def test_a_layer_that_no_log_had_says_next_to_nothing() -> None:
    nothing = dict.fromkeys(LAYERS, np.full(100, np.nan))
    assert {ratio for ratios in learn_ratios(nothing, nothing).values() for ratio in ratios} == {0.0}
