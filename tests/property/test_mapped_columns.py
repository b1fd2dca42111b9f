"""The columns of a mapped log equal what decoding it line by line gives, whatever the mapping and the lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.detect.tables import EVENTS
from gauger.edge.formats import mapped_columns
from gauger.edge.formats.mapped import FIELDS, SPECIAL, TIMES, FieldMap, canonical_map
from gauger.edge.parallel import Job, parse
from gauger.edge.spans import find_spans
from tests.property.test_columns import FIELDS as LITELLM
from tests.property.test_columns import (
    NULL,
    NUMBERS,
    SAID,
    TEXT,
    VALUES,
    array,
    by_line,
    counted,
    item,
    members,
    rare,
)
from tests.property.test_columns import TIMES as SOME_TIMES

KINDS = {"string": "a b u.id u.name", "int64": "i j u.n", "double": "f i", "bool": "g", "timestamp": "ts te u.ts"}
WORDS = TEXT | st.integers(0, 10**17).map(str) | NULL
COUNTS = st.integers(-5, 10**17).map(str) | NULL
AMOUNTS = st.floats(-1e30, 1e30).map(repr) | st.integers(-5, 9).map(str) | NULL
BOOLS = st.sampled_from(["true", "false", "null"])
WHEN = st.floats(1e9, 4e9).map(repr) | st.integers(946_684_800, 4_102_444_799).map(str)
SAYING = SAID.map(lambda said: '{"choices": [{"message": ' + said + "}]}")
USUAL = {
    "ts": WHEN,
    "te": WHEN | NULL,
    "a": TEXT.filter(lambda text: text not in {"null", '""'}),
    "b": WORDS,
    "i": COUNTS,
    "j": COUNTS,
    "f": AMOUNTS,
    "g": BOOLS,
    "messages": st.lists(SAID, max_size=3).map(array) | NULL,
    "response": SAYING | NULL,
    "parameters": st.sampled_from(["{}", '{"n": 3, "temperature": 0.5}', "null"]),
}
INNER = {"id": WORDS, "name": WORDS, "n": COUNTS, "ts": WHEN}
ANY = {name: st.one_of(value, VALUES, SOME_TIMES, NUMBERS) for name, value in (USUAL | INNER).items()}
ANY |= {name: LITELLM[name] for name in ("messages", "response")}


def record(fields: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """An object with most of the fields."""
    pairs = [rare(st.just((name, None))).flatmap(_unless(name, value)) for name, value in fields.items()]
    return st.tuples(*pairs).map(lambda found: members([pair for some in found for pair in some]))


def _unless(name: str, value: st.SearchStrategy[str]) -> Any:
    return lambda left_out: st.just([]) if left_out else value.map(lambda text: [(name, text)])


def line(values: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    inner = record({name: values[name] for name in INNER})
    return record({name: values[name] for name in USUAL} | {"u": inner})


LINE = st.one_of(line(USUAL | INNER), line(USUAL | INNER), line(ANY), item(ANY | {"u": item(ANY), "u.id": NULL}))


def places(name: str) -> st.SearchStrategy[list[str]]:
    kind = str(EVENTS.field(name).type).removeprefix("large_").partition("[")[0]
    usual = KINDS.get(kind, "a i").split()
    odd = st.sampled_from(["u", "a", "i", "u.id.x", "messages"])
    return st.lists(
        st.integers(0, 99).flatmap(lambda n: odd if n == 50 else st.sampled_from(usual)),
        min_size=1,
        max_size=2,
        unique=True,
    )


CONSTANTS = {"status": "failure", "n": 2, "logprobs": True, "model": "m", "account": "sk-all", "turns": 1.5, "org": ""}
MAPPINGS = st.builds(
    lambda fields, special, constants, units: FieldMap(
        fields=fields | {name: [name] for name in special},
        constants={name: CONSTANTS[name] for name in constants},
        units=units,
    ),
    st.sets(st.sampled_from(FIELDS), max_size=6).flatmap(
        lambda names: st.fixed_dictionaries({name: places(name) for name in {*names, "time", "account"}})
    ),
    st.sets(st.sampled_from(sorted(SPECIAL))),
    st.sets(st.sampled_from(sorted(CONSTANTS)), max_size=2),
    rare(st.tuples(st.sampled_from(TIMES), st.sampled_from(["s", "ms", "us", "ns"]))).map(dict),
)


def same(mapping: FieldMap, data: bytes) -> None:
    job = Job("a log", 1, data.count(b"\n") + 1, "mapped", mapping)
    columns = mapped_columns.reader(mapping)
    if columns is not None:
        columns.read("a log", 1, find_spans(columns.tree, data))  # `parse` would pass over a defect
    fast, slow = parse(job, data), by_line(job, data)
    fast.batch.validate(full=True)
    assert repr(fast.batch.to_pylist()) == repr(slow.batch.to_pylist())
    assert fast.tally == slow.tally


@settings(max_examples=150, deadline=None)
@given(mapping=MAPPINGS, lines=st.lists(LINE, max_size=6))
def test_columns_are_what_line_by_line_gives(mapping: FieldMap, lines: list[str]) -> None:
    same(mapping, "\n".join(lines).encode())


@pytest.mark.parametrize("unit", [None, "s", "ms", "us", "ns"])
@pytest.mark.parametrize("seconds", [1_750_000_000, 1_750_000_000.25, 946_684_799, 4_102_444_800, 999_999_999.5])
def test_times_in_any_unit(unit: str | None, seconds: float) -> None:
    counts = [seconds, *(int(seconds * scale) for scale in (1e3, 1e6, 1e9)), seconds * 1e3, 1750000000.0000005]
    lines = [json.dumps({"ts": count, "a": "u", "b": count}) for count in (*counts, "2026-01-02T03:04:05Z")]
    fields: dict[str, list[str] | str] = {"time": ["ts"], "end_time": ["b"], "account": ["a"]}
    same(FieldMap(fields=fields, units={name: unit for name in TIMES if unit}), "\n".join(lines).encode())


RECORD: dict[str, Any] = {
    "time": "2026-03-04T05:06:07.25Z",
    "end_time": 1_772_600_768_000,
    "account": 17,
    "api_key": "sk-secret",
    "model": "teal",
    "status": None,
    "input_tokens": 12,
    "cost_usd": 0.5,
    "logprobs": False,
    "prompt": 'Say "hi"\n',
    "answer": "Hi.",
    "extra": {"x": [1]},
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"prompt": "", "answer": None, "account": ""},
        {"messages": [{"role": "user", "content": "a"}], "response": {"choices": [{"message": {"content": "b"}}]}},
        {"prompt": None, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        {"parameters": {"temperature": 0.5, "n": 3}, "n": 2, "logprobs": None},
    ],
)
def test_plain_lines_are_not_decoded_one_by_one(change: dict[str, Any]) -> None:
    lines = [json.dumps(RECORD | {"event_id": f"e{n}" if n % 2 else None} | change) for n in range(9)]
    data = "\n".join(lines).encode()
    with counted() as seen:
        assert parse(Job("log", 1, 9, "canonical"), data).batch.num_rows == 9
    assert seen == []
    same(canonical_map(), data)


@pytest.mark.parametrize(
    "mapping",
    [
        FieldMap(fields={"time": ["ts"], "account": ["u"], "model": ["u.id"]}),
        FieldMap(fields={"time": ["ts"], "account": ["a"], "messages": ["b", "c"]}),
        FieldMap(fields={"time": ["ts"], "account": ["a"]}, constants={"end_time": 1_750_000_000}),
        FieldMap(fields={"time": ["ts"], "account": ["response"], "response": ["response"]}),
    ],
)
def test_a_mapping_that_no_tree_can_say_is_read_line_by_line(mapping: FieldMap) -> None:
    assert mapped_columns.reader(mapping) is None
    same(mapping, b'{"ts": 1750000000.5, "u": {"id": "m"}, "a": "x", "b": "said"}')
