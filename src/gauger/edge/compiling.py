"""Word of kernels that are compiled: once for a machine and a version, and so long that one would think it hangs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.event import Listener, install_listener

COMPILING = "compiling what reads logs: it takes up to a minute, the first time only"


class _Once(Listener):  # type: ignore[misc]  # numba has no types
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, False

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            self._say(COMPILING)

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def told(say: Callable[[str], None]) -> Iterator[None]:
    """Say it once, when the first kernel is compiled; nothing where all are in numba's cache."""
    with install_listener("numba:compile", _Once(say)):
        yield
