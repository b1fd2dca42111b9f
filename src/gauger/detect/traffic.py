"""What a scan knows of a log once it is folded to accounts: the input of every signal.

All event-level work is Ibis expressions over the SKETCHES table, so that it runs on any engine; the
results are small (accounts x something) and are handled with numpy from there on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from gauger.detect.families import holdings, with_family
from gauger.detect.reasoning_replay import replays
from gauger.detect.tables import ELICITATION, TOPICS

Collect = Callable[[ibis.Table], pa.Table]
"""Runs an expression on the engine at hand."""

SYSTEM = "system_masked"
SCAFFOLDS = ("prefix_12", "suffix_12", "prefix_6", "suffix_6", "first_line", "last_line", "family", SYSTEM)
"""Layers of scaffolds; ``family`` is that of near-duplicates. An account that filled one only once does not hold it."""
HOUR_S = 3600
ELICITS_TIMES, ELICITS_SHARE = 3, 0.05  # fifty times the share of honest prompts that a threshold lets through


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Side tables, each None where it was not given.

    orgs: org, created, plan, payment_hash, verified, authorised_use; bans: account, banned_at;
    releases: model, released_at. Times are UTC timestamps.
    """

    orgs: pd.DataFrame | None = None
    bans: pd.DataFrame | None = None
    releases: pd.DataFrame | None = None
    prices: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A log folded to accounts; row i of everything is account i of ``accounts``.

    Attributes:
        accounts: one row an account, sorted by name; columns as ``_account_rows`` makes them.
        held: layer name -> rows (token, a, n, distinct), sorted: account index a used token n times, with
            ``distinct`` different prompts.
        hours: events of account i in hour j since ``start``, shape (accounts, hours), int32.
        pairs: layer name -> rows (a, b, n) of account pairs tied directly, a < b; no layer that the log cannot show.
        models: rows (a, model, n, first, free_in, free_out): first use in epoch seconds, and the tokens
            of exchanges whose cost the log does not hold.
    """

    accounts: pd.DataFrame
    held: dict[str, pd.DataFrame]
    hours: sparse.csr_matrix
    start: int
    pairs: dict[str, pd.DataFrame] = field(default_factory=dict)
    models: pd.DataFrame = field(default_factory=pd.DataFrame)
    sides: Sides = field(default_factory=Sides)
    _by_account: dict[str, tuple[pd.DataFrame, NDArray[np.int64]]] = field(init=False, repr=False, default_factory=dict)
    _orgs: dict[str, NDArray[np.int64]] = field(init=False, repr=False, default_factory=dict)

    @property
    def size(self) -> int:
        """How many accounts there are."""
        return len(self.accounts)

    @property
    def has_prompts(self) -> bool:
        """Whether any exchange came with its prompt."""
        return bool(self.accounts["prompts"].sum() > 0)

    def rows_of(self, layer: str, members: NDArray[np.int64]) -> pd.DataFrame:
        """A layer's rows of some accounts, with ``holders``: how many accounts hold each token.

        Args:
            members: sorted account indices.
        """
        if layer not in self._by_account:
            rows = self.held[layer]
            rows = rows.assign(holders=rows.groupby("token")["a"].transform("size")).sort_values("a", kind="stable")
            self._by_account[layer] = rows, np.searchsorted(rows["a"], np.arange(self.size + 1))
        rows, starts = self._by_account[layer]
        counts = starts[members + 1] - starts[members]
        ends = np.cumsum(counts)
        return rows.iloc[np.arange(counts.sum()) + np.repeat(starts[members] - ends + counts, counts)]

    def org_codes(self) -> NDArray[np.int64]:
        """An integer per account that equals another's where both belong to one org."""
        if "codes" not in self._orgs:
            names = self.accounts["org"].where(self.accounts["org"].notna(), self.accounts["account"])
            self._orgs["codes"] = np.asarray(pd.factorize(names)[0], dtype=np.int64)
        return self._orgs["codes"]


