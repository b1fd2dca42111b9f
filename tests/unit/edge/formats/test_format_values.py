"""Times of every kind are one instant; wrong types become null, never an exception."""

from __future__ import annotations

from typing import Any

import pytest

from gauger.edge.formats.parameters import parameters, read_parameters
from gauger.edge.formats.values import LineError, integer, key_hash, load, micros, number

NOON = 1_750_000_000_123_456  # 2025-06-15T15:06:40.123456Z


@pytest.mark.parametrize(
    "value",
    [
        1_750_000_000.123456,
        "1750000000.123456",
        1_750_000_000_123_456,
        "1750000000123456",
        1_750_000_000_123_456_789,
        "1750000000123456789",
        "2025-06-15T15:06:40.123456Z",
        "2025-06-15 15:06:40.123456",
        "2025-06-15T17:06:40.123456+02:00",
        "2025-06-15 15:06:40.123456+00",
    ],
)
def test_one_instant_written_many_ways(value: Any) -> None:
    assert micros(value) == NOON


def test_milliseconds_and_named_units() -> None:
    assert micros(1_750_000_000_123) == 1_750_000_000_123_000
    assert micros("1750000000", "s") == 1_750_000_000_000_000
    assert micros(1_750_000_000_123.5, "ms") == 1_750_000_000_123_500


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        True,
        {},
        [],
        "0001-01-01",
        "9999-12-31T23:59:59+14:00",
        0,
        -5,
        1e300,
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(LineError):
        micros(value)


def test_numbers_of_wrong_types_are_none() -> None:
    assert [integer(v) for v in (3, 3.0, "3", 3.5, True, "x", None, 2**70, "9" * 5000)] == [3, 3, 3] + [None] * 6
    assert [number(v) for v in (0.5, "0.5", 1, True, "nan", 1e400, [], None)] == [0.5, 0.5, 1.0] + [None] * 5


def test_raw_keys_are_never_kept() -> None:
    assert key_hash("88dc28d0f030c55ed4ab77ed8faf098196cb1c05") == "88dc28d0f030c55ed4ab77ed8faf098196cb1c05"
    for raw in ("sk-live-12345", "Bearer abc.def"):
        assert raw.split("-")[-1] not in str(key_hash(raw))
        assert str(key_hash(raw)).startswith("key:")


def test_a_lone_surrogate_does_not_hide_a_record() -> None:
    assert load(rb'{"a": "x\ud800y", "b": NaN}') == {"a": "x?y", "b": None}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": "\xff"}', "invalid UTF-8"),
        (b'{"a": 1', "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'"secret words"', "not a JSON object"),
    ],
)
def test_reasons_name_the_fault_and_not_the_text(line: bytes, reason: str) -> None:
    with pytest.raises(LineError, match=reason) as caught:
        load(line)
    assert "secret" not in str(caught.value)


def test_parameters_are_canonical_and_wordless() -> None:
    one = read_parameters(b'{"temperature": 1, "top_p": 0.5, "tools": [{}, {}], "max_completion_tokens": 9, "n": 2}')
    two = read_parameters(b'{"n": 2.0, "top_p": 0.50, "temperature": 1.0, "max_completion_tokens": 9, "user": "me"}')
    assert one.params == two.params == '{"max_completion_tokens":9,"n":2,"temperature":1,"top_p":0.5}'
    assert (one.temperature, one.top_p, one.max_tokens, one.n, one.tools) == (1.0, 0.5, 9, 2, 2)
    worded = parameters({"stop": ["a long and private sentence"], "response_format": {"schema": "words"}})
    assert "private" not in worded.params
    assert "words" not in worded.params
    assert parameters({"top_logprobs": 5}).logprobs is True
    assert parameters({"logprobs": False}).logprobs is False
    assert read_parameters(b"[]").params == "{}"
