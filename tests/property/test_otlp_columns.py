"""The columns of OTLP's spans equal what decoding them line by line gives, whatever stands in the lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.edge.formats import otlp_columns
from gauger.edge.parallel import Job, parse
from gauger.edge.spans import find_spans
from tests.property.test_columns import (
    NUMBERS,
    ODD_NUMBERS,
    ODD_TEXTS,
    ODD_VALUES,
    TEXTS,
    VALUES,
    WORDS,
    array,
    by_line,
    counted,
    item,
    members,
    rare,
)

Texts = st.SearchStrategy[str]


def seldom(plain: Texts, odd: Texts) -> Texts:
    """The odd one in so few places that most lines have none of them."""
    return st.integers(0, 99).flatmap(lambda n: odd if n == 50 else plain)


def some(items: Texts) -> st.SearchStrategy[list[str]]:
    """Mostly one."""
    return st.integers(0, 9).flatmap(lambda n: st.lists(items, min_size=1 if n else 0, max_size=1 if n > 3 else 2))


def wrapped(kind: str, values: Texts) -> Texts:
    return values.map(lambda text: f'{{"{kind}": {text}}}')


STRING = wrapped("stringValue", TEXTS)
COUNT = wrapped("intValue", st.integers(0, 10**18).map(lambda n: f'"{n}"') | st.integers(-5, 5000).map(str))
DOUBLE = wrapped("doubleValue", st.floats(-1e30, 1e30).map(repr) | st.integers(0, 9).map(str))
FLAG = wrapped("boolValue", st.sampled_from(["true", "false"]))
LISTED = wrapped("arrayValue", st.lists(STRING | COUNT, max_size=2).map(lambda v: f'{{"values": {array(v)}}}'))
NESTED = wrapped(
    "kvlistValue",
    st.lists(STRING.map(lambda v: members([("key", '"k"'), ("value", v)])), max_size=2)
    .map(array)
    .map(lambda v: f'{{"values": {v}}}'),
)
ANY_VALUE = st.one_of(
    STRING,
    COUNT,
    DOUBLE,
    FLAG,
    LISTED,
    NESTED,
    st.sampled_from(
        ["null", "{}", '{"stringValue": null}', '{"intValue": "1", "boolValue": true}', '{"kvlistValue": {}}']
    ),
    wrapped("intValue", NUMBERS | NUMBERS.map(lambda n: f'"{n}"')),
    wrapped("doubleValue", NUMBERS | st.sampled_from(['"NaN"', '"1.5"'])),
    wrapped("arrayValue", VALUES),
    st.lists(LISTED | NESTED, min_size=1, max_size=2).map(lambda v: f'{{"arrayValue": {{"values": {array(v)}}}}}'),
    VALUES,
)
WHO = wrapped(
    "stringValue",
    WORDS.filter(lambda w: w not in {"", "-"}).map(json.dumps).map(lambda t: t.encode("utf-8", "replace").decode()),
)
NAMED = wrapped("stringValue", st.one_of(TEXTS, st.sampled_from(['"-"', '""', r'"\u002d"', '"sk-x"'])))


def parts(kinds: str = "text") -> Texts:
    part = st.builds(
        lambda kind, said, odd: members([("type", json.dumps(kind)), *said, *odd]),
        st.sampled_from(kinds.split()),
        st.lists(st.tuples(st.just("content"), TEXTS), max_size=1),
        st.integers(0, 49).flatmap(
            lambda n: (
                st.lists(st.tuples(st.sampled_from(["text", "thinking", "data", "x"]), VALUES), max_size=2)
                if n == 0
                else st.just([])
            )
        ),
    )
    return st.lists(part, max_size=1).map(array)


PARTS = seldom(parts(), parts("text thinking reasoning tool_call tool_result blob image") | VALUES)
ROLES = st.sampled_from(["user", "assistant", "system", "tool", "USER", "Ünknown", ""]).map(json.dumps)
MESSAGE = seldom(
    st.one_of(
        st.builds(lambda r, p: members([("role", r), ("parts", p)]), ROLES, PARTS),
        st.builds(lambda r, p: members([("role", r), ("parts", p), ("finish_reason", '"stop"')]), ROLES, PARTS),
        st.builds(lambda r, c: members([("role", r), ("content", c)]), ROLES, TEXTS),
    ),
    item({"role": ROLES, "parts": PARTS, "content": TEXTS, "type": TEXTS, "text": TEXTS, "reasoning_content": TEXTS})
    | VALUES,
)
MESSAGES = st.lists(MESSAGE, max_size=4).map(array)
SPACES = st.sampled_from(["", "", "", "", " ", "\n", "\r\n ", "\t"])
SAID = st.builds(lambda text, blank: text.replace(",", "," + blank), MESSAGES, SPACES)


def told(values: Texts) -> Texts:
    """As JSON in a text."""
    texts = seldom(values, TEXTS | VALUES | values.map(lambda t: " " + t) | values.map(lambda t: t[:-1]))
    return st.builds(
        lambda t, ascii: f'{{"stringValue": {json.dumps(t, ensure_ascii=ascii)}}}', texts, st.booleans()
    ).map(lambda t: t.encode("utf-8", "replace").decode())


TALK = {
    "gen_ai.input.messages": told(SAID),
    "gen_ai.output.messages": told(seldom(st.lists(MESSAGE, max_size=1).map(array), SAID)),
    "gen_ai.system_instructions": told(seldom(parts(), MESSAGES)),
}
USUAL: dict[str, Texts] = {
    **dict.fromkeys(("user.name", "api_key.hash", "org.id", "tenant.id", "session.id", "enduser.pseudo.id"), NAMED),
    **dict.fromkeys(("gen_ai.conversation.id", "client.address", "user_agent.original", "http.user_agent"), NAMED),
    **dict.fromkeys(("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), COUNT),
    "gen_ai.usage.cost": DOUBLE | COUNT,
    "gen_ai.request.temperature": DOUBLE | COUNT,
    "gen_ai.request.choice.count": COUNT,
    "gen_ai.request.stop_sequences": LISTED,
    "gen_ai.request.seed": COUNT | STRING,
    "gen_ai.tool.definitions": STRING | wrapped("stringValue", st.just(r'"[{\"a\": 1}]"')),
    "gen_ai.response.finish_reasons": LISTED,
    "gen_ai.provider.name": STRING,
    "a.b": STRING | COUNT | DOUBLE | FLAG | LISTED | NESTED,
}
ODD_KEYS = st.sampled_from(
    """
    error.type gen_ai.tool.name gen_ai.prompt gen_ai.prompt.0.content gen_ai.prompt.0.role gen_ai.completion.0.content
    gen_ai.operation.name gen_ai.request.model gen_ai.response.model gen_ai.request.n gen_ai.request.tools user.id x
    """.split()  # noqa: SIM905
)


def pair(key: str, value: str) -> str:
    return members([("key", json.dumps(key)), ("value", value)])


def pairs(fields: dict[str, Texts]) -> st.SearchStrategy[list[str]]:
    """Some of the attributes, in any order; seldom one of another type, twice or unknown."""
    one = st.sampled_from(sorted(fields)).flatmap(
        lambda key: st.tuples(st.just(key), st.integers(0, 199).flatmap(lambda n: ANY_VALUE if n == 0 else fields[key]))
    )
    some = st.lists(one, max_size=6, unique_by=lambda found: found[0])
    again = st.integers(0, 99).flatmap(
        lambda n: st.lists(one | st.tuples(ODD_KEYS, ANY_VALUE), max_size=2) if n == 0 else st.just([])
    )
    return st.builds(lambda a, b: [pair(*found) for found in a + b], some, again)


OPERATIONS = st.sampled_from(["chat", "chat", "chat", "text_completion", "execute_tool", "embeddings", "Chat", ""])
HEAD = st.one_of(
    OPERATIONS.map(lambda name: [pair("gen_ai.operation.name", f'{{"stringValue": "{name}"}}')]),
    st.just([pair("gen_ai.request.model", '{"stringValue": "teal"}')]),
    st.just([pair("http.method", '{"stringValue": "GET"}')]),
)
USERS = seldom(WHO | wrapped("intValue", st.just('"17"')), ANY_VALUE).map(lambda value: [pair("user.id", value)])
NANOS = st.integers(946_684_800 * 10**9, 4_102_444_800 * 10**9 - 1).map(lambda n: f'"{n}"')
START = seldom(
    NANOS,
    NUMBERS
    | TEXTS
    | st.sampled_from(
        [
            "null",
            '"0"',
            '"2026-01-01T00:00:00Z"',
            "946684800000000000",
            '"946684799999999999"',
            '"4102444800000000000"',
            '"9999999999999999999"',
        ]
    ),
)
END = seldom(NANOS | st.just("null"), NUMBERS | TEXTS | VALUES)
STATUS = seldom(
    st.sampled_from(['{"code": 2}', '{"code": "STATUS_CODE_ERROR"}', '{"code": 1}', "{}", '{"message": "x"}', "null"]),
    VALUES | VALUES.map(lambda v: f'{{"code": {v}}}'),
)
EVENT = st.builds(
    lambda name, found: members([("name", json.dumps(name)), ("attributes", array(found))]),
    seldom(st.just("exception"), st.sampled_from(["gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt"])),
    st.lists(STRING.map(lambda v: pair("content", v)), max_size=1),
)
EVENTS = seldom(st.lists(EVENT, max_size=1).map(array), VALUES)
IDS = rare(st.sampled_from(["traceId", "spanId"])).flatmap(
    lambda missing: st.tuples(TEXTS, TEXTS.filter(lambda t: t != '""')).map(
        lambda found: [pair for pair in zip(("traceId", "spanId"), found, strict=True) if pair[0] not in missing]
    )
)
SPAN = st.builds(
    lambda ids, start, end, found, more: members(
        [*ids, ("startTimeUnixNano", start), ("endTimeUnixNano", end), ("attributes", array(found)), *more]
    ),
    IDS,
    START,
    END,
    st.builds(
        lambda *groups: [found for group in groups for found in group],
        HEAD,
        USERS,
        pairs(USUAL),
        pairs(TALK),
    ),
    st.lists(
        st.tuples(st.just("status"), STATUS)
        | st.tuples(st.just("events"), EVENTS)
        | st.tuples(st.just("kind"), VALUES.filter(lambda v: v in {"1", "true"}) | st.just("3")),
        max_size=2,
        unique_by=lambda m: m[0],
    ),
)
SHARED = pairs({k: USUAL[k] for k in ("org.id", "user.name", "client.address", "a.b")} | {"service.name": STRING})
SCOPE = some(seldom(SPAN, VALUES)).map(lambda spans: members([("scope", '{"name": "s"}'), ("spans", array(spans))]))
RESOURCE = st.builds(
    lambda shared, scopes, turned: members(
        [("resource", members([("attributes", array(shared))])), ("scopeSpans", array(scopes))][:: -1 if turned else 1]
    ),
    SHARED,
    some(seldom(SCOPE, VALUES)),
    st.booleans(),
)
LINE = some(seldom(RESOURCE, VALUES)).map(lambda found: members([("resourceSpans", array(found))]))
LINES = st.one_of(
    LINE.map(str.encode),
    LINE.map(str.encode),
    LINE.map(str.encode),
    LINE.map(str.encode),
    LINE.map(str.encode),
    LINE.map(str.encode),
    st.sampled_from(
        [b"", b" ", b"{}", b"[]", b'{"resourceSpans": null}', b'{"resourceSpans": [{"scopeSpans": [{}]}]}']
    ),
    st.tuples(LINE, st.integers(0, 900), st.binary(max_size=2)).map(
        lambda t: t[0].encode()[: t[1]] + t[2] + t[0].encode()[t[1] :]
    ),
)


def same(data: bytes, first: int = 1) -> None:
    job = Job("a log", first, data.count(b"\n") + 1, "otlp")
    otlp_columns.read("a log", first, find_spans(otlp_columns.TREE, data))  # `parse` would pass over a defect
    fast, slow = parse(job, data), by_line(job, data)
    fast.batch.validate(full=True)
    assert fast.batch.schema == slow.batch.schema
    assert repr(fast.batch.to_pylist()) == repr(slow.batch.to_pylist())
    assert fast.tally == slow.tally


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINES, max_size=4), first=st.sampled_from([1, 7]))
def test_columns_are_what_line_by_line_gives(lines: list[bytes], first: int) -> None:
    same(b"\n".join(lines), first)


def attributes(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(given[key])} for key in given]


def value(given: Any) -> Any:
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(v) for v in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": attributes(given)}}
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {} if given is None else {kinds[type(given)]: str(given) if type(given) is int else given}


def said(role: str, *texts: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text} for text in texts]}


ASKED = [said("user", 'a\n\t"b" \\ é 漢 \U0001f600'), said("assistant", "c"), said("user", " d\u3000")]
GIVEN: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "teal-large",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.stop_sequences": ["x", "y"],
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 21,
    "user.id": "u",
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "e"}]),
    "gen_ai.input.messages": json.dumps(ASKED),
    "gen_ai.output.messages": json.dumps([said("assistant", "f") | {"finish_reason": "stop"}]),
}
SHARES = {"service.name": "gw", "telemetry": {"a": 1, "b": "c"}, "org.id": "o", "host.cpus": 4}


def span(given: dict[str, Any], n: int = 0, **more: Any) -> dict[str, Any]:
    when = 1_750_000_000_123_456_789 + n
    start = {"traceId": "t", "spanId": f"s{n}", "kind": 3, "startTimeUnixNano": str(when), "endTimeUnixNano": str(when)}
    return start | {"attributes": attributes(given), "events": [], "links": [], "status": {}} | more


def resource(*spans: dict[str, Any], shared: dict[str, Any] = SHARES) -> dict[str, Any]:
    scope = {"scope": {"name": "gateway", "version": "1"}, "spans": list(spans), "schemaUrl": "x"}
    return {"resource": {"attributes": attributes(shared)}, "scopeSpans": [scope]}


def request(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"resourceSpans": list(resources)}).encode()


MINE = {"user.id": "shared"}
HTTP = span({"http.method": "GET", "http.status_code": 200, "user.id": "w"}, 7)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"gen_ai.operation.name": None},
        {"gen_ai.system_instructions": None, "gen_ai.output.messages": None},
        {"gen_ai.input.messages": None},
        {"gen_ai.input.messages": "[]", "gen_ai.output.messages": "[]", "gen_ai.system_instructions": "[]"},
        {"gen_ai.input.messages": json.dumps(ASKED, indent=2, ensure_ascii=False)},
        {"gen_ai.input.messages": json.dumps([said("system", "g"), said("user", "h")])},
        {"gen_ai.input.messages": json.dumps([{"role": "user", "content": "g"}])},
        {"gen_ai.input.messages": json.dumps([{"role": "assistant", "parts": [{"type": "tool_call", "id": "x"}]}])},
        {"user.id": None, "api_key.hash": "sk-raw"},
        {"user.id": "-", "enduser.id": 17},
        {"user.id": None},
        {"error.type": None, "client.address": "203.0.113.1"},
        {"org.id": None},
        {"gen_ai.usage.input_tokens": None, "gen_ai.usage.prompt_tokens": 10**17, "gen_ai.usage.cost": 0.25},
        {"gen_ai.request.choice.count": 3, "gen_ai.tool.definitions": json.dumps([{"name": "f"}, {"name": "g"}])},
        {"gen_ai.request.logprobs": True, "gen_ai.request.max_tokens": 99, "gen_ai.request.id": "r"},
    ],
)
def test_plain_lines_are_not_decoded_one_by_one(change: dict[str, Any]) -> None:
    given = GIVEN | change
    lines = [
        request(resource(span(given))),
        request(
            resource(span(given, 1), HTTP, span(GIVEN, 2)),
            resource(span(given, 3), shared=SHARES | {"user.id": "shared"}),
        ),
        request(resource(HTTP, span({"gen_ai.operation.name": "execute_tool"}))),
        request(resource(span(given, 4, status={"code": 2}, events=[{"name": "exception", "attributes": []}]))),
        request(),
        b"{}",
    ]
    data = b"\n".join(lines)
    with counted() as seen:
        parsed = parse(Job("log", 1, len(lines), "otlp"), data)
    assert seen == []
    assert parsed.batch.column("line").to_pylist() == [1, 2, 2, 2, 4]
    assert (parsed.tally.skipped, parsed.tally.faults) == (3, [])
    same(data)


ODD: list[dict[str, Any]] = [
    {"gen_ai.input.messages": "Hello."},
    {"gen_ai.input.messages": " " + GIVEN["gen_ai.input.messages"]},
    {"gen_ai.input.messages": ASKED},
    {"gen_ai.input.messages": '[{"role": "user", "content": "a\nb"}]'},
    {"gen_ai.input.messages": json.dumps([said("user", "a", "b")])},
    {"gen_ai.input.messages": json.dumps([said("user", "a") | {"type": "reasoning"}])},
    {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "tool_result", "content": "a"}]}])},
    {"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "reasoning", "content": "a"}]}])},
    {"gen_ai.output.messages": json.dumps([said("assistant", "a"), said("assistant", "b")])},
    {"gen_ai.output.messages": json.dumps({"choices": [{"message": {"content": "a"}}]})},
    {"gen_ai.system_instructions": "Be brief."},
    {"gen_ai.prompt.0.content": "a"},
    {"gen_ai.completion": "a", "gen_ai.output.messages": None},
    {"user.id": True},
    {"user.id": 1.5},
    {"user.id": None, "org.id": None},
    {"gen_ai.usage.input_tokens": "12"},
    {"gen_ai.usage.input_tokens": 12.0},
    {"gen_ai.usage.input_tokens": -12},
    {"gen_ai.usage.cost": "0.5"},
    {"gen_ai.operation.name": 1},
    {"deep": [[1]]},
]
ODD_SPANS: list[dict[str, Any]] = [
    {"startTimeUnixNano": None},
    {"startTimeUnixNano": "2026-01-01T00:00:00Z"},
    {"startTimeUnixNano": 1_750_000_000_123_456_789},
    {"endTimeUnixNano": "0"},
    {"traceId": None},
    {"events": [{"name": "gen_ai.choice", "attributes": attributes({"content": "a"})}]},
    {"attributes": attributes(GIVEN) + attributes({"user.id": "again"})},
    {"attributes": [*attributes(GIVEN), {"key": "user.name", "value": {"stringValue": "a", "intValue": "1"}}]},
    {"attributes": [*attributes(GIVEN), {"key": "user.name", "value": {"stringValue": 5}}]},
    {"attributes": None},
]


@pytest.mark.parametrize("n", range(len(ODD) + len(ODD_SPANS)))
def test_only_the_odd_line_is_decoded_and_rows_keep_the_order_of_the_lines(n: int) -> None:
    other = span(GIVEN | ODD[n], 3) if n < len(ODD) else span(GIVEN, 3, **ODD_SPANS[n - len(ODD)])
    odd = request(resource(span(GIVEN, 2), shared={}), resource(other, HTTP, shared={}))
    plain = request(resource(span(GIVEN), HTTP), resource(span(GIVEN, 1)))
    data = b"\n".join([plain, odd, plain])
    with counted() as seen:
        batch = parse(Job("log", 1, 3, "otlp"), data).batch
    assert seen == [2]
    assert batch.column("line").to_pylist()[:3] == [1, 1, 2]
    same(data)


def test_resources_with_the_attributes_of_requests_are_odd() -> None:
    lines = [
        request(resource(span(GIVEN), shared={key: "x"})) for key in ("gen_ai.request.model", "gen_ai.prompt", "a")
    ]
    with counted() as seen:
        parse(Job("log", 1, 3, "otlp"), b"\n".join(lines))
    assert seen == [1, 2]
    same(b"\n".join(lines))


def test_exchanges_without_an_id_are_named_by_their_place() -> None:
    nameless, plain = span(GIVEN, spanId=""), request(resource(span(GIVEN)))
    lines = [plain, request(resource(nameless)), request(resource(nameless, span(GIVEN, 4), nameless)), plain]
    with counted() as seen:
        batch = parse(Job("log", 1, 4, "otlp"), b"\n".join(lines)).batch
    assert seen == [3]
    assert batch.column("event_id").to_pylist() == ["t:s0", "log:2", "log:3", "t:s4", "log:3#2", "t:s0"]
    same(b"\n".join(lines))


@pytest.mark.parametrize("odd", ODD_TEXTS + ODD_NUMBERS + ODD_VALUES)
def test_whatever_stands_in_a_place_is_read_as_line_by_line(odd: str) -> None:
    line = request(resource(span(GIVEN | {"flag": True}))).decode()
    places = [
        '"t"',
        '"s0"',
        '"1750000000123456789"',
        '"chat"',
        '"u"',
        '"21"',
        "0.5",
        "true",
        '"gw"',
        '"o"',
        '"x"',
        "{}",
    ]
    places += ['\\"user\\"', '\\"c\\"', '\\"text\\"', '\\"f\\"', '\\"e\\"', '"user.id"', '"1"']
    assert all(place in line for place in places)
    lines = [line.replace(place, odd, 1) for place in places] + [line[:-1] + ", " + odd + "}", line + odd, odd]
    inner = GIVEN["gen_ai.input.messages"]
    lines += [
        request(resource(span(GIVEN | {"gen_ai.input.messages": text}))).decode()
        for text in (inner.replace('"c"', odd), inner + odd, odd, inner[:-1] + ", " + odd + "]")
    ]
    same("\n".join(lines).encode("utf-8", "surrogatepass"))
