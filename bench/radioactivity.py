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
from radioactivity_lab.judging import (
    closed,
    log10,
    looks_of,
    open_path,
    over_looks,
    pairs_once,
    part,
    planned,
    readings,
)
from radioactivity_lab.merging import merged, ours, pairs
from radioactivity_lab.student import Course, ask
from radioactivity_lab.summary import summary
from radioactivity_lab.teacher import ANSWER, PROMPT, Tokens, answers, entropy, paraphrased, prompts, teacher

from gauger.stats.tails import clopper_pearson
from gauger.watermark.habits import Habits, habits
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.served import served

LENGTH, SCHEME = PROMPT + ANSWER, "gumbel:h=2"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        plain: unmarked answers that the closed test compares with. read: served outputs that open mode reads at most.
        null_*: of the error rates.
    """

    words: int = 1000
    base: int = 24_000
    records: int = 1500
    asked: int = 512
    plain: int = 6000
    read: int = 400
    seeds: int = 3
    merges: int = 300
    null_keys: int = 400
    null_served: int = 200
    null_asked: int = 256
    null_open: int = 100
    wrong_keys: int = 300


SIZES = {
    "full": Size(),
    "small": Size(
        words=100, base=500, records=150, asked=48, plain=100, read=96, seeds=1, merges=20,
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
    habits: dict[tuple[int, float], Habits] = field(default_factory=dict)
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

    def plain(self, h: int, temperature: float = 1.0) -> Habits:
        """What unmarked answers say after a window anyway."""
        if (h, temperature) not in self.habits:
            said = self.unmarked(self.size.plain, np.random.default_rng(11), temperature)
            self.habits[h, temperature] = habits(list(said[:, PROMPT:]), h=h)
        return self.habits[h, temperature]

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
        judged = (texts, asked, windows, secret, scheme)
        ends = np.cumsum([len(t) for t in texts])
        result: dict[str, Any] = {
            "answers": list(looks_of(len(texts))),
            "tokens": [int(ends[n - 1]) for n in looks_of(len(texts))],
            "closed": closed(*judged, self.plain(scheme.h, cell.temperature)),
            "closed alone": closed(*judged, Habits.none(scheme.h)),
            "pairs once": pairs_once(*judged),
        }
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
                lab.say(f"{cell} seed {seed}: {row['closed']['planned'][-1]} {row.get('open', {}).get('log10_e')}")


def rates(highest: dict[str, list[float]]) -> dict[str, Any]:
    """How many of the paths pass 20 and 1,000 anywhere, with 95 % intervals; an e-process: at most 5 and .1 %."""
    found = {}
    for name, values in highest.items():
        over = {e: sum(v >= math.log10(e) for v in values) for e in (20, 1000)}
        bounds = {e: [round(float(b), 5) for b in clopper_pearson(k, len(values))] for e, k in over.items()}
        found[name] = {"paths": len(values), "passed": over, "interval": bounds, "highest_log10_e": max(values)}
    return found


def taught(lab: Lab, cell: Cell, kept: dict[int, Any]) -> dict[int, Any]:
    """Students that ``Lab.judge`` kept; they are taught now where the curve was left out."""
    for seed in range(lab.size.seeds):
        if seed not in kept:
            deque(lab.run(cell, seed), maxlen=0)
    return kept


def innocent_closed(lab: Lab) -> dict[str, Any]:
    """Students of no marked text, judged under keys that each served a corpus of its own, which makes the filter."""
    scheme, size, rng = scheme_named(SCHEME), lab.size, np.random.default_rng(7)
    highest: dict[str, list[float]] = {}
    for seed, (_, asked, raw) in taught(lab, INNOCENT, lab.innocent).items():
        texts = list(raw[: size.null_asked])
        everywhere = served(texts, h=scheme.h)  # weights hang on texts alone, so each key only picks its windows
        compared = {"": lab.plain(scheme.h), ", no unmarked text": Habits.none(scheme.h)}
        found = {how: list(over_looks(texts, asked, everywhere, usual)) for how, usual in compared.items()}
        for k in range(size.null_keys):
            secret = key(f"null:{seed}:{k}").secret
            windows = served(list(lab.marked(size.null_served, secret, rng)[:, PROMPT:]), h=scheme.h)
            for how, readings_at in found.items():
                note(highest, how, [log10(part(r, windows), [secret], scheme)[0] for r in readings_at])
        lab.say(f"innocent {seed}: {rates(highest)}")
    return rates(highest)


def note(highest: dict[str, list[float]], how: str, at: list[float]) -> None:
    """Add a run's e-values at its looks, by what is made of them."""
    made = {"planned looks": planned(at)[-1], "best look": max(at), "at the end": at[-1]}
    for name, value in made.items():
        highest.setdefault(f"closed{how}, {name}", []).append(value)


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
    scheme = scheme_named(SCHEME)
    highest: dict[str, list[float]] = {}
    for seed, (course, asked, raw, said) in taught(lab, GUILTY, lab.guilty).items():
        secrets = [key(f"wrong:{seed}:{k}").secret for k in range(lab.size.wrong_keys)]
        windows = served(list(said[:, PROMPT:]), h=scheme.h)
        looks = [log10(found, secrets, scheme) for found in over_looks(list(raw), asked, windows, lab.plain(scheme.h))]
        for at in zip(*looks, strict=True):
            note(highest, "", list(at))
        predicted, of = readings(course.student, lab.base(False).student, said[: lab.size.null_served], scheme.h)
        times = range(10, lab.size.null_served + 1, 10)
        for secret in secrets:
            for how, r in predicted.items():
                highest.setdefault(f"open, {how}", []).append(max(open_path(r, of, times, secret, scheme)))
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


PARTS: dict[str, Callable[[Lab], Any] | list[Cell]] = {
    "facts": facts,
    "curve": CURVE,
    "innocent_closed": innocent_closed,
    "innocent_open": innocent_open,
    "wrong_keys": wrong_keys,
    "others": EVASIONS + SCHEMES,
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
    report["summary"] = {name: summary(report[name]) for name in ("curve", "others") if name in parts}
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
