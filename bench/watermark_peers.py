"""Marks beside other tools', in one run: ``python bench/watermark_peers.py --out FILE.json``.

    pip install torch==2.13.0 "transformers>=5,<6" && pip install --no-deps markllm==0.1.5

Everyone reads the same token streams on one core; times are CPU seconds of this process, ranges are over repeats. A
tool that is not installed is left out and named. ``--scale 0.05`` is the smoke run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import norm
from watermark import SCHEMES, VOCABULARY, cpu, keys, texts_of_the_tests

import gauger
from gauger.stats.tails import clopper_pearson
from gauger.watermark.corpus import select
from gauger.watermark.detection import log_e, sums
from gauger.watermark.foreign import Reader, read
from gauger.watermark.foreign.kgw import HfKgw, MarkllmKgw
from gauger.watermark.foreign.synthid import HfSynthId
from gauger.watermark.foreign.vllm_gumbel import VllmGumbel
from gauger.watermark.keys import KeyContext, derive
from gauger.watermark.sampling import Response, candidates, sample
from gauger.watermark.schemes import Scheme

Texts = list[list[int]]
Row = dict[str, Any]
PValue = Callable[[Any], float]
NAMES = ("gumbel", "tournament", "greenlist:h=4:delta=2")
KEY, SMALL = 15485863, 2003  # the vocabulary of false alarms; they do not hang on it, and peers' time does
LAYERS = tuple(np.random.default_rng(9).choice(10_000, 30, replace=False).tolist())
KGW = {"greenlist_ratio": 0.25, "hashing_key": KEY, "seeding_scheme": "lefthash", "context_width": 1}
SELF = {**KGW, "seeding_scheme": "selfhash", "context_width": 4}
MARKLLM = {"gamma": 0.5, "delta": 2.0, "hash_key": KEY, "prefix_length": 1, "f_scheme": "time", "window_scheme": "left"}


def hf_kgw(key: int = KEY, vocabulary: int = VOCABULARY, own: bool = False) -> Reader:
    """Our reader of transformers' mark, as ``KGW`` and ``SELF`` configure it."""
    seeding, width = ("selfhash", 4) if own else ("lefthash", 1)
    return HfKgw(key=key, gamma=0.25, vocab_size=vocabulary, seeding=seeding, width=width)  # type: ignore[arg-type]


def markllm_kgw(key: int = KEY, vocabulary: int = VOCABULARY) -> Reader:
    return MarkllmKgw(key=key, gamma=0.5, vocab_size=vocabulary, window="left", f="time", prefix=1)


# -- peers -------------------------------------------------------------------------------------------------------------


class Peers:
    """The other tools' own scores, pooled over texts, and the normal tail of the z that they make of them."""

    def __init__(self, *, wanted: bool) -> None:
        self.torch = installed("torch") if wanted else None
        self.transformers = installed("transformers") if self.torch else None
        self.markllm = installed("markllm.watermark.kgw.kgw") if self.torch else None
        if self.torch:
            self.torch.set_num_threads(1)

    def kgw(self, config: Row, vocabulary: int, *, unique: bool = False) -> PValue:
        model = SimpleNamespace(bos_token_id=-1, is_encoder_decoder=False, vocab_size=vocabulary)
        made = self.transformers.WatermarkingConfig(**config)
        detector = self.transformers.WatermarkDetector(model, "cpu", made, ignore_repeated_ngrams=unique)

        def p_value(texts: Texts) -> float:
            said = [detector(self.torch.tensor([text]), return_dict=True) for text in texts]
            return tail(sum(s.num_green_tokens[0] for s in said), sum(s.num_tokens_scored[0] for s in said), 0.25)

        return p_value

    def synthid(self, layers: tuple[int, ...]) -> PValue:
        """Its g-values and its mask of repeated contexts. transformers leaves their weighing to a trained detector."""
        made = self.transformers.SynthIDTextWatermarkingConfig(ngram_len=5, keys=list(layers))
        processor = made.construct_processor(VOCABULARY, "cpu")

        def p_value(texts: Texts) -> float:
            rows = [self.torch.tensor([text]) for text in texts]
            g = [processor.compute_g_values(r)[0][processor.compute_context_repetition_mask(r)[0]] for r in rows]
            return tail(sum(v.sum().item() for v in g), sum(v.numel() for v in g), 0.5)

        return p_value

    def of_markllm(self, config: Row, vocabulary: int) -> PValue:
        utils = self.markllm.KGWUtils(SimpleNamespace(**config, vocab_size=vocabulary, device="cpu"))

        def p_value(texts: Texts) -> float:
            flags = np.concatenate([utils.score_sequence(self.torch.tensor(text))[1] for text in texts])
            return tail((flags == 1).sum(), (flags >= 0).sum(), config["gamma"])

        return p_value


