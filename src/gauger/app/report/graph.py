"""Draw a campaign's account graph: which nodes and edges, where, in which colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

NODES = 300
EDGES_PER_NODE = 3
WIDTH, MARGIN = 720.0, 16.0
COLOURS = 7  # --layer-0 .. --layer-6 of the style sheet; the last is for all further layers
STEPS = 120
UNNAMED = "several, each weak"
Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int64]


def draw(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template needs to draw ``graph`` as SVG.

    At most ``NODES`` accounts (those with the most exchanges) and of their ties a strongest spanning forest,
    then the strongest others, three a node: the shape stays and a clique does not become a black disc.
    """
    nodes = sorted(graph["nodes"], key=lambda n: (-n["exchanges"], n["id"]))[:NODES]
    at = {n["id"]: i for i, n in enumerate(nodes)}
    ties = [e for e in graph["edges"] if e["a"] in at and e["b"] in at and e["a"] != e["b"]]
    kept = _skeleton(ties, at)
    pairs = np.array([(at[e["a"]], at[e["b"]]) for e in kept], dtype=np.int64).reshape(-1, 2)
    layers = _layers(graph["edges"])
    height = min(420.0, 150.0 + 9 * len(nodes))
    place = _fit(layout(len(nodes), pairs, np.array([e["weight"] for e in kept], dtype=np.float64)), height)
    largest = max((n["exchanges"] for n in nodes), default=0) or 1
    size = min(1.0, (60 / max(len(nodes), 1)) ** 0.35)  # many points are drawn smaller
    return {
        "width": WIDTH,
        "height": height,
        "nodes": [
            {"x": x, "y": y, "r": round(size * (2.5 + 6 * (n["exchanges"] / largest) ** 0.5), 1), **n}
            for n, (x, y) in zip(nodes, place.round(1).tolist(), strict=True)
        ],
        "layers": [{**layer, "path": _path(kept, layer["name"], at, place)} for layer in layers],
        "nodes_left_out": len(graph["nodes"]) - len(nodes),
        "edges_drawn": len(kept),
        "edges_left_out": len(graph["edges"]) - len(kept),
    }


def _layers(edges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each layer with its ties and the accounts that it joins, most ties first."""
    ties: Counter[str] = Counter(name for e in edges for name in _names(e))
    ends: dict[str, set[str]] = {name: set() for name in ties}
    for e in edges:
        for name in _names(e):
            ends[name] |= {e["a"], e["b"]}
    ranked = sorted(ties, key=lambda name: (-ties[name], name))
    return [
        {"name": name, "ties": ties[name], "accounts": len(ends[name]), "colour": min(i, COLOURS - 1)}
        for i, name in enumerate(ranked)
    ]


def _names(edge: Mapping[str, Any]) -> Sequence[str]:
    return edge["layers"] or (UNNAMED,)


def _path(edges: Sequence[Mapping[str, Any]], layer: str, at: Mapping[str, int], place: Floats) -> Markup:
    """One SVG path for all edges whose strongest layer is ``layer``: numbers only, so it is shown uncut."""
    ends = ((*place[at[e["a"]]], *place[at[e["b"]]]) for e in edges if _names(e)[0] == layer)
    return Markup("".join(f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" for x, y, u, v in ends))  # noqa: S704 numbers only


def _skeleton(edges: Sequence[Mapping[str, Any]], at: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """A maximum spanning forest (Kruskal), then the strongest edges up to the budget."""
    root = list(range(len(at)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    forest, rest = [], []
    for e in sorted(edges, key=lambda e: (-e["weight"], e["a"], e["b"])):
        a, b = find(at[e["a"]]), find(at[e["b"]])
        if a != b:
            root[a] = b
            forest.append(e)
        else:
            rest.append(e)
    return forest + rest[: max(0, EDGES_PER_NODE * len(at) - len(forest))]


def layout(n: int, pairs: Pairs, weight: Floats) -> Floats:
    """Place ``n`` nodes by forces, shape (n, 2), in no unit. The same input gives the same picture.

    Args:
        pairs: shape (edges, 2), node numbers. weight: shape (edges,), positive.

    Nodes repel each other, edges pull, and a weak pull to the middle keeps components together (Fruchterman
    and Reingold 1991, with a linear cooling of the step).
    """
    if n == 0:
        return np.zeros((0, 2))
    at = np.random.default_rng(0).normal(size=(n, 2))
    pull = (weight / weight.max() if len(weight) else weight)[:, None]
    k = 1 / np.sqrt(n)
    for step in np.linspace(0.1, 0.001, STEPS):
        length = (at**2).sum(1)
        push = k * k / np.maximum(length[:, None] + length - 2 * at @ at.T, 1e-6)
        # The sum over j of push_ij (at_i - at_j), without an (n, n, 2) array.
        force = at * push.sum(1, keepdims=True) - push @ at - 0.6 * k * at
        along = at[pairs[:, 0]] - at[pairs[:, 1]]
        drag = along * np.linalg.norm(along, axis=1, keepdims=True) / k * (0.25 + pull)
        np.add.at(force, pairs[:, 0], -drag)
        np.add.at(force, pairs[:, 1], drag)
        at += force * (step / np.maximum(np.linalg.norm(force, axis=1, keepdims=True), step))
    return at


def _fit(at: Floats, height: float) -> Floats:
    """Into the frame, with one scale for both axes; the longer side lies flat."""
    if not len(at):
        return at
    at = at - at.mean(0)
    axes = np.linalg.eigh(at.T @ at)[1][:, ::-1]
    at = at @ axes
    low, high = at.min(0), at.max(0)
    room = np.array([WIDTH, height]) - 2 * MARGIN
    scale = (room / np.maximum(high - low, 1e-9)).min() if len(at) > 1 else 0.0
    placed: Floats = np.array([WIDTH, height]) / 2 + (at - (low + high) / 2) * scale
    return placed
