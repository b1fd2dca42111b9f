"""A scheme by its name in a key's context: ``gumbel``, ``tournament:h=2:layers=20``, ``greenlist:h=1:delta=2``.

Options that are not named have their defaults. The name is part of the key: two spellings of one scheme have two keys.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from gauger.errors import ConfigError
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament

KINDS: dict[str, type[Gumbel] | type[Tournament] | type[Greenlist]] = {
    "gumbel": Gumbel,
    "tournament": Tournament,
    "greenlist": Greenlist,
}


def scheme_named(name: str) -> Scheme:
    """The scheme of a name.

    Raises:
        ConfigError: no such scheme or option, an option twice, or a value that it cannot have.
    """
    kind, *options = name.split(":")
    if kind not in KINDS:
        raise ConfigError(f"no scheme is called {kind!r}: there are {', '.join(KINDS)}, with options as in gumbel:h=4")
    types = {f.name: type(f.default) for f in fields(KINDS[kind]) if f.default is not MISSING}
    values: dict[str, Any] = {}
    for option, _, value in (o.partition("=") for o in options):
        if option not in types or option in values:
            raise ConfigError(f"{kind}: {option!r} is no option of it, or is there twice; it has {', '.join(types)}")
        try:
            values[option] = types[option](value)
        except ValueError:
            raise ConfigError(f"{kind}: {option}={value!r} is not a number that {option} can have") from None
    return KINDS[kind](**values)
