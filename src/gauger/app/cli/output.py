"""Where verbs write their results and their progress."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console

from gauger.app.text import visible

WIDTH = 140  # where stdout is no terminal: a table in a file or a pipe is not folded to 80 columns


class Output(Console):
    """Rich's console on stdout, but a closed pipe is raised like any other (rich would exit with 1: findings)."""

    def __init__(self) -> None:
        super().__init__()
        if not self.is_terminal:
            self.width = WIDTH

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"gauger: {visible(text)}", file=sys.stderr, flush=True)
