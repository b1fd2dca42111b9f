"""Evidence pays for what was chosen by looking."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from gauger.app.findings import step_evidence
from gauger.detect.timing import STEP_NULL
from gauger.detect.verdicts import Candidate

DAYS, INPUTS = 14, ("sha256:0",)


@dataclass
class Hours:
    """What of a log the timing evidence reads: members 0 to 5 burst together, 6 to 11 on days of their own."""

    hours: sparse.csr_matrix
    start: int = 0


@pytest.fixture
def log() -> Hours:
    rng = np.random.default_rng(1)
    hours = np.zeros((12, DAYS * 24))
    hours[:6, [30, 54, 126, 150]] = 20
    for i in range(6, 12):
        hours[i, rng.permutation(DAYS)[:4] * 24 + 6] = 20
    return Hours(sparse.csr_matrix(hours))


def candidate(*parts: range, among: int) -> Candidate:
    members = np.array([i for part in parts for i in part])
    nothing = np.zeros(len(members))
    return Candidate(
        members=members,
        scores={},
        log_odds=0.0,
        affinity=nothing,
        member_p=nothing,
        p=0.01,
        n_null=99,
        flagged=nothing > 0,
        parts=tuple(np.array(part) for part in parts),
        among=among,
        rejected=True,
    )


def test_timing_pays_for_the_choice_among_groups(log) -> None:
    one = candidate(range(6), among=1)
    alone = step_evidence(log, one, "c", INPUTS)
    chosen = step_evidence(log, replace(one, among=20), "c", INPUTS)
    assert alone.log_e > np.log(20)
    assert chosen.log_e == pytest.approx(alone.log_e - np.log(20))
    assert (chosen.null, chosen.params["groups"]) == (STEP_NULL, 20)


def test_joined_groups_are_judged_as_they_were_formed(log) -> None:
    first = step_evidence(log, candidate(range(6), among=4), "c", INPUTS).log_e
    both = step_evidence(log, candidate(range(6), range(6, 12), among=4), "c", INPUTS).log_e
    assert first < both < first + np.log(2)  # the second part keeps no step
