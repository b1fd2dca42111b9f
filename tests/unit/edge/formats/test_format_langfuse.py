"""Langfuse observations of the API (camelCase) and of the blob export (snake_case)."""

from __future__ import annotations

import json
from typing import Any

from gauger.edge.formats import langfuse

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "List three rivers."}]
API = {
    "id": "o-1",
    "traceId": "t-1",
    "type": "GENERATION",
    "startTime": "2025-06-15T15:06:40.500Z",
    "endTime": "2025-06-15T15:06:42.000Z",
    "model": "teal-large",
    "modelParameters": {"temperature": 0.2, "max_tokens": "99"},
    "input": CHAT,
    "output": {"role": "assistant", "content": "Elbe."},
    "usage": {"input": 12, "output": 30, "unit": "TOKENS"},
    "calculatedTotalCost": 0.002,
    "userId": "acct-7",
    "sessionId": "s1",
    "level": "DEFAULT",
    "metadata": {"requester_ip_address": "203.0.113.9"},
}
BLOB = {
    "id": "o-1",
    "trace_id": "t-1",
    "type": "GENERATION",
    "start_time": "2025-06-15 15:06:40.500000",
    "end_time": "2025-06-15 15:06:42.000000",
    "provided_model_name": "teal-large",
    "model_parameters": '{"temperature":0.2,"max_tokens":99}',
    "input": json.dumps({"messages": CHAT}),
    "output": json.dumps({"choices": [{"message": {"content": "Elbe."}}]}),
    "usage_details": {"input": 12, "output": 30, "total": 42},
    "cost_details": {"total": 0.002},
    "total_cost": 0.002,
    "user_id": "acct-7",
    "session_id": "s1",
    "level": "DEFAULT",
    "metadata": '{"requester_ip_address": "203.0.113.9"}',
    "tool_definitions": {},
}


def read(record: dict[str, Any]) -> Any:
    (found,) = langfuse.decode(json.dumps(record).encode())
    return found


def test_both_exports_give_the_same_exchange() -> None:
    got = read(API)
    assert got == read(BLOB)
    assert (got.event_id, got.account, got.session, got.model) == ("o-1", "acct-7", "s1", "teal-large")
    assert (got.time, got.end_time) == (1_750_000_000_500_000, 1_750_000_002_000_000)
    assert (got.system, got.prompt, got.answer, got.turns) == ("Be brief.", "List three rivers.", "Elbe.", 1)
    assert (got.input_tokens, got.output_tokens, got.cost_usd, got.address) == (12, 30, 0.002, "203.0.113.9")
    assert (got.temperature, got.max_tokens) == (0.2, 99)


def test_plain_text_input_and_output() -> None:
    got = read(BLOB | {"input": "List three rivers.", "output": "Elbe."})
    assert (got.prompt, got.answer, got.turns) == ("List three rivers.", "Elbe.", 1)


def test_only_generations_are_exchanges() -> None:
    for kind in ("SPAN", "EVENT", "TOOL"):
        assert langfuse.decode(json.dumps(API | {"type": kind}).encode()) == []


def test_the_account_may_stand_in_the_metadata() -> None:
    bare = {k: v for k, v in API.items() if k != "userId"}
    assert read(bare | {"metadata": {"user_api_key_hash": "88dc"}}).account == "88dc"
    assert read(bare).account is None


def test_an_error_is_a_failure() -> None:
    assert read(API | {"level": "ERROR"}).status == "failure"
