"""Kernels: functions that numba compiles, and keeps on disk in a way that several processes can share.

numba numbers the files of a function's types in the order in which they come. Two processes that first compile one
function at the same time, one for each of two types, then write one file between them, and whoever reads it calls code
made for other arrays: it crashes, or computes something else. Here a file is named after what it was compiled for and
says so inside, so none is ever read for another. What cannot be read is compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Any, overload

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

from gauger import __version__


class _Files(IndexDataCacheFile):  # type: ignore[misc]  # numba has no types
    """One file a set of types, and no index that two could write."""

    def load(self, key: Any) -> Any:
        wanted = self._described(key)
        try:
            described, data = self._load_data(self._name(wanted))
        except Exception:  # none there, cut by a full disk, of another numba: whatever it is, compiling mends it
            return None
        return data if described == wanted else None

    def save(self, key: Any, data: Any) -> None:
        described = self._described(key)
        self._save_data(self._name(described), (described, data))

    def flush(self) -> None:
        """Nothing to forget: a source that changed gives other names."""

    def _described(self, key: Any) -> str:
        return repr((__version__, self._version, self._source_stamp, key))

    def _name(self, described: str) -> str:
        return f"{self._index_name.removesuffix('.nbi')}.{hashlib.sha256(described.encode()).hexdigest()[:16]}.nbc"


class _Cache(FunctionCache):  # type: ignore[misc]  # numba has no types
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())


@overload
def compiled(function: Callable[..., Any], /) -> Any: ...


@overload
def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]: ...


def compiled(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function when it is first called, for the types of its arguments, and keep that on disk.

    It runs without Python's lock. Where no folder can be written it is compiled in every process.

    Args:
        options: numba's own, for instance inline="always".
    """
    if function is None:
        return lambda made_of: _kept(made_of, options)
    return _kept(function, options)


def _kept(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    made = njit(nogil=True, **options)(function)
    with contextlib.suppress(RuntimeError):  # numba found no folder to write
        made._cache = _Cache(function)
    return made
