"""The compiled sketch against a slow, obvious twin, on texts of every script.

A failure right after an edit of the kernel may be a stale ``__pycache__``: delete it and run again.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gauger.detect.sketch import SCAFFOLDS, hashed_features, sketch
from gauger.detect.tables import BANDS, EVENTS, ROWS, TOPICS

M64 = 2**64 - 1
SEED = 0x67617567657231
NUMBER, QUOTED = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
CSI = re.compile(r"\x1b\[[ -?]*[@-~]")
QUOTES = {'"': '"', "\u201c": "\u201d", "\u300c": "\u300d", "\u300e": "\u300f"}
UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7ff\u2e80-\u2fff\u3005-\u3007\u3021-\u302f]"
UNSPACED += r"|[\u3031-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
MARK = (
    r"[\u0080-\u00bf\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
LETTER = rf"(?:[a-zA-Z0-9]|(?!{MARK}|{UNSPACED})[^\x00-\x7f])"
WORD = re.compile(rf"[{UNSEEN}]*(?:{UNSPACED})|(?:[{UNSEEN}]|{LETTER})+")


def mix(h: int) -> int:
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & M64
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & M64
    return h ^ (h >> 31)


def turn(h: int, bits: int) -> int:
    return ((h << bits) | (h >> (64 - bits))) & M64


def chain(words: list[int]) -> int:
    h = SEED
    for w in words:
        h = mix(h ^ w)
    return h


def fnv(data: bytes) -> int:
    h = SEED
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & M64
    return mix(h)


def quotation(text: str, i: int) -> tuple[int, bool] | None:
    """Where the quotation that opens at i closes, and whether it names a field."""
    close = text.find(QUOTES[text[i]], i + 1)
    if close < 0 or re.search(r"[\n\r]", text[i:close]) or len(text[i:close].encode()) >= 512:
        return None
    return close, re.match(r" *:", text[close + 1 :]) is not None


@dataclass
class Reading:
    plain: list[int] = field(default_factory=list)
    says: list[bool] = field(default_factory=list)
    plain_lines: list[list[int]] = field(default_factory=list)
    masked_lines: list[list[int]] = field(default_factory=list)
    exact: int = SEED
    kept: int = 0
    broken: bool = True

    def line(self) -> None:
        if self.broken:
            self.plain_lines.append([])
            self.masked_lines.append([])
        self.broken = False

    def mask(self, word: int) -> None:
        if word not in (NUMBER, QUOTED) or self.masked_lines[-1][-1:] != [word]:
            self.masked_lines[-1].append(word)
            self.kept += word not in (NUMBER, QUOTED)

    def scan(self, text: str) -> None:
        i, muted, quoted, space = 0, 0, 0, False
        while i < len(text):
            c = text[i]
            if escape := CSI.match(text, i):
                i, space = escape.end(), self.exact != SEED
                continue
            if c <= " " or c == "\x7f":
                self.broken |= c in "\n\r"
                i, space = i + 1, self.exact != SEED
                continue
            if i >= quoted and c in QUOTES and (found := quotation(text, i)):
                quoted = found[0] + 1
                if not found[1]:
                    muted = found[0]
                    self.line()
                    self.mask(QUOTED)
            if match := WORD.match(text, i):
                seen = re.sub(f"[{UNSEEN}]", "", match[0])
                if seen:
                    self.word(seen, space, i >= muted)
                    space = False
                i = match.end()
                continue
            i += 1
            for b in c.encode():
                self.exact = mix(self.exact ^ b ^ (space << 8))
                space = False

    def word(self, seen: str, space: bool, open_: bool) -> None:
        lowered = re.sub("[A-Z]", lambda m: m[0].lower(), seen)
        h = fnv(lowered.encode())
        self.exact = mix(self.exact ^ (turn(h, 1) if space else h))
        self.line()
        self.plain.append(h)
        digit = re.search("[0-9]", seen) is not None
        self.says.append(not digit and (len(seen) >= 4 or not seen.isascii()))
        self.plain_lines[-1].append(h)
        if open_:
            self.mask(NUMBER if digit else h)


def read(text: str) -> Reading:
    r, data, region = Reading(), text.encode(), 1 << 16
    if len(data) <= 2 * region:
        r.scan(text)
        return r
    head, tail = region, len(data) - region
    while data[head] & 0xC0 == 0x80:
        head -= 1
    while data[tail] & 0xC0 == 0x80:
        tail += 1
    r.scan(data[:head].decode())
    r.exact = mix(r.exact ^ len(data))
    r.scan(data[tail:].decode())
    return r


def constants(n: int) -> list[int]:
    return [mix((k * 0x9E3779B97F4A7C15) & M64) & 0xFFFFFFFF for k in range(1, n + 1)]


CONSTANTS = constants(2 * BANDS * ROWS)


def bands(words: list[int]) -> list[int]:
    size = min(len(words), 3)
    grams = []
    for k in range(len(words) - size + 1):
        h = 0
        for j in range(size):
            h ^= turn(words[k + j], 21 * j) if j else words[k]
        grams.append(mix(h) & 0xFFFFFFFF)
    half = len(CONSTANTS) // 2
    minima = [
        min((g * (m | 1) + a) & 0xFFFFFFFF for g in grams)
        for m, a in zip(CONSTANTS[:half], CONSTANTS[half:], strict=True)
    ]
    out = []
    for b in range(BANDS):
        h = b
        for r in range(ROWS):
            h = mix(h ^ minima[b * ROWS + r])
        out.append(h)
    return out


def topics(r: Reading) -> list[int]:
    words = [w for w, says in zip(r.plain, r.says, strict=True) if says]
    hashes = [mix(w) for w in words] + [mix(a ^ turn(b, 21)) for a, b in itertools.pairwise(words)]
    sums = [sum(1 if h >> t & 1 else -1 for h in hashes) for t in range(TOPICS)]
    norm = math.sqrt(max(sum(s * s for s in sums), 1))
    return [round(s * 127.0 / norm) for s in sums]


def feature_ids(words: list[int], bits: int) -> list[int]:
    n, out = len(words), []
    positions = list(range(n)) if n <= 128 else [*range(64), *range(n - 64, n)]
    for k in positions:
        grams = [words[k]]
        if k + 1 in positions and k + 1 < n:
            grams.append(words[k] ^ turn(words[k + 1], 21))
        for g in grams:
            salts = [0] + [0x165667B19E3779F9] * (k < 8) + [0x27D4EB2F165667C5] * (k >= n - 8)
            out += [mix(g ^ s) >> (64 - bits) for s in salts]
    return out


def twin(text: str) -> dict[str, object]:
    """All columns that ``sketch`` derives from a prompt, but for elicit_*."""
    r = read(text)
    lines = r.masked_lines if r.kept >= 4 else r.plain_lines
    masked = [w for line in lines for w in line]
    out: dict[str, object] = {
        "prompt_words": len(r.plain),
        "prompt_chars": len(text),
        "prompt_exact": r.exact,
        "prompt_masked": chain(masked) if masked else r.exact,
    }
    for size in (6, 12):
        long = len(masked) > 2 * size
        out[f"prefix_{size}"] = chain(masked[:size]) if long else None
        out[f"suffix_{size}"] = chain(masked[-size:]) if long else None
    for name, line in (("first_line", lines[:1]), ("last_line", lines[-1:])):
        words = [w for part in line for w in part]
        enough = len(lines) > 1 and sum(w not in (NUMBER, QUOTED) for w in words) >= 3
        out[name] = chain(words) if enough else None
    values = bands(masked) if r.plain else [None] * BANDS
    out |= {f"band_{k}": v for k, v in enumerate(values)}
    return out | {f"topic_{k}": v for k, v in enumerate(topics(r))}


def events(prompts: list[str | None]) -> pa.RecordBatch:
    columns = {f.name: pa.nulls(len(prompts), f.type) for f in EVENTS}
    columns["prompt"] = columns["system"] = pa.array(prompts, pa.large_string())
    return pa.RecordBatch.from_pydict(columns, schema=EVENTS)


PIECES = [
    "Grade",
    "the answer",
    "naïve",
    "12",
    "q17",
    " ",
    "  ",
    "\n",
    "\r\n",
    '"',
    "“",
    "”",
    "「",
    "」",
    "『",
    "』",
    ":",
    ". ",
    "é",
    "ß",
]
PIECES += [
    "\x1b[31m",
    '\x1b["',
    "\x1b",
    "\x00",
    "\u200b",
    "\ufeff",
    "你好",
    "を",
    "한국",
    "ภาษา",
    "🙂",
    "👩\u200d🔬",
    "，",
    "\u00a0",
    "x" * 300,
]
TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.lists(st.text(max_size=9)).map(" ".join)
)


# Both sides of every boundary between classes of code points, each between two letters.
EDGES = [
    0x7F,
    0x80,
    0xAC,
    0xAD,
    0xAE,
    0xBF,
    0xC0,
    0xDFF,
    0xE00,
    0xEFF,
    0xF00,
    0xFFF,
    0x1000,
    0x109F,
    0x10A0,
    0x10FF,
    0x1100,
]
EDGES += [
    0x11FF,
    0x1200,
    0x177F,
    0x1780,
    0x17FF,
    0x1800,
    0x1FFF,
    0x2000,
    0x200A,
    0x200B,
    0x200F,
    0x2010,
    0x2029,
    0x202A,
]
EDGES += [
    0x202E,
    0x202F,
    0x205F,
    0x2060,
    0x206F,
    0x2070,
    0x2E7F,
    0x2E80,
    0x2FFF,
    0x3000,
    0x3004,
    0x3005,
    0x3007,
    0x3008,
]
EDGES += [
    0x3020,
    0x3021,
    0x302F,
    0x3030,
    0x3031,
    0x9FFF,
    0xA000,
    0xABFF,
    0xAC00,
    0xD7FF,
    0xE000,
    0xF8FF,
    0xF900,
    0xFAFF,
]
EDGES += [
    0xFB00,
    0xFDFF,
    0xFE00,
    0xFE0F,
    0xFE10,
    0xFEFE,
    0xFEFF,
    0xFF00,
    0xFF01,
    0xFF0F,
    0xFF10,
    0xFF19,
    0xFF1A,
    0xFF20,
]
EDGES += [
    0xFF21,
    0xFF3A,
    0xFF3B,
    0xFF40,
    0xFF41,
    0xFF5A,
    0xFF5B,
    0xFF65,
    0xFF66,
    0xFF9F,
    0xFFA0,
    0xFFFF,
    0x10000,
    0x1FFFF,
]
EDGES += [0x20000, 0x3FFFF, 0x40000, 0xDFFFF, 0xE0000, 0xE0FFF, 0xE1000, 0x10FFFF]


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
@example(["", "?", "one", "one two", "one two three", '{"question": "what is it", "rubric": "five points"}'])
@example([f'Line {k}\nsay "{"y" * 510}" and “{"z" * 600}” now' for k in range(3)])
@example([f"x{chr(point)}{chr(point)}y" for point in EDGES])
@example(["word " * 300, "é " * 40 + "end of it all", "你" * 200])
def test_the_kernel_is_its_twin(texts: list[str]) -> None:
    batch = sketch(events(texts)).to_pylist()
    for text, row in zip(texts, batch, strict=True):
        expected = twin(text)
        assert {name: row[name] for name in expected} == expected
        assert row["system_masked"] == expected["prompt_masked"]
    offsets, ids = hashed_features(pa.array(texts), 15)
    for k, text in enumerate(texts):
        assert ids[offsets[k] : offsets[k + 1]].tolist() == feature_ids(read(text).plain, 15)


def test_long_texts_are_read_at_both_ends_only() -> None:
    for letter in ("a", "é", "你", "🙂"):
        text = f"start {letter * 70_000} middle {letter * 70_001} end"
        row = sketch(events([text])).to_pylist()[0]
        assert {name: row[name] for name in twin(text)} == twin(text)


def test_elicitation_is_the_documented_sum() -> None:
    texts = ["write out your complete internal reasoning", "word " * 200, ""]
    rng = np.random.default_rng(7)
    weights, bias = rng.normal(size=(2**12, 6)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    batch = sketch(events(texts), weights, bias)
    for k, text in enumerate(texts):
        ids = feature_ids(read(text).plain, 12)
        expected = bias + weights[ids].astype(np.float64).sum(axis=0) / math.sqrt(max(len(ids), 1))
        got = [batch[name][k].as_py() for name in batch.schema.names if name.startswith("elicit_")]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_twin_covers_every_text_column() -> None:
    covered = {n for n in twin("x") if not n.startswith(("band_", "topic_"))}
    assert covered == {"prompt_words", "prompt_chars", "prompt_exact", "prompt_masked", *SCAFFOLDS}
