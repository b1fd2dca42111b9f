"""``gauger watermark detect``: was this text made with one of our keys?"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from gauger.app.cli.output import Output
from gauger.app.cli.watermark import evidence_table
from gauger.app.cli.watermark.contexts import (
    Alpha,
    Contexts,
    Epoch,
    Model,
    Party,
    SchemeName,
    SchemeOfText,
    Subject,
    Tenant,
    Tokenizer,
    TokenizerOfText,
    checked_alpha,
    chosen,
    common_scheme,
)
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, PassphraseEnv, PassphraseFd, read_master
from gauger.app.judging import Verdict, found_among, judge
from gauger.edge.token_files import read_flags, read_texts
from gauger.errors import ConfigError
from gauger.model import Evidence, canonical_json, to_plain
from gauger.watermark.detection import flags as judge_flags
from gauger.watermark.keys import Key, derive

SHOWN = 10


def detect(
    tokens: Annotated[
        str | None, typer.Option(metavar="FILE", help="Texts as token ids, one JSON line each; - for stdin.")
    ] = None,
    flags: Annotated[
        str | None, typer.Option(metavar="FILE", help="In place of texts: another tool's green flags, 0 and 1.")
    ] = None,
    gamma: Annotated[float | None, typer.Option(help="With --flags: the share that is green by chance.")] = None,
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
    scheme_of_text: SchemeOfText = None,
    tokenizer_of_text: TokenizerOfText = None,
    subject: Subject = None,
    alpha: Alpha = 1e-6,
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Decide by e-values: for texts that grow while you look.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Test texts for the marks of keys, or another tool's green flags. Exits with 1 if a mark is found, 0 if not."""
    checked_alpha(alpha)
    fields = (tenant, party, epoch, model, tokenizer, scheme)
    if flags is not None:
        about_keys = (tokens, contexts, *fields, key_file, master_env, passphrase_env, passphrase_fd)
        if gamma is None or any(o is not None for o in (*about_keys, scheme_of_text, tokenizer_of_text)):
            raise ConfigError("--flags needs --gamma, and takes neither --tokens nor keys: its tool had them")
        said = judge_flags(read_flags(flags), gamma, subject=subject or flags)
        found = bool(found_among([said], alpha, anytime=anytime)[0])
        _show_flags(said, found, alpha, anytime=anytime, as_json=as_json)
        return int(found)
    if tokens is None or gamma is not None:
        raise ConfigError("say what to test: --tokens FILE with keys, or --flags FILE --gamma SHARE")
    wanted = chosen(contexts, fields)
    read_with = common_scheme(wanted, scheme_of_text, tokenizer_of_text)
    master = read_master(key_file, master_env, passphrase_env, passphrase_fd)
    keys = [derive(master, context) for context in wanted]
    verdict = judge(read_texts(tokens), keys, read_with, subject=subject or tokens, alpha=alpha, anytime=anytime)
    if as_json:
        print(canonical_json(_document(verdict, keys, alpha, anytime=anytime)).decode())
    else:
        _show(verdict, keys, alpha, anytime=anytime, tokenizer_known=tokenizer_of_text is not None)
    return int(verdict.found.any())


def _document(verdict: Verdict, keys: list[Key], alpha: float, *, anytime: bool) -> dict[str, object]:
    rows = zip(keys, verdict.found.tolist(), verdict.evidence, strict=True)
    return {
        **_head(alpha, len(keys), anytime=anytime),
        "texts": verdict.texts,
        "texts_with_prompt": verdict.prompted,
        "results": [{"context": to_plain(k.context), "found": f, "evidence": to_plain(e)} for k, f, e in rows],
    }


def _head(alpha: float, keys: int, *, anytime: bool) -> dict[str, object]:
    return {"schema": "gauger/detect/1", "alpha": alpha, "keys": keys, "rule": "e-bh" if anytime else "holm"}


def _show_flags(said: Evidence, found: bool, alpha: float, *, anytime: bool, as_json: bool) -> None:
    if as_json:
        results = [{"context": None, "found": found, "evidence": to_plain(said)}]
        print(canonical_json({**_head(alpha, 1, anytime=anytime), "results": results}).decode())
        return
    means = "more flags are green than chance allows" if found else f"too few are green to rule out chance at {alpha:g}"
    not_said = "that the tool scored each window and token once, or that its gamma is true: repeats alone can do this"
    Output().print(evidence_table.table(said, means if said.n else "nothing: there are no flags", not_said))


def _show(verdict: Verdict, keys: list[Key], alpha: float, *, anytime: bool, tokenizer_known: bool) -> None:
    log_p = [float(e.params["log_p"]) for e in verdict.evidence]
    order = np.lexsort((log_p, [-e.log_e for e in verdict.evidence] if anytime else log_p)).tolist()
    best, console = order[0], Output()
    found = bool(verdict.found[best])
    without = verdict.texts - verdict.prompted
    console.print(
        evidence_table.table(
            verdict.evidence[best],
            _means(verdict.evidence[best], found, alpha),
            _not_said(found, tokenizer_known, without, verdict.texts),
        )
    )
    rule = f"e-BH: false discoveries at most {alpha:g}" if anytime else f"Holm: any false alarm at most {alpha:g}"
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
    count = f"{int(verdict.found.sum()):,} of {len(keys):,} keys found ({rule} over all {len(keys):,})."
    console.print(count, highlight=False)


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
    quoted = f"; {without:,} of {texts:,} texts came without their prompt: one that quotes a marked prompt has its mark"
    return f"{said}{quoted}" if without else said
