"""The client of an endpoint against a real server that refuses, stalls, floods and lies."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gauger.edge.plans import ByEndpoint
from gauger.edge.suspects import Text, endpoint
from gauger.edge.suspects.endpoint import Endpoint, check_address, key_from_env
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Message, Prompt
from gauger.errors import ConfigError, ExchangeError

pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")

PROMPT = Prompt(id="1", messages=(Message(role="system", content="be short"), Message(role="user", content="hello")))
GONE = (500, {})


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(server: Any, seed: int = 1, per_minute: float = 1e6, **options: Any) -> tuple[Endpoint, Time]:
    clock, more = Time(), options.pop("more", {})
    pace = Pace(per_minute, clock=clock.clock, sleep=clock.sleep)
    settings = ByEndpoint(url=server.url + "/", model="m", temperature=0.7, top_p=0.9, max_tokens=5, more=more)
    return Endpoint(settings, key="k-1", pace=pace, rng=np.random.default_rng(seed), **options), clock


def waits(clock: Time) -> list[float]:
    return [s for s in clock.slept if s > 1e-3]


def test_a_request_is_as_the_plan_says(server) -> None:
    more = {"seed": 7, "max_tokens": None, "max_completion_tokens": 9}
    with client(server, more=more)[0] as suspect:
        assert suspect.ask(PROMPT) == Text("w1")
    said = [{"role": "system", "content": "be short"}, {"role": "user", "content": "hello"}]
    assert server.bodies == [
        {"model": "m", "messages": said, "temperature": 0.7, "top_p": 0.9, "stream": False}
        | {"seed": 7, "max_completion_tokens": 9}
    ]
    assert server.heads[0]["accept-encoding"] == "identity"


def test_what_is_refused_for_now_is_asked_again(server) -> None:
    server.script = [(429, {"Retry-After": "17"}), (503, {}), (500, {}), b"", (200, {"content-length": "99"}, b"{")]
    server.script[3] = (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"})
    suspect, clock = client(server, timeout_s=2)
    assert suspect.ask(PROMPT) == Text("w1")
    first, *middle, dated, last = waits(clock)
    assert (first, dated) == (17, 30)
    assert [0.5 * 2**k <= wait <= 2**k for k, wait in zip((1, 2), middle, strict=True)] == [True, True]
    assert 8 <= last <= 16
    assert len(server.asked) == 6
    again, clock_again = client(server, timeout_s=2)
    server.script = [GONE, GONE]
    again.ask(PROMPT)
    other, clock_other = client(server, seed=2, timeout_s=2)
    server.script = [GONE, GONE]
    other.ask(PROMPT)
    assert waits(clock_again) != waits(clock_other)


def test_it_gives_up_in_the_end(server) -> None:
    server.script = [GONE] * 99
    suspect, clock = client(server)
    with pytest.raises(ExchangeError, match=r"no answer in 6 attempts \(status 500\)") as caught:
        suspect.ask(PROMPT)
    assert caught.value.retry
    assert (len(server.asked), len(waits(clock))) == (6, 5)
    server.script = [(429, {"Retry-After": "86400"})]
    with pytest.raises(ExchangeError, match="asks to wait for 86,400 s") as caught:
        suspect.ask(PROMPT)
    assert caught.value.retry


def test_nobody_is_there(server) -> None:
    suspect, _ = client(server)
    server.close()
    with pytest.raises(ExchangeError, match=r"6 attempts \(the connection is refused: nobody listens there\)"):
        suspect.ask(PROMPT)


def test_a_name_that_nobody_has() -> None:
    suspect, _ = client(SimpleNamespace(url="https://nobody.invalid/v1"))
    with pytest.raises(ExchangeError, match=r"6 attempts \(its name is not found\)"):
        suspect.ask(PROMPT)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [(401, {}, "status 401: the key"), (403, {}, "403"), (404, {}, "404: no such address or model"), (418, {}, "418"),
     (400, {}, "not know a field.*--request"),
     (307, {"Location": "/v1/elsewhere"}, "points elsewhere"), (204, {}, "204")],
)  # fmt: skip
def test_what_is_refused_for_good_is_said_and_not_quoted(
    server, status: int, headers: dict[str, str], says: str
) -> None:
    server.script = [(status, headers, b"" if status == 204 else b'{"error": "sesame"}')]
    suspect, _ = client(server, skip_refused=status != 400)
    with pytest.raises(ExchangeError, match=says) as caught:
        suspect.ask(PROMPT)
    assert "sesame" not in str(caught.value)
    assert "k-1" not in str(caught.value)
    assert not caught.value.retry
    assert caught.value.__cause__ is None
    assert len(server.asked) == 1


def test_one_that_answered_before_refuses_the_prompt_and_not_the_form(server) -> None:
    server.script = [None, (400, {}, b"")]
    suspect, _ = client(server)
    suspect.ask(PROMPT)
    with pytest.raises(ExchangeError, match="--skip-refused takes it for an empty answer"):
        suspect.ask(PROMPT)


def test_temperature_or_top_p_can_be_left_out(server) -> None:
    with client(server, more={"top_p": None})[0] as suspect:
        suspect.ask(PROMPT)
    assert ("top_p" in server.bodies[0], server.bodies[0]["temperature"]) == (False, 0.7)
    for wrong in ({"top_p": 0.5}, {"temperature": 0}, {"messages": None}, {"model": None}):
        with pytest.raises(ConfigError, match="options of their own"):
            client(server, more=wrong)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_is_refused_can_be_taken_for_an_empty_answer(server, status: int) -> None:
    server.script = [(status, {})]
    assert client(server, skip_refused=True)[0].ask(PROMPT) == Text("", "refused")


def told(content: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (told(None), ""),
        (told(""), ""),
        (told([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]), "ab"),
        (told("\ud83d\ude00"), "\N{GRINNING FACE}"),
        (told("a\ud800b"), "a?b"),
    ],
)
def test_forms_of_an_answer(server, data: bytes, text: str) -> None:
    server.script = [data]
    assert client(server)[0].ask(PROMPT) == Text(text)


@pytest.mark.parametrize(
    ("choice", "answer"),
    [
        ({"message": {"refusal": "no"}}, Text("", "refused")),
        ({"message": {"content": "a"}, "finish_reason": "content_filter"}, Text("a", "refused")),
        ({"message": {"content": "a"}, "finish_reason": "length"}, Text("a", "length")),
        ({"message": {"content": "a", "refusal": None}, "finish_reason": "stop"}, Text("a")),
        ({"message": {"content": "a"}, "finish_reason": ["length"]}, Text("a")),
    ],
)
def test_how_an_answer_ended(server, choice: dict[str, Any], answer: Text) -> None:
    server.script = [json.dumps({"choices": [choice]}).encode()]
    assert client(server)[0].ask(PROMPT) == answer


@pytest.mark.parametrize(
    "data",
    [b"", b"sesame", b"null", b"[]", b"{}", b'{"choices": []}', b'{"choices": {}}', b'{"choices": [7]}', told(7),
     b'{"choices": [{"message": "sesame"}]}', told([7]), told([{"type": "text"}]), told([{"type": "text", "text": 1}]),
     b"[" * 100_000, b'{"choices": ' * 50_000, b"\xff", b'{"choices": [{"message": {"content": "sesame'],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_what_is_no_answer(server, data: bytes) -> None:
    server.script = [data]
    with pytest.raises(ExchangeError, match="no chat completion") as caught:
        client(server)[0].ask(PROMPT)
    assert "sesame" not in str(caught.value)


def test_a_flood_is_cut_off(server, monkeypatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_BYTES", 1 << 20)
    sent = [0]

    def flood(request: BaseHTTPRequestHandler) -> bytes:
        request.send_response_only(200)
        request.send_header("content-length", str(1 << 40))
        request.end_headers()
        try:
            for _ in range(1000):
                sent[0] += request.wfile.write(b"x" * (1 << 20))
        except OSError:
            pass
        return b""

    server.script = [flood]
    with pytest.raises(ExchangeError, match="more than"):
        client(server)[0].ask(PROMPT)
    time.sleep(0.1)
    assert sent[0] < 100 << 20


def test_a_bomb_is_not_unpacked(server) -> None:
    server.script = [(200, {"content-encoding": "gzip"}, gzip.compress(told("a" * (1 << 20))))]
    with pytest.raises(ExchangeError, match="compressed"):
        client(server)[0].ask(PROMPT)


def test_a_stalled_and_a_dripping_response_time_out(server) -> None:
    def stall(_: BaseHTTPRequestHandler) -> bytes:
        time.sleep(1.5)
        return b""

    server.script = [stall]
    suspect, clock = client(server, timeout_s=0.5)
    assert suspect.ask(PROMPT) == Text("w1")
    assert len(waits(clock)) == 1

    def drip(request: BaseHTTPRequestHandler) -> bytes:
        request.send_response_only(200)
        request.send_header("content-length", "1000")
        request.end_headers()
        try:
            for _ in range(1000):
                request.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass
        return b""

    server.script = [drip]
    pace = Pace(1e6, clock=time.monotonic, sleep=lambda _: None)
    settings = ByEndpoint(url=server.url, model="m", temperature=1, top_p=1, max_tokens=5, more={})
    rng, begun = np.random.default_rng(1), time.monotonic()
    assert Endpoint(settings, key="", pace=pace, rng=rng, timeout_s=0.5).ask(PROMPT) == Text("w1")
    assert time.monotonic() - begun < 10
    assert "authorization" not in server.heads[-1]


def test_who_never_answers_in_time_is_told_apart(server) -> None:
    server.script = [lambda _: time.sleep(0.4) or GONE] * 6
    suspect, _ = client(server, timeout_s=0.1)
    with pytest.raises(ExchangeError, match=r"6 attempts \(no whole response in time\)"):
        suspect.ask(PROMPT)


def slow_head(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    for k in range(200):
        peer.sendall(f"x-{k}: a\r\n".encode())
        time.sleep(0.1)


def interim(peer: socket.socket) -> None:
    for _ in range(2000):
        peer.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.01)


def flood_of_interim(peer: socket.socket) -> None:
    begun = time.monotonic()
    while time.monotonic() < begun + 20:
        peer.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def slow_chunk(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;")
    for _ in range(200):
        peer.sendall(b"a")
        time.sleep(0.1)


def without_length(peer: socket.socket) -> None:
    """What came of this until it was cut would be an answer."""
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + told("w7"))
    for _ in range(200):
        peer.sendall(b" ")
        time.sleep(0.1)


@pytest.mark.parametrize("sends", [slow_head, interim, flood_of_interim, slow_chunk, without_length])
@pytest.mark.parametrize("kept_alive", [False, True])
def test_no_response_takes_longer_than_its_time(server, sends: Callable[[socket.socket], None], kept_alive) -> None:
    def drip(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]]:
        with contextlib.suppress(OSError):
            sends(request.connection)
        request.close_connection = True
        return GONE

    request_handler = server._http.RequestHandlerClass
    request_handler.protocol_version = "HTTP/1.1"  # connections are kept
    server.script = [*([None] if kept_alive else []), drip]
    suspect, clock = client(server, timeout_s=0.4)
    if kept_alive:
        suspect.ask(PROMPT)
    begun = time.monotonic()
    assert suspect.ask(PROMPT) == Text("w1")
    assert 0.35 < time.monotonic() - begun < 5
    assert len(waits(clock)) == 1


def test_requests_keep_their_distance_retries_too(server) -> None:
    server.script = [None, (429, {"Retry-After": "0"}), None]
    suspect, clock = client(server, per_minute=20)
    for _ in range(3):
        suspect.ask(PROMPT)
    assert len(server.asked) == 4
    assert clock.now == pytest.approx(9)


@pytest.mark.parametrize(
    "url",
    ["", "host/v1", "ftp://h/v1", "https://", "https://u@h/v1", "https://u:p@h/v1", "https://h/v1?key=1", "https://h/#x",
     "https://h:x/v1", "https://ho st/v1", "https://h/\n", "https://[::1/v1", "http://xn--a/v1", "http://a..b/v1",
     "http://999.1.1.1/v1", f"http://{'a' * 64}.example/v1"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        check_address(url)


def test_a_key_does_not_cross_the_net_in_the_clear() -> None:
    check_address("http://model.example/v1")
    check_address("http://xn--bcher-kva.example/v1")
    check_address("https://model.example:8443/v1", with_key=True)
    for local in ("http://localhost:8000/v1", "http://127.0.0.1/v1", "http://[::1]:8000/v1"):
        check_address(local, with_key=True)
    with pytest.raises(ConfigError, match="in the clear"):
        check_address("http://model.example/v1", with_key=True)


@pytest.mark.parametrize(
    ("url", "through"),
    [("http://127.0.0.1:9/v1", False), ("HTTP://localhost:9/v1", False), ("https://model.example/v1", True)],
)
def test_a_proxy_is_never_handed_the_key_in_the_clear(monkeypatch, url: str, through: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        suspect, _ = client(SimpleNamespace(url=url), timeout_s=0.05)
        with pytest.raises(ExchangeError, match="no whole response" if through else "nobody listens there"):
            suspect.ask(PROMPT)
        proxy.setblocking(False)
        try:
            heard = proxy.accept()[0].recv(4096)
        except BlockingIOError:
            heard = b""
    assert heard.startswith(b"CONNECT model.example:443") if through else heard == b""
    assert b"k-1" not in heard


@pytest.mark.parametrize("value", ["", "a b", "a\n", "a\r\nX-Other: 1", "\N{KEY}", "x" * 5000])
def test_keys_that_are_none(monkeypatch, value: str) -> None:
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ConfigError, match="endpoint's key is not set, or holds blanks") as caught:
        key_from_env("SOME_KEY")
    assert "SOME_KEY" not in str(caught.value)
