"""The provider's log of a world: models, failures, tokens, cost and digests, as a table of EVENTS."""

from __future__ import annotations

import json
import math
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gauger.detect.simulate import people
from gauger.detect.simulate.people import Floats, Ints
from gauger.detect.simulate.rows import Rows, take
from gauger.detect.simulate.scene import Scene
from gauger.detect.simulate.spec import DAY, MODELS, NEW_MODEL, OUTAGE_MODEL, PRICES_USD
from gauger.detect.tables import EVENTS, TIMESTAMP

RESUMED = "Continuing."  # what the assistant's message says that carries a replayed reasoning block
_OUTAGE_S = 7200.0
_KEY = 64  # more turns than any conversation has


def signature(conversation: int, turn: int) -> str:
    """The signature of the reasoning block in an answer."""
    return "sig_" + blake2b(f"{conversation}/{turn}".encode(), digest_size=12).hexdigest()


def digest64(text: str) -> int:
    """64 bits of blake2b, as the readers take of a reasoning block's signature."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def to_events(scene: Scene, table: Rows) -> tuple[pa.Table, dict[str, Any]]:
    """EVENTS sorted by time, and the columns of EXCHANGES."""
    table = take(table, np.lexsort((table["turn"], table["conv"], table["time"])))
    n = len(table["time"])
    model, failed = served(scene, table)
    talk = converse(table, failed)
    read = (talk["sent"] // 4 + 3).astype(np.int64)
    written = np.where(failed, 0, talk["said"] // 4 + 1) * np.maximum(table["n"], 1)
    begin = int(scene.spec.start.timestamp() * 1e6) + (table["time"] * 1e3).round().astype(np.int64) * 1000
    lasted = (0.3 + written / scene.rng.uniform(40, 110, n)) * 1e3
    accounts = scene.cast.accounts
    ids = people.hexes(scene.rng, n)
    columns = {
        "event_id": [f"req-{i}" for i in ids],
        "source": pa.repeat("simulated", n),
        "line": np.arange(1, n + 1),
        "time": _stamps(begin),
        "end_time": _stamps(begin + lasted.round().astype(np.int64) * 1000),
        **{name: _spread(accounts, name, table["who"]) for name in ("account", "org", "api_key")},
        "session": [f"sess_{c:x}" if s else None for c, s in zip(table["conv"], table["session"], strict=True)],
        "end_user": table["end_user"],
        "model": np.array(MODELS, dtype=object)[model],
        "status": np.where(failed, "failure", "success").astype(object),
        "address": table["address"],
        "user_agent": table["user_agent"],
        "input_tokens": read,
        "output_tokens": written,
        "cost_usd": cost_usd(model, read, written),
        "temperature": pa.array(table["temperature"], from_pandas=True),
        "top_p": pa.array(table["top_p"], from_pandas=True),
        **{name: pa.array(table[name], mask=table[name] < 0) for name in ("max_tokens", "n", "tools")},
        "logprobs": pa.array(table["logprobs"], mask=~table["logprobs"]),
        "params": parameters(table),
        "turns": table["turn"] + 1,
        "context": pa.array(talk["context"], mask=(table["turn"] == 0) & (table["stolen"] < 0)),
        "thread": talk["thread"],
        **blocks(table, failed),
        "system": table["system"],
        "prompt": table["prompt"],
        "answer": pa.array(table["answer"], pa.large_string(), mask=failed),
    }
    events = pa.table([pa.array(columns[f.name], f.type) for f in EVENTS], schema=EVENTS)
    known = {"event_id": columns["event_id"], "conversation": table["conv"], "turn": table["turn"]}
    return events, known | {"purpose": table["purpose"], "stolen": table["stolen"]}


def cost_usd(model: Ints, read: Ints, written: Ints) -> Floats:
    """What each exchange costs at list price."""
    prices = np.array(PRICES_USD)[model]
    return np.asarray(((read * prices[:, 0] + written * prices[:, 1]) / 1e6).round(9))


def _stamps(micros: Ints) -> pa.Array:
    return pa.array(micros).cast(pa.timestamp("us")).cast(TIMESTAMP)


def _spread(accounts: list[dict[str, Any]], name: str, who: Ints) -> pa.Array:
    values = pa.array([a[name] for a in accounts], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(who), values).cast(pa.string())


def served(scene: Scene, table: Rows) -> tuple[Ints, NDArray[np.bool_]]:
    """The model that answered each exchange, and which failed in the outage.

    Only last turns fail, and none that somebody replays: a conversation goes on from an answer.
    """
    accounts = scene.cast.accounts
    usual = np.array([a["model"] for a in accounts])[table["who"]]
    moves = np.array([a["moves"] for a in accounts])[table["who"]]
    follows = np.array([a["failover"] for a in accounts])[table["who"]]
    model = np.where(table["time"] >= moves, NEW_MODEL, usual)
    model = np.where(table["model"] >= 0, table["model"], model)
    since = table["time"] - scene.spec.outage_day * DAY
    down = (model == OUTAGE_MODEL) & (since >= 0) & (since < _OUTAGE_S)
    deepest = np.zeros(int(table["conv"].max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(deepest, table["conv"], table["turn"])
    copied = np.isin(table["conv"], np.r_[table["conv"][table["purpose"] == "replay"], table["stolen"]])
    given_up = (table["turn"] == deepest[table["conv"]]) & ~copied & (scene.rng.random(len(model)) < 0.9)
    model = np.where(down & follows, 0, model)
    return model, down & ~follows & given_up


def converse(table: Rows, failed: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Digests and sizes of each exchange's conversation, as `gauger.detect.tables` defines them.

    Returns:
        context, thread: (n,) uint64. sent, said: (n,) bytes of the request and of the answer.
    """
    n = len(failed)
    context, thread = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    sent, said = np.zeros(n), np.zeros(n)
    original = table["purpose"] != "replay"
    order = np.lexsort((table["turn"], table["conv"], ~original))[: int(original.sum())]
    running, total = blake2b(digest_size=8), 0
    prompts, answers, turns, stolen = (table[k].tolist() for k in ("prompt", "answer", "turn", "stolen"))
    systems, lost = table["system"].tolist(), failed.tolist()
    for at in order.tolist():
        if turns[at] == 0:
            running, total = blake2b(digest_size=8), len(systems[at] or "")
            if stolen[at] >= 0:
                running.update(framed("assistant", RESUMED))
        context[at] = int.from_bytes(running.digest(), "little")
        asked = framed("user", prompts[at])
        running.update(asked)
        total += len(asked)
        sent[at] = total
        if not lost[at]:
            replied = framed("assistant", answers[at])
            running.update(replied)
            total += len(replied)
            said[at] = len(replied)
        thread[at] = int.from_bytes(running.digest(), "little")
    copies = np.flatnonzero(~original)
    key = table["conv"] * _KEY + table["turn"]
    source = order[np.searchsorted(key[order], key[copies])]
    for column in (context, thread, sent, said):
        column[copies] = column[source]
    return {"context": context, "thread": thread, "sent": sent, "said": said}


