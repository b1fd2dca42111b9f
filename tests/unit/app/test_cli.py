"""Exit codes, one line on stderr, nothing of the log in it; and the evaluate verb end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gauger
from gauger import errors
from gauger.app import cli

SCAN = "account,org,exchanges,score,log10_e,flagged,campaign\na,o,9,2,1,1,c\nb,o,9,2,1,1,c\nn,p,1,0,0,0,\n"
TRUTH = "account,org,kind,label,campaign\na,o,campaign:x,1,x\nb,o,campaign:x,1,x\nn,p,chat,0,\n"


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int | None]], int]:
    """Run a function as the verb ``try``."""
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)

    def go(body: Callable[[], int | None]) -> int:
        def command() -> int | None:
            return body()

        monkeypatch.setitem(cli.VERBS, "try", lambda: command)
        return cli.run(["try"])

    return go


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputError("bad", source="f", line=3), 2),
        (errors.ConfigError("bad"), 2),
        (errors.UnsupportedError("bad"), 2),
        (errors.ExchangeError("bad"), 3),
        (PermissionError(13, "bad", "f"), 3),
        (errors.VerifyError("bad"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_map_to_codes(verb, capsys, error: BaseException, code: int) -> None:
    assert verb(raising(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    if code != 130:
        assert err.startswith("gauger: ")
        assert "bad" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (1, 1), (None, 0)])
def test_a_verb_returns_its_code(verb, returned: int | None, code: int) -> None:
    assert verb(lambda: returned) == code


def test_an_error_is_one_visible_line(verb, capsys) -> None:
    verb(raising(errors.InputError("a\nb\x1b[2J\u202e")))
    assert capsys.readouterr().err == "gauger: a b⟨U+001B⟩[2J⟨U+202E⟩\n"


def test_a_fault_shows_no_text_of_the_log(verb, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verb(raising(ValueError("a user's prompt"))) == 70
    err = capsys.readouterr().err
    assert "internal error (ValueError)" in err
    assert "prompt" not in err
    monkeypatch.setenv("GAUGER_DEBUG", "1")
    verb(raising(ValueError("a user's prompt")))
    assert "Traceback" in capsys.readouterr().err


def test_what_is_no_exception_is_a_fault_and_never_a_finding(verb, capsys) -> None:
    class Panic(BaseException):
        """As Rust's, of a package."""

    for error in (Panic("a user's prompt"), SystemExit(1), SystemExit(0)):
        assert verb(raising(error)) == 70
        assert capsys.readouterr().err.startswith(f"gauger: internal error ({type(error).__name__});")


def program(*args: str, redirected: str = "", say: str = "'M\\u00fcller'", **env: str) -> Any:
    """Run a verb that prints, as a program of its own whose streams the shell has redirected."""
    code = (
        "import sys; from gauger.app import cli\n"
        f"def verb(json: bool = False) -> int:\n    print({say}); return 1\n"
        "cli.VERBS['try'] = lambda: verb\n"
        "cli.main()"
    )
    words = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", code, "try", *args]
    return subprocess.run(words, capture_output=True, env={**os.environ, **env}, timeout=60, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_finding_is_not_lost_to_the_terminals_alphabet(encoding: str) -> None:
    said = program("--json", PYTHONIOENCODING=encoding)
    assert (said.returncode, said.stdout.decode()) == (1, "Müller\n"), said.stderr
    said = program(PYTHONIOENCODING=encoding)
    shown = "M\\xfcller\n" if encoding == "ascii" else "Müller\n"
    assert (said.returncode, said.stdout.decode(encoding)) == (1, shown), said.stderr


def test_closed_streams_are_said_and_no_fault() -> None:
    said = program(redirected=">&-")
    assert (said.returncode, said.stderr) == (
        2,
        b"gauger: standard output is closed: what is found could not be said\n",
    )
    said = program(redirected="2>&-", say="sys.stderr and 1")
    assert (said.returncode, said.stdout) == (1, b"1\n")
    reads = "list(__import__('gauger.edge.inputs').edge.inputs.pieces('-'))"
    said = program(redirected="<&-", say=reads)
    assert (said.returncode, said.stderr) == (2, b"gauger: -: standard input is closed\n")


def test_a_name_that_is_no_utf8_is_no_fault(verb, capsys) -> None:
    assert verb(lambda: len("\udce9".encode())) == 2
    assert "is no UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["nosuch"], ["evaluate", "scan"], ["evaluate", "scan", "a", "b", "--nosuch"]])
def test_wrong_usage_is_code_2_on_one_line(capsys, args: list[str]) -> None:
    assert cli.run(args) == 2
    err = capsys.readouterr().err
    assert err.startswith("gauger: ")
    assert err.count("\n") == 1


def test_help_and_version(capsys) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"gauger {gauger.__version__}\n"
    assert cli.run(["--help"]) == 0
    assert "evaluate" in capsys.readouterr().out
    assert cli.run([]) == 2
    assert "Usage: gauger" in capsys.readouterr().err


@pytest.fixture
def scan(tmp_path: Path) -> list[str]:
    (tmp_path / "accounts.csv").write_text(SCAN)
    (tmp_path / "truth.csv").write_text(TRUTH)
    return ["evaluate", "scan", str(tmp_path), str(tmp_path / "truth.csv")]


def test_evaluate_prints_tables(scan: list[str], capsys) -> None:
    assert cli.run(scan) == 0
    out = capsys.readouterr().out
    for said in ("TPR at 0.1 % FPR", "1.0000 [1.0000, 1.0000]", "campaign:x", "Jaccard", "not available"):
        assert said in out


def test_evaluate_prints_json(scan: list[str], capsys) -> None:
    assert cli.run([*scan, "--json", "--seed", "7"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "gauger/scan-evaluation/1"
    assert found["figures"]["auroc"] == {"value": 1, "low": 1, "high": 1}
    assert found["seed"] == 7
    assert found["campaigns"][0]["jaccard"] == 1


def test_evaluate_names_what_is_missing(scan: list[str], capsys) -> None:
    (Path(scan[2]) / "accounts.csv").unlink()
    assert cli.run(scan) == 2
    assert "accounts.csv" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet(scan: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = f"import sys; from gauger.app import cli; sys.argv[1:] = {scan!r}; cli.main()"
    ran = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_the_program_is_a_module_too() -> None:
    ran = subprocess.run([sys.executable, "-m", "gauger", "--version"], capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, f"gauger {gauger.__version__}\n".encode())
