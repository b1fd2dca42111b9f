"""A teacher that marked what it served, and suspects that speak with its mark or without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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
