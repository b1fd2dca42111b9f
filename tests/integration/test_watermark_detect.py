"""`gauger watermark detect`: marked text is found by its key and no other; nothing to score is no finding."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.app.judging import judge
from gauger.edge.token_files import read_texts
from gauger.model import canonical_json
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect, flags
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes.gumbel import Gumbel

MASTER = bytes(range(32))
PROMPT = 4

Gauger = Callable[..., tuple[int, str, str]]


def key(party: str, epoch: str = "2026-01", scheme: str = "gumbel") -> Key:
    context = KeyContext(tenant="lab", party=party, epoch=epoch, model="teal", tokenizer="bpe", scheme=scheme)
    return derive(MASTER, context)


def options(of: Key) -> list[str]:
    return [word for name, value in asdict(of.context).items() for word in (f"--{name}", value)]


def written(secret: bytes | None, seed: int = 5) -> np.ndarray:
    """Prompts of 4 tokens and their answers of 60, int64[8, 64]."""
    rng, rows = np.random.default_rng(seed), 8
    responses, tokens = [Response(secret) for _ in range(rows)], rng.integers(0, 5000, (rows, PROMPT))
    for _ in range(60):
        ids = rng.integers(0, 250, (rows, 20)) * 20 + np.arange(20)
        drawn = sample(Gumbel(), responses, tokens, ids, rng.dirichlet(np.full(20, 0.7), rows), rng)
        tokens = np.column_stack([tokens, drawn])
    return tokens


def lines(tokens: np.ndarray) -> str:
    rows = ({"tokens": row[PROMPT:].tolist(), "prompt_tokens": row[:PROMPT].tolist(), "id": "x"} for row in tokens)
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return written(key("account:7").secret)


@pytest.fixture
def gauger(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marked: np.ndarray
) -> Gauger:
    """Run a verb of the group beside a marked and a plain file, and the contexts of 40 accounts."""
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("marked.jsonl").write_text(lines(marked))
    Path("plain.jsonl").write_text(lines(written(None)))
    accounts = "".join(f"lab,account:{k},2026-01,teal,bpe,gumbel\n" for k in range(40))
    Path("accounts.csv").write_text("tenant,party,epoch,model,tokenizer,scheme\n" + accounts)

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", *args])
        out, err = capsys.readouterr()
        for secret in (MASTER.hex(), key("account:7").secret.hex()):
            assert secret not in out + err
        return code, out, err

    return run


def judged(gauger: Gauger, file: str, *more: str) -> tuple[int, dict[str, Any]]:
    code, out, err = gauger("detect", "--tokens", file, "--master-env", "MASTER", "--json", *more)
    assert err == ""
    return code, json.loads(out)


def test_the_key_finds_its_text(gauger: Gauger, marked: np.ndarray) -> None:
    code, said = judged(gauger, "marked.jsonl", *options(key("account:7")), "--tokenizer-of-text", "bpe")
    selection = select(list(marked[:, PROMPT:]), h=4, prompts=list(marked[:, :PROMPT]))
    expected = detect(selection, key("account:7"), Gumbel(), subject="marked.jsonl")
    assert (code, said["schema"], said["texts"], said["texts_with_prompt"]) == (1, "gauger/detect/1", 8, 8)
    command = shlex.split(said["command"])
    assert command[:3] == ["gauger", "watermark", "detect"]
    assert json.loads(gauger(*command[2:], "--json")[1]) == said
    (result,) = said["results"]
    assert canonical_json(result["evidence"]) == canonical_json(expected)
    assert expected.log10_e > 6
    assert (result["found"], result["context"]) == (True, asdict(key("account:7").context))
    code, out, _ = gauger(
        "detect", "--tokens", "marked.jsonl", "--master-env", "MASTER", *options(key("account:7")), "--subject", "s-1"
    )
    assert code == 1
    for words in ("s-1", "exact", "448", "duplicates dropped", "prompt windows dropped", f"{expected.log10_e:.1f}"):
        assert words in out
    assert "carries this key's mark" in out
    assert "without their prompt" not in out


@pytest.mark.parametrize(
    ("file", "other"),
    [
        ("marked.jsonl", key("account:8")),
        ("marked.jsonl", key("account:7", epoch="2026-02")),
        ("marked.jsonl", key("account:7", scheme="gumbel:h=4")),
        ("marked.jsonl", key("account:7", scheme="greenlist:h=1:gamma=0.5")),
        ("plain.jsonl", key("account:7")),
    ],
)
def test_no_other_key_finds_it(gauger: Gauger, file: str, other: Key) -> None:
    code, said = judged(gauger, file, *options(other))
    (result,) = said["results"]
    assert (code, result["found"]) == (0, False)
    assert result["evidence"]["n"] > 400
    assert result["evidence"]["log_e"] < math.log(10)
    assert result["evidence"]["params"]["log_p"] > math.log(1e-3)
    code, out, _ = gauger("detect", "--tokens", file, "--master-env", "MASTER", *options(other))
    assert (code, "was not found" in out, "another tokenizer's ids" in out) == (0, True, True)


def test_another_tokenizers_numbers_find_nothing(gauger: Gauger, marked: np.ndarray) -> None:
    Path("other.jsonl").write_text(lines((marked * 7 + 3) % 5000))
    code, said = judged(gauger, "other.jsonl", *options(key("account:7")))
    assert (code, said["results"][0]["found"]) == (0, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no text"),
        ("\n \n[]\n", "there is no text"),
        ("[1,2,3,4]\n[1,2]\n", "beginning"),
        (json.dumps({"tokens": [5] * 40, "prompt_tokens": [5] * 40}), "stands in the prompt"),
    ],
)
def test_nothing_to_score_is_no_finding(gauger: Gauger, text: str, words: str) -> None:
    Path("t.jsonl").write_text(text)
    code, said = judged(gauger, "t.jsonl", *options(key("account:7")))
    evidence = said["results"][0]["evidence"]
    assert (code, evidence["n"], evidence["log_e"], evidence["params"]["log_p"]) == (0, 0, 0, 0)
    assert words in evidence["why"]
    code, out, _ = gauger("detect", "--tokens", "t.jsonl", "--master-env", "MASTER", *options(key("account:7")))
    assert (code, "nothing to score" in out, "neither for the mark nor against it" in out) == (0, True, True)


def test_copies_count_once(gauger: Gauger, marked: np.ndarray) -> None:
    """Also across parts; and one token over and over is one window."""
    Path("copies.jsonl").write_text(lines(marked) * 30)
    _, once = judged(gauger, "marked.jsonl", *options(key("account:7")))
    _, often = judged(gauger, "copies.jsonl", *options(key("account:7")))
    a, b = once["results"][0]["evidence"], often["results"][0]["evidence"]
    assert (b["log_e"], b["n"], b["params"]["repeated"]) == (a["log_e"], a["n"], 29 * a["n"])
    parts = read_texts("copies.jsonl", part_tokens=200)
    cut = judge(parts, [key("account:7")], Gumbel(), subject="x", alpha=1e-6, anytime=False)
    assert cut.evidence[0].log_e == pytest.approx(a["log_e"])
    assert len(cut.evidence[0].inputs) > 30
    assert (cut.evidence[0].params["repeated"], cut.texts) == (29 * a["n"], 240)
    Path("drone.jsonl").write_text("[9,9,9,9,9,9,9,9,9,9,9,9]\n" * 500)
    code, drone = judged(gauger, "drone.jsonl", *options(key("account:7")))
    assert (code, drone["results"][0]["evidence"]["n"]) == (0, 1)


def test_a_quotation_of_the_prompt_is_no_mark_where_the_prompt_is_known(gauger: Gauger, marked: np.ndarray) -> None:
    quoted = [{"tokens": row.tolist(), "prompt_tokens": row.tolist()} for row in marked]
    Path("known.jsonl").write_text("\n".join(map(json.dumps, quoted)))
    Path("unknown.jsonl").write_text("\n".join(json.dumps(q["tokens"]) for q in quoted))
    code, said = judged(gauger, "known.jsonl", *options(key("account:7")))
    params = said["results"][0]["evidence"]["params"]
    assert (code, params["scored"], params["in_prompt"]) == (0, 0, 480)
    code, out, _ = gauger("detect", "--tokens", "unknown.jsonl", "--master-env", "MASTER", *options(key("account:7")))
    assert (code, "8 of 8 texts came without their prompt" in " ".join(out.split())) == (1, True)


def test_many_keys_and_their_number(gauger: Gauger) -> None:
    code, said = judged(gauger, "marked.jsonl", "--contexts", "accounts.csv")
    assert (code, said["keys"], said["rule"]) == (1, 40, "holm")
    assert [r["context"]["party"] for r in said["results"] if r["found"]] == ["account:7"]
    assert [r["evidence"]["inputs"][0] for r in said["results"]] == [key(f"account:{k}").id for k in range(40)]
    code, out, _ = gauger(
        "detect", "--tokens", "marked.jsonl", "--master-env", "MASTER", "--contexts", "accounts.csv", "--anytime"
    )
    assert (code, "1 of 40 keys found (e-BH" in out, key("account:7").id in out) == (1, True, True)
    _, plain = judged(gauger, "plain.jsonl", "--contexts", "accounts.csv")
    log_p = [r["evidence"]["params"]["log_p"] for r in plain["results"]]
    alpha = str(1.5 * math.exp(min(log_p)))
    assert judged(gauger, "plain.jsonl", "--contexts", "accounts.csv", "--alpha", alpha)[0] == 0
    alone = options(key(f"account:{log_p.index(min(log_p))}"))
    assert judged(gauger, "plain.jsonl", *alone, "--alpha", alpha)[0] == 1


def test_anytime_decides_by_the_e_value(gauger: Gauger) -> None:
    ours = options(key("account:7"))
    _, said = judged(gauger, "marked.jsonl", *ours)
    evidence = said["results"][0]["evidence"]
    assert evidence["params"]["log_p"] < -evidence["log_e"] - 2
    between = str(math.exp(-evidence["log_e"] - 1))  # the tail is below it, 1 / e is above
    assert judged(gauger, "marked.jsonl", *ours, "--alpha", between)[0] == 1
    assert judged(gauger, "marked.jsonl", *ours, "--alpha", between, "--anytime")[0] == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([*options(key("a")), "--tokenizer-of-text", "sp"], "ids of sp, but the keys are for bpe"),
        ([*options(key("a")), "--scheme-of-text", "gumbel:h=3"], "marked by gumbel:h=3, but the keys are for gumbel"),
        ([*options(key("a")), "--scheme-of-text", "tournament"], "marked by tournament"),
        (options(key("a", scheme="rainbow")), "no scheme is called 'rainbow'"),
        (["--contexts", "mixed.csv"], "2 schemes and 1 tokenizers"),
        (["--contexts", "tongues.csv"], "1 schemes and 2 tokenizers"),
        ([], "say which keys"),
        (["--contexts", "accounts.csv", "--alpha", "0"], "--alpha must lie"),
        (["--contexts", "accounts.csv", "--gamma", "0.25"], "say what to test"),
    ],
)
def test_what_does_not_fit_is_refused(gauger: Gauger, args: list[str], words: str) -> None:
    head = "tenant,party,epoch,model,tokenizer,scheme\nlab,a,e,m,bpe,gumbel\n"
    Path("mixed.csv").write_text(head + "lab,b,e,m,bpe,gumbel:h=2\n")
    Path("tongues.csv").write_text(head + "lab,b,e,m,sp,gumbel\n")
    code, out, err = gauger("detect", "--tokens", "marked.jsonl", "--master-env", "MASTER", *args)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_the_right_scheme_and_tokenizer_are_let_through(gauger: Gauger) -> None:
    known = ("--scheme-of-text", "gumbel:h=4", "--tokenizer-of-text", "bpe")
    assert judged(gauger, "marked.jsonl", *options(key("account:7")), *known)[0] == 1


@pytest.mark.parametrize("bad", ['{"tokens": ["sesame"]}', "[1, -1]", "[4294967296]", "sesame", "[[1]]", '{"x": [1]}'])
def test_a_bad_line_is_named_and_not_quoted(gauger: Gauger, bad: str) -> None:
    Path("bad.jsonl").write_text("[1,2,3]\n\n" + bad + "\n")
    code, out, err = gauger("detect", "--tokens", "bad.jsonl", "--master-env", "MASTER", *options(key("a")))
    assert (code, out) == (2, "")
    assert err.startswith("gauger: bad.jsonl:3: cannot be read: ")
    assert "sesame" not in err


def words(tokens: np.ndarray) -> str:
    said = ({"text": " ".join(f"w{t}" for t in row[PROMPT:]), "prompt": "w1 w2"} for row in tokens)
    return "".join(json.dumps(row) + "\n" for row in said)


def test_text_is_read_by_the_keys_tokenizer(gauger: Gauger, marked: np.ndarray) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{k}": k for k in range(5000)}, unk_token="w0"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save("tokenizer.json")
    Path("text.jsonl").write_text(words(marked))
    code, said = judged(gauger, "text.jsonl", *options(key("account:7")), "--tokenizer-file", "tokenizer.json")
    assert (code, said["texts_with_prompt"]) == (1, 8)
    as_ids = judged(gauger, "marked.jsonl", *options(key("account:7")))[1]
    assert said["results"][0]["evidence"]["log_e"] == as_ids["results"][0]["evidence"]["log_e"]
    traced = gauger("trace", "--tokens", "text.jsonl", "--contexts", "accounts.csv", "--master-env", "MASTER",
                    "--tokenizer-file", "tokenizer.json", "--json")  # fmt: skip
    assert [a["context"]["party"] for a in json.loads(traced[1])["accused"]] == ["account:7"]
    code, out, err = gauger("detect", "--tokens", "text.jsonl", "--master-env", "MASTER", *options(key("account:7")))
    assert (code, out) == (2, "")
    assert "--tokenizer-file" in err
    other = KeyContext(**asdict(key("a").context) | {"tokenizer": "sha256:" + "0" * 64})
    code, _, err = gauger("detect", "--tokens", "text.jsonl", "--master-env", "MASTER", *options(derive(MASTER, other)),
                          "--tokenizer-file", "tokenizer.json")  # fmt: skip
    assert code == 2
    assert "not the keys' tokenizer" in err


def test_tokens_below_an_entropy_are_left_out(gauger: Gauger, marked: np.ndarray) -> None:
    rows = json.loads("[" + lines(marked).strip().replace("\n", ",") + "]")
    sure = [row | {"entropy_nats": [0.1, 2.0] * 30} for row in rows]
    Path("sure.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sure))
    of = options(key("account:7"))
    every, half = (judged(gauger, "sure.jsonl", *of, *more)[1] for more in ((), ("--least-entropy", "1")))
    counts = [r["results"][0]["evidence"]["params"] for r in (every, half)]
    assert counts[0]["left_out"] == 0
    assert counts[1]["left_out"] == 8 * 28  # of the 56 tokens a text that have a window
    assert gauger("detect", "--tokens", "marked.jsonl", "--master-env", "MASTER", *of, "--least-entropy", "1")[0] == 2


def test_tokens_weighed_by_entropy(gauger: Gauger, marked: np.ndarray) -> None:
    """Random tokens among the marked ones dilute the mark, unless the entropies say which they are."""
    rng = np.random.default_rng(12)
    rows = []
    for text in marked[:, PROMPT:]:
        tokens = [*text.tolist(), *rng.integers(0, 5000, 240).tolist()]
        rows.append({"tokens": tokens, "entropy_nats": [1.5] * 60 + [0.01] * 240})
    Path("sure.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    of, found = options(key("account:7")), {}
    for name, more in {"all": (), "gate": ("--least-entropy", "1"), "weighed": ("--weigh-by-entropy",)}.items():
        code, said = judged(gauger, "sure.jsonl", *of, *more, "--anytime")
        found[name] = said["results"][0]["evidence"]
        assert code == 1
    assert found["weighed"]["method"] == "watermark-gumbel-weighed"
    assert found["weighed"]["n"] == found["all"]["n"]
    assert found["weighed"]["params"]["log_p"] == -found["weighed"]["log_e"]
    assert found["weighed"]["log_e"] > 0.95 * found["gate"]["log_e"] > 1.5 * found["all"]["log_e"]
    code, said = judged(gauger, "sure.jsonl", *options(key("account:8")), "--weigh-by-entropy")
    assert (code, said["results"][0]["found"]) == (0, False)
    code, _, err = gauger("detect", "--tokens", "marked.jsonl", "--master-env", "MASTER", *of, "--weigh-by-entropy")
    assert code == 2
    assert "entropy_nats" in err


def test_weights_of_parts_add_up(marked: np.ndarray, tmp_path: Path) -> None:
    path, rng = tmp_path / "t.jsonl", np.random.default_rng(13)
    rows = [{"tokens": text.tolist(), "entropy_nats": rng.uniform(0, 2, 64).tolist()} for text in marked]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    keys = [key("account:7"), key("account:8")]
    rule = {"subject": "x", "alpha": 1e-6, "anytime": True, "by_entropy": True}
    whole, cut = (
        judge(read_texts(str(path), entropy=True, part_tokens=part), keys, Gumbel(), **rule) for part in (10**6, 100)
    )
    assert [e.log_e for e in whole.evidence] == pytest.approx([e.log_e for e in cut.evidence])
    assert whole.found.tolist() == cut.found.tolist() == [True, False]
    assert len(cut.evidence[0].inputs) > len(whole.evidence[0].inputs)


def stream(gamma: float, n: int = 4000) -> np.ndarray:
    return (np.random.default_rng(6).random(n) < gamma).astype(int)


@pytest.mark.parametrize(("rate", "code"), [(0.5, 1), (0.25, 0), (0.1, 0)])
def test_flags_of_another_tool(gauger: Gauger, rate: float, code: int) -> None:
    Path("flags.txt").write_text("".join(map(str, stream(rate))))
    got, out, _ = gauger("detect", "--flags", "flags.txt", "--gamma", "0.25", "--json")
    (result,) = json.loads(out)["results"]
    assert (got, result["found"]) == (code, bool(code))
    assert canonical_json(result["evidence"]) == canonical_json(flags(stream(rate), 0.25, subject="flags.txt"))
    got, out, _ = gauger("detect", "--flags", "flags.txt", "--gamma", "0.25", "--subject", "theirs")
    assert (got, "theirs" in out, "model" in out, "repeats alone can do this" in out) == (code, True, True, True)


def test_no_flags_are_no_finding(gauger: Gauger) -> None:
    Path("flags.txt").write_text("\n")
    code, out, _ = gauger("detect", "--flags", "flags.txt", "--gamma", "0.25")
    assert (code, "no flags, so no evidence" in out) == (0, True)


@pytest.mark.parametrize(
    "args",
    [
        ["--flags", "flags.txt"],
        ["--flags", "flags.txt", "--gamma", "0"],
        ["--flags", "flags.txt", "--gamma", "0.25", "--alpha", "1"],
        ["--flags", "flags.txt", "--gamma", "0.25", "--tokens", "marked.jsonl"],
        ["--flags", "flags.txt", "--gamma", "0.25", "--contexts", "accounts.csv"],
        ["--flags", "flags.txt", "--gamma", "0.25", "--party", "a"],
        ["--flags", "accounts.csv", "--gamma", "0.25"],
        ["--flags", "none.txt", "--gamma", "0.25"],
        [],
    ],
)
def test_flags_that_cannot_be_judged(gauger: Gauger, args: list[str]) -> None:
    Path("flags.txt").write_text("0101\n")
    code, out, err = gauger("detect", *args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gauger: ")


def reveal(capsys: pytest.CaptureFixture[str], *parties: str) -> list[str]:
    """Commit to the accounts' keys in ``c``, and reveal some: the options that name them."""
    own = ["--contexts", "accounts.csv", "--out", "c", "--master-env", "MASTER"]
    assert cli.run(["watermark", "commit", *own]) == 0
    named = []
    for party in parties:
        file, again = f"{party.replace(':', '-')}.json", ["--master-env", "MASTER"]
        assert cli.run(["watermark", "reveal", "c", "--id", key(party).id, "--out", file, *again]) == 0
        named += ["--revealed", file]
    capsys.readouterr()
    return named


