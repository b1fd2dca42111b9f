"""Files of what is tested for a mark: texts as token ids, or another tool's stream of green flags.

Texts are given out in parts of bounded size, whose limits hang on the texts alone and not on how they were packed. The
files come from strangers: a line that cannot be read is an error that names the line and quotes nothing of it.
Plain, gzip and zstd are read, and ``-`` is standard input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gauger.edge.inputs import TruncatedError, pieces
from gauger.edge.lines import BOM, blocks
from gauger.errors import InputError

MAX_LINE_BYTES = 16 << 20  # at most 8 million tokens; one becomes some 40 bytes while its line is read
MAX_FLAGS = 1 << 28
PART_TOKENS, PART_TEXTS = 1 << 22, 1 << 16

TokenId = Annotated[int, Meta(ge=0, lt=1 << 32)]
Flag = bool | Annotated[int, Meta(ge=0, le=1)]
Tokens = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """Some texts of a file, in order.

    Attributes:
        tokens: of each text, uint32[n]. prompts: the token ids that each answers, empty where the file has none.
        prompted: how many have a prompt.
    """

    tokens: list[Tokens]
    prompts: list[Tokens]
    prompted: int


class _Text(msgspec.Struct):
    tokens: list[TokenId]
    prompt_tokens: list[TokenId] | None = None


class _Flags(msgspec.Struct):
    flags: list[Flag]


_TEXT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Text | list[TokenId])
_FLAGS: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Flags | list[Flag])


def read_texts(source: str, *, part_tokens: int = PART_TOKENS, part_texts: int = PART_TEXTS) -> Iterator[Texts]:
    """Texts of JSON lines, each ``{"tokens": [...], "prompt_tokens": [...]}`` (prompt optional) or a list of ids.

    Gives at least one part: an empty one of an empty file. Other fields of a line are ignored.

    Args:
        part_tokens, part_texts: a part ends with the text that reaches one of them.

    Raises:
        InputError: the file or a line cannot be read, or an id is no whole number from 0 to 2^32 - 1.
    """
    tokens, prompts, prompted, size, given = list[Tokens](), list[Tokens](), 0, 0, False
    for line, raw in _lines(source):
        read = _decoded(_TEXT, raw, source, line)
        text, prompt = (read, None) if isinstance(read, list) else (read.tokens, read.prompt_tokens)
        tokens.append(np.array(text, np.uint32))
        prompts.append(np.array(prompt or (), np.uint32))
        prompted += prompt is not None
        size += len(tokens[-1]) + len(prompts[-1])
        if size >= part_tokens or len(tokens) >= part_texts:
            yield Texts(tokens=tokens, prompts=prompts, prompted=prompted)
            tokens, prompts, prompted, size, given = [], [], 0, 0, True
    if tokens or not given:
        yield Texts(tokens=tokens, prompts=prompts, prompted=prompted)


def read_flags(source: str) -> NDArray[np.uint8]:
    """Green (1) and other (0) flags in the file's order: uint8[n].

    A line is a run of the characters 0 and 1 (blanks and commas between them are skipped), a JSON list of 0, 1, true
    and false, or ``{"flags": [...]}``.

    Raises:
        InputError: the file or a line cannot be read, or there are more than ``MAX_FLAGS``.
    """
    stream = bytearray()
    for line, raw in _lines(source):
        if raw.lstrip()[:1] in (b"[", b"{"):
            read = _decoded(_FLAGS, raw, source, line)
            stream += bytes(read if isinstance(read, list) else read.flags)
        else:
            stream += _characters(raw, source, line)
        if len(stream) > MAX_FLAGS:
            raise InputError(
                f"more than {MAX_FLAGS:,} flags: test a part, chosen without a look at them", source=source
            )
    return np.frombuffer(bytes(stream), np.uint8)


def _characters(raw: bytes, source: str, line: int) -> bytes:
    run = raw.translate(None, b" \t\r,")
    if run.translate(None, b"01"):
        raise InputError("is neither a run of 0 and 1 nor a JSON list of them", source=source, line=line)
    return run.translate(bytes.maketrans(b"01", b"\0\1"))


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes, source: str, line: int) -> Any:
    if len(raw) > MAX_LINE_BYTES:
        raise InputError(f"longer than {MAX_LINE_BYTES >> 20} MiB: cut the text in two", source=source, line=line)
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        # A message says what was expected and where it stands, never what was there.
        raise InputError(f"cannot be read: {error}", source=source, line=line) from None


def _lines(source: str) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1."""
    try:
        for block in blocks(pieces(source), block_bytes=1 << 20, block_lines=1 << 16):
            if block.fault is not None:
                raise InputError(block.fault.reason, source=source, line=block.line)
            for line, raw in enumerate(block.data.split(b"\n"), block.line):
                if (text := raw.removeprefix(BOM) if line == 1 else raw).strip():
                    yield line, text
    except (OSError, TruncatedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}", source=source) from None
