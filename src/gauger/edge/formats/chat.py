"""Chat messages in every shape that vendors log, and what an exchange keeps of them.

Digests are 64-bit blake2b. A conversation's digest runs over (role, text) of its non-system messages, so
that the `thread` of one turn (messages and answer) is the `context` of the next (all before its last user
message), whoever sends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.values import structured, tolerant

_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "model", "ai", "bot"), "assistant"),
    **dict.fromkeys(("tool", "function"), "tool"),
}
_THINKING = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_text"})


class Leaf(msgspec.Struct, gc=False):
    """A content part within a content part (a tool result's, a reasoning summary's)."""

    type: str = ""
    text: str | None = None


class Part(msgspec.Struct, gc=False):
    """One content part: OpenAI and Anthropic put text in `text`, OpenTelemetry in `content`."""

    type: str = ""
    text: str | None = None
    content: str | list[Leaf | str] | None = None
    thinking: str | None = None
    reasoning: str | None = None
    signature: str | None = None
    data: str | None = None


class Message(msgspec.Struct, gc=False):
    """One message, or one output item of OpenAI's Responses API."""

    role: str = ""
    type: str = ""
    content: str | list[Part | str] | Part | None = None
    parts: list[Part | str] | None = None
    text: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Part] | None = None
    summary: list[Part] | None = None
    encrypted_content: str | None = None


class Choice(msgspec.Struct, gc=False):
    """One of a response's alternatives."""

    message: Message | None = None
    text: str | None = None


class Response(msgspec.Struct, gc=False):
    """A response as chat completions, completions, Anthropic messages or the Responses API give it."""

    choices: list[Choice] | None = None
    output: list[Message] | str | None = None
    role: str = ""
    content: str | list[Part | str] | None = None
    parts: list[Part | str] | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Part] | None = None
    text: str | None = None


class Request(msgspec.Struct, gc=False):
    """A request body: the messages and, in Anthropic's style, the system prompt beside them."""

    messages: list[Message] | Message | str | None = None
    system: str | list[Part | str] | None = None


def read_messages(value: Any) -> tuple[list[Message], str | None]:
    """Messages and a system prompt beside them, from a list, a request body, JSON in a string, or plain text."""
    value = structured(value)
    if isinstance(value, str):
        return ([Message(role="user", content=value)] if value else []), None
    if isinstance(value, dict):
        if "messages" in value:
            request = tolerant(value, Request)
            inner, _ = read_messages(msgspec.to_builtins(request.messages))
            return inner, text_of(request.system) or None
        value = [value] if value.get("content") or value.get("parts") else []
    return (tolerant(value, list[Message]) or []) if isinstance(value, list) else [], None


def read_response(value: Any) -> Message | None:
    """The first answer in a response of any shape; None where the log holds none."""
    value = structured(value)
    if isinstance(value, str):
        return Message(role="assistant", content=value) if value else None
    if isinstance(value, list):
        return merge(tolerant(value, list[Message]) or [])
    return reply(tolerant(value, Response)) if isinstance(value, dict) else None


def reply(response: Response | None) -> Message | None:
    """The first answer of a typed response."""
    if response is None:
        return None
    if response.choices:
        choice = response.choices[0]
        return choice.message or (Message(content=choice.text) if choice.text is not None else None)
    if isinstance(response.output, list):
        return merge(response.output)
    content = response.content if response.content is not None else response.parts
    content = next((c for c in (content, response.output, response.text) if c is not None), None)
    if content is None:
        return None
    return Message(
        content=content, reasoning_content=response.reasoning_content, thinking_blocks=response.thinking_blocks
    )


def merge(items: Sequence[Message]) -> Message | None:
    """One message out of the items of an answer, its reasoning blocks kept apart."""
    if len(items) <= 1:
        return items[0] if items else None
    words = [text_of(body(m)) for m in items if m.type not in _THINKING]
    blocks = [block for m in items for block in _blocks(m)]
    return Message(content="\n".join(w for w in words if w), thinking_blocks=blocks)


def body(message: Message) -> Any:
    """Where this message keeps its content."""
    if message.content is not None:
        return message.content
    return message.parts if message.parts is not None else message.text


