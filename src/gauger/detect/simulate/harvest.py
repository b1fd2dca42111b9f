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
    apart: bool = False,
) -> tuple[Texts, Texts, Texts]:
    """n harvesting requests of one kind and language: system prompts (None in the usual case), prompts, answers.

    Args:
        kind: one of `spec.KINDS`.
        paraphrase: share of requests whose wording is composed anew; the others use one of `templates` wordings.
        apart: the wording is the system prompt, and the prompt is the bare seed.
    """
    grammar = load(language)
    bind = {"seed": grammar.expand(f"seed_{kind}", n, rng), "reply": grammar.expand("answer", n, rng)}
    mark = {"seed": texts([_SEED] * templates), "reply": texts([_REPLY] * templates)}
    wordings = grammar.expand(f"h_{kind}", templates, rng, mark)
    pick = rng.integers(templates, size=n)
    wording = wordings[pick]
    anew = np.flatnonzero(rng.random(n) < paraphrase)
    wording[anew] = grammar.expand(f"h_{kind}", len(anew), rng, {k: texts([v[0]] * len(anew)) for k, v in mark.items()})
    answer = grammar.expand(f"a_{kind}", n, rng)
    if apart:
        system = texts([w.replace(_SEED, "").replace(_REPLY, "").strip() for w in wording])
        prompt = texts([f"{s}\n\n{r}" if _REPLY in w else s for w, s, r in zip(wording, *bind.values(), strict=True)])
        return system, prompt, answer
    filled = zip(wording, *bind.values(), strict=True)
    prompt = texts([w.replace(_SEED, s).replace(_REPLY, r) for w, s, r in filled])
    return np.full(n, None, dtype=object), prompt, answer


def mixed(
    kinds: tuple[str, ...],
    languages: tuple[str, ...],
    n: int,
    rng: np.random.Generator,
    *,
    paraphrase: float,
    templates: int,
    apart: bool = False,
) -> tuple[tuple[Texts, Texts, Texts], Ints]:
    """n requests over all kinds and languages: systems, prompts, answers; and the index of each one's kind."""
    kind, language = rng.integers(len(kinds), size=n), rng.integers(len(languages), size=n)
    columns = tuple(np.empty(n, dtype=object) for _ in range(3))
    for i, wanted in enumerate(kinds):
        for j, tongue in enumerate(languages):
            at = np.flatnonzero((kind == i) & (language == j))
            said = requests(wanted, tongue, len(at), rng, paraphrase=paraphrase, templates=templates, apart=apart)
            for column, values in zip(columns, said, strict=True):
                column[at] = values
    return (columns[0], columns[1], columns[2]), kind


def language_codes(languages: tuple[str, ...]) -> Ints:
    """Indices into `LANGUAGES`."""
    return np.array([LANGUAGES.index(x) for x in languages])
