"""Small models to compare: a gated residual network that predicts a Markov chain's next token, trained in numpy.

Embedding, layers of RMS norm and gated MLP, a last norm and a head; two tokens of context. Names are those of Llama.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

Weights = dict[str, np.ndarray]
Rng = np.random.Generator
VOCABULARY, WIDTH, UNITS, LAYERS = 96, 64, 192, 3
EPS = 1e-6


def initial(
    rng: Rng, width: int = WIDTH, units: int = UNITS, layers: int = LAYERS, vocabulary: int = VOCABULARY
) -> Weights:
    """As models begin: independent normal weights, gains of 1."""

    def drawn(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    made = {
        "model.embed_tokens.weight": drawn(vocabulary, width),
        "model.embed_before.weight": drawn(vocabulary, width),
    }
    for k in range(layers):
        at = f"model.layers.{k}."
        made[f"{at}post_attention_layernorm.weight"] = np.ones(width, np.float32)
        made[f"{at}mlp.gate_proj.weight"] = drawn(units, width)
        made[f"{at}mlp.up_proj.weight"] = drawn(units, width)
        made[f"{at}mlp.down_proj.weight"] = drawn(width, units)
    made["model.norm.weight"] = np.ones(width, np.float32)
    made["lm_head.weight"] = drawn(vocabulary, width)
    return made


def chain(seed: int, vocabulary: int = VOCABULARY) -> np.ndarray:
    """A Markov chain of order two: the next token's chances, float32[vocabulary, vocabulary, vocabulary]."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((vocabulary, 1, vocabulary)) + 2 * rng.standard_normal((1, vocabulary, vocabulary))
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (p / p.sum(axis=-1, keepdims=True)).astype(np.float32)


def logits_of(weights: Weights, pairs: np.ndarray) -> np.ndarray:
    """float32[n, vocabulary] after the two tokens int64[n, 2]."""
    return _forward(weights, pairs)[0]


def train(
    weights: Weights,
    targets: Callable[[np.ndarray], np.ndarray],
    steps: int,
    rng: Rng,
    *,
    rate: float = 3e-3,
    batch: int = 128,
) -> Weights:
    """Adam on the cross-entropy to ``targets`` of random contexts: a chain's chances, or a teacher's."""
    weights = {name: value.copy() for name, value in weights.items()}
    first, second = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    vocabulary = len(weights["lm_head.weight"])
    for step in range(1, steps + 1):
        pairs = rng.integers(vocabulary, size=(batch, 2))
        for name, slope in _slopes(weights, pairs, targets(pairs)).items():
            first[name] += 0.1 * (slope - first[name])
            second[name] += 0.05 * (slope**2 - second[name])
            change = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.95**step)) + 1e-8)
            weights[name] -= np.float32(rate) * change
    return weights


