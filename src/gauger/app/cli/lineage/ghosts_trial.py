"""``gauger lineage ghosts test``: does a suspect tell what was released from its twins?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from gauger import __version__
from gauger.app.cli.asking_options import ApiKeyEnv, AsJson, PerMinute, SkipRefused, Timeout
from gauger.app.cli.evidence_table import fields, log10
from gauger.app.cli.lineage.ghosts_options import (
    AskModel,
    Folder,
    Plain,
    Reposts,
    Request,
    ResponsesFile,
    Url,
    Weights,
    pace,
    public,
)
from gauger.app.cli.output import Output, say
from gauger.app.cli.replay import command_line
from gauger.app.ghosts_asking import SLOT, Wish
from gauger.app.ghosts_testing import ANSWERS, SCORES, opened, prepared, run
from gauger.app.lineage_reaching import Way
from gauger.app.text import visible
from gauger.edge.lineage import plan_files
from gauger.edge.lineage.ghost_files import OPENING
from gauger.errors import ConfigError
from gauger.lineage.ghost_scores import LIKELIHOODS
from gauger.lineage.ghost_trial import Plan, Verdict
from gauger.model import canonical_json, to_plain

SHOWN = 10
MEANS = {
    "learnt": "the suspect learnt from exchanges that are sealed here",
    "not shown": "not shown; more exchanges or more access may show it",
    "cannot tell": "cannot tell: the suspect's answers hardly tell the k + 1 apart, which speaks neither way",
}
NOT_SAID = {
    True: "who trained it, or by whose hands the answers came there; nor that an answer was not published elsewhere",
    False: "that it did not learn from us: paraphrase, further training and too few exchanges look the same",
}


def trial(
    context: typer.Context,
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For the plan and the answers; one for each test.")],
    subject: Annotated[str, typer.Option(help="Which model is tested, and where: stands in the evidence.")],
    by: Annotated[
        Literal["likelihood", "text"] | None,
        typer.Option(help="What is scored. Default: likelihood of --weights, text of all else."),
    ] = None,
    endpoint: Url = None,
    ask_model: AskModel = None,
    request: Request = "{}",
    api_key_env: ApiKeyEnv = None,
    weights: Weights = None,
    reference: Annotated[
        str | None, typer.Option(metavar="DIR", help="A model that never saw our answers, to compare with.")
    ] = None,
    responses: ResponsesFile = None,
    plain: Plain = False,
    score: Annotated[
        str | None,
        typer.Option(help=f"By likelihood: {', '.join(LIKELIHOODS)}. Default: {SCORES[True]}, {SCORES[False]} alone."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1000, metavar="M", help="By text: answers to each prompt.")] = 8,
    temperature: Annotated[float, typer.Option(help="By text: of the suspect's answers.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="By text: the share of probability to keep.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(help="By text: where to cut an answer.")] = 300,
    longest: Annotated[int, typer.Option(help="By likelihood: tokens to read of prompt and answer.")] = 2048,
    template: Annotated[
        str, typer.Option(help=f"An endpoint, by likelihood: what stands before an answer; {SLOT} is the prompt.")
    ] = f"{SLOT}\n\n",
    alpha: Annotated[float, typer.Option(help="The chance to accuse a model that learnt from none of them.")] = 1e-3,
    budget: Annotated[int | None, typer.Option(min=1, metavar="N", help="Exchanges at most. Default: all.")] = None,
    reposts: Reposts = None,
    root: Annotated[str | None, typer.Option(help="Of the seal, as it was logged; another is refused.")] = None,
    digest: Annotated[str | None, typer.Option(help="Of the plan, as it was logged; another is refused.")] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Write the plan and its digest; ask nothing yet.")
    ] = False,
    opening: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the seal hides. Default: that in FOLDER.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Ask all, without the opening and without a verdict.")] = False,
    requests_per_minute: PerMinute = 60.0,
    timeout: Timeout = 120.0,
    skip_refused: SkipRefused = False,
    as_json: AsJson = False,
) -> int:
    """Ask and bet until the plan decides. The same line goes on after a kill. Exits with 1 if the suspect learnt."""
    if blind and opening is not None:
        raise ConfigError("--blind needs no --opening")
    way = Way(
        endpoint=endpoint,
        ask_model=ask_model,
        request=request,
        api_key_env=api_key_env,
        weights=weights,
        responses=responses,
        plain=plain,
        timeout_s=timeout,
        skip_refused=skip_refused,
    )
    wish = Wish(
        folder=folder,
        subject=subject,
        by=by or ("text" if weights is None else "likelihood"),
        way=way,
        reference=reference,
        score=score,
        samples=samples,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        longest=longest,
        template=template,
        alpha=alpha,
        budget=budget,
    )
    with prepared(wish, public(reposts), pace(requests_per_minute), root) as (ready, ask):
        plan_files.fix(out, ready.plan, digest)
        say(f"plan {ready.plan.digest}")
        bets = None if blind or plan_only else opened(ready, opening or folder / OPENING)
        verdict = None if plan_only else run(ready, ask, bets, out, say)
    if verdict is None:
        _unjudged(ready.plan, out, as_json=as_json)
        return 0
    return _show(ready.plan, verdict, command_line(context), as_json=as_json)


def _unjudged(plan: Plan, out: Path, *, as_json: bool) -> None:
    if as_json:
        told = {"schema": "gauger/ghosts-planned/1", "digest": plan.digest, "plan": to_plain(plan)}
        print(canonical_json(told).decode())
    else:
        print(f"The plan's digest is {plan.digest}. Answers stand in {out / ANSWERS}, and are not judged yet.")


def _show(plan: Plan, verdict: Verdict, command: str, *, as_json: bool) -> int:
    found = verdict.word == "learnt"
    if as_json:
        print(canonical_json(_document(plan, verdict, command)).decode())
        return int(found)
    console = Output()
    console.print(_table(plan, verdict))
    for row in verdict.accounts[:SHOWN]:
        named = "named" if row.named else ""
        console.print(Text(f"  {visible(row.account, 80)}: log10 e {log10(row.evidence.log_e)} {named}".rstrip()))
    if len(verdict.accounts) > SHOWN:
        console.print(f"  and {len(verdict.accounts) - SHOWN:,} more accounts")
    return int(found)


def _document(plan: Plan, verdict: Verdict, command: str) -> dict[str, object]:
    return {
        "schema": "gauger/ghosts-tested/1",
        "command": command,
        "gauger_version": __version__,
        "plan": plan.digest,
        "alpha": plan.alpha,
        "verdict": verdict.word,
        "exchanges": verdict.done,
        "informative": verdict.informative,
        "unread": verdict.unread,
        "cut": verdict.cut,
        "evidence": to_plain(verdict.evidence),
        "accounts": [to_plain(row) for row in verdict.accounts],
    }


def _table(plan: Plan, verdict: Verdict) -> Table:
    e = verdict.evidence
    rows = {
        "subject": e.subject,
        "plan": plan.digest,
        "sealed": plan.root,
        "null": e.null,
        "kind": e.kind,
        "scored by": f"{plan.mode}, {plan.score}" + (f", {plan.samples} answers each" if plan.samples else ""),
        "exchanges": f"{verdict.done:,} of at most {plan.budget:,}; {verdict.informative:,} told the answers apart",
        "unread": f"answers of {verdict.unread:,} exchanges, which count for nothing" if verdict.unread else "",
        "cut": f"{verdict.cut:,} answers, which are scored in part" if verdict.cut else "",
        "log10 e": f"{log10(e.log_e)}, of {log10(-math.log(plan.alpha))} needed",
        "rests on": e.why,
        "means": MEANS[verdict.word],
        "does not say": NOT_SAID[verdict.word == "learnt"],
    }
    return fields(rows)
