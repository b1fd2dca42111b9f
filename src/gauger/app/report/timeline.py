"""Draw a campaign's exchanges over time against everyone else's: two panels over one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

WIDTH, HEAD, LEFT, PANEL, GAP, FOOT = 720.0, 14.0, 56.0, 96.0, 14.0, 20.0
BINS = 168


def draw(timeline: Sequence[Mapping[str, Any]], alarm: str | None) -> dict[str, Any] | None:
    """Bars, ticks and labels for the template; None without two points in time.

    Each panel has its own scale, named at its side: background is often a thousand times the campaign.
    """
    if len(timeline) < 2:
        return None
    points = _merge(timeline)
    first, end = _time(points[0]["t"]), _time(points[-1]["t"])
    end += (end - first) / (len(points) - 1)
    across = (WIDTH - LEFT) / len(points)
    panels = []
    for i, (key, label) in enumerate((("exchanges", "campaign"), ("background", "everyone else"))):
        floor = HEAD + PANEL + i * (PANEL + GAP)
        top = max(p[key] for p in points)
        bars = [
            (LEFT + j * across, floor - PANEL * p[key] / (top or 1), PANEL * p[key] / (top or 1))
            for j, p in enumerate(points)
            if p[key]
        ]
        # Numbers only: as markup it is not cut as a text from a log would be.
        path = "".join(f"M{x:.1f} {y:.1f}h{max(across - 0.6, 0.8):.1f}v{h:.1f}H{x:.1f}z" for x, y, h in bars)
        panels.append({"key": key, "label": label, "top": top, "floor": floor, "path": Markup(path)})  # noqa: S704
    height = HEAD + 2 * PANEL + GAP
    return {
        "width": WIDTH,
        "height": height + FOOT,
        "left": LEFT,
        "base": height,
        "panels": panels,
        "ticks": [{"x": round(_x(t, first, end), 1), "label": label} for t, label in _ticks(first, end)],
        "alarm": round(_x(_time(alarm), first, end), 1) if alarm and first <= _time(alarm) <= end else None,
        "busiest": max(points, key=lambda p: p["exchanges"]),
        "bin_s": (end - first).total_seconds() / len(points),
    }


def span(first: str | None, last: str | None, period: Mapping[str, str | None], width: float) -> tuple[float, float]:
    """Where a campaign's life lies in the log's period: left edge and width of a bar of at most ``width``."""
    if not (first and last and period["first"] and period["last"]):
        return 0.0, 0.0
    begin, whole = _time(period["first"]), _time(period["last"]) - _time(period["first"])
    if whole <= timedelta(0):
        return 0.0, width
    left = min(max((_time(first) - begin) / whole, 0.0), 1.0) * width
    right = min(max((_time(last) - begin) / whole, 0.0), 1.0) * width
    return round(min(left, width - 2), 1), round(max(right - left, 2.0), 1)


def _merge(timeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring bins, as many to one as it takes to draw at most ``BINS``."""
    size = -(-len(timeline) // BINS)
    groups = [timeline[i : i + size] for i in range(0, len(timeline), size)]
    return [{"t": g[0]["t"], **{key: sum(p[key] for p in g) for key in ("exchanges", "background")}} for g in groups]


def _ticks(first: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Round times, at most eight, on whole hours or days (UTC)."""
    hours = (end - first).total_seconds() / 3600
    step = next((s for s in (1, 3, 6, 12, 24, 48, 96, 168, 336, 720) if hours / s <= 8), 24 * -(-hours // (24 * 8)))
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    form = "%d %b %H:%M" if step < 24 else "%d %b"
    times = (day + timedelta(hours=step * i) for i in range(int((hours + 24) // step) + 1))
    return [(t, t.strftime(form)) for t in times if first <= t <= end]


def _x(t: datetime, first: datetime, end: datetime) -> float:
    return LEFT + (WIDTH - LEFT) * ((t - first) / (end - first))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
