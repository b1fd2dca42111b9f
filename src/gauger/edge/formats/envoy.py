"""Envoy AI Gateway's JSON access log. It holds no prompts.

Operators choose the field names in their `EnvoyProxy` resource, so the names of the project's documentation
and those of OpenTelemetry's conventions are all accepted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.values import first, integer, key_hash, load, micros, number, text

NAME = "envoy"
_MODEL = ("genai_model_name", "gen_ai.request.model", "x-ai-eg-model", "gen_ai.response.model", "model")
_INPUT = ("genai_tokens_input", "gen_ai.usage.input_tokens", "llm_input_token", "input_tokens")
_OUTPUT = ("genai_tokens_output", "gen_ai.usage.output_tokens", "llm_output_token", "output_tokens")
_USER = ("user.id", "user_id", "x-user-id", "x-user", "x-auth-request-user", "jwt_sub", "sub", "enduser.id")
_KEY = ("api_key_hash", "x-api-key-hash", "api_key_id", "x-api-key-id", "client_id", "x-client-id")
_SECRET = ("authorization", "x-api-key", "api-key")  # should not be logged, but is
_ORG = ("org_id", "organization.id", "x-org-id", "x-tenant-id", "tenant.id", "tenant", "x-team-id")


def recognise(record: Mapping[str, Any]) -> str | None:
    """Why this record is Envoy's, or None."""
    if not {"start_time", "response_code"} <= record.keys():
        return None
    named = next((n for n in (*_MODEL[:4], *_INPUT[:3]) if n in record), None)
    return f"Envoy access log fields start_time, response_code, {named}" if named else None


def decode(line: bytes) -> list[Exchange]:
    """Decode one line; a request that reached no model (a health check, an MCP call) is no exchange.

    Raises:
        LineError: not a JSON object, or no usable time.
    """
    record = load(line)
    model = text(first(record, "genai_model_name_override", "gen_ai.response.model", *_MODEL))
    if model is None:
        return []
    start = micros(record.get("start_time"))
    lasted_ms = number(record.get("duration"))
    org = text(first(record, *_ORG))
    key = key_hash(text(first(record, *_KEY))) or _sealed(text(first(record, *_SECRET)))
    code = integer(record.get("response_code"))
    return [
        Exchange(
            event_id=text(first(record, "x-request-id", "request_id", "stream_id")),
            time=start,
            end_time=None if lasted_ms is None or abs(lasted_ms) > 1e12 else start + round(lasted_ms * 1000),
            account=text(first(record, *_USER)) or key or org,
            org=org,
            api_key=key,
            session=text(first(record, "session.id", "x-session-id", "gen_ai.conversation.id")),
            model=model,
            status=None if code is None else "success" if 200 <= code < 400 else "failure",
            address=_address(record),
            user_agent=text(first(record, "user-agent", "user_agent", "user_agent.original")),
            input_tokens=integer(first(record, *_INPUT)),
            output_tokens=integer(first(record, *_OUTPUT)),
            cost_usd=number(first(record, "genai_cost_usd", "gen_ai.usage.cost", "cost_usd")),
        )
    ]


def _sealed(secret: str | None) -> str | None:
    return "key:" + blake2b(secret.encode("utf-8", "replace"), digest_size=12).hexdigest() if secret else None


def _address(record: Mapping[str, Any]) -> str | None:
    """The client's address, from its trustworthy end.

    Anyone may send `x-forwarded-for`; proxies append to its right. So Envoy's own view of the peer comes
    first, then the rightmost public address of the header; a private one only where there is no other.
    """
    peer = text(first(record, "downstream_remote_address", "downstream_direct_remote_address", "client.address"))
    forwarded = (text(first(record, "x-forwarded-for", "x_forwarded_for")) or "").split(",")[-8:]
    known = [a for a in map(_parsed, (peer or "", *reversed(forwarded))) if a]
    return next((a for a, public in known if public), known[0][0] if known else None)


@lru_cache(maxsize=4096)
def _parsed(value: str) -> tuple[str, bool] | None:
    value = value.strip()[:64]
    bare = value[1:].split("]")[0] if value.startswith("[") else value.split(":")[0] if value.count(":") == 1 else value
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return str(address), address.is_global
