"""The columns of a block equal what decoding it line by line gives, whatever stands in its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gauger.edge import parallel
from gauger.edge.columns import ColumnReader
from gauger.edge.formats import litellm_columns
from gauger.edge.formats.litellm import REDACTED
from gauger.edge.formats.values import micros_or_none
from gauger.edge.parallel import Job, Parsed, parse
from gauger.edge.spans import find_spans
from gauger.edge.times import UNREAD, from_iso

# JSON text, not values: what a writer's text looks like is half of what can differ.
BLANKS = "".join(c for c in map(chr, range(0x10000)) if c.isspace())
WORDS = st.one_of(
    st.sampled_from(
        ["", " ", "Hi.", "null", "0", "true", "\0", "\u00a0x\u3000", "x\x1f", "é", "\U0001f600", "{", "[1]"]
    ),
    st.sampled_from([REDACTED, "sk-secret", "Bearer x", "User-Agent: curl", "System", "USER", "ASSISTANT", "İ", "ß"]),
    st.text(max_size=12),
    st.text(st.sampled_from(BLANKS + "aé漢"), max_size=6),
)
TEXTS = st.builds(lambda s, ascii: json.dumps(s, ensure_ascii=ascii), WORDS, st.booleans()).map(
    lambda t: t.encode("utf-8", "replace").decode()
)
ODD_TEXTS = r"""
    "\ud800" "\udc00x" "\ud83d\u0041" "\ud83d\ud83d" "\ud83d\ude00" "\uD83D\uDE00\uFFFF" "\u0000" "\/\b\f\t\r\n\""
    "\\" "\x" "\u12g4" "\u00e9\u4e2d" "\ud83dx" "\ud83d\n" "\u" "\ud83d\ud" " 'a' "a
""".split()  # noqa: SIM905
ODD_NUMBERS = """
    -0 -0.0 0.0 1e5 1E+2 1e-7 1e999 1e-999 01 -01 00 1. .5 +1 NaN Infinity -Infinity 12.0 -1.5E-09 1e 1e+ - -- 0x1 1e99
    1_0 9007199254740993 999999999999999999 9223372036854775807 9223372036854775808 -9223372036854775808
    0.1000000000000000055 2.2250738585072011e-308 1.7976931348623159e308 123456789012345678.5 1234567890123456789.5
