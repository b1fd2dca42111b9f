"""``gauger watermark commit``: commit to keys before they serve."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.watermark.master import KeyFile, MasterEnv, PassphraseEnv, PassphraseFd, read_master
from gauger.edge.commitments import COMMITMENT, PROOFS, read_contexts, write_commitment
from gauger.errors import ConfigError
from gauger.model import canonical_json, digest, to_plain
from gauger.watermark.commitment import ENTRY_BYTES
from gauger.watermark.commitment import commit as commit_keys
from gauger.watermark.keys import KeyContext, derive

MAX_ENTRIES = 1 << 20


def commit(
    out: Annotated[Path, typer.Option(help=f"Folder for {COMMITMENT} (publish it) and {PROOFS} (keep it).")],
    contexts: Annotated[Path | None, typer.Option(help="CSV, JSONL or Parquet with the six columns below.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Of one context, in place of --contexts: whose deployment.")
    ] = None,
    party: Annotated[str | None, typer.Option(help="A campaign's or an account's id, or fleet.")] = None,
    epoch: Annotated[str | None, typer.Option(help="The period, such as 2026-01-01/P28D.")] = None,
    model: Annotated[str | None, typer.Option(help="The served model.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="What its token ids mean.")] = None,
    scheme: Annotated[str | None, typer.Option(help="How marks are laid.")] = None,
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
    wanted = _contexts(contexts, (tenant, party, epoch, model, tokenizer, scheme))
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
        print(f"Publish {out / COMMITMENT} (digest {digest(commitment)}) before they serve. Keep {out / PROOFS}.")
    return 0


def _contexts(table: Path | None, fields: tuple[str | None, ...]) -> tuple[KeyContext, ...]:
    if table is not None and not any(fields):
        return read_contexts(table)
    if table is not None or None in fields:
        raise ConfigError("say what to commit to: --contexts, or all of --tenant, --party, ..., --scheme")
    names = KeyContext.__dataclass_fields__
    return (KeyContext(**{name: value or "" for name, value in zip(names, fields, strict=True)}),)


def _padding(count: int, pad_to: int | None) -> list[bytes]:
    size = 1 << (count - 1).bit_length() if pad_to is None else pad_to
    if size < count:
        raise ConfigError(f"--pad-to {size:,} is less than the {count:,} keys")
    return [secrets.token_bytes(ENTRY_BYTES) for _ in range(size - count)]
