"""OpenTelemetry's messages, which stand as JSON in texts, in columns: those of plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge.columns import Cells, Columns, rows_of
from gauger.edge.formats import chat, chat_columns
from gauger.edge.span_kernels import ARRAY, NULL, OBJECT, TEXT, cut
from gauger.edge.spans import Tree, Want, find_spans

_SYSTEM, _INPUT, _OUTPUT = range(3)  # a text's place among those of its exchange
_NONE = Want(NULL)
_SAID = {"type": Want(TEXT), "content": Want(TEXT | NULL)} | dict.fromkeys(
    ("text", "thinking", "reasoning", "signature", "data"), _NONE
)
_MESSAGE = (
    {"role": Want(TEXT), "parts": Want(ARRAY | NULL, each=Want(OBJECT, _SAID), most=1)}
    | _SAID
    | dict.fromkeys(("reasoning_content", "thinking_blocks", "summary", "encrypted_content"), _NONE)
)
_TREE = Tree(Want(ARRAY, each=Want(OBJECT, _MESSAGE), rows="messages"))


class Talk:
    """The messages of some exchanges.

    Args:
        texts: of each exchange the system's instructions, the messages and the answers.

    Attributes:
        odd: (exchanges,) those whose texts are no list of messages of plain text.
    """

    def __init__(self, data: npt.NDArray[np.uint8], texts: Sequence[Cells]) -> None:
        spans = np.stack([cells[0] for cells in texts], 1).reshape(-1, 2)
        kinds = np.stack([cells[1] for cells in texts], 1).reshape(-1)
        at = np.flatnonzero((kinds > NULL) & (spans[:, 0] < spans[:, 1]))
        self.odd = np.zeros(len(kinds) // 3, np.bool_)
        found = find_spans(_TREE, _lines(data, spans[at], kinds[at]))
        odd, owner = found.odd[: len(at)].copy(), found.rows["messages"].parents  # of no texts there is a line: empty
        self._rows = rows_of(found, _TREE, "messages")
        self._owner, self._place = (part[owner] for part in np.divmod(at, 3))
        odd |= found.data[np.concatenate([[0], found.ends + 1])[: len(at)]] != ord("[")
        odd[owner[_is_other(self._rows, self._place)]] = True
        odd |= (at % 3 == _OUTPUT) & (np.bincount(owner, minlength=len(at)) > 1)
        self.odd[at[odd] // 3] = True

    def columns(self, kept: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
        """The columns of the conversations of those exchanges, none of which is odd."""
        mine = kept[self._owner]
        rows, owner, place = self._rows.only(mine), (np.cumsum(kept) - 1)[self._owner[mine]], self._place[mine]
        contents = _contents(rows, place)
        count = int(kept.sum())
        answer = np.full(count, -1)
        answer[owner[place == _OUTPUT]] = np.flatnonzero(place == _OUTPUT)
        asked = np.zeros(count, np.bool_)
        asked[owner[place == _INPUT]] = True
        told = (place == _SYSTEM) & asked[owner]
        said = (place == _INPUT) | told
        roles = rows.text("role")
        if told.any():
            said &= ~told | pc.not_equal(contents, "").to_numpy(zero_copy_only=False)
            roles = pc.if_else(pa.array(told), "system", roles)
        chosen = pa.array(said)
        answers = contents.take(pa.array(answer, mask=answer < 0))
        return chat_columns.converse(owner[said], roles.filter(chosen), contents.filter(chosen), answers)


def _lines(data: npt.NDArray[np.uint8], spans: npt.NDArray[np.int32], kinds: npt.NDArray[np.uint8]) -> bytes:
    """The texts, each on a line of its own: what was a newline in a text becomes another blank."""
    offsets, text = cut(
        data, spans + np.array([0, 1], np.int32), kinds
    )  # with the quote, in whose place a newline goes
    text[text == ord("\n")] = ord("\r")
    text[offsets[1:] - 1] = ord("\n")
    found: bytes = text.tobytes()
    return found


def _is_other(rows: Columns, place: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which messages may hold what is no plain text: a message that has a type, or a part of a type that is none."""
    found: npt.NDArray[np.bool_] = (place != _SYSTEM) & (rows.kind("type") > 0)
    for name, mine in (("type", place == _SYSTEM), ("parts..type", place != _SYSTEM)):
        types = rows.only(mine).text(name).fill_null("").dictionary_encode()
        other = np.array([_is_other_part(kind) for kind in types.dictionary.to_pylist()], np.bool_)
        found[mine] |= other[types.indices.to_numpy()]
    return found


def _is_other_part(kind: str) -> bool:
    return kind == "tool_result" or chat.text_of([chat.Part(type=kind, content="x")]) != "x"


def _contents(rows: Columns, place: npt.NDArray[np.int64]) -> pa.Array:
    (spans, kinds), (part_spans, part_kinds) = rows.cells("content"), rows.cells("parts..content")
    parted = (kinds <= NULL) & (place != _SYSTEM)
    return rows.text((np.where(parted[:, None], part_spans, spans), np.where(parted, part_kinds, kinds))).fill_null("")
