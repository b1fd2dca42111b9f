"""Hand-made traffic: every account alike and alone unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from gauger.detect.tables import ELICITATION, TOPICS
from gauger.detect.traffic import SCAFFOLDS, Sides, Traffic

DAY_S = 86_400
START_S = 20_000 * DAY_S  # a midnight
LAYERS = (*SCAFFOLDS, "system_masked", "user_agent", "params", "answer_shape", "subnet_24", "subnet_16")

MakeTraffic = Callable[..., Traffic]


def make_traffic(
    size: int,
    *,
    days: Any = 14,
    held: Mapping[str, Sequence[tuple[Any, int, int]]] | None = None,
    hours: np.ndarray | None = None,
    pairs: Mapping[str, Sequence[tuple[int, int, int]]] | None = None,
    models: Sequence[tuple[int, str, int]] = (),
    sides: Sides | None = None,
    **columns: Any,
) -> Traffic:
    """Traffic of ``size`` accounts, each of an org of its own, with 100 prompts over ``days`` days.

    Args:
        days: on which they were active; one number, or one an account.
        held: layer -> (token, account, n): n exchanges, all with different prompts. Tokens of scaffolds are integers.
        hours: shape (size, hours), counts; by default none are known.
        pairs: layer -> (a, b, n). models: (account, model, first use in epoch seconds).
        columns: of ``Traffic.accounts``, instead of the defaults.
    """
    width = int(np.max(days))
    names = [f"a{i:04d}" for i in range(size)]
    counts = ["multi_turn", "with_session", "with_end_user", "with_tools", "many_samples", "logprobs", "with_system"]
    plain: dict[str, Any] = dict.fromkeys([*counts, "cost_usd", *(f"topic_{i}" for i in range(TOPICS))], 0)
    plain |= {f"elicit_{c}": 0 for c in ELICITATION} | {"n": 100, "prompts": 100, "with_turns": 100, "days": days}
    plain |= {"distinct_prompts": 100, "distinct_systems": 0, "addresses": 1, "models": 1}
    plain |= {"tokens_in": 1000, "tokens_out": 1000, "first": START_S, "last": START_S + width * DAY_S - 1}
    plain |= {"org": [f"o{i:04d}" for i in range(size)], "created": np.nan, "banned_at": np.nan}
    plain |= {"plan": None, "payment_hash": None, "authorised_use": None}
    layers = {k: [(t, a, n, n) for t, a, n in (held or {}).get(k, ())] for k in (*LAYERS, *(held or {}))}
    frames = {k: pd.DataFrame(v, columns=["token", "a", "n", "distinct"]) for k, v in layers.items()}
    kinds = {"a": np.int64, "n": np.int64, "distinct": np.int64}
    return Traffic(
        accounts=pd.DataFrame({"account": names} | plain | columns),
        held={k: f.astype(kinds | ({"token": np.int64} if k in SCAFFOLDS else {})) for k, f in frames.items()},
        hours=sparse.csr_matrix(np.zeros((size, width * 24)) if hours is None else hours, dtype=np.int32),
        start=START_S // 3600,
        pairs={k: pd.DataFrame(v, columns=["a", "b", "n"]).astype(np.int64) for k, v in (pairs or {}).items()},
        models=pd.DataFrame(models, columns=["a", "model", "first"]),
        sides=sides or Sides(),
    )


@pytest.fixture
def traffic() -> MakeTraffic:
    """``make_traffic``."""
    return make_traffic
