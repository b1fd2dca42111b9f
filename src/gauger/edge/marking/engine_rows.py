"""A batch of an engine's logits, and the token that each marked row gets.

Engines apply top-k and top-p after the last logits processor. So they are applied here too, to the rows that a key
bends, the token is drawn, and it alone is left to the engine: whatever follows can then choose nothing else. The other
rows stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gauger.edge.marking.serving import Parameters, Request
from gauger.edge.marking.torch_rows import to_candidates
from gauger.edge.marking.turns import bend, due
from gauger.stats import FloatArray, IntArray
from gauger.watermark.schemes import Candidates, Scheme

START, WIDER = 256, 8


def decide(
    logits: Tensor,
    scheme: Scheme,
    rows: Sequence[int],
    requests: Sequence[Request],
    before: NDArray[np.int64],
    *,
    scaled: bool,
) -> Tensor:
    """Put all of a row's probability on the token that its key and generator draw. In place.

    Args:
        logits: float32[batch, vocabulary].
        rows: which of them the requests are. before: int64[requests, h], as ``turns.contexts`` gives it.
        scaled: temperature and min-p have been applied already.
    """
    some = due([r.turn for r in requests], before)
    uncut = np.array([_takes_all(requests[k].params) for k in some], np.bool_)
    for part in (some[~uncut], some[uncut]):  # apart, for else one request makes each row as wide as the vocabulary
        if len(part):
            _decide(logits, scheme, rows, requests, before, part, scaled=scaled)
    return logits


def _takes_all(params: Parameters) -> bool:
    return params.top_p >= 1 and params.top_k <= 0 and params.min_p <= 0


def _decide(
    logits: Tensor,
    scheme: Scheme,
    rows: Sequence[int],
    requests: Sequence[Request],
    before: NDArray[np.int64],
    some: IntArray,
    *,
    scaled: bool,
) -> None:
    where = torch.tensor([rows[k] for k in some], device=logits.device)
    ids, p = nucleus(logits.index_select(0, where), [requests[k] for k in some], scaled=scaled)
    sound = p.sum(-1) > 0  # a row of a fault, without one number in it, is the engine's to deal with
    some, ids, p, where = some[sound], ids[sound], p[sound], where[torch.from_numpy(sound).to(where.device)]
    chosen = [requests[k] for k in some]
    bent, after = bend(scheme, [r.turn for r in chosen], before[some], ids, p)
    u = np.array([r.rng.random() for r in chosen])
    reached = after.cumsum(-1)
    drawn = ids[np.arange(len(ids)), (reached > (u * reached[:, -1])[:, None]).argmax(-1)]
    where = where[torch.from_numpy(bent).to(where.device)]
    logits.index_fill_(0, where, -torch.inf)
    logits[where, torch.from_numpy(drawn[bent].astype(np.int64)).to(where.device)] = 0.0


def nucleus(logits: Tensor, requests: Sequence[Request], *, scaled: bool) -> tuple[Candidates, FloatArray]:
    """Each row's candidates after temperature, min-p, top-k and top-p, in that order, likeliest first.

    Sorts no vocabulary: it takes the likeliest tokens, and more of them only if some row's nucleus is not yet whole.
    """

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=logits.device)[:, None]

    size = logits.shape[-1]
    ask = [r.params for r in requests]
    heat = column([1.0 if scaled else a.temperature for a in ask])
    top_k, top_p = column([a.top_k if a.top_k > 0 else size for a in ask]), column([a.top_p for a in ask])
    least = column([0.0 if scaled else a.min_p for a in ask])
    every = torch.softmax(logits.float() / heat.float(), -1).nan_to_num(0.0)
    width = min(START, size)
    while True:
        p, ids = torch.topk(every, width, dim=-1)
        p = p.double()
        p = torch.where((torch.arange(width, device=p.device) < top_k) & (p >= least * p[:, :1]), p, 0.0)
        reached = p.sum(-1, keepdim=True)
        cut = (p[:, -1:] == 0) | (top_k <= width)  # all that top-k and min-p leave is in sight
        whole = cut | ((top_k == size) & (least == 0) & (reached >= top_p))
        if width == size or bool(whole.all()):
            break
        width = min(width * WIDER, size)
    total = torch.where(cut, reached, 1.0)
    p = torch.where(p.cumsum(-1) - p < top_p * total, p, 0.0)
    kept = max(int((p > 0).sum(-1).max()), 1)
    return to_candidates(ids[:, :kept], p[:, :kept])
