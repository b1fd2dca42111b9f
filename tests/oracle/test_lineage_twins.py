"""The kernels of likeness against slow twins that one can read."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from gauger.lineage import habits, likeness
from gauger.lineage.answers import Answers, chosen, in_common, least_common, likeness_of_length, shared, usable
from gauger.lineage.centring import score
from gauger.lineage.words import packed as packed_texts
from gauger.lineage.words import tokenize
from gauger.stats import FloatArray

WORDS = [f"w{k}" for k in range(40)]
SIGNS = [".", ",", "\n", "—", "日"]
ENDS = [".", "\n"]
Rows = list[tuple[int, int, str]]


def rows(seed: int, models: int = 6, prompts: int = 9) -> Rows:
    """Answers of which some are missing, of uneven lengths, with runs that some share."""
    rng = np.random.default_rng(seed)
    made = []
    for p in range(prompts):
        shared = " ".join(rng.choice(WORDS, 8))
        for m in range(models):
            if rng.random() < 0.15:
                continue
            text = " ".join(rng.choice(WORDS + SIGNS, rng.integers(5, 90)))
            made.append((p, m, f"{shared} {text}" if rng.random() < 0.5 else text))
    return made


def packed(given: Rows, models: int = 6) -> Answers:
    data = [text.encode() for _, _, text in given]
    offsets = np.cumsum([0, *map(len, data)])
    return Answers(
        prompt=np.array([p for p, _, _ in given]),
        model=np.array([m for _, m, _ in given]),
        tokens=tokenize(np.frombuffer(b"".join(data), np.uint8), offsets),
        models=models,
    )


def words(text: str) -> list[str]:
    return [t for t in tokens(text) if t.isalnum()]


def tokens(text: str) -> list[str]:
    """Each of these texts' words and signs stands between spaces, but for the newline that split() would eat."""
    return [t for t in text.split(" ") if t]


