"""``gauger watermark trace``: which account's key is in this text?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gauger import __version__
from gauger.app.cli import evidence_table
from gauger.app.cli.output import Output
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.replay import command_line
from gauger.app.cli.watermark.contexts import (
    LeastEntropy,
    SchemeOfText,
    Subject,
    TokenizerFile,
    TokenizerOfText,
    checked_alpha,
    chosen,
    common_scheme,
    named_by_digest,
    tokenizer_of,
)
from gauger.app.cli.watermark.detect_others import without_prompt
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, Record, Revealed, derived, revealed_keys
from gauger.app.judging import whole
from gauger.edge.token_files import read_texts
from gauger.errors import ConfigError
from gauger.model import canonical_json, to_plain
from gauger.watermark.keys import Key
from gauger.watermark.keys import unused as unused_keys
from gauger.watermark.tracing import Trace
from gauger.watermark.tracing import trace as trace_keys


def trace(
    context: typer.Context,
    tokens: Annotated[str, typer.Option(metavar="FILE", help="Texts as token ids, one JSON line each; - for stdin.")],
    contexts: Annotated[
        Path | None, typer.Option(help="The accounts' keys: CSV, JSONL or Parquet, as for `commit`.")
    ] = None,
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
    subject: Subject = None,
    alpha: Annotated[float, typer.Option(help="The chance to accuse any innocent account.")] = 1e-6,
    decoys: Annotated[
        int, typer.Option(min=0, max=100_000, help="Unused keys that check the null and can only acquit.")
    ] = 1000,
    top: Annotated[int, typer.Option(min=1, help="How many of the strongest accounts to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Name the accounts whose marks are in texts. Exits with 1 if any is accused, 0 if not."""
    checked_alpha(alpha)
    master = (key_file, master_env, passphrase_env, passphrase_fd)
    shown = revealed_keys(revealed, commitment, (contexts, *master))
    if contexts is None and not shown:
        raise ConfigError("say which accounts' keys: --contexts with a master key, or --revealed")
    wanted = tuple(key.context for key in shown) or chosen(contexts, (), beside=tokens)
    scheme = common_scheme(wanted, scheme_of_text, tokenizer_of_text)
    keys = shown or derived(wanted, master)
    unused = unused_keys(keys, decoys)
    encoding, sure = tokenizer_of(tokenizer_file, wanted), named_by_digest(wanted)
    parts = list(read_texts(tokens, tokenizer=encoding, surely_its=sure, entropy=least_entropy > 0))
    texts, prompted = sum(len(part.tokens) for part in parts), sum(part.prompted for part in parts)
    selection = whole(parts, scheme.h, least_entropy_nats=least_entropy)
    found = trace_keys(selection, keys, scheme, subject=subject or tokens, alpha=alpha, decoys=unused)
    if as_json:
        how = {"command": command_line(context), "gauger_version": __version__}
        read = {"texts": texts, "texts_with_prompt": prompted}
        print(canonical_json({**how, **read, **_document(found, keys, alpha, decoys, top)}).decode())
    else:
        _show(found, keys, alpha, decoys, top)
        if texts > prompted:
            Output().print(f"Beware: {without_prompt(texts - prompted, texts)}.", highlight=False, markup=False)
    return int(bool(found.accused))


def _document(found: Trace, keys: list[Key], alpha: float, decoys: int, top: int) -> dict[str, object]:
    contexts, accused = {key.id: key.context for key in keys}, {e.inputs[0] for e in found.accused}
    return {
        "schema": "gauger/trace/1",
        "alpha": alpha,
        "keys": len(keys),
        "decoys": decoys,
        "decoy_p": found.decoy_p,
        "null_log_p": found.null_log_p,
        "why": found.why,
        "accused": [{"context": to_plain(contexts[e.inputs[0]]), "evidence": to_plain(e)} for e in found.accused],
        "candidates": [
            {
                "id": keys[k].id,
                "context": to_plain(keys[k].context),
                "log_p": float(found.log_p[k]),
                "log_e": float(found.log_e[k]),
                "accused": keys[k].id in accused,
            }
            for k in found.order[:top].tolist()
        ],
    }


def _show(found: Trace, keys: list[Key], alpha: float, decoys: int, top: int) -> None:
    accused, console = {e.inputs[0] for e in found.accused}, Output()
    rows = (
        (
            keys[k].context.party,
            keys[k].context.epoch,
            evidence_table.log10(found.log_p[k]),
            evidence_table.log10(found.log_e[k]),
            "accused" if keys[k].id in accused else "",
        )
        for k in found.order[:top].tolist()
    )
    console.print(evidence_table.listing(("party", "epoch", "log10 p", "log10 e", ""), rows))
    says = [found.why[:1].upper() + found.why[1:] + "."]
    if decoys:
        says.append(f"Share of unused keys that do as well as the strongest, itself counted in: {found.decoy_p:.2g}.")
    says.append(
        f"Error: the chance that any innocent account is among the accused is at most {alpha:g} (Holm over "
        f"{len(keys):,} exact tails, kind: exact), for texts fixed beforehand."
    )
    says.append("Not said: who sat behind an account, whether its answers were republished, or that all are found.")
    console.print("\n".join(says), highlight=False, markup=False)