def fold(
    table: ibis.Table, mapping: ibis.Table, collect: Collect, thresholds: dict[str, float], sides: Sides
) -> Traffic:
    """Fold SKETCHES to accounts.

    Args:
        table: the SKETCHES table on some engine.
        mapping: what `detect.families.families` made of it, on the same engine.
        thresholds: elicitation class -> log-odds above which a prompt counts.
    """
    accounts = _frame(collect(_account_rows(table, thresholds))).sort_values("account", ignore_index=True)
    index = pd.Series(np.arange(len(accounts)), index=accounts["account"])
    held = {name: _held(collect(expr), index) for name, expr in _token_layers(table, mapping).items()}
    held |= {name: held[name][held[name]["distinct"] >= 2].reset_index(drop=True) for name in SCAFFOLDS}
    held |= {f"elicit_{c}": _elicit_layer(accounts, c) for c in ELICITATION}
    start = int(accounts["first"].min()) // HOUR_S if len(accounts) else 0
    hours = _hours(collect(_hour_rows(table)), index, start)
    models = _frame(collect(_model_rows(table)))
    models["a"] = models.pop("account").map(index)
    accounts["models"] = np.bincount(models["a"].to_numpy(dtype=np.int64), minlength=len(accounts))
    accounts["days"] = _active_days(hours, start)
    accounts["cost_usd"] = accounts["cost_usd"].fillna(0.0) + _list_price(models, sides, len(accounts))
    pairs = {}
    if accounts["with_turns"].sum():
        pairs["conversation"] = _pairs(collect(conversation_pairs(table)), index)
    if accounts["with_reasoning"].sum():
        replayed = replays(table).rename(account="account_from", other="account_to")
        pairs["reasoning"] = _pairs(collect(replayed), index)
    return Traffic(
        accounts=join_sides(accounts, sides),
        held=held,
        hours=hours,
        start=start,
        pairs=pairs,
        models=models,
        sides=sides,
    )


def epoch_s(times: ibis.Value) -> ibis.Value:
    """Seconds since 1970 as an integer column."""
    # Truncated first: DuckDB's epoch is a double, and its cast to an integer rounds.
    return times.truncate("s").epoch_seconds().cast("int64")


def _share(condition: ibis.Value) -> ibis.Value:
    return condition.fill_null(False).cast("int64").sum()


def _account_rows(t: ibis.Table, thresholds: dict[str, float]) -> ibis.Table:
    seconds = epoch_s(t.time)
    columns = {
        "org": t.org.max(),
        "n": t.count(),
        "first": seconds.min(),
        "last": seconds.max(),
        "tokens_in": t.input_tokens.sum(),
        "tokens_out": t.output_tokens.sum(),
        "cost_usd": t.cost_usd.sum(),
        "prompts": t.prompt_words.count(),
        "with_turns": t.turns.count(),
        "multi_turn": _share(t.turns > 1),
        "with_reasoning": t.reasoning_out.count(),
        "with_session": t.session.count(),
        "with_end_user": t.end_user.count(),
        "with_tools": _share(t.tools > 0),
        "many_samples": _share(t.n > 1),
        "logprobs": _share(t.logprobs),
        "with_system": t.system_masked.count(),
        "distinct_prompts": t.prompt_masked.nunique(),
        "distinct_systems": t.system_masked.nunique(),
        "addresses": t.address.nunique(),
    }
    columns |= {f"topic_{i}": t[f"topic_{i}"].cast("int64").sum() for i in range(TOPICS)}
    columns |= {f"elicit_{c}": _share(t[f"elicit_{c}"] > thresholds[c]) for c in ELICITATION}
    return t.group_by("account").aggregate(**columns)


def _token_layers(t: ibis.Table, mapping: ibis.Table) -> dict[str, ibis.Table]:
    """Expressions (token, account, n, distinct_prompts) for every layer that a signal reads."""
    layers = {name: holdings(t, name) for name in SCAFFOLDS if name != "family"}
    layers["family"] = holdings(with_family(t, mapping), "family")
    plain = {
        "user_agent": t.user_agent,
        "params": t.params,
        "answer_shape": t.answer_shape,
        "subnet_24": _network(t.address, v4=3, v6=3),
        "subnet_16": _network(t.address, v4=2, v6=2),
    }
    for name, value in plain.items():
        rows = t.select(t.account, token=value.cast("string")).filter(ibis._.token.notnull() & (ibis._.token != ""))
        layers[name] = rows.group_by(["token", "account"]).aggregate(n=ibis._.count())
    return layers


def _network(address: ibis.Value, *, v4: int, v6: int) -> ibis.Value:
    """The first numbers of an IPv4 address, or the first groups of an IPv6 one; "" for anything else."""
    return ibis.cases(
        (address.contains(":"), address.re_extract(rf"^([0-9a-fA-F]*:){{{v6}}}", 0)),
        else_=address.re_extract(rf"^([0-9]+[.]){{{v4}}}", 0),
    )


