"""From selected tokens and keys to evidence: was this text made with one of our keys?

    selection = select(texts, h=scheme.h, prompts=prompts)
    found = detect(selection, key, scheme, subject="suspect-7")

A text that comes in parts is selected with one ``Seen``; sums and tallies of its parts add up, and the e-value of the
sums may be looked at after each.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import ArrayLike

from gauger.compiled import compiled
from gauger.errors import ConfigError, InputError
from gauger.model import Evidence, digest
from gauger.stats import FloatArray
from gauger.stats.betting import Bernoulli, State
from gauger.stats.tails import binomial_log_upper
from gauger.watermark.corpus import Selection, Tally
from gauger.watermark.keys import Key
from gauger.watermark.prf import Words, key_words, value_of, window_before
from gauger.watermark.schemes import Scheme

LEAST_GAMMA = 1e-9  # of flags: below it their tail takes long, and no list is as short
_BLOCK = 1 << 15  # tokens whose values lie in the processor's cache between hashing and folding


def values(selection: Selection, secret: bytes) -> Words:
    """The key's value of each selected token, in order: uint64[tally.scored]."""
    found = np.empty(len(selection.at), np.uint64)
    _values(key_words([secret])[0], selection.tokens, selection.at, selection.h, found)
    return found


def sums(selection: Selection, secrets: Sequence[bytes], scheme: Scheme) -> FloatArray:
    """The scheme's sums under each key: float64[len(secrets), 2]. Sums of a corpus' parts add up to the corpus'.

    Raises:
        ConfigError: a selection made for windows of another width.
    """
    if selection.h != scheme.h:
        raise ConfigError(f"detection: tokens were selected for h={selection.h}, but {scheme.id} has h={scheme.h}")
    totals = np.zeros((len(secrets), 2))
    buffer = np.empty(min(_BLOCK, len(selection.at)), np.uint64)
    keys = key_words(secrets)
    for begin in range(0, len(selection.at), _BLOCK):
        at = selection.at[begin : begin + _BLOCK]
        found = buffer[: len(at)]
        for k, key in enumerate(keys):
            _values(key, selection.tokens, at, selection.h, found)
            totals[k] += scheme.sums(found)
    return totals


def log_e(totals: FloatArray, scheme: Scheme) -> FloatArray:
    """The e-process' value for sums float64[..., 2]: float64[...]; 0 where nothing was scored."""
    return scheme.process.log_e(State(0, totals.copy()))


def detect(selection: Selection, key: Key, scheme: Scheme, *, subject: str) -> Evidence:
    """Evidence that texts were made with a key. Nothing to score is evidence of zero, and says why.

    Null: the texts were made without the key. See the scheme for what that makes of their scores.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha as texts are added in an order set without the key;
        P(params["log_p"] <= log(alpha)) <= alpha for a corpus fixed beforehand.  Not claimed: that who holds the key
        did not make the text himself; or anything about text that was paraphrased or translated.
    Source: the scheme's; Ville 1939 for the e-process.  Deviates: nothing.
    """
    return evidence(
        sums(selection, [key.secret], scheme)[0],
        selection.tally,
        scheme,
        key_id=key.id,
        inputs=(selection.digest,),
        subject=subject,
    )


def evidence(
    totals: FloatArray, tally: Tally, scheme: Scheme, *, key_id: str, inputs: tuple[str, ...], subject: str
) -> Evidence:
    """As ``detect``, from one key's sums float64[2] and tally, of texts that came in parts with digests ``inputs``."""
    tail, value = float(scheme.log_p(totals)), float(log_e(totals, scheme))
    return stated(tail, value, tally, scheme, key_id=key_id, inputs=inputs, subject=subject)


def stated(
    log_p: float,
    log_e: float,
    tally: Tally,
    scheme: Scheme,
    *,
    key_id: str,
    inputs: tuple[str, ...],
    subject: str,
    way: str = "",
) -> Evidence:
    """What one key's numbers say, found in a ``way`` other than the scheme's own where one is named."""
    return Evidence(
        subject=subject,
        null=f"the text was made without key {key_id}, so its {scheme.id} values are uniform and independent",
        kind="exact",
        method=f"watermark-{scheme.id}{way}",
        params={**scheme.params(), **asdict(tally), "log_p": log_p},
        log_e=log_e,
        n=tally.scored,
        anytime=True,
        inputs=(key_id, *inputs),
        why=why(tally, scheme.h),
    )


def why(tally: Tally, h: int) -> str:
    """In words, how many tokens the number rests on."""
    lost = {
        f"stand within {h} tokens of their text's beginning": tally.short,
        "were left out by the mask": tally.left_out,
        "follow what stands in the prompt, or lie next to it": tally.in_prompt,
        "repeat a window and token": tally.repeated,
    }
    reasons = [f"{count:,} {reason}" for reason, count in lost.items() if count]
    said = f"{tally.scored:,} of {tally.tokens:,} tokens scored" if tally.scored else "nothing to score, so no evidence"
    if not tally.tokens:
        return f"{said}: there is no text"
    return f"{said}: {'; '.join(reasons)}" if reasons else said


def flags(stream: ArrayLike, gamma: float, *, subject: str) -> Evidence:
    """Evidence from another tool's stream of green (1) and other (0) tokens, in its order.

    Null: given those before, each flag is 1 with probability at most gamma. Fails if the tool scored repeats.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha; params["log_p"] is exact for a length fixed beforehand, where
        flags are independent.  Not claimed: that the tool's null is true; hence of kind "model".
    Source: Robbins 1970 (mixture martingale); see ``stats.betting.Bernoulli``.  Deviates: nothing.

    Raises:
        InputError: a flag that is not 0 or 1. ConfigError: gamma outside (0, 1), or next to its ends.
    """
    if not LEAST_GAMMA <= gamma <= 1 - LEAST_GAMMA:
        raise ConfigError(f"gamma must lie strictly between 0 and 1, {LEAST_GAMMA:g} or more from both, not {gamma}")
    process = Bernoulli(p0=gamma)
    array = np.asarray(stream)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        bad = np.flatnonzero(~np.isin(array, (0, 1)).ravel())
        where = f"flag {bad[0]} (counted from 0) is not" if len(bad) else "they are not"
        raise InputError(f"flags must be a flat list of 0 and 1: {where}")
    n, green = len(array), int(np.count_nonzero(array))
    counts = np.array([green, n - green], np.float64)
    return Evidence(
        subject=subject,
        null=f"given those before it, each flag is green with probability at most {gamma}",
        kind="model",
        method="watermark-flags",
        params={"gamma": gamma, "green": green, "log_p": float(binomial_log_upper(green, n, gamma))},
        log_e=float(process.log_e(State(n, counts))) if n else 0.0,
        n=n,
        anytime=True,
        inputs=(digest(b"gauger-flags-v1" + array.astype(np.uint8).tobytes()),),
        why=f"{green:,} of {n:,} flags are green, {gamma:.1%} expected" if n else "no flags, so no evidence",
    )


@compiled
def _values(key, tokens, at, h, found):  # type: ignore[no-untyped-def]
    for i in range(len(at)):
        state = window_before(key[0], key[1], tokens, at[i], h)
        found[i] = value_of(key[0], key[1], state, tokens[at[i]])
