"""Held-out figures of the elicitation model, as JSON on stdout: ``python bench/elicitation.py [--data DIR]``.

Each template group, and then each language, is left out of training in turn and scored by the model of the others:
AUROC and true positives at 1 % and 0.1 % false positives against the benign prompts that were left out with it, hard
negatives most of them. Intervals (95 %) resample templates, for prompts of one template are no independent witnesses.
With ``--data`` the shipped model is also measured on prompts and traffic from outside.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from train_elicitation import Matrix, corpus, design, fit, targets

from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.elicitation.generator import Prompt
from gauger.detect.tables import ELICITATION

SEED = 7
RESAMPLES = 200
CHUNK = 20_000  # texts scored at once


def operating(scores: Matrix, positive: Matrix, weights: Matrix) -> tuple[float, float, float]:
    """Weighted AUROC, and TPR at 1 % and 0.1 % FPR, of scores float64[n]."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum((weights * positive)[order])
    alarms = np.cumsum((weights * (1 - positive))[order])
    hits, alarms = hits / max(hits[-1], 1e-9), alarms / max(alarms[-1], 1e-9)
    area = float(np.sum(np.diff(alarms, prepend=0) * hits))
    tpr = [float(hits[max(np.searchsorted(alarms, rate, "right") - 1, 0)]) for rate in (0.01, 0.001)]
    return area, tpr[0], tpr[1]


def figures(scores: Matrix, prompts: list[Prompt], rng: np.random.Generator) -> dict[str, Any]:
    """For each class its figures with intervals: [value, low, high]."""
    out = {}
    for c, name in enumerate(ELICITATION):
        kept = [k for k, p in enumerate(prompts) if name in p.labels or not p.labels]
        positive = np.array([name in prompts[k].labels for k in kept], float)
        templates, codes = np.unique([prompts[k].template for k in kept], return_inverse=True)
        size = len(templates)
        draws = [np.bincount(rng.integers(size, size=size), minlength=size)[codes] for _ in range(RESAMPLES)]
        weighted = (w.astype(float) for w in (np.ones(len(kept)), *draws))
        rows = np.array([operating(scores[kept, c], positive, w) for w in weighted])
        low, high = np.quantile(rows[1:], [0.025, 0.975], axis=0)
        values = np.stack([rows[0], low, high], axis=1).round(3).tolist()
        curve = dict(zip(("auroc", "tpr_1pct", "tpr_01pct"), values, strict=True))
        out[name] = curve | {"positives": int(positive.sum())}
    return out


def leave_out(x: Any, prompts: list[Prompt], key: str) -> dict[str, Any]:
    """Figures by each left-out value of a prompt's attribute, and the recall at thresholds set on the rest."""
    y, rng = targets(prompts), np.random.default_rng(SEED)
    values = np.array([getattr(p, key) for p in prompts])
    limits = np.array(list(thresholds().values()))
    out = {}
    for value in sorted(set(values)):
        left = values == value
        weights, bias = fit(x[~left], y[~left])
        scores, some = x[left] @ weights + bias, [p for p, there in zip(prompts, left, strict=True) if there]
        benign = np.array([not p.labels for p in some])
        above, truth = scores > limits, y[left] > 0
        tpr = [round(float(above[truth[:, c], c].mean()), 3) for c in range(len(ELICITATION))]
        fpr = [round(float(above[benign, c].mean()), 5) for c in range(len(ELICITATION))]
        shipped = {c: {"tpr": t, "fpr": f} for c, t, f in zip(ELICITATION, tpr, fpr, strict=True)}
        out[value] = {"curve": figures(scores, some, rng), "at_shipped_thresholds": shipped}
    return out


def shipped_scores(texts: list[str]) -> Matrix:
    """Log-odds float64[n, 6] by the shipped model."""
    weights, bias = load_model()
    bits = int(weights.shape[0]).bit_length() - 1
    parts = (design(texts[k : k + CHUNK], bits) @ weights.astype(float) for k in range(0, len(texts), CHUNK))
    return np.vstack(list(parts)) + bias


def rates(texts: list[str]) -> dict[str, Any]:
    """Share of texts above each threshold."""
    above = shipped_scores(texts) > np.array(list(thresholds().values()))
    shares = dict(zip(ELICITATION, above.mean(axis=0).round(5).tolist(), strict=True))
    return {"n": len(texts), "any": round(float(above.any(axis=1).mean()), 5)} | shares


def human(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(file, prompts) of each prompt file of a folder."""
    for path in sorted(folder.iterdir()):
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        if path.name.endswith(".txt"):
            yield path.name, [text]
            continue
        rows = json.loads(text) if ".json." in path.name else [json.loads(line) for line in text.splitlines()]
        yield path.name, [prompt for row in rows if (prompt := _prompt(row))]


def _prompt(row: dict[str, Any]) -> str:
    if "turns" in row:
        return str(row["turns"][0])
    if "conversations" in row:
        return str(row["conversations"][0]["value"])
    extra = row.get("input") or row.get("context") or ""
    if "instances" in row:
        extra = row["instances"][0]["input"]
    return "\n".join(part for part in (row.get("instruction") or row.get("question") or "", extra) if part)


def traffic(folder: Path) -> dict[str, Any]:
    """Rates by kind of account, and the share of accounts with three prompts or more above one threshold."""
    kinds = {r["account"]: r["campaign"] or r["kind"] for r in csv.DictReader((folder / "truth.csv").open())}
    accounts, texts = [], []
    with (folder / "events.jsonl.zst").open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in io.TextIOWrapper(stream, "utf-8", "replace"):
            event = json.loads(line)
            users = [m["content"] for m in event.get("messages") or [] if m["role"] == "user"]
            if users and isinstance(users[-1], str):
                accounts.append(event["metadata"]["user_api_key_user_id"])
                texts.append(users[-1])
    above = shipped_scores(texts) > np.array(list(thresholds().values()))
    counts: dict[str, Matrix] = defaultdict(lambda: np.zeros(len(ELICITATION) + 1))
    for account, row in zip(accounts, above, strict=True):
        counts[account] += np.append(row, 1)
    by_kind: dict[str, list[Matrix]] = defaultdict(list)
    for account, row in counts.items():
        by_kind[kinds.get(account, "unknown")].append(row)
    return {kind: _kind(np.array(rows)) for kind, rows in sorted(by_kind.items())}


def _kind(rows: Matrix) -> dict[str, Any]:
    shares = dict(zip(ELICITATION, (rows[:, :-1].sum(axis=0) / rows[:, -1].sum()).round(5).tolist(), strict=True))
    three = round(float((rows[:, :-1].max(axis=1) >= 3).mean()), 4)
    return {"accounts": len(rows), "prompts": int(rows[:, -1].sum()), "accounts_with_three": three} | shares


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1000, help="prompts of each kind (default 1000)")
    parser.add_argument("--data", type=Path, help="a folder with prompts/ and traffic/ from outside")
    parser.add_argument("--outside-only", action="store_true", help="skip the held-out figures")
    options = parser.parse_args()
    report: dict[str, Any] = {"thresholds": thresholds()}
    if not options.outside_only:
        prompts = corpus(options.each, SEED)
        x = design([p.text for p in prompts])
        report |= {f"leave_{key}_out": leave_out(x, prompts, key) for key in ("group", "language")}
    if options.data:
        report["prompts"] = {name: rates(texts) for name, texts in human(options.data / "prompts")}
        report["traffic"] = traffic(options.data / "traffic")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
