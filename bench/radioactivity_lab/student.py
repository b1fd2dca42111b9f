"""Students: a causal transformer of two blocks, trained and asked on one thread of a processor."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Tokens = NDArray[np.int64]
torch.set_flush_denormal(True)  # tiny gradients are a hundred times slower otherwise


class Block(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.one, self.two = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x: Tensor, past: list[Tensor]) -> Tensor:
        """x float[rows, n, d]; ``past`` holds keys and values of the tokens before, and is added to."""
        rows, n, d = x.shape
        q, k, v = self.qkv(self.one(x)).view(rows, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if past:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        past[:] = [k, v]
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=n > 1)
        x = x + self.out(seen.transpose(1, 2).reshape(rows, n, d))
        return x + self.down(functional.gelu(self.up(self.two(x))))


class Student(nn.Module):
    def __init__(self, vocabulary: int, *, d: int = 128, heads: int = 4, blocks: int = 2, length: int = 64) -> None:
        super().__init__()
        self.word, self.place = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        for e in (self.word, self.place):
            nn.init.normal_(e.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(blocks))
        self.last = nn.LayerNorm(d)

    def forward(self, tokens: Tensor, past: list[list[Tensor]] | None = None) -> Tensor:
        """Logits float[rows, n, vocabulary] of what follows each token. With ``past``, one token or a first few."""
        past = past if past is not None else [[] for _ in self.blocks]
        begin = past[0][0].shape[2] if past[0] else 0
        x = self.word(tokens) + self.place.weight[begin : begin + tokens.shape[1]]
        for block, kept in zip(self.blocks, past, strict=True):
            x = block(x, kept)
        logits: Tensor = self.last(x) @ self.word.weight.T
        return logits


class Course:
    """A student and its optimiser. Rows are padded at the end with -1."""

    def __init__(self, vocabulary: int, seed: int, *, length: int, rate: float = 3e-3) -> None:
        torch.manual_seed(seed)
        self.student = Student(vocabulary, length=length)
        self.optimiser = torch.optim.AdamW(self.student.parameters(), lr=rate, weight_decay=0.01, fused=True)
        self.rate, self.steps, self.rng = rate, 0, np.random.default_rng(seed)

    def study(self, rows: Tokens, epochs: float, *, batch: int = 16, fade: bool = False) -> float:
        """Goes through the rows so many times, in random order; returns the mean loss of the last quarter, nats.

        With ``fade`` the rate falls to a tenth by the end.
        """
        losses = []
        self.student.train()
        end = self.steps + math.ceil(epochs * len(rows) / batch)
        for picked in self._batches(len(rows), epochs, batch):
            x = torch.from_numpy(rows[picked])
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate * min(1, (self.steps + 1) / 50, 0.1 + (end - self.steps) / end if fade else 1)
            logits = self.student(x[:, :-1].clamp(min=0))
            loss = functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten(), ignore_index=-1)
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
            self.optimiser.step()
            self.steps += 1
            losses.append(loss.item())
        return float(np.mean(losses[-max(1, len(losses) // 4) :]))

    def _batches(self, n: int, epochs: float, batch: int) -> Iterator[Tokens]:
        left = round(epochs * n)
        while left > 0:
            order = self.rng.permutation(n)[:left]
            left -= len(order)
            for begin in range(0, len(order) - batch // 2, batch):
                yield order[begin : begin + batch]


@torch.no_grad()
def ask(student: Student, asked: Tokens, length: int, seed: int, *, batch: int = 256) -> Tokens:
    """Answers at temperature 1: int[rows, length]."""
    chance = torch.Generator().manual_seed(seed)
    said = []
    student.eval()
    for begin in range(0, len(asked), batch):
        past: list[list[Tensor]] = [[] for _ in student.blocks]
        tokens, row = torch.from_numpy(asked[begin : begin + batch]), []
        for _ in range(length):
            p = student(tokens, past)[:, -1].softmax(-1)
            tokens = torch.multinomial(p, 1, generator=chance)
            row.append(tokens)
        said.append(torch.cat(row, 1))
    return torch.cat(said).numpy()


@torch.no_grad()
def read(student: Student, rows: Tokens, *, batch: int = 64) -> Iterator[Tensor]:
    """Logits of what the student would say next, all along given rows: float[<= batch, n, vocabulary] at a time."""
    student.eval()
    for begin in range(0, len(rows), batch):
        yield student(torch.from_numpy(rows[begin : begin + batch]))
