"""What hosts add to answers, and answers in another language than the rest."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gauger.lineage.answers import Answers, abroad, astray
from gauger.lineage.hosting import bare
from gauger.lineage.words import Tokens, tokenize

PROMPTS, MODELS = 20, 6
QUESTIONS = [f"Tell me, what is the use of thing{p} and who made it?" for p in range(PROMPTS)]
UNKNOWN = [""] * PROMPTS


def tokens(texts: list[str]) -> Tokens:
    data = [text.encode() for text in texts]
    return tokenize(np.frombuffer(b"".join(data), np.uint8), np.cumsum([0, *map(len, data)]))


def packed(texts: list[str]) -> Answers:
    prompt, model = np.array(list(product(range(PROMPTS), range(MODELS)))).T
    return Answers(prompt=prompt, model=model, tokens=tokens(texts), models=MODELS)


def plain() -> list[str]:
    rng = np.random.default_rng(1)
    return [" ".join(f"w{k}" for k in rng.integers(0, 500, 30)) for _ in range(PROMPTS * MODELS)]


def same(a: Tokens, b: Tokens) -> bool:
    return np.array_equal(a.hashes, b.hashes) and np.array_equal(a.word, b.word) and np.array_equal(a.starts, b.starts)


def hosted(before: str, after: str, of: int = MODELS, every: int = 1) -> list[str]:
    """Models below ``of`` have it around each answer to every so many prompts; {q} is the prompt."""
    made = plain()
    for k, (p, m) in enumerate(product(range(PROMPTS), range(MODELS))):
        if m < of and p % every == 0:
            made[k] = before.format(q=QUESTIONS[p]) + made[k] + after
    return made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("### Response:\n", ""),
        ("<think>\n\n</think>\n\n", ""),
        ("", " <|im_end|>"),
        ("", "\n\nI hope this helps! Let me know."),
        ("\n", "."),
    ],
)
def test_what_all_answers_of_a_model_begin_or_end_with_is_taken_off(before: str, after: str) -> None:
    made = bare(packed(hosted(before, after, of=2)), tokens(UNKNOWN))
    assert same(made.tokens, tokens(plain()))


def test_half_of_the_answers_are_not_most() -> None:
    given = packed(hosted("### Response:\n", "", every=2))
    assert same(bare(given, tokens(UNKNOWN)).tokens, given.tokens)


def test_a_courtesy_goes_whatever_stands_before_it() -> None:
    texts = [text + ("." if k // MODELS % 3 else "!") for k, text in enumerate(plain())]
    made = bare(packed([text + "\nHope that helps!" for text in texts]), tokens(UNKNOWN))
    kept = tokens([text + ("" if k // MODELS % 3 else "!") for k, text in enumerate(plain())])
    assert same(made.tokens, kept)


def test_one_word_is_how_a_model_talks() -> None:
    given = packed(hosted("Here ", ""))
    assert same(bare(given, tokens(UNKNOWN)).tokens, given.tokens)


def test_a_prompt_said_first_is_taken_off_with_the_template_around_it() -> None:
    texts = hosted("### Instruction:\n{q}\n\n### Response:\n", "</s>", of=3)
    assert same(bare(packed(texts), tokens(QUESTIONS)).tokens, tokens(plain()))
    assert not same(bare(packed(texts), tokens(UNKNOWN)).tokens, tokens(plain()))


@pytest.mark.parametrize(("said", "lost"), [(7, 0), (8, 8), (10, 10)])
def test_an_echo_is_eight_tokens_or_more(said: int, lost: int) -> None:
    questions = [[f"q{p}a{k}" for k in range(10)] for p in range(PROMPTS)]
    given = packed([" ".join([*questions[k // MODELS][:said], text]) for k, text in enumerate(plain())])
    made = bare(given, tokens([" ".join(q) for q in questions]))
    assert set((np.diff(given.tokens.starts) - np.diff(made.tokens.starts)).tolist()) == {lost}


def spoken(languages: list[list[int]]) -> list[str]:
    """languages[prompt][model]: which language an answer is in; each has its own common words."""
    rng = np.random.default_rng(2)
    return [
        " ".join(f"l{languages[p][m]}x{k}" for k in rng.integers(0, 20, 40))
        for p, m in product(range(PROMPTS), range(MODELS))
    ]


def test_an_answer_in_another_language_than_the_others_is_astray() -> None:
    spoke = [[int(m == 0 and p < 5) for m in range(MODELS)] for p in range(PROMPTS)]
    given = packed(spoken(spoke))
    strays = astray(given)
    assert strays.tolist() == [bool(s) for row in spoke for s in row]
    assert abroad(given, strays).tolist() == [True] + [False] * (MODELS - 1)


def test_one_answer_in_ten_astray_is_no_reason_to_leave_a_model_out() -> None:
    spoke = [[int(m == 0 and p < 2) for m in range(MODELS)] for p in range(PROMPTS)]
    given = packed(spoken(spoke))
    assert astray(given).sum() == 2
    assert not abroad(given, astray(given)).any()


def test_where_answers_have_little_in_common_none_is_astray() -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{k}" for k in rng.integers(0, 10**6, 40)) for _ in range(PROMPTS * MODELS)]
    texts[0] = texts[1] = "the same words here"
    assert not astray(packed(texts)).any()
