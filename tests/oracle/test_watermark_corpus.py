"""Selection with plain sets of plain tuples beside the hashed one."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.errors import InputError
from gauger.watermark.corpus import Seen, Tally, _keep_first, select

TEXT = st.lists(st.integers(0, 2), max_size=12)
TEXTS = st.lists(TEXT, max_size=5)
WIDTH = st.integers(0, 3)


def slow(
    texts: list[list[int]], h: int, prompts: list[list[int]], keep: list[list[bool]], scored: set[tuple[int, ...]]
) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """(text, position) of each scored token, and the tally."""
    chosen, tally = [], dict.fromkeys(("tokens", "scored", "short", "left_out", "in_prompt", "repeated"), 0)
    for t, text in enumerate(texts):
        width = max(h, 1)
        spent = {tuple(prompts[t][i : i + width]) for i in range(len(prompts[t]) - width + 1)}
        between = quoted(text, prompts[t])
        for i, token in enumerate(text):
            gram = (*text[i - h : i], token)
            if i < h:
                fate = "short"
            elif not keep[t][i]:
                fate = "left_out"
            elif i in between or (gram[:-1] if h else gram) in spent:
                fate = "in_prompt"
            elif gram in scored:
                fate = "repeated"
            else:
                fate = "scored"
                scored.add(gram)
                chosen.append((t, i))
            tally[fate] += 1
            tally["tokens"] += 1
    return chosen, tally


def quoted(text: list[int], prompt: list[int]) -> set[int]:
    """Positions at most eight before or behind four tokens that stand in both."""
    seeds = {tuple(prompt[i : i + 4]) for i in range(len(prompt) - 3)}
    ends = [at for at in range(4, len(text) + 1) if tuple(text[at - 4 : at]) in seeds]
    return {k for at in ends for k in range(at - 12, at + 8)}


def places(texts: list[list[int]], at: np.ndarray) -> list[tuple[int, int]]:
    every = [(t, i) for t, text in enumerate(texts) for i in range(len(text))]
    return [every[k] for k in at]


@given(st.data(), TEXTS, WIDTH)
def test_selection(data: st.DataObject, texts: list[list[int]], h: int) -> None:
    prompts = data.draw(st.lists(TEXT, min_size=len(texts), max_size=len(texts)))
    keep = [data.draw(st.lists(st.booleans(), min_size=len(t), max_size=len(t))) for t in texts]
    found = select(texts, h=h, prompts=prompts, keep=keep)
    chosen, tally = slow(texts, h, prompts, keep, set())
    assert places(texts, found.at) == chosen
    assert asdict(found.tally) == tally
    assert found.tokens.tolist() == [token for text in texts for token in text]


@given(st.integers(0, 2**32), WIDTH | st.just(6))
def test_a_quotation_in_another_form(seed: int, h: int) -> None:
    """A long text that the prompt holds with signs put in, others left out, and parts in another order."""
    rng = np.random.default_rng(seed)
    text = rng.integers(0, 40, 150).tolist()
    parts = [text[k : k + 13] + rng.integers(0, 40, rng.integers(5)).tolist() for k in range(0, 150, 13)]
    if seed % 3 == 0:
        rng.shuffle(parts)
    prompt = [token for part in parts for token in part if rng.random() < 0.9]
    chosen, tally = slow([text], h, [prompt], [[True] * 150], set())
    found = select([text], h=h, prompts=[prompt])
    assert (places([text], found.at), asdict(found.tally)) == (chosen, tally)


@given(TEXTS, TEXTS, WIDTH)
def test_parts_make_the_whole(first: list[list[int]], second: list[list[int]], h: int) -> None:
    seen, whole = Seen(), select(first + second, h=h)
    parts = [select(first, h=h, seen=seen), select(second, h=h, seen=seen)]
    assert parts[0].tally + parts[1].tally == whole.tally
    assert [*parts[0].at, *(parts[1].at + len(parts[0].tokens))] == whole.at.tolist()


def test_a_table_that_grows_forgets_nothing() -> None:
    rng, seen, known = np.random.default_rng(2), Seen(), set()
    for size in (1, 1000, 5, 40_000, 300):
        text = rng.integers(0, 200, size).tolist()
        chosen, _ = slow([text], 1, [[]], [[True] * size], known)
        assert places([text], select([text], h=1, seen=seen).at) == chosen
    assert seen.count == len(known)
    assert 2 * seen.count <= len(seen.table)


def test_no_text_can_crowd_the_table() -> None:
    """Hashes that are numbers in a row would fill one run of slots, which each further one had to walk along."""
    seen, pairs = Seen(), np.arange(1, 30_001, dtype=np.uint64)
    seen.reserve(len(pairs))
    assert _keep_first(pairs, np.zeros(len(pairs), np.uint8), seen.table, seen.spread) == len(pairs)
    empty = np.flatnonzero(seen.table == 0)
    assert np.diff(empty).max() < 1000
    seen.reserve(1 << 17)  # and neither do they when it grows
    assert _keep_first(pairs, np.zeros(len(pairs), np.uint8), seen.table, seen.spread) == 0
    assert np.diff(np.flatnonzero(seen.table == 0)).max() < 1000


def test_the_digest_tells_texts_prompts_and_masks_apart() -> None:
    cases = [
        {"texts": [[1, 2], [3]]},
        {"texts": [[1], [2, 3]]},
        {"texts": [[1, 2, 3]]},
        {"texts": [[1, 2], [3]], "prompts": [[1], []]},
        {"texts": [[1, 2], [3]], "prompts": [[], [1]]},
        {"texts": [[1, 2], [3]], "keep": [[True, False], [True]]},
        {"texts": [[1, 2], [4]]},
    ]
    digests = [select(**case, h=1).digest for case in cases]
    assert len(set(digests)) == len(cases)
    assert select([np.array([1, 2], np.int16), (3,)], h=1).digest == digests[0]


@pytest.mark.parametrize("text", [[-1], [2**32], [0.5], ["a"], "words", [[1, 2]], 7, [True], [None]])
def test_what_is_no_list_of_token_ids_is_refused(text: object) -> None:
    with pytest.raises(InputError, match=r"text 1 .*whole numbers"):
        select([[1], text], h=1)  # type: ignore[list-item]


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="2 texts, but 1 prompts"):
        select([[1], [2]], h=1, prompts=[[1]])
    with pytest.raises(InputError, match="one mask for each"):
        select([[1], [2]], h=1, keep=[[True], [True, True]])


def test_tallies_add_up() -> None:
    one = Tally(tokens=6, scored=1, short=1, left_out=1, in_prompt=1, repeated=2)
    assert asdict(one + one) == {k: 2 * v for k, v in asdict(one).items()}
