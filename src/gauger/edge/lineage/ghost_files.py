"""The folder of ghost twins: exchanges chosen, twins drawn, and the seal with what it hides.

exchanges.jsonl   private   what gets twins, with the released answer
left-out.csv      private   what does not, and why
drawn.jsonl       private   the journal of the teacher's answers
opening.jsonl     private   which answer was released, and whose the exchange is
twins.jsonl       for whoever asks the suspect: prompts, and k + 1 answers in the order of the seal
seal.json         public
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from gauger.edge.canonical import canonical_line, parse_canonical
from gauger.edge.sides import records
from gauger.edge.small_files import PUBLIC, read_small, write_new
from gauger.edge.suspects.prompts import Message
from gauger.errors import InputError, VerifyError
from gauger.lineage.ghost_choice import folded
from gauger.lineage.ghost_seal import Opening, Seal, Twins
from gauger.model import digest

EXCHANGES, LEFT_OUT, DRAWN = "exchanges.jsonl", "left-out.csv", "drawn.jsonl"
OPENING, TWINS, SEAL = "opening.jsonl", "twins.jsonl", "seal.json"
MAX_BYTES = 1 << 31

T = TypeVar("T")


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line of the exchanges. left_out: how many, by reason."""

    schema: Literal["gauger/ghost-exchanges/1"] = "gauger/ghost-exchanges/1"
    k: int
    exchanges: int
    left_out: dict[str, int]


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An exchange that gets twins. elsewhere: digests of other exchanges' answers to its prompt."""

    id: str
    account: str
    model: str
    messages: tuple[Message, ...]
    answer: str
    temperature: float
    top_p: float
    max_tokens: int
    more: dict[str, float | int | str]
    elsewhere: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An exchange as whoever asks the suspect sees it."""

    id: str
    messages: tuple[Message, ...]
    answers: tuple[str, ...]

    @property
    def twins(self) -> Twins:
        """As it is sealed."""
        prompt = digest(msgspec.to_builtins(self.messages))
        return Twins(id=self.id, prompt=prompt, answers=self.answers)


def write_exchanges(folder: Path, head: Head, chosen: Sequence[Chosen], left_out: Iterable[Sequence[str]]) -> str:
    """Write what was chosen and what was not; gives the digest of the former.

    Args:
        left_out: id, account and reason of each.

    Raises:
        ConfigError: there is a choice already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(map(canonical_line, [head, *chosen]))
    write_new(folder / EXCHANGES, data)
    write_left_out(folder / LEFT_OUT, left_out)
    return digest(data)


def write_left_out(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write id, account and reason of what got no twins."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("exchange", "account", "reason"), *rows])
    write_new(path, text.getvalue().encode("utf-8", "replace"), overwrite=True)


def read_exchanges(folder: Path) -> tuple[Head, list[Chosen], str]:
    """What was chosen, and the digest of its file.

    Raises:
        InputError: the file cannot be read, or is not as it was written.
    """
    source, data = str(folder / EXCHANGES), read_small(folder / EXCHANGES, MAX_BYTES)
    first, *lines = data.splitlines(keepends=True) or [b""]
    head = parse_canonical(first, Head, source, 1)
    found = [parse_canonical(line, Chosen, source, at) for at, line in enumerate(lines, 2)]
    if len(found) != head.exchanges or head.k < 1:
        raise InputError(f"has {len(found):,} exchanges, and its first line says {head.exchanges:,}", source=source)
    return head, found, digest(data)


def write_sealed(folder: Path, seal: Seal, shown: bytes, openings: Sequence[Opening]) -> None:
    """Write the seal last: without it, what stands beside it is not sealed yet and may be replaced."""
    write_new(folder / OPENING, b"".join(map(canonical_line, openings)), overwrite=True)
    write_new(folder / TWINS, shown, overwrite=True)
    write_new(folder / SEAL, canonical_line(seal), mode=PUBLIC)


def read_seal(folder: Path) -> Seal:
    """The public record.

    Raises:
        InputError: it cannot be read, or is none.
    """
    return parse_canonical(read_small(folder / SEAL, 1 << 16), Seal, str(folder / SEAL))


def read_twins(folder: Path, seal: Seal) -> list[Shown]:
    """What the suspect is asked, in the order of the seal.

    Raises:
        InputError: unreadable. VerifyError: these are not the twins of the seal.
    """
    data = read_small(folder / TWINS, MAX_BYTES)
    if digest(data) != seal.twins:
        raise VerifyError(f"{folder / TWINS}: is not the file that {SEAL} was made with")
    return _lines(data, Shown, folder / TWINS)


def read_openings(path: Path) -> list[Opening]:
    """What the seal hides, not yet verified.

    Raises:
        InputError: unreadable, or not as it was written.
    """
    return _lines(read_small(path, MAX_BYTES), Opening, path)


def read_reposts(source: str) -> str:
    """Texts that stand in public, one record ``{"text": "..."}`` each, folded into one.

    Raises:
        InputError: unreadable, or a record without text; with its line.
    """
    found = list[str]()
    for line, record in records(source):
        text = record.get("text")
        if not isinstance(text, str):
            raise InputError('is no repost: write {"text": "..."}', source=source, line=line)
        found.append(folded(text))
    return "\n".join(found)


def _lines(data: bytes, kind: type[T], path: Path) -> list[T]:
    return [parse_canonical(line, kind, str(path), at) for at, line in enumerate(data.splitlines(keepends=True), 1)]