def runs(of: list[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(of[k : k + n]) for k in range(len(of) - n + 1)}


def overlaps(given: Rows, models: int, n: int, rare: bool, part: Callable[[str], list[str]] = words) -> FloatArray:
    total: dict[tuple[int, int], list[float]] = defaultdict(list)
    for p in {p for p, _, _ in given}:
        said = {m: runs(part(text), n) for q, m, text in given if q == p}
        held = Counter(run for of in said.values() for run in of)
        alike = {}
        for a, b in combinations(said, 2):
            if rare:
                alike[a, b] = math.sqrt(sum(2 <= held[run] <= 4 for run in said[a] & said[b]))
            else:
                own = [sum(math.log(len(said) / held[run]) for run in of) for of in (said[a], said[b])]
                both = sum(math.log(len(said) / held[run]) for run in said[a] & said[b])
                alike[a, b] = both / math.sqrt(own[0] * own[1]) if both else 0.0
        mean = sum(alike.values()) / len(alike)
        for pair, value in alike.items():
            total[pair].append(value - mean)
    made = np.full((models, models), np.nan)
    for (a, b), values in total.items():
        made[a, b] = made[b, a] = sum(values) / len(values)
    return made


def centred(matrix: FloatArray) -> FloatArray:
    """Residuals of the regression of all pairs on one dummy a model."""
    pairs = [(a, b) for a, b in combinations(range(len(matrix)), 2) if not np.isnan(matrix[a, b])]
    design = np.zeros((len(pairs), len(matrix)))
    for k, (a, b) in enumerate(pairs):
        design[k, [a, b]] = 1
    values = np.array([matrix[pair] for pair in pairs])
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    made = np.full(matrix.shape, np.nan)
    for (a, b), value in zip(pairs, left, strict=True):
        made[a, b] = made[b, a] = value
    return made


def starts(text: str) -> list[str]:
    """What stands first, or after a sign that ends a sentence or line, and is none itself."""
    said = tokens(text)
    return [t for k, t in enumerate(said) if t not in ENDS and (k == 0 or said[k - 1] in ENDS)]


def style(given: Rows, models: int, part: Callable[[str], list[str]], longest: int) -> FloatArray:
    asked = len({p for p, _, _ in given})
    columns = []
    for n in range(1, longest + 1):
        said = [(p, m, runs(part(text), n)) for p, m, text in given]
        wide = defaultdict(set)
        for p, _, of in said:
            for run in of:
                wide[run].add(p)
        kept = [run for run, at in wide.items() if len(at) >= max(3, asked / 50)]
        uses = [[sum(run in of for _, m, of in said if m == k) for k in range(models)] for run in kept]
        columns += [[use / max(1, sum(m == k for _, m, _ in said)) for k, use in enumerate(row)] for row in uses]
    used = np.sqrt(np.array(columns).T)
    noise = 1 / (4 * len(given) / models)
    weight = [max(0.0, 1 - noise / max(float(np.var(column)), 1e-12)) for column in used.T]
    assert 0 in weight
    assert any(weight)
    made = np.corrcoef((used - used.mean(axis=0)) * np.sqrt(weight))
    np.fill_diagonal(made, np.nan)
    return made


def split(text: str) -> list[tuple[str, bool]]:
    """The words and signs of a text, and which are words: character by character."""
    made: list[tuple[str, bool]] = []
    joins = False
    for character in text:
        code = ord(character)
        alone = 0x0E00 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or 0x3000 <= code <= 0xDFFF
        word = alone or (character.isalnum() if code < 0x80 else not 0x80 <= code <= 0xBF and code < 0x10000)
        word &= not 0x2000 <= code <= 0x2FFF
        if word and not alone and joins:
            made[-1] = (made[-1][0] + character, True)
        elif character != " ":
            made.append((character, word))
        joins = word and not alone
    return made


@pytest.mark.parametrize("seed", range(20))
def test_words_and_signs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spans = [(0x20, 0x7F), (0xA1, 0x250), (0x400, 0x500), (0x900, 0xDFF), (0xDF0, 0x1110), (0x1760, 0x1830)]
    spans += [(0x2000, 0x2100), (0x2FF0, 0x3100), (0xD7F0, 0xD7FF), (0xE000, 0xE010), (0xFF00, 0x10010)]
    text = "".join(chr(rng.integers(*spans[rng.integers(len(spans))])) for _ in range(300))
    made, pieces = tokenize(*packed_texts([text])), split(text)
    one_by_one = tokenize(*packed_texts([piece for piece, _ in pieces]))
    assert made.word.tolist() == [word for _, word in pieces]
    np.testing.assert_array_equal(made.hashes, one_by_one.hashes)


@pytest.mark.parametrize("seed", range(5))
def test_wording_and_rare_runs(seed: int) -> None:
    given = rows(seed)
    answers = packed(given)
    np.testing.assert_allclose(likeness.wording(answers), centred(overlaps(given, 6, 1, False)), atol=1e-9)
    np.testing.assert_allclose(likeness.rare_runs(answers), centred(overlaps(given, 6, 4, True)), atol=1e-9)
    assert np.nanmax(overlaps(given, 6, 4, True)) > 0


@pytest.mark.parametrize("seed", range(5))
def test_openers(seed: int) -> None:
    given = rows(seed)
    made = likeness.openers(packed(given))
    np.testing.assert_allclose(made, centred(overlaps(given, 6, 2, False, lambda t: tokens(t)[:12])), atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_styles(seed: int) -> None:
    given = rows(seed)
    opening = centred(style(given, 6, lambda t: tokens(t)[:25], 3))
    np.testing.assert_allclose(habits.opening_style(packed(given)), opening, atol=1e-9)
    sentence = centred(style(given, 6, starts, 1))
    np.testing.assert_allclose(habits.sentence_style(packed(given)), sentence, atol=1e-9)


def test_length() -> None:
    given = rows(1)
    count = {(p, m): math.log(len(words(text)) + 5) for p, m, text in given}
    made = likeness_of_length(packed(given))
    for a, b in combinations(range(6), 2):
        both = [p for p in range(9) if (p, a) in count and (p, b) in count]
        assert made[a, b] == pytest.approx(-np.mean([abs(count[p, a] - count[p, b]) for p in both]))


def test_a_score_is_habits_and_what_contents_have_beyond_most() -> None:
    values = np.arange(45.0)
    habit, content = (np.full((10, 10), np.nan) for _ in range(2))
    habit[np.triu_indices(10, 1)] = values
    content[np.triu_indices(10, 1)] = values[::-1]
    habit, content = (np.where(np.isnan(m), m.T, m) for m in (habit, content))
    made = score([habit, habit], [content])
    assert np.isnan(np.diag(made)).all()
    np.testing.assert_array_equal(made, made.T)
    sd = np.std(values)
    first, last = made[0, 1], made[8, 9]
    assert first == pytest.approx(
        (44 - np.quantile(np.repeat(values, 2), 0.9)) / sd / 2
    )  # of the lowest habit, the highest content
    assert last == pytest.approx(44 / sd)
    assert made[1, 2] == pytest.approx(habit[1, 2] / sd)  # what nine in ten reach says nothing


def test_in_common() -> None:
    given = [(0, 0, "a"), (0, 1, "a"), (1, 0, "b"), (2, 1, "c"), (2, 2, "c")]
    assert in_common(packed(given, 3)).tolist() == [[2, 1, 0], [1, 2, 1], [0, 1, 1]]


def test_usable() -> None:
    canned = "I am sorry but I cannot help with that " * 3 + "now"
    given = [(0, 0, canned), (1, 0, canned + " at all"), (2, 0, "one two three four"), (3, 0, ", . ! ? ; : - + *")]
    given += [(0, 1, canned), (4, 0, "one two three four five"), (5, 0, "")]
    given.sort()
    said = {(p, m): bool(u) for (p, m, _), u in zip(given, usable(packed(given)), strict=True)}
    assert said == {
        (0, 0): True,
        (1, 0): False,
        (2, 0): False,
        (3, 0): False,
        (0, 1): True,
        (4, 0): True,
        (5, 0): False,
    }


@pytest.mark.parametrize(
    ("asked", "pairs", "left"),
    [
        ([range(40), range(25)], [(0, 1)], 25),
        ([range(40), range(40), range(25)], [(0, 2), (1, 2)], 40),  # most of them answered the others too
        ([range(25), range(25), range(40)], [(0, 1)], 25),
        ([range(40), range(30), range(25), range(25)], [(0, 1), (2, 3)], 40),  # the first pair would lose five
        ([range(30), range(30), range(10, 40), range(10, 40)], [(0, 1), (2, 3)], 40),
        ([range(19), range(19)], [(0, 1)], 40),  # too few to go by
    ],
)
def test_prompts_that_a_pair_was_not_asked_are_left_out_where_no_pair_loses_by_it(
    asked: list[range], pairs: list[tuple[int, int]], left: int
) -> None:
    others = [range(40)] * 6
    given = sorted((p, m, "w") for m, prompts in enumerate([*asked, *others]) for p in prompts)
    found = shared(packed(given, len(asked) + 6), np.array(pairs))
    assert len(np.unique(found.prompt)) == left


def test_pairs_need_half_of_what_pairs_have_in_common() -> None:
    common = np.full((5, 5), 90)
    assert least_common(common) == 45
    assert least_common(np.full((5, 5), 30)) == 20
    assert least_common(np.zeros((5, 5), int)) == 20


def test_the_prompts_that_most_models_answered_are_chosen() -> None:
    given = [(p, m, f"w{p} w{m}") for p in range(12) for m in range(6) if p % 3 == 0 or m < 4]
    nobody = np.zeros(6, dtype=np.bool_)
    made = [chosen(packed(given), nobody, k, np.random.default_rng(seed)) for k, seed in ((4, 1), (6, 1), (6, 2))]
    assert set(made[0].prompt.tolist()) == {0, 3, 6, 9}
    assert made[0].counts().tolist() == [4] * 6
    more = [set(a.prompt.tolist()) for a in made[1:]]
    assert all(len(m) == 6 and m > {0, 3, 6, 9} for m in more)
    assert more[0] != more[1]


def test_prompts_that_the_models_in_question_answered_go_first() -> None:
    given = [(p, m, f"w{p} w{m}") for p in range(12) for m in range(6) if m < 5 or p in (2, 7, 8)]
    asked = np.arange(6) == 5
    made = chosen(packed(given), asked, 3, np.random.default_rng(1))
    assert set(made.prompt.tolist()) == {2, 7, 8}
