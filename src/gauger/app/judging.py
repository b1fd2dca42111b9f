"""A file of texts held against keys: the loop between the reader and the pure core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gauger.edge.token_files import Texts
from gauger.model import Evidence
from gauger.stats import BoolArray
from gauger.stats.multiple import e_bh, holm
from gauger.watermark.corpus import Seen, Selection, Tally, select
from gauger.watermark.detection import evidence, sums
from gauger.watermark.keys import Key
from gauger.watermark.schemes import Scheme


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What each key says of the texts.

    Attributes:
        evidence: of each key, in their order. found: whether it counts among so many keys, bool[keys].
        texts, prompted: how many there are, and how many of them with the prompt that they answer.
    """

    evidence: tuple[Evidence, ...]
    found: BoolArray
    texts: int
    prompted: int


def judge(
    parts: Iterable[Texts], keys: Sequence[Key], scheme: Scheme, *, subject: str, alpha: float, anytime: bool
) -> Verdict:
    """Hold texts that come in parts against every key.

    Args:
        anytime: decide by e-values and e-BH, which allow to look again as texts are added; else by the exact tails and
            Holm, for texts fixed beforehand.
    """
    seen, totals, tallies, digests = Seen(), np.zeros((len(keys), 2)), list[Tally](), list[str]()
    secrets, texts, prompted = [key.secret for key in keys], 0, 0
    for part in parts:
        selection = select(part.tokens, h=scheme.h, prompts=part.prompts, keep=part.keep, seen=seen)
        totals += sums(selection, secrets, scheme)
        tallies.append(selection.tally)
        digests.append(selection.digest)
        texts, prompted = texts + len(part.tokens), prompted + part.prompted
    tally = sum(tallies[1:], tallies[0])
    said = tuple(
        evidence(total, tally, scheme, key_id=key.id, inputs=tuple(digests), subject=subject)
        for key, total in zip(keys, totals, strict=True)
    )
    return Verdict(evidence=said, found=found_among(said, alpha, anytime=anytime), texts=texts, prompted=prompted)


def found_among(said: Sequence[Evidence], alpha: float, *, anytime: bool) -> BoolArray:
    """Which of several evidences count, the number of them allowed for: bool[n]."""
    if anytime:
        return e_bh([e.log_e for e in said], alpha).mask
    return holm(np.exp([float(e.params["log_p"]) for e in said]), alpha).mask


def whole(parts: Iterable[Texts], h: int) -> Selection:
    """All parts in one selection, in memory."""
    every = list(parts)
    texts, prompts = [t for part in every for t in part.tokens], [p for part in every for p in part.prompts]
    keep = [k for part in every for k in part.keep or [np.ones(len(t), np.bool_) for t in part.tokens]]
    return select(texts, h=h, prompts=prompts, keep=keep)
