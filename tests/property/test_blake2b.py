"""The digests of many spans are hashlib's."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gauger.edge.blake2b import digests

SIZES = st.one_of(st.integers(0, 300), st.sampled_from([0, 1, 7, 8, 127, 128, 129, 255, 256, 257, 384]))


def plain(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=8), st.integers(0, 2**32))
def test_every_cut_has_the_digests_of_hashlib(sizes: list[tuple[int, int]], seed: int) -> None:
    text = np.random.default_rng(seed).bytes(sum(a + b for a, b in sizes))
    ends = np.cumsum([a + b for a, b in sizes])
    begins = ends - [a + b for a, b in sizes]
    middles = begins + [a for a, _ in sizes]
    first, whole = digests(np.frombuffer(text, np.uint8), begins, middles, ends)
    assert whole.tolist() == [plain(text[b:e]) for b, e in zip(begins, ends, strict=True)]
    assert first.tolist() == [plain(text[b:m]) if m > b else 0 for b, m in zip(begins, middles, strict=True)]
