"""A case's campaigns and evidence computed again from their inputs, and held against what was written then.

A command may come from a stranger's document, so it is not run as it stands: only verbs that judge are, with their
options as a list and never by a shell, in a process that asks no endpoint, on copies of what they would write to.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gauger.app.case_documents import SCAN, Row, campaign_rows, evidence_rows
from gauger.case.entries import standing
from gauger.errors import ConfigError, GaugerError, UnsupportedError
from gauger.model import Case, Entry, canonical_json, digest

OFFLINE = "GAUGER_OFFLINE"
Output = Literal["folder", "file", "copy"]
VERBS: Mapping[tuple[str, ...], Mapping[str, Output]] = {
    ("scan",): {"--out": "folder"},
    ("watermark", "detect"): {},
    ("watermark", "radioactivity", "judge"): {},
    ("watermark", "radioactivity", "run"): {"--answers": "copy"},
    ("lineage", "behaviour"): {"--out": "file"},
    ("lineage", "weights"): {"--out": "file"},
    ("lineage", "ghosts", "test"): {"--out": "copy"},
    ("lineage", "canaries", "test"): {"--out": "copy"},
}
"""Verbs that can be run again, and where they write: to a fresh place, or to a copy of what is there."""

NOT_PASSED = ("--api-key-env", "--remote", "--engine", "--keep-work", "--overwrite", "--blind", "--plan-only")
FLAGS = ("--keep-work", "--overwrite", "--blind", "--plan-only")  # of these, those without a value
# Python's own path is settled before the folder is entered: a stranger's numpy.py in there is data, not a module.
PROGRAM = "import os, sys; from gauger.app.cli import main; os.chdir(sys.argv.pop(1)); main()"
ELSEWHERE = frozenset({"command", "document", "gauger", "source"})  # in an entry: of one file and release
DECIDES = frozenset({"alpha", "calibration", "candidate", "fdr", "plan", "verdict"})  # were it in an entry alone
MAX_COPIED = 4 << 30
SAID = 300  # characters of what a failed verb said

Word = Literal["same", "differs", "cannot be run again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One entry, run again. method: of its evidence, or "campaign". why: what differs, or why it could not be run."""

    seq: int
    method: str
    word: Word
    why: str


def replay(
    case: Case, at: Path, say: Callable[[str], None], *, timeout_s: float, passphrase_env: str | None = None
) -> list[Replayed]:
    """Run the commands of all standing campaigns and evidence, each once.

    Args:
        at: the folder that the commands' paths are relative to. passphrase_env: variable with that of key files, for
            commands that had it from a descriptor or a terminal.

    Raises:
        ConfigError: there is no such folder.
    """
    if not at.is_dir():
        raise ConfigError(f"{at} is no folder: --at is where the commands were run")
    commands = dict[tuple[str, str], list[Entry]]()
    for entry in standing(case):
        if entry.kind in ("campaign", "evidence"):
            schema = SCAN if entry.kind == "campaign" else str(entry.body.get("schema", ""))
            commands.setdefault((str(entry.body.get("command", "")), schema), []).append(entry)
    found = list[Replayed]()
    for (command, schema), entries in commands.items():
        try:
            words = _answered(_allowed(command), passphrase_env)
            made = _made(words, schema, {_about(e.kind, e.body) for e in entries}, at, say, timeout_s)
        except (GaugerError, OSError) as error:  # of one command: the others are run all the same
            found += [_told(e, "cannot be run again", str(error)[:SAID]) for e in entries]
            continue
        found += [_held(e, made) for e in entries]
    return sorted(found, key=lambda row: row.seq)


def _about(kind: str, body: Mapping[str, Any]) -> str:
    """The campaign's id, or the evidence's subject."""
    return str(body["campaign"]["id"] if kind == "campaign" else body["evidence"]["subject"])


