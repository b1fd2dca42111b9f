"""Signal 3: use that has the shape of a training set rather than of a product or a person."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gauger.detect.signals import GroupScores, Members, Signal, contrast, ratio
from gauger.detect.traffic import Traffic


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Contrasts with the rest of the log, so that what a log never records counts for nothing."""
    rows = traffic.accounts.iloc[members]
    everyone = traffic.accounts
    has_sessions = everyone["with_session"].sum() > 0
    return {
        "single_turn": -contrast(traffic, members, "multi_turn", "with_turns"),
        "no_session": -contrast(traffic, members, "with_session") if has_sessions else float("nan"),
        "no_end_user": -contrast(traffic, members, "with_end_user")
        if everyone["with_end_user"].sum()
        else float("nan"),
        "coverage": ratio(rows["distinct_prompts"].sum(), rows["prompts"].sum()),
        "many_systems": float(np.median(rows["distinct_systems"])) * 0.1
        - ratio(rows["with_system"].sum(), rows["n"].sum()),
        "samples_or_logprobs": contrast(traffic, members, "many_samples") + contrast(traffic, members, "logprobs")
        if everyone[["many_samples", "logprobs"]].to_numpy().sum()
        else float("nan"),
        "no_tools": -contrast(traffic, members, "with_tools") if everyone["with_tools"].sum() else float("nan"),
        "output_yield": _log_ratio(rows["tokens_out"].sum(), rows["n"].sum(), everyone),
        "same_params": _sameness(traffic, "params", members),
        "same_format": _sameness(traffic, "answer_shape", members),
        "volume": _volume(traffic, members),
    }


def _log_ratio(tokens: float, n: float, everyone: pd.DataFrame) -> float:
    typical = float(np.median(everyone["tokens_out"].fillna(0) / everyone["n"]))
    return float(np.log((tokens / n + 1) / (typical + 1))) if tokens > 0 and n > 0 else float("nan")


def _volume(traffic: Traffic, members: Members) -> float:
    """Log of the members' median rate over the accounts' median rate, in exchanges per active day."""
    rate = (traffic.accounts["n"] / traffic.accounts["days"].clip(lower=1)).to_numpy(dtype=float)
    return float(np.log(np.median(rate[members]) / np.median(rate)))


def _sameness(traffic: Traffic, layer: str, members: Members) -> float:
    """Share of the members that favour the group's favourite value, times how rarely other accounts use it."""
    rows = traffic.rows_of(layer, members)
    if rows.empty:
        return float("nan")
    favourite = rows.sort_values(["a", "n", "token"]).drop_duplicates("a", keep="last")
    value = favourite["token"].mode().iloc[0]
    count = int((favourite["token"] == value).sum())
    users = rows[rows["token"] == value]
    elsewhere = (int(users["holders"].iloc[0]) - len(users) + 1) / (traffic.size - len(members) + 1)
    return float(count / len(members) * -np.log(min(elsewhere, 1.0))) / 5


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.size else "the log is empty"


SIGNAL = Signal(id="training-shape", title="Shape of training data", group=group, missing=missing)
