"""The command line. A verb is a file here and a line in ``VERBS``.

A verb returns its exit code: 0 nothing found, 1 findings (None is 0). What it raises becomes one line on stderr
and 2 usage or configuration, 3 outside failure, 4 verification failed, 70 a fault of Gauger's own. With
GAUGER_DEBUG=1 the traceback follows. 130 and 141 are the shell's codes for an interrupt and a closed pipe.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, TextIO

import typer
from typer.exceptions import TyperException

import gauger
from gauger.app.text import visible
from gauger.errors import ConfigError, ExchangeError, GaugerError, InputError, UnsupportedError, VerifyError

# A function is a command; a typer.Typer is a group of commands.
Verb = Callable[..., int | None] | typer.Typer


def _scan() -> Verb:
    from gauger.app.cli import scan  # noqa: PLC0415

    return scan.scan


def _simulate() -> Verb:
    from gauger.app.cli import simulate  # noqa: PLC0415

    return simulate.simulate


def _demo() -> Verb:
    from gauger.app.cli import demo  # noqa: PLC0415

    return demo.demo


def _evaluate() -> Verb:
    from gauger.app.cli import evaluate  # noqa: PLC0415

    return evaluate.app


def _watermark() -> Verb:
    from gauger.app.cli import watermark  # noqa: PLC0415

    return watermark.app


def _lineage() -> Verb:
    from gauger.app.cli import lineage  # noqa: PLC0415

    return lineage.app


def _case() -> Verb:
    from gauger.app.cli import case  # noqa: PLC0415

    return case.app


def _verify() -> Verb:
    from gauger.app.cli import verify  # noqa: PLC0415

    return verify.verify


# Of a verb only what it needs is loaded: a scan's engines take a second that a key's reader would wait for.
VERBS: dict[str, Callable[[], Verb]] = {
    "scan": _scan,
    "simulate": _simulate,
    "demo": _demo,
    "evaluate": _evaluate,
    "watermark": _watermark,
    "lineage": _lineage,
    "case": _case,
    "verify": _verify,
}

CODES: dict[type[Exception], int] = {
    InputError: 2,
    ConfigError: 2,
    UnsupportedError: 2,
    TyperException: 2,  # a wrong option or argument
    UnicodeEncodeError: 2,  # a name that is no UTF-8, where only UTF-8 can be written
    ExchangeError: 3,
    OSError: 3,
    VerifyError: 4,
}
FAULT, INTERRUPTED, PIPE_CLOSED = 70, 130, 141


def main() -> None:
    """The ``gauger`` program."""
    if sys.stderr is None:  # else what is said there would be printed on stdout
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        print("gauger: standard output is closed: what is found could not be said", file=sys.stderr)
        sys.exit(2)
    _speak(sys.stdout, as_json="--json" in sys.argv[1:])
    sys.exit(run(sys.argv[1:]))


def _speak(stream: TextIO, *, as_json: bool) -> None:
    """JSON is UTF-8 wherever it goes; of a table, what the terminal cannot show is spelt out. A finding is not lost."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8" if as_json else None, errors="strict" if as_json else "backslashreplace")


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        command = program(args)
        with command.make_context("gauger", list(args)) as context:
            code = command.invoke(context)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered must not fail again when the interpreter flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except typer.Exit as e:
        return int(e.exit_code)
    except BaseException as e:  # not all are an Exception (a panic of Rust); Python itself would exit with 1: findings
        return _failed(e)
    return int(code or 0)


def program(args: Sequence[str] = ()) -> Any:
    """The typer command made of ``VERBS``, or of the one that the arguments begin with."""
    return _made(tuple(VERBS.items()) if not args or args[0] not in VERBS else ((args[0], VERBS[args[0]]),))


@cache
def _made(verbs: tuple[tuple[str, Callable[[], Verb]], ...]) -> Any:
    app = typer.Typer(name="gauger", add_completion=False, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_options)
    for name, load in verbs:
        verb = load()
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name)
        else:
            app.command(name)(verb)
    return typer.main.get_command(app)


def _version(on: bool) -> None:
    if on:
        print(f"gauger {gauger.__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Gauger finds illicit distillation of a language model through its API."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


def _failed(error: BaseException) -> int:
    """Say what failed in one line, and give the exit code for it."""
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), None)
    if code is not None:
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        if isinstance(error, OSError) and error.filename:
            text = f"{error.filename}: {error.strerror}"
        if isinstance(error, UnicodeEncodeError):
            text = "a name or a text that was given is no UTF-8, and cannot be written: give it another"
    else:
        # The message of a fault may hold text from a log; its type does not.
        text = f"internal error ({type(error).__name__}); set GAUGER_DEBUG=1 to see where"
    code = FAULT if code is None else code
    if isinstance(error, GaugerError) and not text:
        text = type(error).__name__
    print(f"gauger: {visible(text)}", file=sys.stderr)
    if os.environ.get("GAUGER_DEBUG") == "1":
        traceback.print_exception(error)
    return code
