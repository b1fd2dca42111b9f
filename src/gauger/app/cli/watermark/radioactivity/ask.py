"""``gauger watermark radioactivity ask``: put a plan's questions to the suspect. Needs no key."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from gauger.app.asking import ask_until
from gauger.app.cli.asking_options import ApiKeyEnv, AsJson, PerMinute, SkipRefused, Timeout
from gauger.app.cli.output import say
from gauger.app.cli.watermark.radioactivity.options import (
    Answers,
    Digest,
    PlanFile,
    Prompts,
    Reference,
    ResponsesFile,
    Seed,
    ServedOutputs,
    Weights,
)
from gauger.app.reaching import Way, reached
from gauger.edge.answers import Journal
from gauger.edge.plans import read_plan
from gauger.edge.suspects import Answer
from gauger.edge.suspects.pace import Pace
from gauger.model import canonical_json
from gauger.watermark.radioactivity import Plan


def ask(
    plan: PlanFile,
    answers: Answers,
    prompts: Prompts = None,
    served: ServedOutputs = None,
    responses: ResponsesFile = None,
    api_key_env: ApiKeyEnv = None,
    weights: Weights = None,
    reference: Reference = None,
    requests_per_minute: PerMinute = 60.0,
    timeout: Timeout = 120.0,
    skip_refused: SkipRefused = False,
    seed: Seed = 1,
    digest: Digest = None,
    as_json: AsJson = False,
) -> int:
    """Ask the suspect what the plan says and the journal does not hold yet."""
    fixed = read_plan(plan, digest)
    way = Way(prompts, served, responses, api_key_env, weights, reference, timeout, skip_refused, seed)
    with (
        reach(fixed, way, requests_per_minute) as question,
        Journal(answers, fixed.digest, fixed.looks[-1]) as journal,
    ):
        ask_until(fixed.looks[-1], journal, question, say)
        held = len(journal.answers)
    if as_json:
        print(
            canonical_json({"schema": "gauger/radioactivity-asked/1", "plan": fixed.digest, "answers": held}).decode()
        )
    else:
        print(f"All {held:,} answers of the plan are in {answers}.")
    return 0


def reach(plan: Plan, way: Way, per_minute: float) -> AbstractContextManager[Callable[[int], Answer]]:
    """The plan's suspect, asked no faster than so."""
    return reached(plan, way, Pace(per_minute, clock=time.monotonic, sleep=time.sleep))
