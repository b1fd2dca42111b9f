"""A teacher that marked what it served, suspects that speak with its mark or without, and an endpoint to ask them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.sampling import Response, sample

MASTER = bytes(range(32))
SCHEME = "gumbel:h=2"
WORDS = 24
PROMPTS, LENGTH = 128, 24
KEY_FIELDS = {"tenant": "lab", "epoch": "2026", "model": "teal", "tokenizer": "words", "scheme": SCHEME}

Gauger = Callable[..., tuple[int, str, str]]


def key(party: str) -> Key:
    return derive(MASTER, KeyContext(party=party, **KEY_FIELDS))


def write(secret: bytes | None, n: int, seed: int) -> np.ndarray:
    """Texts of a Markov chain of order two, int64[n, LENGTH]; the chain is everybody's."""
    p = np.random.default_rng(0).dirichlet(np.full(WORDS, 0.5), size=(WORDS, WORDS))
    rng = np.random.default_rng(seed)
    texts, responses = rng.integers(WORDS, size=(n, 2)), [Response(secret) for _ in range(n)]
    ids = np.broadcast_to(np.arange(WORDS, dtype=np.uint32), (n, WORDS))
    for _ in range(LENGTH - 2):
        drawn = sample(scheme_named(SCHEME), responses, texts[:, -2:], ids, p[texts[:, -2], texts[:, -1]], rng)
        texts = np.hstack([texts, drawn[:, None].astype(texts.dtype)])
    return texts


def spelled(text: np.ndarray) -> str:
    return " ".join(f"w{k}" for k in text)


class Server:
    """An endpoint on this machine that speaks as OpenAI's do, and remembers.

    Attributes:
        says: what it answers to each prompt. script: replies to the next requests in place of an answer: a status with
            headers, raw bytes, or a function of the handler. asked, answered: prompts, in order. heads: of requests.
    """

    def __init__(self) -> None:
        self.says: Callable[[str], Any] = lambda prompt: "w1"
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
        prompt = body["messages"][-1]["content"]
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
            said = {"choices": [{"message": {"role": "assistant", "content": self.says(prompt)}}]}
            self.send(request, 200, {}, json.dumps(said).encode())
            self.answered.append(prompt)

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


@pytest.fixture(scope="session")
def speakers() -> dict[str, Callable[[str], str]]:
    """What suspects answer to the prompt ``say K``: marked with the key of campaign:1, or by nobody."""
    secrets = {"marked": key("campaign:1").secret, "innocent": None}
    texts = {name: write(secret, PROMPTS, 7) for name, secret in secrets.items()}
    return {name: lambda prompt, said=said: spelled(said[int(prompt.split()[-1])]) for name, said in texts.items()}


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    """Run a verb of the group beside prompts, what was served, and the keys' tokenizer."""
    tokenizers = pytest.importorskip("tokenizers", reason="pip install 'gauger[ask]'")
    pytest.importorskip("httpx", reason="pip install 'gauger[ask]'")
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.setenv("API_KEY", "sesame-1234")
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    words = {f"w{k}": k for k in range(WORDS)} | {"<unk>": WORDS}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))  # noqa: S106
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    inner.save("tokenizer.json")
    Path("prompts.jsonl").write_text(
        "".join(json.dumps({"id": f"q{k}", "prompt": f"say {k}"}) + "\n" for k in range(PROMPTS))
    )
    ours = write(key("campaign:1").secret, 100, 3)
    Path("served.jsonl").write_text("".join(json.dumps({"tokens": row.tolist()}) + "\n" for row in ours))

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", "radioactivity", *args])
        out, err = capsys.readouterr()
        for secret in (MASTER.hex(), key("campaign:1").secret.hex(), "sesame-1234"):
            assert secret not in out + err
        return code, out, err

    return run


@pytest.fixture
def files() -> dict[str, list[str]]:
    """Options that name the files, and the key of campaign:1."""
    fields = {**KEY_FIELDS, "party": "campaign:1"}
    return {
        "asked": ["--prompts", "prompts.jsonl"],
        "ours": ["--served", "served.jsonl", "--tokenizer-file", "tokenizer.json"],
        "key": [word for name, value in fields.items() for word in (f"--{name}", value)] + ["--master-env", "MASTER"],
        "fast": ["--requests-per-minute", "1000000"],
    }
