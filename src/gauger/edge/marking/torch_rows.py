"""Candidates out of a batch of logits, and bent probabilities back into it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gauger.stats import FloatArray
from gauger.watermark.schemes import Candidates


def candidates(logits: Tensor) -> tuple[Candidates, FloatArray]:
    """What is left of each row after a host's own top-k and top-p: ids uint32[rows, k], p float64[rows, k].

    Args:
        logits: float[rows, vocabulary]; -inf is a token that was dropped.
    """
    widest = max(int(torch.isfinite(logits).sum(-1).max()), 1)
    kept, ids = torch.topk(logits.float(), widest, dim=-1)
    return to_candidates(ids, torch.softmax(kept, dim=-1))


def to_candidates(ids: Tensor, p: Tensor) -> tuple[Candidates, FloatArray]:
    """Off the device."""
    return ids.cpu().numpy().astype(np.uint32), p.double().cpu().numpy()


def put(logits: Tensor, rows: NDArray[np.int64], ids: NDArray[Any], p: NDArray[Any]) -> Tensor:
    """Logits whose rows have probabilities p float[len(rows), k] at ids, and none elsewhere. A copy."""
    if not len(rows):
        return logits
    changed = logits.clone()
    log_p = torch.from_numpy(np.log(p, where=p > 0, out=np.full(p.shape, -np.inf))).to(logits)
    where = torch.from_numpy(ids.astype(np.int64)).to(logits.device)
    changed[torch.from_numpy(rows).to(logits.device)] = torch.full_like(logits[: len(rows)], -torch.inf).scatter(
        -1, where, log_p
    )
    return changed
