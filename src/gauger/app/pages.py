"""What every HTML page of ours shares: text of strangers is escaped, and what acts but does not show is shown."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gauger.app.text import SHOWN_CHARS, visible


def environment(package: str, limit: int = SHOWN_CHARS) -> Environment:
    """For the templates of a package. limit: characters of one text; what is beyond is left out and counted."""

    def shown(value: Any) -> Any:
        """Jinja calls this on every expression before it escapes: no template can forget it."""
        return visible(value, limit) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
