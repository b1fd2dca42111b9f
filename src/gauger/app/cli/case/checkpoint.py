"""``gauger case checkpoint`` and ``witness``: the log's signed word on all entries, and somebody else's on that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.case_bundling import stamp_checkpoint
from gauger.app.case_logging import add_cosignature, sign_checkpoint, witness_step, write_request
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.options import STORE, StoreAt, now, opened
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd, read_passphrase
from gauger.case.checkpoint import parse_checkpoint
from gauger.case.signed_note import parse_note
from gauger.edge.case.signing import SigningKey, read_key, read_public
from gauger.edge.small_files import PUBLIC, read_small, write_new
from gauger.errors import ConfigError
from gauger.model import canonical_json

KeyFile = Annotated[Path, typer.Option(metavar="FILE", help="The key that signs; from `gauger case keygen`.")]
MAX_LINE = 1 << 16


def signing_key(path: Path, env: str | None, fd: int | None) -> SigningKey:
    """The key in a file; its passphrase is asked for if it is sealed."""
    if not path.exists():
        raise ConfigError(f"there is no key file {path}: `gauger case keygen {path} --name NAME` makes one")
    return read_key(path, lambda: read_passphrase(env, fd))


def checkpoint(
    key_file: KeyFile,
    request: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write what a witness is to be sent.")
    ] = None,
    seen: Annotated[int, typer.Option(min=0, metavar="N", help="How many entries the witness has seen.")] = 0,
    cosignature: Annotated[
        Path | None, typer.Option(metavar="FILE", help="In place of signing: a witness's line for one of those kept.")
    ] = None,
    witness_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --cosignature: the witness's public key.")
    ] = None,
    tsa: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A time-stamping authority (RFC 3161) that is to date it.")
    ] = None,
    store: StoreAt = STORE,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Sign all entries of all cases as they are. Do it after each plan: it shows that the plan came first."""
    if (cosignature is None) != (witness_key is None) or (cosignature and tsa):
        raise ConfigError("--cosignature goes with --witness-key, and without --tsa")
    key = signing_key(key_file, passphrase_env, passphrase_fd)
    with opened(store) as cases:
        if cosignature is not None and witness_key is not None:
            line = read_small(cosignature, MAX_LINE).decode("utf-8", "replace")
            text = add_cosignature(cases, line, key.public, read_public(witness_key))
        else:
            number, text = sign_checkpoint(cases, key)
            for url in tsa or ():
                stamp_checkpoint(cases, number, text, url)
        if request is not None:
            write_request(cases, text, seen, request)
    if as_json:
        size = parse_checkpoint(parse_note(text).text).size
        print(canonical_json({"schema": "gauger/case-checkpoint/1", "size": size, "note": text}).decode())
    else:
        sys.stdout.write(text)


def witness(
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="That `case checkpoint --request` wrote.")],
    log_key: Annotated[Path, typer.Option(metavar="FILE", help="The log's public key.")],
    key_file: KeyFile,
    state: Annotated[Path, typer.Option(metavar="FILE", help="What was seen of this log; made the first time.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the line there, too.")] = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """As a witness of somebody's log: cosign its checkpoint if it goes on from what was seen. Exits with 4 if not."""
    key = signing_key(key_file, passphrase_env, passphrase_fd)
    line = witness_step(request, state, read_public(log_key), key, int(now().timestamp()))
    if out is not None:
        write_new(out, line.encode(), mode=PUBLIC, overwrite=True)
    sys.stdout.write(line)
