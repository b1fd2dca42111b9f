"""Logs that a small TOML mapping describes, and logs that need none."""

from __future__ import annotations

import json

import pytest

from gauger.detect.tables import EVENTS
from gauger.edge import formats
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.mapped import FIELDS, decoder, parse_mapping
from gauger.errors import ConfigError

MAPPING = b"""
[fields]
time = "ts"
end_time = "done"
account = ["who.id", "who.key"]
event_id = "a.b"
messages = "req.messages"
response = "res"
parameters = "req.options"
[constants]
status = "success"
model = "teal-large"
[units]
time = "ms"
end_time = "s"
"""


def test_paths_alternatives_constants_and_units() -> None:
    decode = decoder(parse_mapping(MAPPING, "map.toml"))
    record = {
        "ts": 1_750_000_000_500,
        "done": "1750000002",
        "who": {"id": "", "key": "88dc"},
        "a.b": "a dotted column",
        "req": {"messages": [{"role": "user", "content": "List three rivers."}], "options": '{"n": 2}'},
        "res": "Elbe.",
        "model": "not mapped",
    }
    (got,) = decode(json.dumps(record).encode())
    assert (got.time, got.end_time) == (1_750_000_000_500_000, 1_750_000_002_000_000)
    assert (got.account, got.event_id, got.status, got.model) == ("88dc", "a dotted column", "success", "teal-large")
    assert (got.prompt, got.answer, got.turns, got.n) == ("List three rivers.", "Elbe.", 1, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[fields", "not a usable mapping"),
        (b'[fields]\ntime = "t"\naccount = "a"\ncolour = "c"', "unknown fields colour"),
        (b'[fields]\ntime = "t"\naccount = "a"\n[units]\ntime = "days"', "unusable \\[units\\]"),
        (b'[fields]\naccount = "a"', "`time`"),
        (b'[fields]\ntime = "t"', "`account`"),
        (b'[fields]\ntime = "t"\naccount = "a"\n[extra]\nx = 1', "not a usable mapping"),
        (b"\xff", "not a usable mapping"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(text: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_mapping(text, "map.toml")


def test_canonical_records_need_no_mapping() -> None:
    decode = formats.decoder("canonical")
    record = {
        "event_id": "e1",
        "time": "2025-06-15T15:06:40.5Z",
        "account": "acct-7",
        "prompt": "List three rivers.",
        "logprobs": True,
        "thread": 2**64 - 1,
        "reasoning_in": [1, 2**63],
        "input_tokens": "12",
        "params": '{"n":1}',
    }
    (got,) = decode(json.dumps(record).encode())
    assert (got.time, got.account, got.prompt, got.logprobs) == (
        1_750_000_000_500_000,
        "acct-7",
        "List three rivers.",
        True,
    )
    assert (got.thread, got.reasoning_in, got.input_tokens, got.params) == (2**64 - 1, [1, 2**63], 12, '{"n":1}')
    assert got.turns is None  # nothing says whether there were messages before this one


def test_an_exchange_has_the_columns_of_events() -> None:
    assert Exchange.__struct_fields__ == FIELDS
    assert set(FIELDS) == set(EVENTS.names) - {"source", "line"}
