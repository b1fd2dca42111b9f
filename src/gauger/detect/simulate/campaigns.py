"""Campaigns: accounts that act as one, as their knobs say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gauger.detect.simulate import arrivals, harvest, people
from gauger.detect.simulate.grammar import Texts
from gauger.detect.simulate.people import Floats, Group, Ints
from gauger.detect.simulate.rows import Rows, rows, take
from gauger.detect.simulate.scene import Scene
from gauger.detect.simulate.spec import DAY, CampaignSpec

_GENERATIONS = 3  # an account and how often it is replaced at most
_COVER_DEPTH = 0.3
_BURST_EVERY_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Crew:
    """Who holds each seat when.

    Attributes:
        groups: one a generation, each with an account a seat.
        until: (generations, seats) when the provider bans the account, or inf. since: when it can first work.
        pool: (k,) addresses that all use, or empty.
    """

    groups: tuple[Group, ...]
    since: NDArray[np.float64]
    until: NDArray[np.float64]
    pool: Texts

    def holder(self, seat: Ints, time: Floats) -> tuple[Ints, Ints]:
        """The account at each seat and time and its generation; -1 where there is none."""
        who, generation = np.full(len(seat), -1), np.zeros(len(seat), dtype=np.int64)
        for g, group in enumerate(self.groups):
            here = (time >= self.since[g, seat]) & (time < self.until[g, seat])
            who[here], generation[here] = group.who[seat[here]], g
        return who, generation


@dataclass(frozen=True, slots=True)
class Kit:
    """What the accounts of a campaign share; empty where each has its own.

    Attributes:
        hosts: (k, 3) addresses of servers. pool: (k,) proxies that each request picks from.
    """

    cards: Texts
    domains: Texts
    agents: Texts
    hosts: Texts
    pool: Texts


@dataclass(frozen=True, slots=True)
class Library:
    """Honest sessions that may be replayed: `table` sorted by conversation and turn, session i from first[i] on."""

    table: Rows
    first: Ints
    length: Ints


def library(honest: Rows, kinds: NDArray[np.object_]) -> Library:
    """The chat users' sessions. `kinds` holds the kind of each account."""
    table = take(honest, kinds[honest["who"]] == "chat")
    table = take(table, np.lexsort((table["turn"], table["conv"])))
    first = (
        np.flatnonzero(np.r_[True, table["conv"][1:] != table["conv"][:-1]]) if len(table["conv"]) else np.zeros(0, int)
    )
    return Library(table, first, np.diff(np.r_[first, len(table["conv"])]))


