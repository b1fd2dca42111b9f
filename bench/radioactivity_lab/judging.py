"""A student's text and predictions against a key, by the functions that the program itself judges with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gauger.stats import BoolArray, FloatArray
from gauger.stats.merging import Looks, Merged
from gauger.watermark import reading
from gauger.watermark.corpus import Selection, select
from gauger.watermark.detection import log_e, values
from gauger.watermark.radioactivity import doubling
from gauger.watermark.reading import Reading
from gauger.watermark.schemes import Scheme
from gauger.watermark.served import Served, keep_served, reading_places
from radioactivity_lab.student import Student, read
from radioactivity_lab.teacher import PROMPT, Tokens

LOG10 = float(np.log(10))
CANDIDATES = 32
Weights = dict[str, Reading]


@dataclass(frozen=True, eq=False)
class Path:
    """A running e-value: log10_e after each scored token, float64[n]; ends: how many were scored by each look."""

    log10_e: FloatArray
    ends: NDArray[np.int64]

    def at_looks(self) -> list[float]:
        return [round(float(self.log10_e[e - 1]), 3) if e else 0.0 for e in self.ends]

    def planned(self) -> list[float]:
        return planned(self.at_looks())

    def highest(self) -> float:
        return float(self.log10_e.max(initial=0.0))


def planned(log10_e: Sequence[float]) -> list[float]:
    """What e-values at planned looks are merged to, after each of them."""
    looks, merged = Looks(alpha=0.05, planned=len(log10_e)), []
    for e in log10_e:
        looks = looks.update(Merged(null="", kind="exact", log_e=e * LOG10))
        assert looks.merged
        merged.append(round(looks.merged.log_e / LOG10, 3))
    return merged


def path(chosen: Selection, ends: Sequence[int], secret: bytes, scheme: Scheme, *, every: bool) -> Path:
    """Of one key over selected tokens; ``ends``: where in the tokens the looks are. Without ``every``, only there."""
    steps = scheme.process.steps(scheme.observations(values(chosen, secret)))
    each = len(steps) // max(len(chosen.at), 1)
    sums = steps.cumsum(0)[each - 1 :: each] if len(steps) else steps
    scored = np.searchsorted(chosen.at, ends)
    if not every:
        picked = np.unique(scored[scored > 0])
        return Path(log_e(sums[picked - 1], scheme) / LOG10, np.searchsorted(picked, scored, side="right"))
    return Path(log_e(sums, scheme) / LOG10, scored)


def closed(
    texts: Sequence[Tokens], asked: Tokens, keep: Sequence[BoolArray] | None, h: int, first: int = 16
) -> tuple[Selection, list[int], tuple[int, ...]]:
    """Tokens to score among those kept, the looks' places among all tokens, and the looks in answers."""
    looks = doubling(len(texts), first=first)
    chosen = select(texts, h=h, prompts=list(asked), keep=keep)
    ends = np.cumsum([len(t) for t in texts])
    return chosen, [int(ends[k - 1]) for k in looks], looks


def by_window(texts: Sequence[Tokens], plain: Sequence[Tokens], h: int) -> Reading:
    """A text as predictions: how often each token follows a window, less how often it does in unmarked text.

    Its weights hang on texts alone, so what holds of ``reading.log_e`` holds here of texts fixed beforehand. Shares
    are shrunk towards 0 where a window came seldom.
    """
    pairs, counts = _pairs(texts, h)
    known, expected = (dict(zip(*_as_rows(part), strict=True)) for part in (_pairs(plain, h), _windows(plain, h)))
    windows, of = np.unique(pairs[:, :h], axis=0, return_inverse=True)
    total = np.bincount(of, counts)
    rows = [tuple(r) for r in pairs.tolist()]
    usual = np.array([known.get(r, 0) / (expected.get(r[:h], 0) + 2) for r in rows])
    weights = (counts - total[of] * usual) / (total[of] + 3)
    order = np.lexsort((-np.abs(weights), of))
    rank = np.arange(len(of)) - np.searchsorted(of[order], of[order])
    order, rank = order[rank < CANDIDATES], rank[rank < CANDIDATES]
    ids = np.tile(np.arange(CANDIDATES) + 2**31, (len(windows), 1)).astype(np.uint32)  # ids that no token has
    table = np.zeros(ids.shape)
    ids[of[order], rank], table[of[order], rank] = pairs[order, h], weights[order]
    return Reading(windows=windows.astype(np.uint32), ids=ids, weights=table)


