"""``gauger watermark radioactivity judge``: what do the answers say, by the plan?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.table import Table

from gauger import __version__
from gauger.app.asking import Trial, closed_trial, follow, opened_trial
from gauger.app.cli import evidence_table
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.names import utf8
from gauger.app.cli.output import Output, say
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.replay import command_line
from gauger.app.cli.watermark.contexts import (
    Contexts,
    Epoch,
    Model,
    Party,
    SchemeName,
    Tenant,
    Tokenizer,
    TokenizerFile,
    chosen,
)
from gauger.app.cli.watermark.master import KeyFile, Master, MasterEnv, Record, Revealed, derived, revealed_keys
from gauger.app.cli.watermark.radioactivity.options import Answers, Digest, PlanFile, Prompts, ServedOutputs, Unmarked
from gauger.app.materials import quotable, read_outputs, read_prompts, read_tokenizer, read_unmarked, read_windows
from gauger.edge.answers import read_answers
from gauger.edge.plans import ByReading, read_plan, settings_of
from gauger.errors import ConfigError
from gauger.model import canonical_json, to_plain
from gauger.watermark.keys import Key
from gauger.watermark.naming import scheme_named
from gauger.watermark.radioactivity import Closed, Opened, Plan, Verdict

SHOWN = 10


def judge(
    context: typer.Context,
    plan: PlanFile,
    answers: Answers,
    prompts: Prompts = None,
    served: ServedOutputs = None,
    unmarked: Unmarked = None,
    tokenizer_file: TokenizerFile = None,
    contexts: Contexts = None,
    tenant: Tenant = None,
    party: Party = None,
    epoch: Epoch = None,
    model: Model = None,
    tokenizer: Tokenizer = None,
    scheme: SchemeName = None,
    key_file: KeyFile = None,
    master_env: MasterEnv = None,
    passphrase_env: PassphraseEnv = None,
    passphrase_fd: PassphraseFd = None,
    revealed: Revealed = None,
    commitment: Record = None,
    digest: Digest = None,
    as_json: AsJson = False,
) -> int:
    """Judge a journal of answers by its plan. Exits with 1 if the suspect learnt from our marks, 0 if not shown."""
    fixed = read_plan(plan, digest)
    fields, master = (
        (tenant, party, epoch, model, tokenizer, scheme),
        (key_file, master_env, passphrase_env, passphrase_fd),
    )
    keys = keys_of(fixed, Named(contexts, fields, master, revealed, commitment))
    trial = trial_of(fixed, keys, Materials(prompts, served, unmarked, tokenizer_file))
    found = read_answers(answers, fixed.digest, fixed.looks[-1])
    follow(trial, found)
    return show(trial, keys, len(found), command_line(context), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Named:
    """Options that name keys: contexts and their master, or what was revealed."""

    contexts: Path | None
    fields: tuple[str | None, ...]
    master: Master
    revealed: list[Path] | None
    commitment: Path | None


def keys_of(plan: Plan, named: Named) -> list[Key]:
    """The plan's keys in its order.

    Raises:
        ConfigError: one of them is not named. VerifyError: a revealed key is not in the commitment, or that not the
            plan's. And what the readers raise.
    """
    instead = (named.contexts, *named.fields, *named.master)
    found = revealed_keys(named.revealed, named.commitment, instead, plan.commitment)
    whence = "among the revealed" if found else "made by this master key from these contexts"
    ours = {key.id: key for key in found or derived(chosen(named.contexts, named.fields), named.master)}
    if missing := sum(name not in ours for name in plan.keys):
        raise ConfigError(f"{missing:,} of the plan's {len(plan.keys):,} keys are not {whence}")
    return [ours[name] for name in plan.keys]


@dataclass(frozen=True, slots=True)
class Materials:
    """Options that name the files of a plan."""

    prompts: str | None
    served: str | None
    unmarked: str | None
    tokenizer_file: Path | None


def trial_of(plan: Plan, keys: Sequence[Key], given: Materials) -> Trial:
    """The plan's judgement, with what it needs from files."""
    settings, h = settings_of(plan), scheme_named(plan.scheme).h
    if given.served is None:
        raise ConfigError("say what we served: --served")
    if isinstance(settings, ByReading):
        outputs = read_outputs(given.served, h=h, longest=settings.longest, budget=plan.looks[-1], plan=plan)
        return opened_trial(Opened(plan, keys), outputs, settings.candidates, h)
    if given.prompts is None:
        raise ConfigError("say what was asked: --prompts")
    if given.tokenizer_file is not None and not settings.tokenizer:
        raise ConfigError("the plan fixed no tokenizer, so its answers are token ids: leave --tokenizer-file out")
    file = settings.tokenizer_file
    if settings.tokenizer and not file:
        say("this plan is an older one: it fixes the tokenizer's vocabulary, and not the file by which text is read")
    read_with = read_tokenizer(given.tokenizer_file, plan.tokenizer, settings.tokenizer, planned_file=file)
    windows = read_windows(given.served, h, read_with, plan)
    test = Closed(plan, keys, windows, read_unmarked(given.unmarked, h, read_with, plan))
    return closed_trial(test, quotable(read_prompts(given.prompts, plan), read_with), read_with)


