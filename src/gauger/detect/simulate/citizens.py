"""Honest people: those who chat, and those whose circumstances make them look alike."""

from __future__ import annotations

import numpy as np

from gauger.detect.simulate import arrivals, people
from gauger.detect.simulate.grammar import Texts
from gauger.detect.simulate.people import Floats, Group, Ints
from gauger.detect.simulate.rows import rows, take
from gauger.detect.simulate.scene import Scene
from gauger.detect.simulate.spec import DAY

_COUPLES, _CARRIER, _VPN = 0.03, 0.08, 0.04  # shares of people who share a card, a carrier's address, a VPN's


def solo(
    scene: Scene, n: int, kind: str, created: Floats | None = None, languages: tuple[str, ...] | None = None
) -> Group:
    """n people, each with an org of one. Some share a card with a partner, or an address with strangers."""
    rng = scene.rng
    cards = people.hexes(rng, n)
    partner = np.flatnonzero(rng.random(n) < _COUPLES)
    cards[partner] = cards[partner - 1]
    orgs = scene.cast.found(n, scene.cast.past(n) if created is None else created, payment_hash=cards)
    group = scene.cast.enrol(orgs, kind, languages=languages)
    for share, exits in ((_CARRIER, people.homes(rng, n // 60 + 1)), (_VPN, people.clouds(rng, 8))):
        at = np.flatnonzero(rng.random(n) < share)
        group.addresses[at, 0] = exits[rng.integers(len(exits), size=len(at)), 0]
    return group


def chat(scene: Scene, n: int) -> None:
    """Small accounts: sessions of several turns, waking hours of their time zone, heavy-tailed volume."""
    group = solo(scene, n, "chat")
    scene.keep(scene.talk(group, scene.counts(n, 14)))


def office(scene: Scene, n: int) -> None:
    """Unrelated accounts of one company's staff behind one address, in office hours."""
    made = 0
    while made < n:
        size = min(int(scene.rng.integers(12, 60)), n - made)
        group = solo(scene, size, "office", languages=("en",))
        gate = people.clouds(scene.rng, 1)[0, 0]
        sessions = scene.counts(size, 14)
        start = arrivals.circadian(
            scene.rng, np.repeat(np.full(size, group.zone_h[0]), sessions), scene.spec.days, "office"
        )
        table = scene.talk(group, sessions, start=start, depth=0.3)
        work = scene.rng.random(len(table["who"])) < 0.6
        work &= table["turn"] == 0
        table["prompt"][work] = scene.english("office_ask", int(work.sum()))
        table["address"][:] = gate
        scene.keep(table)
        made += size


def viral(scene: Scene, n: int) -> None:
    """Chat users who try the role prompt that circulates this week: one wording, many strangers."""
    peak = scene.rng.uniform(0.2, 0.7) * scene.end
    curious = scene.rng.random(n) < 0.3  # whom it brought here
    group = solo(scene, n, "viral", np.where(curious, peak + scene.rng.normal(0, DAY, n), scene.cast.past(n)))
    table = scene.talk(group, scene.counts(n, 12))
    near = np.exp(-(((table["time"] - peak) / (2.5 * DAY)) ** 2))
    hit = np.flatnonzero((scene.rng.random(len(near)) < 0.5 * near) & (table["turn"] == 0))
    # A prompt that circulates is copied: its slots are frozen, only the request differs.
    wordings = scene.english("viral_open", 3, seed=np.array(["\x01"] * 3, dtype=object))
    seeds = scene.english("chat", len(hit))
    pick = scene.rng.integers(3, size=len(hit))
    for at, k, seed in zip(hit, pick, seeds, strict=True):
        table["prompt"][at] = wordings[k].replace("\x01", seed)
    scene.keep(table)


def researcher(scene: Scene, n: int) -> None:
    """People who ask for reasoning, grades or harder exercises now and then, for themselves."""
    group = solo(scene, n, "researcher")
    table = scene.talk(group, scene.counts(n, 22))
    asks = np.flatnonzero((scene.rng.random(len(table["who"])) < 0.15) & (table["turn"] == 0))
    table["prompt"][asks] = scene.english("mild", len(asks))
    # A few run the very requests that harvests are made of, as probes.
    probes = asks[scene.rng.random(len(asks)) < 0.2]
    for kind in ("reasoning", "grading", "evolution"):
        at = probes[scene.rng.integers(3, size=len(probes)) == 0]
        bind = {"seed": scene.english(f"seed_{kind}", len(at)), "reply": scene.english("answer_short", len(at))}
        table["prompt"][at] = scene.english(f"h_{kind}", len(at), **bind)
    scene.keep(table)


def enthusiast(scene: Scene, n: int) -> None:
    """New-model enthusiasts: all move to the new model within a day of its release, and try it at once."""
    orgs = scene.cast.found(n, scene.cast.past(n))
    group = scene.cast.enrol(orgs, "enthusiast", switch_h=people.within(24, n, scene.rng))
    scene.keep(scene.talk(group, scene.counts(n, 12)))
    if scene.spec.release_day >= scene.spec.days:
        return
    sessions = scene.counts(n, 8)
    release = scene.spec.release_day * DAY
    start = release + scene.rng.exponential(0.6 * DAY, int(sessions.sum()))
    scene.keep(scene.talk(group, sessions, start=start))


def classroom(scene: Scene, n: int) -> None:
    """Students on one campus network who get the same exercise at the same hour, signed up in one week."""
    made = 0
    while made < n:
        size = min(int(scene.rng.integers(15, 35)), n - made)
        begin = -scene.rng.uniform(5, 60) * DAY
        created = begin + scene.rng.uniform(0, 6 * DAY, size)
        domain = people.hexes(scene.rng, 1)[0]
        orgs = scene.cast.found(size, created, plan="edu", email_domain_hash=domain)
        group = scene.cast.enrol(orgs, "classroom", languages=("en",))
        lan = people.campus(scene.rng, size, nets=2)
        for lesson in range(max(scene.spec.days // 4, 1)):
            hour = (lesson * 4 + scene.rng.integers(0, 3)) * DAY + (14 - group.zone_h[0].round()) * 3600
            _lesson(scene, group, lan, float(hour))
        scene.keep(scene.talk(group, scene.counts(size, 3)))
        made += size


def _lesson(scene: Scene, group: Group, lan: Texts, hour: float) -> None:
    asks = np.maximum(scene.rng.poisson(2.5 * scene.spec.activity, len(group)), 1)
    who = np.repeat(np.arange(len(group)), asks)
    task = scene.english("exercise", 1)
    prompt = scene.english("student", len(who), seed=np.repeat(task, len(who)))
    scene.keep(
        rows(
            len(who),
            time=hour + scene.rng.uniform(0, 5400, len(who)),
            who=group.who[who],
            prompt=scene.typed(prompt, group.who[who]),
            answer=scene.english("answer", len(who)),
            address=lan[who, 0],
            user_agent=group.agents[who],
            conv=scene.conversations(len(who)),
        )
    )


def hackathon(scene: Scene, n: int) -> None:
    """Same-day signups at one venue, one starter prompt, high volume for two days."""
    day = int(scene.rng.integers(2, max(scene.spec.days - 3, 3)))
    created = day * DAY + scene.rng.uniform(6, 11, n) * 3600
    orgs = scene.cast.found(n, created, plan="free")
    group = scene.cast.enrol(orgs, "hackathon", languages=("en",), created=created)
    counts = scene.counts(n, 70, 0.6)
    who = np.repeat(np.arange(n), counts)
    site, adds = scene.english("site", 1), scene.english("does", 1)
    starters = scene.english("starter", 1, seed=np.array(["\x01"], dtype=object), site=site, does=adds)
    ask = scene.english("hack_ask", len(who))
    filled = starters[0].split("\x01")
    templated = scene.rng.random(len(who)) < 0.6
    prompt = np.array(
        [filled[0] + a + filled[1] if t else a for a, t in zip(ask, templated, strict=True)], dtype=object
    )
    time = created[who] + scene.rng.exponential(0.5 * DAY, len(who))
    venue = people.campus(scene.rng, 1)[0, 0]
    table = rows(
        len(who),
        time=time,
        who=group.who[who],
        prompt=prompt,
        answer=scene.english("a_coding", len(who)),
        address=venue,
        user_agent=group.agents[who],
        conv=scene.conversations(len(who)),
        temperature=0.7,
    )
    scene.keep(take(table, time < (day + 2.5) * DAY))


def coding_agent(scene: Scene, n: int) -> None:
    """Unrelated users of one public agent: the same long system prompt, the same first message, many turns."""
    made = 0
    scaffolds = scene.rng.permutation(3)
    for k, scaffold in enumerate(scaffolds):
        size = n - made if k == 2 else round(n * (0.5, 0.3)[k])
        if size > 0:
            _scaffold_users(scene, size, int(scaffold))
        made += size


def _scaffold_users(scene: Scene, n: int, scaffold: int) -> None:
    group = solo(scene, n, "coding-agent")
    table = scene.talk(group, scene.counts(n, 6, 0.7), depth=0.9, longest=30)
    size, first = len(table["who"]), table["turn"] == 0
    table["system"][:] = scene.english(f"agent_system.{scaffold}", 1)[0]
    issues = scene.english("issue", int(first.sum()))
    table["prompt"][first] = scene.english(f"agent_first.{scaffold}", int(first.sum()), issue=issues)
    table["prompt"][~first] = scene.english("agent_result", int((~first).sum()))
    table["answer"][:] = scene.english("agent_step", size)
    table["user_agent"][:] = f"{('patchling', 'termmate', 'sandkit')[scaffold]}/0.{scaffold + 4}.1"
    table["temperature"][:] = (0.0, np.nan, 0.2)[scaffold]
    table["tools"][:] = (-1, 5, 9)[scaffold]
    table["thinks"][:] = scaffold != 2
    scene.keep(table)


def shared_key(scene: Scene, n: int) -> None:
    """One key used by a whole team, from many addresses and clients."""
    group = solo(scene, n, "shared-key")
    table = scene.talk(group, scene.counts(n, 220, 0.4), depth=0.3)
    team: Ints = scene.rng.integers(12, size=len(table["who"])) + 12 * (table["who"] - group.who[0])
    table["address"] = people.homes(scene.rng, 12 * n)[team, 0]
    table["user_agent"] = people.clients(scene.rng, 12 * n)[team]
    scene.keep(table)
