"""Another tokenizer: frequent pairs of our tokens are one token of its own."""

from __future__ import annotations

import numpy as np

from radioactivity_lab.teacher import PROMPT, Tokens


def pairs(said: Tokens, n: int, words: int) -> dict[tuple[int, int], int]:
    """The n most frequent pairs in answers, and their new ids from ``words`` on."""
    codes, counts = np.unique(said[:, PROMPT:-1] * words + said[:, PROMPT + 1 :], return_counts=True)
    top = codes[np.argsort(-counts, kind="stable")[:n]].tolist()
    return {(c // words, c % words): words + k for k, c in enumerate(top)}


def merged(said: Tokens, table: dict[tuple[int, int], int]) -> Tokens:
    """Rows read in the other tokenizer, from the left; prompts as they are; -1 at the end."""
    out = np.full(said.shape, -1, np.int64)
    out[:, :PROMPT] = said[:, :PROMPT]
    for row, new in zip(said.tolist(), out, strict=True):
        at, to = PROMPT, PROMPT
        while at < len(row):
            joint = table.get((row[at], row[at + 1])) if at + 1 < len(row) else None
            new[to] = row[at] if joint is None else joint
            at, to = at + 1 + (joint is not None), to + 1
    return out


def ours(said: Tokens, table: dict[tuple[int, int], int], length: int) -> list[Tokens]:
    """Answers in our tokens again, of at most ``length``."""
    parts = {joint: pair for pair, joint in table.items()}
    return [np.array([t for token in row for t in parts.get(token, (token,))][:length]) for row in said.tolist()]
