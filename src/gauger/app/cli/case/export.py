"""``gauger case export``: one file with all that another needs to check the case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gauger.app.case_bundling import export as bundle_of
from gauger.app.case_bundling import write_bundle
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.checkpoint import signing_key
from gauger.app.cli.case.options import STORE, CaseId, StoreAt, now, opened
from gauger.app.cli.output import say
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.edge.case.signing import read_public
from gauger.edge.small_files import exists
from gauger.model import canonical_json, digest


def export(
    case: CaseId,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The bundle to write.")],
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The log's key, which signs. Default: one for this bundle only.")
    ] = None,
    tsa: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A time-stamping authority (RFC 3161) to ask, each once.")
    ] = None,
    witness: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Public key of a witness: take its cosignatures along.")
    ] = None,
    store: StoreAt = STORE,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a case as one signed file, with the log's proofs. `gauger verify` checks it, offline and without us."""
    if out.exists() and not overwrite:
        raise exists(out)
    key = None if key_file is None else signing_key(key_file, passphrase_env, passphrase_fd)
    if key is None:
        say("no --key-file: this bundle is signed by a key of its own, so it shows no more than that it is whole")
    witnesses = [read_public(path) for path in witness or ()]
    with opened(store) as cases:
        data = bundle_of(cases, case, key, time=now, witnesses=witnesses, authorities=tsa or (), say=say)
    write_bundle(out, data, overwrite=overwrite)
    if as_json:
        told = {"schema": "gauger/case-exported/1", "case": case, "bundle": str(out), "digest": digest(data)}
        print(canonical_json({**told, "bytes": len(data)}).decode())
    else:
        print(f"{out}: {len(data):,} bytes, {digest(data)}")
