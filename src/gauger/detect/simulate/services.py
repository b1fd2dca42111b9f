"""Honest machines and businesses: volume, templates, fixed parameters and clockwork with nothing behind it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gauger.detect.simulate import arrivals, people
from gauger.detect.simulate.grammar import load, texts
from gauger.detect.simulate.people import NEVER, Floats, Group, Ints
from gauger.detect.simulate.rows import rows
from gauger.detect.simulate.scene import Scene
from gauger.detect.simulate.spec import DAY

_CLASSIFY = 1  # among the alternatives of `app_prompt`
_DEFAULTS = 4  # prompts of the framework that is in fashion
_BENCHMARKS = ("choice", "math", "code")


def firm(scene: Scene, accounts: int, kind: str, plan: str = "payg", **known: Any) -> Group:
    """One org with several accounts on its servers: one network, one client; most stay with their model."""
    created = scene.cast.past(1, newcomers=0.0)
    org = scene.cast.found(1, created, plan=plan, verified=int(scene.rng.random() < 0.5), **known)
    switch = np.full(accounts, NEVER if scene.rng.random() < 0.7 else scene.rng.uniform(48, 400))
    group = scene.cast.enrol(np.repeat(org, accounts), kind, languages=("en",), switch_h=switch)
    group.addresses[:] = people.clouds(scene.rng, accounts, nets=1)
    group.agents[:] = people.SDKS[scene.rng.integers(len(people.SDKS))]
    return group


def _post(scene: Scene, group: Group, at: Ints, time: Floats, **said: Any) -> None:
    """Keep single-turn exchanges; `at` is a position in the group."""
    known = {"address": group.addresses[at, at % 3], "user_agent": group.agents[at]} | said
    convs = scene.conversations(len(at))
    scene.keep(rows(len(at), time=time, who=group.who[at], conv=convs, **known))


def app(scene: Scene, n: int) -> None:
    """Production apps: an org's own system prompt or instructions, its own task, several accounts, steady traffic."""
    made = 0
    while made < n:
        size = min(int(scene.rng.integers(1, 7)), n - made)
        _app(scene, size)
        made += size


def _app(scene: Scene, size: int) -> None:
    rng = scene.rng
    group = firm(scene, size, "app", plan=str(rng.choice(["payg", "pro", "enterprise"])))
    task = int(rng.integers(load("en").alternatives("app_prompt")))
    brand = scene.english("brand", 1)
    house = scene.english("house_rules", 1, brand=brand)[0]
    system = f"{scene.english(f'app_system.{task}', 1, brand=brand)[0]} {house}"
    counts = scene.counts(size, 420, 0.8)
    at = np.repeat(np.arange(size), counts)
    total = len(at)
    profile = rng.choice(3, p=[0.5, 0.3, 0.2])
    if profile == 0:  # its own customers' waking hours
        time = arrivals.circadian(rng, np.full(total, group.zone_h[0]), scene.spec.days)
    elif profile == 1:  # flat round the clock
        time = arrivals.flat(rng, total, 0, scene.end)
    else:  # a nightly batch
        time = rng.integers(scene.spec.days, size=total) * DAY + rng.uniform(1, 2.5, total) * 3600
    prompt = scene.english(f"app_prompt.{task}", total, seed=scene.english("chat", total))
    inline = rng.random() < 0.4
    if inline:
        prompt = texts([f"{system}\n\n{p}" for p in prompt])
    sampling: dict[str, float] = {
        "temperature": float(rng.choice([0.0, 0.2, 0.7])),
        "max_tokens": int(rng.choice([64, 256, 512, 1024])),
    }
    if task == _CLASSIFY and rng.random() < 0.3:
        sampling |= {"logprobs": True}
    _post(
        scene, group, at, time, prompt=prompt, answer=scene.english(f"a_app.{task}", total),
        system=None if inline else system, **sampling,
    )  # fmt: skip


def framework(scene: Scene, n: int) -> None:
    """Unrelated firms on one public framework: its default prompts, word by word, and partly the same public texts."""
    rng = scene.rng
    mark = {"seed": texts(["\x01"] * _DEFAULTS), "reply": texts(["\x02"] * _DEFAULTS)}
    wordings = scene.english("framework", _DEFAULTS, **mark)
    public = scene.english("chat", 400), scene.english("passage", 400)
    agent = people.SDKS[rng.integers(len(people.SDKS))]
    for _ in range(n):
        group = firm(scene, 1, "framework", plan=str(rng.choice(["payg", "pro", "enterprise"])))
        if rng.random() < 0.5:
            group.agents[:] = agent
        total = int(scene.counts(1, 220, 0.9)[0])
        flat = rng.random() < 0.5
        time = (
            arrivals.flat(rng, total, 0, scene.end)
            if flat
            else arrivals.circadian(rng, np.full(total, group.zone_h[0]), scene.spec.days)
        )
        mine = rng.permutation(_DEFAULTS)[: 2 if rng.random() < 0.25 else 1]
        shared = rng.random(total) < rng.choice([0.0, 0.3, 0.8])
        seed, reply = scene.english("chat", total), scene.english("passage", total)
        pick = rng.integers(400, size=total)
        seed[shared], reply[shared] = public[0][pick][shared], public[1][pick][shared]
        wording = wordings[mine[rng.integers(len(mine), size=total)]]
        prompt = texts([w.replace("\x01", s).replace("\x02", r) for w, s, r in zip(wording, seed, reply, strict=True)])
        answer = scene.english("answer_short", total)
        _post(scene, group, np.zeros(total, dtype=np.int64), time, prompt=prompt, answer=answer, temperature=0.0)


