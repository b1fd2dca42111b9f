"""Candidates and suspects by how they answer: from a comparison to a verdict for each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gauger.app.lineage_comparing import Carrier, Compared, Statistic
from gauger.edge.lineage.tables import Pair
from gauger.errors import ConfigError, InputError
from gauger.lineage import calibration, leaks, population, sequential
from gauger.lineage.answers import LEAST_ANSWERS
from gauger.lineage.population import Origin
from gauger.lineage.verdicts import Verdict, verdicts
from gauger.model import Evidence
from gauger.stats import BoolArray, FloatArray, IntArray, calibrators, conformal

NULL = (
    "the suspect was not made from the candidate, from its outputs, or with it from a common fine-tuned model: the "
    "pair is exchangeable with pairs of unrelated models that are as alike in length"
)
NO_NULL = (
    "the population has no unrelated pairs to rank it among: as alike in length, and of one base if the two may be"
)
NULLS: Mapping[Statistic, str] = {
    "likeness": NULL,
    "phrases": NULL,
    "leaks": (
        "the suspect was not made from a model of the candidate's maker, nor from its outputs: it says that it is one "
        "as often as models unrelated to the two do, and is exchangeable with their clusters of one maker and base"
    ),
}
NO_NULLS: Mapping[Statistic, str] = {
    "likeness": NO_NULL,
    "phrases": NO_NULL,
    "leaks": (
        "no name is known that the candidate goes by, or the population has no unrelated models to rank the suspect "
        "among: with a base of the candidate's maker if the suspect's is, or may be"
    ),
}
RANKED: Mapping[Statistic, str] = {
    "likeness": "pairs of clusters that are unrelated",
    "phrases": "pairs of clusters that are unrelated",
    "leaks": "clusters of models that are unrelated to the two",
}
METHODS: Mapping[Statistic, str] = {"likeness": "behaviour", "phrases": "behaviour phrases", "leaks": "behaviour leaks"}
WHY: Mapping[Statistic, str] = {
    "likeness": "how alike they answer, against unrelated models: ",
    "phrases": "how far they over-use one another's phrases on other prompts, against unrelated models: ",
    "leaks": "on how many prompts the suspect says that it is of the candidate's maker, against unrelated models: ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pair. score, p, evidence: None where it could not be judged; ``why`` says why.

    prompts: after how many it was decided, given up or is to go on; all, if all were asked at once.
    carriers: of a finding, what carried it; only of statistics that can show it.
    """

    candidate: str
    suspect: str
    score: float | None
    p: float | None
    n_null: int
    prompts: int
    verdict: Verdict
    why: str
    evidence: Evidence | None
    carriers: tuple[Carrier, ...] = ()

    @property
    def floor(self) -> float:
        """The least p-value that was possible."""
        return conformal.floor(self.n_null)


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
    everybody = population.everybody(compared.models, origins)
    names = {o.name for o in everybody}
    for name in dict.fromkeys(n for pair in pairs for n in pair):
        if name not in names:
            raise InputError(f"the pairs name {name!r}, which neither the responses nor the population have")
    reasons = [_reason(compared, code, pair) for pair in pairs]
    able = [k for k, reason in enumerate(reasons) if not reason]
    places = [(code[pairs[k][0]], code[pairs[k][1]]) for k in able]
    p, n_null, last, going_on = _calibrated(compared, places, everybody, _listed(code, impossible))
    every: list[list[float | None]] = [[None] * len(pairs) for _ in compared.looks]
    units = [0] * len(pairs)
    for at, k in enumerate(able):
        units[k] = int(n_null[at])
        for look, column in enumerate(every):
            column[k] = float(p[at, look])
    said = [verdicts([s for _, s in pairs], found, units, alpha, per_pair=per_pair) for found in every]
    going = [k for k, on in zip(able, going_on, strict=True) if on]
    words = verdicts([s for _, s in pairs], every[-1], units, alpha, per_pair=per_pair, undecided=going)
    looks = dict(zip(able, last.tolist(), strict=True))
    made = []
    for k, pair in enumerate(pairs):
        first = next((look for look, found in enumerate(said) if found[k] == "related"), len(said))
        look = min(first, looks.get(k, len(said) - 1))
        if words[k] == "cannot tell" != said[-1][k]:
            reasons[k] = f"undecided after {_prompts(compared, code, pair, look):,} prompts: go on"
        made.append(_judged(compared, code, pair, look, every[look][k], units[k], words[k], reasons[k], alpha, inputs))
    return made


