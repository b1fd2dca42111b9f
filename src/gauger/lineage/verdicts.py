"""What is said of a suspect, all its candidates taken together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gauger.stats import conformal
from gauger.stats.multiple import holm

Verdict = Literal["related", "not shown", "none of the candidates", "cannot tell"]


def verdicts(
    suspects: Sequence[str],
    p: Sequence[float | None],
    n_null: Sequence[int],
    alpha: float,
    *,
    per_pair: bool = False,
    undecided: Sequence[int] = (),
) -> list[Verdict]:
    """One word for each pair. p: None where it could not be judged. undecided: pairs that more prompts may yet decide.

    ``related``: rejected by Holm over the suspect's candidates, or, ``per_pair``, at alpha each.
    ``none of the candidates``: all were judged and none is rejected, which is no proof of innocence.
    ``not shown``: not rejected, while another candidate is, or could not be judged.
    ``cannot tell``: not judged, or not rejected while undecided or where the null population is too small for it to be.

    Null: as ``calibration.p_values``, for each candidate of a suspect.
    Guarantee: P(a suspect is called related to a candidate that it is not related to) <= alpha, for each suspect;
        ``per_pair``, for each pair.  Not claimed: the same over all suspects at once.
    Source: Holm 1979.  Deviates: nothing.
    """
    said: list[Verdict] = ["cannot tell"] * len(suspects)
    of: dict[str, list[int]] = {}
    for k, name in enumerate(suspects):
        of.setdefault(name, []).append(k)
    for rows in of.values():
        judged = [k for k in rows if p[k] is not None and n_null[k]]
        tests = 1 if per_pair else len(judged)
        able = {k for k in judged if conformal.floor(n_null[k]) * tests <= alpha} - set(undecided)
        found = np.array([p[k] for k in judged], dtype=np.float64)
        rejected = found <= alpha if per_pair else holm(found, alpha).mask
        none = len(able) == len(rows) and not rejected.any()
        for k, hit in zip(judged, rejected, strict=True):
            if hit or k in able:
                said[k] = "related" if hit else "none of the candidates" if none else "not shown"
    return said
