"""What a suspect is asked: prompts in their order, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gauger.edge.sides import records
from gauger.edge.token_files import TokenId
from gauger.errors import InputError
from gauger.model import canonical_json, digest

MAX_CHARACTERS = 1 << 20


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt.

    Attributes:
        id: by which a file of responses names it. messages: the chat so far; a plain prompt is one of the user's.
        tokens: its ids in the keys' tokenizer, where they are given with it.
    """

    id: str
    messages: tuple[Message, ...]
    tokens: tuple[int, ...] | None = None


class _Row(msgspec.Struct):
    id: str | int | None = None
    prompt: Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)] | None = None
    messages: Annotated[tuple[Message, ...], Meta(min_length=1)] | None = None
    prompt_tokens: tuple[TokenId, ...] | None = None


def read_prompts(source: str) -> tuple[Prompt, ...]:
    """Prompts of JSON lines ``{"id": "...", "messages": [...]}`` or ``{"id": "...", "prompt": "..."}``.

    ``id`` may be missing: it is then the prompt's number, from 1. ``prompt_tokens`` are optional.

    Raises:
        InputError: unreadable, no prompts, a record that is none, or an id that is there twice; with its line.
    """
    first = dict[str, int]()
    found = list[Prompt]()
    for line, prompt in _read(source):
        if first.setdefault(prompt.id, line) != line:
            raise InputError(f"the same `id` as line {first[prompt.id]}", source=source, line=line)
        found.append(prompt)
    if not found:
        raise InputError('no prompts: write one a line, as {"id": "1", "prompt": "..."}', source=source)
    return tuple(found)


def digest_of(prompts: Sequence[Prompt]) -> str:
    """Of all prompts in their order, as canonical JSON, one a line."""
    return digest(b"".join(canonical_json(msgspec.to_builtins(prompt)) + b"\n" for prompt in prompts))


def _read(source: str) -> Iterator[tuple[int, Prompt]]:
    for count, (line, record) in enumerate(records(source), 1):
        try:
            yield line, _prompt(record, str(count))
        except (ValueError, UnicodeEncodeError) as error:
            raise InputError(f"is no prompt: {error}", source=source, line=line) from None


def _prompt(record: dict[str, Any], name: str) -> Prompt:
    row = msgspec.convert(record, _Row)
    if (row.prompt is None) == (row.messages is None):
        raise ValueError("needs either `prompt` or `messages`")
    messages = row.messages or (Message(role="user", content=row.prompt or ""),)
    return Prompt(id=name if row.id is None else str(row.id), messages=messages, tokens=row.prompt_tokens)
