"""A server that goes away and comes back is said in one line, and holds nobody up for longer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("sqlalchemy")

from gauger.app import case_webhooks
from gauger.edge.case.outbox import Outbox
from gauger.edge.case.store import Store, open_store
from gauger.errors import ExchangeError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

Ctl = Callable[..., None]


@pytest.fixture
def url(server_url: str) -> str:
    import pg8000.native  # noqa: PLC0415

    name, at = f"r{time.monotonic_ns()}", urlsplit(server_url)
    with pg8000.native.Connection("gauger", host="127.0.0.1", port=at.port, database="postgres") as connection:
        connection.run(f"CREATE DATABASE {name}")
    return f"{server_url}/{name}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as found:
        found.enrol("mira", "analyst", time=NOW)
        found.new("C-1", time=NOW)
        yield found


@pytest.fixture
def ctl(store: Store) -> Iterator[Ctl]:
    """pg_ctl of the session's server, which knows where it is; it runs again at the end."""
    with store._engine.connect() as connection:
        data = connection.exec_driver_sql("SHOW data_directory").scalar()
        programs = connection.exec_driver_sql("SELECT setting FROM pg_config WHERE name = 'BINDIR'").scalar()
    options = (Path(data) / "postmaster.opts").read_text().split(" ", 1)[1].strip()
    owner = Path(data).stat().st_uid
    user = None if owner == os.geteuid() else owner

    def run(*args: str) -> None:
        line = [f"{programs}/pg_ctl", "-D", data, "-w", *args]
        quiet = subprocess.DEVNULL
        subprocess.run(line, user=user, cwd="/", stdout=quiet, stderr=quiet, timeout=60, check=False)

    def act(verb: str) -> None:
        run("-m", "immediate", "stop") if verb == "stop" else run("-o", options, "start")

    yield act
    act("start")


def note(store: Store, text: str) -> None:
    store.append("C-1", "note", {"text": text}, author="mira", time=NOW)


def test_an_open_store_goes_on_after_a_restart(store: Store, ctl: Ctl, capfd: pytest.CaptureFixture[str]) -> None:
    note(store, "before")
    ctl("stop")
    for _ in range(2):
        with pytest.raises(ExchangeError, match="cannot be reached") as error:
            note(store, "lost")
        assert error.value.retry
    ctl("start")
    note(store, "after")
    ctl("stop")
    ctl("start")
    assert [e.body["text"] for e in store.case("C-1").entries] == ["before", "after"]
    assert capfd.readouterr() == ("", "")


def test_webhooks_are_sent_on_and_the_loss_is_said_once(store: Store, url: str, ctl: Ctl, tmp_path: Path) -> None:
    endpoint = case_webhooks.new_endpoint("http://127.0.0.1:9/", http=True)
    Outbox(tmp_path / "webhooks").add(endpoint)  # nobody listens there: that each entry is tried is seen
    line = "import sys; from gauger.app.cli import run; sys.exit(run(sys.argv[1:]))"
    args = ["case", "webhook", "send", "--for", "60", "--store", url, "--folder", str(tmp_path / "webhooks")]
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen([sys.executable, "-c", line, *args], stdout=subprocess.PIPE, stderr=err, text=True)
    try:
        assert process.stdout is not None
        note(store, "before")
        assert " C-1 entry 0: waits " in process.stdout.readline()
        ctl("stop")
        deadline = time.monotonic() + 30
        while not (tmp_path / "err").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2.2)  # it looks every second
        ctl("start")
        store.new("C-2", time=NOW)
        store.append("C-2", "note", {"text": "after"}, author="mira", time=NOW)
        assert any(" C-2 entry 0: waits " in said for said in process.stdout)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    said = (tmp_path / "err").read_text()
    assert said.splitlines() == ["gauger: the case store cannot be reached, or is busy (InterfaceError); trying again"]
