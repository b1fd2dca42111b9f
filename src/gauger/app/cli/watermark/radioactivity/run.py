"""``gauger watermark radioactivity run``: ask and judge until the plan decides."""

from __future__ import annotations

import typer

from gauger.app.asking import ask_until, follow
from gauger.app.cli.asking_options import ApiKeyEnv, AsJson, PerMinute, SkipRefused, Timeout
from gauger.app.cli.output import say
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
)
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, Record, Revealed
from gauger.app.cli.watermark.radioactivity.ask import reach
from gauger.app.cli.watermark.radioactivity.judge import Materials, Named, keys_of, show, trial_of
from gauger.app.cli.watermark.radioactivity.options import (
    Answers,
    Digest,
    PlanFile,
    Prompts,
    Reference,
    ResponsesFile,
    Seed,
    ServedOutputs,
    Unmarked,
    Weights,
)
from gauger.app.reaching import Way
from gauger.edge.answers import Journal
from gauger.edge.plans import read_plan


def run(
    context: typer.Context,
    plan: PlanFile,
    answers: Answers,
    prompts: Prompts = None,
    served: ServedOutputs = None,
    unmarked: Unmarked = None,
    responses: ResponsesFile = None,
    api_key_env: ApiKeyEnv = None,
    weights: Weights = None,
    reference: Reference = None,
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
    requests_per_minute: PerMinute = 60.0,
    timeout: Timeout = 120.0,
    skip_refused: SkipRefused = False,
    seed: Seed = 1,
    digest: Digest = None,
    as_json: AsJson = False,
) -> int:
    """Ask up to each look of the plan, and stop at the first that decides. Exits as `judge` does."""
    fixed = read_plan(plan, digest)
    fields, master = (
        (tenant, party, epoch, model, tokenizer, scheme),
        (key_file, master_env, passphrase_env, passphrase_fd),
    )
    keys = keys_of(fixed, Named(contexts, fields, master, revealed, commitment))
    trial = trial_of(fixed, keys, Materials(prompts, served, unmarked, tokenizer_file))
    way = Way(prompts, served, responses, api_key_env, weights, reference, timeout, skip_refused, seed)
    with (
        reach(fixed, way, requests_per_minute) as question,
        Journal(answers, fixed.digest, fixed.looks[-1]) as journal,
    ):
        while (until := trial.test.next_look) is not None:
            ask_until(until, journal, question, say)
            follow(trial, journal.answers)
        held = len(journal.answers)
    return show(trial, keys, held, command_line(context), as_json=as_json)
