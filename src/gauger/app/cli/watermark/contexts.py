"""Which keys a verb is about, and with what their marks can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.materials import DIGEST, read_tokenizer
from gauger.edge.commitments import read_contexts
from gauger.edge.inputs import STDIN
from gauger.edge.suspects.tokenizer import Tokenizer as TokenizerOfFile
from gauger.errors import ConfigError
from gauger.watermark.keys import KeyContext, check_epoch
from gauger.watermark.naming import scheme_named
from gauger.watermark.schemes import Scheme

Contexts = Annotated[Path | None, typer.Option(help="CSV, JSONL or Parquet with the six columns below.")]
Tenant = Annotated[str | None, typer.Option(help="Of one context, in place of --contexts: whose deployment.")]
Party = Annotated[str | None, typer.Option(help="A campaign's or an account's id, or fleet.")]
Epoch = Annotated[
    str | None, typer.Option(help="The period, such as 2026-01-15/P28D, as `watermark epochs` prints it.")
]
Model = Annotated[str | None, typer.Option(help="The served model.")]
Tokenizer = Annotated[str | None, typer.Option(help="What its token ids mean.")]
SchemeName = Annotated[str | None, typer.Option(help="How marks are laid, such as gumbel or greenlist:h=1.")]

TokenizerOfText = Annotated[
    str | None, typer.Option(help="Whose ids the text has, where known; must be the keys' tokenizer.")
]
SchemeOfText = Annotated[
    str | None, typer.Option(help="How the text was marked, where known; must be the keys' scheme.")
]
TokenizerFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="tokenizer.json of the keys' tokenizer, where there is text in place of ids."),
]
LeastEntropy = Annotated[
    float,
    typer.Option(min=0, metavar="NATS", help="Leave out tokens whose `entropy_nats`, of the line, is less than this."),
]
Subject = Annotated[str | None, typer.Option(help="What the text is called in the evidence. Default: the file's name.")]
Alpha = Annotated[float, typer.Option(help="The chance to find a mark where there is none, over all keys.")]


def chosen(table: Path | None, fields: Sequence[str | None], *, beside: str = "") -> tuple[KeyContext, ...]:
    """The contexts of a table, or the one of six options. ``beside``: the file of texts that is read too.

    Raises:
        ConfigError: neither, both, or not all six; or both files are standard input. And what ``read_contexts`` raises.
    """
    if str(table) == beside == STDIN:
        raise ConfigError("standard input is one file: --contexts or --tokens must be another")
    if table is not None and not any(fields):
        return read_contexts(table)
    if table is not None or None in fields:
        raise ConfigError("say which keys: --contexts, or all of --tenant, --party, ..., --scheme")
    names = KeyContext.__dataclass_fields__
    context = KeyContext(**{name: value or "" for name, value in zip(names, fields, strict=True)})
    check_epoch(context.epoch)
    return (context,)


def common_scheme(contexts: Sequence[KeyContext], scheme_of_text: str | None, tokenizer_of_text: str | None) -> Scheme:
    """The one scheme of all contexts, which the text can be read with.

    Raises:
        ConfigError: contexts of several schemes or tokenizers, or of others than the text is known to have.
    """
    schemes = {name: scheme_named(name) for name in sorted({c.scheme for c in contexts})}
    kinds = {tuple(sorted(s.params().items())) for s in schemes.values()}
    tokenizers = sorted({c.tokenizer for c in contexts})
    if len(kinds) > 1 or len(tokenizers) > 1:
        raise ConfigError(
            f"the keys are for {len(kinds)} schemes and {len(tokenizers)} tokenizers, and one run reads a text in one "
            "way: split --contexts, and divide --alpha by the number of runs"
        )
    (name, scheme), *_ = schemes.items()
    if scheme_of_text is not None and scheme_named(scheme_of_text).params() != scheme.params():
        raise ConfigError(f"the text was marked by {scheme_of_text}, but the keys are for {name}")
    if tokenizer_of_text not in (None, tokenizers[0]):
        raise ConfigError(
            f"the text has ids of {tokenizer_of_text}, but the keys are for {tokenizers[0]}: "
            "decode it, and encode it with the keys' tokenizer"
        )
    return scheme


def tokenizer_of(path: Path | None, contexts: Sequence[KeyContext]) -> TokenizerOfFile | None:
    """What turns text into the keys' token ids, where a tokenizer's file is given.

    Raises:
        ConfigError: the keys name another tokenizer by its digest. And what ``Tokenizer`` raises.
    """
    return read_tokenizer(path, contexts[0].tokenizer)


def named_by_digest(contexts: Sequence[KeyContext]) -> bool:
    """Whether the keys' tokenizer is fixed by what they call it, so that a file of another would have been refused."""
    return contexts[0].tokenizer.startswith(DIGEST)


def checked_alpha(alpha: float) -> float:
    """Refuse an error rate that is none, before a long run rather than after it."""
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha must lie strictly between 0 and 1, not {alpha}")
    return alpha
