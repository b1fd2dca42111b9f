"""From exchanges as columns to a labelled world: EVENTS and the provider's side tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gauger.detect.simulate import campaigns, citizens, services
from gauger.detect.simulate.ledger import to_events
from gauger.detect.simulate.rows import Rows, concat, take
from gauger.detect.simulate.scene import Scene
from gauger.detect.simulate.spec import DAY, MODELS, NEW_MODEL, Crowd, WorldSpec
from gauger.detect.tables import TIMESTAMP

ORGS = pa.schema(
    [
        ("org", pa.string()),
        ("plan", pa.string()),
        ("verified", pa.int64()),
        ("authorised_use", pa.string()),
        ("created", TIMESTAMP),
        ("payment_hash", pa.string()),
        ("email_domain_hash", pa.string()),
    ]
)
BANS = pa.schema([("account", pa.string()), ("banned_at", TIMESTAMP)])
RELEASES = pa.schema([("model", pa.string()), ("released_at", TIMESTAMP)])
TRUTH = pa.schema(
    [(name, pa.string()) for name in ("account", "org", "kind")] + [("label", pa.int64()), ("campaign", pa.string())]
)
EXCHANGES = pa.schema(
    [
        ("event_id", pa.string()),
        ("conversation", pa.int64()),
        ("turn", pa.int64()),
        ("purpose", pa.string()),
        ("stolen", pa.int64()),
    ]
)
"""What only the simulator knows of each event: its conversation (a replay keeps its original's) and purpose
("ordinary", "harvest:<kind>", "cover", "replay"); `stolen`: conversation whose reasoning block it replays, or -1."""

_CROWD: dict[str, Callable[[Scene, int], None]] = {
    "chat": citizens.chat,
    "app": services.app,
    "framework": services.framework,
    "evaluator": services.evaluator,
    "classroom": citizens.classroom,
    "gateway": services.gateway,
    "coding_agent": citizens.coding_agent,
    "shared_key": citizens.shared_key,
    "hackathon": citizens.hackathon,
    "office": citizens.office,
    "contractor": services.contractor,
    "cron": services.cron,
    "viral": citizens.viral,
    "researcher": citizens.researcher,
    "enthusiast": citizens.enthusiast,
    "authorised_synth": services.authorised_synth,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A labelled world. `events` has the schema EVENTS, sorted by time; `exchanges` one row for each of them."""

    spec: WorldSpec
    events: pa.Table
    exchanges: pa.Table
    orgs: pa.Table
    bans: pa.Table
    releases: pa.Table
    truth: pa.Table


def simulate(spec: WorldSpec, rng: np.random.Generator) -> World:
    """Play a world. The same spec and the same state of `rng` give the same world, byte for byte."""
    scene = Scene(spec, rng)
    for field in fields(Crowd):
        if count := getattr(spec.crowd, field.name):
            _CROWD[field.name](scene, count)
    ban_strays(scene)
    honest = settle(scene, concat(scene.made))
    scene.made = [honest]
    if spec.campaigns:
        kinds = np.array([a["kind"] for a in scene.cast.accounts], dtype=object)
        sessions = campaigns.library(honest, kinds)
        for campaign in spec.campaigns:
            campaigns.run(scene, campaign, sessions)
    events, exchanges = to_events(scene, concat(scene.made))
    return World(
        spec=spec,
        events=events,
        exchanges=pa.table(exchanges, schema=EXCHANGES),
        **_side_tables(scene, events),
    )


def ban_strays(scene: Scene) -> None:
    """A few honest accounts are banned, for other abuse or by mistake."""
    hit = scene.rng.random(len(scene.cast.accounts)) < scene.spec.honest_bans
    for at in np.flatnonzero(hit):
        if scene.cast.accounts[at]["kind"] != "authorised-synth":
            scene.cast.accounts[at]["banned"] = float(scene.rng.uniform(0.2, 1) * scene.end)


def settle(scene: Scene, table: Rows) -> Rows:
    """Drop what cannot have happened: outside the world, before signup, after a ban; newcomers start slowly.

    A conversation ends at its first turn that is dropped.
    """
    table = take(table, np.lexsort((table["turn"], table["conv"])))
    accounts = scene.cast.accounts
    created = np.array([a["created"] for a in accounts])[table["who"]]
    banned = np.array([a["banned"] for a in accounts])[table["who"]]
    eager = np.array([a["kind"] in ("hackathon", "authorised-synth") for a in accounts])[table["who"]]
    luck = scene.rng.random(int(table["conv"].max(initial=0)) + 1)[table["conv"]]
    ramp = np.where(eager, 1.0, 0.25 + (table["time"] - created) / (6 * DAY))
    out = (table["time"] < np.maximum(created, 0)) | (table["time"] >= np.minimum(banned, scene.end)) | (luck > ramp)
    # Turns of a conversation are neighbours: count the drops since its first turn.
    drops = np.cumsum(out)
    first = np.flatnonzero(np.r_[True, np.diff(table["conv"]) != 0]) if len(out) else np.zeros(0, int)
    before = np.repeat(drops[first] - out[first], np.diff(np.r_[first, len(out)]))
    return take(table, drops - before == 0)


def _side_tables(scene: Scene, events: pa.Table) -> dict[str, pa.Table]:
    spec = scene.spec
    seen = set(pc.unique(events["account"]).to_pylist())
    born = [a for a in scene.cast.accounts if a["account"] in seen]
    alive = {a["org"] for a in born}
    orgs = [o | {"created": _moment(scene, o["created"])} for o in scene.cast.orgs if o["org"] in alive]
    bans = sorted((a for a in born if a["banned"] < scene.end), key=lambda a: a["banned"])
    released = {MODELS[0]: spec.start - timedelta(days=300), MODELS[1]: spec.start - timedelta(days=200)}
    if spec.release_day < spec.days:
        released[MODELS[NEW_MODEL]] = _moment(scene, spec.release_day * DAY)
    return {
        "orgs": pa.Table.from_pylist(orgs, schema=ORGS),
        "bans": pa.Table.from_pylist(
            [{"account": a["account"], "banned_at": _moment(scene, a["banned"])} for a in bans], schema=BANS
        ),
        "releases": pa.table({"model": list(released), "released_at": list(released.values())}, schema=RELEASES),
        "truth": pa.Table.from_pylist([{k: a[k] for k in TRUTH.names} for a in born], schema=TRUTH),
    }


def _moment(scene: Scene, seconds: float) -> Any:
    return scene.spec.start + timedelta(seconds=round(seconds, 3))