def _calibrated(
    compared: Compared, places: Sequence[tuple[int, int]], everybody: Sequence[Origin], listed: BoolArray
) -> tuple[FloatArray, IntArray, IntArray, BoolArray]:
    """p-values float64[pairs, looks], null units, the look at which each pair is given up or that it has come to,
    int64[pairs], and whether it is to go on, bool[pairs]."""
    size = len(compared.models)
    kin, known = population.related(everybody)[:size, :size], everybody[:size]
    whole = np.array([o.known for o in known])
    if compared.leaks is not None:
        p, n = leaks.p_values(places, compared.leaks, kin, population.clusters(known), whole, listed)
        return p[:, None], n, np.zeros(len(places), dtype=np.int64), np.zeros(len(places), dtype=np.bool_)
    same, may_be_same = population.of_one_base(known)
    highest = np.fmax.accumulate(compared.score, axis=0)  # so far, at each look
    null = calibration.null_pairs(highest[-1], compared.length, kin, population.clusters(known), same, whole, listed)
    reached = np.nan_to_num(highest, nan=-np.inf)
    p, n_null = calibration.p_values(places, reached, compared.length, null, kin, may_be_same)
    given_up = sequential.stops(compared.score, compared.looks, null, places)
    last = given_up
    if compared.asked is not None:
        reached = sequential.reached(compared.asked, compared.looks)
        last = np.minimum(given_up, np.array([reached[pair] for pair in places], dtype=np.int64))
    after = np.minimum(np.arange(len(compared.looks)), last[:, None])
    return np.take_along_axis(p, after, axis=1), n_null, last, given_up > last


def _prompts(compared: Compared, code: dict[str, int], pair: Pair, look: int) -> int:
    """On how many prompts the two are compared; prompt by prompt, how many they were asked by then."""
    if not set(pair) <= code.keys():
        return 0
    place = code[pair[0]], code[pair[1]]
    return int(compared.common[place] if compared.asked is None else compared.asked[look, *place])


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
    if np.isfinite(compared.score[-1, a, b]) and np.isfinite(compared.length[a, b]):
        return ""
    if compared.asked is not None and compared.common[a, b] >= compared.least:
        return f"the two have no usable answers to the same of the first {compared.looks[0]} prompts in the order"
    said = f"the two have {compared.common[a, b]} usable answers to the same prompts, and {compared.least} are needed"
    if compared.common[a, b] < LEAST_ANSWERS or compared.asked is not None:
        return said
    return f"{said}, half of what others have: name these two alone, and all are compared on those prompts"


def _judged(
    compared: Compared,
    code: dict[str, int],
    pair: Pair,
    look: int,
    p: float | None,
    n_null: int,
    verdict: Verdict,
    reason: str,
    alpha: float,
    inputs: Sequence[str],
) -> Judged:
    evidence = None if p is None else _evidence(compared, code, pair, look, p, n_null, tuple(inputs))
    if verdict == "cannot tell" and not reason:
        floor = f"no p-value below the floor 1/{n_null + 1:,} is possible, too high for this suspect's candidates"
        reason = floor if n_null else NO_NULLS[compared.statistic]
    return Judged(
        candidate=pair[0],
        suspect=pair[1],
        score=None if evidence is None else float(evidence.params["score"]),
        p=p,
        n_null=n_null,
        prompts=_prompts(compared, code, pair, look),
        verdict=verdict,
        why=reason or f"rank of the score among {n_null:,} {RANKED[compared.statistic]}; alpha {alpha:g}",
        evidence=evidence,
        carriers=compared.carriers(code[pair[0]], code[pair[1]]) if compared.carriers and verdict == "related" else (),
    )


def _evidence(
    compared: Compared, code: dict[str, int], pair: Pair, look: int, p: float, n_null: int, inputs: tuple[str, ...]
) -> Evidence:
    a, b = (code[name] for name in pair)
    return Evidence(
        subject=f"{pair[0]} -> {pair[1]}",
        null=NULLS[compared.statistic],
        kind="calibrated",
        method=METHODS[compared.statistic] if len(compared.looks) == 1 else "behaviour in turn",
        params={
            "p": p,
            "score": float(np.nanmax(compared.score[: look + 1, a, b], initial=-np.inf)),
            "floor": conformal.floor(n_null),
            "prompts": _prompts(compared, code, pair, look),
            "length": float(compared.length[a, b]),
            **{name: float(matrix[a, b]) for name, matrix in compared.statistics.items()},
        },
        log_e=float(calibrators.mixture(np.log(p))),
        n=n_null,
        anytime=len(compared.looks) > 1,
        inputs=inputs,
        why=WHY[compared.statistic] + ", ".join(compared.statistics).replace("_", " "),
    )
