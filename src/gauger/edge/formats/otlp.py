"""OTLP/JSON traces (`ExportTraceServiceRequest`) whose spans follow OpenTelemetry's GenAI conventions.

Accepted: the current message attributes (`gen_ai.input.messages` and its kin, as JSON in a string or as
structured values), the span events of earlier versions (`gen_ai.user.message`, `gen_ai.choice`), and the
legacy attributes `gen_ai.system`, `gen_ai.prompt`, `gen_ai.completion` and `gen_ai.prompt.0.content`.
Spans of tools, agents and embeddings, and all spans that are not GenAI's, are no exchanges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gauger.edge.formats import chat
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.parameters import Parameters, parameters, set_parameters
from gauger.edge.formats.values import (
    LineError,
    first,
    integer,
    key_hash,
    load,
    micros_or_none,
    number,
    structured,
    text,
    tolerant,
)

NAME = "otlp"
_EXCHANGES = frozenset({"chat", "text_completion", "generate_content", "completion"})
_INDEXED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content|reasoning_content)")
_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


class _Value(msgspec.Struct, gc=False, rename="camel"):
    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None


class _Array(msgspec.Struct, gc=False, rename="camel"):
    values: list[_Value] = []


class _Pair(msgspec.Struct, gc=False, rename="camel"):
    key: str = ""
    value: _Value | None = None


class _Pairs(msgspec.Struct, gc=False, rename="camel"):
    values: list[_Pair] = []


class _Event(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    attributes: list[_Pair] = []


class _Status(msgspec.Struct, gc=False, rename="camel"):
    code: int | str | None = None


class _Span(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[_Pair] = []
    events: list[_Event] = []
    status: _Status | None = None


class _Scope(msgspec.Struct, gc=False, rename="camel"):
    spans: list[_Span] = []


class _Resource(msgspec.Struct, gc=False, rename="camel"):
    attributes: list[_Pair] = []


class _ResourceSpans(msgspec.Struct, gc=False, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_Scope] = []


class _Request(msgspec.Struct, gc=False, rename="camel"):
    resource_spans: list[_ResourceSpans] = []


_decode = msgspec.json.Decoder(_Request).decode


def recognise(record: Mapping[str, Any]) -> str | None:
    """Why this record is OTLP's, or None."""
    return "OTLP/JSON field resourceSpans" if isinstance(record.get("resourceSpans"), list) else None


def decode(line: bytes) -> list[Exchange]:
    """Decode one export request: an exchange for each GenAI span, its time None where it has none.

    Raises:
        LineError: not a JSON object, or nested too deeply.
    """
    try:
        request = _decode(line)
    except (ValueError, RecursionError):
        request = _tolerate(load(line))
    found = []
    for resource in request.resource_spans:
        shared = _plain(resource.resource.attributes) if resource.resource else {}
        for scope in resource.scope_spans:
            found += [_exchange(s, shared | a) for s in scope.spans if _is_exchange(a := _plain(s.attributes))]
    return found


def _tolerate(record: dict[str, Any]) -> _Request:
    request: _Request = tolerant(record, _Request)
    return request


def _plain(pairs: list[_Pair]) -> dict[str, Any]:
    try:
        return {p.key: _value(p.value) for p in pairs}
    except RecursionError:
        raise LineError("nested too deeply") from None


def _value(value: _Value | None) -> Any:
    if value is None:
        return None
    if value.array_value is not None:
        return [_value(v) for v in value.array_value.values]
    if value.kvlist_value is not None:
        return {p.key: _value(p.value) for p in value.kvlist_value.values}
    scalars = (value.string_value, value.bool_value, value.double_value)
    return next((v for v in scalars if v is not None), None) if value.int_value is None else integer(value.int_value)


def _is_exchange(a: Mapping[str, Any]) -> bool:
    operation = a.get("gen_ai.operation.name")
    if operation is not None:
        return isinstance(operation, str) and operation in _EXCHANGES
    return first(a, "gen_ai.request.model", "gen_ai.response.model") is not None and "gen_ai.tool.name" not in a


