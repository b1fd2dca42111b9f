"""Do marks survive into a student? ``python bench/radioactivity.py --out FILE.json``, needs torch.

A synthetic teacher answers prompts, marked under a key or not; small students, all grown from one base that never
saw a mark, are trained on the answers; then each is tested by its own text (closed) and by its predictions (open).
All of it is drawn here from seeds. ``--scale small`` is the smoke run. Progress goes to stderr, and FILE is written
anew after each student.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from radioactivity_lab.drawing import draw
from radioactivity_lab.judging import by_window, closed, open_path, path, planned, readings, windows_log10
from radioactivity_lab.merging import merged, ours, pairs
from radioactivity_lab.student import Course, ask
from radioactivity_lab.summary import summary
from radioactivity_lab.teacher import ANSWER, PROMPT, Tokens, answers, entropy, paraphrased, prompts, teacher

from gauger.stats.tails import clopper_pearson
from gauger.watermark.corpus import Selection
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.radioactivity import doubling
from gauger.watermark.served import keep_served, served

LENGTH, SCHEME, PLAIN = PROMPT + ANSWER, "gumbel:h=2", 4


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        read: served outputs that open mode reads at most. null_*: of the error rates.
        plain: unmarked answers that the test by windows compares with; 0 for no such test.
    """

    words: int = 1000
    base: int = 24_000
    records: int = 1500
    asked: int = 512
    read: int = 400
    seeds: int = 5
    merges: int = 300
    null_keys: int = 400
    null_served: int = 200
    null_asked: int = 256
    null_open: int = 100
    wrong_keys: int = 200
    plain: int = 0


