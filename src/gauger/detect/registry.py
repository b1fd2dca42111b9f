"""All signals that a scan runs, in the order of the docs."""

from __future__ import annotations

from gauger.detect import (
    conversation_hopping,
    distribution_shift,
    elicited,
    event_response,
    infrastructure,
    lifecycle,
    template_families,
    timing,
    training_shape,
)
from gauger.detect.signals import GroupScores, Members, Signal
from gauger.detect.traffic import Traffic

SIGNALS: tuple[Signal, ...] = (
    template_families.SIGNAL,
    elicited.SIGNAL,
    training_shape.SIGNAL,
    distribution_shift.SIGNAL,
    timing.SIGNAL,
    infrastructure.SIGNAL,
    lifecycle.SIGNAL,
    event_response.SIGNAL,
    conversation_hopping.SIGNAL,
)


def describe(traffic: Traffic, members: Members) -> GroupScores:
    """All features of a group; those of a signal that cannot run on this log are left out."""
    scores: GroupScores = {}
    for signal in SIGNALS:
        if not signal.missing(traffic):
            scores |= signal.group(traffic, members)
    return scores
