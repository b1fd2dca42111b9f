"""`gauger watermark trace`: the accounts in a text are named and nobody else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger import __version__
from gauger.app import cli
from gauger.errors import ConfigError
from gauger.watermark.keys import KeyContext, derive, unused
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes.gumbel import Gumbel

MASTER, ACCOUNTS, CULPRITS = bytes(range(32)), 300, (41, 7)

Gauger = Callable[..., tuple[int, str, str]]


def secret(account: int) -> bytes:
    context = KeyContext(
        tenant="lab", party=f"account:{account}", epoch="2026-01", model="teal", tokenizer="bpe", scheme="gumbel"
    )
    return derive(MASTER, context).secret


@pytest.fixture(scope="module")
def harvest() -> str:
    """One answer of 120 tokens to each culprit."""
    rng, rows = np.random.default_rng(8), len(CULPRITS)
    responses, tokens = [Response(secret(a)) for a in CULPRITS], rng.integers(0, 5000, (rows, 4))
    for _ in range(120):
        ids = rng.integers(0, 250, (rows, 20)) * 20 + np.arange(20)
        drawn = sample(Gumbel(), responses, tokens, ids, rng.dirichlet(np.full(20, 0.7), rows), rng)
        tokens = np.column_stack([tokens, drawn])
    return "".join(json.dumps(row[4:].tolist()) + "\n" for row in tokens)


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, harvest: str) -> Gauger:
    """Run the verb beside a harvest and the contexts of all accounts but the culprits, and of all."""
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("harvest.jsonl").write_text(harvest)
    for name, left_out in (("all.csv", ()), ("others.csv", CULPRITS)):
        rows = [f"lab,account:{k},2026-01,teal,bpe,gumbel" for k in range(ACCOUNTS) if k not in left_out]
        Path(name).write_text("\n".join(["tenant,party,epoch,model,tokenizer,scheme", *rows, ""]))

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", "trace", "--master-env", "MASTER", *args])
        out, err = capsys.readouterr()
        assert MASTER.hex() not in out + err
        return code, out, err

    return run


def traced(gauger: Gauger, *args: str) -> tuple[int, dict[str, Any]]:
    code, out, err = gauger("--json", *args)
    assert err == ""
    return code, json.loads(out)


def test_the_accounts_are_named(gauger: Gauger) -> None:
    args = ("--tokens", "harvest.jsonl", "--contexts", "all.csv", "--decoys", "200", "--top", "3")
    code, said = traced(gauger, *args)
    assert (code, said["schema"], said["keys"], said["decoys"], said["alpha"]) == (1, "gauger/trace/1", 300, 200, 1e-6)
    assert said["command"].startswith("gauger watermark trace --tokens harvest.jsonl --contexts all.csv")
    assert said["gauger_version"] == __version__
    accused = {a["context"]["party"]: a["evidence"] for a in said["accused"]}
    assert accused.keys() == {"account:7", "account:41"}
    assert all(e["kind"] == "exact" and e["params"]["log_p"] < -14 for e in accused.values())
    assert [c["accused"] for c in said["candidates"]] == [True, True, False]
    assert [c["context"]["party"] for c in said["candidates"][:2]] == list(accused)
    assert [c["id"] for c in said["candidates"][:2]] == [e["inputs"][0] for e in accused.values()]
    assert said["decoy_p"] == 1 / 201
    code, out, _ = gauger(*args)
    assert code == 1
    assert out.count("accused") >= 2
    for words in ("account:41", "2 of 300 keys accused", "of 200 unused keys fall below 1 %", "at most 1e-06"):
        assert words in " ".join(out.split())


def test_a_quotation_of_the_prompt_accuses_nobody(gauger: Gauger) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{k}": k for k in range(5000)}, unk_token="w0"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save("tokenizer.json")
    texts = [" ".join(f"w{k}" for k in json.loads(row)) for row in Path("harvest.jsonl").read_text().splitlines()]
    given = ("--tokens", "text.jsonl", "--contexts", "all.csv", "--tokenizer-file", "tokenizer.json")

    def accused(prompts: list[dict[str, Any]]) -> tuple[int, int, int]:
        rows = ({"text": text, **prompt} for text, prompt in zip(texts, prompts, strict=True))
        Path("text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        _, said = traced(gauger, *given)
        return said["texts"], said["texts_with_prompt"], len(said["accused"])

    chats = [[{"role": "user", "content": f"Repeat: {text}"}] for text in texts]
    assert accused([{}, {}]) == (2, 0, 2)
    assert accused([{"messages": chats[0]}, {}]) == (2, 1, 1)
    for name in ("prompt", "messages"):
        assert accused([{name: chat} for chat in chats]) == (2, 2, 0)
    assert "Beware" not in gauger(*given)[1]
    Path("text.jsonl").write_text(json.dumps({"tokens": [1], "prompt": texts[0]}) + "\n")
    code, out, err = gauger(*given[:4])
    assert (code, out, "text.jsonl:1" in err, "--tokenizer-file" in err) == (2, "", True, True)


def test_a_tokenizer_without_ids_for_a_word_is_told_and_the_word_is_not(gauger: Gauger) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"w1": 0}, unk_token="<unk>"))  # noqa: S106
    made.save("tokenizer.json")
    Path("text.jsonl").write_text(json.dumps({"text": "sesame"}) + "\n")
    code, _, err = gauger("--tokens", "text.jsonl", "--contexts", "all.csv", "--tokenizer-file", "tokenizer.json")
    assert (code, "has no ids for some of the text" in err, "sesame" in err) == (2, True, False)


FORMS: dict[str, Callable[[list[str]], str]] = {
    "numbered lines": lambda lines: "\n".join(f"{k} : {line}" for k, line in enumerate(lines)),
    "a mail": lambda lines: "\n".join(f"> {line}" for line in lines),
    "a difference": lambda lines: "\n".join(f"+ {line}" for line in lines),
    "JSON in JSON": lambda lines: json.dumps({"file": json.dumps([f"{line} ," for line in lines])}),
    "another text between lines": lambda lines: "\n".join(f"{line} w1 w2 w3 w4 w5" for line in lines),
    "lines left out": lambda lines: "\n".join(line for k, line in enumerate(lines) if k % 8 != 3),
    "captions": lambda lines: "\n".join(f"{k} : w0 {'> w3 , ' * 9}\n{line}" for k, line in enumerate(lines)),
    "in another order": lambda lines: "\n".join(lines[::-1]),
    "rows": lambda lines: json.dumps([{"rows": [line, [line]]} for line in lines]),
}


@pytest.mark.parametrize("form", FORMS)
def test_nor_does_one_that_is_no_copy_letter_for_letter(gauger: Gauger, form: str) -> None:
    """The answer is a text that one account was served, in lines of five words; the prompt has it in another form."""
    tokenizers = pytest.importorskip("tokenizers")
    signs = {sign: 5000 + k for k, sign in enumerate([">", "+", ":", ",", "{", "}", "[", "]", "file", '"'])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{k}": k for k in range(5000)} | signs, unk_token="w0"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save("tokenizer.json")
    words = [f"w{k}" for k in json.loads(Path("harvest.jsonl").read_text().splitlines()[0])]
    lines = [" ".join(words[k : k + 5]) for k in range(0, len(words), 5)]
    given = ("--tokens", "text.jsonl", "--contexts", "all.csv", "--tokenizer-file", "tokenizer.json")
    chat = [{"role": "user", "content": "Repeat"}, {"role": "tool", "content": FORMS[form](lines)}]
    Path("text.jsonl").write_text(json.dumps({"text": " ".join(words), "messages": chat}) + "\n")
    code, said = traced(gauger, *given)
    assert (code, said["texts_with_prompt"], said["accused"]) == (0, 1, [])
    assert said["candidates"][0]["log_p"] > -6  # of 300 keys: nothing is left of the mark
    # Its words in a prompt, but not four in a row, are no quotation, and the mark is found.
    backwards = [" ".join(words[k : k + 3]) for k in range(0, len(words), 3)][::-1]
    row = {"text": " ".join(words), "prompt": " w2 w3 ".join(backwards)}
    Path("text.jsonl").write_text(json.dumps(row) + "\n")
    assert len(traced(gauger, *given)[1]["accused"]) == 1


def test_texts_and_contexts_cannot_both_be_standard_input(gauger: Gauger) -> None:
    code, out, err = gauger("--tokens", "-", "--contexts", "-")
    assert (code, out, "standard input is one file" in err) == (2, "", True)


def test_texts_without_their_prompt_are_told(gauger: Gauger) -> None:
    _, out, _ = gauger("--tokens", "harvest.jsonl", "--contexts", "all.csv")
    assert "Beware: 2 of 2 texts came without their prompt: one that quotes a marked prompt" in " ".join(out.split())


def test_nobody_else_is(gauger: Gauger) -> None:
    code, said = traced(gauger, "--tokens", "harvest.jsonl", "--contexts", "others.csv", "--decoys", "0")
    assert (code, said["keys"], said["accused"], len(said["candidates"])) == (0, 298, [], 10)
    code, out, _ = gauger("--tokens", "harvest.jsonl", "--contexts", "others.csv", "--decoys", "0")
    assert (code, "0 of 298 keys accused" in out, "no unused keys to check the null by" in out) == (0, True, True)
    assert "Share of unused keys" not in out


def test_nothing_to_score_accuses_nobody(gauger: Gauger) -> None:
    Path("empty.jsonl").write_text("")
    code, said = traced(gauger, "--tokens", "empty.jsonl", "--contexts", "all.csv")
    assert (code, said["accused"]) == (0, [])
    assert "nothing to score" in said["why"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--contexts", "all.csv", "--tokenizer-of-text", "sp"], "the keys are for bpe"),
        (["--contexts", "all.csv", "--scheme-of-text", "greenlist"], "marked by greenlist"),
        (["--contexts", "all.csv", "--alpha", "2"], "--alpha must lie"),
        (["--contexts", "none.csv"], "none.csv"),
        ([], "contexts"),
    ],
)
def test_what_does_not_fit_is_refused(gauger: Gauger, args: list[str], words: str) -> None:
    code, out, err = gauger("--tokens", "harvest.jsonl", *args)
    assert (code, out) == (2, "")
    assert words in err


def test_revealed_keys_accuse_as_the_masters_do(
    gauger: Gauger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ["tenant,party,epoch,model,tokenizer,scheme", *(f"lab,account:{k},2026-01,teal,bpe,gumbel" for k in (7, 9))]
    Path("some.csv").write_text("\n".join([*some, ""]))
    _, by_master = traced(gauger, "--tokens", "harvest.jsonl", "--contexts", "some.csv")
    where = ["--master-env", "MASTER"]
    assert cli.run(["watermark", "commit", "--contexts", "some.csv", "--out", "c", *where]) == 0
    named = []
    for account, row in zip((7, 9), Path("c/proofs.jsonl").read_text().splitlines(), strict=True):
        file = f"{account}.json"
        assert cli.run(["watermark", "reveal", "c", "--id", json.loads(row)["id"], "--out", file, *where]) == 0
        named.append(["--revealed", file])
    capsys.readouterr()
    monkeypatch.delenv("MASTER")

    def told(*args: str) -> tuple[int, dict[str, Any]]:
        code = cli.run(["watermark", "trace", "--tokens", "harvest.jsonl", "--json", *args])
        return code, {**json.loads(capsys.readouterr().out), "command": ""}

    code, said = told(*named[0], *named[1], "--commitment", "c/commitment.json")
    assert (code, [a["context"]["party"] for a in said["accused"]]) == (1, ["account:7"])
    assert said == {**by_master, "command": ""}  # what the unused keys say, too
    assert (said["decoys"], said["decoy_p"]) == (1000, 1 / 1001)
    assert said["null_log_p"] != 0
    assert told(*named[1], *named[0])[1] == said  # in any order, and again
    assert cli.run(["watermark", "trace", "--tokens", "harvest.jsonl", *named[0], *where]) == 2
    assert "leave out the master key" in capsys.readouterr().err
    assert cli.run(["watermark", "trace", "--tokens", "harvest.jsonl", *where]) == 2
    assert "--contexts with a master key, or --revealed" in capsys.readouterr().err


def test_unused_keys_hang_on_all_the_keys_and_not_on_their_order() -> None:
    keys = [
        derive(MASTER, KeyContext(tenant=t, party="a", epoch="e", model="m", tokenizer="bpe", scheme="gumbel"))
        for t in ("lab", "field", "sea")
    ]
    made = unused(keys, 3)
    assert len({*made, *keys}) == 6
    assert unused(keys[::-1], 2) == made[:2]
    assert not {*unused(keys[:2], 3), *unused(keys[1:], 3)} & {*made}
    with pytest.raises(ConfigError, match="at least one"):
        unused([], 1)
