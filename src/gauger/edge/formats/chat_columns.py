"""What `gauger.edge.formats.chat.converse` computes, for many exchanges at once whose messages are plain text.

Messages are rows of (role, content) sorted by exchange. `converse` is the definition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge.blake2b import digests
from gauger.edge.columns import Columns, rows_of, text_of
from gauger.edge.formats.chat import known_role
from gauger.edge.framing import frame
from gauger.edge.span_kernels import ARRAY, NULL, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_ANSWER = ".choices..message"  # in a response
_TABLE = "messages"

_NONE = Want(NULL)
_PART = {"type": Want(TEXT), "text": Want(TEXT)} | dict.fromkeys(
    ("content", "thinking", "reasoning", "signature", "data"), _NONE
)
_SAID = frozenset({"text", "input_text", "output_text", None})  # types of a part whose text is what was said
_CONTENT = Want(TEXT | NULL | ARRAY, each=Want(OBJECT, _PART), most=1)
_MESSAGE = {"role": Want(TEXT), "content": _CONTENT, "type": Want(0)} | dict.fromkeys(
    ("parts", "text", "reasoning_content", "thinking_blocks", "summary", "encrypted_content"), _NONE
)
_CHOICE = Want(OBJECT, {"message": Want(OBJECT | NULL, _MESSAGE), "text": _NONE})
_RESPONSE = {"choices": Want(ARRAY | NULL, each=_CHOICE, most=1), "role": Want(0)} | dict.fromkeys(
    ("output", "content", "parts", "reasoning_content", "thinking_blocks", "text"), _NONE
)
MESSAGES = Want(ARRAY | NULL, each=Want(OBJECT, _MESSAGE), rows=_TABLE)
"""Messages of plain text, whole or as one part."""
RESPONSE = Want(OBJECT | NULL, _RESPONSE)
"""A chat completion with one choice of plain text."""


def mark_odd(lines: Columns, spans: Spans, tree: Tree, response: str | None) -> None:
    """Call lines odd that have a part which may be no text: this a tree cannot say.

    Args:
        lines: all lines of the spans. response: the path of `RESPONSE` in the tree.
    """
    if _TABLE in tree.tables:
        messages = rows_of(spans, tree, _TABLE)
        spans.odd[spans.rows[_TABLE].parents[_has_other_part(messages, "content")]] = True
    if response is not None:
        spans.odd[_has_other_part(lines, f"{response}{_ANSWER}.content")] = True


def conversation(
    lines: Columns, spans: Spans, tree: Tree, response: str | None, redacted: str | None = None
) -> dict[str, pa.Array]:
    """The columns of the conversations of all lines that are not odd.

    Args:
        lines: those lines. redacted: what a log holds where it withholds a text.
    """
    answers = _answers(lines, response, redacted)
    if _TABLE not in tree.tables:
        none = pa.array([], pa.string())
        return converse(np.array([], np.int64), none, none, answers)
    plain, parents = ~spans.odd, spans.rows[_TABLE].parents
    messages = rows_of(spans, tree, _TABLE).only(plain[parents])
    owner = (np.cumsum(plain) - 1)[parents[plain[parents]]]
    roles, contents = messages.text("role"), _said(messages, "content")
    last = np.flatnonzero(np.diff(owner, append=-1))  # of each exchange that has messages
    withheld = _is(contents, redacted) & (messages.kind("content") != ARRAY)
    if withheld[last].any():
        kept = ~np.isin(owner, owner[last[withheld[last]]])
        owner, roles, contents = owner[kept], roles.filter(pa.array(kept)), contents.filter(pa.array(kept))
    return converse(owner, roles, contents, answers)


def _answers(lines: Columns, response: str | None, redacted: str | None) -> pa.Array:
    if response is None:
        return pa.nulls(len(lines), pa.string())
    place = response + _ANSWER
    answers = _said(lines, place + ".content")
    silent = (lines.kind(place) == OBJECT) & answers.is_null().to_numpy(zero_copy_only=False)
    withheld = _is(answers, redacted) & (lines.kind(place + ".content") != ARRAY)
    answers = pc.if_else(pa.array(withheld), None, answers) if withheld.any() else answers
    return pc.if_else(pa.array(silent), "", answers) if silent.any() else answers


def _is(texts: pa.Array, text: str | None) -> Mask:
    found: Mask = pc.fill_null(pc.equal(texts, text), False).to_numpy(zero_copy_only=False)
    return found


def _has_other_part(said: Columns, content: str) -> Mask:
    found: Mask = said.kind(content) == ARRAY
    if found.any():
        at = np.flatnonzero(found)
        types = said.only(at).text(content + "..type").dictionary_encode("encode")
        found[at] = ~np.array([name in _SAID for name in types.dictionary.to_pylist()])[types.indices.to_numpy()]
    return found


def _said(said: Columns, content: str) -> pa.Array:
    """The texts of the contents, of those that have a part its."""
    (spans, kinds), (part_spans, part_kinds) = said.cells(content), said.cells(content + "..text")
    parted = kinds == ARRAY
    if not parted.any():
        return said.text(content)
    return said.text((np.where(parted[:, None], part_spans, spans), np.where(parted, part_kinds, kinds)))


def converse(owner: Ints, roles: pa.Array, contents: pa.Array, answers: pa.Array) -> dict[str, pa.Array]:
    """The columns of a conversation.

    Args:
        owner: (messages,) the exchange of each message, ascending.
        roles, contents: (messages,) strings; null ones are worth "".
        answers: (exchanges,) strings, null where there is none.
    """
    count = len(answers)
    encoded = pc.fill_null(roles, "").dictionary_encode()
    names, who = [known_role(r) for r in encoded.dictionary.to_pylist()], encoded.indices.to_numpy()
    systems, users = (np.array([name == role for name in names], np.bool_)[who] for role in ("system", "user"))
    last = np.full(count, -1)
    last[owner[users]] = np.flatnonzero(users)  # the last assignment stands
    silent = np.bincount(owner[~systems], minlength=count) == 0
    context, thread = _digests(owner, np.where(systems, -1, who), names, contents, answers, last)
    return {
        "system": joined(owner[systems], pc.fill_null(contents.filter(pa.array(systems)), ""), count, "\n"),
        "prompt": pc.if_else(pa.array(last < 0), None, pc.fill_null(contents.take(pa.array(last, mask=last < 0)), "")),
        "answer": answers,
        "turns": pa.array(np.bincount(owner[users], minlength=count), mask=silent),
        "context": context,
        "thread": pa.array(thread, mask=silent),
    }


def joined(owner: Ints, texts: pa.Array, count: int, separator: str) -> pa.Array:
    """The texts of each exchange; null where it has none."""
    having = np.bincount(owner, minlength=count)
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(having)]), pa.int32()), texts)
    return pc.if_else(pa.array(having > 0), pc.binary_join(lists, separator), None)


def _digests(
    owner: Ints, who: Ints, names: Sequence[str], contents: pa.Array, answers: pa.Array, last: Ints
) -> tuple[pa.Array, Ints]:
    """`context` and `thread`, digests as `chat.digest64`'s.

    Args:
        who: (messages,) index of the role's name, -1 where nothing is said.
        last: (exchanges,) an exchange's last message of a user, or -1.
    """
    roles = [*names, "assistant"]
    heads = [part for role in roles for part in (f"{len(role)} ".encode(), role.encode())]
    at = np.cumsum([0, *map(len, heads)])
    answered = np.where(answers.is_valid().to_numpy(zero_copy_only=False), len(names), -1)
    head = np.frombuffer(b"".join(heads), np.uint8)
    text, begins, middles = frame(
        owner, who, last, head, at[::2].copy(), at[1::2].copy(), *text_of(contents), *text_of(answers), answered
    )
    context, thread = digests(text, begins[:-1], middles, begins[1:])
    return pa.array(context, mask=middles == begins[:-1]), thread
