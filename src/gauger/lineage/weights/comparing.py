"""The passes over both models: MLP by MLP, a chunk of units at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata

from gauger.lineage.weights import likeness, order, signs
from gauger.lineage.weights.layout import Floats, Layout, Mlp, Tensors, found
from gauger.model import Score
from gauger.stats import FloatArray

CHUNK = 2048
MATCHED = 512
"""Units of each of the candidate's MLPs that are looked for in the suspect's."""
PAIRED = 8
"""Blocks of each MLP of which pairs of units are compared: they cost most."""

Columns = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One exact test. n: units or channels it rests on. floor: log of the least p that was possible."""

    name: str
    log_p: float
    floor: float
    n: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the passes found. unlike: how the shapes differ, or ""."""

    tests: tuple[Tested, ...]
    scores: tuple[Score, ...]
    unlike: str


@dataclass(slots=True)
class _Ranked:
    """One MLP: log p of its blocks, and their units."""

    log_ps: list[float] = field(default_factory=list)
    n: int = 0

    def add(self, log_p: float, n: int) -> None:
        self.log_ps.append(log_p)
        self.n += n


@dataclass(slots=True)
class _Seen:
    """What accumulates, MLP by MLP."""

    units: list[_Ranked] = field(default_factory=list)
    pairs: list[_Ranked] = field(default_factory=list)
    signs: list[FloatArray] = field(default_factory=list)
    agree: list[FloatArray] = field(default_factory=list)
    squares: tuple[dict[str, FloatArray], dict[str, FloatArray]] = field(default_factory=lambda: ({}, {}))


def compare(candidate: Tensors, suspect: Tensors, rng: np.random.Generator) -> Compared:
    """All tests that the two's shapes allow; of models with other shapes, the parts that both have.

    Args:
        rng: of the orders that the blocks are put in. It must not depend on the weights.
    """
    mine, theirs = found(candidate.shapes), found(suspect.shapes)
    width = min(mine.width, theirs.width)
    seen = _Seen()
    for k, pair in enumerate(zip(mine.mlps, theirs.mlps, strict=False)):
        _mlp(candidate, suspect, pair, f"MLP {k}", seen, width, rng)
    for tensors, layout, squares in zip((candidate, suspect), (mine, theirs), seen.squares, strict=True):
        squares.update(_others(tensors, layout))
    tests = [*_unit_tests(seen), *_channel_test(*seen.squares, width, rng)]
    scores = [likeness.agreement(np.concatenate(seen.agree))] if seen.agree else []
    scores += likeness.of_models(candidate, suspect, mine, theirs, rng)
    return Compared(tests=tuple(tests), scores=tuple(scores), unlike=_unlike(mine, theirs))


def _unlike(mine: Layout, theirs: Layout) -> str:
    if not mine.mlps or not theirs.mlps:
        return f"no MLP is known by its name in the {'suspect' if mine.mlps else 'candidate'}"
    if mine.width != theirs.width:
        return f"the residual stream is {mine.width:,} wide in the candidate, {theirs.width:,} in the suspect"
    if len(mine.mlps) != len(theirs.mlps):
        return f"the candidate has {len(mine.mlps):,} MLPs, the suspect {len(theirs.mlps):,}"
    for k, (a, b) in enumerate(zip(mine.mlps, theirs.mlps, strict=True)):
        if (a.units, len(a.parts)) != (b.units, len(b.parts)):
            own, other = (f"{m.units:,} units and {len(m.parts)} matrices" for m in (a, b))
            return f"MLP {k} has {own} in the candidate, {other} in the suspect"
    return ""


def _mlp(
    candidate: Tensors,
    suspect: Tensors,
    pair: tuple[Mlp, Mlp],
    name: str,
    seen: _Seen,
    width: int,
    rng: np.random.Generator,
) -> None:
    mine, theirs = pair
    gated = mine.gate is not None and theirs.gate is not None
    matching = _matching(candidate, mine, width, rng) if gated else None
    seen.units.append(_Ranked())
    seen.pairs.append(_Ranked())
    for start in range(0, max(mine.units, theirs.units), CHUNK):
        a, b = _read(candidate, mine, start), _read(suspect, theirs, start)
        for squares, rows in zip(seen.squares, (a, b), strict=True):
            _add(squares, name, rows)
        if matching is not None and len(b["up"]):
            matching.add(*(b[role][:, :width] for role in ("gate", "up", "down")))
        _order(a, b, seen, width, rng, pairs=start == 0)
    if matching is not None:
        seen.signs.append(matching.sign)
        seen.agree.append(matching.agree.astype(np.float64))


def _matching(candidate: Tensors, mine: Mlp, width: int, rng: np.random.Generator) -> signs.Matching:
    count = min(MATCHED, mine.units)
    start = int(rng.integers(mine.units - count + 1))
    return signs.Matching(*(p.units(candidate, slice(start, start + count), width) for p in mine.parts))


def _read(tensors: Tensors, mlp: Mlp, start: int) -> dict[str, Floats]:
    """A chunk of each part, float32[units, channels]; of no units, beyond the last."""
    at = slice(min(start, mlp.units), min(start + CHUNK, mlp.units))
    roles = ("gate", "up", "down")[-len(mlp.parts) :]
    return {role: part.units(tensors, at, mlp.width) for role, part in zip(roles, mlp.parts, strict=True)}


def _order(
    a: Mapping[str, Floats], b: Mapping[str, Floats], seen: _Seen, width: int, rng: np.random.Generator, *, pairs: bool
) -> None:
    """Rank each block of the units that both have and neither has without weights."""
    common = min(len(a["up"]), len(b["up"]))
    roles = sorted(a.keys() & b.keys())
    live = np.ones(common, dtype=np.bool_)
    for model in (a, b):
        for role in roles:
            live &= model[role][:common].any(axis=1)
    at = np.flatnonzero(live)
    for k, block in enumerate(order.blocks(len(at))):
        rows = at[block]
        alike = sum(order.cosines(a[role][rows, :width], b[role][rows, :width]) for role in roles)
        seen.units[-1].add(order.one_to_one(np.asarray(alike), rng), len(rows))
        if pairs and k < PAIRED:
            within = [order.cosines(model["down"][rows], model["down"][rows]) for model in (a, b)]
            seen.pairs[-1].add(order.in_pairs(within[0], within[1], rng), len(rows))


def _add(squares: dict[str, FloatArray], name: str, rows: Mapping[str, Floats]) -> None:
    for role, block in rows.items():
        key = f"{name} {role}"
        squares[key] = squares.get(key, np.zeros(block.shape[1])) + np.einsum("ij,ij->j", block, block)


def _others(tensors: Tensors, layout: Layout) -> Iterator[tuple[str, FloatArray]]:
    """Squares of the embedding's and the head's columns, and the gains."""
    whole = slice(0, layout.width)
    for role, name in layout.tables.items():
        squares: dict[str, FloatArray] = {}
        for start in range(0, tensors.shapes[name][0], CHUNK):
            _add(squares, role, {"": tensors.read(name, slice(start, start + CHUNK), whole)})
        yield role, next(iter(squares.values()), np.zeros(layout.width))
    for role, name in layout.gains.items():
        yield f"gain {role}", tensors.read(name, slice(0, 1), whole)[0].astype(np.float64)


def _unit_tests(seen: _Seen) -> Iterator[Tested]:
    for name, what, ranked in (("unit order", "units", seen.units), ("unit pairs", "pairs of units", seen.pairs)):
        if any(r.n for r in ranked):
            why = f"{what} in the same places are alike, by rank in the one of {len(ranked):,} MLPs that shows most"
            each = [(order.together(r.log_ps), order.floor(len(r.log_ps))) for r in ranked]
            yield _of_mlps(name, each, sum(r.n for r in ranked), why)
    if seen.signs:
        why = f"units matched by their gates have the same signs in the one of {len(seen.signs):,} MLPs that shows most"
        each = [(signs.log_p(s), signs.floor(len(s))) for s in seen.signs]
        yield _of_mlps("unit signs", each, sum(map(len, seen.signs)), why)


def _of_mlps(name: str, each: Sequence[tuple[float, float]], n: int, why: str) -> Tested:
    """each: log p and floor of every MLP. Those without blocks count: which they are depends on the weights."""
    log_p, floor = (order.least(column) for column in zip(*each, strict=True))
    return Tested(name=name, log_p=log_p, floor=floor, n=n, why=why)


def _channel_test(mine: Columns, theirs: Columns, width: int, rng: np.random.Generator) -> Iterator[Tested]:
    roles = sorted(mine.keys() & theirs.keys())
    if not roles:
        return
    live = np.ones(width, dtype=np.bool_)
    for model in (mine, theirs):
        for role in roles:
            if not role.startswith("gain "):
                live &= model[role][:width] > 0
    a, b = (np.array([_ranks(model[role][:width][live]) for role in roles]) for model in (mine, theirs))
    if not (cut := order.blocks(int(live.sum()))):
        return
    ranks = [order.one_to_one(a[:, block].T @ b[:, block], rng) for block in cut]
    why = (
        f"channels in the same places are large in the same of {len(roles):,} tensors, by rank in {len(ranks):,} blocks"
    )
    log_p, floor = order.together(ranks), order.floor(len(ranks))
    yield Tested(name="channel order", log_p=log_p, floor=floor, n=int(live.sum()), why=why)


def _ranks(values: FloatArray) -> FloatArray:
    """With mean 0 and of unit size; 0 where all are equal."""
    centred = rankdata(values) - (len(values) + 1) / 2
    size = float(np.sqrt((centred**2).sum()))
    return np.asarray(centred / (size or 1.0), dtype=np.float64)
