"""Render a scan's report as one HTML file that needs nothing else and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from gauger.app.pages import environment
from gauger.app.report import graph, timeline, words
from gauger.detect.redact import redact


def render_html(report: Mapping[str, Any]) -> str:
    """The page for ``report`` (a ``gauger/scan-report/1`` document), complete without scripts or network.

    All text is escaped, and characters that act but do not show are replaced by signs for them; examples are
    redacted again. The same report gives the same page.
    """
    return _environment().get_template("page.html.j2").render(r=report)


def _environment() -> Environment:
    env = environment("gauger.app.report")
    env.filters.update(
        number=words.number,
        short=words.short,
        usd=words.usd,
        percent=words.percent,
        log10=words.log10,
        when=words.when,
        day=words.day,
        duration=words.duration,
        reading=words.reading,
        redact=redact,
    )
    env.globals.update(
        count=words.count,
        verdict=words.verdict,
        strongest=words.strongest,
        kinds=words.KINDS,
        draw_graph=graph.draw,
        draw_timeline=timeline.draw,
        span=timeline.span,
    )
    return env
