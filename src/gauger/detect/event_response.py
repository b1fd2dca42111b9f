"""Signal 8: the whole group turns to a new model within a day of its release, or leaves one together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic

DAY_S = 86400


def releases(traffic: Traffic) -> dict[str, float]:
    """Model -> release time in epoch seconds: as given, else first sight well inside the log."""
    given = traffic.sides.releases
    if given is not None and len(given):
        at = (pd.to_datetime(given["released_at"], utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        return dict(zip(given["model"], at, strict=True))
    if traffic.models.empty:
        return {}
    first = traffic.models.groupby("model")["first"].min()
    begin = float(traffic.accounts["first"].min())
    return {str(m): float(t) for m, t in first.items() if t > begin + DAY_S}


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Share of the then-active members that used a new model within 24 hours, beyond everyone's share."""
    seen = traffic.models
    known = releases(traffic)
    best = 0.0 if known else float("nan")
    for model, at in known.items():
        active = (traffic.accounts["first"] < at) & (traffic.accounts["last"] > at + DAY_S)
        quick = seen[(seen["model"] == model) & (seen["first"] >= at - 3600) & (seen["first"] < at + DAY_S)]["a"]
        here = np.zeros(traffic.size, dtype=bool)
        here[quick.to_numpy(dtype=np.int64)] = True
        live = active.to_numpy()
        mine = live[members]
        if mine.sum() >= 1:
            best = max(best, float(here[members][mine].mean() - here[live].mean()))
    return {"pivot": best, "left_together": _left_together(traffic, members)}


def _left_together(traffic: Traffic, members: Members) -> float:
    """Largest share of members last seen in one day, beyond that day's share of all (not the last day)."""
    day = (traffic.accounts["last"].to_numpy() // DAY_S).astype(np.int64)
    day -= day.min()
    mine = np.bincount(day[members], minlength=day.max() + 1) / len(members)
    others = np.bincount(day, minlength=day.max() + 1) / len(day)
    return float((mine - others)[:-1].max(initial=0.0))


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if not traffic.models.empty else "the log names no models"


SIGNAL = Signal(id="event-response", title="Response to events", group=group, missing=missing)
