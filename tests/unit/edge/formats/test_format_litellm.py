"""LiteLLM's payloads and spend logs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gauger.edge.formats import litellm
from gauger.edge.formats.exchange import Exchange


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "trace_id": "t",
        "call_type": "acompletion",
        "status": "success",
        "startTime": 1_750_000_000.5,
        "endTime": 1_750_000_002.0,
        "model": "teal-large",
        "prompt_tokens": 12,
        "completion_tokens": 30,
        "response_cost": 0.002,
        "session_id": "s1",
        "end_user": "visitor",
        "requester_ip_address": "203.0.113.9",
        "user_agent": "curl/8",
        "messages": [{"role": "user", "content": "List three rivers."}],
        "response": {"choices": [{"message": {"role": "assistant", "content": "Elbe, Oder, Spree."}}]},
        "model_parameters": {"temperature": 0.2, "max_tokens": 99},
        "metadata": {
            "user_api_key_user_id": "acct-7",
            "user_api_key_hash": "88dc",
            "user_api_key_org_id": "org-3",
            "user_api_key_team_id": "team-1",
        },
    } | changes


def read(record: dict[str, Any]) -> Exchange:
    (found,) = litellm.decode(json.dumps(record).encode())
    return found


def test_a_payload_fills_every_field() -> None:
    got = read(payload())
    assert got.event_id == "chatcmpl-1"
    assert (got.time, got.end_time) == (1_750_000_000_500_000, 1_750_000_002_000_000)
    assert (got.account, got.org, got.api_key, got.session, got.end_user) == (
        "acct-7",
        "org-3",
        "88dc",
        "s1",
        "visitor",
    )
    assert (got.model, got.status, got.address, got.user_agent) == ("teal-large", "success", "203.0.113.9", "curl/8")
    assert (got.input_tokens, got.output_tokens, got.cost_usd) == (12, 30, 0.002)
    assert (got.temperature, got.max_tokens, got.params) == (0.2, 99, '{"max_tokens":99,"temperature":0.2}')
    assert (got.prompt, got.answer, got.turns) == ("List three rivers.", "Elbe, Oder, Spree.", 1)


def test_the_account_is_the_user_else_the_key_else_the_org() -> None:
    keys = payload()["metadata"]
    assert read(payload(metadata=keys | {"user_api_key_user_id": None})).account == "88dc"
    assert read(payload(metadata={"user_api_key_org_id": "org-3"})).account == "org-3"
    assert read(payload(metadata={"user_api_key_team_id": "team-1"})).account == "team-1"
    assert read(payload(metadata={})).account is None


@pytest.mark.parametrize("nested", [True, False])
def test_a_row_of_the_spend_logs_table(nested: bool) -> None:
    def cell(value: Any) -> Any:
        return value if nested else json.dumps(value)

    got = read(
        {
            "request_id": "r-9",
            "call_type": "acompletion",
            "api_key": "sk-raw-key",
            "spend": 0.25 if nested else "0.25",
            "prompt_tokens": 5 if nested else "5",
            "completion_tokens": 6,
            "startTime": "2025-06-15T15:06:40.000Z",
            "endTime": "2025-06-15 15:06:41+00",
            "model": "teal-large",
            "user": "acct-7",
            "team_id": "team-1",
            "metadata": cell({"user_api_key_org_id": "org-3"}),
            "messages": cell([{"role": "user", "content": "List three rivers."}]),
            "response": cell({"choices": [{"message": {"content": "Elbe."}}]}),
            "request_tags": cell(["User-Agent: curl", "User-Agent: curl/8"]),
            "proxy_server_request": "{}",
        }
    )
    assert (got.event_id, got.account, got.org, got.cost_usd, got.input_tokens) == ("r-9", "acct-7", "org-3", 0.25, 5)
    assert (got.prompt, got.answer, got.user_agent) == ("List three rivers.", "Elbe.", "curl/8")
    assert (got.time, got.end_time) == (1_750_000_000_000_000, 1_750_000_001_000_000)
    assert got.api_key is not None
    assert "raw" not in got.api_key


def test_spend_logs_without_prompts_have_none() -> None:
    got = read(payload(messages={}, response={}))
    assert (got.prompt, got.answer, got.turns, got.thread) == (None, None, None, None)


def test_messages_switched_off_are_not_one_common_prompt() -> None:
    off = {"role": "user", "content": "redacted-by-litellm"}
    got = read(payload(messages=[off], response={"choices": [{"message": {"content": "redacted-by-litellm"}}]}))
    assert (got.prompt, got.answer, got.thread) == (None, None, None)


def test_the_stored_request_is_read_where_messages_are_not() -> None:
    body = {"system": "Be brief.", "messages": [{"role": "user", "content": "List three rivers."}]}
    got = read(payload(messages={}, proxy_server_request=body))
    assert (got.prompt, got.system) == ("List three rivers.", "Be brief.")


def test_cache_hits_do_not_share_an_id() -> None:
    assert read(payload(cache_hit=True)).event_id is None
    assert read(payload(cache_hit="True", call_id="c-1")).event_id == "c-1"
    assert read(payload(cache_hit=False)).event_id == "chatcmpl-1"


@pytest.mark.parametrize(
    "odd",
    [
        {"end_user": {"$ne": 1}},
        {"model_parameters": {"temperature": "hot", "max_tokens": [1]}},
        {"model_parameters": "none"},
        {"messages": [{"role": "user", "content": "List three rivers.", "thinking_blocks": "no"}, 7]},
        {"response": [1, 2]},
        {"prompt_tokens": 1.5},
        {"user_agent": "\ud800"},
        {"request_tags": {"a": 1}},
        {"metadata": payload()["metadata"] | {"user_agent": [1]}},
    ],
)
def test_one_odd_field_does_not_hide_an_exchange(odd: dict[str, Any]) -> None:
    got = read(payload(**odd))
    assert (got.account, got.time, got.prompt) == ("acct-7", 1_750_000_000_500_000, "List three rivers.")


def test_an_account_written_as_a_number_is_its_digits() -> None:
    assert read(payload(metadata={"user_api_key_user_id": 42})).account == "42"


def test_a_status_that_is_no_success_is_a_failure() -> None:
    assert [read(payload(status=s)).status for s in ("success", "failure", "timeout", None)] == [
        "success",
        "failure",
        "failure",
        None,
    ]
