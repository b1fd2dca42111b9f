"""A kernel that is compiled is told of, once; one that is compiled already is not."""

from __future__ import annotations

from numba import njit

from gauger.edge.compiling import COMPILING, told


def test_it_is_said_once_and_only_while_something_is_compiled() -> None:
    first, second = njit(lambda x: x + 1), njit(lambda x: x + 2)
    said: list[str] = []
    with told(said.append):
        assert said == []
        assert (first(1), second(1)) == (2, 3)
    assert said == [COMPILING]
    with told(said.append):
        assert first(1) == 2
    njit(lambda x: x + 3)(1)
    assert said == [COMPILING]
