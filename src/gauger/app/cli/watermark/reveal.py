"""``gauger watermark reveal``: write one key and its proof for another to check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.names import utf8
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, read_master
from gauger.app.text import visible
from gauger.edge.commitments import COMMITMENT, PROOFS, find_proof, read_commitment, write_revealed
from gauger.edge.small_files import check_new
from gauger.model import canonical_json
from gauger.watermark.commitment import verify_key
from gauger.watermark.keys import derive


def reveal(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `gauger watermark commit --out DIR` wrote.")],
    key_id: Annotated[str, typer.Option("--id", help=f"The key's id, from {PROOFS}.")],
    out: Annotated[Path, typer.Option(help="File for the key, its secret and its proof.")],
    key_file: KeyFile = None,
    master_env: MasterEnv = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Reveal one key, if it holds against its commitment. Whoever has it can find, remove and forge its marks."""
    check_new(out, overwrite=overwrite)
    row = find_proof(folder / PROOFS, key_id)
    commitment = read_commitment(folder / COMMITMENT)
    master = read_master(key_file, master_env, passphrase_env, passphrase_fd)
    key = verify_key(commitment, derive(master, row.context), row.proof)
    write_revealed(out, key, row.proof, overwrite=overwrite)
    made = {"schema": "gauger/reveal/1", "id": key.id, "file": utf8(out)}
    print(canonical_json(made).decode() if as_json else f"{key.id} is in {visible(str(out))}, with its secret.")
    return 0
