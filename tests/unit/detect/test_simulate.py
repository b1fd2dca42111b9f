"""Simulated worlds: the same seed the same world, labels that agree, and knobs that do what they say."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import binomtest, chi2

from gauger.detect.simulate import KINDS, LANGUAGES, PRESETS, CampaignSpec, Crowd, World, WorldSpec, simulate
from gauger.detect.simulate.bulk import batches, plan_bulk
from gauger.detect.simulate.grammar import Grammar, load
from gauger.detect.simulate.harvest import requests
from gauger.detect.tables import EVENTS

RARE = 1e-9  # a test that fails by chance once in a billion
QUIET = Crowd(**dict.fromkeys(Crowd.__dataclass_fields__, 0) | {"chat": 60})
HOUR_US = 3_600_000_000
HONEST = {
    "chat",
    "app",
    "framework",
    "evaluator",
    "classroom",
    "gateway",
    "coding-agent",
    "shared-key",
    "hackathon",
    "office",
} | {
    "contractor",
    "cron",
    "viral",
    "researcher",
    "enthusiast",
    "authorised-synth",
}


@cache
def small() -> World:
    return simulate(PRESETS["small"], np.random.default_rng(5))


@cache
def played(**knobs: Any) -> World:
    """A quiet world with one campaign."""
    campaign = CampaignSpec(name="c", **{"accounts": 20, "per_day": 12.0} | knobs)
    return simulate(WorldSpec(crowd=QUIET, campaigns=(campaign,)), np.random.default_rng(7))


def full(world: World) -> pa.Table:
    """Events with what the simulator knows of them and of their accounts."""
    known = world.exchanges.drop_columns(["event_id"])
    table = world.events
    for name in known.column_names:
        table = table.append_column(name, known[name])
    member = pc.index_in(table["account"], world.truth["account"].combine_chunks())
    for name in ("kind", "label", "campaign"):
        table = table.append_column(name, world.truth[name].take(member))
    return table


def theirs(world: World) -> pa.Table:
    return full(world).filter(pc.field("label") == 1)


def hours(table: pa.Table) -> np.ndarray[Any, Any]:
    return table["time"].cast(pa.int64()).to_numpy() / HOUR_US


def test_one_seed_gives_one_world() -> None:
    again = simulate(PRESETS["small"], np.random.default_rng(5))
    for name in ("events", "exchanges", "orgs", "bans", "releases", "truth"):
        assert getattr(again, name).equals(getattr(small(), name)), name
    other = simulate(PRESETS["small"], np.random.default_rng(6))
    assert not other.events.equals(small().events)


def test_events_keep_the_schema_and_the_clock() -> None:
    events = small().events
    assert events.schema.equals(EVENTS)
    for name in ("account", "time", "end_time", "prompt", "thread", "model", "address", "user_agent", "line"):
        assert events[name].null_count == 0, name
    assert pc.count_distinct(events["event_id"]).as_py() == events.num_rows
    time = hours(events)
    start = small().spec.start.timestamp() / 3600
    assert (np.diff(time) >= 0).all()
    assert time[0] >= start
    assert time[-1] < start + 24 * small().spec.days
    assert pc.all(pc.greater(events["end_time"], events["time"])).as_py()


def test_labels_agree_with_the_events() -> None:
    world, table = small(), full(small())
    assert table["label"].null_count == 0
    assert set(world.truth["account"].to_pylist()) == set(world.events["account"].to_pylist())
    for row in world.truth.to_pylist():
        assert row["label"] == bool(row["campaign"]) == row["kind"].startswith("campaign:")
    purposes = defaultdict(set)
    for label, purpose in zip(table["label"].to_pylist(), table["purpose"].to_pylist(), strict=True):
        purposes[label].add(purpose.partition(":")[0])
    assert purposes == {0: {"ordinary"}, 1: {"harvest", "cover"}}
    assert {r["org"] for r in world.truth.to_pylist()} == set(world.orgs["org"].to_pylist())


def test_every_kind_of_honest_user_is_there_and_most_traffic_is_honest() -> None:
    counts = Counter(full(small())["kind"].to_pylist())
    honest = {k: n for k, n in counts.items() if not k.startswith("campaign:")}
    assert set(honest) == HONEST
    assert sum(honest.values()) > 0.6 * sum(counts.values())


def test_an_authorised_org_makes_synthetic_data_and_is_no_campaign() -> None:
    world = small()
    leave = {o["org"]: o for o in world.orgs.to_pylist() if o["authorised_use"]}
    kinds = {t["kind"] for t in world.truth.to_pylist() if t["org"] in leave}
    assert kinds == {"authorised-synth"}
    assert all(o["authorised_use"] == "synthetic-data" and o["verified"] for o in leave.values())


def test_nobody_acts_before_signup_or_after_a_ban() -> None:
    world = small()
    banned = dict(zip(world.bans["account"].to_pylist(), world.bans["banned_at"].to_pylist(), strict=True))
    created = dict(zip(world.orgs["org"].to_pylist(), world.orgs["created"].to_pylist(), strict=True))
    assert banned
    columns = zip(*(world.events[n].to_pylist() for n in ("account", "org", "time")), strict=True)
    for account, org, time in columns:
        assert time >= created[org]
        assert account not in banned or time <= banned[account]


def test_threads_run_on_as_contexts() -> None:
    rows = full(small()).select(["conversation", "turn", "thread", "context", "turns", "stolen"]).to_pylist()
    thread = {(r["conversation"], r["turn"]): r["thread"] for r in rows}
    later = [r for r in rows if r["turn"]]
    assert len(later) > 500
    for row in later:
        assert row["context"] == thread[row["conversation"], row["turn"] - 1]
        assert row["turns"] == row["turn"] + 1
    assert all(r["context"] is None for r in rows if not r["turn"] and r["stolen"] < 0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_content_hardly_repeats(language: str, kind: str) -> None:
    assert load(language).outcomes(f"seed_{kind}") >= 1e6
    _, prompts, answers = requests(kind, language, 400, np.random.default_rng(1), paraphrase=1.0)
    assert len(set(prompts)) >= 398
    assert not any("{seed}" in p or "\x01" in p or "\x02" in p for p in prompts)
    assert all(answers)


def test_a_grammar_refuses_what_it_cannot_fill() -> None:
    with pytest.raises(ValueError, match="no rule 'b'"):
        Grammar({"a": ["{b}"]})
    with pytest.raises(ValueError, match="expands into itself"):
        Grammar({"a": ["{b}"], "b": ["x {a}"]})
    assert Grammar({"a": ["{b} {b}", "100 %"], "b": ["x", "y"]}).outcomes("a") == 5


def test_a_grammar_gives_each_alternative_its_share() -> None:
    said = Counter(Grammar({"a": ["p {b}", "q", "{b} r"], "b": ["1", "2"]}).expand("a", 3000, np.random.default_rng(2)))
    assert set(said) == {"p 1", "p 2", "q", "1 r", "2 r"}
    assert binomtest(said["q"], 3000, 1 / 3).pvalue > RARE
    assert binomtest(said["1 r"], 3000, 1 / 6).pvalue > RARE


@pytest.mark.parametrize("dilution", [1.0, 0.5, 0.05])
def test_dilution_is_the_share_of_exchanges_that_harvest(dilution: float) -> None:
    table = theirs(played(dilution=dilution))
    harvests = pc.starts_with(table["purpose"], "harvest:").to_numpy(zero_copy_only=False)
    if dilution == 1.0:
        assert harvests.all()
        return
    # Conversations are independent, exchanges within one are not: a ratio estimator's error over conversations.
    _, at = np.unique(table["conversation"].to_numpy(), return_inverse=True)
    residual = np.bincount(at, weights=harvests - dilution)
    assert abs(residual.sum()) < 6 * np.sqrt((residual**2).sum())
    assert len(residual) > 500


def most_shared(table: pa.Table, purpose: str = "harvest:reasoning") -> float:
    """The share of the harvest that the commonest opening or ending of 24 characters covers."""
    prompts = table.filter(pc.field("purpose") == purpose)["prompt"].to_pylist()
    return max(Counter(p[s] for p in prompts).most_common(1)[0][1] for s in (slice(24), slice(-24, None))) / len(
        prompts
    )


def test_paraphrase_breaks_up_the_template() -> None:
    fixed, half, free = (most_shared(theirs(played(templates=1, paraphrase=p))) for p in (0.0, 0.5, 1.0))
    assert fixed == 1.0
    assert 0.35 < half < 0.75
    assert free < 0.1


def orgs_of(world: World) -> list[dict[str, Any]]:
    members = {t["org"] for t in world.truth.to_pylist() if t["label"]}
    return [o for o in world.orgs.to_pylist() if o["org"] in members]


def test_cards_and_signups() -> None:
    shared, own = orgs_of(played()), orgs_of(played(cards="own", signup="spread"))
    assert len({o["payment_hash"] for o in shared}) <= 2
    assert len({o["payment_hash"] for o in own}) == len(own)
    ages = [sorted(o["created"].timestamp() / 86400 for o in orgs) for orgs in (shared, own)]
    assert ages[0][-1] - ages[0][0] <= 1.5
    assert ages[1][-1] - ages[1][0] > 60


@pytest.mark.parametrize(("knob", "nets"), [("own", None), ("datacentre", 2), ("residential", None)])
def test_addresses(knob: str, nets: int | None) -> None:
    table = theirs(played(addresses=knob))
    users = defaultdict(set)
    for account, address in zip(table["account"].to_pylist(), table["address"].to_pylist(), strict=True):
        users[address].add(account)
    shared = sum(len(u) > 1 for u in users.values()) / len(users)
    if knob == "own":
        assert shared == 0
    if knob == "residential":
        assert shared == 1
        assert len(users) <= 3 * (20 // 3)
    if nets:
        assert len({a.rpartition(".")[0] for a in users}) <= nets


@pytest.mark.parametrize(("knob", "low", "high"), [("one", 1, 1), ("few", 2, 3), ("own", 8, 20)])
def test_agents(knob: str, low: int, high: int) -> None:
    assert low <= pc.count_distinct(theirs(played(agents=knob))["user_agent"]).as_py() <= high


def test_sampling() -> None:
    assert set(theirs(played(sampling="default"))["params"].to_pylist()) == {"{}"}
    assert pc.min(theirs(played(sampling="many"))["n"]).as_py() >= 4
    assert pc.all(theirs(played(sampling="logprobs"))["logprobs"]).as_py()
    assert pc.count_distinct(theirs(played(sampling="fixed"))["params"]).as_py() == 1


@pytest.mark.parametrize("timing", ["queue", "circadian"])
def test_a_queue_is_smoother_than_chance_and_circadian_is_not_flat(timing: str) -> None:
    world = played(timing=timing, languages=("zh",))  # one time zone
    hourly = np.bincount((hours(theirs(world)) - world.spec.start.timestamp() / 3600 - 24).astype(int), minlength=312)
    index = ((hourly - hourly.mean()) ** 2 / hourly.mean()).sum()  # chi-square with n - 1 if by chance
    tail = chi2.cdf(index, len(hourly) - 1) if timing == "queue" else chi2.sf(index, len(hourly) - 1)
    assert tail < RARE


def test_lockstep_comes_in_bursts() -> None:
    into = (hours(theirs(played(timing="lockstep"))) * 3600) % (4 * 3600)
    assert (into < 1200).mean() > 0.99


def test_handover_passes_from_shift_to_shift() -> None:
    table = theirs(played(timing="handover"))
    spans = defaultdict(list)
    for account, hour in zip(table["account"].to_pylist(), hours(table), strict=True):
        spans[account].append(hour)
    longest = max(max(h) - min(h) for h in spans.values())
    assert len(spans) == 20
    assert longest < 13 * 24 / 6 + 1


def test_bans_bear_replacements() -> None:
    world = played(ban_share=0.5)
    banned = {b["account"]: b["banned_at"] for b in world.bans.to_pylist()}
    created = {o["org"]: o["created"] for o in world.orgs.to_pylist()}
    start = world.spec.start
    members = [t for t in world.truth.to_pylist() if t["label"]]
    born = sorted(created[t["org"]] for t in members if created[t["org"]] > start)
    lost = [banned[t["account"]] for t in members if t["account"] in banned]
    assert len(lost) >= 5
    assert born
    assert all(any(0 < (b - x).total_seconds() < 8 * 3600 for x in lost) for b in born)
    without = played(ban_share=0.5, replace=False)
    assert sum(without.truth["label"].to_pylist()) == 20


def test_a_pivot_moves_all_within_hours_of_the_release() -> None:
    def share_of_new(world: World) -> float:
        released = world.releases["released_at"].to_pylist()[-1].timestamp() / 3600
        table = theirs(world).filter(pa.array(hours(theirs(world)) > released + 4))
        return float(np.mean([m == "heron-2" for m in table["model"].to_pylist()]))

    assert share_of_new(played(pivot_h=4)) == 1.0
    assert share_of_new(played()) == 0.0


def test_failover_leaves_the_model_that_is_down() -> None:
    for failover in (True, False):
        world = played(failover=failover, per_day=60)
        since = hours(theirs(world)) - world.spec.start.timestamp() / 3600 - 24 * world.spec.outage_day
        within = theirs(world).filter(pa.array((since > 0) & (since < 2)))
        assert within.num_rows > 50
        assert set(within["model"].to_pylist()) == {"heron-1-mini" if failover else "heron-1"}
        failures = within["status"].to_pylist().count("failure")
        assert failures == 0 if failover else failures > 25
        assert all(
            (a is None) == (s == "failure")
            for a, s in zip(*(within[n].to_pylist() for n in ("answer", "status")), strict=True)
        )


@pytest.mark.parametrize("hop", [0.0, 0.5])
def test_hops_hand_a_conversation_to_another_account(hop: float) -> None:
    table = theirs(played(kinds=("agentic",), turns=3, hop=hop))
    turns = sorted(
        zip(*(table[n].to_pylist() for n in ("conversation", "turn", "account", "context", "thread")), strict=True)
    )
    steps = [(a, b) for a, b in pairwise(turns) if a[0] == b[0]]
    assert len(steps) > 500
    assert all(b[3] == a[4] for a, b in steps)
    handed = sum(a[2] != b[2] for a, b in steps)
    assert handed == 0 if hop == 0 else handed > len(steps) / 4


def test_replays_are_exact_copies_of_honest_sessions() -> None:
    world = played(cover="replay", dilution=0.3)
    rows = full(world).to_pylist()
    fields = ("prompt", "answer", "system", "thread", "context", "turns", "params")
    originals = {(r["conversation"], r["turn"]): r for r in rows if r["label"] == 0}
    replays = [r for r in rows if r["purpose"] == "replay"]
    assert len(replays) > 500
    for replay in replays:
        original = originals[replay["conversation"], replay["turn"]]
        assert original["kind"] == "chat"
        assert [replay[f] for f in fields if f != "answer"] == [original[f] for f in fields if f != "answer"]
        assert original["status"] == "failure" or replay["answer"] == original["answer"]


def test_replayed_reasoning_was_received_by_another_account() -> None:
    rows = theirs(played(replay_reasoning=0.3)).sort_by("time").to_pylist()
    owner = {block: r["account"] for r in rows for block in r["reasoning_out"] or ()}
    stolen = [r for r in rows if r["reasoning_in"]]
    assert len(stolen) > 300
    assert all(owner[r["reasoning_in"][0]] != r["account"] for r in stolen)
    assert not any(r["reasoning_in"] for r in theirs(played()).to_pylist())


def test_a_soloist_and_two_requests_a_day() -> None:
    assert sum(played(accounts=1, per_day=200).truth["label"].to_pylist()) == 1
    slow = theirs(played(accounts=60, per_day=2, timing="circadian"))
    assert slow.num_rows / 60 / 13 == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    "knobs", [{"kinds": ("sorcery",)}, {"dilution": 1.5}, {"accounts": 0}, {"languages": ()}, {"per_day": 0}]
)
def test_a_campaign_refuses_knobs_that_mean_nothing(knobs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="campaign 'c'"):
        CampaignSpec(name="c", **knobs)


def test_presets() -> None:
    assert set(PRESETS) == {"small", "demo", "standard", "adaptive", "benign"}
    assert PRESETS["benign"].campaigns == ()
    assert 15_000 < small().events.num_rows < 30_000
    quiet = replace(PRESETS["benign"], crowd=QUIET)
    assert sum(simulate(quiet, np.random.default_rng(1)).truth["label"].to_pylist()) == 0


def test_circulating_texts_join_strangers() -> None:
    """The hard negatives: what a naive detector would take for a campaign."""
    table = full(small())
    for kind, column in (("evaluator", "prompt"), ("coding-agent", "system"), ("office", "address")):
        part = table.filter(pc.field("kind") == kind)
        holders = defaultdict(set)
        for text, org in zip(part[column].to_pylist(), part["org"].to_pylist(), strict=True):
            holders[text].add(org)
        assert max(map(len, holders.values())) >= 2, kind
    cron = table.filter(pc.field("kind") == "cron")
    assert ((hours(cron) * 3600) % 3600 < 5).all()


def test_bulk_worlds_come_in_parts() -> None:
    rng = np.random.default_rng(3)
    plan = plan_bulk(5_000, 24_000, rng)
    parts = list(batches(plan, 2_000, rng))
    assert [p.num_rows for p in parts] == [2_000, 2_000, 1_000]
    assert all(p.schema.equals(EVENTS) for p in parts)
    whole = pa.concat_tables(parts)
    assert (np.diff(hours(whole)) >= 0).all()
    assert pc.count_distinct(whole["event_id"]).as_py() == 5_000
    sizes = Counter(c for c in plan.truth["campaign"].to_pylist() if c)
    assert sorted(sizes.values()) == [50, 90, 150, 220, 300]
    assert set(whole["account"].to_pylist()) <= set(plan.truth["account"].to_pylist())
    mean = pc.mean(pc.add(pc.binary_length(whole["prompt"]), pc.binary_length(whole["answer"]))).as_py()
    assert 800 < mean < 1300
    with pytest.raises(ValueError, match="at least"):
        plan_bulk(10, 3, rng)


def test_the_instruction_may_stand_in_the_system_prompt() -> None:
    system, prompts, _ = requests("reasoning", "en", 50, np.random.default_rng(3), templates=2, apart=True)
    plain, whole, _ = requests("reasoning", "en", 50, np.random.default_rng(3), templates=2)
    assert len(set(system)) == 2
    assert set(plain) == {None}
    # The same seeds: what the one splits the other holds in one text.
    assert all(p.split("\n\n")[0] in w and len(w) > len(p) for p, w in zip(prompts, whole, strict=True))
    world = played(wording="system")
    guilty = full(world).filter(pc.equal(pc.field("campaign"), "c"))
    assert 1 <= pc.count_distinct(guilty["system"]).as_py() <= 2
