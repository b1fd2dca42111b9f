"""Names of files, as documents hold them."""

from __future__ import annotations

import os
from pathlib import Path


def utf8(name: str | Path) -> str:
    """What of a name (or of a command line that holds some) is no UTF-8, and could be in no JSON, is replaced."""
    return os.fsencode(name).decode(errors="replace")
