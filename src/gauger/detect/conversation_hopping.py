"""Signal 9: one conversation continued by several accounts (the join is in `detect.traffic`)."""

from __future__ import annotations

import numpy as np

from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic


def group(traffic: Traffic, members: Members) -> GroupScores:
    """Conversations that members continued for one another, per member."""
    pairs = traffic.pairs.get("conversation")
    if pairs is None:
        return {"hops": float("nan")}
    inside = pairs[pairs["a"].isin(members) & pairs["b"].isin(members)]
    return {"hops": float(np.log1p(inside["n"].sum() / len(members)))}


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.accounts["with_turns"].sum() else "the log holds no messages"


SIGNAL = Signal(id="conversation-hopping", title="Conversation hopping", group=group, missing=missing)