def framed(role: str, said: str) -> bytes:
    """One message as it enters a conversation's digest."""
    said = said.strip()
    return f"{len(role)} {len(said)} {role}{said}".encode()


def parameters(table: Rows) -> list[str]:
    """Canonical JSON of the sampling parameters of each request."""
    made: dict[tuple[Any, ...], str] = {}
    names = ("logprobs", "max_tokens", "n", "temperature", "top_p")
    columns = [table[name].tolist() for name in names]
    found = []
    for row in zip(*columns, strict=True):
        key = tuple(map(str, row))
        if key not in made:
            given = {k: v for k, v in zip(names, row, strict=True) if v is not False and not math.isnan(v) and v != -1}
            made[key] = json.dumps({k: _short(v) for k, v in given.items()}, separators=(",", ":"))
        found.append(made[key])
    return found


def _short(value: float | bool) -> float | bool:
    """1.0 as 1, as JSON prints it everywhere but in Python."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def blocks(table: Rows, failed: NDArray[np.bool_]) -> dict[str, list[list[int] | None]]:
    """Reasoning blocks: each thinking answer has one, and the next turns send all earlier ones back.

    Replayed sessions come without blocks, as in a public collection.
    """
    out: list[list[int] | None] = []
    sent: list[list[int] | None] = []
    rows = zip(
        table["thinks"],
        table["purpose"] == "replay",
        table["conv"],
        table["turn"],
        table["stolen"],
        failed,
        strict=True,
    )
    for thinks, copied, conv, turn, stolen, lost in rows:
        if copied or not (thinks or stolen >= 0):
            out.append(None)
            sent.append(None)
            continue
        back = [(stolen, 0)] if stolen >= 0 else []
        back += [(conv, t) for t in range(turn)] if thinks else []
        out.append([digest64(signature(conv, turn))] if thinks and not lost else None)
        sent.append([digest64(signature(c, t)) for c, t in back] or None)
    return {"reasoning_out": out, "reasoning_in": sent}
