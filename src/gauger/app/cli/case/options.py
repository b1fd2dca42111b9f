"""Options that the verbs of cases share."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.output import say
from gauger.edge.case.store import Store, open_store
from gauger.errors import ConfigError

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]
StoreAt = Annotated[
    str,
    typer.Option(
        "--store", envvar="GAUGER_STORE", metavar="FILE|URL", help="The case store: a file, or postgresql://..."
    ),
]
Author = Annotated[
    str | None,
    typer.Option("--author", envvar="GAUGER_AUTHOR", metavar="NAME", help="Who writes. Default: the system's user."),
]
Corrects = Annotated[
    str | None,
    typer.Option("--corrects", metavar="ENTRY", help="The entry of this kind that this one corrects, as for a review."),
]
STORE = "cases.db"


@contextmanager
def opened(where: str, *, make: bool = False) -> Iterator[Store]:
    """The store; with ``make`` a new one where there is none.

    Raises:
        ConfigError: there is none.
    """
    if not make and "://" not in where and not Path(where).exists():
        raise ConfigError(f"there is no case store {where}: `gauger case new` makes one, --store names another")
    with open_store(where) as store:
        yield store


def writer(author: str | None) -> str:
    """Who writes: as named, or the system's user."""
    return author if author is not None else getpass.getuser()


def first(store: Store, author: str, time: datetime) -> None:
    """Whoever makes a store is its first analyst."""
    if not store.enrolled():
        store.enrol(author, "analyst", time=time)
        say(f"a new store; {author} is enrolled as analyst: `gauger case people` enrols the others")


def now() -> datetime:
    """The clock, to the second: entries are written by people."""
    return datetime.now(UTC).replace(microsecond=0)
