"""Sampling parameters of a request: the few that signals read, and all of them in one canonical text."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.tables import EVENTS
from gauger.edge.formats.exchange import Exchange, column
from gauger.edge.formats.values import integer, number, structured
from gauger.model import canonical_json

_SAMPLING = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "seed"}
    | {"stop", "stop_sequences", "frequency_penalty", "presence_penalty", "repetition_penalty", "logprobs"}
    | {"top_logprobs", "logit_bias", "response_format", "reasoning_effort", "reasoning", "thinking", "verbosity"}
    | {"tool_choice", "parallel_tool_calls", "service_tier"}
)


class Parameters(msgspec.Struct, frozen=True, gc=False):
    """What an exchange keeps of its request's parameters."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    tools: int | None = None
    params: str = "{}"


def set_parameters(exchange: Exchange, given: Parameters) -> None:
    """Copy the parameters into the exchange."""
    exchange.temperature, exchange.top_p, exchange.max_tokens = given.temperature, given.top_p, given.max_tokens
    exchange.n, exchange.logprobs, exchange.tools, exchange.params = given.n, given.logprobs, given.tools, given.params


def read_parameters(raw: bytes) -> Parameters:
    """Parameters from a JSON object (or one inside a JSON string); anything else has none.

    Requests of one application repeat the same few objects, so small ones are remembered.
    """
    return _remembered(bytes(raw)) if len(raw) <= 1024 else _parameters(raw)


def _parameters(raw: bytes) -> Parameters:
    try:
        given = structured(msgspec.json.decode(raw))
    except (ValueError, RecursionError):
        return Parameters()
    return parameters(given) if isinstance(given, dict) else Parameters()


_remembered = lru_cache(maxsize=4096)(_parameters)


def parameters(given: dict[str, Any]) -> Parameters:
    """What an exchange keeps of its parameters. No free text passes: nested values and long ones are digested."""
    tools = given.get("tools") if given.get("tools") is not None else given.get("functions")
    limit = (given.get(k) for k in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
    asked = next((v for v in (given.get("logprobs"), given.get("top_logprobs")) if v is not None), None)
    kept = {k: _unworded(v) for k, v in given.items() if k in _SAMPLING and v is not None}
    return Parameters(
        temperature=number(given.get("temperature")),
        top_p=number(given.get("top_p")),
        max_tokens=next((v for v in map(integer, limit) if v is not None), None),
        n=integer(given.get("n")),
        logprobs=bool(asked) if isinstance(asked, bool | int) else None,
        tools=len(tools) if isinstance(tools, list) else integer(tools),
        params=canonical_json(kept).decode() if kept else "{}",
    )


def parameter_columns(raw: pa.Array) -> dict[str, pa.Array]:
    """`read_parameters` of many objects' JSON, null where there is none."""
    encoded = pc.fill_null(raw, "{}").dictionary_encode()
    given = [read_parameters(text.encode()) for text in encoded.dictionary.to_pylist()]
    return {
        name: column([getattr(p, name) for p in given], EVENTS.field(name).type).take(encoded.indices)
        for name in Parameters.__struct_fields__
    }


def _unworded(value: Any) -> Any:
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= 2**53):
        return value
    if isinstance(value, str) and len(value) <= 32:
        return number(value) if value[:1].isdecimal() and number(value) is not None else value
    try:
        return "#" + blake2b(msgspec.json.encode(value, order="sorted"), digest_size=8).hexdigest()
    except (ValueError, TypeError, OverflowError, RecursionError):
        return "#"