def evaluator(scene: Scene, n: int) -> None:
    """Unrelated orgs that run the same public benchmarks: the same items and wording, temperature 0, in a burst."""
    size = max(int(260 * scene.spec.activity), 20)
    benchmarks = [scene.english(f"bench_{name}", size) for name in _BENCHMARKS]
    for k in range(n):
        group = firm(scene, 1, "evaluator")
        for run in range(int(scene.rng.integers(1, 4))):
            items = benchmarks[(k + run) % 3]
            part = scene.rng.permutation(len(items))[: int(len(items) * scene.rng.choice([1.0, 1.0, 0.3]))]
            start = scene.rng.uniform(0, scene.end - 4 * 3600)
            time = start + np.cumsum(scene.rng.exponential(3.0, len(part)))
            answer = scene.english(f"a_bench_{_BENCHMARKS[(k + run) % 3]}", len(part))
            zeros = np.zeros(len(part), dtype=np.int64)
            how = {"n": 5, "temperature": 0.8} if scene.rng.random() < 0.15 else {"temperature": 0.0}  # pass at k or 1
            _post(scene, group, zeros, time, prompt=items[part], answer=answer, max_tokens=512, **how)


def gateway(scene: Scene, n: int) -> None:
    """Resellers: many end users of all languages behind one account."""
    for _ in range(n):
        group = firm(scene, 1, "gateway", plan="enterprise")
        guests = people.Group(
            who=np.repeat(group.who, 150),
            language=scene.rng.choice(6, size=150, p=[0.5, 0.2, 0.06, 0.08, 0.1, 0.06]),
            zone_h=scene.rng.choice([-6.0, 0.0, 1.0, 8.0], size=150),
            addresses=np.repeat(group.addresses, 150, axis=0),
            agents=np.repeat(texts(["relay-gateway/2.3"]), 150),
            created=np.repeat(group.created, 150),
        )
        sessions = scene.counts(150, 9)
        table = scene.talk(guests, sessions)
        names = people.hexes(scene.rng, 150, 8)
        owner = names[np.repeat(np.arange(150), sessions)]
        table["end_user"] = owner[table["conv"] - table["conv"].min()]
        scene.keep(table)


def contractor(scene: Scene, n: int) -> None:
    """Translators and labellers: one org, own template, office hours, people who take turns."""
    made = 0
    while made < n:
        size = min(int(scene.rng.integers(3, 12)), n - made)
        group = firm(scene, size, "contractor")
        group.addresses[:] = people.homes(scene.rng, size)
        job = int(scene.rng.integers(load("en").alternatives("label_job")))
        rules = scene.english("house_rules", 1, brand=scene.english("brand", 1))[0]
        at = np.repeat(np.arange(size), scene.counts(size, 150, 0.5))
        time = arrivals.circadian(scene.rng, np.full(len(at), group.zone_h[0]), scene.spec.days, "office")
        prompt = texts([f"{rules}\n{p}" for p in scene.english(f"label_job.{job}", len(at))])
        answer = scene.english("answer_short", len(at))
        _post(scene, group, at, time, prompt=prompt, answer=answer, temperature=0.3)
        made += size


def cron(scene: Scene, n: int) -> None:
    """Clockwork of unrelated owners: all fire on the full hour, each with its own small job."""
    for _ in range(n):
        group = firm(scene, 1, "cron")
        job = int(scene.rng.integers(load("en").alternatives("cron_job")))
        every = int(scene.rng.choice([1, 2, 3, 6, 12]) / min(scene.spec.activity, 1.0))
        time = np.arange(int(scene.rng.integers(3)) * 3600.0, scene.end, every * 3600.0)
        time = time + scene.rng.uniform(0, 4, len(time))
        brand = scene.english("brand", 1)[0]
        prompt = texts([f"[{brand}] {p}" for p in scene.english(f"cron_job.{job}", len(time))])
        zeros = np.zeros(len(time), dtype=np.int64)
        _post(
            scene, group, zeros, time, prompt=prompt, answer=scene.english("answer_short", len(time)), temperature=0.0
        )


def authorised_synth(scene: Scene, n: int) -> None:
    """A customer with leave to make synthetic data: templates, coverage and volume, all as agreed."""
    left = n
    while left > 0:
        size = min(left, 9)
        group = firm(scene, size, "authorised-synth", plan="enterprise", authorised_use="synthetic-data")
        scene.cast.orgs[-1]["verified"] = 1
        at = np.repeat(np.arange(size), scene.counts(size, 700, 0.3))
        time = arrivals.queue(scene.rng, len(at), 0.5 * DAY, scene.end)
        kind = str(scene.rng.choice(["evolution", "knowledge", "math"]))
        mark = texts(["\x01"])
        wording = scene.english(f"h_{kind}", 1, seed=mark, reply=mark)[0]
        seeds = scene.english(f"seed_{kind}", len(at))
        prompt = texts([wording.replace("\x01", s) for s in seeds])
        at = scene.rng.permutation(at)
        _post(
            scene,
            group,
            at,
            time,
            prompt=prompt,
            answer=scene.english(f"a_{kind}", len(at)),
            temperature=1.0,
            max_tokens=2048,
        )
        left -= size
