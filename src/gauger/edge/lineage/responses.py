"""What many models answered to the same prompts: Parquet with prompt_id, model and output, and prompt if there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gauger.errors import InputError
from gauger.lineage.answers import Answers
from gauger.lineage.escapes import folded, plain
from gauger.lineage.words import Bytes, packed, tokenize
from gauger.stats import IntArray

COLUMNS = ("prompt_id", "model", "output")
PROMPT = "prompt"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """The file's answers.

    Attributes:
        models, prompts: their names, in order of the codes in ``answers``. repeats: rows left out
            as they say again, word for word, what another row says.
        asked: the text of each prompt, "" where the file does not have it.
        text, offsets: the answers' UTF-8, and where each begins.
        notes: what in the file was passed over.
    """

    answers: Answers
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    repeats: int
    asked: tuple[str, ...]
    text: Bytes
    offsets: IntArray
    notes: tuple[str, ...] = ()

    def output(self, answer: int) -> str:
        """One answer."""
        return self.text[self.offsets[answer] : self.offsets[answer + 1]].tobytes().decode("utf-8", "replace")


def read_responses(path: Path) -> Responses:
    """All answers, without what escapes them, tokenized, sorted by prompt. An answer that is null is empty.

    Raises:
        InputError: unreadable, a column missing, twice there or of another type, a text that is no UTF-8, a null id or
            name, or two answers of a model to one prompt; with the row.
    """
    table = _read(path)
    prompt, prompts = _codes(_texts(table, "prompt_id", path), "prompt_id", path)
    model, models = _codes([name and name.strip() for name in _texts(table, "model", path)], "model", path)
    outputs = plain([output or "" for output in _texts(table, "output", path)], model)
    asked, notes = _asked(table, prompt, path)
    order = np.lexsort((model, prompt))
    same = np.flatnonzero((np.diff(prompt[order]) == 0) & (np.diff(model[order]) == 0)) + 1
    for again in same:
        row, first = int(order[again]), int(order[again - 1])
        if outputs[row] != outputs[first]:
            said = f"is not the answer that the same model gave to the same prompt in row {first + 1}"
            raise InputError(said, source=str(path), line=row + 1)
    kept = np.delete(order, same)
    text, offsets = packed([outputs[row] for row in kept])
    answers = Answers(prompt=prompt[kept], model=model[kept], tokens=tokenize(text, offsets), models=len(models))
    return Responses(
        answers=answers,
        models=tuple(models),
        prompts=tuple(prompts),
        repeats=len(same),
        asked=asked,
        text=text,
        offsets=offsets,
        notes=notes,
    )


def _read(path: Path) -> pa.Table:
    try:
        names = pq.read_schema(path).names
        wanted = [name for name in (*COLUMNS, PROMPT) if name in names]
        if missing := [name for name in COLUMNS if name not in names]:
            raise InputError(f"no column {', '.join(missing)}", source=str(path))
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise InputError(f"more than one column {', '.join(twice)}", source=str(path))
        return pq.read_table(path, columns=wanted)
    except FileNotFoundError:
        raise InputError("cannot be read: there is no such file", source=str(path)) from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet ({type(error).__name__})", source=str(path)) from None


def _texts(table: pa.Table, name: str, path: Path) -> list[str | None]:
    column = table.column(name)
    try:
        return _as_text(column)
    except pa.ArrowNotImplementedError:
        raise InputError(f"the column {name} is no text but {column.type}", source=str(path)) from None
    except (pa.ArrowInvalid, UnicodeDecodeError):
        row = next(k for k in range(len(column)) if not _is_text(column.slice(k, 1)))
        raise InputError(f"{name} is no UTF-8", source=str(path), line=row + 1) from None


def _as_text(column: pa.ChunkedArray) -> list[str | None]:
    texts: list[str | None] = column.cast(pa.large_string()).to_pylist()
    return texts


def _is_text(column: pa.ChunkedArray) -> bool:
    try:
        return bool(_as_text(column))
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return False


def _codes(values: Sequence[str | None], column: str, path: Path) -> tuple[IntArray, list[str]]:
    if None in values:
        raise InputError(f"no {column}", source=str(path), line=values.index(None) + 1)
    names = sorted({value for value in values if value is not None})
    code = {name: k for k, name in enumerate(names)}
    return np.array([code[value] for value in values if value is not None], dtype=np.int64), names


def _asked(table: pa.Table, prompt: IntArray, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text of each prompt as its first row has it, and what is to be told of it."""
    first = np.unique(prompt, return_index=True)[1]
    if PROMPT not in table.column_names:
        return ("",) * len(first), ()
    try:
        texts = _texts(table, PROMPT, path)
    except InputError as error:
        return ("",) * len(first), (f"{error}: the text of prompts is not heeded",)
    return tuple(folded(texts[row] or "") for row in first), ()
