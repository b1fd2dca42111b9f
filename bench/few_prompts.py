"""Innocents that were asked little: how often are they called? ``python bench/few_prompts.py FOLDER --out FILE.json``.

FOLDER as of ``bench/lineage_behaviour.py``. Ten models, drawn by lot, keep their answers to the same few
prompts; the unrelated ones among them are tested, alone or with pairs of models that answered all named beside them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lineage_behaviour import World

from gauger.app.lineage import judge
from gauger.app.lineage_comparing import compare
from gauger.edge.lineage.responses import Responses, read_responses

SPARSE, BESIDE, INPUT = 10, 40, "sha256:" + "0" * 64
CASES = ((21, 200, 0), (50, 100, BESIDE), (30, 100, BESIDE))


def called(responses: Responses, world: World, few: int, of: int, beside: int, draws: int) -> dict[str, Any]:
    """Pairs of different bases: how many were judged, and called at alpha 0.01 and 0.05."""
    rng, found = np.random.default_rng(11), {0.01: [0, 0], 0.05: [0, 0]}
    answers, unrelated = responses.answers, (world.null | world.null.T) & ~world.same
    for _ in range(draws):
        prompts, models = rng.permutation(len(responses.prompts))[:of], rng.permutation(len(responses.models))
        sparse, others = models[:SPARSE], models[SPARSE : SPARSE + beside]
        lost = np.isin(answers.model, sparse) & ~np.isin(answers.prompt, prompts[:few])
        kept = answers.take(np.flatnonzero(np.isin(answers.prompt, prompts) & ~lost))
        name = responses.models.__getitem__
        pairs = [(name(a), name(b)) for a in sparse for b in sparse if a < b and unrelated[a, b]]
        more = [(name(a), name(b)) for a, b in zip(others[::2], others[1::2], strict=False)]
        compared = compare(replace(responses, answers=kept), of, np.random.default_rng(1), pairs + more)
        for alpha, counts in found.items():
            rows = judge(compared, pairs, world.origins, alpha=alpha, inputs=(INPUT,), per_pair=True)
            counts[0] += sum(row.p is not None for row in rows)
            counts[1] += sum(row.verdict == "related" for row in rows)
    rates = {f"{alpha:g}": {"judged": n, "called": hits} for alpha, (n, hits) in found.items()}
    return {"few": few, "of": of, "pairs beside": beside // 2, **rates}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--draws", type=int, default=24, help="1 is the smoke run")
    asked = options.parse_args()
    responses = read_responses(asked.folder / "responses.parquet")
    world = World(asked.folder, responses.models)
    made = [called(responses, world, *case, asked.draws) for case in CASES]
    asked.out.write_text(json.dumps(made, indent=1) + "\n")
    print(asked.out.read_text()[:-1])


if __name__ == "__main__":
    main()
