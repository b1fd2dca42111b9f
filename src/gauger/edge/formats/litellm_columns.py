"""LiteLLM's payloads in columns: what `litellm.decode` makes, of the lines that are plain, without Python per line.

There are two ways to read a line because one alone is slow and the other alone is blind. `decode` is the
definition: it takes whatever writers and attackers may put into a line. Most lines of most logs need none of
that: chat messages of plain text, scalars of the expected kinds. `read` takes those, and only those, a block
at a time; it hands every other line back for `decode`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gauger.edge.columns import ColumnReader, Columns, either, exchanges, per_distinct, timestamps
from gauger.edge.formats import chat_columns
from gauger.edge.formats.litellm import REDACTED, tagged_agent
from gauger.edge.formats.parameters import parameter_columns
from gauger.edge.formats.values import key_hash
from gauger.edge.span_kernels import ARRAY, BOOL, INTEGER, NULL, NUMBER, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want
from gauger.edge.times import UNREAD, Micros

_TEXT, _COUNT, _AMOUNT = Want(TEXT | NULL), Want(INTEGER | NULL), Want(NUMBER | NULL)
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
            "messages": chat_columns.MESSAGES,
            "response": chat_columns.RESPONSE,
            "model_parameters": Want(OBJECT | NULL),
            "metadata": Want(
                OBJECT | NULL,
                {p.removeprefix("metadata."): _TEXT for p in (*_USER, *_KEY, *_ORG) if "." in p}
                | dict.fromkeys(_METADATA, _TEXT),
            ),
            "cache_hit": Want(BOOL | NULL),
            "request_tags": Want(ARRAY | NULL, each=Want(TEXT)),
            "proxy_server_request": Want(NULL),
        },
    )
)


def read(source: str, first_line: int, spans: Spans) -> pa.RecordBatch:
    """The exchanges of all lines that are not odd. Lines without a plain time or an account become odd."""
    lines, begun, ended = _plain(spans)
    key = per_distinct(lines.text(lines.first(*_KEY)), key_hash, pa.string())
    org = lines.text(lines.first(*_ORG))
    status = lines.text("status")
    arrays = {
        "event_id": _id(lines),
        "time": timestamps(begun),
        "end_time": timestamps(ended),
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
    arrays |= parameter_columns(lines.text("model_parameters"))
    arrays |= chat_columns.conversation(lines, spans, TREE, "response", REDACTED)
    return exchanges(source, first_line + np.flatnonzero(~spans.odd), arrays)


def _plain(spans: Spans) -> tuple[Columns, Micros, Micros]:
    """The lines that are not odd, after a look at what the tree cannot say, and their times."""
    lines = Columns(spans.data, TREE.slots, spans.spans, spans.kinds)
    chat_columns.mark_odd(lines, spans, TREE, "response")
    at = np.flatnonzero(~spans.odd)
    lines = lines.only(~spans.odd)
    begun, ended = lines.micros("startTime"), lines.micros("endTime")
    good = (lines.first(*_USER, *_KEY, *_ORG)[1] > NULL) & (begun > UNREAD) & (ended != UNREAD)
    spans.odd[at[~good]] = True
    return lines.only(good), begun[good], ended[good]


def _id(lines: Columns) -> pa.Array:
    spans, kinds = lines.first("id", "request_id", "call_id")
    again = lines.is_true("cache_hit") & (lines.kind("request_id") <= NULL)
    call_spans, call_kinds = lines.first("call_id")
    return lines.text((np.where(again[:, None], call_spans, spans), np.where(again, call_kinds, kinds)))


def _agent(lines: Columns) -> pa.Array:
    named = lines.text(lines.first("user_agent", "metadata.user_agent"))
    return either(named, lambda: per_distinct(lines.text("request_tags"), tagged_agent, pa.string()))


READER = ColumnReader(TREE, read)