def windows_log10(found: Reading, windows: Served, secret: bytes, scheme: Scheme) -> float:
    """log10 e of the windows that we served."""
    apart = np.pad(found.windows, ((0, 0), (0, 1))).ravel()  # a token after each window, to ask for its window
    keep = keep_served([apart], windows)[0][windows.h :: windows.h + 1]
    part = Reading(windows=found.windows[keep], ids=found.ids[keep], weights=found.weights[keep])
    return float(reading.log_e(reading.bets(part, secret, scheme))) / LOG10


def _pairs(texts: Sequence[Tokens], h: int) -> tuple[Tokens, Tokens]:
    """Windows with the token after them, int[n, h + 1], each once, and how often they come."""
    return np.unique(np.concatenate([sliding_window_view(t, h + 1) for t in texts]), axis=0, return_counts=True)


def _windows(texts: Sequence[Tokens], h: int) -> tuple[Tokens, Tokens]:
    return _pairs([t[:-1] for t in texts], h - 1)


def _as_rows(counted: tuple[Tokens, Tokens]) -> tuple[list[tuple[int, ...]], list[int]]:
    return [tuple(r) for r in counted[0].tolist()], counted[1].tolist()


def readings(student: Student, base: Student, said: Tokens, h: int) -> tuple[Weights, NDArray[np.int64]]:
    """Predictions where a window stands first among served outputs, weighed in three ways; each place's output."""
    places = reading_places(list(said[:, PROMPT:]), h=h, prompts=list(said[:, :PROMPT]))
    of = np.repeat(np.arange(len(said)), [len(p) for p in places])
    at = np.concatenate(places) + PROMPT
    windows = said[of[:, None], at[:, None] + np.arange(-h, 0)].astype(np.uint32)
    p, q = (_predictions(model, said, of, at) for model in (student, base))
    first = (p == p.max(1, keepdims=True)).astype(np.float64)
    return {k: _reading(windows, w) for k, w in {"first choice": first, "p": p, "p - base": p - q}.items()}, of


def open_path(found: Reading, of: NDArray[np.int64], ends: Sequence[int], secret: bytes, scheme: Scheme) -> list[float]:
    """log10 e after so many outputs each."""
    gains, done, log10 = np.zeros(len(reading.BETS)), 0, []
    for end in np.searchsorted(of, ends):
        part = Reading(windows=found.windows[done:end], ids=found.ids[done:end], weights=found.weights[done:end])
        gains, done = gains + reading.bets(part, secret, scheme), end
        log10.append(round(float(reading.log_e(gains)) / LOG10, 3))
    return log10


def _predictions(model: Student, said: Tokens, of: NDArray[Any], at: NDArray[Any], rows: int = 64) -> FloatArray:
    found = []
    for k, logits in enumerate(read(model, said, batch=rows)):
        mine = of // rows == k
        found.append(logits[of[mine] - k * rows, at[mine] - 1].softmax(-1).numpy().astype(np.float64))
    return np.concatenate(found)


def _reading(windows: NDArray[np.uint32], weights: FloatArray) -> Reading:
    ids = np.argpartition(-np.abs(weights), CANDIDATES, axis=1)[:, :CANDIDATES]
    return Reading(windows=windows, ids=ids.astype(np.uint32), weights=np.take_along_axis(weights, ids, 1).clip(-1, 1))
