"""Signal 1: prompts that are one scaffold with many fillings, held by accounts that have no reason to share it.

A scaffold is a masked beginning, end, line or system prompt that occurs with at least three different
fillings. One account *holds* it when it used at least two. Scaffolds that two accounts share link
them, by how surprising that is; `detect.links` learns how much a link of each strength is worth.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import SCAFFOLDS, Traffic

MIN_ORGS = 3  # fewer orgs than this is one customer and its contractor, not strangers
COMMON = 0.2  # a scaffold that a fifth of all accounts hold links nobody


def shared_scaffolds(traffic: Traffic) -> pd.DataFrame:
    """Rows (token, a, n, distinct, holders, orgs) of the scaffolds that may link accounts.

    Tokens are integers over all scaffold layers.
    """
    org = traffic.org_codes()
    parts = []
    for layer in (*SCAFFOLDS, *(k for k in traffic.held if k.startswith("elicit_"))):
        rows = traffic.held[layer].assign(layer=layer)
        parts.append(rows.assign(org=org[rows["a"].to_numpy(dtype=np.int64)]))
    rows = pd.concat(parts, ignore_index=True)
    counts = rows.groupby(["layer", "token"]).agg(holders=("a", "nunique"), orgs=("org", "nunique")).reset_index()
    counts = counts[(counts["orgs"] >= MIN_ORGS) & (counts["holders"] <= max(COMMON * traffic.size, 50))]
    rows = rows.merge(counts, on=["layer", "token"]).drop(columns="org")
    rows["key"] = rows["layer"] + ":" + rows["token"].astype(str)
    rows["token"] = pd.factorize(rows["key"], sort=True)[0]
    return rows.sort_values(["token", "a"], ignore_index=True)


def scaffold_matrix(traffic: Traffic, rows: pd.DataFrame) -> sparse.csr_matrix:
    """Accounts x scaffolds, rows of unit length: how an account's use spreads over rare scaffolds."""
    surprise = np.log(traffic.size / rows["holders"].to_numpy(dtype=float))
    weight = np.sqrt(rows["n"].to_numpy(dtype=float)) * np.maximum(surprise, 0.05)
    shape = (traffic.size, int(rows["token"].max()) + 1 if len(rows) else 1)
    matrix = sparse.csr_matrix((weight, (rows["a"], rows["token"])), shape=shape)
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(norm, 1e-12)) @ matrix)


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Describe the scaffolds that the group's members share among themselves."""
    prompts = traffic.accounts["prompts"].to_numpy(dtype=float)[members]
    best = max(
        (_layer_scores(traffic, layer, members, prompts) for layer in SCAFFOLDS), key=lambda s: s["template_cover"]
    )
    return best if prompts.sum() else dict.fromkeys(best, float("nan"))


def shared_rows(traffic: Traffic, layer: str, members: Members) -> pd.DataFrame:
    """Rows (token, a, n, distinct, holders, org, exclusive) of a layer's scaffolds that members of several orgs hold.

    ``exclusive``: of all accounts that hold the scaffold, the share that are members. A scaffold that
    the rest of the world holds as well (an agent, a viral prompt) says little about this group.
    """
    rows = traffic.rows_of(layer, members)
    rows = rows.assign(org=traffic.org_codes()[rows["a"].to_numpy(dtype=np.int64)])
    orgs = rows.groupby("token")["org"].transform("nunique")
    rows = rows[orgs >= (MIN_ORGS if len(members) > 1 else 1)]
    held = rows.groupby("token")["a"].transform("size")
    # The square root, because a second campaign that bought the same templates also counts as the world.
    return rows.assign(exclusive=np.sqrt(held / rows["holders"]))


def _layer_scores(traffic: Traffic, layer: str, members: Members, prompts: NDArray[np.float64]) -> GroupScores:
    rows = shared_rows(traffic, layer, members)
    if rows.empty:
        return {"template_breadth": 0.0, "template_cover": 0.0, "template_use": 0.0, "template_fresh": 0.0}
    own = rows.assign(weighted=rows["n"] * rows["exclusive"], fresh=rows["distinct"] * rows["exclusive"])
    use = own.groupby("a")["weighted"].sum().reindex(members, fill_value=0.0).to_numpy()
    holders = own.groupby("token")["exclusive"].agg(["size", "first"])
    return {
        "template_breadth": float(
            (np.log1p(holders["size"]) * holders["first"]).max() * rows["a"].nunique() / len(members)
        ),
        "template_cover": float(np.median(use / np.maximum(prompts, 1))),
        "template_use": float(np.log1p(np.median(use))),
        "template_fresh": float(own["fresh"].sum() / rows["n"].sum() * rows["a"].nunique() / len(members)),
    }


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.has_prompts else "the log holds no prompts"


SIGNAL = Signal(id="template-families", title="Shared prompt templates", group=group, missing=missing)
