"""LiteLLM's payloads in columns: what `litellm.decode` makes, of the lines that are plain, without Python per line.

There are two ways to read a line because one alone is slow and the other alone is blind. `decode` is the
definition: it takes whatever writers and attackers may put into a line. Most lines of most logs need none of
that: chat messages of plain text, scalars of the expected kinds. `read` takes those, and only those, a block
at a time; it hands every other line back for `decode`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS, TIMESTAMP
from gauger.edge.columns import Columns, either, per_distinct
from gauger.edge.formats import chat_columns
from gauger.edge.formats.exchange import column
from gauger.edge.formats.litellm import REDACTED, tagged_agent
from gauger.edge.formats.parameters import Parameters, read_parameters
from gauger.edge.formats.values import key_hash
from gauger.edge.span_kernels import ARRAY, BOOL, INTEGER, NULL, NUMBER, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want
from gauger.edge.times import MISSING, UNREAD

_TEXT, _COUNT, _AMOUNT, _NONE = Want(TEXT | NULL), Want(INTEGER | NULL), Want(NUMBER | NULL), Want(NULL)
_PART = {"type": Want(TEXT), "text": Want(TEXT)} | dict.fromkeys(
    ("content", "thinking", "reasoning", "signature", "data"), _NONE
)
_CONTENT = Want(TEXT | NULL | ARRAY, each=Want(OBJECT, _PART), most=1)
_PART_TYPES = frozenset({"text", "input_text", "output_text"})  # whose text is said, whoever says it
_MESSAGE = {"role": Want(TEXT), "content": _CONTENT, "type": Want(0)} | dict.fromkeys(
    ("parts", "text", "reasoning_content", "thinking_blocks", "summary", "encrypted_content"), _NONE
)
_CHOICE = Want(OBJECT, {"message": Want(OBJECT | NULL, _MESSAGE), "text": _NONE})
_RESPONSE = {"choices": Want(ARRAY | NULL, each=_CHOICE, most=1), "role": Want(0)} | dict.fromkeys(
    ("output", "content", "parts", "reasoning_content", "thinking_blocks", "text"), _NONE
)
_USER, _KEY, _ORG = (
    ("metadata.user_api_key_user_id", "user"),
    ("metadata.user_api_key_hash", "metadata.user_api_key", "api_key"),
    ("metadata.user_api_key_org_id", "organization_id", "metadata.user_api_key_team_id", "team_id"),
)
_METADATA = ("user_api_key_end_user_id", "requester_ip_address", "user_agent")
_TEXTS = (
    "id",
    "call_id",
    "session_id",
    "status",
    "model",
    "end_user",
    "requester_ip_address",
    "user_agent",
    "request_id",
)
TREE = Tree(
    Want(
        OBJECT,
        dict.fromkeys((*_TEXTS, "user", "api_key", "team_id", "organization_id"), _TEXT)
        | {
            "startTime": Want(NUMBER | TEXT),
            "endTime": Want(NUMBER | TEXT | NULL),
            "prompt_tokens": _COUNT,
            "completion_tokens": _COUNT,
            "response_cost": _AMOUNT,
            "spend": _AMOUNT,
            "messages": Want(ARRAY | NULL, each=Want(OBJECT, _MESSAGE), rows=True),
            "response": Want(OBJECT | NULL, _RESPONSE),
            "model_parameters": Want(OBJECT | NULL),
            "metadata": Want(
                OBJECT | NULL,
                {p.removeprefix("metadata."): _TEXT for p in (*_USER, *_KEY, *_ORG) if "." in p}
                | dict.fromkeys(_METADATA, _TEXT),
            ),
            "cache_hit": Want(BOOL | NULL),
            "request_tags": Want(ARRAY | NULL, each=Want(TEXT)),
            "proxy_server_request": _NONE,
        },
    )
)
_ANSWER = "response.choices..message"


def read(source: str, first_line: int, spans: Spans) -> pa.RecordBatch:
    """The exchanges of all lines that are not odd. Lines without a plain time or an account become odd."""
    lines, begun, ended = _plain(spans)
    key = per_distinct(lines.text(lines.first(*_KEY)), key_hash, pa.string())
    org = lines.text(lines.first(*_ORG))
    numbers = pa.array(first_line + np.flatnonzero(~spans.odd))
    status = lines.text("status")
    name = column([source], pa.string())[0]  # a path may hold what is no text
    arrays = {
        "event_id": either(_id(lines), lambda: pc.binary_join_element_wise(name, numbers.cast(pa.string()), ":")),
        "source": pa.repeat(name, len(lines)),
        "line": numbers,
        "time": begun,
        "end_time": ended,
        "account": either(lines.text(lines.first(*_USER)), lambda: pc.coalesce(key, org)),
        "org": org,
        "api_key": key,
        "session": lines.text(lines.first("session_id")),
        "end_user": lines.text(lines.first("end_user", "metadata.user_api_key_end_user_id")),
        "model": lines.text(lines.first("model")),
        "status": pc.if_else(pc.or_(pc.is_null(status), pc.equal(status, "success")), status, "failure"),
        "address": lines.text(lines.first("requester_ip_address", "metadata.requester_ip_address")),
        "user_agent": _agent(lines),
        "input_tokens": lines.integer("prompt_tokens"),
        "output_tokens": lines.integer("completion_tokens"),
        "cost_usd": either(lines.number("response_cost"), lambda: lines.number("spend")),
    }
    arrays |= _parameters(lines) | _conversation(lines, spans)
    columns = [arrays[f.name].cast(f.type) if f.name in arrays else pa.nulls(len(lines), f.type) for f in EVENTS]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def _plain(spans: Spans) -> tuple[Columns, pa.Array, pa.Array]:
    """The lines that are not odd, after a look at what the tree cannot say, and their times."""
    lines = Columns(spans.data, TREE.slots, spans.spans, spans.kinds)
    owner = np.repeat(np.arange(len(lines)), np.diff(spans.first_row))
    rows = slice(len(owner))
    messages = Columns(spans.data, TREE.row_slots, spans.row_spans[:, rows], spans.row_kinds[:, rows])
    spans.odd[owner[_strange(messages, "content")]] = True
    spans.odd[_strange(lines, _ANSWER + ".content")] = True
    at = np.flatnonzero(~spans.odd)
    lines = lines.only(at) if len(at) < len(lines) else lines
    begun, ended = lines.micros("startTime"), lines.micros("endTime")
    good = (lines.first(*_USER, *_KEY, *_ORG)[1] > NULL) & (begun > UNREAD) & (ended != UNREAD)
    spans.odd[at[~good]] = True
    return lines if good.all() else lines.only(good), _times(begun[good]), _times(ended[good])


def _strange(said: Columns, content: str) -> npt.NDArray[np.bool_]:
    """Which contents have a part that may be no text."""
    parted = said.kind(content) == ARRAY
    if not parted.any():
        return parted
    at = np.flatnonzero(parted)
    named = said.only(at).text(content + "..type").dictionary_encode()
    text = np.array([name in _PART_TYPES for name in named.dictionary.to_pylist()] + [True])
    parted[at] = ~text[pc.fill_null(named.indices, -1).to_numpy()]
    return parted


def _said(said: Columns, content: str) -> pa.Array:
    """The texts of the contents, of those that have a part its."""
    (spans, kinds), (part_spans, part_kinds) = said.cells(content), said.cells(content + "..text")
    parted = kinds == ARRAY
    if not parted.any():
        return said.text(content)
    return said.text((np.where(parted[:, None], part_spans, spans), np.where(parted, part_kinds, kinds)))


def _times(micros: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(micros, mask=micros == MISSING).cast(TIMESTAMP)


def _id(lines: Columns) -> pa.Array:
    spans, kinds = lines.first("id", "request_id", "call_id")
    again = lines.is_true("cache_hit") & (lines.kind("request_id") <= NULL)
    call_spans, call_kinds = lines.first("call_id")
    return lines.text((np.where(again[:, None], call_spans, spans), np.where(again, call_kinds, kinds)))


def _agent(lines: Columns) -> pa.Array:
    named = lines.text(lines.first("user_agent", "metadata.user_agent"))
    return either(named, lambda: per_distinct(lines.text("request_tags"), tagged_agent, pa.string()))


def _parameters(lines: Columns) -> dict[str, pa.Array]:
    encoded = pc.fill_null(lines.text("model_parameters"), "{}").dictionary_encode()
    given = [read_parameters(raw.encode()) for raw in encoded.dictionary.to_pylist()]
    return {
        name: column([getattr(p, name) for p in given], EVENTS.field(name).type).take(encoded.indices)
        for name in Parameters.__struct_fields__
    }


def _conversation(lines: Columns, spans: Spans) -> dict[str, pa.Array]:
    plain = ~spans.odd
    made = np.diff(spans.first_row)
    mine = np.repeat(plain, made)
    rows = np.flatnonzero(mine)
    messages = Columns(spans.data, TREE.row_slots, spans.row_spans[:, rows], spans.row_kinds[:, rows])
    owner = np.repeat(np.arange(len(lines)), made[plain])
    roles, contents = messages.text("role"), _said(messages, "content")
    last = np.cumsum(made[plain])[made[plain] > 0] - 1  # of each exchange that has messages
    redacted = pc.fill_null(pc.equal(contents, REDACTED), False).to_numpy(zero_copy_only=False)
    redacted &= messages.kind("content") != ARRAY
    if redacted[last].any():
        kept = ~np.isin(owner, owner[last[redacted[last]]])
        owner, roles, contents = owner[kept], roles.filter(pa.array(kept)), contents.filter(pa.array(kept))
    answers = _said(lines, _ANSWER + ".content")
    silent = (lines.kind(_ANSWER) == OBJECT) & answers.is_null().to_numpy(zero_copy_only=False)
    withheld = pc.fill_null(pc.equal(answers, REDACTED), False).to_numpy(zero_copy_only=False)
    withheld &= lines.kind(_ANSWER + ".content") != ARRAY
    answers = pc.if_else(pa.array(withheld), None, answers) if withheld.any() else answers
    answers = pc.if_else(pa.array(silent), "", answers) if silent.any() else answers
    return chat_columns.converse(owner, roles, contents, answers)
