"""Labelled prompts from a grammar: what the elicitation model is trained and measured on.

``grammar/LANGUAGE.toml`` holds template groups for each class, ``near`` (ordinary requests that resemble
a class, and ``none``: any others) and ``content``, rules that fill the templates of all kinds alike, so that what a
prompt is about says nothing of its label. The groups (terse, polite, role, spec, study, chat) were written apart and
share no template: leaving one out measures what the model makes of wording that it has not seen.

Syntax: ``(a|b)`` chooses, ``$rule`` expands a rule, ``$n`` is a number, ``$word`` invented, ``~`` a new line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from gauger.detect.tables import ELICITATION

LANGUAGES = ("en", "zh", "ko", "ja", "ru", "es", "de", "fr", "pt", "ar", "hi")
BENIGN = (*(f"near.{c}" for c in ELICITATION), "near.none")
ENGLISH_WEIGHT = 4  # English has that many times the prompts of each other language

_RULE = re.compile(r"\$([a-z]+[0-9]*)")
_MARK = re.compile(r"[()|]")
_SEPARATORS = ("\n\n", "\n", " ", "\n---\n", "\n\n\n")
_FREE = {"n", "n00", "word"}  # rules that carry no content: a template with these alone gets content around it


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A generated prompt.

    Attributes:
        labels: the classes it belongs to; empty for benign ones.
        kind: the class, or the hard negative's kind (``near.grading``), of its first template.
        template: identifies the first template: the unit to resample in intervals.
    """

    text: str
    labels: tuple[str, ...]
    kind: str
    language: str
    group: str
    template: str


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[tuple[_Part, ...], ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str


_Part = str | _Choice | _Rule
_Sequence = tuple[_Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A compiled grammar: content rules, and kind -> group -> templates. ``letters`` make invented words."""

    content: dict[str, tuple[_Sequence, ...]]
    templates: dict[str, dict[str, tuple[_Sequence, ...]]]
    letters: str


@cache
def language(code: str) -> Language:
    """The grammar of one of ``LANGUAGES``, from the package's data."""
    text = resources.files("gauger.detect.elicitation").joinpath(f"grammar/{code}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    kinds = {c: data[c] for c in ELICITATION} | {f"near.{k}": groups for k, groups in data["near"].items()}
    return Language(
        content={name: tuple(map(parse, rules)) for name, rules in data["content"].items()},
        templates={k: {g: tuple(map(parse, ts)) for g, ts in groups.items()} for k, groups in kinds.items()},
        letters="".join(sorted({c for rules in data["content"].values() for r in rules for c in r if c.isalpha()})),
    )


def parse(text: str) -> _Sequence:
    """Compile one template. Outside parentheses, a bar and a closing parenthesis are literal."""
    options, _ = _options(text, 0, top=True)
    return options[0]


def _options(text: str, at: int, *, top: bool) -> tuple[tuple[_Sequence, ...], int]:
    """The alternatives from ``at`` to the closing parenthesis (or the end), and where they end."""
    options: list[_Sequence] = []
    parts: list[_Part] = []
    while at < len(text) and (top or text[at] != ")"):
        if text[at] == "(":
            inner, at = _options(text, at + 1, top=False)
            parts.append(_Choice(inner))
        elif text[at] == "|" and not top:
            options, parts = [*options, tuple(parts)], []
        else:
            end = _end_of_plain(text, at)
            parts += _literals(text[at:end])
            at = end - 1
        at += 1
    if at == len(text) and not top:
        raise ValueError(f"a parenthesis is not closed in {text!r}")
    return (*options, tuple(parts)), at


def _end_of_plain(text: str, at: int) -> int:
    mark = _MARK.search(text, at + 1)
    return mark.start() if mark else len(text)


def _literals(text: str) -> Iterator[_Part]:
    for k, piece in enumerate(_RULE.split(text)):
        if k % 2:
            yield _Rule(piece)
        elif piece:
            yield piece.replace("~", "\n")


def rules_of(sequence: _Sequence) -> set[str]:
    """The names of all rules that a template may expand."""
    found: set[str] = set()
    for part in sequence:
        if isinstance(part, _Rule):
            found.add(part.name)
        elif isinstance(part, _Choice):
            found = found.union(*map(rules_of, part.options))
    return found


class _Writer:
    """Expands templates with one generator; content is written in ``content``, invented words in its letters."""

    def __init__(self, rng: np.random.Generator, content: str) -> None:
        self.rng = rng
        self.content = language(content)

    def pick(self, options: tuple[_Sequence, ...]) -> _Sequence:
        return options[self.rng.integers(len(options))]

    def text(self, sequence: _Sequence) -> str:
        return "".join(map(self._part, sequence))

    def _part(self, part: _Part) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, _Choice):
            return self.text(self.pick(part.options))
        return self.rule(part.name)

    def rule(self, name: str) -> str:
        if name == "n":
            return str(self.rng.integers(2, 10 ** self.rng.integers(1, 5)))
        if name == "word":
            letters = self.content.letters
            return "".join(letters[k] for k in self.rng.integers(len(letters), size=self.rng.integers(2, 9)))
        return self.text(self.pick(self.content.content.get(name) or language("en").content[name]))

    def around(self, text: str) -> str:
        """``text`` with content before it, after it or on both sides; sometimes much of it."""
        gap, many = _SEPARATORS[self.rng.integers(len(_SEPARATORS))], self.rng.random() < 0.2
        body = [self.rule("item") for _ in range(self.rng.integers(2, 8) if many else 1)]
        place = self.rng.random()
        if place < 0.45:
            return gap.join([text, *body])
        return gap.join([*body, text]) if place < 0.9 else gap.join([*body, text, self.rule("item")])


def generate(
    rng: np.random.Generator, count: int, kind: str, languages: tuple[str, ...] = LANGUAGES
) -> Iterator[Prompt]:
    """Draw prompts of one kind: a class of ``ELICITATION`` or one of ``BENIGN``.

    Args:
        count: how many; languages: drawn at random, English ``ENGLISH_WEIGHT`` times as often as another.
    """
    weights = np.array([ENGLISH_WEIGHT if code == "en" else 1 for code in languages], float)
    for _ in range(count):
        code = languages[rng.choice(len(languages), p=weights / weights.sum())]
        yield _prompt(rng, code, kind)


def _prompt(rng: np.random.Generator, code: str, kind: str) -> Prompt:
    other = LANGUAGES[rng.integers(len(LANGUAGES))] if code == "en" and rng.random() < 0.3 else "en"
    writer = _Writer(rng, code if rng.random() < 0.7 else other)
    groups = language(code).templates[kind]
    group = list(groups)[rng.integers(len(groups))]
    k = int(rng.integers(len(groups[group])))
    text, labels = _written(writer, groups[group][k]), {kind}
    if rng.random() < 0.15:  # a second request of the same style in the same prompt
        second = _second(rng, code, kind, group)
        text += _SEPARATORS[rng.integers(3)] + writer.text(writer.pick(language(code).templates[second][group]))
        labels.add(second)
    return Prompt(
        text=_worn(rng, _framed(writer, code, text)),
        labels=tuple(c for c in ELICITATION if c in labels),
        kind=kind,
        language=code,
        group=group,
        template=f"{code}/{kind}/{group}/{k}",
    )


def _second(rng: np.random.Generator, code: str, kind: str, group: str) -> str:
    """Benign prompts stay benign; others get a benign request, or one of another class."""
    kinds = BENIGN if kind in BENIGN or rng.random() < 0.7 else ELICITATION
    kinds = tuple(k for k in kinds if group in language(code).templates[k])
    return kinds[rng.integers(len(kinds))]


def _written(writer: _Writer, template: _Sequence) -> str:
    text = writer.text(template)
    return text if rules_of(template) - _FREE else writer.around(text)


def _framed(writer: _Writer, code: str, text: str) -> str:
    if writer.rng.random() < 0.5:
        return text
    first, last = (writer.text(writer.pick(language(code).content[name])) for name in ("open", "close"))
    gap = _SEPARATORS[writer.rng.integers(3)]
    return gap.join(part for part in (first, text, last) if part)


def _worn(rng: np.random.Generator, text: str) -> str:
    """What hands do to text: all small letters, letters swapped or lost."""
    if rng.random() < 0.12:
        text = text.lower()
    if rng.random() < 0.08 and len(text) > 20:
        letters = list(text)
        for k in rng.integers(len(text) - 1, size=len(text) // 40 + 1):
            letters[k : k + 2] = [letters[k + 1], letters[k]] if rng.random() < 0.5 else ["", letters[k]]
        text = "".join(letters)
    return text