def tail(ones: float, n: float, p: float) -> float:
    return float(norm.sf((ones - n * p) / math.sqrt(max(n, 1) * p * (1 - p))))


def installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def versions() -> dict[str, str]:
    found = {"gauger": gauger.__version__}
    for name in ("torch", "transformers", "markllm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


# -- detection ---------------------------------------------------------------------------------------------------------


def detection(scale: float, peers: Peers) -> list[Row]:
    """Tokens a second of one key; repeats are found and dropped in ours. The last rows are ours on a longer stream."""
    rng = np.random.default_rng(2)
    texts = (rng.zipf(1.3, (max(2, int(10 * scale)), 1000)) % VOCABULARY).tolist()
    long = (rng.zipf(1.3, (max(4, int(1000 * scale)), 1000)) % VOCABULARY).astype(np.int64)
    runs: list[tuple[str, str, Callable[[Any], object], Any]] = [
        *(("gauger", s.id, lambda t, s=s: ours(t, s), texts) for s in SCHEMES),
        *(("gauger", n, lambda t, r=r: read(r, t, subject="x"), texts) for n, r in foreign().items()),
    ]
    if peers.transformers:
        for name, config in (("kgw lefthash", KGW), ("kgw selfhash", SELF)):
            runs.append(("transformers", name, peers.kgw(config, VOCABULARY), texts))
        runs.append(("transformers", "synthid", peers.synthid(LAYERS), texts))
    if peers.markllm:
        runs.append(("markllm", "kgw", peers.of_markllm(MARKLLM, VOCABULARY), texts[: max(2, int(2 * scale))]))
    runs += [("gauger", s.id, lambda t, s=s: ours(t, s), list(long)) for s in SCHEMES]
    for name, reader in foreign().items():
        if name not in ("kgw selfhash", "kgw of markllm"):  # a list for each token, however long the stream
            runs.append(("gauger", name, lambda t, r=reader: read(r, t, subject="x"), list(long)))
    return [timed(tool, mark, run, given) for tool, mark, run, given in runs]


def foreign() -> dict[str, Reader]:
    return {
        "kgw lefthash": hf_kgw(),
        "kgw selfhash": hf_kgw(own=True),
        "kgw of markllm": markllm_kgw(),
        "synthid": HfSynthId(ngram_len=5, keys=LAYERS),
        "gumbel of vllm": VllmGumbel(key=42),
    }


def ours(texts: Texts, scheme: Scheme) -> float:
    selection = select(texts, h=scheme.h)
    return float(log_e(sums(selection, [keys(1, "x")[0].secret], scheme), scheme)[0])


def timed(tool: str, mark: str, run: Callable[[Any], object], texts: Any) -> Row:
    tokens = sum(map(len, texts))
    run(texts[:2])  # compiles, imports, makes tables
    rates = sorted(tokens / cpu(lambda: run(texts))[1] for _ in range(3 if tool != "gauger" else 5))
    return {"tool": tool, "mark": mark, "tokens": tokens, "tokens_per_s": middle(rates)}


def middle(figures: list[float]) -> list[float]:
    """Least, median, most."""
    ordered = sorted(figures)
    return [ordered[0], ordered[len(ordered) // 2], ordered[-1]]


# -- false alarms ------------------------------------------------------------------------------------------------------


def false_alarms(scale: float, peers: Peers) -> list[Row]:
    """Share of wrong keys with p <= 1e-3 on text that repeats itself, and its 99 % interval."""
    rng, rows = np.random.default_rng(3), []
    for corpus in ("templates", "code"):
        texts = texts_of_the_tests().CORPORA[corpus]
        given = {"corpus": texts, "one text": [[t for text in texts for t in text]]}
        for tool, mark, shape, of_key, runs in detectors(peers, scale):
            drawn = rng.choice(np.arange(1, SMALL), runs, replace=False)  # MarkLLM has no more keys than tokens
            alarms = sum(of_key(int(key))(given[shape]) <= 1e-3 for key in drawn)
            low, high = clopper_pearson(alarms, runs, 0.99)
            rows.append(
                {
                    "corpus": corpus,
                    "given_as": shape,
                    "tool": tool,
                    "mark": mark,
                    "keys": runs,
                    "alarms": alarms,
                    "rate": alarms / runs,
                    "interval": [float(low), float(high)],
                }
            )
    return rows


def detectors(peers: Peers, scale: float) -> list[tuple[str, str, str, Callable[[int], PValue], int]]:
    """Tool, mark, whether it gets a corpus of texts or all of them as one, its test under a key, and how many keys."""
    many, few = (min(max(20, int(n * scale)), SMALL - 1) for n in (2000, 400))
    rows: list[Any] = [("gauger", s.id, "corpus", partial(of_scheme, s), many) for s in SCHEMES]
    rows += [
        ("gauger", "kgw lefthash", "corpus", lambda k: of_reader(hf_kgw(KEY * k, SMALL)), many),
        ("gauger", "kgw selfhash", "corpus", lambda k: of_reader(hf_kgw(KEY * k, SMALL, own=True)), many),
        ("gauger", "kgw of markllm", "corpus", lambda k: of_reader(markllm_kgw(k, SMALL)), many),
        ("gauger", "synthid", "corpus", lambda k: of_reader(HfSynthId(ngram_len=5, keys=layers_of(k))), many),
        ("gauger", "gumbel of vllm", "corpus", lambda k: of_reader(VllmGumbel(key=k)), many),
    ]
    for shape in ("one text", "corpus") if peers.transformers else ():
        rows += [
            ("transformers", "kgw lefthash", shape, partial(of_kgw, peers, KGW, False), few),
            ("transformers", "kgw lefthash, ignore_repeated_ngrams", shape, partial(of_kgw, peers, KGW, True), few),
            ("transformers", "kgw selfhash, ignore_repeated_ngrams", shape, partial(of_kgw, peers, SELF, True), few),
            ("transformers", "synthid", shape, lambda k: peers.synthid(layers_of(k)), few),
        ]
    if peers.markllm:
        made = partial(of_kgw_of_markllm, peers)
        rows.append(("markllm", "kgw", "corpus", made, min(many, max(10, int(200 * scale)))))
    return rows


def of_scheme(scheme: Scheme, key: int) -> PValue:
    secret = keys(1, str(key))[0].secret
    return lambda texts: math.exp(float(scheme.log_p(sums(select(texts, h=scheme.h), [secret], scheme)[0])))


def of_reader(reader: Reader) -> PValue:
    return lambda texts: math.exp(float(read(reader, texts, subject="x").params["log_p"]))


def of_kgw(peers: Peers, config: Row, unique: bool, key: int) -> PValue:
    return peers.kgw({**config, "hashing_key": KEY * key}, SMALL, unique=unique)


def of_kgw_of_markllm(peers: Peers, key: int) -> PValue:
    return peers.of_markllm({**MARKLLM, "hash_key": key}, SMALL)


def layers_of(key: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(key).integers(0, 2**31, 30).tolist())


# -- marking -----------------------------------------------------------------------------------------------------------


def marking(scale: float, peers: Peers) -> list[Row]:
    """Milliseconds a step of one row at 128,000 tokens.

    Whole processors, ours for transformers among them, get all logits after top-p, as from ``generate``. The core's own
    rows begin where the candidates are found, and end with a token: no vocabulary is looked at, and none written.
    """
    rng = np.random.default_rng(1)
    logits = 2.5 * rng.normal(size=VOCABULARY)
    logits[rng.choice(VOCABULARY, 400, replace=False)] += 9
    ids, p = candidates(logits, top_p=0.95)
    rows = [(("gauger", "top-p on plain logits"), lambda _: candidates(logits, top_p=0.95), max(5, int(40 * scale)))]
    for scheme in SCHEMES:
        responses = [Response(keys(1, "row")[0].secret)]

        def ours_(context: Any, scheme: Scheme = scheme, responses: list[Response] = responses) -> object:
            return sample(scheme, responses, context, ids[None], p[None], rng)

        rows.append((("gauger", scheme.id), ours_, max(20, int(1000 * scale))))
    for name, processor in processors(peers, ids, p):
        rows.append((name, processor, max(2, int(20 * scale))))
    found = []
    for (tool, mark), step, steps in rows:
        contexts = rng.integers(0, VOCABULARY, (5, steps, 1, 4))
        step(contexts[0, 0] + 1)
        took = [1e3 * cpu(partial(all_of, step, run))[1] / steps for run in contexts]
        found.append({"tool": tool, "mark": mark, "candidates": len(ids), "ms_a_step": middle(took)})
    return found


def all_of(step: Callable[[Any], object], contexts: Any) -> None:
    for context in contexts:
        step(context)


def processors(peers: Peers, ids: Any, p: Any) -> list[tuple[tuple[str, str], Callable[[Any], object]]]:
    if not peers.transformers:
        return []
    scores = peers.torch.full((1, VOCABULARY), -math.inf)
    scores[0, ids.astype(np.int64)] = peers.torch.tensor(np.log(p), dtype=scores.dtype)
    made = {
        ("transformers", "kgw lefthash"): peers.transformers.WatermarkingConfig(**KGW),
        ("transformers", "kgw selfhash"): peers.transformers.WatermarkingConfig(**SELF),
        ("transformers", "synthid"): peers.transformers.SynthIDTextWatermarkingConfig(ngram_len=5, keys=list(LAYERS)),
    }
    built = {name: config.construct_processor(VOCABULARY, "cpu") for name, config in made.items()}
    if peers.markllm:
        config = SimpleNamespace(**MARKLLM, vocab_size=VOCABULARY, device="cpu")
        built["markllm", "kgw"] = peers.markllm.KGWLogitsProcessor(config, peers.markllm.KGWUtils(config))
    built |= {("gauger", f"{name} in transformers"): growing(peers, name) for name in NAMES}
    return [(n, lambda c, f=f: f(peers.torch.tensor(c), scores.clone())) for n, f in built.items()]


def growing(peers: Peers, scheme: str) -> Callable[[Any, Any], object]:
    """Our processor for transformers, which wants a text that grows: each context's last token is the next of it."""
    context = KeyContext(tenant="bench", party="row", epoch="e", model="m", tokenizer="t", scheme=scheme)
    made = installed("gauger.edge.marking.huggingface").MarkingProcessor([derive(bytes(32), context)])
    rows = [peers.torch.tensor([[1]])]

    def step(context: Any, scores: Any) -> object:
        rows[0] = peers.torch.cat([rows[0], context[:, -1:]], 1)
        return made(rows[0], scores)

    for _ in range(6):  # the prompt, and h tokens that are drawn plainly
        step(rows[0][:, :1] + rows[0].shape[1], peers.torch.zeros(1, VOCABULARY))
    return step


PARTS: dict[str, Callable[[float, Peers], Any]] = {
    "detection": detection,
    "false_alarms": false_alarms,
    "marking": marking,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--alone", action="store_true", help="leave the other tools out")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    peers = Peers(wanted=not args.alone)
    text = json.dumps({"versions": versions(), **{p: PARTS[p](args.scale, peers) for p in args.only}}, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
