"""Fetching a few prompts again, by file and line, to show a redacted example of each family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.parquet as pq

from gauger.edge import tabular
from gauger.edge.formats.mapped import CANONICAL, FieldMap
from gauger.edge.inputs import STDIN, kind_of, pieces
from gauger.edge.lines import Block, blocks
from gauger.edge.parallel import Job, parse
from gauger.errors import InputError

Place = tuple[str, int]
"""A source and a 1-based line or record number in it."""

_LIMITS = {"block_bytes": 1 << 20, "block_lines": 4096}


def prompts_at(places: set[Place], formats: Mapping[str, str], mapping: FieldMap | None) -> dict[Place, str]:
    """The prompts that stand at some places; a place that cannot be read again is left out.

    Each source is streamed once, up to the last place in it, and only the blocks that hold a place are
    parsed. Standard input and a JSON document of one piece cannot be read again.

    Args:
        places: where to look.
        formats: source -> the format it was read as.
        mapping: of the format "mapped".
    """
    found: dict[Place, str] = {}
    for source in sorted({s for s, _ in places} - {STDIN}):
        lines = {line for s, line in places if s == source}
        try:
            found |= {(source, n): text for n, text in _prompts(source, lines, formats[source], mapping)}
        except (OSError, InputError, KeyError):
            continue  # an example is a courtesy: the finding stands without it
    return found


def _prompts(source: str, lines: set[int], name: str, mapping: FieldMap | None) -> Iterator[tuple[int, str]]:
    kind = kind_of(source)
    if kind == "parquet" and name == CANONICAL:
        yield from _canonical(source, lines)
        return
    if kind == "parquet":
        stream: Iterator[Block] = tabular.parquet_blocks(source, None, **_LIMITS)
    elif kind == "csv":
        stream = tabular.csv_blocks(source, **_LIMITS)
    else:
        stream = blocks(pieces(source), **_LIMITS)
    last = max(lines)
    for block in stream:
        if block.line > last:
            return
        here = {n for n in lines if block.line <= n < block.line + block.lines}
        if here:
            yield from _parsed(block, here, Job(source, block.line, block.lines, name, mapping))


def _parsed(block: Block, here: set[int], job: Job) -> Iterator[tuple[int, str]]:
    batch = parse(job, block.data).batch
    for number, text in zip(batch.column("line").to_pylist(), batch.column("prompt").to_pylist(), strict=True):
        if number in here and text is not None:
            yield number, text


def _canonical(source: str, lines: set[int]) -> Iterator[tuple[int, str]]:
    file = pq.ParquetFile(source)
    begin = 1
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        here = sorted(n for n in lines if begin <= n < begin + rows)
        if here:
            column = file.read_row_group(group, columns=["prompt"]).column("prompt")
            yield from ((n, text) for n in here if (text := column[n - begin].as_py()) is not None)
        begin += rows
