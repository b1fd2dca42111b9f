"""Fetching a few texts again, by file and line, to show a redacted example of each family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.parquet as pq

from gauger.edge import tabular
from gauger.edge.formats.mapped import CANONICAL, FieldMap
from gauger.edge.inputs import STDIN, kind_of, pieces
from gauger.edge.lines import Block, blocks
from gauger.edge.parallel import Job, parse
from gauger.errors import InputError

Place = tuple[str, int, str]
"""A source, a 1-based line or record number in it, and a column of EVENTS: prompt or system."""

_LIMITS = {"block_bytes": 1 << 20, "block_lines": 4096}


def texts_at(places: set[Place], formats: Mapping[str, str], mapping: FieldMap | None) -> dict[Place, str]:
    """The texts that stand at some places; a place that cannot be read again is left out.

    Each source is streamed once, up to the last place in it, and only the blocks that hold a place are
    parsed. Standard input and a JSON document of one piece cannot be read again.

    Args:
        places: where to look.
        formats: source -> the format it was read as.
        mapping: of the format "mapped".
    """
    found: dict[Place, str] = {}
    for source in sorted({s for s, _, _ in places} - {STDIN}):
        wanted = {(line, column) for s, line, column in places if s == source}
        try:
            found |= {(source, *at): text for at, text in _texts(source, wanted, formats[source], mapping)}
        except (OSError, InputError, KeyError):
            continue  # an example is a courtesy: the finding stands without it
    return found


_Cell = tuple[int, str]


def _texts(source: str, wanted: set[_Cell], name: str, mapping: FieldMap | None) -> Iterator[tuple[_Cell, str]]:
    kind = kind_of(source)
    if kind == "parquet" and name == CANONICAL:
        yield from _canonical(source, wanted)
        return
    if kind == "parquet":
        stream: Iterator[Block] = tabular.parquet_blocks(source, None, **_LIMITS)
    elif kind == "csv":
        stream = tabular.csv_blocks(source, **_LIMITS)
    else:
        stream = blocks(pieces(source), **_LIMITS)
    last = max(line for line, _ in wanted)
    for block in stream:
        if block.line > last:
            return
        here = {at for at in wanted if block.line <= at[0] < block.line + block.lines}
        if here:
            yield from _parsed(block, here, Job(source, block.line, block.lines, name, mapping))


def _parsed(block: Block, here: set[_Cell], job: Job) -> Iterator[tuple[_Cell, str]]:
    batch = parse(job, block.data).batch
    for name in sorted({column for _, column in here}):
        for number, text in zip(batch.column("line").to_pylist(), batch.column(name).to_pylist(), strict=True):
            if (number, name) in here and text is not None:
                yield (number, name), text


def _canonical(source: str, wanted: set[_Cell]) -> Iterator[tuple[_Cell, str]]:
    file = pq.ParquetFile(source)
    begin = 1
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        here = sorted(at for at in wanted if begin <= at[0] < begin + rows)
        if here:
            texts = file.read_row_group(group, columns=sorted({column for _, column in here}))
            yield from ((at, text) for at in here if (text := texts[at[1]][at[0] - begin].as_py()) is not None)
        begin += rows
