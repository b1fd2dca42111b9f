"""The prompts of a file that is to be answered with marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gauger.edge.sides import records
from gauger.errors import InputError

MAX_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt, as text or as token ids.

    Attributes:
        id: what the answer is called in the results. party: whose key marks it, if not the one that all have.
    """

    id: str
    text: str = ""
    tokens: tuple[int, ...] = ()
    party: str | None = None


def read_prompts(source: str) -> tuple[Prompt, ...]:
    """Prompts of JSON lines ``{"prompt": "...", "id": "...", "party": "..."}``; or of a CSV or Parquet table.

    ``prompt_tokens``, a list of ids, may stand in place of ``prompt``; ``id`` and ``party`` are optional.

    Raises:
        InputError: unreadable, no prompts, or a record that is none; with its line.
    """
    found = list[Prompt]()
    for line, record in records(source):
        try:
            found.append(_prompt(record, str(len(found) + 1)))
        except ValueError as error:
            raise InputError(str(error), source=source, line=line) from None
    if not found:
        raise InputError('no prompts: write one a line, as {"prompt": "..."}', source=source)
    return tuple(found)


def _prompt(record: Mapping[str, Any], name: str) -> Prompt:
    text, tokens = record.get("prompt"), record.get("prompt_tokens")
    if (text is None) == (tokens is None):
        raise ValueError("needs either `prompt` or `prompt_tokens`")
    if text is not None and (not isinstance(text, str) or not 0 < len(text) <= MAX_CHARACTERS):
        raise ValueError(f"`prompt` must be text of 1 to {MAX_CHARACTERS:,} characters")
    if tokens is not None and (not isinstance(tokens, list) or not tokens or not all(map(_is_id, tokens))):
        raise ValueError("`prompt_tokens` must be a list of whole numbers from 0")
    party, named = record.get("party"), record.get("id")
    if party is not None and (not isinstance(party, str) or not party.strip()):
        raise ValueError("`party` must be text and not blank, or be left out")
    return Prompt(id=name if named is None else str(named), text=text or "", tokens=tuple(tokens or ()), party=party)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32
