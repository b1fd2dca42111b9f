"""A context's scheme names all that its marks are read with."""

from __future__ import annotations

import pytest

from gauger.errors import ConfigError
from gauger.watermark.naming import KINDS, scheme_named
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament


def test_names() -> None:
    assert scheme_named("gumbel") == Gumbel()
    assert scheme_named("gumbel:h=2") == Gumbel(h=2)
    assert scheme_named("tournament:layers=20:h=3") == Tournament(h=3, layers=20)
    assert scheme_named("greenlist:h=0:gamma=0.5:delta=2") == Greenlist(h=0, gamma=0.5, delta=2.0)
    assert {name: scheme_named(name).id for name in KINDS} == {name: name for name in KINDS}


@pytest.mark.parametrize(
    "name",
    ["", "Gumbel", "s", "gumbel:", "gumbel:k=1", "gumbel:h", "gumbel:h=x", "gumbel:h=1.5", "gumbel:h=0", "gumbel:h=99",
     "gumbel:h=1:h=2", "greenlist:gamma=nan", "greenlist:gamma=1", "gumbel:h=" + "9" * 5000],
)  # fmt: skip
def test_no_names(name: str) -> None:
    with pytest.raises(ConfigError):
        scheme_named(name)
