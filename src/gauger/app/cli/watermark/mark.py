"""``gauger watermark mark``: answer prompts with a local model, under a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from gauger.app.cli.names import utf8
from gauger.app.cli.output import say
from gauger.app.cli.passphrase import PassphraseEnv, PassphraseFd
from gauger.app.cli.watermark.contexts import Epoch, Model, Party, SchemeName, Tenant, Tokenizer, chosen
from gauger.app.cli.watermark.master import KeyFile, MasterEnv, read_master
from gauger.app.text import visible
from gauger.edge.marking.local_model import LocalModel, Sampling
from gauger.edge.marking.prompts import Prompt, read_prompts
from gauger.edge.small_files import check_new, write_new
from gauger.errors import ConfigError
from gauger.model import canonical_json
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named

DIGEST = "sha256:"


def mark(
    weights: Annotated[
        str, typer.Option(help="The model: a folder of transformers or with one GGUF file, or smollm2.")
    ],
    prompts: Annotated[str, typer.Option(metavar="FILE", help='JSON lines: {"prompt": "...", "id": "..."}.')],
    out: Annotated[Path, typer.Option(help="File for the answers as token ids, as `detect --tokens` reads them.")],
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
    temperature: Annotated[float, typer.Option(help="Above 0.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="How many candidates to keep at most; 0 for all.")] = 0,
    top_p: Annotated[float, typer.Option(help="The share of probability to keep.")] = 0.95,
    max_tokens: Annotated[int, typer.Option(help="Where to cut an answer.")] = 200,
    plain: Annotated[bool, typer.Option("--plain", help="Without the tokenizer's chat template.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Answers at a time.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of what no key decides.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Answer prompts with a local model under a key; a line's `party` names another key for it."""
    how = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, max_tokens=max_tokens, plain=plain)
    (context,) = chosen(None, (tenant, party, epoch, model, tokenizer, scheme))
    scheme_named(context.scheme)
    check_new(out, overwrite=overwrite)
    asked = read_prompts(prompts)
    master = read_master(key_file, master_env, passphrase_env, passphrase_fd)
    keys = [derive(master, dataclasses.replace(context, party=p.party or context.party)) for p in asked]
    served = LocalModel(weights, seed)
    _check_tokenizer(context, served.tokenizer_digest)
    lines, tokens = list[bytes](), 0
    for line, written in _answers(served, asked, keys, how, batch):
        lines.append(line)
        tokens += written
    write_new(out, b"".join(lines), overwrite=overwrite)
    made = {
        "schema": "gauger/mark/1",
        "file": utf8(out),
        "texts": len(lines),
        "tokens": tokens,
        "keys": sorted({key.id for key in keys}),
        "tokenizer_digest": served.tokenizer_digest,
    }
    if as_json:
        print(canonical_json(made).decode())
    else:
        names = {key.id for key in keys}
        print(f"{tokens:,} tokens of {len(lines):,} answers under {len(names)} keys in {visible(str(out))}")
    return 0


def _answers(
    served: LocalModel, asked: Sequence[Prompt], keys: Sequence[Key], how: Sampling, batch: int
) -> Iterator[tuple[bytes, int]]:
    """A line for each answer, and how many tokens it has."""
    encoded = [served.encode(prompt, plain=how.plain) for prompt in asked]
    for start in range(0, len(asked), batch):
        rows = slice(start, start + batch)
        said = served.answer(encoded[rows], keys[rows], how)
        for prompt, ids, key, tokens in zip(asked[rows], encoded[rows], keys[rows], said, strict=True):
            line = {
                "id": prompt.id,
                "party": key.context.party,
                "key": key.id,
                "tokens": tokens,
                "prompt_tokens": ids,
                "text": served.decode(tokens),
            }
            yield canonical_json(line) + b"\n", len(tokens)
        say(f"{min(start + batch, len(asked)):,} of {len(asked):,} prompts answered")


def _check_tokenizer(context: KeyContext, found: str) -> None:
    """Where the key names its tokenizer by a digest, it must be the model's."""
    if context.tokenizer.startswith(DIGEST) and context.tokenizer != found:
        raise ConfigError(f"the key is for the tokenizer {context.tokenizer}, but the model's is {found}")
