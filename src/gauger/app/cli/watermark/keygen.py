"""``gauger watermark keygen``: a new master key, sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.names import utf8
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd, read_passphrase
from gauger.app.text import visible
from gauger.edge import keyring
from gauger.edge.small_files import check_new
from gauger.model import canonical_json


def keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The key file to write.")],
    from_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Seal the master key in this environment variable, not a new one."),
    ] = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE. Its keys are lost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Make a master key and seal it with a passphrase into a file that only you can read."""
    check_new(file, overwrite=overwrite)  # before anyone is asked for a passphrase
    master = keyring.new_master() if from_env is None else keyring.master_from_env(from_env)
    keyring.write_key_file(
        file, master, read_passphrase(passphrase_env, passphrase_fd, twice=True), overwrite=overwrite
    )
    made = {"schema": "gauger/keygen/1", "id": keyring.master_id(master), "file": utf8(file)}
    said = f"Master key {made['id']} sealed in {visible(str(file))}. Keep a copy apart."
    print(canonical_json(made).decode() if as_json else said)
    return 0
