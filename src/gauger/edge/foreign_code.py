"""Packages written in Rust or C++ that are given files from outside: what they raise, as an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gauger.errors import GaugerError


@contextmanager
def refused_as(error: Callable[[str], GaugerError]) -> Iterator[None]:
    """Turn whatever is raised within into an error of ours.

    A panic of Rust is no ``Exception`` but a ``BaseException``, and would pass every guard for those.

    Args:
        error: makes it of the first line of what the package says; that may quote what the package was given.

    Raises:
        GaugerError: what ``error`` makes, or one of ours as it is.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GaugerError):
        raise
    except BaseException as fault:
        raise error((str(fault).strip() or type(fault).__name__).split("\n")[0]) from fault