def text_of(content: Any) -> str:
    """The text of a content: images and reasoning are worth ""."""
    if isinstance(content, str):
        return content
    if isinstance(content, Part | Leaf):
        content = [content]
    return "\n".join(t for t in map(_text_of_part, content or ()) if t)


def _text_of_part(part: Part | Leaf | str) -> str:
    if isinstance(part, str):
        return part
    if part.type in _THINKING or part.type in ("blob", "uri", "file", "image"):
        return ""
    if part.text is None and isinstance(part, Part):
        return text_of(part.content)
    return part.text or ""


def thoughts(message: Message) -> list[int]:
    """Digests of a message's reasoning blocks: of the text and of the signature or sealed data of each."""
    blocks = _blocks(message)
    if not blocks:
        return []
    found: list[str | None] = []
    for block in blocks:
        plain = block.content if isinstance(block.content, str) else None
        found += [block.thinking or block.text or block.reasoning or plain, block.signature, block.data]
    return list(dict.fromkeys(digest64(t.strip()) for t in found if t and t.strip()))


def _blocks(message: Message) -> Sequence[Part]:
    if message.content.__class__ is str and not (message.thinking_blocks or message.reasoning_content or message.type):
        return ()
    blocks = list(message.thinking_blocks or ())
    if message.reasoning_content:
        blocks.append(Part(thinking=message.reasoning_content))
    content = body(message)
    if isinstance(content, list):
        blocks += [p for p in content if isinstance(p, Part) and p.type in _THINKING]
    if message.type in _THINKING:
        blocks.append(Part(thinking=text_of(message.summary), data=message.encrypted_content))
    return blocks


def digest64(value: str) -> int:
    """64 bits of blake2b over the text."""
    return int.from_bytes(blake2b(value.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def converse(
    exchange: Exchange, messages: Iterable[Message], answer: Message | None, system: str | None = None
) -> None:
    """Fill in the exchange's prompt, answer, turns and digests.

    Args:
        system: a system prompt that is logged beside the messages.
    """
    systems = [system] if system else []
    spoken: list[str] = []  # each message framed for the digests
    sent: list[int] = []
    last, turns = -1, 0
    said: Any
    for message in messages:
        role = known_role(message.role)
        content = message.content
        if content.__class__ is not str or message.thinking_blocks or message.reasoning_content or message.type:
            content = body(message)
            sent += thoughts(message)
            if role == "user" and _is_tool_result(content):
                role = "tool"
        said = content if content.__class__ is str else text_of(content)
        if role == "system":
            systems.append(said)
            continue
        if role == "user":
            last, turns, exchange.prompt = len(spoken), turns + 1, said
        spoken.append(_framed(role, said))
    if systems:
        exchange.system = "\n".join(systems)
    if answer is not None:
        said = answer.content if answer.content.__class__ is str else text_of(body(answer))
        exchange.answer = said
        exchange.reasoning_out = thoughts(answer) or None
    if spoken:
        exchange.turns, exchange.reasoning_in = turns, sent or None
        _digest_conversation(exchange, spoken, last)


def known_role(role: str) -> str:
    """The role that all vendors' names of it are read as."""
    return _ROLES.get(role) or role.lower()


def _is_tool_result(content: Any) -> bool:
    """Anthropic sends a tool's result in the user's name."""
    return bool(content) and isinstance(content, list) and all(getattr(p, "type", "") == "tool_result" for p in content)


def _digest_conversation(exchange: Exchange, spoken: list[str], last: int) -> None:
    if exchange.answer is not None:
        spoken.append(_framed("assistant", exchange.answer))
    if last <= 0:
        exchange.thread = digest64("".join(spoken))
        return
    running = blake2b("".join(spoken[:last]).encode("utf-8", "replace"), digest_size=8)
    exchange.context = int.from_bytes(running.digest(), "little")
    running.update("".join(spoken[last:]).encode("utf-8", "replace"))
    exchange.thread = int.from_bytes(running.digest(), "little")


def _framed(role: str, said: str) -> str:
    said = said.strip()  # clients trim what they send back
    return f"{len(role)} {len(said)} {role}{said}"
