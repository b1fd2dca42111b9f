"""``gauger case people``: who may write into the store's cases, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.options import STORE, Author, StoreAt, now, opened, writer
from gauger.app.text import visible
from gauger.case.people import ROLES, may_enrol
from gauger.errors import ConfigError
from gauger.model import canonical_json


def people(
    enrol: Annotated[str | None, typer.Option(metavar="NAME", help="Enrol somebody, or give another role.")] = None,
    role: Annotated[str | None, typer.Option(help=f"One of {', '.join(ROLES)}.")] = None,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Let somebody write no more.")] = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """List who may write, after enrolling or removing somebody. Once there is counsel, that takes counsel."""
    if (enrol is None) != (role is None):
        raise ConfigError("--enrol NAME goes with --role")
    with opened(store, make=enrol is not None) as cases:
        if enrol is not None or remove is not None:
            may_enrol(cases.people(), writer(author))
        if enrol is not None and role is not None:
            cases.enrol(enrol, role, time=now())
        if remove is not None:
            if remove not in cases.people():
                raise ConfigError(f"nobody is enrolled as {remove!r}")
            cases.enrol(remove, "", time=now())
        rows = cases.enrolled()
    if as_json:
        told = [{"name": name, "role": role, "since": since} for name, role, since in rows]
        print(canonical_json({"schema": "gauger/case-people/1", "people": told}).decode())
        return
    for name, of, since in rows:
        print(f"{visible(name, 60)}: {of or 'writes no more'}, since {since or 'the beginning'}")
