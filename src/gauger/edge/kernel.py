"""What the kernels over bytes share: how they are compiled, and how they read."""

from __future__ import annotations

from numba import uint64
from numba.core import options

from gauger.compiled import compiled

# Functions that make no arrays need not count references to those they are given, which takes half of their time.
_UNCOUNTED = {"_nrt": False} if hasattr(getattr(options, "DefaultOptions", None), "_nrt") else {}
kernel = compiled(forceinline=True, **_UNCOUNTED)
"""Compiles a step that makes no array into whatever calls it."""


@kernel
def of(array, i):  # type: ignore[no-untyped-def]
    """array[i] of an i from 0 to the array's last: nothing looks whether it is.

    Of a signed index numba asks each time whether it counts from the end, which took half of a pass over a log.
    """
    return array[uint64(i)]


@kernel
def word(data, at):  # type: ignore[no-untyped-def]
    """Eight bytes from `at` on, little-endian: written out, so that the compiler makes one load of it."""
    i = uint64(at)
    low = uint64(data[i]) | uint64(data[i + uint64(1)]) << uint64(8) | uint64(data[i + uint64(2)]) << uint64(16)
    low |= uint64(data[i + uint64(3)]) << uint64(24) | uint64(data[i + uint64(4)]) << uint64(32)
    high = uint64(data[i + uint64(5)]) << uint64(40) | uint64(data[i + uint64(6)]) << uint64(48)
    return low | high | uint64(data[i + uint64(7)]) << uint64(56)