def _hour_rows(t: ibis.Table) -> ibis.Table:
    return t.select(t.account, hour=epoch_s(t.time) // HOUR_S).group_by(["account", "hour"]).aggregate(n=ibis._.count())


def _model_rows(t: ibis.Table) -> ibis.Table:
    free = t.cost_usd.isnull().cast("int64")
    rows = t.filter(t.model.notnull()).select(
        "account", "model", seconds=epoch_s(t.time), free_in=free * t.input_tokens, free_out=free * t.output_tokens
    )
    return rows.group_by(["account", "model"]).aggregate(
        n=ibis._.count(), first=ibis._.seconds.min(), free_in=ibis._.free_in.sum(), free_out=ibis._.free_out.sum()
    )


def conversation_pairs(t: ibis.Table) -> ibis.Table:
    """Pairs (account, other, n): a conversation of ``account`` was continued by ``other``.

    A request whose history equals, word for word, the history and answer of an exchange of another
    account continues that conversation. Threads held by several accounts at once (a public example
    pasted by many) say nothing and are left out.
    """
    ends = t.filter(t.thread.notnull()).select("account", "thread")
    single = ends.group_by("thread").aggregate(account=ibis._.account.max(), holders=ibis._.account.nunique())
    single = single.filter(single.holders == 1).select("account", "thread")
    starts = t.filter(t.context.notnull()).select(other=t.account, context=t.context)
    joined = single.join(starts, single.thread == starts.context).filter(ibis._.account != ibis._.other)
    return joined.group_by(["account", "other"]).aggregate(n=ibis._.count())


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()


def _held(table: pa.Table, index: pd.Series) -> pd.DataFrame:
    frame = _frame(table).rename(columns={"distinct_prompts": "distinct"})
    if "distinct" not in frame:
        frame["distinct"] = frame["n"]
    frame["a"] = frame.pop("account").map(index).astype(np.int64)
    # Engines return groups in any order; a fixed one makes everything after it repeatable.
    return frame.sort_values(["token", "a"], ignore_index=True)


def eliciting(accounts: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Accounts that ask for one class of elicitation again and again, and not only because they ask a lot."""
    n = accounts[f"elicit_{name}"].fillna(0).to_numpy(dtype=float)
    return np.asarray((n >= ELICITS_TIMES) & (n >= ELICITS_SHARE * accounts["prompts"].to_numpy(dtype=float)))


def _elicit_layer(accounts: pd.DataFrame, name: str) -> pd.DataFrame:
    """An account that elicits one class holds that class as a token."""
    a = np.flatnonzero(eliciting(accounts, name))
    n = accounts[f"elicit_{name}"].to_numpy(dtype=np.int64)[a]
    return pd.DataFrame({"token": name, "a": a, "n": n, "distinct": n})


def _hours(table: pa.Table, index: pd.Series, start: int) -> sparse.csr_matrix:
    frame = _frame(table)
    rows = frame["account"].map(index).to_numpy(dtype=np.int64)
    columns = frame["hour"].to_numpy(dtype=np.int64) - start
    width = int(columns.max()) + 1 if len(columns) else 1
    return sparse.csr_matrix((frame["n"].to_numpy(dtype=np.int32), (rows, columns)), shape=(len(index), width))


def _active_days(hours: sparse.csr_matrix, start: int) -> NDArray[np.int64]:
    """On how many days (UTC) each account was active."""
    row, column = hours.nonzero()
    seen = np.unique(np.stack([row, (column + start) // 24]), axis=1)[0]
    return np.bincount(seen, minlength=hours.shape[0])


def _pairs(table: pa.Table, index: pd.Series) -> pd.DataFrame:
    frame = _frame(table)
    a, b = frame["account"].map(index), frame["other"].map(index)
    rows = pd.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b), "n": frame["n"]})
    return rows.groupby(["a", "b"], as_index=False, sort=True)["n"].sum()


def _list_price(models: pd.DataFrame, sides: Sides, size: int) -> NDArray[np.float64]:
    """What the exchanges without a cost would have cost each account."""
    if sides.prices is None or models.empty:
        return np.zeros(size)
    price = sides.prices.set_index("model")
    usd = models["free_in"].fillna(0) * models["model"].map(price["input_usd"]).fillna(0)
    usd += models["free_out"].fillna(0) * models["model"].map(price["output_usd"]).fillna(0)
    return np.bincount(models["a"], usd / 1e6, minlength=size).astype(np.float64)


def join_sides(accounts: pd.DataFrame, sides: Sides) -> pd.DataFrame:
    """The accounts with the columns that side tables fill; empty ones where a table was not given."""
    for column in ("created", "plan", "payment_hash", "authorised_use"):
        known = sides.orgs is not None and column in sides.orgs
        accounts[column] = (
            accounts["org"].map(sides.orgs.set_index("org")[column]) if known and sides.orgs is not None else None
        )
    created = pd.to_datetime(accounts["created"], utc=True, errors="coerce")
    accounts["created"] = (created - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    bans = sides.bans
    at = accounts["account"].map(bans.groupby("account")["banned_at"].min()) if bans is not None and len(bans) else None
    accounts["banned_at"] = (
        (pd.to_datetime(at, utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds() if at is not None else np.nan
    )
    return accounts
