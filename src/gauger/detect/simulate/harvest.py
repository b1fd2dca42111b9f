"""What a campaign sends: seeds of compositional content in templates, fixed or re-worded at each use."""

from __future__ import annotations

import numpy as np

from gauger.detect.simulate.grammar import LANGUAGES, Texts, load, texts
from gauger.detect.simulate.people import Ints

_SEED, _REPLY = "\x01", "\x02"


def requests(
    kind: str,
    language: str,
    n: int,
    rng: np.random.Generator,
    *,
    paraphrase: float = 0.0,
    templates: int = 1,
) -> tuple[Texts, Texts]:
    """n harvesting requests of one kind and language, and their answers.

    Args:
        kind: one of `spec.KINDS`.
        paraphrase: share of requests whose wording is composed anew; the others use one of `templates` wordings.
    """
    grammar = load(language)
    bind = {"seed": grammar.expand(f"seed_{kind}", n, rng), "reply": grammar.expand("answer", n, rng)}
    mark = {"seed": texts([_SEED] * templates), "reply": texts([_REPLY] * templates)}
    wordings = grammar.expand(f"h_{kind}", templates, rng, mark)
    pick = rng.integers(templates, size=n)
    prompt = texts(
        [
            w.replace(_SEED, s).replace(_REPLY, r)
            for w, s, r in zip(wordings[pick], bind["seed"], bind["reply"], strict=True)
        ]
    )
    anew = np.flatnonzero(rng.random(n) < paraphrase)
    prompt[anew] = grammar.expand(f"h_{kind}", len(anew), rng, {name: column[anew] for name, column in bind.items()})
    return prompt, grammar.expand(f"a_{kind}", n, rng)


def ordinary(language: str, n: int, rng: np.random.Generator) -> Texts:
    """n first messages of ordinary chats in one language."""
    return load(language).expand("chat", n, rng)


def mixed(
    kinds: tuple[str, ...],
    languages: tuple[str, ...],
    n: int,
    rng: np.random.Generator,
    *,
    paraphrase: float,
    templates: int,
) -> tuple[Texts, Texts, Ints]:
    """n requests over all kinds and languages: prompts, answers, and the index of each one's kind."""
    kind, language = rng.integers(len(kinds), size=n), rng.integers(len(languages), size=n)
    prompt, answer = np.empty(n, dtype=object), np.empty(n, dtype=object)
    for i, wanted in enumerate(kinds):
        for j, tongue in enumerate(languages):
            at = np.flatnonzero((kind == i) & (language == j))
            said = requests(wanted, tongue, len(at), rng, paraphrase=paraphrase, templates=templates)
            prompt[at], answer[at] = said
    return prompt, answer, kind


def language_codes(languages: tuple[str, ...]) -> Ints:
    """Indices into `LANGUAGES`."""
    return np.array([LANGUAGES.index(x) for x in languages])
