"""Candidates and suspects by how they answer: from a file of responses to a verdict for each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gauger.edge.lineage.responses import Responses
from gauger.edge.lineage.tables import Pair
from gauger.errors import ConfigError, InputError
from gauger.lineage import answers as sieve
from gauger.lineage import calibration, centring, habits, likeness, population
from gauger.lineage.population import Origin
from gauger.lineage.verdicts import Verdict, verdicts
from gauger.model import Evidence
from gauger.stats import BoolArray, FloatArray, IntArray, calibrators, conformal

LEAST_MODELS = 4
NULL = (
    "the suspect was not made from the candidate, from its outputs, or with it from a common fine-tuned model: the "
    "pair is exchangeable with pairs of unrelated models that are as alike in length"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pair. score, evidence: None where it could not be judged; ``why`` says why."""

    candidate: str
    suspect: str
    score: float | None
    p: float | None
    n_null: int
    verdict: Verdict
    why: str
    evidence: Evidence | None

    @property
    def floor(self) -> float:
        """The least p-value that was possible."""
        return conformal.floor(self.n_null)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """All pairs of a file. Matrices are float64[models, models], NaN where a pair cannot be compared.

    Attributes:
        unfit: why a model cannot be judged, "" where it can. common: prompts that both answered; few make a mean so
            uncertain that innocents would stand out, so below 20 there is no score.
    """

    models: tuple[str, ...]
    unfit: tuple[str, ...]
    statistics: dict[str, FloatArray]
    score: FloatArray
    length: FloatArray
    common: IntArray
    prompts: int


def compare(responses: Responses, prompts: int, rng: np.random.Generator, pairs: Sequence[Pair] = ()) -> Compared:
    """How alike the models answer at most ``prompts`` prompts: those that most models of ``pairs`` answered.

    Raises:
        ConfigError: fewer than 20 prompts asked for. InputError: fewer than four models can be compared.
    """
    if prompts < sieve.LEAST_ANSWERS:
        raise ConfigError(f"--prompts must be at least {sieve.LEAST_ANSWERS}, not {prompts}")
    everything = responses.answers.take(np.flatnonzero(sieve.usable(responses.answers)))
    asked = np.isin(responses.models, [name for pair in pairs for name in pair])
    held = sieve.chosen(everything, asked, prompts, rng)
    few, other = sieve.too_few(held), sieve.other_words(held)
    counts = held.counts()
    unfit = tuple(
        f"{counts[k]} usable answers, and {sieve.LEAST_ANSWERS} are needed"
        if few[k]
        else "its words are not those of the population: it may speak another language"
        if other[k]
        else ""
        for k in range(held.models)
    )
    fit = ~(few | other)
    if fit.sum() < LEAST_MODELS:
        raise InputError(
            f"only {fit.sum()} of the models can be compared, and a population needs at least {LEAST_MODELS}"
        )
    held = held.take(np.flatnonzero(fit[held.model]))
    habit = {"opening_style": habits.opening_style(held), "sentence_style": habits.sentence_style(held)}
    habit["openers"] = likeness.openers(held)
    content = {"wording": likeness.wording(held), "rare_runs": likeness.rare_runs(held)}
    common = sieve.in_common(held)
    score = centring.score(list(habit.values()), list(content.values()))
    return Compared(
        models=responses.models,
        unfit=unfit,
        statistics=habit | content,
        score=np.where(common < sieve.LEAST_ANSWERS, np.nan, score),
        common=common,
        length=sieve.likeness_of_length(held),
        prompts=len(np.unique(held.prompt)),
    )