def run(scene: Scene, spec: CampaignSpec, honest: Library) -> None:
    """Play one campaign into the scene."""
    start = spec.start_day * DAY
    end = min(scene.end, start + spec.days * DAY) if spec.days else scene.end
    crew = recruit(scene, spec, start, end)
    lengths, harvests, replays = plan(scene, spec, honest, (end - start) / DAY)
    seat, begin = schedule(scene, spec, crew.groups[0], len(lengths), (start, end))
    chat = np.repeat(np.arange(len(lengths)), lengths)
    turn = np.arange(len(chat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    pause = np.where(turn > 0, scene.rng.exponential(45, len(chat)) + 5, 0.0)
    since = np.cumsum(pause)
    time = begin[chat] + since - since[np.flatnonzero(turn == 0)][chat]
    hops = harvests[chat] & (turn > 0) & (scene.rng.random(len(chat)) < spec.hop)
    seat = np.where(hops, scene.rng.integers(spec.accounts, size=len(chat)), seat[chat])
    who, generation = crew.holder(seat, time)
    table = rows(
        len(chat),
        time=time,
        who=who,
        conv=scene.conversations(len(lengths))[chat],
        turn=turn,
        address=addresses(scene, crew, seat, generation),
        user_agent=np.stack([g.agents for g in crew.groups])[generation, seat],
        **sampling(scene, spec),
    )
    compose(scene, spec, table, harvests[chat])
    copy_sessions(table, honest, replays[chat])
    lost = np.unique(chat[(who < 0) | (time >= end)])
    table = take(table, ~np.isin(chat, lost))
    steal(scene, spec, table)
    scene.keep(table)


def recruit(scene: Scene, spec: CampaignSpec, start: float, end: float) -> Crew:
    """Open the accounts of all generations and decide the bans."""
    rng, n = scene.rng, spec.accounts
    kit = equip(scene, spec)
    groups: list[Group] = []
    since, until = np.full((_GENERATIONS, n), np.inf), np.full((_GENERATIONS, n), np.inf)
    spread = rng.uniform(3, 20) + rng.uniform(0, 1.5, n) if spec.signup == "burst" else rng.uniform(1, 240, n)
    birth, since[0] = start - spread * DAY, start
    while True:
        g = len(groups)
        groups.append(enlist(scene, spec, kit, birth))
        banned = np.isfinite(since[g]) & (rng.random(n) < spec.ban_share)
        until[g, banned] = since[g, banned] + (end - since[g, banned]) * rng.uniform(0.15, 0.9, int(banned.sum()))
        for i in np.flatnonzero(banned):
            scene.cast.accounts[groups[g].who[i]]["banned"] = float(until[g, i])
        if g + 1 == _GENERATIONS or not spec.replace or not banned.any():
            return Crew(tuple(groups), since[: g + 1], until[: g + 1], kit.pool)
        birth = np.where(banned, until[g] + rng.uniform(0.3, 8, n) * 3600, np.inf)
        since[g + 1] = birth + rng.uniform(0.05, 2, n) * 3600


def equip(scene: Scene, spec: CampaignSpec) -> Kit:
    """What the campaign owns, for all generations of its accounts."""
    rng, n, none = scene.rng, spec.accounts, np.empty(0, dtype=object)
    shared = spec.cards == "shared"
    return Kit(
        cards=people.hexes(rng, max(n // 15, 1)) if shared else none,
        domains=people.hexes(rng, 2) if shared else scene.cast.domains,
        agents=none if spec.agents == "own" else people.clients(rng, 1 if spec.agents == "one" else 3, 1.0),
        hosts=people.clouds(rng, 200, nets=2) if spec.addresses == "datacentre" else none,
        pool=people.homes(rng, max(n // 3, 1)).ravel() if spec.addresses == "residential" else none,
    )


def enlist(scene: Scene, spec: CampaignSpec, kit: Kit, birth: Floats) -> Group:
    """One account for each seat, each in an org of its own; one whose birth is inf never acts."""
    rng, n = scene.rng, spec.accounts
    known = {"payment_hash": kit.cards[rng.integers(len(kit.cards), size=n)]} if len(kit.cards) else {}
    domains = kit.domains[rng.integers(len(kit.domains), size=n)]
    orgs = scene.cast.found(n, birth, plan=str(rng.choice(["payg", "pro"])), email_domain_hash=domains, **known)
    group = scene.cast.enrol(
        orgs,
        f"campaign:{spec.name}",
        campaign=spec.name,
        languages=spec.languages,
        switch_h=np.full(n, people.NEVER) if spec.pivot_h is None else people.within(spec.pivot_h, n, rng),
        model=np.ones(n, dtype=np.int64),
        failover=float(spec.failover),
    )
    if len(kit.agents):
        group.agents[:] = kit.agents[rng.integers(len(kit.agents), size=n)]
    if len(kit.hosts):
        group.addresses[:] = kit.hosts[rng.integers(len(kit.hosts), size=n)]
    return group


def plan(scene: Scene, spec: CampaignSpec, honest: Library, days: float) -> tuple[Ints, NDArray[np.bool_], Ints]:
    """Conversations: their lengths, which harvest, and which honest session each replays (-1: none).

    The share of harvesting *exchanges* is `dilution`, so the odds of a conversation are weighted by its length.
    """
    rng = scene.rng
    replaying = spec.cover == "replay" and len(honest.first) > 0
    cover = float(honest.length.mean()) if replaying else 1 / (1 - _COVER_DEPTH)
    odds = spec.dilution * cover / (spec.dilution * cover + (1 - spec.dilution) * spec.turns)
    n = max(round(spec.accounts * spec.per_day * days / (odds * spec.turns + (1 - odds) * cover)), 1)
    harvests = rng.random(n) < odds
    replays = np.where(harvests | (not replaying), -1, rng.integers(max(len(honest.first), 1), size=n))
    covers = honest.length[replays] if replaying else np.minimum(rng.geometric(1 - _COVER_DEPTH, size=n), 9)
    return np.where(harvests, rng.integers(1, 2 * spec.turns, size=n), covers), harvests, replays


def schedule(scene: Scene, spec: CampaignSpec, crew: Group, n: int, span: tuple[float, float]) -> tuple[Ints, Floats]:
    """The seat and start of each of n conversations."""
    rng, seats, (start, end) = scene.rng, spec.accounts, span
    balanced = np.concatenate([rng.permutation(seats) for _ in range(n // seats + 1)])[:n]
    if spec.timing == "circadian":
        time = arrivals.circadian(rng, crew.zone_h[balanced], int(np.ceil(end / DAY)), first_day=int(start // DAY))
        return balanced, time
    if spec.timing == "lockstep":
        return balanced, arrivals.lockstep(rng, n, start, end, _BURST_EVERY_S)
    time = arrivals.queue(rng, n, start, end)
    if spec.timing == "handover":
        shifts = min(6, seats)
        shift = np.minimum(((time - start) / (end - start) * shifts).astype(int), shifts - 1)
        members = (seats - shift + shifts - 1) // shifts
        return shift + shifts * (rng.random(n) * members).astype(int), time
    return balanced, time


def sampling(scene: Scene, spec: CampaignSpec) -> dict[str, float | int | bool]:
    """The parameters that all requests of the campaign carry."""
    limit = int(scene.rng.choice([2048, 4096, 8192]))
    return {
        "fixed": {"temperature": float(scene.rng.choice([0.0, 0.8, 1.0])), "top_p": 0.95, "max_tokens": limit},
        "default": {},
        "many": {"n": int(scene.rng.choice([4, 8])), "temperature": 1.0, "max_tokens": limit},
        "logprobs": {"logprobs": True, "temperature": 0.0, "max_tokens": 64},
    }[spec.sampling]


def addresses(scene: Scene, crew: Crew, seat: Ints, generation: Ints) -> Texts:
    """Each exchange's address: from the pool, or of the account."""
    if len(crew.pool):
        return crew.pool[scene.rng.integers(len(crew.pool), size=len(seat))]
    own = np.stack([g.addresses for g in crew.groups])
    return np.asarray(own[generation, seat, scene.rng.integers(3, size=len(seat))])


def compose(scene: Scene, spec: CampaignSpec, table: Rows, harvests: NDArray[np.bool_]) -> None:
    """Fill in the harvesting requests and the chat that covers them."""
    first = np.flatnonzero(harvests & (table["turn"] == 0))
    said, kind = harvest.mixed(
        spec.kinds,
        spec.languages,
        len(first),
        scene.rng,
        paraphrase=spec.paraphrase,
        templates=spec.templates,
        apart=spec.wording == "system",
    )
    table["system"][first], table["prompt"][first], table["answer"][first] = said
    table["purpose"][first] = np.array([f"harvest:{k}" for k in spec.kinds], dtype=object)[kind]
    later = np.flatnonzero(harvests & (table["turn"] > 0))
    table["prompt"][later] = scene.english("h_more", len(later))
    table["answer"][later] = scene.english("a_agentic", len(later))
    table["purpose"][later] = f"harvest:{spec.kinds[0]}"
    table["thinks"] = harvests & ((table["who"] % 2 == 0) | (spec.replay_reasoning > 0))
    for rule, at in (("chat", table["turn"] == 0), ("follow", table["turn"] > 0)):
        here = np.flatnonzero(~harvests & at)
        tongue = harvest.language_codes(spec.languages)[scene.rng.integers(len(spec.languages), size=len(here))]
        table["prompt"][here] = scene.typed(scene.say(rule, tongue), table["who"][here])
        table["answer"][here] = scene.say("answer", tongue)
        table["purpose"][here] = "cover"


def copy_sessions(table: Rows, honest: Library, replays: Ints) -> None:
    """Overwrite the covering exchanges with copies of honest sessions, text and parameters, word by word."""
    at = np.flatnonzero(replays >= 0)
    source = honest.first[replays[at]] + table["turn"][at]
    for name in ("prompt", "answer", "system", "conv", "temperature", "top_p", "max_tokens"):
        table[name][at] = honest.table[name][source]
    table["purpose"][at] = "replay"


def steal(scene: Scene, spec: CampaignSpec, table: Rows) -> None:
    """Let some requests carry the reasoning block that another account received."""
    if not spec.replay_reasoning:
        return
    opens = np.flatnonzero(table["thinks"] & (table["turn"] == 0))
    opens = opens[np.argsort(table["time"][opens])]
    for k in np.flatnonzero(scene.rng.random(len(opens)) < spec.replay_reasoning):
        donor = opens[scene.rng.integers(k)] if k else opens[0]
        if table["who"][donor] != table["who"][opens[k]]:
            table["stolen"][table["conv"] == table["conv"][opens[k]]] = table["conv"][donor]