def show(trial: Trial, keys: Sequence[Key], held: int, command: str, *, as_json: bool) -> int:
    """Print the verdict. Returns the exit code."""
    verdict = trial.test.verdict()
    if as_json:
        print(canonical_json(_document(trial, verdict, keys, held, utf8(command))).decode())
        return int(verdict.crossed)
    console = Output()
    console.print(_table(trial, verdict, held))
    if len(keys) > 1:
        order = sorted(range(len(keys)), key=lambda k: -verdict.by_key[k].log_e)
        rows = (
            (
                keys[k].context.party,
                keys[k].context.epoch,
                evidence_table.log10(verdict.by_key[k].log_e),
                "named" if verdict.named[k] else "",
            )
            for k in order[:SHOWN]
        )
        console.print(evidence_table.listing(("party", "epoch", "log10 e", ""), rows))
    return int(verdict.crossed)


def _document(trial: Trial, verdict: Verdict, keys: Sequence[Key], held: int, command: str) -> dict[str, object]:
    rows = zip(keys, verdict.named.tolist(), verdict.by_key, strict=True)
    return {
        "schema": "gauger/radioactivity/1",
        "command": command,
        "gauger_version": __version__,
        "plan": trial.test.plan.digest,
        "mode": trial.test.plan.mode,
        "alpha": trial.test.plan.alpha,
        "crossed": verdict.crossed,
        "over": verdict.over,
        "answers": verdict.done,
        "held": held,
        "next_look": trial.test.next_look,
        "evidence": to_plain(verdict.evidence),
        "keys": [{"context": to_plain(k.context), "named": n, "evidence": to_plain(e)} for k, n, e in rows],
    }


def _table(trial: Trial, verdict: Verdict, held: int) -> Table:
    e, plan = verdict.evidence, trial.test.plan
    rows = {
        "subject": e.subject,
        "plan": plan.digest,
        "null": e.null,
        "kind": e.kind,
        "looks": f"{e.params['looks_done']} of {e.params['looks']}, the last after {verdict.done:,} answers",
        "answers": f"{held:,} of at most {plan.looks[-1]:,}",
        "scored": f"{e.n:,}",
        "log10 e": f"{evidence_table.log10(e.log_e)}, of {evidence_table.log10(-math.log(plan.alpha))} needed",
        "rests on": e.why,
        "means": _means(trial, verdict),
        "does not say": _not_said(verdict),
    }
    return evidence_table.fields(rows)


def _means(trial: Trial, verdict: Verdict) -> str:
    if verdict.crossed:
        return "the suspect learnt from text that was marked with at least one of these keys"
    if not verdict.done:
        return f"nothing yet: the first look is after {trial.test.next_look:,} answers"
    if not verdict.evidence.n:
        return "nothing: no token could be scored, which speaks neither for the suspect nor against it"
    later = "the plan is over" if verdict.over else f"the next look is after {trial.test.next_look:,} answers"
    return f"not shown at {trial.test.plan.alpha:g}; {later}"


def _not_said(verdict: Verdict) -> str:
    if verdict.crossed:
        return "who trained it, or by whose hands our text came there; nor that the keys did not leak"
    return "that it did not learn from us: paraphrase, another tokenizer and too few answers look the same"
