"""No bytes crash a reader: every line is an exchange, skipped, or a fault."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gauger.detect.tables import EVENTS
from gauger.edge import formats
from gauger.edge.formats.mapped import FieldMap
from gauger.edge.lines import blocks
from gauger.edge.parallel import OURS, Job, parse
from gauger.edge.reading import read_logs
from gauger.errors import InputError

MAP = FieldMap(fields={"time": ["t"], "account": ["a.b"], "messages": ["m"], "response": ["r"], "parameters": ["p"]})
NAMES = [n for n in formats.NAMES if n != "auto"]

# Names that the readers look at, so that what hypothesis makes reaches the code behind them.
KEYS = st.sampled_from(
    """id startTime start_time endTime model messages response metadata model_parameters role content parts type text
    thinking signature choices message output user_api_key_user_id user_api_key_hash resourceSpans scopeSpans spans
    attributes key value stringValue intValue arrayValue values events name traceId userId input usage duration
    gen_ai.request.model gen_ai.input.messages gen_ai.prompt.0.content genai_model_name response_code x-user-id
    x-forwarded-for account time prompt thread reasoning_in params t a.b m r p temperature tools n""".split()  # noqa: SIM905
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["user", "text", "thinking", "GENERATION", "[", "{}", '[{"role":"user"}]']),
    st.sampled_from([1.75e9, "2025-06-15", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS | st.text(), v, max_size=6), max_leaves=25
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=12)
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def accounted_for(name: str, data: bytes) -> None:
    parsed = parse(Job("log", 1, data.count(b"\n") + 1, name, MAP if name == "mapped" else None), data)
    assert parsed.batch.schema == EVENTS
    parsed.batch.validate(full=True)
    assert parsed.batch.column("account").null_count == parsed.batch.column("time").null_count == 0
    lines = {n for n, line in enumerate(data.split(b"\n"), 1) if line.strip()}
    told = set(parsed.batch.column("line").to_pylist()) | {f.line for f in parsed.tally.faults}
    assert told <= lines
    assert not [f for f in parsed.tally.faults if f.reason.startswith(OURS)]
    assert len(lines - told) == parsed.tally.skipped


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.binary(max_size=300))
def test_any_bytes(name: str, data: bytes) -> None:
    accounted_for(name, data)


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(records=st.lists(RECORDS, max_size=3))
def test_any_records(name: str, records: list[dict[str, Any]]) -> None:
    accounted_for(name, b"\n".join(json.dumps(r).encode() for r in records))


def valid(name: str) -> dict[str, Any]:
    return {
        "litellm": {
            "id": "e",
            "startTime": 1.75e9,
            "messages": [{"role": "user", "content": "Hi."}],
            "response": {"choices": [{"message": {"content": "Yes."}}]},
            "metadata": {"user_api_key_user_id": "u"},
        },
        "langfuse": {"id": "e", "type": "GENERATION", "startTime": 1.75e9, "userId": "u", "input": "Hi."},
        "envoy": {"start_time": 1.75e9, "genai_model_name": "m", "x-user-id": "u"},
        "canonical": {"time": 1.75e9, "account": "u", "prompt": "Hi."},
        "mapped": {"t": 1.75e9, "a.b": "u", "m": "Hi."},
    }[name]


NEEDED = {"startTime", "start_time", "metadata", "type", "userId", "genai_model_name", "x-user-id", "time", "account"}


@pytest.mark.parametrize("name", ["litellm", "langfuse", "envoy", "canonical", "mapped"])
@QUICK
@given(odd=RECORDS)
def test_no_optional_field_can_hide_an_exchange(name: str, odd: dict[str, Any]) -> None:
    """Whatever a sender writes where the sender may write, the exchange is read."""
    whole = odd | {k: v for k, v in valid(name).items() if k in NEEDED or name == "mapped"}
    parsed = parse(Job("log", 1, 1, name, MAP if name == "mapped" else None), json.dumps(whole).encode())
    assert (parsed.batch.num_rows, parsed.tally.faults) == (1, [])
    assert parsed.batch.column("account")[0].as_py() == "u"


@QUICK
@given(attributes=st.dictionaries(KEYS, VALUES, max_size=8), events=VALUES, rest=RECORDS)
def test_any_attributes_of_a_span(attributes: dict[str, Any], events: Any, rest: dict[str, Any]) -> None:
    span = rest | {"startTimeUnixNano": "1750000000000000000", "events": events, "spanId": "1"}
    whole = attributes | {"gen_ai.request.model": "m", "user.id": "u"}
    span["attributes"] = [{"key": k, "value": _any_value(v)} for k, v in whole.items()]
    line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    accounted_for("otlp", line)
    assert parse(Job("log", 1, 1, "otlp"), line).batch.column("account").to_pylist() == ["u"]


def _any_value(value: Any) -> Any:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(v) for v in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": _any_value(v)} for k, v in value.items()]}}
    return {"stringValue": value} if isinstance(value, str) else {"doubleValue": value, "intValue": value}


@QUICK
@given(cut=st.integers(0, 400), size=st.integers(1, 80), block=st.integers(1, 100))
def test_pieces_do_not_matter(cut: int, size: int, block: int) -> None:
    data = b"".join(b"%d\n" % n for n in range(100))[:cut]
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    assert b"".join(b.data for b in blocks(pieces, block_bytes=block, block_lines=3)) == data


MAGIC = {".gz": b"\x1f\x8b\x08", ".zst": b"\x28\xb5\x2f\xfd", ".parquet": b"PAR1"}


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst", "log.csv", "log.parquet"])
@pytest.mark.parametrize("form", ["auto", "litellm"])
@QUICK
@given(data=st.binary(max_size=200), magic=st.booleans())
def test_any_file_is_read_or_refused(tmp_path: Path, name: str, form: str, data: bytes, magic: bool) -> None:
    path = tmp_path / name
    path.write_bytes((MAGIC.get(path.suffix, b"") if magic else b"") + data)
    with suppress(InputError):
        for batch, _ in read_logs([path], format=form, workers=0):
            batch.validate(full=True)
