"""Candidates out of a batch of logits, and bent probabilities back into it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gauger.errors import InputError
from gauger.stats import FloatArray
from gauger.watermark.schemes import Candidates


def candidates(logits: Tensor) -> tuple[Candidates, FloatArray]:
    """What is left of each row after a host's own top-k and top-p: ids uint32[rows, k], p float64[rows, k].

    Args:
        logits: float[rows, vocabulary]; -inf is a token that was dropped.

    Raises:
        InputError: a NaN, or +inf.
    """
    kept = (logits != -torch.inf).nonzero()
    left = logits[kept[:, 0], kept[:, 1]].double().cpu().numpy()
    if not np.isfinite(left).all():
        raise InputError("marking: logits must be numbers, or -inf for a token that was dropped")
    row, token = kept.cpu().numpy().T
    count = np.bincount(row, minlength=len(logits))
    place = np.arange(len(row)) - (count.cumsum() - count)[row]
    ids, scores = np.zeros((len(logits), count.max()), np.uint32), np.full((len(logits), count.max()), -np.inf)
    ids[row, place], scores[row, place] = token, left
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return ids, p / p.sum(-1, keepdims=True)


def to_candidates(ids: Tensor, p: Tensor) -> tuple[Candidates, FloatArray]:
    """Off the device, in four bytes each. p: float64[rows, k] of numbers that float32 holds, as a softmax's."""
    return ids.int().cpu().numpy().view(np.uint32), p.float().cpu().numpy().astype(np.float64)


def put(logits: Tensor, rows: NDArray[np.int64], ids: NDArray[Any], p: NDArray[Any]) -> Tensor:
    """Logits whose rows have probabilities p float[len(rows), k] at ids, and none elsewhere. A copy."""
    if not len(rows):
        return logits
    row, place = np.nonzero(p > 0)
    changed = logits.index_fill(0, torch.from_numpy(rows).to(logits.device), -torch.inf)
    where = (torch.from_numpy(rows[row]), torch.from_numpy(ids[row, place].astype(np.int64)))
    changed[where[0].to(logits.device), where[1].to(logits.device)] = torch.from_numpy(np.log(p[row, place])).to(logits)
    return changed
