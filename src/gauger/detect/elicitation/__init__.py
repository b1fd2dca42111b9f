"""Signal 2: does a prompt ask for what a student model is trained on?

Six log-odds a prompt, one for each class of ``tables.ELICITATION``, by logistic regression over the hashed words that
``sketch.hashed_features`` finds at both ends of the text. ``detect.sketch`` applies the weights in its own loop.
The model is made by ``bench/train_elicitation.py`` from prompts that ``generator`` writes. What it finds, and what it
misses, stands in docs/explanation/elicitation.md.

A prompt's log-odds are a Score: they rank and count, and never accuse. Many honest prompts grade, rewrite or reason.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from gauger.detect import sketch
from gauger.detect.tables import ELICITATION
from gauger.errors import UnsupportedError


@cache
def _arrays() -> dict[str, NDArray[np.float32]]:
    with resources.files(__name__).joinpath("model.npz").open("rb") as file, np.load(file, allow_pickle=False) as model:
        if int(model["sketch_version"]) != sketch.VERSION:
            raise UnsupportedError(
                f"the elicitation model was trained on sketches of version {int(model['sketch_version'])}, "
                f"and this is version {sketch.VERSION}: train it anew with bench/train_elicitation.py"
            )
        arrays = {name: model[name].astype(np.float32) for name in ("weights", "bias", "thresholds")}
    for array in arrays.values():
        array.flags.writeable = False  # the cache is shared
    return arrays


def load_model() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The model that ships with Gauger, read-only.

    Returns:
        weights float32[2**bits, 6] and bias float32[6]; columns as in ``tables.ELICITATION``. The log-odds of a
        text with feature ids ``f`` are ``bias + weights[f].sum(axis=0) / sqrt(len(f))``.

    Raises:
        UnsupportedError: the model was trained on sketches of another version.
    """
    arrays = _arrays()
    return arrays["weights"], arrays["bias"]


def thresholds() -> dict[str, float]:
    """Class -> log-odds above which a prompt counts.

    One in a thousand generated benign prompts, hard negatives most of them and of template groups that the
    model had not seen, scores above it. Real traffic may differ: measure it, see docs/explanation/elicitation.md.
    """
    return dict(zip(ELICITATION, _arrays()["thresholds"].tolist(), strict=True))
