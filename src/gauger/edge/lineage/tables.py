"""The two tables of a comparison: which pairs, and what is known of the models."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gauger.errors import InputError
from gauger.lineage.population import UNKNOWN, Origin, fold, spelled

Pair = tuple[str, str]

# The first name that a table has is taken.
CANDIDATE = ("candidate", "candidate_teacher")
SUSPECT = ("suspect",)
MODEL = ("model",)
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "maker": ("maker", "organisation", "organization"),
    "base": ("base", "pretrain_base"),
    "parent": ("parent", "init_from"),
    "teachers": ("teachers",),
    "confidence": ("confidence",),
    "class": ("class",),
}
NOT_WHOLE = {"low", *UNKNOWN} - {""}


def read_pairs(path: Path) -> list[Pair]:
    """Candidate and suspect of each line, in order.

    Raises:
        InputError: unreadable, no such columns, an empty name, a model against itself, or a pair twice; with its line.
    """
    found: dict[Pair, int] = {}
    for line, row, at in _rows(path, {"candidate": CANDIDATE, "suspect": SUSPECT}, {}):
        pair = (row[at["candidate"]], row[at["suspect"]])
        if "" in pair or pair[0] == pair[1]:
            raise InputError("a pair needs two different models", source=str(path), line=line)
        if found.setdefault(pair, line) != line:
            raise InputError(f"the same pair as line {found[pair]}", source=str(path), line=line)
    if not found:
        raise InputError("no pairs: write candidate,suspect in a line each", source=str(path))
    return list(found)


def read_population(path: Path) -> list[Origin]:
    """What is known of each model, in order.

    Raises:
        InputError: unreadable, no column ``model``, ``maker`` or ``base``, or a model twice; with its line.
    """
    wanted = {"model": MODEL, "maker": COLUMNS["maker"], "base": COLUMNS["base"]}
    found: dict[str, Origin] = {}
    for line, row, at in _rows(path, wanted, COLUMNS):
        name = row[at["model"]]
        if not name or name in found:
            raise InputError("a model needs a name, and one line", source=str(path), line=line)

        def cell(column: str, row: Mapping[str, str] = row, at: Mapping[str, str] = at) -> str:
            return row[at[column]] if column in at else ""

        sure = spelled(cell("confidence")) not in NOT_WHOLE and spelled(cell("class")) in ("", "ok")
        found[name] = Origin(
            name=name,
            maker=cell("maker") if fold(cell("maker")) else "",
            base=cell("base") if fold(cell("base")) else "",
            parent=cell("parent"),
            teachers=tuple(filter(None, (t.strip() for t in cell("teachers").split(";")))),
            known=sure and bool(fold(cell("maker"))),
        )
    return list(found.values())


def _rows(
    path: Path, needed: Mapping[str, Sequence[str]], optional: Mapping[str, Sequence[str]]
) -> Iterator[tuple[int, dict[str, str], dict[str, str]]]:
    """Line, cells, and which column stands for what."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = head = [name.strip() for name in reader.fieldnames or []]
            at = {k: next((n for n in names if n in head), "") for k, names in {**optional, **needed}.items()}
            if missing := [needed[k][0] for k in needed if not at[k]]:
                raise InputError(f"no column {', '.join(missing)} in the first line", source=str(path))
            if twice := [name for name in at.values() if head.count(name) > 1]:
                raise InputError(f"more than one column {', '.join(twice)} in the first line", source=str(path))
            for row in reader:
                if None in row or None in row.values():
                    raise InputError(f"does not have {len(head)} cells", source=str(path), line=reader.line_num)
                yield reader.line_num, {k: v.strip() for k, v in row.items()}, {k: n for k, n in at.items() if n}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read as CSV in UTF-8: {error}", source=str(path)) from None