def _allowed(command: str) -> list[str]:
    """The words of a command that may be run."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if words[:1] != ["gauger"] or not all(word.isprintable() for word in words):
        raise UnsupportedError("the document holds no command line of Gauger's")
    if not any(tuple(words[1 : 1 + len(verb)]) == verb for verb in VERBS):
        raise UnsupportedError(f"`{' '.join(words[:4])}` is no verb that judges: run it yourself if you trust it")
    return words[1:]


def _answered(words: Sequence[str], passphrase_env: str | None) -> list[str]:
    """The words, for a process that nobody types to."""
    if "-" in words:
        raise UnsupportedError("it read its standard input, which is gone: a command that reads a file can be replayed")
    kept, rest, asks = list[str](), list(words), any(word.partition("=")[0] == "--key-file" for word in words)
    while rest:
        word = rest.pop(0)
        name = word.partition("=")[0]
        if name == "--passphrase-fd":
            rest = rest if "=" in word else rest[1:]
        else:
            kept.append(word)
            asks = asks and name != "--passphrase-env"
    if asks and passphrase_env is None:
        raise UnsupportedError("its passphrase was typed or came by a descriptor: give replay's --passphrase-env NAME")
    return [*kept, "--passphrase-env", str(passphrase_env)] if asks else kept


def _made(
    words: list[str], schema: str, about: set[str], at: Path, say: Callable[[str], None], timeout_s: float
) -> list[Row]:
    """The entries that a command makes now; of a scan, those about these campaigns."""
    with tempfile.TemporaryDirectory(prefix="gauger-replay-") as scratch:
        line = [*_redirected(words, at, Path(scratch)), "--json"]
        say(f"running gauger {shlex.join(words)}")
        program = [sys.executable, "-P", "-c", PROGRAM, str(at), *line]
        try:
            ran = subprocess.run(  # noqa: S603
                program,
                env={**os.environ, OFFLINE: "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnsupportedError(f"it took more than {timeout_s:,.0f} s") from None
        if ran.returncode not in (0, 1):
            said = ran.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {ran.returncode}"]
            raise UnsupportedError(said[0][:SAID])
        document = Path(scratch) / "document.json"
        document.write_bytes(ran.stdout)
        if schema != SCAN:
            return evidence_rows(document)
        rows = list[Row]()
        for name in sorted(about):
            with suppress(ConfigError):  # which it does not find now: what stands of it differs
                rows += campaign_rows(document, name)
        return rows


def _redirected(words: Sequence[str], at: Path, scratch: Path) -> list[str]:
    """The words, writing into ``scratch``, without options that reach out or overwrite."""
    verb = next(verb for verb in VERBS if tuple(words[: len(verb)]) == verb)
    kept, rest = list[str](), list(words)
    while rest:
        word = rest.pop(0)
        name, _, value = word.partition("=")
        if name in NOT_PASSED:
            if name not in FLAGS and "=" not in word and rest:
                rest.pop(0)
        elif name in VERBS[verb]:
            given = value if "=" in word else rest.pop(0) if rest else ""
            kept += [name, str(_place(VERBS[verb][name], at / given, at, scratch))]
        else:
            kept.append(word)
    return kept


def _place(kind: Output, given: Path, at: Path, scratch: Path) -> Path:
    fresh = scratch / "out"
    if kind == "folder":
        fresh.mkdir(exist_ok=True)
    elif kind == "copy":
        if not given.exists() or not given.resolve().is_relative_to(at.resolve()):
            raise UnsupportedError(f"{given.name[:80]} is not in {at}: say --at FOLDER")
        if _size(given) > MAX_COPIED:
            raise UnsupportedError(f"{given.name[:80]} has more than {MAX_COPIED >> 30} GiB, and it would be copied")
        shutil.copytree(given, fresh, copy_function=_copied) if given.is_dir() else _copied(given, fresh)
    return fresh


def _size(given: Path) -> int:
    return sum(path.lstat().st_size for path in (given, *given.rglob("*")))


def _copied(given: str | Path, to: str | Path) -> None:
    if not Path(given).is_file():  # a device has no end
        raise UnsupportedError(f"{Path(given).name[:80]} is no file: it is not copied")
    shutil.copyfile(given, to)


def _held(entry: Entry, made: Sequence[Row]) -> Replayed:
    """An entry against what its command makes: the campaign of its id, or the evidence about the same by its method."""
    now = next((body for kind, body in made if kind == entry.kind and _same(kind, entry.body, body)), None)
    if now is None:
        return _told(entry, "differs", f"the command makes no such {entry.kind} now")
    was = {name: entry.body[name] for name in entry.body if name in now or name in DECIDES}
    before, after = _flat(entry.kind, was), _flat(entry.kind, now)
    names = dict.fromkeys([*before, *after])
    other = [name for name in names if canonical_json(before.get(name)) != canonical_json(after.get(name))]
    if not other:
        return _told(entry, "same", f"log e {before['log_e']}" if entry.kind == "evidence" else "every field")
    why = "; ".join(f"{name}: {_short(before.get(name))}, now {_short(after.get(name))}" for name in other)
    return _told(entry, "differs", why)


def _same(kind: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if _about(kind, was) != _about(kind, now):
        return False
    if kind == "campaign":
        return True
    same = all(was["evidence"].get(name) == now["evidence"][name] for name in ("null", "method"))
    return same and was.get("candidate") == now.get("candidate")


def _flat(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The record's fields, and what the entry says beside it."""
    return {**body[kind], **{name: body[name] for name in body if name not in ELSEWHERE and name != kind}}


def _told(entry: Entry, word: Word, why: str) -> Replayed:
    method = "campaign" if entry.kind == "campaign" else str(entry.body["evidence"]["method"])
    return Replayed(seq=entry.seq, method=method, word=word, why=why)


def _short(value: Any) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 80 else digest(text.encode())[:19]
