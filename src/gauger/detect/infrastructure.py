"""Signal 6: cards, networks, clients and sign-ups that strangers share too often."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic


def payment_layer(traffic: Traffic) -> pd.DataFrame:
    """Rows (token, a, n, distinct): which account pays with which card."""
    card = traffic.accounts["payment_hash"]
    a = np.flatnonzero(card.notna())
    return pd.DataFrame({"token": card.iloc[a].astype(str).to_numpy(), "a": a, "n": 1, "distinct": 1})


def signup_layer(traffic: Traffic) -> pd.DataFrame:
    """Rows (token, a, n, distinct): the week in which an account's org was created."""
    created = traffic.accounts["created"].to_numpy(dtype=float)
    a = np.flatnonzero(~np.isnan(created))
    return pd.DataFrame(
        {"token": (created[a] // (7 * 86400)).astype(np.int64).astype(str), "a": a, "n": 1, "distinct": 1}
    )


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Excess sharing inside the group over what the log's own frequencies make of chance."""
    org = traffic.org_codes()
    return {
        "shared_payment": _shared(payment_layer(traffic), members, org),
        "network_lift": _lift(traffic, "subnet_16", members),
        "client_lift": _lift(traffic, "user_agent", members),
        "signup_cohort": _cohort(traffic, members),
        "unrelated_orgs": (len(np.unique(org[members])) - 1) / max(len(members) - 1, 1),
        "few_addresses": _few_addresses(traffic, members),
    }


def _shared(held: pd.DataFrame, members: Members, org: np.ndarray) -> float:
    """Share of members whose card also pays for a member of another org."""
    if held.empty:
        return float("nan")
    mine = held[held["a"].isin(members)]
    mine = mine.assign(org=org[mine["a"].to_numpy(dtype=np.int64)])
    orgs = mine.groupby("token")["org"].transform("nunique")
    return float((orgs > 1).sum() / len(members))


def _lift(traffic: Traffic, layer: str, members: Members) -> float:
    """Log of how much more often two members share a value than two accounts of the log do."""
    held = traffic.held[layer]
    if held.empty or len(members) < 2:
        return float("nan")
    mine = traffic.rows_of(layer, members).groupby("token").size().to_numpy(dtype=float)
    everyone = held.groupby("token").size().to_numpy(dtype=float)
    k, size = len(members), traffic.size
    inside = ((mine * (mine - 1)).sum() + 1) / (k * (k - 1) + 1)
    anywhere = ((everyone * (everyone - 1)).sum() + 1) / (size * (size - 1) + 1)
    return float(np.clip(np.log(inside / anywhere), -2, 6))


def _cohort(traffic: Traffic, members: Members) -> float:
    """Log of the spread of all sign-up dates over that of the members' (quartile ranges)."""
    created = traffic.accounts["created"].to_numpy(dtype=float)
    mine = created[members]
    if np.isnan(mine).all() or len(members) < 3:
        return float("nan")
    spread = np.subtract(*np.nanpercentile(created, [75, 25])) + 86400
    return float(np.clip(np.log(spread / (np.subtract(*np.nanpercentile(mine, [75, 25])) + 86400)), -2, 5))


def _few_addresses(traffic: Traffic, members: Members) -> float:
    """Log of exchanges per address, over the accounts' median: a harvest goes through few doors."""
    rows = traffic.accounts
    if rows["addresses"].sum() == 0:
        return float("nan")
    per = (rows["n"] / rows["addresses"].clip(lower=1)).to_numpy(dtype=float)
    return float(np.log(np.median(per[members]) / np.median(per)))


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    seen = (
        len(traffic.held["subnet_24"])
        + len(traffic.held["user_agent"])
        + traffic.accounts[["payment_hash", "created"]].notna().to_numpy().sum()
    )
    return "" if seen else "no addresses or clients in the log, no cards or sign-up times in an orgs table"


SIGNAL = Signal(id="infrastructure", title="Shared infrastructure", group=group, missing=missing)
