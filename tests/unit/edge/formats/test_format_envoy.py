"""Envoy AI Gateway's access log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gauger.edge.formats import envoy

LINE = {
    "start_time": "2025-06-15T15:06:40.500Z",
    "duration": 1500,
    "method": "POST",
    "response_code": 200,
    "genai_model_name": "teal-large",
    "genai_model_name_override": None,
    "genai_tokens_input": 12,
    "genai_tokens_output": "30",
    "x-request-id": "r-1",
    "x-user-id": "acct-7",
    "user-agent": "curl/8",
    "x-forwarded-for": "203.0.113.9",
    "downstream_remote_address": "10.0.0.4:64484",
}


def read(**changes: Any) -> Any:
    found = envoy.decode(json.dumps(LINE | changes).encode())
    return found[0] if found else None


def test_a_line_fills_what_it_has() -> None:
    got = read()
    assert (got.event_id, got.account, got.model, got.status) == ("r-1", "acct-7", "teal-large", "success")
    assert (got.time, got.end_time) == (1_750_000_000_500_000, 1_750_000_002_000_000)
    assert (got.input_tokens, got.output_tokens, got.user_agent) == (12, 30, "curl/8")
    assert (got.prompt, got.answer, got.turns, got.thread) == (None, None, None, None)


def test_open_telemetry_names_are_read_too() -> None:
    names = {"gen_ai.request.model": "teal-small", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}
    line = {k: v for k, v in LINE.items() if not k.startswith("genai")} | names
    (got,) = envoy.decode(json.dumps(line).encode())
    assert (got.model, got.input_tokens, got.output_tokens) == ("teal-small", 3, 4)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.18.0.1:5", None, "198.18.0.1"),
        ("8.8.4.4:64484", "1.1.1.1", "8.8.4.4"),
        ("10.0.0.4:64484", "1.1.1.1, 8.8.8.8", "8.8.8.8"),  # the left end is whatever the sender wrote
        ("10.0.0.4:64484", "8.8.8.8, 10.0.0.9", "8.8.8.8"),
        ("[2606:4700::1111]:443", None, "2606:4700::1111"),
        ("10.0.0.4:64484", "unknown", "10.0.0.4"),
        (None, "-", None),
    ],
)
def test_the_address_is_the_one_that_the_sender_cannot_forge(peer: Any, forwarded: Any, address: Any) -> None:
    assert read(**{"downstream_remote_address": peer, "x-forwarded-for": forwarded}).address == address


def test_without_a_user_the_key_counts_and_is_never_kept_raw() -> None:
    got = read(**{"x-user-id": None, "authorization": "Bearer topsecret"})
    assert got.account == got.api_key
    assert got.account.startswith("key:")
    assert "topsecret" not in got.account
    assert read(**{"x-user-id": "-"}).account is None


def test_requests_that_reach_no_model_are_no_exchanges() -> None:
    assert read(genai_model_name=None) is None


def test_status_follows_the_response_code() -> None:
    assert [read(response_code=c).status for c in (200, 429, 503, None)] == ["success", "failure", "failure", None]
