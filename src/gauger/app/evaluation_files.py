"""Read what an evaluation needs: the scan's accounts and report, and the truth."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gauger.errors import InputError

ACCOUNTS = ("account", "org", "exchanges", "score", "log10_e", "flagged", "campaign")
TRUTH = ("account", "org", "kind", "label", "campaign")
Row = Mapping[str, str]


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file that has at least ``columns``, checked; accounts are unique.

    Raises:
        InputError: with the line, where the file, a column or a value is missing or malformed.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if missing := set(columns) - set(reader.fieldnames or ()):
                raise InputError(f"no column {', '.join(sorted(missing))} in the first line", source=str(path))
            rows: list[Row] = []
            seen: set[str] = set()
            for row in reader:
                _check(row, columns, seen, str(path), reader.line_num)
                rows.append(row)
    except OSError as e:
        raise InputError(f"cannot be read: {e.strerror}", source=str(path)) from e
    except (UnicodeDecodeError, csv.Error) as e:
        raise InputError(f"cannot be read as CSV in UTF-8: {e}", source=str(path)) from e
    return rows


def _check(row: Mapping[str, str | None], columns: Sequence[str], seen: set[str], source: str, line: int) -> None:
    if any(row[c] is None for c in columns):
        raise InputError(f"fewer fields than the {len(columns)} expected", source=source, line=line)
    account = row["account"] or ""
    if account in seen:
        raise InputError("this account stands in the file twice", source=source, line=line)
    seen.add(account)
    for column in {"flagged", "label"} & set(columns):
        if row[column] not in ("0", "1"):
            raise InputError(f"{column} must be 0 or 1", source=source, line=line)
    if "exchanges" in columns and not (row["exchanges"] or "").isdecimal():
        raise InputError("exchanges must be a whole number", source=source, line=line)
    if "score" in columns and not _is_score(row["score"] or ""):
        raise InputError("score must be a number", source=source, line=line)


def _is_score(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def read_report(path: Path) -> dict[str, Any]:
    """A scan's report.json.

    Raises:
        InputError: unreadable, or not a report of this version.
    """
    try:
        report = json.loads(path.read_bytes())
    except (OSError, ValueError) as e:
        raise InputError("cannot be read as JSON; write the scan anew", source=str(path)) from e
    if not isinstance(report, dict) or report.get("schema") != "gauger/scan-report/1":
        raise InputError("is not a gauger/scan-report/1", source=str(path))
    return report
