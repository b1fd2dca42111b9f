"""Worlds by the million for the scale benchmark: texts joined from pools by Arrow, one part at a time.

Plainer than `simulate`: single turns only, so that a part costs a few Arrow calls. Its people still keep their own
hours, days and language: a crowd that never sleeps would be outside every null of honest traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gauger.detect.simulate import people
from gauger.detect.simulate.arrivals import WAKING
from gauger.detect.simulate.grammar import LANGUAGES, Texts, load, texts
from gauger.detect.simulate.people import SDKS, Ints
from gauger.detect.simulate.spec import DAY, KINDS, MODELS
from gauger.detect.simulate.world import TRUTH
from gauger.detect.tables import EVENTS, TIMESTAMP

_START_US = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1_000_000)
_DAYS = 14
_POOL = 30_000
_CAMPAIGNS = (300, 220, 150, 90, 50)  # accounts
_PER_ACCOUNT = 0.4  # of the mean volume
_HARVEST = 0.7
_RUN = 3  # words
_PROMPT_RUNS = 18
_ANSWERS = 5.0
_NOTHING = pa.scalar("", pa.large_string())


@dataclass(frozen=True, slots=True)
class Pool:
    """Pieces of text; those of language k are `pieces[cuts[k]:cuts[k + 1]]`."""

    pieces: pa.Array
    cuts: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What holds for all parts.

    Attributes:
        truth: as a world's truth table. share: (accounts,) probability that an exchange is this account's.
        awake: (days, 24, accounts) by what its share is multiplied in each hour of the world, float32.
        campaign: (accounts,) index of the campaign, -1 for honest accounts.
        language: (accounts,) index into the pools of text.
        phrases, answers: what texts are made of.
        pools: `head` and `tail` of the templates (first "" for none); `address` and `agent`, one an account.
    """

    exchanges: int
    truth: pa.Table
    share: NDArray[np.float64]
    awake: NDArray[np.float32]
    campaign: Ints
    language: Ints
    phrases: Pool
    answers: Pool
    pools: dict[str, pa.Array]


def plan_bulk(exchanges: int, accounts: int, rng: np.random.Generator) -> BulkPlan:
    """Lay out accounts, five campaigns of 50 to 300 accounts (fewer in a small world) and the pools of text."""
    sizes = [max(round(s * min(1.0, accounts / 5000)), 2) for s in _CAMPAIGNS]
    if accounts < 2 * sum(sizes):
        raise ValueError(f"a bulk world needs at least {2 * sum(sizes)} accounts, not {accounts}")
    campaign = np.full(accounts, -1)
    campaign[rng.permutation(accounts)[: sum(sizes)]] = np.repeat(np.arange(len(sizes)), sizes)
    volume = rng.lognormal(0, 1.5, accounts)
    volume = np.where(campaign >= 0, _PER_ACCOUNT * volume.mean() * rng.uniform(0.7, 1.3, accounts), volume)
    names = people.hexes(rng, accounts)
    labels = ["" if c < 0 else f"bulk-{c}" for c in campaign]
    truth = pa.table(
        {
            "account": [f"acct_{x}" for x in names],
            "org": [f"org_{x}" for x in names],
            "kind": [f"campaign:{c}" if c else "chat" for c in labels],
            "label": (campaign >= 0).astype(int),
            "campaign": labels,
        },
        schema=TRUTH,
    )
    spoken = [x for x in LANGUAGES if x != "zh"]  # which has no spaces to cut at
    tongues = [load(x) for x in spoken]
    language, zone_h = people.tongues(rng, accounts, spoken)
    each = _POOL // len(tongues)
    return BulkPlan(
        exchanges=exchanges,
        truth=truth,
        share=volume / volume.sum(),
        awake=_awake(campaign, zone_h, rng),
        campaign=campaign,
        language=np.array([spoken.index(LANGUAGES[k]) for k in language]),
        phrases=_pool([_phrases(t.expand("chat", each, rng)) for t in tongues]),
        answers=_pool([t.expand("answer", each, rng).tolist() for t in tongues]),
        pools=_pools(campaign, len(sizes), rng),
    )