def judge(
    compared: Compared,
    pairs: Sequence[Pair],
    origins: Sequence[Origin],
    *,
    alpha: float,
    inputs: Sequence[str],
    per_pair: bool = False,
    impossible: Sequence[Pair] = (),
) -> list[Judged]:
    """A verdict for each pair, in order.

    Args:
        per_pair: alpha holds for each pair, not for all candidates of a suspect together.
        impossible: pairs that are unrelated as the candidate is younger than the suspect; null pairs beside those that
            the population's table has.

    Raises:
        ConfigError: an alpha outside (0, 1). InputError: a pair names a model that has neither answers nor a row.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha must lie between 0 and 1, not {alpha}")
    code = {name: k for k, name in enumerate(compared.models)}
    table = {o.name: o for o in origins}
    for name in dict.fromkeys(n for pair in pairs for n in pair):
        if name not in code and name not in table:
            raise InputError(f"the pairs name {name!r}, which neither the responses nor the population have")
    known = [table.get(name, Origin(name=name)) for name in compared.models]
    kin = population.related(known)
    same, may_be_same = population.of_one_base(known)
    null = calibration.null_pairs(
        compared.score,
        compared.length,
        kin,
        population.clusters(known),
        same,
        np.array([o.known for o in known]),
        _listed(code, impossible),
    )
    reasons = [_reason(compared, code, pair) for pair in pairs]
    able = [k for k, reason in enumerate(reasons) if not reason]
    places = [(code[pairs[k][0]], code[pairs[k][1]]) for k in able]
    found, counts = calibration.p_values(places, compared.score, compared.length, null, kin, may_be_same)
    p: list[float | None] = [None] * len(pairs)
    n_null = [0] * len(pairs)
    for k, value, n in zip(able, found, counts, strict=True):
        p[k], n_null[k] = float(value), int(n)
    words = verdicts([suspect for _, suspect in pairs], p, n_null, alpha, per_pair=per_pair)
    return [
        _judged(compared, code, pairs[k], p[k], n_null[k], words[k], reasons[k], alpha, tuple(inputs))
        for k in range(len(pairs))
    ]


def _listed(code: dict[str, int], pairs: Sequence[Pair]) -> BoolArray:
    made = np.zeros((len(code), len(code)), dtype=np.bool_)
    for a, b in pairs:
        if a in code and b in code:
            made[code[a], code[b]] = True
    return made


def _reason(compared: Compared, code: dict[str, int], pair: Pair) -> str:
    """Why a pair cannot be judged, or ""."""
    for role, name in zip(("candidate", "suspect"), pair, strict=True):
        if name not in code:
            return f"the {role} has no answers"
        if compared.unfit[code[name]]:
            return f"the {role}: {compared.unfit[code[name]]}"
    a, b = (code[name] for name in pair)
    if np.isfinite(compared.score[a, b]):
        return ""
    return (
        f"the two have {compared.common[a, b]} usable answers to the same prompts, and {sieve.LEAST_ANSWERS} are needed"
    )


def _judged(
    compared: Compared,
    code: dict[str, int],
    pair: Pair,
    p: float | None,
    n_null: int,
    verdict: Verdict,
    reason: str,
    alpha: float,
    inputs: tuple[str, ...],
) -> Judged:
    score = None if p is None else float(compared.score[code[pair[0]], code[pair[1]]])
    evidence = None if p is None or score is None else _evidence(compared, code, pair, p, n_null, score, inputs)
    if verdict == "cannot tell" and not reason:
        reason = (
            f"no p-value below the floor 1/{n_null + 1:,} is possible, too high for this suspect's candidates"
            if n_null
            else "the two are, or may be, of one base, and the population has no two unrelated pairs of one base"
        )
    return Judged(
        candidate=pair[0],
        suspect=pair[1],
        score=score,
        p=p,
        n_null=n_null,
        verdict=verdict,
        why=reason or f"rank of the score among {n_null:,} pairs of clusters that are unrelated; alpha {alpha:g}",
        evidence=evidence,
    )


def _evidence(
    compared: Compared,
    code: dict[str, int],
    pair: Pair,
    p: float,
    n_null: int,
    score: float,
    inputs: tuple[str, ...],
) -> Evidence:
    a, b = (code[name] for name in pair)
    return Evidence(
        subject=f"{pair[0]} -> {pair[1]}",
        null=NULL,
        kind="calibrated",
        method="behaviour",
        params={
            "p": p,
            "score": score,
            "floor": conformal.floor(n_null),
            "prompts": compared.prompts,
            "length": float(compared.length[a, b]),
            **{name: float(matrix[a, b]) for name, matrix in compared.statistics.items()},
        },
        log_e=float(calibrators.mixture(np.log(p))),
        n=n_null,
        anytime=False,
        inputs=inputs,
        why="how alike they open answers and sentences, word them and share rare phrases, against unrelated models",
    )
