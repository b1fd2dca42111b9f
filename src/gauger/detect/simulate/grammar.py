"""Compositional text: rules with slots, expanded for many texts at once.

A rule is a list of alternatives; `{name}` in one is a slot that another rule, a number (`{int}`, `{big}`)
or the caller's binding fills. A rule joins its parts column by column, so that a text costs about a microsecond
a slot. `name.k` is the k-th alternative alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]
LANGUAGES = ("en", "zh", "ko", "ru", "es", "de")
SLOT = re.compile(r"\{([a-z_0-9]+)\}")
_NUMBERS: Texts = np.array([str(i) for i in range(10_000)], dtype=object)
_RANGES = {"int": (2, 100), "big": (100, 10_000)}


def texts(values: Sequence[str]) -> Texts:
    """A column of strings (numpy would make fixed-width ones)."""
    return np.fromiter(values, dtype=object, count=len(values))


class Grammar:
    """The rules of one language.

    Raises:
        ValueError: a slot that no rule fills and that is not declared in `bound`, or a rule within itself.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]], bound: Sequence[str] = ("seed", "reply")) -> None:
        self._words: dict[str, Texts] = {}
        self._forms: dict[str, list[tuple[str, list[str]]]] = {}
        for name, alternatives in rules.items():
            forms = [_compile(a) for a in alternatives]
            self._forms[name] = forms
            self._forms |= {f"{name}.{k}": [form] for k, form in enumerate(forms)}
            if not any(slots for _, slots in forms):
                self._words[name] = texts(list(alternatives))
        self._outcomes: dict[str, float] = dict.fromkeys(bound, 1.0) | {
            k: float(b - a) for k, (a, b) in _RANGES.items()
        }
        for name in rules:
            self._count(name, ())

    def __contains__(self, name: str) -> bool:
        return name in self._forms

    def alternatives(self, name: str) -> int:
        """How many alternatives the rule has."""
        return len(self._forms[name])

    def outcomes(self, name: str) -> float:
        """How many ways there are to expand a rule; a bound slot counts as one. An upper bound on distinct texts."""
        return self._count(name, ())

    def _count(self, name: str, above: tuple[str, ...]) -> float:
        if name in self._outcomes:
            return self._outcomes[name]
        if name in above:
            raise ValueError(f"the rule {name!r} expands into itself")
        if name not in self._forms:
            raise ValueError(f"no rule {name!r} for a slot of {above[-1] if above else 'the grammar'!r}")
        below = (*above, name)
        total = float(sum(prod(self._count(s, below) for s in slots) for _, slots in self._forms[name]))
        self._outcomes[name] = total
        return total

    def expand(self, name: str, n: int, rng: np.random.Generator, bind: Mapping[str, Texts] | None = None) -> Texts:
        """Expand a rule n times.

        Args:
            bind: columns of n texts for the slots that the caller fills.

        Returns:
            (n,) strings.
        """
        return self._fill(name, np.arange(n), rng, bind or {})

    def _fill(self, name: str, at: NDArray[np.intp], rng: np.random.Generator, bind: Mapping[str, Texts]) -> Texts:
        if name in bind:
            return bind[name][at]
        if name in _RANGES:
            return _NUMBERS[rng.integers(*_RANGES[name], size=len(at))]
        if name in self._words:
            words = self._words[name]
            return words[rng.integers(len(words), size=len(at))]
        forms = self._forms[name]
        pick = rng.integers(len(forms), size=len(at))
        order = np.argsort(pick, kind="stable")
        bounds = np.searchsorted(pick[order], np.arange(len(forms) + 1)).tolist()
        filled = np.empty(len(at), dtype=object)
        for (pattern, slots), low, high in zip(forms, bounds, bounds[1:], strict=False):
            if low < high:
                here = order[low:high]
                columns = [self._fill(slot, at[here], rng, bind).tolist() for slot in slots]
                made = (pattern % row for row in zip(*columns, strict=True)) if slots else (pattern % () for _ in here)
                filled[here] = np.fromiter(made, dtype=object, count=high - low)
        return filled


def _compile(alternative: str) -> tuple[str, list[str]]:
    """A %-pattern and the names of its slots in order."""
    pieces = SLOT.split(alternative)
    return "%s".join(p.replace("%", "%%") for p in pieces[::2]), pieces[1::2]


@cache
def load(language: str) -> Grammar:
    """The grammar of one of `LANGUAGES`; where it lacks a rule of English, the English one stands in."""
    rules = table("en")
    if language != "en":
        own = table(language)
        english = {f"en_{name}": [SLOT.sub(_english, a) for a in alternatives] for name, alternatives in rules.items()}
        borrowed = {name: ["{en_" + name + "}"] for name in rules}
        rules = english | borrowed | table("any") | own
    return Grammar(rules)


def table(name: str) -> dict[str, Any]:
    """One of the package's data tables."""
    raw = resources.files(__package__).joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)


def _english(slot: re.Match[str]) -> str:
    name = slot.group(1)
    return slot.group(0) if name in _RANGES or name in ("seed", "reply") else "{en_" + name + "}"
