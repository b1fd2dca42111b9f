"""The report as one HTML file that needs nothing else and runs nothing."""

from __future__ import annotations

from typing import Any

from gauger.app.pages import environment
from gauger.case.reporting.document import Document

MAX_CHARS = 100_000  # texts are shortened, in the report's own language, where they are composed


def render_html(document: Document) -> str:
    """The page. Text is escaped, and what acts but does not show is replaced by a sign for it."""
    env = environment("gauger.app.case_report", MAX_CHARS)
    env.filters["kind"] = _kind
    return env.get_template("report.html.j2").render(d=document)


def _kind(block: Any) -> str:
    return type(block).__name__
