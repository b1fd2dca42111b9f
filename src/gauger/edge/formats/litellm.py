"""LiteLLM: `StandardLoggingPayload` as its callbacks write it, and rows of the `LiteLLM_SpendLogs` table.

A line is decoded straight into typed structs, skipping all other fields; a record that does not fit them is
decoded again, field by field. Lines that are plain never come here: see `litellm_columns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gauger.edge.formats import chat
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.parameters import read_parameters, set_parameters
from gauger.edge.formats.values import LineError, key_hash, load, micros, micros_or_none, structured, tolerant

NAME = "litellm"
_STATUS = ("success", "failure", None)
REDACTED = "redacted-by-litellm"  # what LiteLLM writes where message logging is switched off


class _Metadata(msgspec.Struct, gc=False):
    user_api_key_user_id: str | None = None
    user_api_key_hash: str | None = None
    user_api_key: str | None = None
    user_api_key_org_id: str | None = None
    user_api_key_team_id: str | None = None
    user_api_key_end_user_id: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None


class _Payload(msgspec.Struct, gc=False, rename={"start_time": "startTime", "end_time": "endTime"}):
    # StandardLoggingPayload
    id: str | None = None
    call_id: str | None = None
    session_id: str | None = None
    status: str | None = None
    start_time: float | str | None = None
    end_time: float | str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    response_cost: float | None = None
    end_user: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None
    messages: list[chat.Message] | chat.Message | str | None = None
    response: chat.Response | str | None = None
    model_parameters: msgspec.Raw = msgspec.Raw(b"{}")
    metadata: _Metadata | str | None = None
    cache_hit: bool | str | None = None
    request_tags: list[str] | str | None = None
    # LiteLLM_SpendLogs
    request_id: str | None = None
    api_key: str | None = None
    spend: float | None = None
    user: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    proxy_server_request: chat.Request | str | None = None


_decode = msgspec.json.Decoder(_Payload, strict=False).decode
_decode_metadata = msgspec.json.Decoder(_Metadata, strict=False).decode


def recognise(record: Mapping[str, Any]) -> str | None:
    """Why this record is LiteLLM's, or None."""
    if "startTime" not in record:
        return None
    if {"model_parameters", "metadata", "prompt_tokens"} <= record.keys():
        return "StandardLoggingPayload fields startTime, metadata, model_parameters, prompt_tokens"
    if {"request_id", "api_key", "spend"} <= record.keys():
        return "LiteLLM_SpendLogs columns request_id, api_key, spend, startTime"
    return None


def decode(line: bytes) -> list[Exchange]:
    """Decode one record.

    Raises:
        LineError: not a JSON object, or no usable time.
    """
    try:
        return [_exchange(_decode(line))]
    except LineError:
        raise
    except (ValueError, RecursionError):
        return [_exchange(_lenient(load(line)))]


def _lenient(record: dict[str, Any]) -> _Payload:
    raw = msgspec.Raw(msgspec.json.encode(record.pop("model_parameters", None) or {}))
    payload: _Payload = tolerant(record, _Payload)
    payload.model_parameters = raw
    return payload


def _exchange(p: _Payload) -> Exchange:
    m = p.metadata if p.metadata.__class__ is _Metadata else _metadata(p.metadata)
    key = key_hash(m.user_api_key_hash or m.user_api_key or p.api_key)
    org = m.user_api_key_org_id or p.organization_id or m.user_api_key_team_id or p.team_id or None
    exchange = Exchange(
        event_id=_id(p),
        time=micros(p.start_time),
        end_time=None if p.end_time is None else micros_or_none(p.end_time),
        account=m.user_api_key_user_id or p.user or key or org,
        org=org,
        api_key=key,
        session=p.session_id or None,
        end_user=p.end_user or m.user_api_key_end_user_id or None,
        model=p.model or None,
        status=p.status if p.status in _STATUS else "failure",
        address=p.requester_ip_address or m.requester_ip_address or None,
        user_agent=p.user_agent or m.user_agent or tagged_agent(p.request_tags),
        input_tokens=p.prompt_tokens,
        output_tokens=p.completion_tokens,
        cost_usd=p.response_cost if p.response_cost is not None else p.spend,
    )
    set_parameters(exchange, read_parameters(p.model_parameters))
    _talk(exchange, p)
    return exchange


def _id(p: _Payload) -> str | None:
    """A cache hit repeats the response's id, so it is known by its call's id (or by its place) instead."""
    if p.cache_hit and p.cache_hit not in ("False", "false", "None") and p.request_id is None:
        return p.call_id
    return p.id or p.request_id or p.call_id


def _metadata(value: _Metadata | str | None) -> _Metadata:
    if isinstance(value, _Metadata):
        return value
    try:
        return _decode_metadata(value) if value else _Metadata()
    except (ValueError, RecursionError):
        return _Metadata()


def tagged_agent(tags: list[str] | str | None) -> str | None:
    """LiteLLM also tags a request with its user agent, once short and once in full."""
    if isinstance(tags, str):
        tags = tolerant(structured(tags), list[str])
    if not tags:
        return None
    found = [t[12:] for t in tags or () if t.startswith("User-Agent: ")]
    return max(found, key=len, default=None)


def _talk(exchange: Exchange, p: _Payload) -> None:
    messages, system = p.messages, None
    if not isinstance(messages, list):
        messages, system = chat.read_messages(messages if isinstance(messages, str) else None)
    if not messages and p.proxy_server_request:
        body = p.proxy_server_request
        messages, system = chat.read_messages(body if isinstance(body, str) else msgspec.to_builtins(body))
    answer = chat.read_response(p.response) if isinstance(p.response, str) else chat.reply(p.response)
    if messages and messages[-1].content == REDACTED:
        messages = []
    if answer is not None and answer.content == REDACTED:
        answer = None
    chat.converse(exchange, messages, answer, system)
