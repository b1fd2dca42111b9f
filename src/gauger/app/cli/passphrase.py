"""Where a verb takes a passphrase from: never from the command line, which others can read."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from gauger.edge import keyring
from gauger.errors import ConfigError

PassphraseEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="Environment variable that holds the passphrase.")
]
PassphraseFd = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="File descriptor whose first line is the passphrase.")
]


def read_passphrase(env: str | None, fd: int | None, *, twice: bool = False) -> str:
    """The passphrase, from the environment, a descriptor, or the terminal (``twice``: a new one).

    Raises:
        ConfigError: both are named, there is no terminal, the typing was ended, or the two that were typed differ.
    """
    if env is not None and fd is not None:
        raise ConfigError("take the passphrase from --passphrase-env or from --passphrase-fd, not from both")
    if env is not None:
        return keyring.passphrase_from_env(env)
    if fd is not None:
        return keyring.passphrase_from_fd(fd)
    if not sys.stdin.isatty():
        raise ConfigError("no terminal to ask for the passphrase: use --passphrase-env or --passphrase-fd")
    return _ask(getpass.getpass, twice)


def _ask(prompt: Callable[[str], str], twice: bool) -> str:
    try:
        typed = prompt("Passphrase: ")
        again = prompt("The same again: ") if twice else typed
    except EOFError:  # Ctrl-D
        raise ConfigError("no passphrase was typed: nothing was done") from None
    if again != typed:
        raise ConfigError("the two passphrases differ: nothing was written")
    return typed
