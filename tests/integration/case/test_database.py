"""What a database cannot do is said as it is; another program's database stays as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError

from gauger.app import cli
from gauger.edge.case import database
from gauger.edge.case.store import Store, open_store
from gauger.errors import ConfigError, ExchangeError, InputError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tables(where: str) -> set[str]:
    from sqlalchemy import inspect  # noqa: PLC0415

    return set(inspect(create_engine(database._url(where))).get_table_names())


@pytest.mark.parametrize("theirs", [("customer",), ("customer", "alembic_version")])
def test_another_programs_database_is_left_as_it_was(where: str, theirs: tuple[str, ...]) -> None:
    with create_engine(database._url(where)).begin() as connection:
        for table in theirs:
            connection.exec_driver_sql(f"CREATE TABLE {table} (version_num VARCHAR(32))")
    with pytest.raises(ConfigError, match="is no case store"), open_store(where):
        pass
    assert cli.run(["case", "show", "--store", where]) == 2
    assert cli.run(["case", "new", "hydra", "--store", where]) == 2
    assert tables(where) == set(theirs)


def test_an_empty_database_becomes_a_store_and_opens_again(where: str) -> None:
    if "://" not in where:
        Path(where).touch()
    for _ in range(2):
        with open_store(where) as store:
            assert store.cases() == []


def _pragma(text: str) -> Callable[[Path], None]:
    def hinder(path: Path) -> None:
        with open_store(path) as store:
            store.enrol("mira", "analyst")
            store.new("C-1", time=NOW)
            with store._engine.connect() as connection:  # the pool gives this one out again
                connection.exec_driver_sql(f"PRAGMA {text}")
            store.append("C-1", "note", {"text": "x" * 900_000}, author="mira", time=NOW)

    return hinder


def _no_folder(path: Path) -> None:
    with open_store(path / "c.db"):
        pass


def _no_table(path: Path) -> None:
    with sqlite3.connect(path) as owner:
        owner.execute("DROP TABLE stamp")
    with open_store(path) as store:
        store.stamps()


@pytest.mark.parametrize(
    ("hinder", "words"),
    [
        (_pragma("max_page_count=1"), "the disk is full"),
        (_pragma("query_only=ON"), "is read-only"),
        (_no_folder, "cannot be opened"),
        (_no_table, "lacks a table"),
    ],
    ids=["full", "readonly", "cantopen", "error"],
)
def test_what_does_not_pass_by_itself_is_said_as_it_is(
    tmp_path: Path, hinder: Callable[[Path], None], words: str
) -> None:
    with open_store(tmp_path / "c.db"):
        pass
    with pytest.raises(ExchangeError, match=words) as error:
        hinder(tmp_path / "c.db")
    assert not error.value.retry


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(os.urandom(8192))
    with pytest.raises(InputError, match="is no database"), open_store(tmp_path / "c.db"):
        pass


def test_what_another_holds_is_busy_and_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_WAIT_S", 0)
    with open_store(tmp_path / "c.db") as store, sqlite3.connect(tmp_path / "c.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ExchangeError, match="is busy") as error:
            store.enrol("mira", "analyst")
    assert error.value.retry


@pytest.mark.parametrize(
    ("code", "retry", "words"),
    [
        ("57P03", True, "cannot be reached, or is busy"),
        ("53300", True, "cannot be reached, or is busy"),
        ("40P01", True, "cannot be reached, or is busy"),
        ("53100", False, "the server's disk is full"),
    ],
)
def test_a_servers_codes_say_whether_it_may_pass(code: str, retry: bool, words: str) -> None:
    with pytest.raises(ExchangeError, match=words) as error, database.told():
        raise DatabaseError("SELECT 1", {}, Exception({"C": code, "M": "secret"}))
    assert error.value.retry is retry
    assert "secret" not in str(error.value)
    with pytest.raises(InputError, match="refuses this"), database.told():
        raise DatabaseError("SELECT 1", {}, Exception({"C": "42501"}))


def test_two_that_make_a_store_at_once_both_have_it(where: str) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    def opened(_: int) -> list[str]:
        with open_store(where) as store:
            assert isinstance(store, Store)
            return store.cases()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [[]] * 4
