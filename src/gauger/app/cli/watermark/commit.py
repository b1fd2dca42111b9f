"""``gauger watermark commit``: commit to keys before they serve."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.watermark.contexts import Contexts, Epoch, Model, Party, SchemeName, Tenant, Tokenizer, chosen
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, read_master
from gauger.app.text import visible
from gauger.edge.commitments import COMMITMENT, PROOFS, write_commitment
from gauger.errors import ConfigError
from gauger.model import canonical_json, digest, to_plain
from gauger.watermark.commitment import ENTRY_BYTES
from gauger.watermark.commitment import commit as commit_keys
from gauger.watermark.keys import derive
from gauger.watermark.naming import scheme_named

MAX_ENTRIES = 1 << 20


def commit(
    out: Annotated[Path, typer.Option(help=f"Folder for {COMMITMENT} (publish it) and {PROOFS} (keep it).")],
    contexts: Contexts = None,
    tenant: Tenant = None,
    party: Party = None,
    epoch: Epoch = None,
    model: Model = None,
    tokenizer: Tokenizer = None,
    scheme: SchemeName = None,
    key_file: KeyFile = None,
    master_env: MasterEnv = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    pad_to: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_ENTRIES, help="Entries in all, random ones included. Default: the next power of 2."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files. What was committed cannot be proved any more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Commit to the keys of contexts; publish the record before the keys serve."""
    wanted = chosen(contexts, (tenant, party, epoch, model, tokenizer, scheme))
    for name in {context.scheme for context in wanted}:
        scheme_named(name)  # a key that nothing can read would prove nothing
    padding = _padding(len(wanted), pad_to)
    master = read_master(key_file, master_env, passphrase_env, passphrase_fd)
    keys = [derive(master, context) for context in wanted]
    commitment, proofs = commit_keys(keys, created=datetime.now(UTC).replace(microsecond=0), padding=padding)
    write_commitment(out, commitment, keys, proofs, overwrite=overwrite)
    if as_json:
        made = {"schema": "gauger/commit/1", "commitment": to_plain(commitment), "digest": digest(commitment)}
        print(canonical_json({**made, "keys": [key.id for key in keys]}).decode())
    else:
        print(f"{len(keys):,} keys among {commitment.size:,} entries, root {commitment.root}")
        public, private = (visible(str(out / name)) for name in (COMMITMENT, PROOFS))
        print(f"Publish {public} (digest {digest(commitment)}) before they serve. Keep {private}.")
    return 0


def _padding(count: int, pad_to: int | None) -> list[bytes]:
    size = 1 << (count - 1).bit_length() if pad_to is None else pad_to
    if size < count:
        raise ConfigError(f"--pad-to {size:,} is less than the {count:,} keys")
    return [secrets.token_bytes(ENTRY_BYTES) for _ in range(size - count)]
