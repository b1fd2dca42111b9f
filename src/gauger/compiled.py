"""Kernels: functions that numba compiles, and keeps on disk in a way that several processes can share.

numba numbers the files of a function's types in the order in which they come. Two processes that first compile one
function at the same time, one for each of two types, then write one file between them, and whoever reads it calls code
made for other arrays: it crashes, or computes something else. And numba looks whether the file of a function changed,
not the files of those that it calls. Here what was compiled is named after all that went into it, and says so inside,
so none is ever read for another. What cannot be read is compiled anew; what cannot be written is compiled each time.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any, overload

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile


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
        """Nothing to forget: what changed has another name."""

    def _described(self, key: Any) -> str:
        return repr((self._version, self._source_stamp, key))

    def _name(self, described: str) -> str:
        return f"{self._index_name.removesuffix('.nbi')}.{_hashed(described.encode())[:16]}.nbc"


class _Cache(FunctionCache):  # type: ignore[misc]  # numba has no types
    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._function = function
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):  # a full disk, another user's folder
            super().save_overload(sig, data)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), *self._taken_in)

    @cached_property
    def _taken_in(self) -> list[str]:
        return taken_in(self._function)


def taken_in(function: FunctionType, seen: set[FunctionType] | None = None) -> list[str]:
    """What compiling a function takes in: its code, and the constants and functions that it names, and theirs."""
    seen = set() if seen is None else seen
    seen.add(function)
    codes = [*_codes(function.__code__)]
    names = [name for code in codes for name in code.co_names]
    named = [function.__globals__[name] for name in names if name in function.__globals__]
    named += [getattr(module, name, None) for module in named if isinstance(module, ModuleType) for name in names]
    found = [_hashed(repr([(code.co_code, code.co_names, *map(_constant, code.co_consts)) for code in codes]).encode())]
    for value in named:
        called = getattr(value, "py_func", value)
        if isinstance(value, np.ndarray):
            found.append(_hashed(repr((value.dtype, value.shape)).encode() + value.tobytes()))
        elif isinstance(value, int | float | str | bytes | tuple | np.generic):
            found.append(repr(value))
        elif isinstance(called, FunctionType) and called not in seen and _ours(value, function):
            found += taken_in(called, seen)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of what is defined within it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _constant(value: object) -> str:
    """The same in every process."""
    if isinstance(value, frozenset):
        return repr(sorted(map(repr, value)))
    return "" if isinstance(value, CodeType) else repr(value)


def _ours(value: Any, function: FunctionType) -> bool:
    """Whether numba compiles this function's own code, as it does not do with numpy's."""
    return hasattr(value, "py_func") or value.__module__.partition(".")[0] == function.__module__.partition(".")[0]


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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
