"""What a serving engine's process needs to mark: whose keys, and one request after the other.

The process reads its settings from the JSON file that ``GAUGER_MARKING`` names. Keys are derived inside it. A request
names a party, never a secret, and one that names none has the fleet's key: no client is left out by what it names. What
it can do by how it asks is in docs/explanation/watermark.md: few tokens at a time, or a prompt that uses up windows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike

from gauger.edge import keyring
from gauger.edge.marking.turns import Turn
from gauger.edge.small_files import read_small
from gauger.errors import ConfigError, InputError
from gauger.watermark.keys import FLEET, MAX_FIELD_BYTES, Key, KeyContext, derive, epochs
from gauger.watermark.naming import scheme_named
from gauger.watermark.schemes import Scheme

VARIABLE = "GAUGER_MARKING"
ARGUMENT = "gauger_party"
MAX_BYTES = 1 << 20
LEAST_H = 2  # of schemes that leave windows of the prompt unmarked: at h = 1 any 8,000 common tokens are nearly all

Days = Annotated[int, Meta(ge=1, le=3650)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator's choice.

    Attributes:
        tenant, model, tokenizer, scheme: of every key's context.
        period_days, fleet_period_days: how long keys of parties, and the fleet's, serve.
        key_file, passphrase_env: the key file, and which environment variable opens it; or
        master_env: which environment variable holds the master.
        unmarked: parties whose answers are left alone.
    """

    schema: Literal["gauger/marking/1"]
    tenant: str
    model: str
    tokenizer: str
    scheme: str = "gumbel"
    period_days: Days = 28
    fleet_period_days: Days = 364
    key_file: str | None = None
    passphrase_env: str | None = None
    master_env: str | None = None
    unmarked: tuple[str, ...] = ()


class Parameters(Protocol):
    """What is looked at of a request's sampling parameters; vLLM 0.33's ``SamplingParams`` has more."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    seed: int | None
    extra_args: dict[str, Any] | None


def refuse_diffusion(model_config: Any) -> None:
    """No service rather than one without its marks.

    Raises:
        ConfigError: vLLM samples a diffusion model with a sampler of the model's own, which asks no logits processor.
    """
    if getattr(model_config, "is_diffusion", False):
        raise ConfigError("marking: diffusion models cannot be marked: vLLM asks no logits processor for their tokens")


class Keys:
    """The keys of one serving process."""

    def __init__(self, settings: Settings, master: bytes) -> None:
        self.scheme: Scheme = scheme_named(settings.scheme)
        if not self.scheme.repeats and self.scheme.h < LEAST_H:
            raise ConfigError(
                f"marking: under {settings.scheme} a prompt of common tokens leaves an answer unmarked: "
                f"serve with h of at least {LEAST_H}"
            )
        self._settings, self._master = settings, master
        self._derived(FLEET, datetime(1970, 1, 1, tzinfo=UTC))  # so that a wrong field is told at the start

    def of(self, party: str, now: datetime) -> Key | None:
        """The key of a party, None if the operator left it out."""
        return None if party in self._settings.unmarked else self._derived(party, now)

    def _derived(self, party: str, now: datetime) -> Key:
        s = self._settings
        (epoch,) = epochs(now, now, period_days=s.fleet_period_days if party == FLEET else s.period_days)
        return derive(
            self._master,
            KeyContext(
                tenant=s.tenant, party=party, epoch=epoch, model=s.model, tokenizer=s.tokenizer, scheme=s.scheme
            ),
        )


def keys_from_env() -> Keys:
    """The keys that ``GAUGER_MARKING`` leads to.

    Raises:
        ConfigError: it is not set, or names no place of the master key. InputError: its file cannot be read. And what
            ``keyring`` raises.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        raise ConfigError(f"marking is switched on, but {VARIABLE} does not name its settings file")
    try:
        settings = msgspec.json.decode(read_small(Path(path), MAX_BYTES), type=Settings)
    except (ValueError, RecursionError) as error:
        raise InputError(f"no settings of marking: {error}", source=path) from None
    return Keys(settings, _master(settings))


def _master(settings: Settings) -> bytes:
    if settings.master_env is not None and settings.key_file is None:
        return keyring.master_from_env(settings.master_env)
    if settings.key_file is None or settings.master_env is not None or settings.passphrase_env is None:
        raise ConfigError("marking: say where the master key is: master_env, or key_file and passphrase_env")
    return keyring.read_key_file(settings.key_file, keyring.passphrase_from_env(settings.passphrase_env))


def party_of(extra_args: Mapping[str, Any] | None) -> str:
    """Whose key a request is marked with.

    Raises:
        ValueError: the argument is there, but names nobody: engines answer with an error then.
    """
    party = (extra_args or {}).get(ARGUMENT, FLEET)
    try:
        if isinstance(party, str) and party.strip() and len(party.encode()) <= MAX_FIELD_BYTES:
            return party
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        pass
    raise ValueError(f"{ARGUMENT} must be text of 1 to {MAX_FIELD_BYTES} bytes of UTF-8: the party's id")


def now() -> datetime:
    """The time by which keys change. An engine builds its processors itself, and hands them no clock."""
    return datetime.now(UTC)  # noqa: TID251


class Request:
    """A request in the engine, that a key may bend."""

    __slots__ = ("at", "params", "rng", "turn")

    def __init__(self, key: Key, params: Parameters, rng: np.random.Generator) -> None:
        self.turn, self.params, self.rng = Turn(key), params, rng
        self.at: int | None = None

    def arrive(self, scheme: Scheme, n: int, prompt: ArrayLike, written: ArrayLike) -> None:
        """The engine asks for the token after n written ones: the first time, again, or because it wrote one."""
        if self.at is not None and n == self.at + 1:
            self.turn.wrote()
        elif n != self.at:
            self.turn.read(scheme, prompt, written)
        self.at = n


class Requests:
    """Makes the requests of a process.

    Args:
        seed: the engine's. All processes of one model draw alike, as each of them samples for itself.
    """

    def __init__(self, keys: Keys, seed: int) -> None:
        self.scheme = keys.scheme
        self._keys, self._seed, self._count = keys, seed, 0

    def admit(self, params: Parameters) -> Request | None:
        """A request to be marked; None for one of an unmarked party, and for a greedy one, where a mark has no room."""
        self._count += 1
        key = self._keys.of(party_of(params.extra_args), now())
        if key is None or params.temperature < 1e-5:
            return None
        seed = (self._seed, 0, self._count) if params.seed is None else (self._seed, 1, params.seed)
        return Request(key, params, np.random.default_rng([abs(part) for part in seed]))
