"""Time stamps of a real authority: asked for over HTTP, verified offline, refused when they are not what they say."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gauger.case.bundle import CUSTODY, Stamp, to_stamp
from gauger.edge.case.timestamps import MAX_RESPONSE, ask, verify_timestamp
from gauger.errors import ConfigError, ExchangeError, GaugerError, VerifyError
from gauger.verify import Trusted, bundle, verify
from tests.bundles import World, public, signer, world
from tests.timestamping import Authority

DATA = b"what was there"
HOUSE = Trusted(public=public("house"))


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the authority has this clock too


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"), "Example Authority")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"), "Other Authority")


@pytest.fixture(scope="module")
def response(authority: Authority) -> bytes:
    with authority.serving() as url:
        return ask(url, DATA)


@pytest.fixture
def speaks() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A server that says what it is told to, whatever it is asked."""
    says = list[tuple[int, bytes]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = says[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", says
    server.shutdown()
    thread.join()
    server.server_close()


def test_round_trip(authority: Authority, response: bytes) -> None:
    time = verify_timestamp(response, DATA, [authority.root])
    assert abs(time - now()) < timedelta(minutes=5)


def test_of_something_else_or_by_somebody_else(authority: Authority, other: Authority, response: bytes) -> None:
    with pytest.raises(VerifyError, match="something else"):
        verify_timestamp(response, DATA + b".", [authority.root])
    with pytest.raises(VerifyError, match="roots"):
        verify_timestamp(response, DATA, [other.root])
    assert verify_timestamp(response, DATA, [other.root, authority.root])
    with pytest.raises(ConfigError, match="PEM"):
        verify_timestamp(response, DATA, [b"no certificate"])


def test_no_mutation_gives_another_time(authority: Authority, response: bytes) -> None:
    rng, true = random.Random(3161), verify_timestamp(response, DATA, [authority.root])
    for _ in range(60):
        changed = bytearray(response)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        try:
            assert verify_timestamp(bytes(changed), DATA, [authority.root]) == true
        except GaugerError:
            continue


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>", "no response of RFC 3161"),
        (200, b"", "no response"),
        (200, bytes.fromhex("30053003020102"), "refused"),
        (200, b"0" * (MAX_RESPONSE + 1), "more than"),
        (500, b"", "status 500"),
        (404, b"", "status 404"),
    ],
)
def test_authorities_that_do_not_stamp(
    speaks: tuple[str, list[tuple[int, bytes]]], status: int, body: bytes, why: str
) -> None:
    url, says = speaks
    says.append((status, body))
    with pytest.raises(ExchangeError, match=why):
        ask(url, DATA)


def test_a_replayed_response_is_not_taken(speaks: tuple[str, list[tuple[int, bytes]]], response: bytes) -> None:
    url, says = speaks
    says.append((200, response))
    with pytest.raises(ExchangeError, match="another request"):
        ask(url, DATA)


def test_nobody_there() -> None:
    with pytest.raises(ExchangeError, match="cannot be reached") as failed:
        ask("http://127.0.0.1:9/", DATA, timeout_s=2)
    assert failed.value.retry
    with pytest.raises(ConfigError, match="address"):
        ask("file:///etc/passwd", DATA)
    with pytest.raises(ConfigError, match="password"):
        ask("https://me:secret@tsa.example.org/", DATA)


@pytest.fixture(scope="module")
def stamped(authority: Authority) -> tuple[World, list[Stamp]]:
    """A case of just now, its first checkpoint stamped before the evidence, and its custody."""
    made = world(witness="", start=now().replace(microsecond=0) - timedelta(minutes=8))
    with authority.serving() as url:
        of = [(k, ask(url, to_stamp(made.parts(), k, signer()))) for k in (0, CUSTODY)]
    return made, [Stamp(checkpoint=k, authority="tsa.example.org", response=r) for k, r in of]


def sealed(stamped: tuple[World, list[Stamp]]) -> bytes:
    made, stamps = stamped
    return made.bundle(stamps=stamps, time=now())


