"""Evidence: e-processes, calibrators, merging, multiple testing, conformal p-values, exact tails. Knows no LLM.

Read ``betting`` first, then ``merging``. Everything is natural logarithms, and every function takes
arrays; nothing here reads a clock, a file or a global random state.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ArrayLike", "BoolArray", "FloatArray", "IntArray"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
