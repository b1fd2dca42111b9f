"""OTLP's spans in columns: what `otlp.decode` makes, of the lines that are plain, without Python per line.

As with LiteLLM's payloads, `decode` is the definition, and reads each line that is not plain. Here a line holds
spans of many resources, a span holds attributes, and their texts hold messages as JSON: one pass finds the spans
and attributes as the rows of tables, another one the messages in the attributes' texts.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS
from gauger.edge.columns import ColumnReader, Columns, either, exchanges, per_distinct, rows_of, timestamps
from gauger.edge.formats import otlp
from gauger.edge.formats.attribute_columns import PAIR, Attributes, Ints, Mask, Merged, whole
from gauger.edge.formats.chat_columns import joined
from gauger.edge.formats.exchange import Exchange, column
from gauger.edge.formats.parameters import Parameters
from gauger.edge.formats.talk_columns import Talk
from gauger.edge.formats.values import key_hash
from gauger.edge.span_kernels import ARRAY, ESCAPED, INTEGER, NULL, NUMBER, OBJECT, TEXT
from gauger.edge.spans import Spans, Tree, Want
from gauger.edge.times import MISSING, UNREAD, Micros, from_integers

_OPERATION, _TOOL, _ERROR = "gen_ai.operation.name", "gen_ai.tool.name", "error.type"
_MODEL = ("gen_ai.request.model", "gen_ai.response.model")
_USER = ("user.id", "enduser.id", "user.hash", "user.name")
_KEY = ("gen_ai.request.api_key_hash", "api_key.hash", "api_key_hash")
_ORG = ("organization.id", "org.id", "tenant.id", "user.org.id", "openai.organization")
_TEXTS = {
    "session": ("session.id", "gen_ai.conversation.id"),
    "end_user": ("enduser.pseudo.id", "gen_ai.request.user", "gen_ai.openai.request.user"),
    "model": _MODEL,
    "address": ("client.address", "http.client_ip"),
    "user_agent": ("user_agent.original", "http.user_agent"),
}
_NUMBERS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cost_usd": ("gen_ai.usage.cost", "gen_ai.cost.total_cost"),
}
_TALK = ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages")
_KINDS = (
    dict.fromkeys((*_USER, *_KEY, *_ORG, *(key for keys in _TEXTS.values() for key in keys)), TEXT | ESCAPED | INTEGER)
    | {key: NUMBER if name == "cost_usd" else INTEGER for name, keys in _NUMBERS.items() for key in keys}
    | dict.fromkeys((*_TALK, _OPERATION), TEXT | ESCAPED)
    | dict.fromkeys((_TOOL, _ERROR), 255)
)
_LEGACY = ("gen_ai.prompt", "gen_ai.completion")  # so begin the keys of earlier conventions for messages
_FAILED = ["2", "STATUS_CODE_ERROR"]
_WHEN, _PAIRS = Want(INTEGER | TEXT | NULL), Want(ARRAY, each=PAIR)
_SPAN = Want(
    OBJECT,
    {
        "traceId": Want(TEXT),
        "spanId": Want(TEXT),
        "startTimeUnixNano": _WHEN,
        "endTimeUnixNano": _WHEN,
        "attributes": _PAIRS._replace(rows="attributes"),
        "events": Want(
            ARRAY, each=Want(OBJECT, {"name": Want(TEXT), "attributes": _PAIRS._replace(read=False)}), rows="events"
        ),
        "status": Want(OBJECT | NULL, {"code": Want(INTEGER | TEXT | NULL)}),
    },
)
_RESOURCE = Want(
    OBJECT,
    {
        "resource": Want(OBJECT | NULL, {"attributes": _PAIRS._replace(rows="shared")}),
        "scopeSpans": Want(ARRAY, each=Want(OBJECT, {"spans": Want(ARRAY, each=_SPAN, rows="spans")})),
    },
)
TREE = Tree(Want(OBJECT, {"resourceSpans": Want(ARRAY, each=_RESOURCE, rows="resources")}))


def read(source: str, first_line: int, spans: Spans) -> pa.RecordBatch:
    """The exchanges of all lines that are not odd; lines with one that has no plain time or no account become odd."""
    own, shared, within = _attributes(spans)
    line = spans.rows["resources"].parents[within]
    spans.odd[line[own.odd | shared.odd[within]]] = True
    mine = np.flatnonzero(~spans.odd[line])
    attributes = Merged(spans.data, own, shared, mine, within[mine])
    is_one = _is_exchange(attributes)
    mine, attributes = mine[is_one], attributes.only(is_one)
    found, line = rows_of(spans, TREE, "spans").only(mine), line[mine]
    begun, ended = _times(spans.data, found, "startTimeUnixNano"), _times(spans.data, found, "endTimeUnixNano")
    talk = Talk(spans.data, [attributes.cells(key) for key in _TALK])
    account = attributes.first((*_USER, *_KEY, *_ORG))[1] > NULL
    good = (begun > UNREAD) & (ended != UNREAD) & account & ~talk.odd & _is_named(found, line)
    spans.odd[line[~good]] = True
    kept = ~spans.odd[line]
    arrays = _columns(found.only(kept), attributes.only(kept)) | _parameters(own, mine[kept]) | talk.columns(kept)
    arrays |= {"time": timestamps(begun[kept]), "end_time": timestamps(ended[kept])}
    return exchanges(source, first_line + line[kept].astype(np.int64), arrays)


def _attributes(spans: Spans) -> tuple[Attributes, Attributes, Ints]:
    """The attributes of spans and of resources, and the resource of each span."""
    count = {name: len(rows.parents) for name, rows in spans.rows.items()}
    own = Attributes(spans, TREE, "attributes", count["spans"], _KINDS, lambda key: key.startswith(_LEGACY))
    shared = Attributes(spans, TREE, "shared", count["resources"], _KINDS, lambda key: key.startswith("gen_ai."))
    told = pc.starts_with(rows_of(spans, TREE, "events").text("name"), "gen_ai.").fill_null(False)
    own.odd[spans.rows["events"].parents[told.to_numpy(zero_copy_only=False)]] = True
    return own, shared, spans.rows["spans"].parents.astype(np.int64)


def _is_exchange(attributes: Merged) -> Mask:
    operations = attributes.text(attributes.cells(_OPERATION)).dictionary_encode("encode")
    named = np.array([name is not None and _is_operation(name) for name in operations.dictionary.to_pylist()], np.bool_)
    unnamed = attributes.cells(_OPERATION)[1] <= NULL
    modelled = (attributes.first(_MODEL)[1] > NULL) & ~attributes.has(_TOOL)
    found: Mask = np.where(unnamed, modelled, named[operations.indices.to_numpy()])
    return found


@lru_cache(maxsize=1024)
def _is_operation(name: str) -> bool:
    return bool(_decoded(msgspec.json.encode({"key": _OPERATION, "value": {"stringValue": name}})))


def _decoded(*attributes: bytes) -> list[Exchange]:
    """What the definition makes of a span with these attributes."""
    found = b",".join(attributes)
    return otlp.decode(b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [' + found + b"]}]}]}]}")


def _times(data: npt.NDArray[np.uint8], found: Columns, name: str) -> Micros:
    spans, kinds = found.cells(name)
    micros = np.where(kinds > NULL, UNREAD, MISSING)
    there = np.flatnonzero((kinds & (TEXT | INTEGER) > 0) & (kinds & ESCAPED == 0))
    micros[there] = from_integers(whole(data, spans[there]), "ns")
    return micros


def _is_named(found: Columns, line: npt.NDArray[np.int32]) -> Mask:
    """Has it an id, or is it alone in its line, which then names it?"""
    spans, kinds = found.cells("spanId")
    named: Mask = (kinds > NULL) & (spans[:, 0] < spans[:, 1])
    alone: Mask = np.bincount(line)[line] == 1
    return named | alone


def _columns(found: Columns, attributes: Merged) -> dict[str, pa.Array]:
    key = per_distinct(attributes.text(attributes.first(_KEY)), key_hash, pa.string())
    org = attributes.text(attributes.first(_ORG))
    span = found.text("spanId")
    span = pc.if_else(pc.equal(span, ""), None, span)
    code = found.text("status.code")
    failed = pc.is_in(code, pa.array(_FAILED)).to_numpy(zero_copy_only=False) | attributes.has(_ERROR)
    arrays = {name: attributes.text(attributes.first(keys)) for name, keys in _TEXTS.items()}
    for name, keys in _NUMBERS.items():
        arrays[name] = attributes.text(attributes.first(keys)).cast(EVENTS.field(name).type)
    return arrays | {
        "event_id": pc.binary_join_element_wise(found.text("traceId").fill_null(""), span, ":"),
        "account": either(attributes.text(attributes.first(_USER)), lambda: pc.coalesce(key, org)),
        "org": org,
        "api_key": key,
        "status": pc.if_else(pa.array(failed), "failure", "success"),
    }


def _parameters(own: Attributes, mine: Ints) -> dict[str, pa.Array]:
    """The parameters of those spans, read once for each that are distinct."""
    at = own.those(_is_parameter)
    place = np.full(len(own.odd), -1)
    place[mine] = np.arange(len(mine))
    at = at[place[own.parents[at]] >= 0]
    raw = own.rows.only(at).text("")
    encoded = joined(place[own.parents[at]], raw, len(mine), ",").fill_null("").dictionary_encode()
    given = [_read_parameters(text) for text in encoded.dictionary.to_pylist()]
    return {
        name: column([getattr(p, name) for p in given], EVENTS.field(name).type).take(encoded.indices)
        for name in Parameters.__struct_fields__
    }


@lru_cache(maxsize=4096)
def _is_parameter(key: str) -> bool:
    """Does the definition make anything of a parameter by that name?"""
    if not key.startswith(("gen_ai.request.", "gen_ai.tool.")):
        return False
    given = _read_parameters(msgspec.json.encode({"key": key, "value": {"intValue": 1}}).decode())
    return given.params != "{}" or given.tools is not None


def _read_parameters(raw: str) -> Exchange:
    return _decoded(_CHAT, *([raw.encode()] if raw else []))[0]


_CHAT = msgspec.json.encode({"key": _OPERATION, "value": {"stringValue": "chat"}})
READER = ColumnReader(TREE, read)
