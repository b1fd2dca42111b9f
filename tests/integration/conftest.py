"""A scan as a user runs it, what it said and left behind; and an endpoint for models to stand behind."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli

RESULTS = {"accounts.csv", "report.json", "report.html"}


@dataclass(frozen=True)
class Result:
    """What a scan said and left behind."""

    out: Path
    code: int
    stdout: str
    stderr: str

    @property
    def accounts(self) -> list[dict[str, str]]:
        with (self.out / "accounts.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.out / "report.json").read_bytes())

    @property
    def faults(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "quarantine.jsonl").read_bytes().splitlines()]


Run = Callable[[list[str]], Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process, which has paid for its imports."""

    def in_this_process(args: list[str]) -> Result:
        code = cli.run(args)
        stdout, stderr = capsys.readouterr()
        return Result(Path(args[args.index("--out") + 1]), code, stdout, stderr)

    return in_this_process


class Server:
    """An endpoint on this machine that speaks as OpenAI's do, and remembers.

    Attributes:
        says: what it answers to each prompt. reads: log-probabilities of the words that it is to echo, None if
            it tells none. tells: those words as it spells its tokens. script: replies to the next requests in place of
            an answer: a status with headers, raw bytes, or a function of the handler. asked, answered: prompts, in
            order. heads: of requests.
    """

    def __init__(self) -> None:
        self.says: Callable[[str], Any] = lambda prompt: "w1"
        self.reads: Callable[[str], list[float | None]] | None = None
        self.tells: Callable[[list[str]], list[str]] = lambda tokens: tokens
        self.script: list[Any] = []
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.at: list[float] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["content-length"])))
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        self.asked.append(prompt)
        self.heads.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(body)
        self.at.append(time.monotonic())
        reply = self.script.pop(0) if self.script else None
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, tuple):
            self.send(request, *reply)
        elif isinstance(reply, bytes):
            self.send(request, 200, {}, reply)
        else:
            choice = self.read(prompt) if "echo" in body else self.said(prompt)
            self.answered.append(prompt)  # before it is sent: whoever reads the last answer may look at once
            self.send(request, 200, {}, json.dumps({"choices": [choice]}).encode())

    def said(self, prompt: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": self.says(prompt)}}

    def read(self, text: str) -> dict[str, Any]:
        if self.reads is None:
            return {"text": text, "logprobs": None}
        words = [*re.finditer(r"\s*\S+", text)]
        tokens, log_p = self.tells([w[0] for w in words]), self.reads(text)
        if more := len(tokens) - len(words):
            log_p = [None] * more + [-1.0 if value is None else value for value in log_p]
        offsets = [sum(map(len, tokens[:k])) for k in range(len(tokens))]  # as servers count: of what they tell
        told = {"tokens": tokens, "token_logprobs": log_p, "text_offset": offsets}
        return {"text": text, "logprobs": told}

    def send(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes = b"") -> None:
        try:
            request.send_response_only(status)
            for name, value in {"content-length": str(len(data)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(data)
        except OSError:
            pass  # whoever asked is gone

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[bytes]]:
    """Runs the program in a process of its own."""

    def started(*args: str) -> subprocess.Popen[bytes]:
        heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # a suite run in the background ignores it
        code = f"import signal, sys; from gauger.app import cli; {heard}; sys.argv[1:] = {list(args)!r}; cli.main()"
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return started


@pytest.fixture
def killed_at(server: Server, start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., tuple[bytes, bytes]]:
    """Starts the program and kills it while the server holds one of its questions.

    Gives what the process wrote to stdout and stderr.
    """

    def killed(question: int, kind: signal.Signals, *args: str) -> tuple[bytes, bytes]:
        held, dead = threading.Event(), threading.Event()

        def hold(_: object) -> tuple[int, dict[str, str]]:
            held.set()
            dead.wait(60)
            return (500, {})

        server.script = [None] * question + [hold]
        process = start(*args)
        assert held.wait(60)
        process.send_signal(kind)
        said = process.communicate(timeout=60)
        dead.set()
        assert process.returncode == (130 if kind == signal.SIGINT else -kind)
        return said

    return killed
