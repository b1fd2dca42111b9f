"""Langfuse observations: the public API's and the UI's export (camelCase), and the blob storage export (snake_case).

Only generations are exchanges; spans, events, tools and the like are skipped. The legacy export holds the
user only in its traces: use the enriched one (`observations_v2`), or name the account in the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gauger.edge.formats import chat
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.parameters import parameters, set_parameters
from gauger.edge.formats.values import first, integer, key_hash, load, micros, micros_or_none, number, structured, text

NAME = "langfuse"
_NO_EXCHANGE = frozenset(
    {"SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL"}
)


def recognise(record: Mapping[str, Any]) -> str | None:
    """Why this record is Langfuse's, or None."""
    started = next((n for n in ("startTime", "start_time") if n in record), None)
    trace = next((n for n in ("traceId", "trace_id") if n in record), None)
    kind = record.get("type")
    if started and trace and isinstance(kind, str) and (kind == "GENERATION" or kind in _NO_EXCHANGE):
        return f"Langfuse observation fields type {kind}, {started}, {trace}"
    return None


def decode(line: bytes) -> list[Exchange]:
    """Decode one observation.

    Raises:
        LineError: not a JSON object, or a generation without usable time.
    """
    o = load(line)
    if text(o.get("type")) in _NO_EXCHANGE:
        return []
    metadata = _mapping(o.get("metadata"))
    usage = _mapping(first(o, "usageDetails", "usage_details")) or _mapping(o.get("usage"))
    key = key_hash(text(first(metadata, "user_api_key_hash", "api_key_hash")))
    org = text(first(metadata, "user_api_key_org_id", "org_id", "organization_id", "tenant_id"))
    user = first(o, "userId", "user_id") or first(metadata, "user_api_key_user_id", "userId", "user_id")
    exchange = Exchange(
        event_id=text(o.get("id")),
        time=micros(first(o, "startTime", "start_time")),
        end_time=micros_or_none(first(o, "endTime", "end_time")),
        account=text(user) or key or org,
        org=org,
        api_key=key,
        session=text(first(o, "sessionId", "session_id")),
        end_user=text(first(metadata, "end_user", "user_api_key_end_user_id")),
        model=text(first(o, "providedModelName", "provided_model_name", "model")),
        status="failure" if o.get("level") == "ERROR" else "success",
        address=text(first(metadata, "client.address", "requester_ip_address", "ip_address", "ip")),
        user_agent=text(first(metadata, "user_agent.original", "user_agent", "user-agent")),
        input_tokens=integer(first(usage, "input", "promptTokens", "prompt_tokens", "input_tokens")),
        output_tokens=integer(first(usage, "output", "completionTokens", "completion_tokens", "output_tokens")),
        cost_usd=_cost(o),
    )
    given = _mapping(first(o, "modelParameters", "model_parameters"))
    tools = structured(first(o, "toolDefinitions", "tool_definitions"))
    given.setdefault("tools", len(tools) or None if isinstance(tools, dict | list) else None)
    set_parameters(exchange, parameters(given))
    messages, system = chat.read_messages(o.get("input"))
    chat.converse(exchange, messages, chat.read_response(o.get("output")), system)
    return [exchange]


def _cost(o: Mapping[str, Any]) -> float | None:
    details = _mapping(first(o, "costDetails", "cost_details"))
    total = first(o, "totalCost", "total_cost", "calculatedTotalCost", "calculated_total_cost")
    return number(details.get("total") if total is None else total)


def _mapping(value: Any) -> dict[str, Any]:
    value = structured(value)
    return value if isinstance(value, dict) else {}
