"""Records of ours in files, read strictly: canonical JSON, as it was written, byte for byte."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from gauger.errors import ConfigError, InputError
from gauger.model import canonical_json

T = TypeVar("T")


def canonical_line(value: object) -> bytes:
    """A record, or a struct of msgspec, as one line."""
    plain = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
    return canonical_json(plain) + b"\n"


def parse_canonical(data: bytes, kind: type[T], source: str, line: int | None = None) -> T:
    """The record of one line.

    Raises:
        InputError: it is none, or not in the form in which it was written.
    """
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    try:
        value: T = msgspec.json.decode(data, type=kind)
        canonical = canonical_line(value).removesuffix(b"\n") == data
    except (ValueError, TypeError, RecursionError, ConfigError) as error:
        # A message names fields, never values; but for a name of a schema.
        raise InputError(f"is no {kind.__name__} of this version: {error}", source=source, line=line) from None
    if not canonical:
        raise InputError(f"is no {kind.__name__} as it was written: its form was changed", source=source, line=line)
    return value
