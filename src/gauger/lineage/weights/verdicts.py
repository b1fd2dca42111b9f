"""What is said of a suspect and a candidate by their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gauger.errors import ConfigError
from gauger.lineage.weights import order
from gauger.lineage.weights.comparing import Compared, Tested
from gauger.model import Evidence, Score
from gauger.stats import calibrators, merging

Word = Literal["not independent", "nothing found", "cannot tell"]
NULL = (
    "the suspect was made without the candidate's weights and without those that the candidate grew from: given what "
    "the candidate computes, the order of its units and channels and its units' signs are chance to the suspect"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A suspect and a candidate.

    Attributes:
        evidence: of each test, in the order of the tests; merged: their mean, None where there is none.
        floor: log of the greatest e-value that the tests could have given.
    """

    word: Word
    why: str
    alpha: float
    tests: tuple[Tested, ...]
    evidence: tuple[Evidence, ...]
    merged: Evidence | None
    floor: float
    scores: tuple[Score, ...]


def judge(compared: Compared, *, subject: str, alpha: float, seed: int, inputs: Sequence[str]) -> Judged:
    """The verdict: ``not independent`` where the mean of the tests' e-values reaches 1 / alpha.

    Null: ``NULL``: chance that treats units, channels and signs alike initialised the candidate, and a rule that does
        so (SGD, Adam, AdamW, Adafactor, Muon) trained it; the suspect depends on it through its outputs at most.
    Guarantee: P(not independent) <= alpha for each suspect, however it was made: from the candidate's outputs, by the
        same recipe, on the same data; and whatever MLPs have in common: experts and layers that began as copies of one.
    Not claimed: who was made from whom, or whether both grew from a third; independence where nothing is found; the
        null where both began at the same seed by the same code; where units are sorted or nested by importance; where
        positions are added to fixed channels (sinusoids); where both widened an MLP by copies of its own units.
    Source: Zhu, Ahmed, Kuditipudi & Liang 2025, arXiv 2502.12292, theorem 1; Vovk & Wang 2021 for the mean.
        Deviates: four tests by e-values with weights fixed beforehand, where the source has a p-value of each; MLPs by
        Bonferroni, which needs no independence, where the source has Fisher.

    Raises:
        ConfigError: an alpha outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha must lie between 0 and 1, not {alpha}")
    evidence = [_evidence(test, subject, seed, inputs) for test in compared.tests]
    if not evidence:
        why = compared.unlike or "the two have no tensors in common that can be compared"
        return _judged("cannot tell", why, alpha, compared, (), None, 0.0, subject)
    weights = [1 / len(evidence)] * len(evidence)
    merged = _merged(evidence, merging.mean(evidence, weights).log_e, inputs)
    best = [_evidence(test, subject, seed, inputs, at_floor=True) for test in compared.tests]
    floor = merging.mean(best, weights).log_e
    needed = -math.log(alpha)
    if merged.log_e >= needed:
        word, why = _found(compared.tests, evidence)
    elif compared.unlike:
        word, why = "cannot tell", f"nothing was found in what both have, but {compared.unlike}"
    elif floor < needed:
        word, why = "cannot tell", f"models so small cannot give log10 e of {needed / math.log(10):.1f}"
    else:
        word, why = (
            "nothing found",
            "no test shows that the suspect was made with the candidate's weights; that is no proof",
        )
    return _judged(word, why, alpha, compared, tuple(evidence), merged, floor, subject)


def _found(tests: Sequence[Tested], evidence: Sequence[Evidence]) -> tuple[Word, str]:
    best = max(range(len(tests)), key=lambda k: evidence[k].log_e)
    return "not independent", tests[best].why


def _judged(
    word: Word,
    why: str,
    alpha: float,
    compared: Compared,
    evidence: tuple[Evidence, ...],
    merged: Evidence | None,
    floor: float,
    subject: str,
) -> Judged:
    scores = tuple(Score(subject=subject, method=s.method, value=s.value, n=s.n, why=s.why) for s in compared.scores)
    return Judged(
        word=word,
        why=why,
        alpha=alpha,
        tests=compared.tests,
        evidence=evidence,
        merged=merged,
        floor=floor,
        scores=scores,
    )


def _evidence(test: Tested, subject: str, seed: int, inputs: Sequence[str], *, at_floor: bool = False) -> Evidence:
    log_p = test.floor if at_floor else test.log_p
    params = {"log10_p": log_p / math.log(10), "log10_floor": test.floor / math.log(10), "seed": seed}
    return Evidence(
        subject=subject,
        null=NULL,
        kind="exact",
        method=f"weights: {test.name}",
        params={**params, "block": order.BLOCK},
        log_e=float(calibrators.mixture(log_p)),
        n=test.n,
        anytime=False,
        inputs=tuple(inputs),
        why=test.why,
    )


def _merged(evidence: Sequence[Evidence], log_e: float, inputs: Sequence[str]) -> Evidence:
    first = evidence[0]
    return Evidence(
        subject=first.subject,
        null=first.null,
        kind="exact",
        method="weights",
        params={e.method.removeprefix("weights: ").replace(" ", "_") + "_log10_e": e.log10_e for e in evidence},
        log_e=log_e,
        n=len(evidence),
        anytime=False,
        inputs=tuple(inputs),
        why="mean of the tests' e-values",
    )
