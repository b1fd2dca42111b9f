"""``gauger case webhook``: tell other systems that a case has a new entry, signed."""

from __future__ import annotations

import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gauger.app import case_webhooks
from gauger.app.case_webhooks import Attempt
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case import webhook_serve
from gauger.app.cli.case.options import STORE, StoreAt, opened
from gauger.app.cli.output import say
from gauger.app.text import visible
from gauger.case.entries import KINDS, case_id
from gauger.edge.case.outbox import ATTEMPTS, FIRST_WAIT_S, Endpoint, Outbox
from gauger.edge.small_files import exists, write_new
from gauger.errors import ConfigError, ExchangeError
from gauger.model import canonical_json

LOOK_S = 1.0

app = typer.Typer(help="Signed webhooks for what happens in cases.")
app.command("serve-test")(webhook_serve.serve_test)

Folder = Annotated[
    Path, typer.Option("--folder", envvar="GAUGER_WEBHOOKS", metavar="FOLDER", help="Where endpoints are kept.")
]
FOLDER = Path("webhooks")
Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="As `list` names it.")]
SecretOut = Annotated[
    Path | None, typer.Option("--secret-out", metavar="FILE", help="A new file for the secret, to hand over.")
]


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://host/path")],
    secret_out: SecretOut = None,
    case: Annotated[list[str] | None, typer.Option(metavar="CASE", help="Of these cases only.")] = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Of these kinds of entry only.")] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Of the entries that there are, too.")] = False,
    attempts: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Give up after so many.")] = ATTEMPTS,
    first_wait: Annotated[
        float, typer.Option(min=0.01, max=86400, metavar="SECONDS", help="After the first; it grows fourfold.")
    ] = FIRST_WAIT_S,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Its host may be in a private net.")] = False,
    allow_http_loopback: Annotated[
        bool, typer.Option("--allow-http-loopback", help="Without TLS, to this machine only.")
    ] = False,
    authority: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificates to trust in place of the system's.")
    ] = None,
    store: StoreAt = STORE,
    folder: Folder = FOLDER,
    as_json: AsJson = False,
) -> int:
    """Add an endpoint with a new secret, which goes into a file: hand that to the receiver, and delete it."""
    if secret_out is None:
        raise ConfigError("say --secret-out FILE: the receiver needs the secret")
    if secret_out.exists():
        raise exists(secret_out)
    if unknown := set(kind or ()) - set(KINDS):
        raise ConfigError(f"unknown kind of entry {sorted(unknown)[0]!r}: {', '.join(KINDS)}")
    with opened(store) as cases:
        since = 0 if from_start else len(cases.leaves())
    endpoint = case_webhooks.new_endpoint(
        url,
        since=since,
        cases=[case_id(name) for name in case or ()],
        kinds=kind or [],
        attempts=attempts,
        first_wait_s=first_wait,
        private=allow_private,
        http=allow_http_loopback,
        authority=str(authority.resolve()) if authority else "",
    )
    Outbox(folder).add(endpoint)
    write_new(secret_out, endpoint.secrets[0].encode() + b"\n")
    print(canonical_json({"schema": "gauger/webhook-added/1", "id": endpoint.id}).decode() if as_json else endpoint.id)
    return 0


@app.command("list")
def listed(store: StoreAt = STORE, folder: Folder = FOLDER, as_json: AsJson = False) -> int:
    """All endpoints, and where each case stands at each. Secrets are not shown."""
    outbox = Outbox(folder)
    with opened(store) as cases:
        sizes = {case: len(cases.case(case).entries) for case in cases.cases()}
    rows = [_row(outbox, endpoint, sizes) for endpoint in outbox.endpoints()]
    if as_json:
        print(canonical_json({"schema": "gauger/webhooks/1", "endpoints": rows}).decode())
        return 0
    for row in rows:
        print(visible(f"{row['id']} {row['url']}{' (wants no more)' if row['gone'] else ''}"))
        for case, at in row["cases"].items():
            waits = f"; {at['stopped']}" if at["stopped"] else ""
            print(visible(f"  {case}: {at['seq']} of {sizes[case]} entries passed{waits}"))
    return 0


