"""One line for each kind of student: lowest, median and highest of its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

KIND = ("share", "scheme", "rest", "replaced", "temperature", "merged", "epochs", "clean")


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each kind of student, log10 e at the end, and at how many tokens or outputs it passes a million."""
    kinds: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(tuple(row[k] for k in KIND), []).append(row)
    return [{**dict(zip(KIND, kind, strict=True)), **_of(mine)} for kind, mine in kinds.items()]


def _of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    planned = [r["closed"]["planned"] for r in rows]
    found: dict[str, Any] = {
        "seeds": len(rows),
        "windows": spread([r["closed"]["windows"][-1] for r in rows]),
        "closed": spread([p[-1] for p in planned]),
        "closed_alone": spread([r["closed alone"]["planned"][-1] for r in rows]),
        "closed_pairs_once": spread([r["pairs once"][-1] for r in rows]),
        "closed_above_20": sum(p[-1] >= math.log10(20) for p in planned),
        "closed_above_1e6": sum(p[-1] >= 6 for p in planned),
        "closed_tokens_to_1e6": _first(planned, [r["tokens"] for r in rows]),
    }
    if all("open" in r for r in rows):
        for how in rows[0]["open"]["log10_e"]:
            found[f"open, {how}"] = spread([r["open"]["log10_e"][how][-1] for r in rows])
        curves = [r["open"]["log10_e"]["p - base"] for r in rows]
        found["places"] = spread([r["open"]["places"][-1] for r in rows])
        found["open_above_20"] = sum(max(c) >= math.log10(20) for c in curves)
        found["open_above_1e6"] = sum(max(c) >= 6 for c in curves)
        found["open_outputs_to_1e6"] = _first(curves, [r["open"]["outputs"] for r in rows])
    return found


def spread(values: Sequence[float]) -> list[float]:
    return [round(float(f(values)), 2) for f in (np.min, np.median, np.max)]


def _first(curves: list[list[float]], at: list[list[int]]) -> float | None:
    """Median over seeds of where a curve first reaches 6; None where most do not."""
    crossed = [
        next((n for n, v in zip(ns, c, strict=True) if v >= 6), math.inf) for c, ns in zip(curves, at, strict=True)
    ]
    middle = float(np.median(crossed))
    return middle if math.isfinite(middle) else None