""".split()  # noqa: SIM905
ODD_NUMBERS += ["9" * 30, "0." + "3" * 60, "0." + "0" * 38 + "1"]
ODD_VALUES = "null true false nul tru fals nulll [] {} [,] [1,] [1 {,} {1:2} [[]] {[]} {{}} [} {] ] }".split()  # noqa: SIM905
ODD_VALUES += [
    '{"a":1,}',
    '{"a" 1}',
    '{"a":}',
    '{"a":1 "b":2}',
    "[1 2]",
    '"a" "b"',
    '"\x01"',
    '"\t"',
    '"\x7f"',
    "",
    "[1],",
]
NUMBERS = st.one_of(
    st.integers(-5, 5000).map(str),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(ODD_NUMBERS),
)
ISO = st.one_of(
    st.builds(
        lambda when, split, fraction, zone: when.strftime(f"%Y-%m-%d{split}%H:%M:%S") + fraction + zone,
        st.integers(946_512_000, 4_102_531_200).map(lambda second: datetime.fromtimestamp(second, UTC)),
        st.sampled_from("TTT t"),
        st.sampled_from(["", ".", ".5", ".000001", ".123456789", ".1234567891", ",5"]),
        st.sampled_from(["", "Z", "z", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00", "+0530", "+05", "Z "]),
    ),
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]", fullmatch=True),
)
TIMES = st.one_of(
    st.floats(1e9, 4e9).map(repr),
    st.sampled_from(
        ["1750000000", "1750000000.0000005", "1750000000.1234567", "1.75e9", "1750000000000", "3999999999.9999995"]
    ),
    ISO.map(json.dumps),
    st.sampled_from(['"2025-06-15T15:06:40Z"', '"1750000000"', "1e9", "4e9", "null", "0", "-1750000000.5", "true"]),
)
ATOMS = st.one_of(TEXTS, NUMBERS, st.sampled_from(ODD_TEXTS + ODD_VALUES))


def array(items: list[str]) -> str:
    return "[" + ",".join(items) + "]"


def members(found: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'"{k}": {v}' for k, v in found) + "}"


KEYS = st.sampled_from(
    ["id", "role", "content", "messages", "x", "é", r"\u0069d", r"a\"b", "usage", "type", "tool_calls"]
)
VALUES = st.recursive(
    ATOMS,
    lambda v: st.lists(v, max_size=3).map(array) | st.lists(st.tuples(KEYS, v), max_size=3).map(members),
    max_leaves=8,
)


def mostly(plain: st.SearchStrategy[str], odd: st.SearchStrategy[str] = VALUES) -> st.SearchStrategy[str]:
    return st.integers(0, 19).flatmap(lambda n: odd if n == 0 else plain)


def item(fields: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """An object with some of the fields, now and then one twice or an unknown one."""
    pairs = st.one_of([st.tuples(st.just(name), mostly(values)) for name, values in fields.items()])
    unique = st.lists(pairs, max_size=len(fields), unique_by=lambda pair: pair[0])
    return st.builds(lambda a, b, c: members(a + b + c), unique, rare(pairs), rare(st.tuples(KEYS, VALUES)))


def rare(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.integers(0, 9).flatmap(lambda n: st.lists(strategy, max_size=2) if n == 0 else st.just([]))


NULL = st.just("null")
TEXT = TEXTS | NULL
ROLE = st.sampled_from(
    ['"user"', '"assistant"', '"system"', '"developer"', '"tool"', '"USER"', '"Ünknown"', '""', '"us\\u0065r"']
)
REASONING = {
    "reasoning_content": TEXT,
    "thinking_blocks": NULL,
    "type": TEXT,
    "parts": NULL,
    "text": NULL,
    "summary": NULL,
}
MESSAGE = st.one_of(
    st.builds(lambda r, c: members([("role", r), ("content", c)]), ROLE, TEXT),
    item({"role": ROLE, "content": TEXT, "tool_calls": VALUES, "name": TEXT} | REASONING),
    item({"role": ROLE, "content": TEXT, "tool_calls": NULL}),
)
CHOICES = st.lists(item({"message": MESSAGE, "index": NUMBERS, "text": NULL}), max_size=2).map(array)
PARAMETERS = st.one_of(
    st.just("{}"),
    item(
        {"temperature": NUMBERS, "top_p": NUMBERS, "max_tokens": NUMBERS, "stop": VALUES, "n": NUMBERS, "tools": VALUES}
    ),
)
KEYED = ("user_api_key_user_id", "user_api_key_hash", "user_api_key", "user_api_key_org_id", "user_api_key_team_id")
METADATA = item(dict.fromkeys((*KEYED, "user_api_key_end_user_id", "requester_ip_address", "user_agent"), TEXT))
FIELDS = (
    dict.fromkeys(
        ("id", "call_id", "session_id", "model", "end_user", "requester_ip_address", "user_agent", "user"), TEXT
    )
    | dict.fromkeys(("request_id", "api_key", "team_id", "organization_id"), TEXT)
    | dict.fromkeys(("prompt_tokens", "completion_tokens", "response_cost", "spend"), NUMBERS | NULL)
    | {
        "status": st.sampled_from(['"success"', '"failure"', '"timeout"', '""', "null"]),
        "messages": st.lists(MESSAGE, max_size=6).map(array) | NULL,
        "response": st.builds(lambda c: members([("choices", c)]), CHOICES)
        | item({"choices": CHOICES, "text": NULL, "role": TEXT}),
        "model_parameters": PARAMETERS,
        "metadata": METADATA,
        "cache_hit": st.sampled_from(["null", "true", "false", '"True"', "1"]),
        "request_tags": st.lists(mostly(TEXTS), max_size=3).map(array) | NULL,
        "proxy_server_request": NULL | VALUES,
        "usage": VALUES,
    }
)
WHOLE = st.builds(
    lambda start, end, user, rest: (
        '{"startTime": ' + start + ', "endTime": ' + end + ', "user": ' + user + ", " + rest[1:]
    ),
    mostly(st.floats(1e9, 4e9).map(repr), TIMES),
    mostly(st.floats(1e9, 4e9).map(repr) | NULL, TIMES),
    mostly(st.just('"u"'), TEXT),
    item({k: v for k, v in FIELDS.items() if k != "user"}),
).map(lambda t: t.replace(", }", "}"))
PARTS = st.sampled_from(["text", "input_text", "output_text", "thinking", "tool_result", "image", "", None])
PART = st.builds(
    lambda kind, said, odd: members([("type", kind), *said, *odd]),
    PARTS.map(json.dumps),
    st.lists(st.tuples(st.just("text"), mostly(TEXTS)), max_size=1),
    rare(st.tuples(st.sampled_from(["text", "content", "thinking", "data", "cache_control"]), mostly(TEXTS))),
)
CONTENT = st.one_of(TEXTS, TEXTS, st.lists(PART, max_size=2).map(array))
SAID = st.builds(lambda r, c: members([("role", r), ("content", c)]), ROLE, CONTENT)
TALK = st.builds(
    lambda start, said, answer, rest: members(
        [("startTime", start), ("user", '"u"'), ("messages", array(said))]
        + [("response", '{"choices": [{"message": ' + a + "}]}") for a in answer]
        + rest
    ),
    st.floats(1e9, 4e9).map(repr),
    st.lists(SAID, max_size=6),
    st.lists(SAID, max_size=1),
    rare(st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), mostly(FIELDS[name])))),
)
LINES = st.one_of(
    TALK.map(str.encode),
    TALK.map(str.encode),
    WHOLE.map(str.encode),
    item(FIELDS | {"startTime": TIMES, "endTime": TIMES}).map(str.encode),
    st.tuples(WHOLE, st.integers(0, 400), st.binary(max_size=2)).map(
        lambda t: t[0].encode()[: t[1]] + t[2] + t[0].encode()[t[1] :]
    ),
    st.tuples(WHOLE, st.integers(0, 400)).map(lambda t: t[0].encode()[: t[1]]),
    st.sampled_from([b"", b" \t\r", b"\x0b", b"{}", b"[]", b"\xef\xbb\xbf{}", b"{}{}", b"\xff", b'"\xed\xa0\x80"']),
    st.tuples(WHOLE, st.sampled_from([b"\r", b" ", b"\0", b"x", b"}", b",", b"\x0c"])).map(
        lambda t: t[0].encode() + t[1]
    ),
)


@contextmanager
def counted() -> Iterator[list[int]]:
    """The numbers of the lines that are decoded one by one."""
    seen: list[int] = []
    real = parallel._decoded

    def counting(decode: Any, number: int, line: bytes, tally: Any) -> Any:
        seen.append(number)
        return real(decode, number, line, tally)

    with mock.patch.object(parallel, "_decoded", counting):
        yield seen


def by_line(job: Job, data: bytes) -> Parsed:
    with mock.patch.object(parallel, "_columns", return_value=None):
        return parse(job, data)


def same(data: bytes, first: int = 1, source: str = "a log") -> None:
    job = Job(source, first, data.count(b"\n") + 1, "litellm")
    litellm_columns.read(source, first, find_spans(litellm_columns.TREE, data))  # `parse` would pass over a defect
    fast, slow = parse(job, data), by_line(job, data)
    fast.batch.validate(full=True)
    assert fast.batch.schema == slow.batch.schema
    assert repr(fast.batch.to_pylist()) == repr(slow.batch.to_pylist())
    assert fast.tally == slow.tally


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(LINES, max_size=6), first=st.sampled_from([1, 7]), end=st.booleans())
@example(
    lines=[b'{"startTime":1.75e9,"user":"u","messages":[' + b",".join([b'{"role":"user"}'] * 200) + b"]}"],
    first=1,
    end=True,
)
@example(lines=[b'{"startTime":1.75e9,"user":"u","usage":' + b"[" * 2000 + b"]" * 2000 + b"}"], first=1, end=True)
@example(lines=[b'{"startTime":1.75e9,"user":"u","usage":' + b"[" * 59 + b"]" * 59 + b"}"] * 2, first=1, end=True)
def test_columns_are_what_line_by_line_gives(lines: list[bytes], first: int, end: bool) -> None:
    same(b"\n".join(lines) + b"\n" * end, first)


@settings(max_examples=500, deadline=None)
@given(written=ISO)
@example(written="2024-02-29 23:59:60")
@example(written="2100-01-01T00:00:00.000000+00:01")
def test_a_written_time_is_what_the_standard_library_reads(written: str) -> None:
    text = np.frombuffer(f'{written}"'.encode(), np.uint8)
    found = int(from_iso(text, np.array([[0, len(text) - 1]], np.int32))[0])
    known = micros_or_none(written)
    assert found in (known, UNREAD)
    usual = (
        known is not None
        and written[11:13] < "24"
        and re.fullmatch(r"[^,]{10}[T ][\d:]{8}(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", written)
    )
    assert (found != UNREAD) == bool(usual)


@pytest.mark.parametrize("odd", ODD_TEXTS + ODD_NUMBERS + ODD_VALUES)
def test_whatever_stands_in_a_place_is_read_as_line_by_line(odd: str) -> None:
    line = (
        '{"startTime": 1750000000.5, "endTime": 1.8e9, "user": "u", "id": "i", "prompt_tokens": 31, '
        '"response_cost": 0.25, "usage": {"a": [1, "b"], "c": 42}, "messages": [{"role": "user", "content": "Hi."}], '
        '"response": {"choices": [{"message": {"content": "Yes."}}]}, "request_tags": ["t"], "cache_hit": false, '
        '"model_parameters": {"n": 2}}'
    )
    places = ["1750000000.5", "1.8e9", '"u"', '"i"', "31", "0.25", '"b"', "42", '"usage"', '"user", "content"', '"Hi."']
    places += ["[1,", '"Yes."', '"t"', "false", '{"n": 2}', '[{"role": "user", "content": "Hi."}]']
    places += ['{"message": {"content": "Yes."}}']
    assert {line.count(place) for place in places} == {1}
    lines = [line.replace(place, odd) for place in places] + [line[:-1] + ", " + odd + "}", line + odd, odd]
    same("\n".join(lines).encode())
    same("\n".join(f'{line[:-1]}, "usage": {{"a": [{odd}, {odd}], "b": {odd}}}}}' for _ in range(2)).encode())


ODD_MEMBERS = r"""
    "user":"v" "user":null "us\u0065r":"v" "messages":[] "metadata":{"user_agent":"a","user_agent":"b"}
    "id":"a","id":null "messages":[{"role":"user","role":"system","content":"a"}]
    "response":{"choices":[],"choices":[{"message":{}}]} "messages":[{"role":"user","content":"a","content":null}]
    "metadata":{"user_api_key_user_id":"w","us\u0065r_agent":"b"} "messages":[{"role":"us\u0065r","content":"a"}]
    "messages":[{"r\u006fle":"user","content":"a"}] "":"v" "\u0000":1 "usage":{"us\u0065r":1,"us\u0065r":2}
    "usage":1,"usage":"x" "usag\ud800":1 "useR":"v" "usee":"v" "i":"v" "startTime":1
