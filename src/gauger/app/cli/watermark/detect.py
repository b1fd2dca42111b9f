"""``gauger watermark detect``: was this text made with one of our keys? Or with another tool's?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gauger.app.cli import evidence_table
from gauger.app.cli.output import Output
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.replay import command_line
from gauger.app.cli.watermark.contexts import (
    Alpha,
    Contexts,
    Epoch,
    LeastEntropy,
    Model,
    Party,
    SchemeName,
    SchemeOfText,
    Subject,
    Tenant,
    Tokenizer,
    TokenizerFile,
    TokenizerOfText,
    checked_alpha,
    chosen,
    common_scheme,
    named_by_digest,
    tokenizer_of,
)
from gauger.app.cli.watermark.detect_others import Rule, detect_flags, detect_foreign, without_prompt
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, Record, Revealed, derived, revealed_keys
from gauger.app.judging import Verdict, judge
from gauger.edge.token_files import read_texts
from gauger.errors import ConfigError
from gauger.model import Evidence, canonical_json, to_plain
from gauger.watermark.keys import Key

SHOWN = 10


def detect(
    context: typer.Context,
    tokens: Annotated[
        str | None, typer.Option(metavar="FILE", help="Texts as token ids, one JSON line each; - for stdin.")
    ] = None,
    flags: Annotated[
        str | None, typer.Option(metavar="FILE", help="In place of texts: another tool's green flags, 0 and 1.")
    ] = None,
    gamma: Annotated[float | None, typer.Option(help="With --flags: the share that is green by chance.")] = None,
    foreign: Annotated[
        str | None,
        typer.Option(help="In place of keys: another tool's mark, hf-kgw, hf-synthid, vllm-gumbel or markllm-kgw."),
    ] = None,
    foreign_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --foreign: the JSON that the tool was configured with.")
    ] = None,
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
    scheme_of_text: SchemeOfText = None,
    tokenizer_of_text: TokenizerOfText = None,
    tokenizer_file: TokenizerFile = None,
    least_entropy: LeastEntropy = 0.0,
    weigh_by_entropy: Annotated[
        bool,
        typer.Option("--weigh-by-entropy", help="Weigh tokens by their `entropy_nats`; decides by e-values."),
    ] = False,
    subject: Subject = None,
    alpha: Alpha = 1e-6,
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Decide by e-values: for texts that grow while you look.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Test texts for the marks of keys, or for another tool's. Exits with 1 if a mark is found, 0 if not."""
    rule = Rule(checked_alpha(alpha), anytime, as_json, command_line(context))
    fields = (tenant, party, epoch, model, tokenizer, scheme)
    master, known = (key_file, master_env, passphrase_env, passphrase_fd), (scheme_of_text, tokenizer_of_text)
    named = (contexts, *fields, *master, revealed or None, commitment)
    ours = any(option is not None for option in (*named, *known))
    ours |= least_entropy > 0 or weigh_by_entropy
    others = foreign is not None or foreign_config is not None
    if flags is not None:
        if gamma is None or tokens is not None or ours or others or tokenizer_file is not None:
            raise ConfigError("--flags needs --gamma, and takes neither --tokens nor keys: its tool had them")
        return detect_flags(flags, gamma, subject or flags, rule)
    if others:
        if foreign is None or foreign_config is None or tokens is None or ours or gamma is not None:
            raise ConfigError(
                "--foreign needs --foreign-config and --tokens, and takes neither keys of ours nor --gamma"
            )
        return detect_foreign(foreign, foreign_config, tokens, subject or tokens, rule, tokenizer_file)
    if tokens is None or gamma is not None:
        raise ConfigError("say what to test: --tokens FILE with keys or --foreign, or --flags FILE --gamma SHARE")
    shown = revealed_keys(revealed, commitment, (contexts, *fields, *master))
    wanted = tuple(key.context for key in shown) or chosen(contexts, fields, beside=tokens)
    read_with = common_scheme(wanted, *known)
    keys = shown or derived(wanted, master)
    encoding, sure = tokenizer_of(tokenizer_file, wanted), named_by_digest(wanted)
    verdict = judge(
        read_texts(tokens, tokenizer=encoding, surely_its=sure, entropy=least_entropy > 0 or weigh_by_entropy),
        keys,
        read_with,
        subject=subject or tokens,
        alpha=alpha,
        anytime=anytime,
        least_entropy_nats=least_entropy,
        by_entropy=weigh_by_entropy,
    )
    if as_json:
        print(canonical_json(_document(verdict, keys, rule)).decode())
    else:
        _show(verdict, keys, rule, tokenizer_known=(tokenizer_of_text or tokenizer_file) is not None)
    return int(verdict.found.any())


def _document(verdict: Verdict, keys: list[Key], rule: Rule) -> dict[str, object]:
    rows = zip(keys, verdict.found.tolist(), verdict.evidence, strict=True)
    return {
        **rule.head(len(keys)),
        "texts": verdict.texts,
        "texts_with_prompt": verdict.prompted,
        "results": [{"context": to_plain(k.context), "found": f, "evidence": to_plain(e)} for k, f, e in rows],
    }


def _show(verdict: Verdict, keys: list[Key], rule: Rule, *, tokenizer_known: bool) -> None:
    log_p = [float(e.params["log_p"]) for e in verdict.evidence]
    order = np.lexsort((log_p, [-e.log_e for e in verdict.evidence] if rule.anytime else log_p)).tolist()
    best, console = order[0], Output()
    found = bool(verdict.found[best])
    without = verdict.texts - verdict.prompted
    console.print(
        evidence_table.table(
            verdict.evidence[best],
            _means(verdict.evidence[best], found, rule.alpha),
            _not_said(found, tokenizer_known, without, verdict.texts),
        )
    )
    if len(keys) > 1:
        rows = (
            (
                keys[k].context.party,
                keys[k].context.epoch,
                evidence_table.log10(log_p[k]),
                evidence_table.log10(verdict.evidence[k].log_e),
                "found" if verdict.found[k] else "",
            )
            for k in order[:SHOWN]
        )
        console.print(evidence_table.listing(("party", "epoch", "log10 p", "log10 e", ""), rows))
    console.print(rule.said(int(verdict.found.sum()), len(keys)), highlight=False)


def _means(e: Evidence, found: bool, alpha: float) -> str:
    if not e.n:
        return "nothing: no token could be scored, which speaks neither for the mark nor against it"
    if found:
        return "the text carries this key's mark: it was made with the key, or shaped by who learned from such text"
    return f"this key's mark was not found at {alpha:g}"


def _not_said(found: bool, tokenizer_known: bool, without: int, texts: int) -> str:
    if not found:
        cause = "" if tokenizer_known else " another tokenizer's ids,"
        return f"that the text is unmarked: paraphrase,{cause} a key of another epoch and too little text look the same"
    said = "who sat behind the account, or that the key did not leak"
    return f"{said}; {without_prompt(without, texts)}" if without else said
