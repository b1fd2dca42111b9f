"""What a plan is about, read from files and held against the plan's digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gauger.edge.suspects import prompts as prompt_files
from gauger.edge.suspects.prompts import Prompt
from gauger.edge.suspects.tokenizer import Tokenizer
from gauger.edge.token_files import Tokens, read_texts
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.stats import IntArray
from gauger.watermark import served as windows_of
from gauger.watermark.corpus import digest_of, joined
from gauger.watermark.habits import Habits, habits
from gauger.watermark.radioactivity import Plan
from gauger.watermark.served import Served, reading_places

DIGEST = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Output:
    """One served output that an open model reads.

    Attributes:
        prompt, tokens: uint32[m], uint32[n]. places: of the tokens that are predicted, int64[p], in ``tokens``.
    """

    prompt: Tokens
    tokens: Tokens
    places: IntArray


def read_served(source: str, tokenizer: Tokenizer | None) -> tuple[list[Tokens], list[Tokens]]:
    """Served outputs, and the prompt of each, as token ids.

    Raises:
        InputError: the file cannot be read, has no output, or has ids that the keys' tokenizer does not.
    """
    parts = list(read_texts(source, tokenizer=tokenizer, ids_suffice=True))
    texts, prompts = [t for part in parts for t in part.tokens], [p for part in parts for p in part.prompts]
    if not any(len(text) for text in texts):
        raise InputError("no served outputs: write their token ids, one output a line", source=source)
    return texts, prompts


def read_windows(source: str, h: int, tokenizer: Tokenizer | None, plan: Plan | None = None) -> Served:
    """The windows of served outputs, the plan's if there is one.

    Raises:
        VerifyError: other outputs than the plan's. ConfigError: none is long enough. And as ``read_served``.
    """
    found = windows_of.served(read_served(source, tokenizer)[0], h=h)
    if not len(found.states):
        raise ConfigError(f"{source}: no output has more than the {h} tokens of a window")
    if plan is not None and plan.served != found.digest:
        raise VerifyError(f"{source}: these are not the served outputs that the plan is for")
    return found


def read_unmarked(source: str | None, h: int, tokenizer: Tokenizer | None, plan: Plan | None = None) -> Habits | None:
    """What unmarked outputs say after their windows; None where no file is named.

    Raises:
        VerifyError: other text than the plan's, or none where it has some. And as ``read_served``.
    """
    found = None if source is None else habits(read_served(source, tokenizer)[0], h=h)
    if plan is not None and plan.unmarked != ("" if found is None else found.digest):
        which = "is not the unmarked text that the plan is for" if plan.unmarked else "is not in the plan"
        raise VerifyError(f"{source}: this {which}" if source else "say the plan's unmarked text: --unmarked")
    return found


def read_prompts(source: str, plan: Plan) -> tuple[Prompt, ...]:
    """The plan's prompts.

    Raises:
        VerifyError: other prompts, or in another order. And as ``suspects.prompts.read_prompts``.
    """
    found = prompt_files.read_prompts(source)[: plan.looks[-1]]
    if prompt_files.digest_of(found) != plan.prompts:
        raise VerifyError(f"{source}: these are not the prompts that the plan is for, or not in its order")
    return found


def quotable(prompts: Sequence[Prompt], tokenizer: Tokenizer | None) -> list[Tokens]:
    """The ids in which a quotation of each prompt stands: its windows are not scored.

    Raises:
        ConfigError: a prompt whose ids are neither given nor can be made.
    """
    if tokenizer is None and any(prompt.tokens is None for prompt in prompts):
        raise ConfigError(
            "a quotation of a prompt is no mark, and is seen in token ids: say --tokenizer-file, or give every prompt "
            "`prompt_tokens`"
        )
    return [np.array(p.tokens, np.uint32) if tokenizer is None else tokenizer.quoted(p) for p in prompts]


def read_outputs(source: str, *, h: int, longest: int, budget: int, plan: Plan | None = None) -> tuple[Output, ...]:
    """The outputs that an open model reads, the plan's if there is one.

    Args:
        longest: tokens of prompt and output that are read; places beyond them are left out. budget: how many outputs.

    Raises:
        VerifyError: other outputs than the plan's. ConfigError: nothing to predict. And as ``read_served``.
    """
    texts, prompts = (rows[:budget] for rows in read_served(source, None))
    if plan is not None and outputs_digest(texts, prompts) != plan.prompts:
        raise VerifyError(f"{source}: these are not the served outputs that the plan is for, or not in its order")
    places = reading_places(texts, h=h, prompts=prompts)
    found = tuple(
        Output(prompt=p, tokens=t, places=at[len(p) + at <= longest])
        for t, p, at in zip(texts, prompts, places, strict=True)
    )
    if not any(len(output.places) for output in found):
        raise ConfigError(f"{source}: no output has more than the {h} tokens of a window")
    return found


def outputs_digest(texts: Sequence[Tokens], prompts: Sequence[Tokens]) -> str:
    """Of outputs and their prompts, in order."""
    return digest_of((*joined("output", texts, len(texts)), *joined("prompt", prompts, len(texts))))


def read_tokenizer(path: Path | None, name: str, planned: str = "", *, planned_file: str = "") -> Tokenizer | None:
    """The keys' tokenizer, where a file of it is given.

    Args:
        name: what the keys call it; a digest is held against the file's. planned: the digest in the plan, if any.
        planned_file: the digest of the whole file in the plan; "" in older ones, which fix none.

    Raises:
        ConfigError: it is another. And as ``Tokenizer``.
    """
    if path is None:
        return None
    found = Tokenizer(path)
    for wanted in (name if name.startswith(DIGEST) else "", planned):
        if wanted and found.digest != wanted:
            raise ConfigError(f"{path} is not the keys' tokenizer: it is {found.digest}, and theirs is {wanted}")
    if planned_file and found.file != planned_file:
        raise VerifyError(
            f"{path} is not the file that the plan fixed, though it has its vocabulary: text may become other ids by it"
        )
    return found
