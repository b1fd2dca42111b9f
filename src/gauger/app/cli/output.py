"""The console that verbs write their results to."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console

WIDTH = 140  # where stdout is no terminal: a table in a file or a pipe is not folded to 80 columns


class Output(Console):
    """Rich's console on stdout, but a closed pipe is raised like any other (rich would exit with 1: findings)."""

    def __init__(self) -> None:
        super().__init__()
        if not self.is_terminal:
            self.width = WIDTH

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError
