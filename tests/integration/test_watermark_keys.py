"""`gauger watermark keygen`, `commit`, `reveal` and `verify`, as an operator and an outsider use them."""

from __future__ import annotations

import getpass
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger import merkle
from gauger.app import cli
from gauger.app.cli.watermark.epochs import today
from gauger.edge import keyring
from gauger.edge.commitments import read_revealed
from gauger.model import canonical_json
from gauger.watermark.keys import KeyContext, derive, epochs

MASTER = bytes(range(32))
PHRASE = "five random words or more"
CONTEXTS = "tenant,party,epoch,model,tokenizer,scheme\n" + "".join(
    f"lab,{party},2026-01-15/P28D,teal,bpe,gumbel\n" for party in ("fleet", "account:1", "account:2")
)

Gauger = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    """Run a verb of the group in an own folder, with a master and a passphrase in the environment."""
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.setenv("PASS", PHRASE)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contexts.csv").write_text(CONTEXTS)

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", *args])
        out, err = capsys.readouterr()
        for secret in (MASTER.hex(), PHRASE):
            assert secret not in out + err
        return code, out, err

    return run


def commit(gauger: Gauger, *more: str) -> dict[str, Any]:
    code, out, err = gauger(
        "commit", "--contexts", "contexts.csv", "--out", "c", "--master-env", "MASTER", "--json", *more
    )
    assert (code, err) == (0, "")
    made: dict[str, Any] = json.loads(out)
    return made


def test_from_a_new_key_to_a_proof(gauger: Gauger) -> None:
    pytest.importorskip("cryptography")
    code, out, _ = gauger("keygen", "master.json", "--passphrase-env", "PASS", "--json")
    made = json.loads(out)
    assert (code, made["schema"], made["file"]) == (0, "gauger/keygen/1", "master.json")
    assert made["id"] == keyring.master_id(keyring.read_key_file("master.json", PHRASE))
    sealed = ("--key-file", "master.json", "--passphrase-env", "PASS")
    code, out, _ = gauger("commit", "--contexts", "contexts.csv", "--out", "c", *sealed)
    assert code == 0
    assert "3 keys among 4 entries" in out
    row = json.loads(Path("c/proofs.jsonl").read_text().splitlines()[1])
    assert row["context"]["party"] == "account:1"
    assert gauger("reveal", "c", "--id", row["id"], "--out", "r.json", *sealed)[0] == 0
    code, out, _ = gauger("verify", "r.json", "c/commitment.json")
    assert code == 0
    assert "at most 4 keys" in out
    assert "party: account:1" in out


def test_json_of_each_verb(gauger: Gauger) -> None:
    made = commit(gauger)
    assert made["schema"] == "gauger/commit/1"
    assert made["commitment"] == json.loads(Path("c/commitment.json").read_text())
    assert made["commitment"]["size"] == 4
    assert len(made["keys"]) == 3
    code, out, _ = gauger("reveal", "c", "--id", made["keys"][2], "--out", "r.json", "--master-env", "MASTER", "--json")
    assert (code, json.loads(out)) == (0, {"schema": "gauger/reveal/1", "id": made["keys"][2], "file": "r.json"})
    code, out, _ = gauger("verify", "r.json", "c/commitment.json", "--json")
    held = json.loads(out)
    assert code == 0
    assert held["context"]["party"] == "account:2"
    assert (held["id"], held["digest"]) == (made["keys"][2], made["digest"])
    key = derive(MASTER, KeyContext(**held["context"]))
    assert key.id == held["id"]
    assert key.secret.hex() == json.loads(Path("r.json").read_text())["secret"]
    assert key.secret.hex() not in out


def test_what_does_not_hold_is_code_4(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    made = commit(gauger)
    gauger("reveal", "c", "--id", made["keys"][0], "--out", "r.json", "--master-env", "MASTER")
    revealed = Path("r.json").read_text()
    Path("r.json").write_text(revealed.replace("fleet", "fleer"))
    code, out, err = gauger("verify", "r.json", "c/commitment.json", "--json")
    assert (code, out) == (4, "")
    assert err.startswith("gauger: sha256:")
    assert err.count("\n") == 1
    Path("r.json").write_text(revealed)
    commit(gauger, "--overwrite", "--pad-to", "4")
    assert gauger("verify", "r.json", "c/commitment.json")[0] == 4
    monkeypatch.setenv("MASTER", bytes(range(1, 33)).hex())
    code, _, err = gauger("reveal", "c", "--id", made["keys"][0], "--out", "other.json", "--master-env", "MASTER")
    assert (code, Path("other.json").exists()) == (4, False)


def test_padding_hides_how_many_keys_there_are(gauger: Gauger) -> None:
    for size in ("3", "9"):
        assert commit(gauger, "--pad-to", size, "--overwrite")["commitment"]["size"] == int(size)
    roots = {commit(gauger, "--pad-to", "9", "--overwrite")["commitment"]["root"] for _ in range(2)}
    assert len(roots) == 2
    assert (
        gauger("commit", "--contexts", "contexts.csv", "--out", "d", "--master-env", "MASTER", "--pad-to", "2")[0] == 2
    )


def test_one_context_by_flags(gauger: Gauger) -> None:
    flags = [
        "--tenant",
        "lab",
        "--party",
        "fleet",
        "--epoch",
        "2026",
        "--model",
        "m",
        "--tokenizer",
        "t",
        "--scheme",
        "gumbel",
    ]
    code, out, _ = gauger("commit", *flags, "--out", "c", "--master-env", "MASTER", "--json")
    context = KeyContext(**dict(zip((f[2:] for f in flags[::2]), flags[1::2], strict=True)))
    assert (code, json.loads(out)["keys"]) == (0, [derive(MASTER, context).id])
    unheard_of = [*flags[:-1], "gumble"]  # nothing could ever read such a key's marks
    for wrong in (flags[2:], [], [*flags, "--contexts", "contexts.csv"], [*flags[:1], "", *flags[2:]], unheard_of):
        code, _, err = gauger("commit", *wrong, "--out", "d", "--master-env", "MASTER")
        assert code == 2
        assert err.count("\n") == 1
    assert not Path("d").exists()


@pytest.mark.parametrize(
    "where",
    [
        [],
        ["--key-file", "none.json", "--master-env", "MASTER"],
        ["--key-file", "none.json", "--passphrase-env", "PASS"],
        ["--key-file", "contexts.csv", "--passphrase-env", "PASS"],
        ["--key-file", "contexts.csv", "--passphrase-env", "PASS", "--passphrase-fd", "0"],
        ["--key-file", "contexts.csv"],
        ["--master-env", "NOSUCH"],
        ["--master-env", "PASS"],
    ],
)
def test_wrong_sources_are_code_2(gauger: Gauger, where: list[str]) -> None:
    code, out, err = gauger("commit", "--contexts", "contexts.csv", "--out", "c", *where)
    assert (code, out) == (2, "")
    assert err.startswith("gauger: ")
    assert err.count("\n") == 1
    assert not Path("c").exists()


def test_nothing_is_overwritten_unless_told(gauger: Gauger) -> None:
    made = commit(gauger)
    files = {p: p.read_bytes() for p in Path("c").iterdir()}
    again = ("commit", "--contexts", "contexts.csv", "--out", "c", "--master-env", "MASTER")
    assert gauger(*again)[0] == 2
    assert {p: p.read_bytes() for p in Path("c").iterdir()} == files
    Path("taken").write_text("mine")
    assert gauger("reveal", "c", "--id", made["keys"][0], "--out", "taken", "--master-env", "MASTER")[0] == 2
    code, _, err = gauger("keygen", "taken")
    assert (code, "taken exists" in err) == (2, True)  # before a passphrase is asked for
    assert Path("taken").read_text() == "mine"


def test_a_folder_that_is_missing_is_told_before_a_passphrase_is_asked_for(gauger: Gauger) -> None:
    made = commit(gauger)
    sealed = ("reveal", "c", "--id", made["keys"][0], "--key-file", "k.json", "--out")
    for verb in (("keygen",), sealed):
        code, _, err = gauger(*verb, "none/k.json")
        assert (code, err) == (2, "gauger: none/k.json cannot be written: there is no folder none\n")


def test_another_number_of_entries_fails(gauger: Gauger) -> None:
    commit(gauger, "--pad-to", "3")
    rows = [json.loads(row) for row in Path("c/proofs.jsonl").read_text().splitlines()]
    (first,) = (row["id"] for row in rows if row["proof"]["index"] == 0)  # its path is as long among 4
    gauger("reveal", "c", "--id", first, "--out", "r.json", "--master-env", "MASTER")
    record = Path("c/commitment.json").read_text()
    for size in (1, 2, 4, 5):
        Path("c.json").write_text(record.replace('"size":3', f'"size":{size}'))
        assert gauger("verify", "r.json", "c.json")[0] == 4
    code, out, _ = gauger("verify", "r.json", "c/commitment.json")
    assert (code, "hold its digest" in out) == (0, False)


def test_a_record_whose_root_leaves_the_number_open_is_told(gauger: Gauger) -> None:
    made = commit(gauger)
    gauger("reveal", "c", "--id", made["keys"][0], "--out", "r.json", "--master-env", "MASTER")
    key, proof = read_revealed(Path("r.json"))
    tree = merkle.root_from(bytes.fromhex(key.id[7:]), proof.index, 4, [bytes.fromhex(h) for h in proof.path])
    assert tree is not None
    older = {**made["commitment"], "algorithm": "rfc6962-sha256", "root": f"sha256:{tree.hex()}"}
    Path("c.json").write_bytes(canonical_json(older) + b"\n")
    code, out, _ = gauger("verify", "r.json", "c.json")
    assert (code, "hold its digest against the published one" in out) == (0, True)
    for record, fixes in (("c.json", False), ("c/commitment.json", True)):
        assert json.loads(gauger("verify", "r.json", record, "--json")[1])["root_fixes_size"] is fixes
        Path("t.jsonl").write_text("[1, 2, 3]\n")
        _, _, err = gauger("detect", "--tokens", "t.jsonl", "--revealed", "r.json", "--commitment", record)
        assert ("leaves its size open" in err) is not fixes


def test_keygen_seals_a_master_that_is_there(gauger: Gauger) -> None:
    pytest.importorskip("cryptography")
    assert gauger("keygen", "k.json", "--from-env", "MASTER", "--passphrase-env", "PASS")[0] == 0
    assert keyring.read_key_file("k.json", PHRASE) == MASTER
    code, _, _ = gauger("keygen", "l.json", "--from-env", MASTER.hex(), "--passphrase-env", "PASS")
    assert (code, Path("l.json").exists()) == (2, False)


def test_a_wrong_passphrase_is_code_4(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    assert gauger("keygen", "k.json", "--passphrase-env", "PASS")[0] == 0
    monkeypatch.setenv("PASS", "not these random words")
    code, _, err = gauger(
        "commit", "--contexts", "contexts.csv", "--out", "c", "--key-file", "k.json", "--passphrase-env", "PASS"
    )
    assert code == 4
    assert "the passphrase is wrong" in err


def test_a_new_passphrase_is_asked_twice(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    typed = iter([PHRASE, PHRASE + "x", PHRASE, PHRASE])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))
    code, _, err = gauger("keygen", "k.json")
    assert (code, Path("k.json").exists()) == (2, False)
    assert "differ" in err
    assert gauger("keygen", "k.json")[0] == 0
    assert list(typed) == []


@pytest.mark.parametrize("typed", [[], [PHRASE]])
def test_a_passphrase_that_is_not_typed_is_one_line(
    gauger: Gauger, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    """Ctrl-D, at the first prompt or at the second."""
    answers = iter(typed)

    def ask(prompt: str) -> str:
        for answer in answers:
            return answer
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", ask)
    assert gauger("keygen", "k.json") == (2, "", "gauger: no passphrase was typed: nothing was done\n")
    assert not Path("k.json").exists()


def test_without_a_terminal_nobody_is_asked(gauger: Gauger) -> None:
    code, _, err = gauger("keygen", "k.json")
    assert code == 2
    assert "--passphrase-env or --passphrase-fd" in err


def test_a_passphrase_from_a_descriptor_or_typed_is_never_shown(tmp_path: Path) -> None:
    """In a process of its own, with a pipe and with a real terminal."""
    pytest.importorskip("cryptography")
    code = "import sys; from gauger.app.cli import main; main()"
    program = [sys.executable, "-c", code, "watermark"]
    reader, writer = os.pipe()
    os.write(writer, PHRASE.encode() + b"\n")
    os.close(writer)
    made = subprocess.run(
        [*program, "keygen", "k.json", "--passphrase-fd", str(reader)],
        cwd=tmp_path, pass_fds=[reader], capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.close(reader)
    assert (made.returncode, made.stderr) == (0, "")
    (tmp_path / "contexts.csv").write_text(CONTEXTS)
    terminal, inner = pty.openpty()
    committing = subprocess.Popen(
        [*program, "commit", "--contexts", "contexts.csv", "--out", "c", "--key-file", "k.json"],
        cwd=tmp_path, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
    )  # fmt: skip
    os.close(inner)
    shown = os.read(terminal, 1000)
    while b"Passphrase:" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, PHRASE.encode() + b"\n")
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # how Linux says that the other end is gone
        pass
    os.close(terminal)
    assert committing.wait() == 0
    assert b"3 keys among 4 entries" in shown
    assert PHRASE.encode() not in shown


def test_a_hostile_key_file_name_or_field_does_not_reach_the_terminal(gauger: Gauger) -> None:
    Path("contexts.csv").write_text(CONTEXTS.replace("account:1", "a\x1b[2J\u202e"))
    made = commit(gauger)
    gauger("reveal", "c", "--id", made["keys"][1], "--out", "r.json", "--master-env", "MASTER")
    code, out, _ = gauger("verify", "r.json", "c/commitment.json")
    assert code == 0
    assert "\x1b" not in out
    assert "⟨U+001B⟩[2J⟨U+202E⟩" in out


def test_epochs_are_named(gauger: Gauger) -> None:
    asked = ("epochs", "--period-days", "28", "--from", "2026-01-05")
    assert gauger(*asked) == (0, "2025-12-18/P28D\n", "")
    code, out, _ = gauger(*asked, "--to", "2026-02-12", "--json")
    names = ["2025-12-18/P28D", "2026-01-15/P28D", "2026-02-12/P28D"]
    assert (code, json.loads(out)) == (0, {"schema": "gauger/epochs/1", "period_days": 28, "epochs": names})
    assert gauger(*asked, "--to", "2026-02-12")[1].split() == names
    assert gauger("epochs", "--period-days", "364", "--from", "2026-01-05")[1] == "2025-10-23/P364D\n"


def test_the_epoch_in_force_is_the_one_of_today(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (now := today()).tzinfo is UTC
    assert gauger("epochs", "--period-days", "3650")[1].split() == list(epochs(now, now, period_days=3650))
    monkeypatch.setattr("gauger.app.cli.watermark.epochs.today", lambda: datetime(2026, 1, 15, tzinfo=UTC))
    for until in ((), ("--to", "2026-01-15")):
        assert gauger("epochs", "--period-days", "28", *until) == (0, "2026-01-15/P28D\n", "")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "--period-days"),
        (["--period-days", "0"], "--period-days"),
        (["--period-days", "3651"], "--period-days"),
        (["--period-days", "7", "--from", "2026-02-30"], "2026-02-30"),
        (["--period-days", "7", "--from", "1969-12-31"], "from 1970 on"),
        (
            ["--period-days", "7", "--from", "2026-02-02", "--to", "2026-02-01"],
            "2026-02-01 lies before --from 2026-02-02",
        ),
        (["--period-days", "7", "--to", "2026-02-01"], "2026-02-01 lies before --from"),
    ],
)
def test_epochs_that_there_are_none_of_are_refused(gauger: Gauger, args: list[str], says: str) -> None:
    code, out, err = gauger("epochs", *args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


OFF = "2026-01-01/P28D"
REFUSED = "epoch 2026-01-01/P28D is none that a server serves in: .* lies in 2025-12-18/P28D\n"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("verb", ["commit", "detect", "trace"])
def test_a_table_with_an_epoch_that_nobody_serves_in_is_told_by_its_line(gauger: Gauger, verb: str, kind: str) -> None:
    names = CONTEXTS.split("\n")[0].split(",")
    rows = [dict(zip(names, row.split(","), strict=True)) for row in CONTEXTS.splitlines()[1:]]
    rows[1]["epoch"] = OFF
    lines = [",".join(names), *(",".join(row.values()) for row in rows)]
    Path("x.csv").write_text("\n".join(lines) + "\n")
    Path("x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), "x.parquet")
    Path("t.jsonl").write_text("[1, 2, 3]\n")
    rest = ("--out", "c") if verb == "commit" else ("--tokens", "t.jsonl")
    code, out, err = gauger(verb, "--contexts", f"x.{kind}", *rest, "--master-env", "MASTER")
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"gauger: x\.{kind}:{3 if kind == 'csv' else 2}: {REFUSED}", err)


@pytest.mark.parametrize(
    "verb",
    [
        ["commit", "--out", "c"],
        ["detect", "--tokens", "t.jsonl"],
        ["mark", "--weights", "none", "--prompts", "none", "--out", "none"],
        ["radioactivity", "plan", "plan.json", "--subject", "s", "--open", "--weights", "none", "--served", "t.jsonl"],
    ],
    ids=lambda verb: " ".join(verb[:2]),
)
def test_an_epoch_that_nobody_serves_in_is_refused_as_an_option(gauger: Gauger, verb: list[str]) -> None:
    Path("t.jsonl").write_text("[1, 2, 3]\n")
    context = ["--tenant", "lab", "--party", "fleet", "--model", "m", "--tokenizer", "t", "--scheme", "gumbel"]
    code, out, err = gauger(*verb, *context, "--epoch", OFF, "--master-env", "MASTER")
    assert (code, out) == (2, "")
    assert re.fullmatch(f"gauger: {REFUSED}", err)


def test_what_was_recorded_under_an_epoch_that_nobody_serves_in_stays_readable(
    gauger: Gauger, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("t.jsonl").write_text("[1, 2, 3]\n")
    with monkeypatch.context() as earlier:  # when any name was taken
        earlier.setattr("gauger.edge.commitments.check_epoch", str)
        contexts = Path("contexts.csv")
        contexts.write_text(contexts.read_text().replace("2026-01-15/P28D", OFF))
        made = commit(gauger)
    assert OFF in Path("c/proofs.jsonl").read_text()
    assert gauger("reveal", "c", "--id", made["keys"][1], "--out", "r.json", "--master-env", "MASTER")[0] == 0
    assert gauger("verify", "r.json", "c/commitment.json")[0] == 0
    assert gauger("detect", "--tokens", "t.jsonl", "--revealed", "r.json")[0] == 0