@app.command()
def rotate(
    name: Name,
    secret_out: SecretOut = None,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Sign with the newest secret only, from now.")] = False,
    folder: Folder = FOLDER,
) -> int:
    """Sign with one more secret. Once the receiver has it, drop the old ones."""
    if (secret_out is None) != drop_old:
        raise ConfigError("say --secret-out FILE for a new secret, or --drop-old for the newest alone")
    if secret_out is not None and secret_out.exists():
        raise exists(secret_out)
    outbox = Outbox(folder)
    outbox.get(name)
    with outbox.sole(name) as alone:
        if not alone:
            raise ConfigError(f"{name} is being sent to just now: try again")
        endpoint = case_webhooks.rotated(outbox.get(name), drop=drop_old)
        if secret_out is not None:
            write_new(secret_out, endpoint.secrets[-1].encode() + b"\n")
        outbox.replace(endpoint)
    print(f"{name} signs with its secrets, {len(endpoint.secrets)} in all.")
    return 0


@app.command()
def remove(name: Name, folder: Folder = FOLDER) -> int:
    """Forget an endpoint and its secrets."""
    Outbox(folder).remove(name)
    print(f"{name} is forgotten.")
    return 0


@app.command()
def send(
    store: StoreAt = STORE,
    folder: Folder = FOLDER,
    keep_on: Annotated[
        float, typer.Option("--for", min=0, metavar="SECONDS", help="Go on for so long: retries, new entries.")
    ] = 0,
    again: Annotated[bool, typer.Option("--again", help="Try anew, and now, what waits or was given up.")] = False,
    as_json: AsJson = False,
) -> int:
    """Send what is due. Exits with 1 if something waits for another attempt, with 3 if something was given up."""
    outbox, until = Outbox(folder), time.monotonic() + keep_on
    made, first_round, jitter = list[Attempt](), True, secrets.SystemRandom().random
    failed: ExchangeError | None = None
    with opened(store) as cases:
        while True:
            last = []
            try:
                for attempt in case_webhooks.send(cases, outbox, clock=_clock, jitter=jitter, again=again):
                    last.append(attempt)
                    if first_round or (attempt.why and attempt not in made):
                        _say(attempt, as_json=as_json)
                made, again, first_round, failed = last, False, False, None
            except ExchangeError as error:
                if not (error.retry and keep_on):
                    raise
                if failed is None:
                    say(f"{error}; trying again")
                failed = error
            if (left := until - time.monotonic()) <= 0:
                break
            time.sleep(min(LOOK_S, left, *(a.again_s for a in last if a.state == "waits")))
    if failed is not None:
        raise failed
    stopped = [a for a in made if a.state in ("stopped", "gone")]
    if stopped:
        raise ExchangeError(
            f"{len(stopped)} given up, the first: {stopped[0].endpoint}, case {stopped[0].case}: {stopped[0].why}; "
            "mend the receiver, then `gauger case webhook send --again`"
        )
    return int(any(a.state in ("waits", "busy") for a in made))


def _say(attempt: Attempt, *, as_json: bool) -> None:
    if as_json:
        print(canonical_json({"schema": "gauger/webhook-attempt/1", **_plain(attempt)}).decode())
    else:
        again = f"; again in {attempt.again_s:,.0f} s" if attempt.state == "waits" else ""
        what = f" {attempt.case} entry {attempt.seq}" if attempt.case else ""
        print(visible(f"{attempt.endpoint}{what}: {attempt.state} {attempt.why}{again}"))
    sys.stdout.flush()


def _plain(attempt: Attempt) -> dict[str, object]:
    return {name: getattr(attempt, name) for name in Attempt.__slots__}


def _row(outbox: Outbox, endpoint: Endpoint, cases: dict[str, int]) -> dict[str, Any]:
    told = {case: outbox.progress(endpoint.id, case) for case in cases}
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "secrets": len(endpoint.secrets),
        "kinds": endpoint.kinds,
        "gone": endpoint.gone,
        "cases": {
            case: {"seq": at.seq, "attempts": at.attempts, "stopped": at.stopped}
            for case, at in told.items()
            if not endpoint.cases or case in endpoint.cases
        },
    }


def _clock() -> float:
    return datetime.now(UTC).timestamp()