def test_a_revealed_key_says_what_the_master_says(
    gauger: Gauger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, by_master = judged(gauger, "marked.jsonl", *options(key("account:7")))
    named = reveal(capsys, "account:7", "account:8")
    monkeypatch.delenv("MASTER")
    code, out, err = gauger("detect", "--tokens", "marked.jsonl", *named[:2], "--json")
    said = json.loads(out)
    assert (code, err, said.pop("command")) == (
        1, "", "gauger watermark detect --tokens marked.jsonl --revealed account-7.json")  # fmt: skip
    assert said == {name: value for name, value in by_master.items() if name != "command"}
    held = ("--commitment", "c/commitment.json")
    code, out, _ = gauger("detect", "--tokens", "marked.jsonl", *named, *held, "--json")
    assert (code, [r["found"] for r in json.loads(out)["results"]]) == (1, [True, False])


def test_revealed_keys_that_do_not_hold(gauger: Gauger, capsys: pytest.CaptureFixture[str]) -> None:
    named = reveal(capsys, "account:7")
    detect_by = ("detect", "--tokens", "marked.jsonl")
    for more, words in (
        ([*named, "--master-env", "MASTER"], "leave out the master key and the contexts"),
        ([*named, "--contexts", "accounts.csv"], "leave out the master key and the contexts"),
        ([*named, "--party", "account:7"], "leave out the master key and the contexts"),
        ([*named, *named], "the same key twice"),
        (["--commitment", "c/commitment.json", *options(key("account:7")), "--master-env", "MASTER"],
         "it needs --revealed"),
        ([*named, "--foreign", "hf-kgw", "--foreign-config", "kgw.json"], "takes neither keys of ours"),
    ):  # fmt: skip
        code, out, err = gauger(*detect_by, *more)
        assert (code, out, words in err) == (2, "", True), more
    path = Path("account-7.json")
    path.write_text(
        path.read_text().replace("account:7", "account:9")
    )  # the secret finds its text whatever it is called
    assert gauger(*detect_by, *named)[0] == 1
    code, out, err = gauger(*detect_by, *named, "--commitment", "c/commitment.json")
    assert (code, out, "is not in the commitment" in err) == (4, "", True)
