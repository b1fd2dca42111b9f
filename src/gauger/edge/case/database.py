"""A database for cases: SQLite in one file, PostgreSQL for teams. Opened, brought up to date, and locked to write."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gauger.edge.small_files import PRIVATE
from gauger.errors import ConfigError, ExchangeError, GaugerError, InputError, UnsupportedError

LAST = "0001"
_STEPS = Path(__file__).parent / "migrations"
_WAIT_S = 60
_LOCK = 0x6761756765  # of PostgreSQL's advisory locks, while tables are made
_TABLES = {"alembic_version", "dossier"}
_WORDS: Mapping[int | str, str] = {
    sqlite3.SQLITE_ERROR: "lacks a table or a column, so it was altered",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk fails",
    sqlite3.SQLITE_FULL: "has no room: the disk is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: its folder is not there, or not ours",
    sqlite3.SQLITE_NOTADB: "is no database, or is damaged",
    "53100": "has no room: the server's disk is full",
}
"""What does not pass by itself, by SQLite's result code or PostgreSQL's SQLSTATE."""
_PASSING = ("08", "40", "53", "57")  # classes of SQLSTATE: no connection, rolled back, no resources, being restarted
# What a lost connection leaves is told by what is raised; its tracebacks would go to stderr as well.
logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())


def connect(where: str | Path) -> Any:
    """The engine of a database, with the tables of this version.

    Args:
        where: a file for SQLite (made if there is none), or a URL that begins with ``postgresql``.

    Raises:
        ConfigError: a URL of another kind, or none; a name that keeps nothing; another program's database.
        UnsupportedError: no SQLAlchemy, or a database of a newer version.
        ExchangeError: the server cannot be reached. InputError: the file is no database.
    """
    try:
        from sqlalchemy import create_engine, event  # noqa: PLC0415
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError("cases need SQLAlchemy: pip install 'gauger[case]'") from None
    try:
        engine = create_engine(_url(str(where)), pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            _private(str(engine.url.database or ""))
            event.listen(engine, "connect", _tuned)
            event.listen(engine, "begin", _begun)
        with told():
            _bring_up(engine)
    except (ArgumentError, TypeError, ValueError):  # of a URL and its options; their texts may hold the password
        raise ConfigError("a case store's URL is postgresql://USER@HOST:PORT/DATABASE, and this is none") from None
    return engine


def _private(path: str) -> None:
    """A store names customers: a new file is its owner's, until who shares it says otherwise."""
    if path:
        with suppress(OSError):  # it is there, or cannot be made, which SQLite then says
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, PRIVATE))


@contextmanager
def writing(engine: Any) -> Iterator[Any]:
    """A transaction that no other writer shares: what it reads stays true until it ends."""
    with told(), engine.connect().execution_options(write=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("SELECT id FROM head WHERE id = 1 FOR UPDATE")
        yield connection


@contextmanager
def told() -> Iterator[None]:
    """The database's errors as ours; their texts hold URLs and values, so only their kind is repeated."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except DBAPIError as error:
        raise _ours(error) from error
    except (SQLAlchemyError, OSError) as error:
        raise ExchangeError(f"the case store failed ({type(error).__name__})", retry=True) from error


def _ours(error: Any) -> GaugerError:
    from sqlalchemy.exc import DatabaseError, OperationalError  # noqa: PLC0415

    name, code = type(error.orig).__name__, _code(error.orig)
    outside = isinstance(error, OperationalError) or not isinstance(error, DatabaseError)
    if outside or str(code).startswith(_PASSING):
        words = _WORDS.get(code, "cannot be reached, or is busy")
        return ExchangeError(f"the case store {words} ({name})", retry=code not in _WORDS)
    return InputError(f"the case store {_WORDS.get(code, 'is damaged, or refuses this')} ({name})")


def _code(error: Any) -> int | str:
    """SQLite's result code, without what extends it, or PostgreSQL's SQLSTATE; "" for none."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF
    fields = error.args[0] if error.args else None
    return str(fields.get("C", "")) if isinstance(fields, Mapping) else ""


def _url(where: str) -> Any:
    if "://" not in where:
        from sqlalchemy import URL  # noqa: PLC0415

        if where in ("", ".", ":memory:"):  # names of SQLite's for a database that ends with the process
            raise ConfigError(f"a case store is a file, or postgresql://..., not {where!r}: it would keep nothing")
        return URL.create("sqlite", database=where)  # a path with ? in it is no URL with options
    scheme, _, rest = where.partition("://")
    if scheme in ("postgresql", "postgresql+pg8000"):
        try:
            import pg8000  # noqa: F401, PLC0415
        except ImportError:
            raise UnsupportedError("PostgreSQL needs a driver: pip install 'gauger[case,postgres]'") from None
        return f"postgresql+pg8000://{rest}"
    raise ConfigError(f"a case store is a file, or postgresql://..., not {scheme}://...")


def _tuned(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begun
    for pragma in (f"busy_timeout={_WAIT_S * 1000}", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begun(connection: Any) -> None:
    """SQLite locks late by default; then two that read the same last entry would both write after it."""
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _bring_up(engine: Any) -> None:
    if _revision(engine) == LAST:
        return
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    with engine.connect().execution_options(write=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        if (found := _revision_of(connection)) is not None and found > LAST:
            raise UnsupportedError("the case store was made by a newer version of Gauger: open it with that one")
        config = Config()
        config.set_main_option("script_location", str(_STEPS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Any) -> str | None:
    with engine.connect() as connection:
        return _revision_of(connection)


def _revision_of(connection: Any) -> str | None:
    """Of a case store; None in an empty database."""
    from sqlalchemy import inspect  # noqa: PLC0415

    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if not tables >= _TABLES:
        raise ConfigError("this database is no case store: it holds another program's tables; name one of its own")
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)