""".split()  # noqa: SIM905


@pytest.mark.parametrize("more", ODD_MEMBERS)
def test_a_member_twice_or_under_an_escaped_name_is_read_as_line_by_line(more: str) -> None:
    start = '"startTime":1750000000.5,"user":"u","model":"m"'
    same(f"{{{start},{more}}}\n{{{more},{start}}}".encode())


PLAIN = {
    "id": "chatcmpl-1",
    "startTime": 1_750_000_000.25,
    "endTime": 1_750_000_003,
    "status": "success",
    "model": "teal-large",
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "response_cost": 1e-05,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": 'Wo? "Köln"\n\todér 京都 \U0001f600'},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": '{"a": [1, 2]}', "tool_call_id": "t"},
        {"role": "user", "content": " Danke \u3000", "name": "x"},
    ],
    "response": {
        "id": "chatcmpl-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Dort.", "tool_calls": None},
            }
        ],
        "usage": {"total_tokens": 19, "prompt_tokens_details": None},
    },
    "model_parameters": {"temperature": 0.2, "stop": ["\n"], "stream": False},
    "metadata": {"user_api_key_user_id": "u", "user_api_key_hash": "88dc", "spend_logs_metadata": {"a": {}}},
    "request_tags": ["User-Agent: curl", "User-Agent: curl/8"],
    "cache_hit": None,
}


ODD_CHANGES: list[dict[str, Any]] = [
    {"response": {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}},
    {"response": {"choices": [{"text": "a"}]}},
    {"response": {"role": "assistant", "content": "a"}},
    {"response": {"output": "a"}},
    {"response": "a"},
    {"messages": [{"role": "user", "content": "a", "type": "thinking"}]},
    {"messages": [{"role": "user", "type": "reasoning", "content": "a", "encrypted_content": "b"}]},
    {"messages": [{"role": "user", "content": "a", "reasoning_content": "b"}]},
    {"messages": [{"role": "user", "parts": ["a"]}, {"role": None, "content": "a"}, {"content": "a"}]},
    {"messages": {"messages": [{"role": "user", "content": "a"}], "system": "b"}},
    {"messages": "a"},
    {"messages": [], "proxy_server_request": {"messages": [{"role": "user", "content": "a"}]}},
    {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": REDACTED}], "response": {}},
    {"messages": [{"role": "user", "content": REDACTED}, {"role": "user", "content": "a"}]},
    {
        "messages": [
            {"role": "SYSTEM", "content": "a"},
            {"role": "İ", "content": "b"},
            {"role": "human", "content": "c"},
        ]
    },
    {"messages": [{"role": "system", "content": None}], "response": None},
    {"messages": [{"role": "assistant", "content": "\x1f a\u2003"}, {"role": "user", "content": "\x1c\u3000"}]},
    {"metadata": {"user_api_key_user_id": "", "user_api_key": "sk-raw"}, "api_key": "x"},
    {"metadata": None, "user": "u", "organization_id": "o", "team_id": "t"},
    {"metadata": "{}", "user": "u"},
    {"metadata": {}},
    {"cache_hit": True, "request_id": "", "call_id": "c"},
    {"cache_hit": True, "id": "i", "call_id": ""},
    {"cache_hit": "True", "call_id": "c"},
    {"id": None, "request_id": "r", "call_id": "c"},
    {"request_tags": ["User-Agent: x", 1]},
    {"request_tags": [["User-Agent: x"]], "user_agent": None},
    {"startTime": 1_750_000_000_000},
    {"startTime": 1_750_000_000.0000005, "endTime": 1_749_000_000},
    {"endTime": 12},
    {"status": ""},
    {"status": "failure"},
    {"model_parameters": "{}"},
    {"usage": [[[[]]]]},
]


@pytest.mark.parametrize("change", ODD_CHANGES)
def test_whatever_shape_a_line_has_it_is_read_as_line_by_line(change: dict[str, Any]) -> None:
    same("\n".join(json.dumps(r) for r in (PLAIN, PLAIN | change, PLAIN)).encode())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"messages": None, "response": None},
        {"messages": [], "response": {}},
        {
            "messages": [{"role": "user", "content": REDACTED}],
            "response": {"choices": [{"message": {"content": REDACTED}}]},
        },
        {"response": {"choices": []}},
        {"cache_hit": True, "call_id": "c"},
        {"cache_hit": False, "id": ""},
        {"model_parameters": {"tools": [{"type": "function"}], "logprobs": True, "max_tokens": 10**17}},
        {"metadata": {"user_api_key": "sk-raw", "user_api_key_team_id": "t"}, "user_agent": "x"},
        {"endTime": None, "status": "timeout", "spend": 0.5, "response_cost": None},
        {"usage": {"nested": [[[{"a": [1, 2.5e-3, "\\", None, True]}]]]}},
        {"startTime": "2025-06-15T15:06:40.123456+02:00", "endTime": "2025-06-15 15:06:41"},
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Ü", "cache_control": {"type": "ephemeral"}}]},
                {"role": "user", "content": [{"type": "input_text", "text": REDACTED}]},
                {"role": "assistant", "content": []},
                {"role": "user", "content": [{"type": "text"}]},
            ],
            "response": {"choices": [{"message": {"content": [{"type": "text", "text": REDACTED}]}}]},
        },
        {"response": {"choices": [{"message": {"content": []}}]}},
    ],
)
@pytest.mark.parametrize("ascii", [True, False])
def test_plain_lines_are_not_decoded_one_by_one(change: dict[str, Any], ascii: bool) -> None:
    data = b"".join(json.dumps(PLAIN | {"id": f"c{n}"} | change, ensure_ascii=ascii).encode() + b"\n" for n in range(9))
    with counted() as seen:
        assert parse(Job("log", 1, 9, "litellm"), data).batch.num_rows == 9
    assert seen == []
    same(data)


def test_only_the_odd_lines_are_decoded_and_the_rows_keep_the_order_of_the_lines() -> None:
    odd: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}, {"type": "image_url"}]}]},
        {"startTime": "20250615T150640Z"},
        {"metadata": {}},
        {"prompt_tokens": "12"},
        {"response": {"choices": [{"message": {"content": "a", "reasoning_content": "b"}}]}},
    ]
    lines = [json.dumps(PLAIN | {"id": f"c{n}"} | (odd[n // 3] if n % 3 == 1 else {})) for n in range(15)]
    data = "\n".join(lines).encode()
    with counted() as seen:
        batch = parse(Job("log", 101, 15, "litellm"), data).batch
    assert seen == [102, 105, 108, 111, 114]
    assert batch.column("line").to_pylist() == [n for n in range(101, 116) if n != 108]  # 108 has no account
    same(data)


def test_one_invalid_byte_makes_no_plain_line_of_the_block_wrong() -> None:
    good, other = (json.dumps(PLAIN | {"model": m}, ensure_ascii=False).encode() for m in ("plain", "é"))
    ascii_only = json.dumps(PLAIN).encode()
    data = b"\n".join([good, ascii_only, other.replace("é".encode(), b"\xe9"), ascii_only])
    with counted() as seen:
        assert parse(Job("log", 1, 4, "litellm"), data).batch.column("line").to_pylist() == [1, 2, 4]
    assert seen == [1, 3]
    same(data)


def test_a_path_that_is_no_text() -> None:
    same(json.dumps(PLAIN | {"id": None}).encode(), source="/a/\udcff.jsonl")


def test_a_defect_of_the_columns_costs_time_and_no_line() -> None:
    data = b"\n".join(json.dumps(PLAIN | {"id": f"c{n}"}).encode() for n in range(3))
    failing = ColumnReader(litellm_columns.TREE, mock.Mock(side_effect=RuntimeError))
    with mock.patch.object(parallel, "_columns", return_value=failing), counted() as seen:
        assert parse(Job("log", 5, 3, "litellm"), data).batch.column("line").to_pylist() == seen == [5, 6, 7]


@pytest.mark.parametrize("role", ["user", "Ünlü"])
def test_messages_are_trimmed_and_counted_as_python_does(role: str) -> None:
    blanks = [c for c in map(chr, range(0x110000)) if c.isspace()]
    near = [chr(ord(c) + step) for c in blanks for step in (-1, 1, 64)]
    ends = [*blanks, *near, "\u3000 \t", "é", "語", "🙂", ""]
    texts = [side for e in ends for side in (e, f"{e}a\u00a0b{e}", f"x{e}", f"{e}{e}y")] + [
        role * n for n in (9, 10, 101)
    ]
    lines = [PLAIN | {"id": f"c{n}", "messages": [{"role": role, "content": t}]} for n, t in enumerate(texts)]
    data = b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines)
    with counted() as seen:
        parse(Job("log", 1, len(lines), "litellm"), data)
    assert seen == []
    same(data)
