"""Candidates out of a batch of logits, and bent probabilities back into it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gauger.errors import InputError
from gauger.stats import FloatArray, IntArray
from gauger.watermark.schemes import Candidates


def candidates(logits: Tensor) -> tuple[Candidates, FloatArray]:
    """What is left of each row after a host's own top-k and top-p: ids uint32[rows, k], p float64[rows, k].

    Args:
        logits: float[rows, vocabulary]; -inf is a token that was dropped.

    Raises:
        InputError: a NaN, or +inf.
    """
    row, token, left = left_on_cpu(logits) if logits.is_cpu else left_on_device(logits)
    if not np.isfinite(left).all():
        raise InputError("marking: logits must be numbers, or -inf for a token that was dropped")
    count = np.bincount(row, minlength=len(logits))
    place = np.arange(len(row)) - (count.cumsum() - count)[row]
    ids, scores = np.zeros((len(logits), count.max()), np.uint32), np.full((len(logits), count.max()), -np.inf)
    ids[row, place], scores[row, place] = token, left
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return ids, p / p.sum(-1, keepdims=True)


def left_on_cpu(logits: Tensor) -> tuple[IntArray, IntArray, FloatArray]:
    """Row, token and logit of all that was not dropped. Numpy looks through a vocabulary faster than torch does."""
    scores = (logits.float() if logits.dtype == torch.bfloat16 else logits).numpy()  # which has no bfloat16
    row, token = np.divmod(np.flatnonzero(scores != -np.inf), logits.shape[1])
    return row, token, scores[row, token].astype(np.float64)


def left_on_device(logits: Tensor) -> tuple[IntArray, IntArray, FloatArray]:
    """The same, and only what is left is copied."""
    kept = (logits != -torch.inf).nonzero()
    return *kept.cpu().numpy().T, logits[kept[:, 0], kept[:, 1]].double().cpu().numpy()


def to_candidates(ids: Tensor, p: Tensor) -> tuple[Candidates, FloatArray]:
    """Off the device, in four bytes each. p: float64[rows, k] of numbers that float32 holds, as a softmax's."""
    return ids.int().cpu().numpy().view(np.uint32), p.float().cpu().numpy().astype(np.float64)


def put(logits: Tensor, rows: NDArray[np.int64], ids: NDArray[Any], p: NDArray[Any]) -> Tensor:
    """Logits whose rows have probabilities p float[len(rows), k] at ids, and none elsewhere. A copy."""
    if not len(rows):
        return logits
    row, place = np.nonzero(p > 0)
    changed = torch.full_like(logits, -torch.inf)
    if len(others := np.setdiff1d(np.arange(len(logits)), rows)):
        same = torch.from_numpy(others).to(logits.device)
        changed[same] = logits[same]
    where = (torch.from_numpy(rows[row]), torch.from_numpy(ids[row, place].astype(np.int64)))
    changed[where[0].to(logits.device), where[1].to(logits.device)] = torch.from_numpy(np.log(p[row, place])).to(logits)
    return changed
