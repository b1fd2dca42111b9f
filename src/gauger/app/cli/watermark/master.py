"""Where a verb takes keys from: a sealed file or the environment, never the command line, which others can read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.output import say
from gauger.app.cli.passphrase import read_passphrase
from gauger.edge import keyring
from gauger.edge.commitments import read_commitment, read_revealed
from gauger.errors import ConfigError, VerifyError
from gauger.watermark.commitment import UNSIZED, verify_key
from gauger.watermark.keys import Key, KeyContext, derive

Master = tuple[Path | None, str | None, str | None, int | None]
"""What ``read_master`` takes, in its order."""

KeyFile = Annotated[Path | None, typer.Option(help="Key file that holds the master key; from `keygen`.")]
MasterEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="Environment variable that holds the master key, in place of a file.")
]
Revealed = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="In place of a master and contexts: a key that `reveal` wrote; repeatable."),
]
Record = Annotated[
    Path | None,
    typer.Option("--commitment", metavar="FILE", help="The published commitment that each revealed key must be in."),
]


def read_master(
    key_file: Path | None, master_env: str | None, passphrase_env: str | None, passphrase_fd: int | None
) -> bytes:
    """The master, from a key file or the environment.

    Raises:
        ConfigError: none or both are named. And what ``keyring`` raises.
    """
    if master_env is not None and key_file is None:
        return keyring.master_from_env(master_env)
    if key_file is None or master_env is not None:
        raise ConfigError("say where the master key is: --key-file or --master-env")
    return keyring.read_key_file(key_file, read_passphrase(passphrase_env, passphrase_fd))


def derived(contexts: Sequence[KeyContext], master: Master) -> list[Key]:
    """The keys of contexts; raises as ``read_master``."""
    secret = read_master(*master)
    return [derive(secret, context) for context in contexts]


def revealed_keys(
    files: Sequence[Path] | None, record: Path | None, instead: Sequence[object], root: str = ""
) -> list[Key]:
    """The keys that others revealed, each held against the commitment if its record is given; none without files.

    Args:
        instead: options that name keys in another way. root: which the record must have, empty for any.

    Raises:
        ConfigError: keys are named in both ways, one key twice, or a record without revealed keys.
        VerifyError: a key is not in the commitment, or that is another than the root's. And what the readers raise.
    """
    if not files:
        if record is not None:
            raise ConfigError("--commitment is what revealed keys are checked against: it needs --revealed")
        return []
    if any(option is not None for option in instead):
        raise ConfigError("--revealed holds the keys and their contexts: leave out the master key and the contexts")
    found = [read_revealed(file) for file in files]
    if len({key.id for key, _ in found}) < len(found):
        raise ConfigError("--revealed: the same key twice")
    if record is not None:
        published = read_commitment(record)
        if published.algorithm == UNSIZED:
            say(f"{record} is an older record, and its root leaves its size open: compare its digest")
        if root not in ("", published.root):
            raise VerifyError(f"{record}: its root is {published.root}, but the plan's is {root}")
        for key, proof in found:
            verify_key(published, key, proof)
    return [key for key, _ in found]
