"""Who models are said to be: the names of makers and their models, public ones and those of a population's table."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from gauger.lineage import population
from gauger.lineage.population import Origin
from gauger.stats import BoolArray, IntArray

Kind = Literal["model", "common", "maker"]

LEAST_LETTERS = 3
GENERIC = {
    "ai",
    "assistant",
    "chat",
    "instruct",
    "model",
    "language",
    "large",
    "the",
    "team",
    "authors",
    "unknown",
    "infinity",
}
BEFORE, AFTER = r"(?<![0-9A-Za-zÀ-ɏА-ӿ])", r"(?![0-9A-Za-zÀ-ɏА-ӿ])"
VERSION = (
    r"(?P<version>(?:[-_ ]?v?\d+(?:\.\d+)*[a-z]?)?"
    r"(?:[-_ ](?:turbo|mini|pro|max|plus|chat|instruct|large|small|medium|opus|sonnet|haiku|flash|ultra|preview|\d+b)"
    r"\b){0,2})"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identities:
    """Whom a text may claim to be.

    Attributes:
        names: folded name to identity and kind. ``model``: unmistakable; ``common``: a word or a person's name as well.
        of: the identity of each model, int64[models], -1 where nothing is known of it.
        of_base, may_be_of_base: models whose base is of an identity, or may be, bool[models, identities]. Such a model
            may well say the name of its base.
    """

    names: dict[str, tuple[int, Kind]]
    of: IntArray
    of_base: BoolArray
    may_be_of_base: BoolArray

    def of_first(self, models: int) -> Identities:
        """The same names, and whose the first ``models`` models are."""
        rows = slice(models)
        return replace(self, of=self.of[rows], of_base=self.of_base[rows], may_be_of_base=self.may_be_of_base[rows])

    def pattern(self) -> str:
        """A regular expression for any of the names, with its version; case is to be ignored."""
        longest = sorted(self.names, key=len, reverse=True)
        return f"{BEFORE}(?:{'|'.join(map(_spelled, longest))}){VERSION}{AFTER}"


def fold(name: str) -> str:
    """Without case, spaces and signs between words."""
    return re.sub(r"[-_ .]+", " ", name).strip().casefold()


def identities(origins: Sequence[Origin]) -> Identities:
    """Of public makers, then of further makers of the table. A name that two makers have is nobody's."""
    names, makers = _public()
    names, makers = dict(names), dict(makers)
    size = max(makers.values()) + 1
    of = np.full(len(origins), -1, dtype=np.int64)
    owners: dict[str, set[int]] = {}
    for k, origin in enumerate(origins):
        pieces = [fold(piece) for piece in re.split(r"[/()&,]", origin.maker)]
        pieces = [piece for piece in pieces if _letters(piece) >= LEAST_LETTERS and piece not in GENERIC]
        known = [makers[piece] for piece in pieces if piece in makers]
        if pieces and not known:
            makers |= dict.fromkeys(pieces, size)
            known, size = [size], size + 1
        of[k] = known[0] if known else _named(origin.name, names)
        if known and (family := _family(origin.name)) not in GENERIC and _letters(family) > LEAST_LETTERS:
            owners.setdefault(family, set()).add(known[0])
    for piece, identity in makers.items():
        names.setdefault(piece, (identity, "maker"))
    for family, held in owners.items():
        if len(held) == 1:
            names.setdefault(family, (min(held), "common"))
    return _with_bases(names, of, size, origins)


def _with_bases(names: dict[str, tuple[int, Kind]], of: IntArray, size: int, origins: Sequence[Origin]) -> Identities:
    made = np.zeros((len(origins), size), dtype=np.bool_)
    owners: dict[str, set[int]] = {}
    for origin, identity in zip(origins, of, strict=True):
        if identity >= 0 and not origin.parent:
            owners.setdefault(population.fold(origin.base), set()).add(int(identity))
    unknown = np.zeros(len(origins), dtype=np.bool_)
    for k, origin in enumerate(origins):
        base = population.fold(origin.base)
        unknown[k] = not base
        if base:
            named = _named(origin.base, names)
            made[k, [*owners.get(base, ()), *([named] if named >= 0 else [])]] = True
    return Identities(names=names, of=of, of_base=made, may_be_of_base=made | unknown[:, None])


def _family(name: str) -> str:
    """What a model's name begins with, up to the first digit."""
    return fold(re.split(r"\d", name, maxsplit=1)[0])


def _named(name: str, names: dict[str, tuple[int, Kind]]) -> int:
    """The identity of the longest known name that a model's name begins with, or -1."""
    words = _family(name).split(" ")
    known = (names[" ".join(words[:n])][0] for n in range(len(words), 0, -1) if " ".join(words[:n]) in names)
    return next(known, -1)


def _letters(name: str) -> int:
    return sum(c.isalpha() for c in name)


def _spelled(name: str) -> str:
    return r"[-_ .]?".join(map(re.escape, name.split(" ")))


@cache
def _public() -> tuple[dict[str, tuple[int, Kind]], dict[str, int]]:
    """The public names, and whose each maker's name is."""
    text = resources.files("gauger.lineage").joinpath("identity/names.toml").read_text("utf-8")
    table: list[dict[str, Any]] = tomllib.loads(text)["identity"]
    names: dict[str, tuple[int, Kind]] = {}
    kinds: tuple[Kind, ...] = ("model", "common")
    for k, one in enumerate(table):
        for kind in kinds:
            names |= {fold(name): (k, kind) for name in one.get(kind, [])}
    return names, {fold(name): k for k, one in enumerate(table) for name in one["maker"]}
