"""Template families: prompts that are one text but for their slots; and who holds which scaffold.

Two masked prompts that share a MinHash band are candidates; they are linked if at least AGREE of their
bands are equal, and families are the components. One equal band alone is too weak: chance meetings at
Jaccard 0.2-0.4 then chain everything into one giant (docs/decisions/0003-engine.md has the figures).
Each round takes one band and compares the members of each bucket with its smallest only, so a bucket
of a million costs a million comparisons; what one round misses, the other bands' rounds find.

All hashes here are signed 64-bit, as in a spool's parts. A family's id is the smallest masked hash in
it, so it depends neither on the engine nor on the order of rows.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.detect.tables import BANDS

Collect = Callable[[ir.Table], pa.Table]
"""Runs an expression: an engine's ``collect``."""

BAND_NAMES = tuple(f"band_{k}" for k in range(BANDS))
AGREE = 2  # equal bands that make a link
DISTINCT = 3
"""A scaffold token is kept if several accounts hold it, with together at least so many distinct prompts."""


def documents(sketches: ir.Table) -> ir.Table:
    """Rows (prompt_masked, band_*): the distinct masked prompts that hold a word."""
    worded = sketches.filter(sketches.band_0.notnull())
    return worded.select("prompt_masked", *BAND_NAMES).distinct()


def families(docs: ir.Table, collect: Collect) -> pa.Table:
    """Find the families.

    Args:
        docs: ``documents``, best written out beforehand: each band's round reads it anew.

    Returns:
        Rows (prompt_masked, family), int64, by prompt_masked, of the prompts that have a near-duplicate.
        Any other prompt is its own family: see ``with_family``.
    """
    nodes = roots = np.zeros(0, np.int64)
    for band in range(BANDS):
        found = collect(links(docs, band))
        left, right = (found[name].to_numpy() for name in ("prompt_masked", "smallest"))
        nodes, roots = components(np.concatenate([nodes, left]), np.concatenate([roots, right]))
    return pa.table({"prompt_masked": nodes, "family": roots})


def links(docs: ir.Table, band: int) -> ir.Table:
    """Rows (prompt_masked, smallest): the members of one band's buckets that have AGREE bands of their smallest."""
    key = f"band_{band}"
    buckets = docs.group_by(key).agg(smallest=docs.prompt_masked.min(), largest=docs.prompt_masked.max())
    buckets = buckets.filter(buckets.smallest < buckets.largest)
    centres = docs.semi_join(buckets, docs.prompt_masked == buckets.smallest)
    members = docs.join(buckets.drop("largest"), key)
    members = members.filter(members.prompt_masked != members.smallest)
    pairs = members.join(centres, members.smallest == centres.prompt_masked, rname="centre_{name}")
    equal = [(pairs[name] == pairs[f"centre_{name}"]).ifelse(1, 0) for name in BAND_NAMES]
    return pairs.filter(functools.reduce(operator.add, equal) >= AGREE).select("prompt_masked", "smallest")


def with_family(sketches: ir.Table, mapping: ir.Table) -> ir.Table:
    """The sketches with a column ``family``: int64, null where there is no prompt.

    Args:
        mapping: what ``families`` returned, as a table of the same engine.
    """
    joined = sketches.left_join(mapping, "prompt_masked")
    family = ibis.coalesce(joined.family, joined.prompt_masked)
    return joined.mutate(family=family).select(*sketches.columns, "family")


def holdings(sketches: ir.Table, column: str) -> ir.Table:
    """Who holds which scaffold.

    Args:
        column: prefix_*, suffix_*, first_line, last_line, system_masked or family.

    Returns:
        Rows (token, account, n, distinct): exchanges and distinct prompts of each account that uses a token,
        for tokens that several accounts use with together at least DISTINCT distinct prompts.
    """
    known = sketches.filter(sketches[column].notnull() & sketches.prompt_exact.notnull())
    # Most tokens are one account's alone. Dropping them first keeps the exact counts small.
    spread = known.group_by(column).agg(low=known.account.min(), high=known.account.max())
    several = spread.filter(spread.low < spread.high)
    shared = known.semi_join(several, column)
    prompts = shared.group_by(column).agg(distinct=shared.prompt_exact.nunique())
    kept = shared.semi_join(prompts.filter(prompts["distinct"] >= DISTINCT), column)
    held = kept.group_by([column, "account"]).agg(n=kept.count(), distinct=kept.prompt_exact.nunique())
    return held.rename(token=column)


def components(left: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Connected components of a graph given by its edges.

    Args:
        left, right: int64[edges], the edges' ends.

    Returns:
        nodes int64[n], sorted, and the smallest node of each one's component, int64[n].
    """
    nodes, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    return nodes, nodes[_roots(codes[: len(left)], codes[len(left) :], len(nodes))]


@compiled
def _roots(left, right, n):  # type: ignore[no-untyped-def]
    """Union-find with path halving; the smaller root wins, so each root is its component's smallest node."""
    parent = np.arange(n)
    for k in range(len(left)):
        a, b = left[k], right[k]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)
    for k in range(n):
        parent[k] = parent[parent[k]]  # parents are smaller, so theirs are final already
    return parent
