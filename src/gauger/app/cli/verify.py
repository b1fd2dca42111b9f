"""``gauger verify``: what does a bundle show? Offline, and by code that shares nothing with what made it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.output import Output
from gauger.app.text import visible
from gauger.case.signed_note import WITNESS
from gauger.edge.small_files import read_small
from gauger.errors import ConfigError, InputError, UnsupportedError, VerifyError
from gauger.model import canonical_json

if TYPE_CHECKING:
    from gauger.verify import Report, Trusted

MAX_BUNDLE, MAX_KEY = 1 << 26, 1 << 16
LONG = 2000


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What `gauger case export` wrote.")],
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A public key you trust: FILE.pub of keygen, or PEM; one must have signed."),
    ] = None,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Certificates (PEM) of time-stamping authorities you trust."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Check as of then. Default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a case that somebody gave you. Says what is proven and what is only asserted; exits with 4 if it fails."""
    time = _time(at)
    trusted = [_trusted(path) for path in key or ()]
    roots = [_certificates(path) for path in tsa_root or ()]
    from gauger.verify import verify as check  # noqa: PLC0415

    try:
        report = check(read_small(bundle, MAX_BUNDLE), trusted, time, roots)
    except (VerifyError, UnsupportedError) as error:
        raise VerifyError(f"{bundle}: NOT VERIFIED: {error}") from None
    if as_json:
        print(canonical_json({"schema": "gauger/verified/1", "verified": True, **_plain(report)}).decode())
    else:
        _show(report)


def _plain(report: Report) -> dict[str, Any]:
    return {
        "case": report.case,
        "entries": [f"sha256:{name}" for name in report.entries],
        "sealed": report.sealed,
        "signer": report.signer,
        "trusted": report.trusted,
        "proven": report.proven,
        "asserted": report.asserted,
        "evidence": report.numbers,
    }


def _show(report: Report) -> None:
    console = Output()
    console.print(Text(f"case {report.case}: VERIFIED", style="bold"))
    if not report.trusted:
        console.print(Text("No key of yours: this shows that the bundle is whole, not whose it is. Say --key FILE."))
    for head, claims in (("proven", report.proven), ("asserted only", report.asserted)):
        console.print(Text(f"\n{head}", style="bold"))
        console.print(_listed("  -", claims))
    if not report.numbers:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("entry", "subject", "method", "kind", "n", "log10 e", "chance at most"):
        table.add_column(name, overflow="fold", justify="right" if name in ("entry", "n", "log10 e") else "left")
    for row in report.numbers:
        words = [visible(str(row[name]), 200) for name in ("subject", "method", "kind")]
        style = "" if row["corrected_by"] is None else "strike dim"
        cells = (str(row["entry"]), *words, f"{row['n']:,}", *_strength(row))
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
    console.print(Text("Chance of as much, if the null is true and nobody searched for the subject among many. Nulls:"))
    for row in report.numbers:
        corrected = "" if row["corrected_by"] is None else f"CORRECTED by entry {row['corrected_by']}; it was: "
        console.print(_listed(f"  {row['entry']}", [corrected + row["null"]]))


def _listed(mark: str, texts: Iterable[str]) -> Table:
    """Each text beside its mark, folded beside it too."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for text in texts:
        grid.add_row(Text(mark), Text(visible(text, LONG)))
    return grid


def _strength(row: Mapping[str, Any]) -> tuple[str, str]:
    """log10 e, never above the true one, and the chance, never below it."""
    if row["log10_e"] == "-inf":
        return "-inf", "1"
    number = math.floor(row["log10_e"] * 100 + 1e-6) / 100 + 0.0
    return f"{number:.2f}", f"10^-{number:.2f}" if number > 0 else "1"


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("--at is a time such as 2026-11-22 or 2026-11-22T10:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _trusted(path: Path) -> Trusted:
    """A verifier key, a public key in PEM, or a certificate, which also says from when to when."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
        from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError("bundles need cryptography and rfc3161-client: pip install 'gauger[case]'") from None
    from gauger.edge.case.signing import read_public  # noqa: PLC0415
    from gauger.verify import Trusted  # noqa: PLC0415

    data = read_small(path, MAX_KEY)
    if not data.startswith(b"-----BEGIN "):
        found = read_public(path)
        return Trusted(public=found.public, witness=found.kind == WITNESS, name=found.name)
    try:
        certificate = load_pem_x509_certificate(data) if b"BEGIN CERTIFICATE" in data else None
        public = certificate.public_key() if certificate else load_pem_public_key(data)
    except ValueError:
        raise InputError("is no public key or certificate in PEM", source=str(path)) from None
    if not isinstance(public, Ed25519PublicKey):
        raise InputError("is no Ed25519 key: bundles are signed with these", source=str(path))
    if certificate is None:
        return Trusted(public=public.public_bytes_raw())
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Trusted(public=public.public_bytes_raw(), not_before=first, not_after=last)


def _certificates(path: Path) -> bytes:
    """PEM that holds certificates.

    Raises:
        InputError: it holds none.
    """
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    data = read_small(path, MAX_KEY << 4)
    try:
        load_pem_x509_certificates(data)
    except ValueError:
        raise InputError("holds no certificates in PEM", source=str(path)) from None
    return data