def taught_by(p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The chain's own chances."""
    return lambda pairs: p[pairs[:, 0], pairs[:, 1]]


def answers_of(teacher: Weights) -> Callable[[np.ndarray], np.ndarray]:
    """A teacher's outputs: distillation."""
    return lambda pairs: softmax(logits_of(teacher, pairs))


def loss(weights: Weights, p: np.ndarray, rng: Rng, n: int = 1000) -> float:
    """Nats to the chain, beyond its own entropy."""
    pairs = rng.integers(len(p), size=(n, 2))
    truth, said = taught_by(p)(pairs), softmax(logits_of(weights, pairs))
    return float((truth * (np.log(truth) - np.log(said + 1e-12))).sum(axis=1).mean())


def write(weights: Weights, folder: Path) -> Path:
    """One file of safetensors, float32."""
    folder.mkdir(parents=True, exist_ok=True)
    header, body = {}, b""
    for name, value in weights.items():
        data = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    return folder


def softmax(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _normed(x: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + EPS)
    return x * scale * gain, scale


def _unnormed(slope: np.ndarray, x: np.ndarray, gain: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of the norm's input and gain."""
    inner = slope * gain
    return scale * (inner - x * scale**2 * (inner * x).mean(axis=1, keepdims=True)), (slope * x * scale).sum(axis=0)


def _forward(
    weights: Weights, pairs: np.ndarray
) -> tuple[np.ndarray, list[tuple[np.ndarray, ...]], np.ndarray, np.ndarray]:
    x = weights["model.embed_before.weight"][pairs[:, 0]] + weights["model.embed_tokens.weight"][pairs[:, 1]]
    kept, k = [], 0
    while f"model.layers.{k}.mlp.up_proj.weight" in weights:
        at = f"model.layers.{k}."
        normed, scale = _normed(x, weights[f"{at}post_attention_layernorm.weight"])
        gate, up = normed @ weights[f"{at}mlp.gate_proj.weight"].T, normed @ weights[f"{at}mlp.up_proj.weight"].T
        open_ = 1 / (1 + np.exp(-gate))
        kept.append((x, normed, scale, gate, up, open_))
        x = x + (gate * open_ * up) @ weights[f"{at}mlp.down_proj.weight"].T
        k += 1
    normed, scale = _normed(x, weights["model.norm.weight"])
    return normed @ weights["lm_head.weight"].T, [*kept, (x, normed)], scale, normed


def _slopes(weights: Weights, pairs: np.ndarray, target: np.ndarray) -> Weights:
    logits, kept, scale, normed = _forward(weights, pairs)
    out = (softmax(logits) - target) / len(pairs)
    made = {"lm_head.weight": out.T @ normed}
    slope, made["model.norm.weight"] = _unnormed(
        out @ weights["lm_head.weight"], kept[-1][0], weights["model.norm.weight"], scale
    )
    for k in reversed(range(len(kept) - 1)):
        at = f"model.layers.{k}."
        x, normed, scale, gate, up, open_ = kept[k]
        silu = gate * open_
        made[f"{at}mlp.down_proj.weight"] = slope.T @ (silu * up)
        hidden = slope @ weights[f"{at}mlp.down_proj.weight"]
        d_up, d_gate = hidden * silu, hidden * up * open_ * (1 + gate * (1 - open_))
        made[f"{at}mlp.up_proj.weight"], made[f"{at}mlp.gate_proj.weight"] = d_up.T @ normed, d_gate.T @ normed
        into = d_up @ weights[f"{at}mlp.up_proj.weight"] + d_gate @ weights[f"{at}mlp.gate_proj.weight"]
        name = f"{at}post_attention_layernorm.weight"
        more, made[name] = _unnormed(into, x, weights[name], scale)
        slope = slope + more
    for name, column in (("model.embed_before.weight", 0), ("model.embed_tokens.weight", 1)):
        made[name] = np.zeros_like(weights[name])
        np.add.at(made[name], pairs[:, column], slope)
    return {name: value.astype(np.float32) for name, value in made.items()}


class Held:
    """A model in memory, as the tests read it."""

    def __init__(self, weights: Weights) -> None:
        self._weights = {name: np.atleast_2d(value) for name, value in weights.items()}
        self.shapes = {name: value.shape for name, value in weights.items()}

    def read(self, name: str, rows: slice, columns: slice) -> np.ndarray:
        return self._weights[name][rows, columns]


def reordered(weights: Weights, rng: Rng, kept: float = 1.0) -> Weights:
    """The hidden units of each MLP in another order, and no more than a share of them: all of them compute the same."""
    made = dict(weights)
    for at, units in mlps(weights):
        order = rng.permutation(units)[: max(1, round(kept * units))]
        for part in ("gate", "up"):
            made[f"{at}{part}_proj.weight"] = weights[f"{at}{part}_proj.weight"][order]
        made[f"{at}down_proj.weight"] = weights[f"{at}down_proj.weight"][:, order]
    return made


def flipped(weights: Weights, rng: Rng) -> Weights:
    """Half of the units with the other sign: computes the same."""
    made = dict(weights)
    for at, units in mlps(weights):
        signs = rng.choice([-1, 1], units).astype(np.float32)
        made[f"{at}up_proj.weight"] = signs[:, None] * weights[f"{at}up_proj.weight"]
        made[f"{at}down_proj.weight"] = weights[f"{at}down_proj.weight"] * signs
    return made


def turned(weights: Weights, rng: Rng, *, rotated: bool = False) -> Weights:
    """The residual stream's channels in another order, or rotated; what is no part of the tests stays as it is.

    Rotation folds the gains into what reads them, so it computes the same.
    """
    width = weights["model.embed_tokens.weight"].shape[1]
    if rotated:
        turn = np.linalg.qr(rng.standard_normal((width, width)))[0].astype(np.float32)
    else:
        turn = np.eye(width, dtype=np.float32)[:, rng.permutation(width)]
    made = dict(weights)
    gains = {at: f"{at.removesuffix('mlp.')}post_attention_layernorm.weight" for at, _ in mlps(weights)}
    readers = [(f"{at}{part}_proj.weight", gains[at]) for at in gains for part in ("gate", "up")]
    for name, gain in [*readers, ("lm_head.weight", "model.norm.weight")]:
        if name in weights:
            made[name] = (weights[name] * weights[gain] if rotated else weights[name]) @ turn
    for gain in (name for name, value in weights.items() if value.ndim == 1):
        made[gain] = np.ones_like(weights[gain]) if rotated else weights[gain] @ turn
    for name in ("model.embed_tokens.weight", "model.embed_before.weight"):
        if name in weights:
            made[name] = weights[name] @ turn
    for at in gains:
        made[f"{at}down_proj.weight"] = turn.T @ weights[f"{at}down_proj.weight"]
    return made


def upcycled(weights: Weights, experts: int) -> Weights:
    """Each MLP as experts that begin as copies of it."""
    made = {name: value for name, value in weights.items() if ".mlp." not in name}
    for at, _ in mlps(weights):
        for name in (f"{at}{part}_proj.weight" for part in ("gate", "up", "down")):
            made |= {name.replace(at, f"{at}experts.{k}."): weights[name] for k in range(experts)}
    return made


def deepened(weights: Weights, times: int) -> Weights:
    """All layers one after another, then all of them again."""
    layers, made = len(mlps(weights)), dict(weights)
    for name in (name for name in weights if name.startswith("model.layers.")):
        before, _, rest = name.removeprefix("model.layers.").partition(".")
        made |= {f"model.layers.{int(before) + k * layers}.{rest}": weights[name] for k in range(times)}
    return made


def mlps(weights: Weights) -> list[tuple[str, int]]:
    """The beginning of each MLP's names, and its units."""
    end = "up_proj.weight"
    return [(name.removesuffix(end), len(value)) for name, value in weights.items() if name.endswith(end)]


def pruned(weights: Weights, share: float) -> Weights:
    """The smallest weights of each matrix set to 0."""
    return _each(weights, lambda w: np.where(np.abs(w) < np.quantile(np.abs(w), share), 0, w))


def noisy(weights: Weights, ratio: float, rng: Rng) -> Weights:
    """Normal noise of so many times the root mean square of each matrix."""
    return _each(weights, lambda w: w + ratio * np.sqrt((w**2).mean()) * rng.standard_normal(w.shape, np.float32))


def quantised(weights: Weights, bits: int) -> Weights:
    """Rounded to whole steps, a scale for each row, and back."""
    top = 2 ** (bits - 1) - 1

    def rounded(w: np.ndarray) -> np.ndarray:
        scale = np.abs(w).max(axis=1, keepdims=True) / top
        return np.round(w / scale) * scale

    return _each(weights, rounded)


def merged(weights: Weights, other: Weights, share: float) -> Weights:
    """A weighted mean; ``share`` is that of the first."""
    return {name: share * value + (1 - share) * other[name] for name, value in weights.items()}


def _each(weights: Weights, change: Callable[[np.ndarray], np.ndarray]) -> Weights:
    return {name: change(value).astype(np.float32) if value.ndim == 2 else value for name, value in weights.items()}
