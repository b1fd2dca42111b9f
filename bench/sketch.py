"""Sketching speed and families, beside datasketch on the same documents: ``python bench/sketch.py --out FILE.json``.

The documents are templates with slots of several sizes, prompts that are alone, and prompts that share nothing but
an opening (which must not become one family). Both sides use 64 permutations in 16 bands of 4 over word 3-grams.
Times are CPU seconds of one process; run it on an idle machine. ``--docs 2000`` is the smoke run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gauger.detect import families
from gauger.detect.sketch import sketch
from gauger.detect.tables import BANDS, ELICITATION, EVENTS, ROWS
from gauger.edge.engine import load, open_engine
from gauger.edge.spool import signed

T = TypeVar("T")
MEMBERS = 25  # of each template
Labels = NDArray[np.int64]


def documents(n: int, seed: int = 3) -> tuple[list[str], Labels]:
    """n texts of about 444 characters, and the template that each is of: half templates, 40 % alone, 10 % openings."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = np.array(["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(8000)])
    weight = 1 / np.arange(1, len(vocabulary) + 1)
    weight /= weight.sum()

    def words(size: int) -> list[str]:
        return rng.choice(vocabulary, size, p=weight).tolist()

    texts: list[str] = []
    labels: list[int] = []
    while len(texts) < n // 2:
        base, share = words(int(rng.integers(55, 95))), rng.uniform(0.02, 0.35)
        slots = set(rng.choice(len(base), rng.integers(1, 4), replace=False).tolist())
        longest = max(1, int(share * len(base) / len(slots)))
        for _ in range(MEMBERS):
            filled = [
                [w, *(words(int(rng.integers(1, 2 * longest + 1))) if k in slots else [])] for k, w in enumerate(base)
            ]
            texts.append(" ".join(w for part in filled for w in part))
        labels += [len(texts)] * MEMBERS
    opening = words(25)
    for k in range(n - len(texts)):
        texts.append(" ".join((opening if k % 5 == 0 else []) + words(int(rng.integers(50, 110)))))
        labels.append(-k - 1)
    return texts, np.array(labels)


def cpu(run: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    result = run()
    return result, time.process_time() - started


def events(texts: list[str]) -> pa.RecordBatch:
    columns = {f.name: pa.nulls(len(texts), f.type) for f in EVENTS}
    columns["prompt"] = columns["answer"] = pa.array(texts, pa.large_string())
    return pa.RecordBatch.from_pydict(columns, schema=EVENTS)


def ours(batch: pa.RecordBatch) -> tuple[Labels, dict[str, float]]:
    """Family of each document, and CPU seconds of the steps."""
    weights = np.random.default_rng(0).normal(size=(1 << 16, len(ELICITATION))).astype(np.float32)
    sketch(batch.slice(0, 10), weights)  # compiles
    sketches, kernel = cpu(lambda: sketch(batch, weights))
    with tempfile.TemporaryDirectory() as scratch:
        engine = open_engine("duckdb", scratch=Path(scratch), memory_gb=2, threads=1)
        rows = load(engine, pa.Table.from_batches([signed(sketches)]), Path(scratch) / "rows")

        def group() -> pa.Table:
            docs = engine.write(families.documents(rows), Path(scratch) / "docs")
            return families.families(docs, engine.collect)

        mapping, joined = cpu(group)
        engine.close()
    known = dict(zip(*(mapping[name].to_pylist() for name in mapping.column_names), strict=True))
    masked = signed(sketches)["prompt_masked"].to_pylist()
    return np.array([known.get(m, m) for m in masked]), {"sketch": kernel, "families": joined}


def theirs(texts: list[str]) -> tuple[Labels, dict[str, float]]:
    """datasketch: MinHash, MinHashLSH, candidates whose estimated Jaccard is at least one half."""
    from datasketch import MinHash, MinHashLSH  # noqa: PLC0415

    def shingles(text: str) -> list[bytes]:
        w = text.split()
        return [" ".join(w[k : k + 3]).encode() for k in range(len(w) - 2)]

    hashes, sketching = cpu(lambda: MinHash.bulk([shingles(t) for t in texts], num_perm=BANDS * ROWS))
    values = np.stack([h.hashvalues for h in hashes])

    def group() -> Labels:
        index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        left: list[int] = []
        right: list[int] = []
        for k, h in enumerate(hashes):
            found = np.array(index.query(h), dtype=np.int64)
            index.insert(k, h)
            near = found[(values[found] == values[k]).mean(axis=1) >= 0.5] if len(found) else found
            left += [k] * len(near)
            right += near.tolist()
        nodes, roots = families.components(np.array(left, np.int64), np.array(right, np.int64))
        labels = np.arange(len(texts))
        labels[nodes] = roots
        return labels

    labels, joined = cpu(group)
    return labels, {"sketch": sketching, "families": joined}


def pairs(labels: NDArray[np.int64]) -> int:
    """How many pairs of documents are in one family."""
    _, sizes = np.unique(labels, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())


def agreement(found: Labels, truth: Labels) -> dict[str, float]:
    """Pairwise precision, recall and F1 of one grouping against another."""
    codes = np.unique(found, return_inverse=True)[1] * (len(truth) + 1) + np.unique(truth, return_inverse=True)[1]
    both, claimed, true = pairs(codes), pairs(found), pairs(truth)
    return {"precision": both / max(claimed, 1), "recall": both / max(true, 1), "f1": 2 * both / max(claimed + true, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=int, default=200_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--alone", action="store_true", help="without datasketch")
    args = parser.parse_args()
    texts, truth = documents(args.docs)
    mine, seconds = ours(events(texts))
    result = {
        "documents": len(texts),
        "characters": float(np.mean([len(t) for t in texts])),
        "gauger": {"cpu_s": seconds, "docs_per_s_core": len(texts) / seconds["sketch"], **agreement(mine, truth)},
    }
    if not args.alone:
        peer, seconds = theirs(texts)
        result["datasketch"] = {
            "cpu_s": seconds,
            "docs_per_s_core": len(texts) / seconds["sketch"],
            **agreement(peer, truth),
        }
        result["agreement"] = agreement(mine, peer)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