def test_a_bundle_with_time_stamps(stamped: tuple[World, list[Stamp]], authority: Authority) -> None:
    data = sealed(stamped)
    report = verify(data, [HOUSE], now(), [authority.root])
    assert sum(claim.endswith("time-stamping authority under your roots") for claim in report.proven) == 2
    assert any("in the log by" in row["plan"] and "no later" in row["plan"] for row in report.numbers), (
        "stamped just now"
    )
    unrooted = verify(data, [HOUSE], now())
    assert not any("time-stamping" in claim for claim in unrooted.proven)
    assert sum(claim.endswith("time-stamping authority, unchecked") for claim in unrooted.asserted) == 2


def test_what_an_authority_is_called_is_asserted_only(stamped: tuple[World, list[Stamp]], authority: Authority) -> None:
    name = "of the National Archives\nproven: all of it" + "." * 10**5
    data = stamped[0].bundle(stamps=[replace(stamp, authority=name) for stamp in stamped[1]], time=now())
    for roots in ([], [authority.root]):
        report = verify(data, [HOUSE], now(), roots)
        assert not any("National" in text for text in (*report.proven, *(row["plan"] for row in report.numbers)))
        (said,) = (claim for claim in report.asserted if "National" in claim)
        assert said.startswith("that time stamps (2) were asked for at 'of the National Archives\\nproven")
        assert len(said) < 300


def test_what_many_time_stamps_are_of_is_read_once(
    stamped: tuple[World, list[Stamp]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, (_, of_custody) = stamped
    read, canonical = list[int](), bundle.canonical
    monkeypatch.setattr(bundle, "canonical", lambda value: read.append(1) or canonical(value))
    for many in (1, 40):
        verify(made.bundle(stamps=[of_custody] * many, time=now()), [HOUSE], now())
    assert len(read) == 2 * (len(made.case.entries) + 2)


def test_a_bundle_with_time_stamps_of_others(
    stamped: tuple[World, list[Stamp]], authority: Authority, other: Authority
) -> None:
    made, stamps = stamped
    with pytest.raises(VerifyError, match="roots"):
        verify(sealed(stamped), [HOUSE], now(), [other.root])
    swapped = [Stamp(checkpoint=CUSTODY, authority=s.authority, response=s.response) for s in stamps[:1]]
    with pytest.raises(VerifyError, match="something else"):
        verify(made.bundle(stamps=swapped, time=now()), [HOUSE], None, [authority.root])


def test_a_time_stamp_of_the_future(stamped: tuple[World, list[Stamp]]) -> None:
    made, stamps = stamped
    with pytest.raises(VerifyError, match="one clock is wrong"):
        verify(made.bundle(stamps=stamps), [HOUSE], now() - timedelta(hours=1))


def test_an_entry_that_is_younger_than_its_time_stamp(authority: Authority) -> None:
    made = world(witness="", start=now() + timedelta(hours=2))
    with authority.serving() as url:
        stamp = Stamp(checkpoint=0, authority="", response=ask(url, to_stamp(made.parts(), 0, signer())))
    with pytest.raises(VerifyError, match="but the time-stamping authority"):
        verify(made.bundle(stamps=[stamp]), [HOUSE], None, [authority.root])


def test_an_expired_key_is_good_for_what_was_stamped_before(
    stamped: tuple[World, list[Stamp]], authority: Authority
) -> None:
    key = Trusted(public=public("house"), not_after=now() + timedelta(days=1))
    late = now() + timedelta(days=90)
    assert verify(sealed(stamped), [key], late, [authority.root]).trusted
    with pytest.raises(VerifyError, match="expired"):
        verify(sealed(stamped), [key], late)
    with pytest.raises(VerifyError, match="expired"):
        verify(stamped[0].bundle(time=now()), [key], late, [authority.root])


def test_openssl_verifies_what_is_in_a_bundle(authority: Authority, response: bytes, tmp_path: Path) -> None:
    for name, data in (("data", DATA), ("response.tsr", response), ("root.pem", authority.root)):
        (tmp_path / name).write_bytes(data)
    words = ["openssl", "ts", "-verify", "-data", "data", "-in", "response.tsr", "-CAfile", "root.pem"]
    assert b"OK" in subprocess.run(words, cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout
