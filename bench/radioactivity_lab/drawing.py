"""The curves as SVG, written by hand so that nothing has to be installed for two pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {0.0: "#777777", 0.05: "#0072b2", 0.1: "#009e73", 0.25: "#e69f00", 1.0: "#d55e00"}
TICKS = (-2, 0, 1, 2, 3, 6, 10, 30, 100, 300)
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 680, 400, 70, 32, 120, 50
SPREAD = (np.min, np.median, np.max)
Curve = tuple[str, str, Sequence[int], list[list[float]]]


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    """Two pictures: the closed test against tokens asked for, the open one against outputs read."""
    rows = [r for r in rows if r["rest"] == "unmarked" and r["epochs"] == 3 and not r["clean"]]
    shares = sorted({r["share"] for r in rows})
    by = {s: [r for r in rows if r["share"] == s] for s in shares}
    closed: list[Curve] = [
        (f"{s:.0%}", COLOURS[s], by[s][0]["tokens"], [r["closed"]["log10_e"] for r in by[s]]) for s in shares
    ]
    opened: list[Curve] = [
        (f"{s:.0%}", COLOURS[s], by[s][0]["open"]["outputs"], [r["open"]["log10_e"]["p - base"] for r in by[s]])
        for s in shares
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "radioactivity-closed.svg").write_text(picture(closed, "tokens of the student's own text"))
    (folder / "radioactivity-open.svg").write_text(picture(opened, "served outputs that it read"))


def picture(curves: list[Curve], across: str) -> str:
    """Medians as lines, all seeds as bands. Heights grow with the logarithm of log10 e above 1."""
    least, most = min(c[2][0] for c in curves), max(c[2][-1] for c in curves)
    low, high = bend(TICKS[0]), bend(max(TICKS[-1], *(max(map(max, c[3])) for c in curves)))

    def x(n: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(n / least) / math.log(most / least)

    def y(log10_e: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - bend(log10_e)) / (high - low)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in TICKS:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="{"#888" if tick == 0 else "#ddd"}"/>')
        parts.append(text(LEFT - 8, y(tick) + 4, str(tick), "end"))
    for n in sorted({n for c in curves for n in c[2]}):
        parts.append(f'<path d="M{x(n):.1f} {HEIGHT - BOTTOM}v5" stroke="#888"/>')
        if n == most or x(most) - x(n) > 40:
            parts.append(text(x(n), HEIGHT - BOTTOM + 18, f"{n:,}", "middle"))
    for name, colour, at, seeds in curves:
        below, middle, above = ([(n, float(v)) for n, v in zip(at, f(seeds, 0), strict=True)] for f in SPREAD)
        band, line = ([f"{x(n):.1f},{y(v):.1f}" for n, v in part] for part in (above + below[::-1], middle))
        parts.append(f'<polygon points="{" ".join(band)}" fill="{colour}" opacity="0.2"/>')
        parts.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(x(at[-1]) + 6, y(middle[-1][1]) + 4, f"{name} marked", "start", colour))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, "middle"))
    parts.append(text(LEFT - 8, TOP - 16, "log10 e", "end"))
    head = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return "\n".join([f'<svg {head} font-family="sans-serif" font-size="12">', *parts, "</svg>", ""])


def bend(v: float) -> float:
    return math.copysign(math.log10(1 + abs(v)), v)


def text(x: float, y: float, what: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{what}</text>'