def _awake(campaign: Ints, zone_h: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """People sleep, and have days without a request; a harvest runs through."""
    local = (np.arange(24)[:, None] + zone_h).astype(int) % 24
    there = rng.random((_DAYS, len(campaign))) < rng.beta(2, 3, len(campaign))
    there[rng.integers(_DAYS, size=len(campaign)), np.arange(len(campaign))] = True  # nobody is never there
    awake = WAKING[local].astype(np.float32) * there[:, None, :]
    awake /= awake.mean(axis=(0, 1))
    awake[:, :, campaign >= 0] = 1.0
    return np.asarray(awake, dtype=np.float32)


def _pools(campaign: Ints, campaigns: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    shared = [people.clouds(rng, 20, nets=2).ravel() for _ in range(campaigns)]
    address = [
        homes[0] if c < 0 else shared[c][i % len(shared[c])]
        for i, (c, homes) in enumerate(zip(campaign, people.homes(rng, len(campaign)), strict=True))
    ]
    agents = np.where(campaign >= 0, np.array(SDKS, dtype=object)[campaign], people.clients(rng, len(campaign)))
    mark = {"seed": texts(["\x01"]), "reply": texts(["\x01"])}
    wordings = [load("en").expand(f"h_{KINDS[c % 6]}", 1, rng, mark)[0].split("\x01") for c in range(campaigns)]
    return {
        "head": _text(["", *(w[0] for w in wordings)]),
        "tail": _text(["", *("\n".join(w[1:]) for w in wordings)]),
        "address": pa.array(address, pa.string()),
        "agent": pa.array(agents, pa.string()),
    }


def _text(values: Any) -> pa.Array:
    return pa.array(values, pa.large_string())


def batches(plan: BulkPlan, part_rows: int, rng: np.random.Generator) -> Iterator[pa.Table]:
    """EVENTS in the order of time, `part_rows` a table."""
    span = _DAYS * DAY * 1e6 / plan.exchanges
    for first in range(0, plan.exchanges, part_rows):
        n = min(part_rows, plan.exchanges - first)
        time = _START_US + ((first + np.arange(n) + rng.random(n)) * span).astype(np.int64)
        yield _part(plan, first, time, rng)


def _part(plan: BulkPlan, first: int, time: Ints, rng: np.random.Generator) -> pa.Table:
    n, pools = len(time), plan.pools
    who = _senders(plan, time, rng)
    harvests = np.where(rng.random(n) < _HARVEST, plan.campaign[who], -1) + 1
    template = pa.array(harvests)
    # A campaign's seeds are in any language.
    tongue = np.where(plan.campaign[who] < 0, plan.language[who], rng.integers(len(plan.phrases.cuts) - 1, size=n))
    body = _jumble(plan.phrases, tongue, _PROMPT_RUNS, rng)
    prompt = pc.binary_join_element_wise(pools["head"].take(template), body, pools["tail"].take(template), _NOTHING)
    answer = _jumble(plan.answers, tongue, _ANSWERS, rng)
    read, written = (pc.add(pc.divide(pc.binary_length(x), 4), 1).cast(pa.int64()) for x in (prompt, answer))
    stamp = pa.array(time).cast(pa.timestamp("us")).cast(TIMESTAMP)
    end = pa.array(time + rng.integers(400_000, 9_000_000, n)).cast(pa.timestamp("us")).cast(TIMESTAMP)
    owner = pa.array(who)
    accounts, orgs = (plan.truth[name].combine_chunks() for name in ("account", "org"))
    columns: dict[str, pa.Array] = {
        "event_id": pc.binary_join_element_wise("req-", pa.array(np.arange(first, first + n)).cast(pa.string()), ""),
        "source": pa.repeat("bulk", n),
        "line": pa.array(np.arange(first + 1, first + n + 1)),
        "time": stamp,
        "end_time": end,
        "account": accounts.take(owner),
        "org": orgs.take(owner),
        "model": pa.array(MODELS).take(pa.array(who % 2)),
        "status": pa.repeat("success", n),
        "address": pools["address"].take(owner),
        "user_agent": pools["agent"].take(owner),
        "input_tokens": read,
        "output_tokens": written,
        "cost_usd": pc.add(pc.multiply(read, 2.5e-6), pc.multiply(written, 1e-5)),
        "temperature": pa.array(np.where(who % 4, 1.0, 0.0)),
        "params": pa.array(['{"temperature":0.0}', '{"temperature":1.0}']).take(pa.array((who % 4 > 0).astype(int))),
        "turns": pa.array(np.ones(n, dtype=np.int64)),
        "thread": pa.array(rng.integers(2**64 - 1, size=n, dtype=np.uint64)),
        "prompt": prompt,
        "answer": answer,
    }
    absent = {f.name: pa.nulls(n, f.type) for f in EVENTS if f.name not in columns}
    return pa.table([(columns | absent)[f.name].cast(f.type) for f in EVENTS], schema=EVENTS)


def _senders(plan: BulkPlan, time: Ints, rng: np.random.Generator) -> Ints:
    """Whose each exchange is; `time` rises."""
    hours, first = np.unique((time - _START_US) // 3_600_000_000, return_index=True)
    who = np.empty(len(time), dtype=np.int64)
    for hour, low, high in zip(hours.tolist(), first, [*first[1:], len(time)], strict=True):
        share = plan.share * plan.awake[min(hour // 24, _DAYS - 1), hour % 24]
        who[low:high] = rng.choice(len(share), size=high - low, p=share / share.sum())
    return who


def _jumble(pool: Pool, tongue: Ints, mean: float, rng: np.random.Generator) -> pa.Array:
    """Texts of heavy-tailed length out of pieces of the pool, each in its language."""
    pieces = np.clip(rng.lognormal(np.log(mean) - 0.125, 0.5, len(tongue)), 2, 12 * mean).astype(np.int64)
    offsets = pa.array(np.concatenate([[0], np.cumsum(pieces)]))
    low, width = (np.repeat(x[tongue], pieces) for x in (pool.cuts[:-1], np.diff(pool.cuts)))
    pick = low + (rng.random(len(low), dtype=np.float32) * width).astype(np.int32)
    drawn = pool.pieces.take(pa.array(pick))
    return pc.binary_join(pa.LargeListArray.from_arrays(offsets, drawn), pa.scalar(" ", pa.large_string()))


def _pool(by_language: list[list[str]]) -> Pool:
    cuts = np.cumsum([0] + [len(x) for x in by_language], dtype=np.int32)
    return Pool(pa.array([x for xs in by_language for x in xs], pa.large_string()), cuts)


def _phrases(sentences: Texts) -> list[str]:
    """The sentences' distinct runs of three words: short, so that strangers' texts share no more than a run."""
    words = [s.split() for s in sentences]
    return list(dict.fromkeys(" ".join(w[i : i + _RUN]) for w in words for i in range(0, len(w), _RUN)))
