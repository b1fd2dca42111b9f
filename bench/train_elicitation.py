"""Train the elicitation model anew: ``python bench/train_elicitation.py`` writes the package's ``model.npz``.

Six L2-penalised logistic regressions over hashed words, on prompts that Gauger generates. Deterministic: one seed,
L-BFGS from zero. The thresholds are the 99.9 % quantiles of benign prompts of template groups that the model which
scores them was not trained on, so that wording it has seen does not make them look safer than they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from gauger.detect import sketch
from gauger.detect.elicitation.generator import BENIGN, LANGUAGES, Prompt, generate
from gauger.detect.tables import ELICITATION

BITS = 16
PENALTY = 1e-6  # of the squared weights, in units of the mean loss; the best of five when groups are left out
SEED = 20240607
QUANTILE = 0.999
Matrix = NDArray[np.float64]
MODEL = Path(__file__).parents[1] / "src/gauger/detect/elicitation/model.npz"


def corpus(each: int, seed: int, languages: tuple[str, ...] = LANGUAGES) -> list[Prompt]:
    """``each`` prompts of every class, as many of every kind of benign prompt, and thrice that of plain ones."""
    rng = np.random.default_rng(seed)
    kinds = (*ELICITATION, *BENIGN)
    return [p for k in kinds for p in generate(rng, 3 * each if k == "near.none" else each, k, languages)]


def design(texts: list[str], bits: int = BITS) -> sparse.csr_matrix:
    """float64[n, 2**bits]: how often each feature occurs, over the square root of how many there are."""
    offsets, ids = sketch.hashed_features(pa.array(texts, pa.large_string()), bits)
    sizes = np.diff(offsets)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    matrix = sparse.csr_matrix((values, ids.astype(np.int64), offsets), shape=(len(texts), 2**bits))
    matrix.sum_duplicates()
    return matrix


def targets(prompts: list[Prompt]) -> Matrix:
    """float64[n, 6] of 0 and 1."""
    return np.array([[c in p.labels for c in ELICITATION] for p in prompts], float)


def fit(x: sparse.csr_matrix, y: Matrix, penalty: float = PENALTY) -> tuple[Matrix, Matrix]:
    """Weights float64[features, 6] and bias float64[6] that minimise the sum of the penalised logistic losses."""
    transposed, shape = x.T.tocsr(), (x.shape[1] + 1, y.shape[1])

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        w = flat.reshape(shape)
        z = x @ w[:-1] + w[-1]
        slope = (special.expit(z) - y) / len(y)
        value = (np.logaddexp(0, z) - y * z).sum() / len(y) + penalty / 2 * (w[:-1] ** 2).sum()
        return value, np.vstack([transposed @ slope + penalty * w[:-1], slope.sum(axis=0)]).ravel()

    options = {"maxiter": 100, "maxcor": 8}
    w = optimize.minimize(loss, np.zeros(shape).ravel(), method="L-BFGS-B", jac=True, options=options).x.reshape(shape)
    return w[:-1], w[-1]


def out_of_group(x: sparse.csr_matrix, prompts: list[Prompt]) -> Matrix:
    """Log-odds float64[n, 6], each prompt by a model that has not seen its template group."""
    y, scores = targets(prompts), np.zeros((len(prompts), len(ELICITATION)))
    groups = np.array([p.group for p in prompts])
    for group in sorted(set(groups)):
        left = groups == group
        weights, bias = fit(x[~left], y[~left])
        scores[left] = x[left] @ weights + bias
    return scores


def main() -> None:
    """Train, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=2000, help="prompts of each kind (default 2000)")
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    prompts = corpus(options.each, SEED)
    x = design([p.text for p in prompts])
    benign = np.array([not p.labels for p in prompts])
    thresholds = np.quantile(out_of_group(x, prompts)[benign], QUANTILE, axis=0)
    weights, bias = fit(x, targets(prompts))
    np.savez_compressed(
        options.out,
        weights=weights.astype(np.float16),
        bias=bias.astype(np.float32),
        thresholds=thresholds.astype(np.float32),
        sketch_version=np.int64(sketch.VERSION),
    )
    report = {"prompts": len(prompts), "bytes": options.out.stat().st_size}
    print(json.dumps(report | {"thresholds": dict(zip(ELICITATION, thresholds.round(2).tolist(), strict=True))}))


if __name__ == "__main__":
    main()
