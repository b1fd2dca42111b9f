"""Whose key is in this text? All accounts' keys at once, with the chance of accusing an innocent one stated.

    found = trace(select(texts, h=scheme.h), keys, scheme, subject="suspect-7", decoys=decoys)
    found.accused  # Evidence, the strongest first

Decoys are keys of the same kind that were never used to mark anything. Under them every text is unmarked, so that
their p-values must look uniform: they test the null itself on this very text, and say what chance alone reaches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gauger.errors import ConfigError
from gauger.model import Evidence
from gauger.stats import BoolArray, FloatArray, IntArray
from gauger.stats.multiple import holm
from gauger.stats.tails import binomial_log_upper
from gauger.watermark.corpus import Selection
from gauger.watermark.detection import evidence, log_e, sums
from gauger.watermark.keys import Key
from gauger.watermark.schemes import Scheme

_BROKEN = math.log(1e-3)  # decoys this unlikely speak against the null itself


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What every key says of one text.

    Attributes:
        log_p, log_e: of each key, in the order given, float64[keys].
        order: the keys' positions, the strongest first, int64[keys].
        by_p: keys that Holm rejects on the exact p-values, bool[keys].
        accused: the evidence of those in ``by_p``, the strongest first; empty where the decoys are against the null.
        decoy_p: the share of decoys that do as well as the strongest key, itself counted in; at least 1 / (decoys + 1).
        null_log_p: how unlikely the decoys are, log P(so many of them below 1 %); 0 without any.
        why: in words.
    """

    log_p: FloatArray
    log_e: FloatArray
    order: IntArray
    by_p: BoolArray
    accused: tuple[Evidence, ...]
    decoy_p: float
    null_log_p: float
    why: str


def trace(
    selection: Selection,
    keys: Sequence[Key],
    scheme: Scheme,
    *,
    subject: str,
    alpha: float = 1e-6,
    decoys: Sequence[Key] = (),
) -> Trace:
    """Compare a text with the keys of many accounts.

    Null: of each key, that the text was made without it. Account keys are independent, so that one account's mark is
        chance under another's key.
    Guarantee: P(any innocent key in ``by_p``) <= alpha for a corpus fixed beforehand (Holm, exact p-values, any
        dependence). Not claimed: who sat behind an account, or that all guilty ones are found.
    Source: Holm 1979; for decoys, Elias & Gygi 2007 (target-decoy search).  Deviates: decoys never
        accuse, they can only acquit: where as many of them fall below 1 % as happens once in 1,000, nobody is accused.

    Raises:
        ConfigError: no keys, the same key twice, a decoy among the keys, or alpha outside (0, 1).
    """
    ids = [key.id for key in (*keys, *decoys)]
    if not keys or len(set(ids)) < len(ids):
        raise ConfigError("tracing: give at least one key, and none of the keys and decoys twice")
    totals = sums(selection, [key.secret for key in (*keys, *decoys)], scheme)
    log_p, of_decoys = np.split(scheme.log_p(totals), [len(keys)])
    e_values = log_e(totals[: len(keys)], scheme)
    order = np.lexsort((-e_values, log_p))
    by_p = holm(np.exp(log_p), alpha).mask
    low = int((of_decoys <= math.log(0.01)).sum())
    null_log_p = float(binomial_log_upper(low, len(decoys), 0.01))
    sound = null_log_p > _BROKEN
    accused = [k for k in order if by_p[k] and sound]
    best = float(log_p[order[0]])
    return Trace(
        log_p=log_p,
        log_e=e_values,
        order=order,
        by_p=by_p,
        accused=tuple(
            evidence(totals[k], selection.tally, scheme, key_id=keys[k].id, inputs=(selection.digest,), subject=subject)
            for k in accused
        ),
        decoy_p=float((1 + (of_decoys <= best).sum()) / (len(decoys) + 1)),
        null_log_p=null_log_p,
        why=_why(len(keys), len(accused), alpha, selection.tally.scored, low, len(decoys), sound),
    )


def _why(keys: int, accused: int, alpha: float, scored: int, low: int, decoys: int, sound: bool) -> str:
    if not scored:
        return "nothing to score, so nobody is accused"
    if not sound:
        return f"nobody is accused: {low:,} of {decoys:,} unused keys fall below 1 %, so the null does not hold here"
    checked = (
        f"; {low:,} of {decoys:,} unused keys fall below 1 %" if decoys else "; no unused keys to check the null by"
    )
    return f"{accused:,} of {keys:,} keys accused at a chance of {alpha:g} to accuse any innocent one{checked}"
