"""What `gauger.edge.formats.chat.converse` computes, for many exchanges at once whose messages are plain text.

Messages are rows of (role, content) sorted by exchange. `converse` is the definition.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge.blake2b import digests
from gauger.edge.columns import per_distinct
from gauger.edge.formats.chat import known_role

_BLANKS = (  # what str.strip() takes away
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
Ints = npt.NDArray[np.int64]


def converse(owner: Ints, roles: pa.Array, contents: pa.Array, answers: pa.Array) -> dict[str, pa.Array]:
    """The columns of a conversation.

    Args:
        owner: (messages,) the exchange of each message, ascending.
        roles, contents: (messages,) strings; null ones are worth "".
        answers: (exchanges,) strings, null where there is none.
    """
    count = len(answers)
    roles, contents = per_distinct(pc.fill_null(roles, ""), known_role, pa.string()), pc.fill_null(contents, "")
    systems, users = (pc.equal(roles, who).to_numpy(zero_copy_only=False) for who in ("system", "user"))
    last = np.full(count, -1)
    last[owner[users]] = np.flatnonzero(users)  # the last assignment stands
    spoken = ~systems
    found = {
        "system": _joined(owner[systems], contents.filter(pa.array(systems)), count, "\n"),
        "prompt": contents.take(pa.array(last, mask=last < 0)),
        "answer": answers,
        "turns": pa.array(np.bincount(owner[users], minlength=count), mask=~np.isin(np.arange(count), owner[spoken])),
    }
    before = np.cumsum(spoken) - spoken  # spoken messages before each
    return found | _digests(
        owner[spoken],
        _framed(roles.filter(pa.array(spoken)), contents.filter(pa.array(spoken))),
        answers,
        np.where(last < 0, -1, before[last] if len(before) else -1),
    )


def _joined(owner: Ints, texts: pa.Array, count: int, separator: str) -> pa.Array:
    """The texts of each exchange; null where it has none."""
    having = np.bincount(owner, minlength=count)
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(having)]), pa.int32()), texts)
    return pc.if_else(pa.array(having > 0), pc.binary_join(lists, separator), None)


def _framed(roles: pa.Array, texts: pa.Array) -> pa.Array:
    texts = pc.utf8_trim(texts, characters=_BLANKS)
    heads = per_distinct(roles, lambda role: f"{len(role)} ", pa.string())
    sizes = pc.utf8_length(texts).cast(pa.string())
    return pc.binary_join_element_wise(heads, sizes, pa.scalar(" "), roles, texts, "")


def _digests(owner: Ints, framed: pa.Array, answers: pa.Array, last: Ints) -> dict[str, pa.Array]:
    """`context` and `thread`, digests as `chat.digest64`'s.

    Args:
        last: which of the framed messages is an exchange's last of a user, or -1.
    """
    sizes = np.bincount(owner, minlength=len(answers))
    answered = np.flatnonzero(answers.is_valid().to_numpy(zero_copy_only=False) & (sizes > 0))
    replies = answers.take(pa.array(answered))
    replies = _framed(pa.repeat(pa.scalar("assistant"), len(replies)), replies)
    order = np.argsort(np.concatenate([owner, answered]), kind="stable")  # each answer after its messages
    whole = pa.concat_arrays([framed, replies]).take(pa.array(order))
    at = np.concatenate([[0], np.cumsum(pc.binary_length(whole).to_numpy(zero_copy_only=False))])
    parts = sizes + np.bincount(answered, minlength=len(sizes))
    start = np.cumsum(parts) - parts  # of each exchange in `whole`
    middle = start + np.maximum(0, last - (np.cumsum(sizes) - sizes))
    text = np.frombuffer(whole.buffers()[2] or b"", np.uint8)
    context, thread = digests(text, at[start], at[middle], at[start + parts])
    return {"context": pa.array(context, mask=middle == start), "thread": pa.array(thread, mask=sizes == 0)}
