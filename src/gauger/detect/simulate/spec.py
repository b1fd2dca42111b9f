"""What a simulated world holds: the knobs of its honest users, of its campaigns, and of its provider."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal

KINDS = ("reasoning", "reconstruction", "grading", "censorship", "evolution", "agentic", "coding", "math", "knowledge")
"""What a campaign may harvest: `gauger.model.CAPABILITIES`, and code, maths and knowledge, which no scan reports."""

DAY = 86_400.0
MODELS = ("heron-1-mini", "heron-1", "heron-2")
PRICES_USD = ((0.4, 1.6), (2.5, 10.0), (4.0, 16.0))  # per million tokens in and out
NEW_MODEL = 2
OUTAGE_MODEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """One harvest by accounts that act as one.

    Attributes:
        kinds: what is harvested, from `KINDS`.
        accounts: seats; bans with replacement add births.
        per_day: exchanges per seat and day.
        dilution: share of the exchanges that harvest; the rest is `cover`.
        cover: ordinary chat prompts, or honest users' sessions replayed word by word.
        paraphrase: share of the harvesting requests that re-word the template.
        templates: fixed wordings per kind and language.
        wording: where the instruction stands: in the prompt around the seed, or in the system prompt.
        cards, addresses, agents: what the accounts share.
        timing: "queue" one load-balanced queue round the clock; "lockstep" bursts; "circadian" imitates
            users; "handover" one shift of accounts after the other.
        sampling: parameters of the requests: "fixed", "default" (none sent), "many" (n > 1), "logprobs".
        ban_share: share of the seats whose account the provider bans in time; `replace`: a new account takes over.
        start_day, days: None: to the end of the world.
        pivot_h: all move to the new model within so many hours of its release.
        failover: moves to another model while its own is down.
        turns: exchanges per harvesting conversation.
        hop: probability that another account sends a conversation's next turn.
        replay_reasoning: share of harvesting requests that carry a reasoning block which another account received.
    """

    name: str
    kinds: tuple[str, ...] = ("reasoning",)
    accounts: int = 50
    per_day: float = 20.0
    dilution: float = 1.0
    cover: Literal["chat", "replay"] = "chat"
    paraphrase: float = 0.0
    templates: int = 2
    wording: Literal["prompt", "system"] = "prompt"
    languages: tuple[str, ...] = ("en",)
    cards: Literal["shared", "own"] = "shared"
    addresses: Literal["own", "residential", "datacentre"] = "datacentre"
    agents: Literal["one", "few", "own"] = "one"
    timing: Literal["queue", "lockstep", "circadian", "handover"] = "queue"
    signup: Literal["burst", "spread"] = "burst"
    sampling: Literal["fixed", "default", "many", "logprobs"] = "fixed"
    ban_share: float = 0.0
    replace: bool = True
    start_day: float = 1.0
    days: float | None = None
    pivot_h: float | None = None
    failover: bool = False
    turns: int = 1
    hop: float = 0.0
    replay_reasoning: float = 0.0

    def __post_init__(self) -> None:
        if unknown := set(self.kinds) - set(KINDS):
            raise ValueError(f"campaign {self.name!r}: unknown kinds {sorted(unknown)}; use {', '.join(KINDS)}")
        if not self.kinds or not self.languages:
            raise ValueError(f"campaign {self.name!r} needs a kind and a language")
        for knob in ("dilution", "paraphrase", "ban_share", "hop", "replay_reasoning"):
            if not 0 <= getattr(self, knob) <= 1:
                raise ValueError(f"campaign {self.name!r}: {knob} is a share from 0 to 1, not {getattr(self, knob)}")
        if min(self.accounts, self.templates, self.turns) < 1 or self.per_day <= 0:
            raise ValueError(f"campaign {self.name!r}: accounts, templates, turns and per_day must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Honest accounts of each kind; each kind is a hard negative for some signal (see docs/reference/simulate.md)."""

    chat: int = 600
    app: int = 24
    framework: int = 30
    evaluator: int = 4
    classroom: int = 40
    gateway: int = 1
    coding_agent: int = 24
    shared_key: int = 3
    hackathon: int = 20
    office: int = 40
    contractor: int = 8
    cron: int = 12
    viral: int = 40
    researcher: int = 20
    enthusiast: int = 16
    authorised_synth: int = 4

    def times(self, factor: float) -> Crowd:
        """A crowd so many times as large; no kind vanishes."""
        return Crowd(**{f.name: max(round(getattr(self, f.name) * factor), 1) for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """A world of `days` from `start` (UTC, midnight).

    Attributes:
        activity: scales the honest users' volume.
        sessions: share of the people's clients that send session ids; services never do.
        sdks: share of the people's clients that are SDKs; the others are browsers.
    """

    days: int = 14
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    crowd: Crowd = field(default_factory=Crowd)
    campaigns: tuple[CampaignSpec, ...] = ()
    activity: float = 1.0
    sessions: float = 0.35
    sdks: float = 0.35
    release_day: float = 8.4  # the new model appears
    outage_day: float = 5.6  # OUTAGE_MODEL is down for two hours
    honest_bans: float = 0.003  # share of honest accounts that are banned (other abuse, errors)

    def __post_init__(self) -> None:
        if self.days < 1 or self.activity <= 0:
            raise ValueError("a world needs at least one day and a positive activity")
        if not (0 <= self.sessions <= 1 and 0 <= self.sdks <= 1):
            raise ValueError("sessions and sdks are shares, from 0 to 1")
        if len({c.name for c in self.campaigns}) < len(self.campaigns):
            raise ValueError("campaigns need distinct names")
