"""From what a user wishes to a plan's questions: files are read and digested, and what cannot work is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gauger.app.materials import (
    DIGEST,
    outputs_digest,
    quotable,
    read_outputs,
    read_tokenizer,
    read_unmarked,
    read_windows,
)
from gauger.edge.commitments import COMMITMENT, PROOFS, find_proofs, read_commitment
from gauger.edge.marking.local_model import Sampling
from gauger.edge.plans import ByEndpoint, ByFile, ByReading, ByWeights, Settings, asked, more_fields
from gauger.edge.suspects import prompts as prompt_files
from gauger.edge.suspects.endpoint import check_address
from gauger.edge.suspects.huggingface import LocalSuspect
from gauger.edge.suspects.tokenizer import Tokenizer
from gauger.edge.token_files import Tokens
from gauger.errors import ConfigError, VerifyError
from gauger.watermark.commitment import verify_key
from gauger.watermark.keys import Key
from gauger.watermark.naming import scheme_named
from gauger.watermark.served import Served, stand_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of a plan that is to be made; as the command line names them."""

    scheme: str
    tokenizer: str
    served: str
    unmarked: str | None
    prompts: str | None
    budget: int | None
    tokenizer_file: Path | None
    endpoint: str | None
    ask_model: str | None
    request: str
    weights: str | None
    reference: str | None
    temperature: float
    top_p: float
    max_tokens: int
    plain: bool
    candidates: int
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a plan says of them: digests of what is asked, served and unmarked, settings, how many.

    Attributes:
        quoting: how many of the prompts hold a window of what was served. It is no part of the plan.
    """

    prompts: str
    served: str
    unmarked: str
    settings: str
    count: int
    quoting: int = 0


def closed_questions(wish: Wish) -> Questions:
    """Prompts that the suspect answers.

    Raises:
        ConfigError: options that do not go together, or more answers than prompts. And what the readers raise.
    """
    if wish.prompts is None or wish.reference is not None:
        raise ConfigError("a closed model needs --prompts, and no --reference")
    tokenizer = read_tokenizer(wish.tokenizer_file, wish.tokenizer)
    settings = _settings(wish, tokenizer)
    prompts = prompt_files.read_prompts(wish.prompts)
    count = _counted(wish, len(prompts), "prompts")
    quotations = quotable(prompts[:count], tokenizer)
    windows = read_windows(wish.served, scheme_named(wish.scheme).h, tokenizer)
    unmarked = read_unmarked(wish.unmarked, windows.h, tokenizer)
    return Questions(
        prompts=prompt_files.digest_of(prompts[:count]),
        served=windows.digest,
        unmarked=unmarked.digest if unmarked else "",
        settings=asked(settings),
        count=count,
        quoting=sum(_holds(ids, windows) for ids in quotations),
    )


def open_questions(wish: Wish) -> Questions:
    """Outputs that the suspect reads.

    Raises:
        ConfigError: options that do not go together, more outputs than there are, or a model of another tokenizer.
    """
    if wish.weights is None or any(text is not None for text in (wish.prompts, wish.endpoint, wish.unmarked)):
        raise ConfigError("an open model needs --weights, and neither --prompts, --endpoint nor --unmarked")
    h, longest = scheme_named(wish.scheme).h, wish.longest
    outputs = read_outputs(wish.served, h=h, longest=longest, budget=wish.budget or 1 << 62)
    count = _counted(wish, len(outputs), "served outputs")
    largest = max(int(rows.max(initial=0)) for o in outputs for rows in (o.prompt, o.tokens))
    models = [LocalSuspect(where) for where in (wish.weights, wish.reference) if where is not None]
    for model in models:
        check_names(wish.tokenizer, model.tokenizer_digest)
        model.check_reads(largest, longest)
    settings = ByReading(
        tokenizer=models[0].tokenizer_digest,
        weights=models[0].weights_digest,
        reference=models[1].weights_digest if len(models) > 1 else "",
        candidates=min(wish.candidates, *(model.vocabulary for model in models)),
        longest=longest,
    )
    digest = outputs_digest([o.tokens for o in outputs], [o.prompt for o in outputs])
    return Questions(prompts=digest, served="", unmarked="", settings=asked(settings), count=count)


def committed_root(folder: Path, keys: Sequence[Key]) -> str:
    """The root of the commitment that all keys are proved to be in.

    Raises:
        ConfigError: the folder has no proofs. InputError: a file cannot be read. VerifyError: a key is not in it.
    """
    record = read_commitment(folder / COMMITMENT)
    if not (folder / PROOFS).exists():
        raise ConfigError(f"{folder} has no {PROOFS}, and without proofs nobody knows whether the keys are in it")
    proofs = {row.id: row.proof for row in find_proofs(folder / PROOFS, [key.id for key in keys])}
    if missing := sum(key.id not in proofs for key in keys):
        raise VerifyError(f"{missing:,} of the plan's {len(keys):,} keys have no proof in {folder / PROOFS}")
    for key in keys:
        verify_key(record, key, proofs[key.id])
    return record.root


def check_names(name: str, found: str) -> None:
    """Where the keys name their tokenizer by a digest, it must be the model's.

    Raises:
        ConfigError: it is another.
    """
    if name.startswith(DIGEST) and name != found:
        raise ConfigError(f"the keys are for the tokenizer {name}, but the model's is {found}")


def _settings(wish: Wish, tokenizer: Tokenizer | None) -> Settings:
    if wish.endpoint is not None and wish.weights is not None:
        raise ConfigError("say where the suspect is: --endpoint or --weights, or neither for a file of responses")
    if tokenizer is None and (wish.endpoint is not None or wish.weights is not None):
        raise ConfigError("a suspect answers in text: say with what it becomes the keys' token ids, --tokenizer-file")
    fixed = {} if tokenizer is None else {"tokenizer": tokenizer.digest, "tokenizer_file": tokenizer.file}
    if wish.endpoint is not None:
        check_address(wish.endpoint)
        return ByEndpoint(
            **fixed,
            url=wish.endpoint,
            model=wish.ask_model or "",
            temperature=wish.temperature,
            top_p=wish.top_p,
            max_tokens=wish.max_tokens,
            more=more_fields(wish.request),
        )
    if wish.weights is None:
        return ByFile(**fixed)
    Sampling(temperature=wish.temperature, top_p=wish.top_p, max_tokens=wish.max_tokens)
    return ByWeights(
        **fixed,
        weights=LocalSuspect(wish.weights).weights_digest,
        temperature=wish.temperature,
        top_p=wish.top_p,
        max_tokens=wish.max_tokens,
        plain=wish.plain,
    )


def _counted(wish: Wish, there: int, what: str) -> int:
    if wish.budget is not None and wish.budget > there:
        raise ConfigError(f"the budget is {wish.budget:,} answers, but there are {there:,} {what}")
    return wish.budget or there


def _holds(ids: Tokens, windows: Served) -> bool:
    if len(ids) < windows.h:
        return False
    return bool(stand_in(np.lib.stride_tricks.sliding_window_view(ids, windows.h), windows).any())
