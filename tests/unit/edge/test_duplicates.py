"""Ids seen before are found, and nothing else, in bounded memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gauger.edge.duplicates import Duplicates


def test_the_first_is_kept_and_the_rest_are_told() -> None:
    seen = Duplicates(7)
    assert seen.add(pa.array(["a", "b", "a", None, None, ""])).tolist() == [False, False, True, False, False, False]
    assert seen.add(pa.array(["b", "c", "abcdefgh", "abcdefghi", "abcdefgh"])).tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert seen.add(pa.array([], pa.string())).tolist() == []


def test_slices_and_large_strings() -> None:
    seen = Duplicates()
    ids = pa.array(["x", "y", "z", "y"])
    assert seen.add(ids.slice(1, 2)).tolist() == [False, False]
    assert seen.add(ids.cast(pa.large_string())).tolist() == [False, True, True, True]


def test_as_a_set_would_over_many_batches() -> None:
    rng = np.random.default_rng(3)
    seen, naive = Duplicates(1), set()
    for _ in range(30):
        ids = [f"id-{n}" for n in rng.integers(0, 40_000, 5_000)]
        expected = []
        for i in ids:
            expected.append(i in naive)
            naive.add(i)
        assert seen.add(pa.array(ids)).tolist() == expected


def test_sixteen_million_ids_would_fit_in_300_mb() -> None:
    seen = Duplicates(2)
    count = 1_000_000
    for at in range(0, count, 250_000):
        seen.add(pa.array(np.arange(at, at + 250_000)).cast(pa.string()))
    assert count - 2 <= len(seen) <= count
    assert seen.nbytes / count * 16e6 < 300e6
