"""From EVENTS to SKETCHES: all that later steps know of a text, in one pass over Arrow's buffers.

A text is lower-cased (ASCII only) and cut into words; control characters and ANSI escapes are white
space. For the masked hashes a word that holds a digit is a number, and a quoted string that names no
field is a slot. Of a text beyond 128 KiB only the first and the last 64 KiB are sketched, so that one
huge prompt costs no more than a long one; its length still enters ``prompt_exact``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gauger.detect.sketch.answer import answers
from gauger.detect.sketch.prompt import MAX_FEATURES, features, masked_hashes, prompts
from gauger.detect.tables import BANDS, ELICITATION, SKETCHES, TOPICS

VERSION = 1
"""Raised whenever any hash of any text changes: sketches of different versions cannot be compared."""

SCAFFOLDS = ("prefix_6", "prefix_12", "suffix_6", "suffix_12", "first_line", "last_line")


def sketch(
    events: pa.RecordBatch | pa.Table,
    weights: NDArray[np.float32] | None = None,
    bias: NDArray[np.float32] | None = None,
) -> pa.RecordBatch:
    """Sketch a batch of exchanges.

    Args:
        events: n rows of ``tables.EVENTS``.
        weights: float32[2**k, 6], the elicitation model over ``hashed_features(..., bits=k)``. A class's
            log-odds are its bias + the sum of the weights of *all* features (repeats count) / sqrt(their number);
            the larger of the prompt's and the system prompt's counts, for either may hold the instruction.
        bias: float32[6], default zeros.

    Returns:
        n rows of ``tables.SKETCHES``. Without weights the elicit columns are null; so are the bands of a
        prompt without a word.
    """
    rows = events.num_rows
    none = np.zeros((0, len(ELICITATION)), np.float32)
    counts, hashes = np.zeros((rows, 2), np.int32), np.zeros((rows, 2 + len(SCAFFOLDS)), np.uint64)
    known, bands = np.zeros((rows, len(SCAFFOLDS)), np.bool_), np.zeros((rows, BANDS), np.uint64)
    topics, elicit = np.zeros((rows, TOPICS), np.int8), np.zeros((rows, len(ELICITATION)), np.float32)
    prompt = _buffers(events["prompt"])
    prompts(
        *prompt,
        none if weights is None else np.ascontiguousarray(weights, np.float32),
        np.zeros(len(ELICITATION), np.float32) if bias is None else np.ascontiguousarray(bias, np.float32),
        counts, hashes, known, bands, topics, elicit,
    )  # fmt: skip
    system, answer = _buffers(events["system"]), _buffers(events["answer"])
    if weights is not None:
        elicit = np.maximum(elicit, _instructed(_flat(events["system"]), weights, bias))
    system_masked, answer_shape = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    answer_chars = np.zeros(rows, np.int32)
    masked_hashes(*system, system_masked)
    answers(*answer, answer_chars, answer_shape)

    given = prompt[2]
    columns = {
        "prompt_words": _column(counts[:, 0], given),
        "prompt_chars": _column(counts[:, 1], given),
        "answer_chars": _column(answer_chars, answer[2]),
        "prompt_exact": _column(hashes[:, 0], given),
        "prompt_masked": _column(hashes[:, 1], given),
        "system_masked": _column(system_masked, system[2]),
        "answer_shape": _column(answer_shape, answer[2]),
        **{name: _column(hashes[:, 2 + k], known[:, k]) for k, name in enumerate(SCAFFOLDS)},
        **{f"band_{k}": _column(bands[:, k], counts[:, 0] > 0) for k in range(BANDS)},
        **{f"topic_{k}": _column(topics[:, k], given) for k in range(TOPICS)},
        **{f"elicit_{c}": _column(elicit[:, k], given & (weights is not None)) for k, c in enumerate(ELICITATION)},
    }
    arrays = [columns[f.name] if f.name in columns else _flat(events[f.name]).cast(f.type) for f in SKETCHES]
    return pa.RecordBatch.from_arrays(arrays, schema=SKETCHES)


def hashed_features(texts: pa.Array, bits: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """The elicitation model's features, by the code that ``sketch`` runs.

    Args:
        texts: n strings; a null has no features.
        bits: ids are below 2**bits.

    Returns:
        offsets int64[n + 1] and ids uint32[offsets[n]]; text k has ids[offsets[k]:offsets[k + 1]], with repeats:
        each lower-cased word and pair of neighbours of the first 64 and last 64 words, and once more, salted,
        those that start among the first 8 or the last 8.
    """
    data, offsets, valid = _buffers(texts)
    counts = np.zeros(len(valid), np.int64)
    # A word takes at least two bytes with what ends it, and makes at most six features.
    bound = np.minimum(np.diff(offsets) * 6, MAX_FEATURES)
    ids = np.zeros(int(bound.sum()) + 1, np.uint32)
    features(data, offsets, valid, bits, counts, ids)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return ends, ids[: ends[-1]]


def _instructed(
    systems: pa.Array, weights: NDArray[np.float32], bias: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Log-odds of each system prompt, float32[n, 6]; -inf where there is none. Each distinct one is read once."""
    encoded = systems.dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    ends, ids = hashed_features(encoded.dictionary, len(weights).bit_length() - 1)
    sums = np.zeros((len(ids) + 1, weights.shape[1]))
    np.cumsum(weights[ids], axis=0, dtype=np.float64, out=sums[1:])
    counts = np.maximum(np.diff(ends), 1)[:, None]
    odds = (sums[ends[1:]] - sums[ends[:-1]]) / np.sqrt(counts) + (0 if bias is None else bias)
    return np.asarray(np.concatenate([odds, np.full((1, weights.shape[1]), -np.inf)])[codes], dtype=np.float32)


def _buffers(column: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Bytes, int64 offsets [n + 1] and validity [n] of a string column, without a copy of the text."""
    array = _flat(column).cast(pa.large_string())
    n, first = len(array), array.offset
    _, offsets, data = array.buffers()
    if n == 0:
        return np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.bool_)
    points = np.frombuffer(offsets, np.int64)[first : first + n + 1]
    bytes_ = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return bytes_, points, array.is_valid().to_numpy(zero_copy_only=False)


def _flat(column: Any) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _column(values: NDArray[Any], given: NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), mask=~given)
