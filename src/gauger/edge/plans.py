"""Plan files, and the settings in them: how the suspect is reached and asked.

A plan file is one line of canonical JSON, so its digest is the plan's: what was logged before the first question.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gauger.edge.small_files import PUBLIC, read_small, write_new
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.model import canonical_json
from gauger.watermark.radioactivity import Plan

MAX_BYTES = 1 << 24
RESERVED = {"model", "messages", "stream", "n"}
OPTIONAL = {"temperature", "top_p"}  # some models refuse the two together: null leaves one out


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How text becomes the keys' token ids.

    Attributes:
        tokenizer: digest of the vocabulary, "" where no file of it was at hand. tokenizer_file: of the whole file, by
            which answers are read: with one vocabulary any text can be made any other.
    """

    tokenizer: str = ""
    tokenizer_file: str = ""


class ByEndpoint(_Settings, frozen=True, kw_only=True, tag="endpoint"):
    """An OpenAI-compatible endpoint; ``more``: further fields of each request's body, null to leave one out."""

    url: str
    model: str
    temperature: float
    top_p: float
    max_tokens: int
    more: dict[str, Any]

    def __post_init__(self) -> None:
        if not (0 <= self.temperature <= 10 and 0 < self.top_p <= 1 and self.max_tokens > 0 and self.model.strip()):
            raise ConfigError("a request names a model, a temperature of 0 to 10, top-p in (0, 1] and max-tokens")
        if taken := sorted(RESERVED & set(self.more) | {name for name in OPTIONAL if self.more.get(name) is not None}):
            raise ConfigError(f"further fields of the request: {', '.join(taken)} have options of their own")


class ByWeights(_Settings, frozen=True, kw_only=True, tag="weights"):
    """A model on this machine that answers. weights: the digest of its parameters."""

    weights: str
    temperature: float
    top_p: float
    max_tokens: int
    plain: bool


class ByReading(_Settings, frozen=True, kw_only=True, tag="reading"):
    """A model on this machine that reads what we served.

    Attributes:
        weights, reference: digests of its parameters and of those it is compared with ("" for none).
        candidates: whose probabilities are kept at each place. longest: tokens that it is given of prompt and output.
    """

    weights: str
    reference: str
    candidates: int
    longest: int

    def __post_init__(self) -> None:
        if not (1 <= self.candidates <= 1024 and self.longest >= 2):
            raise ConfigError("reading: 1 to 1,024 candidates at a place, and at least 2 tokens of each output")


class ByFile(_Settings, frozen=True, kw_only=True, tag="file"):
    """Somebody else asks, and brings a file of responses."""


Settings = ByEndpoint | ByWeights | ByReading | ByFile


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, never over another file.

    Raises:
        ConfigError: ``path`` exists.
    """
    if path.exists():
        raise _exists(path)
    try:
        write_new(path, canonical_json(plan) + b"\n", mode=PUBLIC)
    except ConfigError:
        raise _exists(path) from None


def read_plan(path: Path, logged: str | None = None) -> Plan:
    """The plan in a file, byte for byte as it was written.

    Args:
        logged: the digest that was dated before the suspect was asked.

    Raises:
        InputError: it cannot be read, or is none. VerifyError: it is another plan than was logged.
    """
    source, data = str(path), read_small(path, MAX_BYTES).removesuffix(b"\n")
    try:
        plan = msgspec.json.decode(data, type=Plan)
        canonical = canonical_json(plan) == data
        settings_of(plan)
    except (ValueError, TypeError, RecursionError, ConfigError) as error:
        raise InputError(f"is no plan of this version: {error}", source=source) from None
    if not canonical:
        raise InputError("is no plan as it was written: its form was changed", source=source)
    if logged is not None and plan.digest != logged:
        raise VerifyError(f"{path}: its digest is {plan.digest}: this is not the plan that was logged")
    return plan


def asked(settings: Settings) -> str:
    """Settings as they stand in a plan."""
    return canonical_json(msgspec.to_builtins(settings)).decode()


def settings_of(plan: Plan) -> Settings:
    """How the plan's suspect is reached and asked.

    Raises:
        ConfigError: settings of another version or mode.
    """
    try:
        settings: Settings = msgspec.json.decode(plan.asked, type=Settings)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"`asked` of the plan: {error}") from None
    if (plan.mode == "open") != isinstance(settings, ByReading):
        raise ConfigError("`asked` of the plan is for the other mode")
    return settings


def more_fields(text: str) -> dict[str, Any]:
    """Further fields of a request's body, from a JSON object.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
        canonical_json(found)
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"further fields of the request are no JSON object: {error}") from None
    return found


def _exists(path: Path) -> ConfigError:
    return ConfigError(f"{path} exists: a plan is never replaced; name another file")
