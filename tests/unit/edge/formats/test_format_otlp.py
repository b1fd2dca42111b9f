"""OTLP/JSON spans, by the current conventions and the older ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gauger.edge.formats import otlp
from gauger.edge.formats.chat import digest64
from gauger.edge.formats.exchange import Exchange

START, END = "1750000000500000000", "1750000002000000000"
PROMPT = [{"role": "user", "parts": [{"type": "text", "content": "List three rivers."}]}]
REPLY = [
    {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Elbe."}]}
]


def value(v: Any) -> dict[str, Any]:
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    if isinstance(v, float):
        return {"doubleValue": v}
    if isinstance(v, list):
        return {"arrayValue": {"values": [value(x) for x in v]}}
    if isinstance(v, dict):
        return {"kvlistValue": {"values": pairs(v)}}
    return {"stringValue": v}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": k, "value": value(v)} for k, v in attributes.items()]


def span(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "traceId": "4bf9",
        "spanId": "00f0",
        "name": "chat teal-large",
        "startTimeUnixNano": START,
        "endTimeUnixNano": END,
        "attributes": pairs(attributes),
    } | more


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    scope = {"scope": {"name": "gw"}, "spans": list(spans)}
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, "scopeSpans": [scope]}]}
    ).encode()


BASE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "teal-large",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 99,
    "gen_ai.request.choice.count": 2,
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 30,
    "user.id": "acct-7",
    "session.id": "s1",
    "client.address": "203.0.113.9",
    "user_agent.original": "curl/8",
}


def read(attributes: dict[str, Any], **more: Any) -> Exchange:
    (found,) = otlp.decode(request(span(attributes, **more)))
    return found


def test_a_span_fills_every_field() -> None:
    got = read(BASE | {"gen_ai.input.messages": json.dumps(PROMPT), "gen_ai.output.messages": json.dumps(REPLY)})
    assert (got.event_id, got.account, got.session) == ("4bf9:00f0", "acct-7", "s1")
    assert (got.time, got.end_time) == (1_750_000_000_500_000, 1_750_000_002_000_000)
    assert (got.model, got.status, got.address, got.user_agent) == ("teal-large", "success", "203.0.113.9", "curl/8")
    assert (got.input_tokens, got.output_tokens, got.n) == (12, 30, 2)
    assert (got.temperature, got.max_tokens) == (0.2, 99)
    assert (got.prompt, got.answer, got.reasoning_out) == ("List three rivers.", "Elbe.", [digest64("Hm.")])


def event(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "timeUnixNano": START, "attributes": pairs(attributes)}


CONVENTIONS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "structured": ({"gen_ai.input.messages": PROMPT, "gen_ai.output.messages": REPLY}, []),
    "events": (
        {},
        [
            event("gen_ai.user.message", content="List three rivers."),
            event("gen_ai.choice", index=0, message=json.dumps({"role": "assistant", "content": "Elbe."})),
        ],
    ),
    "content events": (
        {},
        [
            event(
                "gen_ai.content.prompt",
                **{"gen_ai.prompt": json.dumps([{"role": "user", "content": "List three rivers."}])},
            ),
            event("gen_ai.content.completion", **{"gen_ai.completion": "Elbe."}),
        ],
    ),
    "legacy": ({"gen_ai.prompt": "List three rivers.", "gen_ai.completion": "Elbe."}, []),
    "indexed": (
        {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "List three rivers.",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Elbe.",
        },
        [],
    ),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_convention_gives_the_same_conversation(name: str) -> None:
    attributes, events = CONVENTIONS[name]
    legacy = {k: v for k, v in BASE.items() if k not in ("gen_ai.operation.name", "gen_ai.provider.name")}
    got = read(legacy | {"gen_ai.system": "openai"} | attributes, events=events)
    plain = read(BASE | {"gen_ai.prompt": "List three rivers.", "gen_ai.completion": "Elbe."})
    assert (got.prompt, got.answer, got.turns) == ("List three rivers.", "Elbe.", 1)
    assert got.thread == plain.thread


def test_indexed_prompts_are_in_the_order_of_their_numbers() -> None:
    said = {f"gen_ai.prompt.{i}.content": f"turn {i}" for i in (10, 2, 0)}
    got = read(BASE | said | {f"gen_ai.prompt.{i}.role": "user" for i in (10, 2, 0)})
    assert (got.prompt, got.turns) == ("turn 10", 3)


@pytest.mark.parametrize("told", ["Be brief.", [{"type": "text", "content": "Be brief."}]])
@pytest.mark.parametrize("as_json", [True, False])
def test_system_instructions(told: Any, as_json: bool) -> None:
    told = json.dumps(told) if as_json and not isinstance(told, str) else told
    got = read(BASE | {"gen_ai.system_instructions": told, "gen_ai.input.messages": json.dumps(PROMPT)})
    assert (got.system, got.prompt) == ("Be brief.", "List three rivers.")


def test_who_it_was_may_stand_on_the_resource_or_under_an_older_name() -> None:
    bare = {k: v for k, v in BASE.items() if k not in ("user.id", "session.id")}
    (got,) = otlp.decode(request(span(bare | {"gen_ai.conversation.id": "c1"}), resource={"user.id": "acct-7"}))
    assert (got.account, got.session) == ("acct-7", "c1")
    assert read(bare | {"enduser.id": "acct-8"}).account == "acct-8"
    assert read(bare).account is None


def test_other_spans_are_no_exchanges() -> None:
    spans = [
        span({"http.method": "GET"}),
        span(BASE | {"gen_ai.operation.name": "execute_tool"}),
        span(BASE | {"gen_ai.operation.name": "embeddings"}),
        span(BASE, spanId="00f1"),
    ]
    assert [e.event_id for e in otlp.decode(request(*spans))] == ["4bf9:00f1"]


def test_a_failed_span_is_a_failure() -> None:
    assert read(BASE, status={"code": 2}).status == "failure"
    assert read(BASE, status={"code": "STATUS_CODE_ERROR"}).status == "failure"
    assert read(BASE | {"error.type": "timeout"}).status == "failure"
    assert read(BASE, status={"code": 1}).status == "success"


def test_one_odd_span_does_not_hide_the_others() -> None:
    odd = span(BASE, startTimeUnixNano={"never": 1}, events="none")
    odd["attributes"] += [7, {"key": 3}]
    got = otlp.decode(request(odd, span(BASE)))
    assert [e.time for e in got] == [None, 1_750_000_000_500_000]
    assert [e.account for e in got] == ["acct-7", "acct-7"]
