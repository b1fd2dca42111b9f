"""Files of what is tested for a mark: texts as token ids, or another tool's stream of green flags.

Texts are given out in parts of bounded size, whose limits hang on the texts alone and not on how they were packed. The
files come from strangers: a line that cannot be read is an error that names the line and quotes nothing of it.
Plain, gzip and zstd are read, and ``-`` is standard input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gauger.edge.formats.values import LineError, load, structured
from gauger.edge.inputs import TruncatedError, pieces
from gauger.edge.lines import BOM, blocks
from gauger.errors import InputError
from gauger.stats import BoolArray, FloatArray

MAX_LINE_BYTES = 16 << 20  # at most 8 million tokens; one becomes some 40 bytes while its line is read
MAX_FLAGS = 1 << 28
PART_TOKENS, PART_TEXTS = 1 << 22, 1 << 16
LEAST_AGREEMENT, AGREEMENT_FROM = 0.95, 20  # of pairs; text drawn at a temperature of 1 has .99, another's ids .9

TokenId = Annotated[int, Meta(ge=0, lt=1 << 32)]
Flag = bool | Annotated[int, Meta(ge=0, le=1)]
Tokens = NDArray[np.uint32]


class Tokenizing(Protocol):
    """What is needed of a tokenizer."""

    @property
    def size(self) -> int:
        """One above the largest id."""
        ...

    def encode(self, text: str) -> Tokens:
        """The ids of a text: uint32[n]."""
        ...

    def again(self, tokens: Tokens) -> Tokens:
        """The ids of what these ids say; of a tokenizer's own nearly the same."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """Some texts of a file, in order.

    Attributes:
        tokens: of each text, uint32[n]. prompts: the token ids that each answers, empty where the file has none.
        prompted: how many have a prompt.
        entropy_nats: of each text float64[n], how free a model without the mark was at each token; None where it was
            not asked for.
    """

    tokens: list[Tokens]
    prompts: list[Tokens]
    prompted: int
    entropy_nats: list[FloatArray] | None = None

    def keep(self, least_entropy_nats: float) -> list[BoolArray] | None:
        """Of each text bool[n], False for tokens that the model was surer of; None where entropy is not known."""
        return None if self.entropy_nats is None else [nats >= least_entropy_nats for nats in self.entropy_nats]


class _Text(msgspec.Struct):
    tokens: list[TokenId] | None = None
    prompt_tokens: list[TokenId] | None = None
    text: Any = None  # looked at only where there are no tokens
    prompt: Any = None
    messages: Any = None
    input: Any = None
    system: Any = None
    instructions: Any = None
    tools: Any = None
    entropy_nats: Any = None  # looked at only where it is asked for


_SIGNS = re.compile(r"(?:[^\w'\u2019]|\b\d\w*)+")  # and numbers, as the times in a transcript
_SAID = ("prompt", "messages", "input", "system", "instructions", "tools")  # the first three are a prompt by themselves


class _Message(msgspec.Struct):
    content: str | list[str | dict[str, Any]] | None = None


class _Flags(msgspec.Struct):
    flags: list[Flag]


_TEXT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Text | list[TokenId])
_CHAT = Annotated[list[_Message], Meta(min_length=1)]
_FLAGS: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Flags | list[Flag])


def read_texts(
    source: str,
    *,
    tokenizer: Tokenizing | None = None,
    ids_suffice: bool = False,
    surely_its: bool = False,
    entropy: bool = False,
    part_tokens: int = PART_TOKENS,
    part_texts: int = PART_TEXTS,
) -> Iterator[Texts]:
    """Texts of JSON lines, each ``{"tokens": [...], "prompt_tokens": [...]}`` (prompt optional) or a list of ids.

    With a tokenizer, a line may have ``text`` in place of ``tokens``, and beside or in place of ``prompt_tokens`` a
    ``prompt``, a text or the messages of a chat, or those as ``messages`` or ``input``; and ``system``,
    ``instructions`` and ``tools``. Gives at least one part: an empty one of an empty file. Other fields are ignored.

    Args:
        tokenizer: the keys'.
        ids_suffice: the ids of a prompt are what a model is given to read; no quotation of words beside them is sought.
        surely_its: it is known that ids are the tokenizer's; else a look at how many come again tells some others.
        entropy: read the line's ``entropy_nats`` too: what a model without the mark gave as the entropy of each choice.
            It must not come from a model that was marked when it was asked.
        part_tokens, part_texts: a part ends with the text that reaches one of them.

    Raises:
        InputError: the file or a line cannot be read, an id is no whole number from 0 to 2^32 - 1, or a line lacks what
            the arguments need. Or a prompt cannot be read, as words without a tokenizer cannot, or with one that the
            ids beside them are not of: were it passed over, a quotation of it would look like a mark.
    """
    held, size, given, both = list[_Read](), 0, False, _Agreement()
    for line, raw in _lines(source):
        decoded = _decoded(_TEXT, raw, source, line)
        row = _Text(tokens=decoded) if isinstance(decoded, list) else decoded
        try:
            held.append(_read(row, tokenizer, ids_suffice=ids_suffice, entropy=entropy))
            if tokenizer is not None and row.tokens and held[-1].in_words and not surely_its:
                both.add(held[-1].tokens, tokenizer)
        except ValueError as error:
            raise InputError(f"cannot be read: {error}", source=source, line=line) from None
        size += len(held[-1].tokens) + len(held[-1].prompt)
        if size >= part_tokens or len(held) >= part_texts:
            yield _part(held, entropy=entropy)
            held, size, given = [], 0, True
    both.check(source)
    if held or not given:
        yield _part(held, entropy=entropy)


class _Read(NamedTuple):
    tokens: Tokens
    prompt: Tokens
    prompted: bool
    in_words: bool
    entropy_nats: FloatArray


@dataclass(slots=True)
class _Agreement:
    """How many pairs of neighbours come again when ids are decoded and encoded, where words stand beside them.

    A tokenizer that is not the text's finds no quotation of a prompt in words, so that each looks like a mark. Not all
    are seen: whole words come again by any tokenizer of words.
    """

    same: int = 0
    pairs: int = 0

    def add(self, tokens: Tokens, tokenizer: Tokenizing) -> None:
        was, now = (row[:-1].astype(np.uint64) << np.uint64(32) | row[1:] for row in (tokens, tokenizer.again(tokens)))
        self.same, self.pairs = self.same + int(np.isin(was, now).sum()), self.pairs + len(was)

    def check(self, source: str) -> None:
        if self.pairs >= AGREEMENT_FROM and self.same < LEAST_AGREEMENT * self.pairs:
            raise InputError(
                f"decoded by this tokenizer and encoded again, {self.same / self.pairs:.0%} of the ids come again: "
                "they are another's, so give --tokenizer-file theirs. If it is theirs and the text is just odd, use "
                "keys that name their tokenizer by its digest, or give all prompts as `prompt_tokens`",
                source=source,
            )


def _read(row: _Text, tokenizer: Tokenizing | None, *, ids_suffice: bool, entropy: bool) -> _Read:
    if row.tokens is not None:
        tokens = np.array(row.tokens, np.uint32)
    elif not isinstance(row.text, str):
        raise ValueError("it has neither `tokens` nor `text`")
    elif tokenizer is None:
        raise ValueError("it is text, and marks lie on token ids: say --tokenizer-file")
    else:
        tokens = tokenizer.encode(row.text)
    prompt, prompted, in_words = _prompt(row, tokenizer, ids_suffice=ids_suffice)
    if tokenizer is not None and tokens.max(initial=0) >= tokenizer.size:
        raise ValueError(f"it has ids of another tokenizer: the one given has {tokenizer.size:,}")
    freedom = _freedom(row.entropy_nats, len(tokens)) if entropy else np.empty(0)
    return _Read(tokens, prompt, prompted, in_words, freedom)


def _prompt(row: _Text, tokenizer: Tokenizing | None, *, ids_suffice: bool) -> tuple[Tokens, bool, bool]:
    """Ids in which a quotation of the prompt stands; whether the line has a prompt, and whether any of it is words."""
    said = {name: value for name in _SAID if (value := getattr(row, name)) not in (None, "")}
    ids = [found for value in (row.prompt_tokens, *said.values()) if len(found := _ids(value))]
    if ids_suffice and ids:  # the first, which hold the prompt in order, are what a model reads that is shown our text
        return ids[0], True, False
    words = {name: value for name, value in said.items() if isinstance(value, str) or not len(_ids(value))}
    for name, value in words.items():
        _check(name, value, whole=not row.prompt_tokens)
    forms = _forms(list(words.values()))
    if forms and tokenizer is None:
        raise ValueError(
            "its prompt is in words, and marks lie on token ids: say --tokenizer-file, or give `prompt_tokens` alone"
        )
    prompted = bool(row.prompt_tokens) or any(len(_ids(v)) or _strings(v) for n, v in said.items() if n in _SAID[:3])
    encoded = [tokenizer.encode(form) for form in forms] if tokenizer is not None else []
    return np.concatenate([_ids(None), *ids, *encoded]), prompted, bool(forms)


def _check(name: str, value: Any, *, whole: bool) -> None:
    """Refuse what may hold a prompt, and would be passed over.

    Args:
        whole: it is all that there is of the prompt; beside its ids, words may have any form.
    """
    if name in ("prompt", "messages") and whole and not isinstance(value, str):
        try:
            msgspec.convert(value, _CHAT)
        except ValueError as error:
            raise ValueError(f"`{name}` is neither text nor the messages of a chat: {error}") from None
    nothing = name == "input" and whole and value != [] and not _strings(value)
    if nothing or _holds(value, int | float, fields=False):  # numbers in its lists, as ids in a batch are
        raise ValueError(f"`{name}` is neither text, items with text, nor a flat list of token ids")


def _holds(value: Any, kind: Any, *, fields: bool = True) -> bool:
    """Whether something of a kind that is not empty stands in its lists, and in the fields of its items."""
    left = [value]
    while left:
        match left.pop():
            case list(values):
                left += values
            case dict(named):
                left += named.values() if fields else ()
            case inner if isinstance(inner, kind) and inner != "":
                return True
    return False


def _ids(value: Any) -> Tokens:
    """A flat list of token ids, in a string too; of anything else none."""
    value = structured(value)
    flat = isinstance(value, list) and all(type(v) is int and 0 <= v < 1 << 32 for v in value)
    return np.array(value if flat else (), np.uint32)


def _forms(values: list[Any]) -> tuple[str, ...]:
    """Texts in whose ids a quotation of the values stands: each field's strings in a row, all words, and the JSON.

    A string is quoted after a line's end or after a blank, or as the next piece of a word; and one that has blanks,
    signs or times of its own between words, without. Names of fields and numbers are quoted as well.
    """
    strings, fields = [pair for value in values for pair in _strings(value)], dict[str, list[str]]()
    for name, text in strings:
        fields.setdefault(name, []).append(text)
    forms = list[str]()
    for row in fields.values():
        spaced = " ".join(["", *row])
        forms += ["\n".join(row), spaced, "".join(row), " " + " ".join(spaced.split())]
    forms.append(_SIGNS.sub(" ", " ".join(["", *(text for _, text in strings)])))
    try:
        for value in values:
            if not isinstance(value, str) and _holds(value, str | int | float):
                forms.append(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise ValueError("its prompt is nested too deeply") from None
    return tuple(dict.fromkeys(form for form in forms if form.strip()))


def _strings(value: Any) -> list[tuple[str, str]]:
    """Every string in a value, in order, with its field's name: a part of a message, what a tool was given, or said.

    One that is JSON (a chat in a table, a tool's result) is decoded too: its escapes hide what it quotes.
    """
    found, left = list[tuple[str, str]](), [("", value)]
    while left:
        match left.pop():
            case (_, ""):
                pass
            case (name, str(text)):
                found.append((name, text))
                inner = structured(text.lstrip())
                left += [(name, inner)] if isinstance(inner, list | dict) else []
            case (name, list(values)):
                left += [(name, v) for v in reversed(values)]
            case (_, dict(fields)):
                left += reversed(fields.items())
    return found


def _freedom(entropy_nats: Any, n: int) -> FloatArray:
    """The entropy of each of n choices."""
    try:
        found = np.array(msgspec.convert(entropy_nats, list[float]), np.float64)
    except ValueError:
        raise ValueError("`entropy_nats` is missing, or no list of numbers: each token needs one") from None
    if len(found) != n or not (found >= 0).all():
        raise ValueError(f"`entropy_nats` must hold a number of at least 0 for each of the {n:,} tokens")
    return found


def _part(held: list[_Read], *, entropy: bool) -> Texts:
    return Texts(
        tokens=[r.tokens for r in held],
        prompts=[r.prompt for r in held],
        prompted=sum(r.prompted for r in held),
        entropy_nats=[r.entropy_nats for r in held] if entropy else None,
    )


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
        if decoder is _TEXT:
            with suppress(LineError, ValueError):  # half an emoji, as Python writes a text that was cut
                return msgspec.convert(load(raw), _Text)
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
