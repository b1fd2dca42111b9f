"""A case's evidence computed again from its inputs, and held against what was written then.

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
from gauger.model import Case, canonical_json, digest

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
MAX_COPIED = 4 << 30
SAID = 300  # characters of what a failed verb said

Word = Literal["same", "differs", "cannot be run again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One evidence entry, run again. why: what differs, or why it could not be run."""

    seq: int
    method: str
    word: Word
    why: str


def replay(case: Case, at: Path, say: Callable[[str], None], *, timeout_s: float) -> list[Replayed]:
    """Run the commands of all standing evidence, each once.

    Args:
        at: the folder that the commands' paths are relative to.

    Raises:
        ConfigError: there is no such folder.
    """
    if not at.is_dir():
        raise ConfigError(f"{at} is no folder: --at is where the commands were run")
    commands = dict[tuple[str, str], list[tuple[int, Mapping[str, Any]]]]()
    for entry in standing(case):
        if entry.kind == "evidence":
            key = str(entry.body.get("command", "")), str(entry.body.get("schema", ""))
            commands.setdefault(key, []).append((entry.seq, entry.body["evidence"]))
    found = list[Replayed]()
    for (command, schema), rows in commands.items():
        try:
            made = _made(_allowed(command), schema, {str(e["subject"]) for _, e in rows}, at, say, timeout_s)
        except (GaugerError, OSError) as error:  # of one command: the others are run all the same
            found += [_told(seq, e, "cannot be run again", str(error)[:SAID]) for seq, e in rows]
            continue
        found += [_held(seq, e, made) for seq, e in rows]
    return sorted(found, key=lambda row: row.seq)


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


def _made(
    words: list[str], schema: str, subjects: set[str], at: Path, say: Callable[[str], None], timeout_s: float
) -> list[Row]:
    """The evidences that a command makes now; of a scan, those of these campaigns."""
    with tempfile.TemporaryDirectory(prefix="gauger-replay-") as scratch:
        line = [*_redirected(words, at, Path(scratch)), "--json"]
        say(f"running gauger {shlex.join(words)}")
        program = [sys.executable, "-P", "-c", PROGRAM, str(at), *line]
        try:
            ran = subprocess.run(  # noqa: S603
                program, env={**os.environ, OFFLINE: "1"}, capture_output=True, timeout=timeout_s, check=False
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
        for name in sorted(subjects):
            with suppress(ConfigError):  # which it does not find now: its evidence differs
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


def _held(seq: int, was: Mapping[str, Any], made: Sequence[Row]) -> Replayed:
    """An evidence against those of its command: the one about the same, by the same method."""
    same = ("subject", "null", "method")
    rows = [body["evidence"] for kind, body in made if kind == "evidence"]
    now = next((row for row in rows if all(row[name] == was[name] for name in same)), None)
    if now is None:
        return _told(seq, was, "differs", "the command makes no such evidence now")
    other = [name for name in was if canonical_json(was[name]) != canonical_json(now.get(name))]
    if not other:
        return _told(seq, was, "same", f"log e {was['log_e']}")
    why = "; ".join(f"{name}: {_short(was[name])}, now {_short(now.get(name))}" for name in other)
    return _told(seq, was, "differs", why)


def _told(seq: int, evidence: Mapping[str, Any], word: Word, why: str) -> Replayed:
    return Replayed(seq=seq, method=str(evidence["method"]), word=word, why=why)


def _short(value: Any) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 80 else digest(text.encode())[:19]
