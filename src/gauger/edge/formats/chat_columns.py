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
from gauger.edge.columns import text_of
from gauger.edge.formats.chat import known_role
from gauger.edge.framing import frame

Ints = npt.NDArray[np.int64]


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
        "system": _joined(owner[systems], pc.fill_null(contents.filter(pa.array(systems)), ""), count, "\n"),
        "prompt": pc.if_else(pa.array(last < 0), None, pc.fill_null(contents.take(pa.array(last, mask=last < 0)), "")),
        "answer": answers,
        "turns": pa.array(np.bincount(owner[users], minlength=count), mask=silent),
        "context": context,
        "thread": pa.array(thread, mask=silent),
    }


def _joined(owner: Ints, texts: pa.Array, count: int, separator: str) -> pa.Array:
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