def _exchange(span: _Span, a: dict[str, Any]) -> Exchange:
    key = key_hash(text(first(a, "gen_ai.request.api_key_hash", "api_key.hash", "api_key_hash")))
    org = text(first(a, "organization.id", "org.id", "tenant.id", "user.org.id", "openai.organization"))
    exchange = Exchange(
        event_id=f"{span.trace_id}:{span.span_id}" if span.span_id else None,
        time=micros_or_none(span.start_time_unix_nano, "ns"),
        end_time=micros_or_none(span.end_time_unix_nano, "ns"),
        account=text(first(a, "user.id", "enduser.id", "user.hash", "user.name")) or key or org,
        org=org,
        api_key=key,
        session=text(first(a, "session.id", "gen_ai.conversation.id")),
        end_user=text(first(a, "enduser.pseudo.id", "gen_ai.request.user", "gen_ai.openai.request.user")),
        model=text(first(a, "gen_ai.request.model", "gen_ai.response.model")),
        status="failure" if _failed(span, a) else "success",
        address=text(first(a, "client.address", "http.client_ip")),
        user_agent=text(first(a, "user_agent.original", "http.user_agent")),
        input_tokens=integer(first(a, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        output_tokens=integer(first(a, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        cost_usd=number(first(a, "gen_ai.usage.cost", "gen_ai.cost.total_cost")),
    )
    set_parameters(exchange, _parameters(a))
    _talk(exchange, span, a)
    return exchange


def _failed(span: _Span, a: Mapping[str, Any]) -> bool:
    return "error.type" in a or (span.status is not None and span.status.code in (2, "2", "STATUS_CODE_ERROR"))


def _parameters(a: Mapping[str, Any]) -> Parameters:
    given = {k.removeprefix("gen_ai.request."): v for k, v in a.items() if k.startswith("gen_ai.request.")}
    given["n"] = first(a, "gen_ai.request.choice.count", "gen_ai.request.n")
    given["tools"] = structured(first(a, "gen_ai.tool.definitions", "gen_ai.request.tools"))
    return parameters(given)


def _talk(exchange: Exchange, span: _Span, a: dict[str, Any]) -> None:
    """Take the conversation from the newest of the conventions that the span follows."""
    messages, beside = chat.read_messages(a.get("gen_ai.input.messages"))
    answer = chat.read_response(a.get("gen_ai.output.messages"))
    told = structured(a.get("gen_ai.system_instructions"))
    system = (told if isinstance(told, str) else chat.text_of(tolerant(told, list[chat.Part | str]))) or beside
    events = [(e.name, _plain(e.attributes)) for e in span.events]
    if not messages:
        messages = _from_events(events) or _indexed(a, "prompt")
    if not messages:
        messages, system = chat.read_messages(_legacy(a, events, "prompt"))
    if answer is None:
        answer = _choice(events) or next(iter(_indexed(a, "completion")), None)
    if answer is None:
        answer = chat.read_response(_legacy(a, events, "completion"))
    chat.converse(exchange, messages, answer, system)


def _from_events(events: list[tuple[str, dict[str, Any]]]) -> list[chat.Message]:
    found = []
    for name, a in events:
        if named := _EVENT.fullmatch(name):
            content = structured(first(a, "content", "gen_ai.event.content", "gen_ai.prompt"))
            content = content.get("content") if isinstance(content, dict) else content
            found.append({"role": text(a.get("role")) or named[1], "content": content})
    return tolerant(found, list[chat.Message]) or []


def _choice(events: list[tuple[str, dict[str, Any]]]) -> chat.Message | None:
    for name, a in events:
        if name == "gen_ai.choice":
            content = structured(first(a, "message", "content", "gen_ai.event.content", "gen_ai.completion"))
            inner = content.get("message", content) if isinstance(content, dict) else content
            return chat.read_response(inner)
    return None


def _indexed(a: Mapping[str, Any], side: str) -> list[chat.Message]:
    turns: dict[int, dict[str, Any]] = {}
    for key, value in a.items():
        if (found := _INDEXED.fullmatch(key)) and found[1] == side:
            turns.setdefault(int(found[2]), {})[found[3]] = structured(value)
    return tolerant([turns[i] for i in sorted(turns)], list[chat.Message]) or []


def _legacy(a: Mapping[str, Any], events: list[tuple[str, dict[str, Any]]], side: str) -> Any:
    """`gen_ai.prompt` on the span, or on the event `gen_ai.content.prompt`."""
    places = [a, *(e for name, e in events if name == f"gen_ai.content.{side}")]
    return next((p[f"gen_ai.{side}"] for p in places if p.get(f"gen_ai.{side}")), None)
