"""The log formats: one file a vendor, each with ``NAME``, ``recognise(record)`` and ``decode(line)``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gauger.edge.formats import envoy, langfuse, litellm, mapped, otlp
from gauger.edge.formats.exchange import Exchange
from gauger.edge.formats.mapped import CANONICAL, FieldMap, canonical_map
from gauger.errors import ConfigError, InputError

Decode = Callable[[bytes], list[Exchange]]

_VENDORS = (litellm, otlp, langfuse, envoy)
NAMES = ("auto", *(vendor.NAME for vendor in _VENDORS), CANONICAL, mapped.NAME)


def decoder(name: str, mapping: FieldMap | None = None) -> Decode:
    """The reader of lines in a format.

    Raises:
        ConfigError: an unknown name, or "mapped" without a mapping.
    """
    if name == CANONICAL:
        return mapped.decoder(canonical_map())
    if name == mapped.NAME:
        if mapping is None:
            raise ConfigError("format mapped needs a mapping file")
        return mapped.decoder(mapping)
    for vendor in _VENDORS:
        if name == vendor.NAME:
            decode: Decode = vendor.decode
            return decode
    raise ConfigError(f"unknown log format {name!r}: use one of {', '.join(NAMES)}")


def recognise(records: Sequence[Mapping[str, Any]], source: str) -> tuple[str, str]:
    """Name the format that most of the first records have, and say by what.

    Raises:
        InputError: they have none that is known.
    """
    found = Counter(hit for record in records if (hit := _recognise(record)))
    if not found:
        names = ", ".join(ascii(str(k))[1:33].rstrip("'") for k in list(records[0])[:12]) if records else "none"
        raise InputError(
            f"no known log format (fields of the first record: {names}): name one with --format, or map its fields "
            "with --format mapped --mapping FILE",
            source=source,
        )
    return found.most_common(1)[0][0]


def _recognise(record: Mapping[str, Any]) -> tuple[str, str] | None:
    for vendor in _VENDORS:
        if why := vendor.recognise(record):
            return vendor.NAME, why
    if {"time", "account"} <= record.keys() and ({"event_id", "model", "prompt"} & record.keys()):
        return CANONICAL, "canonical fields time, account"
    return None


__all__ = ["NAMES", "Decode", "FieldMap", "decoder", "recognise"]
