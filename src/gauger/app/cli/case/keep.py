"""``gauger case keep``: raw text in a sealed store, each read and each erasure in the case's chain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gauger.app import case_keeping
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case import keep_canary
from gauger.app.cli.case.keep_options import Folder, Object, PassphraseEnv, PassphraseFd, Why, unlocked
from gauger.app.cli.case.options import STORE, Author, CaseId, StoreAt, now, opened, writer
from gauger.app.cli.output import say
from gauger.app.cli.passphrase import read_passphrase
from gauger.app.text import visible
from gauger.case import retention
from gauger.edge.case.sealed import create, write_out
from gauger.edge.small_files import write_new
from gauger.errors import ConfigError
from gauger.model import canonical_json

app = typer.Typer(help="Raw prompts and outputs in a sealed store.")
app.add_typer(keep_canary.app, name="canary")


@app.command()
def new(folder: Folder, passphrase_env: PassphraseEnv = None, passphrase_fd: PassphraseFd = None) -> int:
    """Make a sealed store. Whoever loses the passphrase loses all that is in it."""
    if (folder / "master.json").exists():
        raise ConfigError(f"{folder} is a sealed store")  # before anyone is asked for a passphrase
    create(folder, read_passphrase(passphrase_env, passphrase_fd, twice=True))
    print(f"Sealed store made in {visible(str(folder))}.")
    return 0


@app.command()
def passphrase(
    folder: Folder,
    new_passphrase_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Environment variable that holds the new passphrase.")
    ] = None,
    new_passphrase_fd: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="File descriptor whose first line is the new passphrase.")
    ] = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
) -> int:
    """Change the passphrase. A copy of the old master.json still opens with the old one: destroy its backups."""
    sealed = unlocked(folder, passphrase_env, passphrase_fd)
    sealed.change_passphrase(read_passphrase(new_passphrase_env, new_passphrase_fd, twice=True))
    print("The passphrase is another from now on.")
    return 0


@app.command()
def put(
    folder: Folder,
    case: CaseId,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to seal; - for stdin. It is left as it is.")],
    text: Annotated[str, typer.Option(metavar="TEXT", help="What it is, for the chain; nothing of the raw text.")],
    kind: Annotated[str, typer.Option("--class", help=f"One of {', '.join(retention.CLASSES)}.")] = "raw",
    days: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Keep it so long. Default: by its class.")
    ] = None,
    store: StoreAt = STORE,
    author: Author = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> int:
    """Seal a file and enter it into the case. Prints the object's name."""
    sealed = unlocked(folder, passphrase_env, passphrase_fd)
    with opened(store) as cases, sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
        kept = case_keeping.put(
            cases, sealed, case, source, kind=kind, days=days, text=text, author=writer(author), time=now()
        )
    print(
        canonical_json({"schema": "gauger/kept/1", "case": case, **_plain(kept)}).decode() if as_json else kept.object
    )
    return 0


@app.command()
def get(
    folder: Folder,
    case: CaseId,
    name: Object,
    why: Why,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file. Default: stdout.")] = None,
    salt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write its salt, by which others can check its name.")
    ] = None,
    store: StoreAt = STORE,
    author: Author = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
) -> int:
    """Read an object. The case says who and why before anything is opened."""
    for path in (out, salt_out):
        if path is not None and path.exists():
            raise ConfigError(f"{path} exists: name another file")
    sealed = unlocked(folder, passphrase_env, passphrase_fd)
    with opened(store) as cases:
        pieces = case_keeping.read(cases, sealed, case, name, why=why, author=writer(author), time=now())
    if salt_out is not None:
        write_new(salt_out, sealed.salt(name, case).encode() + b"\n")
    if out is not None:
        write_out(out, pieces)
    else:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


@app.command("list")
def listed(case: CaseId, store: StoreAt = STORE, as_json: AsJson = False) -> int:
    """What the case keeps, until when, and what was erased. Takes no passphrase."""
    with opened(store) as cases:
        found = retention.kept(cases.case(case))
    at = now()
    if as_json:
        document = {"schema": "gauger/kept-list/1", "case": case, "objects": [_plain(k) for k in found.values()]}
        print(canonical_json(document).decode())
        return 0
    for k in found.values():
        state = f"erased {k.erased}" if k.erased else "on hold" if k.held else "due" if k.due(at) else "kept"
        print(visible(f"{k.object} {k.kind} {k.size:,} bytes until {k.until:%Y-%m-%d}: {state}", 2000))
    return 0


@app.command()
def hold(case: CaseId, name: Object, why: Why, store: StoreAt = STORE, author: Author = None) -> int:
    """Put an object on legal hold: nothing erases it."""
    _hold(case, name, store, author, why, on=True)
    return 0


@app.command()
def release(case: CaseId, name: Object, why: Why, store: StoreAt = STORE, author: Author = None) -> int:
    """Take an object off legal hold. Counsel only."""
    _hold(case, name, store, author, why, on=False)
    return 0


@app.command()
def erase(
    folder: Folder,
    case: CaseId,
    name: Object,
    why: Why,
    store: StoreAt = STORE,
    author: Author = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
) -> int:
    """Destroy an object's key and bytes. Counsel only, and not on hold; again, it finishes what a kill left."""
    sealed = unlocked(folder, passphrase_env, passphrase_fd)
    with opened(store) as cases:
        gone = case_keeping.erase(cases, sealed, case, name, why=why, author=writer(author), time=now())
    print(f"Erased. Tombstone {gone.erased}")
    return 0


@app.command()
def expire(
    folder: Folder,
    store: StoreAt = STORE,
    author: Author = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> int:
    """Erase what is due in all cases, but what is on hold, and what a kill left behind. Counsel only.

    What no case of this store speaks of is left, and it exits with 1: another store may keep it.
    """
    sealed = unlocked(folder, passphrase_env, passphrase_fd)
    with opened(store) as cases:
        done = case_keeping.expire(cases, sealed, author=writer(author), time=now())
    if done.remains is None:
        say("somebody is putting something just now: remains of kills were not looked for")
    if done.strange:
        of = ", ".join(sorted({case or "unknown" for case in done.strange.values()}))
        say(
            f"left: {len(done.strange)} objects that this case store has never heard of. Another may keep them: "
            f"name that one (their cases: {of})"
        )
    if as_json:
        rows = {"erased": [_plain(k) for k in done.erased], "held": [_plain(k) for k in done.held]}
        strange = [{"object": name, "case": case} for name, case in done.strange.items()]
        more = {"remains": done.remains, "strange": strange}
        print(canonical_json({"schema": "gauger/expired/1", **rows, **more}).decode())
    else:
        print(f"{len(done.erased)} erased, {len(done.held)} due but on hold, {done.remains or 0} remains destroyed.")
    return int(bool(done.strange))


def _hold(case: str, name: str, store: str, author: str | None, why: str, *, on: bool) -> None:
    with opened(store) as cases:
        case_keeping.hold(cases, case, name, on=on, why=why, author=writer(author), time=now())
    print("On hold." if on else "Released.")


def _plain(kept: retention.Kept) -> dict[str, object]:
    return {
        "object": kept.object,
        "class": kept.kind,
        "until": kept.until,
        "bytes": kept.size,
        "by": kept.by,
        "held": kept.held,
        "erased": kept.erased,
    }
