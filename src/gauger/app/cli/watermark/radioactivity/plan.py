"""``gauger watermark radioactivity plan``: fix the test of a suspect before it is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.names import utf8
from gauger.app.cli.output import say
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.watermark.contexts import (
    Contexts,
    Epoch,
    Model,
    Party,
    SchemeName,
    Tenant,
    Tokenizer,
    TokenizerFile,
    checked_alpha,
    chosen,
    common_scheme,
)
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, read_master
from gauger.app.cli.watermark.radioactivity.options import Prompts, Reference, ServedOutputs, Unmarked, Weights
from gauger.app.planning import Wish, closed_questions, committed_root, open_questions
from gauger.app.text import visible
from gauger.edge.plans import write_plan
from gauger.errors import ConfigError
from gauger.model import canonical_json, to_plain
from gauger.watermark.keys import derive
from gauger.watermark.radioactivity import Plan, doubling


def plan(
    out: Annotated[Path, typer.Argument(metavar="PLAN", help="File for the plan; must not exist.")],
    subject: Annotated[str, typer.Option(help="Which model is tested, and where: stands in the evidence.")],
    served: ServedOutputs,
    unmarked: Unmarked = None,
    prompts: Prompts = None,
    open_model: Annotated[
        bool, typer.Option("--open", help="The suspect reads what we served, in place of answering prompts.")
    ] = False,
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
    commitment: Annotated[Path | None, typer.Option(help="Folder that `commit` wrote: each key must be in it.")] = None,
    tokenizer_file: TokenizerFile = None,
    alpha: Annotated[
        float, typer.Option(help="The chance to accuse a model that learnt from none of the keys.")
    ] = 1e-6,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Answers at most (open: outputs). Default: all prompts (outputs).")
    ] = None,
    looks: Annotated[
        str | None, typer.Option(help="After how many answers to look, such as 50,200,1000. Default: 32, 64, 128, ...")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="An OpenAI-compatible endpoint, such as https://host/v1.")
    ] = None,
    ask_model: Annotated[str | None, typer.Option(metavar="NAME", help="What the endpoint calls the suspect.")] = None,
    request: Annotated[
        str, typer.Option(metavar="JSON", help="Further fields of each request; null leaves one out.")
    ] = "{}",
    weights: Weights = None,
    reference: Reference = None,
    temperature: Annotated[float, typer.Option(help="Of the suspect's answers.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="The share of probability to keep.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(help="Where to cut an answer.")] = 300,
    plain: Annotated[bool, typer.Option("--plain", help="A local suspect: without its chat template.")] = False,
    candidates: Annotated[int, typer.Option(help="Open model: how many candidates to keep at a place.")] = 32,
    longest: Annotated[int, typer.Option(help="Open model: how many tokens of prompt and output to read.")] = 1024,
    as_json: AsJson = False,
) -> int:
    """Write a plan and its digest. Log the digest where others date it, before the suspect is asked."""
    checked_alpha(alpha)
    wanted = chosen(contexts, (tenant, party, epoch, model, tokenizer, scheme))
    common_scheme(wanted, None, None)
    if len({context.scheme for context in wanted}) > 1:
        raise ConfigError("the keys spell their scheme in several ways: one plan for each spelling")
    times = None if looks is None else _looks(looks, budget)
    wish = Wish(
        scheme=wanted[0].scheme,
        tokenizer=wanted[0].tokenizer,
        served=served or "",
        unmarked=unmarked,
        prompts=prompts,
        budget=times[-1] if times else budget,
        tokenizer_file=tokenizer_file,
        endpoint=endpoint,
        ask_model=ask_model,
        request=request,
        weights=weights,
        reference=reference,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        plain=plain,
        candidates=candidates,
        longest=longest,
    )
    master = read_master(key_file, master_env, passphrase_env, passphrase_fd)
    keys = [derive(master, context) for context in wanted]
    root = committed_root(commitment, keys) if commitment is not None else ""
    asked = open_questions(wish) if open_model else closed_questions(wish)
    fixed = Plan(
        mode="open" if open_model else "closed",
        subject=subject,
        keys=tuple(key.id for key in keys),
        commitment=root,
        scheme=wish.scheme,
        tokenizer=wish.tokenizer,
        prompts=asked.prompts,
        served=asked.served,
        unmarked=asked.unmarked,
        asked=asked.settings,
        looks=times or doubling(asked.count),
        alpha=alpha,
        created=datetime.now(UTC).replace(microsecond=0),
    )
    write_plan(out, fixed)
    if asked.quoting:
        say(
            f"{asked.quoting:,} of the {asked.count:,} prompts hold windows of served answers: quote nothing that was "
            "served, for a suspect repeats what stands before it"
        )
    _show(fixed, out, asked.quoting, as_json=as_json)
    return 0


def _looks(text: str, budget: int | None) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError("--looks: numbers of answers with commas between, such as 50,200,1000") from None
    if budget not in (None, found[-1]):
        raise ConfigError("--budget is the last of --looks: give one of them")
    return found


def _show(fixed: Plan, out: Path, quoting: int, *, as_json: bool) -> None:
    if as_json:
        made = {"schema": "gauger/radioactivity-planned/1", "digest": fixed.digest, "file": utf8(out)}
        print(canonical_json({**made, "quoting_prompts": quoting, "plan": to_plain(fixed)}).decode())
        return
    print(f"{fixed.digest} is the digest of the plan in {visible(str(out))}.")
    print("Log it where somebody else dates it, before the suspect is asked; after that it proves nothing.")
    times = ", ".join(f"{n:,}" for n in fixed.looks)
    print(f"Keys: {len(fixed.keys):,}; looks after {times} answers; alpha {fixed.alpha:g}")