SIZES = {
    "full": Size(),
    "small": Size(
        words=100, base=500, records=150, asked=48, read=96, seeds=1, merges=20,
        null_keys=20, null_served=32, null_asked=32, null_open=4, wrong_keys=20,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a student is trained on.

    Attributes:
        share: of the records that are marked with our key. rest: "unmarked", or "another key" for the others.
        replaced: share of the marked records' tokens that a paraphraser changed. merged: another tokenizer.
        epochs: after which it is tested; clean: then further epochs on as many unmarked records, and tests after each.
    """

    share: float
    scheme: str = SCHEME
    rest: str = "unmarked"
    replaced: float = 0.0
    temperature: float = 1.0
    merged: bool = False
    epochs: tuple[float, ...] = (3.0,)
    clean: tuple[float, ...] = ()


INNOCENT, GUILTY = Cell(share=0.0), Cell(share=1.0, epochs=(1.0, 3.0))
CURVE = [
    INNOCENT,
    Cell(share=0.05),
    Cell(share=0.1, epochs=(1.0, 3.0)),
    Cell(share=0.25, clean=(0.5, 1.0, 2.0)),
    GUILTY,
    Cell(share=0.1, rest="another key"),
]
EVASIONS = [
    *(Cell(share=0.25, replaced=r) for r in (0.1, 0.3, 0.5)),
    Cell(share=0.25, temperature=0.3),
    Cell(share=0.25, merged=True),
]
SCHEMES = [Cell(share=0.25, scheme=s) for s in ("gumbel:h=1", "gumbel:h=4", "tournament:h=2", "greenlist:h=1:delta=2")]


def key(party: str, scheme: str = SCHEME) -> Key:
    context = KeyContext(tenant="bench", party=party, epoch="e", model="teacher", tokenizer="words", scheme=scheme)
    return derive(bytes(32), context)


@dataclass
class Lab:
    size: Size
    started: float = field(default_factory=time.monotonic)
    bases: dict[bool, Course] = field(default_factory=dict)
    save: Callable[[], None] = lambda: None
    innocent: dict[int, tuple[Course, Tokens, Tokens]] = field(default_factory=dict)
    guilty: dict[int, tuple[Course, Tokens, Tokens, Tokens]] = field(default_factory=dict)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.0f} s  {text}", file=sys.stderr, flush=True)

    @cached_property
    def world(self) -> Any:
        return teacher(1, words=self.size.words)

    def base(self, other: bool) -> Course:
        """A student that never saw a mark, in our tokenizer or another."""
        if other not in self.bases:
            said = self.unmarked(self.size.base, np.random.default_rng(2))
            course = self.bases[other] = Course(self.vocabulary(other), 3, length=LENGTH, rate=4e-3)
            loss = course.study(merged(said, self.table) if other else said, 1, batch=32, fade=True)
            self.say(f"base{' of another tokenizer' * other}: {loss:.3f} nats")
        return self.bases[other]

    @cached_property
    def table(self) -> dict[tuple[int, int], int]:
        return pairs(self.unmarked(self.size.records, np.random.default_rng(4)), self.size.merges, self.size.words)

    @cached_property
    def plain(self) -> list[Tokens]:
        """Unmarked answers that say what follows a window anyway."""
        return list(self.unmarked(self.size.plain, np.random.default_rng(11))[:, PROMPT:])

    def vocabulary(self, other: bool) -> int:
        return self.size.words + self.size.merges * other

    def unmarked(self, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Tokens:
        return answers(self.world, prompts(self.world, n, rng), [None] * n, None, rng, temperature=temperature)

    def marked(self, n: int, secret: bytes, rng: np.random.Generator) -> Tokens:
        """Served under one key, by the default of these experiments."""
        return answers(self.world, prompts(self.world, n, rng), [secret] * n, scheme_named(SCHEME), rng)

    def grown(self, other: bool, seed: int) -> Course:
        course = Course(self.vocabulary(other), seed, length=LENGTH, rate=1e-3)
        course.student.load_state_dict(self.base(other).student.state_dict())
        return course

    def run(self, cell: Cell, seed: int) -> Iterator[dict[str, Any]]:
        """Serve, train, test. A student of no marked text is tested with outputs that others got."""
        rng, size, scheme = np.random.default_rng([5, seed]), self.size, scheme_named(cell.scheme)
        account, other = key(f"account:{seed}", cell.scheme), key(f"other:{seed}", cell.scheme)
        marked = round(cell.share * size.records)
        rest = other.secret if cell.rest == "another key" else None
        secrets = [account.secret] * marked + [rest] * (size.records - marked)
        asked = prompts(self.world, size.records, rng)
        said = answers(self.world, asked, secrets, scheme, rng, temperature=cell.temperature)
        rows = np.concatenate([paraphrased(self.world, said[:marked], cell.replaced, rng), said[marked:]])
        outputs = said[:marked] if marked else self.marked(size.read, account.secret, np.random.default_rng([10, seed]))
        course, clean = self.grown(cell.merged, seed), self.unmarked(size.records, rng) if cell.clean else None
        rows = merged(rows, self.table) if cell.merged else rows
        for text, stages in ((rows, cell.epochs), (clean, cell.clean)):
            for done, epochs in zip((0.0, *stages), stages, strict=False):
                loss = course.study(text, epochs - done)
                at = {"epochs": epochs, "clean": 0} if text is rows else {"epochs": cell.epochs[-1], "clean": epochs}
                yield {**at, "loss": round(loss, 3), **self.judge(cell, seed, course, outputs)}

    def judge(self, cell: Cell, seed: int, course: Course, said: Tokens) -> dict[str, Any]:
        scheme, secret = scheme_named(cell.scheme), key(f"account:{seed}", cell.scheme).secret
        asked = prompts(self.world, self.size.asked, np.random.default_rng([6, seed]))
        raw = ask(course.student, asked, ANSWER, seed)
        texts = ours(raw, self.table, ANSWER) if cell.merged else list(raw)
        windows = served(list(said[:, PROMPT:]), h=scheme.h)
        result: dict[str, Any] = {}
        for name, filtered in (("filtered", keep_served(texts, windows)), ("unfiltered", None)):
            chosen, ends, looks = closed(texts, asked, filtered, scheme.h)
            found = path(chosen, ends, secret, scheme, every=False)
            scored = np.searchsorted(chosen.at, ends).tolist()
            result[name] = {"scored": scored, "log10_e": found.at_looks(), "planned": found.planned()}
        if self.size.plain:
            at = [windows_log10(by_window(texts[:n], self.plain, scheme.h), windows, secret, scheme) for n in looks]
            result["by_window"] = {"log10_e": at, "planned": planned(at)}
        result["answers"], result["tokens"] = list(looks), ends
        if not cell.merged:
            result["open"] = self.open(course, said[: self.size.read], scheme, secret)
        if cell == INNOCENT:
            self.innocent[seed] = (course, asked, raw)
        if cell == GUILTY:
            self.guilty[seed] = (course, asked, raw, said)
        return result

    def open(self, course: Course, said: Tokens, scheme: Any, secret: bytes) -> dict[str, Any]:
        found, of = readings(course.student, self.base(False).student, said, scheme.h)
        outputs = [n for n in (10, 20, 50, 100, 200) if n < len(said)] + [len(said)]
        curves = {how: open_path(r, of, outputs, secret, scheme) for how, r in found.items()}
        return {"outputs": outputs, "places": np.searchsorted(of, outputs).tolist(), "log10_e": curves}


def cells(lab: Lab, chosen: Sequence[Cell], rows: list[dict[str, Any]]) -> None:
    """Every kind of student once, then once more with another seed; ``rows`` are saved as they come."""
    for seed in range(lab.size.seeds):
        for cell in chosen:
            for row in lab.run(cell, seed):
                rows.append({**asdict(cell), "seed": seed, **row})
                lab.save()
                lab.say(f"{cell} seed {seed}: {row['filtered']['planned'][-1]} {row.get('open', {}).get('log10_e')}")


def rates(highest: dict[str, list[float]]) -> dict[str, Any]:
    """How many of the paths pass 20 and 1,000 anywhere, with 95 % intervals; an e-process: at most 5 and .1 %."""
    found = {}
    for name, values in highest.items():
        over = {e: sum(v >= math.log10(e) for v in values) for e in (20, 1000)}
        bounds = {e: [round(float(b), 5) for b in clopper_pearson(k, len(values))] for e, k in over.items()}
        found[name] = {"paths": len(values), "passed": over, "interval": bounds, "highest_log10_e": max(values)}
    return found


def highest_of(chosen: Selection, ends: Sequence[int], secret: bytes, scheme: Any) -> tuple[float, float, float]:
    """Over all stopping times, at the planned looks, and at the end alone."""
    found = path(chosen, ends, secret, scheme, every=True)
    return found.highest(), found.planned()[-1], found.at_looks()[-1]


def taught(lab: Lab, cell: Cell, kept: dict[int, Any]) -> dict[int, Any]:
    """Students that ``Lab.judge`` kept; they are taught now where the curve was left out."""
    for seed in range(lab.size.seeds):
        if seed not in kept:
            deque(lab.run(cell, seed), maxlen=0)
    return kept


def innocent_closed(lab: Lab) -> dict[str, Any]:
    """Students of no marked text, judged under keys that each served a corpus of its own, which makes the filter."""
    scheme, size, rng = scheme_named(SCHEME), lab.size, np.random.default_rng(7)
    names = ("filtered, any time", "filtered, planned looks", "filtered, at the end", "unfiltered, any time")
    highest: dict[str, list[float]] = {name: [] for name in names}
    for seed, (_, prompts_, raw) in taught(lab, INNOCENT, lab.innocent).items():
        asked, texts = prompts_[: size.null_asked], list(raw[: size.null_asked])
        whole, ends, _ = closed(texts, asked, None, scheme.h)
        for k in range(size.null_keys):
            secret = key(f"null:{seed}:{k}").secret
            said = lab.marked(size.null_served, secret, rng)
            keep = keep_served(texts, served(list(said[:, PROMPT:]), h=scheme.h))
            chosen, _, _ = closed(texts, asked, keep, scheme.h)
            found = [*highest_of(chosen, ends, secret, scheme), highest_of(whole, ends, secret, scheme)[0]]
            for name, value in zip(highest, found, strict=True):
                highest[name].append(value)
        lab.say(f"innocent {seed}: {rates(highest)}")
    return rates(highest)


def innocent_open(lab: Lab) -> dict[str, Any]:
    """The same students read served outputs that were marked under keys they never met."""
    scheme, size, rng = scheme_named(SCHEME), lab.size, np.random.default_rng(8)
    highest: dict[str, list[float]] = {}
    n = size.null_served // 2
    for seed, (course, _, _) in taught(lab, INNOCENT, lab.innocent).items():
        for k in range(size.null_open):
            secret = key(f"null-open:{seed}:{k}").secret
            said = lab.marked(n, secret, rng)
            found, of = readings(course.student, lab.base(False).student, said, scheme.h)
            for how, r in found.items():
                highest.setdefault(how, []).append(max(open_path(r, of, range(1, len(said) + 1), secret, scheme)))
    return rates(highest)


def wrong_keys(lab: Lab) -> dict[str, Any]:
    """Students of marked text alone, judged under keys that were never used."""
    scheme, names = scheme_named(SCHEME), ("closed, any time", "closed, planned looks", "closed, at the end")
    highest: dict[str, list[float]] = {}
    for seed, (course, asked, raw, said) in taught(lab, GUILTY, lab.guilty).items():
        keep = keep_served(list(raw), served(list(said[:, PROMPT:]), h=scheme.h))
        chosen, ends, _ = closed(list(raw), asked, keep, scheme.h)
        found, of = readings(course.student, lab.base(False).student, said[: lab.size.null_served], scheme.h)
        for k in range(lab.size.wrong_keys):
            secret = key(f"wrong:{seed}:{k}").secret
            values = dict(zip(names, highest_of(chosen, ends, secret, scheme), strict=True))
            looks = range(10, lab.size.null_served + 1, 10)
            values |= {f"open, {how}": max(open_path(r, of, looks, secret, scheme)) for how, r in found.items()}
            for name, value in values.items():
                highest.setdefault(name, []).append(value)
    return rates(highest)


def facts(lab: Lab) -> dict[str, Any]:
    """Of the world and its texts."""
    rng, n = np.random.default_rng(9), lab.size.records
    marked = lab.marked(n, key("facts").secret, rng)
    plain, cold = lab.unmarked(n, rng), lab.unmarked(n, rng, 0.3)
    distinct = {
        name: len(np.unique(t[:, PROMPT:-1] * lab.size.words + t[:, PROMPT + 1 :]))
        for name, t in (("marked", marked), ("unmarked", plain))
    }
    return {
        "tokens": n * ANSWER,
        "distinct_pairs": distinct,
        "entropy_nats": {"1.0": entropy(lab.world, plain), "0.3": entropy(lab.world, cold, 0.3)},
        "parameters": sum(p.numel() for p in lab.base(False).student.parameters()),
    }


def patience(lab: Lab) -> list[dict[str, Any]]:
    """Students of little marked text, asked four times as much, and tested by windows too."""
    rows: list[dict[str, Any]] = []
    size = replace(lab.size, asked=4 * lab.size.asked, plain=PLAIN * lab.size.records)
    cells(replace(lab, size=size), [Cell(share=0.1), Cell(share=0.05)], rows)
    return rows


def innocent_by_window(lab: Lab) -> dict[str, Any]:
    """The base's own text, tested by windows under keys that each served a corpus of its own."""
    scheme, size, rng = (
        scheme_named(SCHEME),
        replace(lab.size, plain=PLAIN * lab.size.records),
        np.random.default_rng(12),
    )
    asked = prompts(lab.world, size.null_asked, rng)
    texts, plain = list(ask(lab.base(False).student, asked, ANSWER, 12)), replace(lab, size=size).plain
    found = [by_window(texts[:n], plain, scheme.h) for n in doubling(len(texts), first=16)]
    highest: dict[str, list[float]] = {"planned looks": [], "at the end": []}
    for k in range(size.null_keys):
        secret = key(f"null-window:{k}").secret
        windows = served(list(lab.marked(size.null_served, secret, rng)[:, PROMPT:]), h=scheme.h)
        at = [windows_log10(r, windows, secret, scheme) for r in found]
        highest["planned looks"].append(planned(at)[-1])
        highest["at the end"].append(at[-1])
    return rates(highest)


PARTS: dict[str, Callable[[Lab], Any] | list[Cell]] = {
    "facts": facts,
    "curve": CURVE,
    "innocent_closed": innocent_closed,
    "innocent_open": innocent_open,
    "wrong_keys": wrong_keys,
    "others": EVASIONS + SCHEMES,
    "patience": patience,
    "innocent_by_window": innocent_by_window,
}


def measure(lab: Lab, parts: Sequence[str], save: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Parts, in order; what there is by then is saved after each student."""
    report: dict[str, Any] = {"size": asdict(lab.size), "seconds": {}, "cpu_seconds": {}}
    lab.save = lambda: save(report)
    for name in parts:
        part, wall, cpu = PARTS[name], time.monotonic(), time.process_time()
        if callable(part):
            report[name] = part(lab)
        else:
            cells(lab, part, report.setdefault(name, []))
        report["seconds"][name] = round(time.monotonic() - wall, 1)
        report["cpu_seconds"][name] = round(time.process_time() - cpu, 1)
        lab.save()
    report["summary"] = {name: summary(report[name]) for name in ("curve", "others", "patience") if name in parts}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SIZES, default="full")
    parser.add_argument("--seeds", type=int, help="students of each kind")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=Path, help="folder to draw the curves into, as SVG")
    args = parser.parse_args()
    torch.set_num_threads(1)
    size = SIZES[args.scale]

    def save(report: dict[str, Any]) -> None:
        if args.out:
            args.out.write_text(json.dumps(report) + "\n")

    report = measure(Lab(replace(size, seeds=args.seeds or size.seeds)), args.parts, save)
    save(report)
    if args.images and "curve" in report:
        draw(report["curve"], args.images)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
