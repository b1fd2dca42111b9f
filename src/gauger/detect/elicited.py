"""Signal 2: prompts that ask for what a student model is trained on (see `detect.elicitation`)."""

from __future__ import annotations

import numpy as np

from gauger.detect.signals import GroupScores, Members, Signal, background, ratio
from gauger.detect.tables import ELICITATION
from gauger.detect.traffic import Traffic, eliciting


def group(traffic: Traffic, members: Members) -> GroupScores:
    """How often, and by how many members, the group elicits; and how often it replays reasoning."""
    rows = traffic.accounts.iloc[members]
    prompts = rows["prompts"].sum()
    counts = rows[[f"elicit_{c}" for c in ELICITATION]].to_numpy(dtype=float)
    shares = [
        ratio(counts[:, i].sum(), prompts) - background(traffic, f"elicit_{c}", "prompts")
        for i, c in enumerate(ELICITATION)
    ]
    eager = np.any([eliciting(traffic.accounts, c) for c in ELICITATION], axis=0)
    replays = traffic.pairs.get("reasoning")
    inside = float("nan")
    if replays is not None:
        inside = float(replays[replays["a"].isin(members) & replays["b"].isin(members)]["n"].sum())
    return {
        "elicit_share": float(np.sqrt(max(*shares, 0))) if prompts else float("nan"),
        "elicit_members": float(eager[members].mean() - eager.mean()) if prompts else float("nan"),
        "reasoning_replays": float(np.log1p(inside / len(members))),
    }


def capabilities(traffic: Traffic, members: Members) -> dict[str, float]:
    """Share of the group's prompts in each class of elicitation, largest first."""
    rows = traffic.accounts.iloc[members]
    shares = {c: ratio(rows[f"elicit_{c}"].sum(), rows["prompts"].sum()) for c in ELICITATION}
    return dict(sorted(((c, s) for c, s in shares.items() if s > 0.01), key=lambda cs: -cs[1]))


def missing(traffic: Traffic) -> str:
    """Why the signal cannot run."""
    return "" if traffic.has_prompts else "the log holds no prompts"


SIGNAL = Signal(id="elicited", title="Elicitation of training data", group=group, missing=missing)
