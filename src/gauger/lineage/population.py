"""Who is known to be unrelated to whom, from a table of models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gauger.stats import BoolArray, IntArray

UNKNOWN = ("", "-", "?", "unknown", "none", "null", "nan", "na", "n/a")
"""What stands in a table for a name that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of where a model comes from.

    Attributes:
        maker, base: who made it, and from which pretrained weights; ``UNKNOWN`` where that is so. Spelling is folded.
        parent: the model that it was trained on from, or "". teachers: whose outputs it learned from.
        known: whether this is its whole history. Where it is not, the model is in no null pair.
    """

    name: str
    maker: str = ""
    base: str = ""
    parent: str = ""
    teachers: tuple[str, ...] = ()
    known: bool = False


def spelled(text: str) -> str:
    """Without case, blanks, ``_`` and ``-``: a table of many hands spells one name in many ways."""
    return re.sub(r"[\s_-]+", "", text.casefold())


def fold(name: str) -> str:
    """A maker or a base as it is compared; "" where it is unknown."""
    folded = spelled(name)
    return "" if folded in UNKNOWN else folded


def everybody(models: Sequence[str], origins: Sequence[Origin]) -> list[Origin]:
    """The models, in order, then those of the table that gave no answers: relations lead through them."""
    table = {o.name: o for o in origins}
    return [table.pop(name, Origin(name=name)) for name in models] + list(table.values())


def related(origins: Sequence[Origin]) -> BoolArray:
    """Pairs with a common ancestor, or where one's maker made the other or an ancestor of it; teachers are ancestors.

    bool[models, models], True on the diagonal. A maker's models share data that no table tells of, so what was made
    from one of them is not known to be unrelated to another.

    A pretrained base in common is no relation here: models of one base by different makers are null pairs, or a test
    would take every fine-tune of a base for every other. So a parent counts only if it is a model of the table.
    """
    ancestors = _ancestors(origins)
    maker = {o.name: fold(o.maker) for o in origins}
    makers = [{maker.get(name, "") for name in names} - {""} for names in ancestors]
    made = np.eye(len(origins), dtype=np.bool_)
    for i, one in enumerate(origins):
        for j in range(i):
            by_maker = maker[one.name] in makers[j] or maker[origins[j].name] in makers[i]
            made[i, j] = made[j, i] = by_maker or not ancestors[i].isdisjoint(ancestors[j])
    return made


def of_one_base(origins: Sequence[Origin]) -> tuple[BoolArray, BoolArray]:
    """Pairs that have the same pretrained base, and pairs that may have it: an unknown base may be any.

    Two bool[models, models].
    """
    base = np.array([fold(o.base) for o in origins], dtype=np.str_)
    unknown = base == ""
    unsure = unknown[:, None] | unknown[None, :]
    same = base[:, None] == base[None, :]
    return same & ~unsure, same | unsure


def clusters(origins: Sequence[Origin]) -> IntArray:
    """The cluster of each model, one of maker and base: int64[models]. An unknown maker is a cluster of its own."""
    names = [(fold(o.maker), fold(o.base)) if fold(o.maker) else ("", o.name) for o in origins]
    codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
    return np.array([codes[name] for name in names], dtype=np.int64)


def _ancestors(origins: Sequence[Origin]) -> list[set[str]]:
    """Each model's name, its parents' and teachers', and theirs in turn; folded if the table has no such model."""
    table = {o.name: o for o in origins}
    spellings: dict[str, list[str]] = {}
    for name in table:
        spellings.setdefault(fold(name), []).append(name)
    spellings[""] = []  # a teacher that is unknown is nobody

    def named(name: str) -> list[str]:
        return [name] if name in table else spellings.get(fold(name), [])

    found = []
    for origin in origins:
        seen: set[str] = set()
        ahead = [origin.name]
        while ahead:
            name = ahead.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in table:
                one = table[name]
                ahead += named(one.parent)
                for teacher in filter(fold, one.teachers):
                    ahead += named(teacher) or [fold(teacher)]
        found.append(seen)
    return found
