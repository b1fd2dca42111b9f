"""Ghost twins: did a model train on the answer that was released, rather than on answers that never were?

For a logged exchange the teacher draws k further answers at the same settings, which nobody ever sees. Of the k + 1
one was released. A suspect that did not train on it cannot tell which: the answers are exchangeable, whatever the
suspect's style, base or age, and however it scores them. So a bet that spreads its stake over the k + 1 by their scores
alone, and is paid k + 1 for what lies on the released one, is fair.

    gains = bets(scores, released)        # one exchange after the other; gains add up
    log_e(gains.sum(axis=0))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gauger.errors import InputError
from gauger.stats import FloatArray, IntArray

BETS = tuple(2.0**k for k in range(-6, 4))
"""How steeply the stake follows the scores, in units of 1 / score: from 1/64 to 8, mixed evenly."""


def bets(scores: ArrayLike, released: ArrayLike) -> FloatArray:
    """What each of ``BETS`` gains at each exchange, float64[exchanges, len(BETS)].

    Args:
        scores: what the suspect gives each of the k + 1 answers, float[exchanges, k + 1], higher for what it likelier
            trained on: say its log-probability of the answer less a reference model's, in nats. Computed without a
            look at which was released. -inf is allowed, NaN is not.
        released: the column of the released answer, int[exchanges].

    Raises:
        InputError: shapes that do not fit, a score that is no number, or a column that there is not.
    """
    table, columns = _checked(scores, released)
    top = table.max(axis=1, keepdims=True)
    # Where all scores are -inf they say nothing, and the stake is spread evenly.
    relative = np.where(np.isneginf(top), 0.0, table - np.where(np.isfinite(top), top, 0.0))
    stakes = relative[:, None, :] * np.array(BETS)[:, None]
    on_released = stakes[np.arange(len(table)), :, columns]
    # The highest stake of a row is 0, so its sum of exponentials is between 1 and k + 1.
    gains: FloatArray = np.log(table.shape[1]) + on_released - np.log(np.exp(stakes).sum(axis=-1))
    return gains


def log_e(gains: FloatArray) -> FloatArray:
    """The e-process of summed gains float64[..., len(BETS)]: float64[...].

    Null: given the answers of an exchange in any order, and all exchanges before, each of the k + 1 is as likely to be
        the released one. True by our own randomness if the twins were drawn from the same frozen model at the same
        settings as the released answer, and the suspect trained on none of them and on nothing made from them.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha over exchanges in an order set without the answers, whatever the
        scores.
    Not claimed: the null where the exchange was logged because of its answer (a refusal that was retried, the longest
        of several), where the released answer was republished, or where the model has changed since.
    Source: Vovk & Wang 2021 for products of e-values that are independently randomised; the betting of
        Kelly 1956 for the stake.  Deviates: the stake is a softmax of the scores, at steepnesses mixed evenly.
    """
    mixed: FloatArray = np.logaddexp.reduce(gains, axis=-1) - np.log(len(BETS))
    return mixed


def rank_p(scores: ArrayLike, released: ArrayLike, rng: np.random.Generator) -> FloatArray:
    """Each exchange's exact p-value, float64[exchanges]: the released answer's rank; ``rng`` breaks ties.

    Null: as ``log_e``.
    Guarantee: uniform over 1/(k + 1), ..., 1.  Not claimed: power: magnitudes are lost.
    Source: Phipson & Smyth 2010, "Permutation p-values should never be zero".  Deviates: nothing.
    """
    table, columns = _checked(scores, released)
    mine = table[np.arange(len(table)), columns][:, None]
    above, equal = (table > mine).sum(axis=1), (table == mine).sum(axis=1)
    p: FloatArray = (above + 1 + rng.integers(equal)) / table.shape[1]
    return p


def _checked(scores: ArrayLike, released: ArrayLike) -> tuple[FloatArray, IntArray]:
    table, columns = np.asarray(scores, np.float64), np.asarray(released)
    if table.ndim != 2 or table.shape[1] < 2 or columns.shape != table.shape[:1]:
        raise InputError("ghosts: scores need a row of at least two answers for each exchange, and one released")
    if np.isnan(table).any() or np.isposinf(table).any():
        bad = int((np.isnan(table) | np.isposinf(table)).any(axis=1).argmax())
        raise InputError(f"ghosts: a score of exchange {bad} (counted from 0) is no number below +inf")
    if columns.size and (columns.dtype.kind not in "iu" or columns.min() < 0 or columns.max() >= table.shape[1]):
        raise InputError("ghosts: released must be the column of an answer")
    return table, columns.astype(np.int64)
