"""The table of models: what makes a history whole, however it is spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from gauger.edge.lineage.tables import read_pairs, read_population
from gauger.errors import InputError


def test_words_are_read_whatever_their_case(tmp_path: Path) -> None:
    rows = {
        "whole": "A,b,High,OK",
        "blank": "A,b,,",
        "low": "A,b,LOW,ok",
        "unsure": "A,b,Unknown,ok",
        "asked": "A,b,?,ok",
        "mixed": "A,b,,Ensemble",
        "nobody": "Unknown,N/A,,",
        "nan": "NaN,none,,",
    }
    path = tmp_path / "models.csv"
    path.write_text("model,maker,base,confidence,class\n" + "".join(f"{k},{v}\n" for k, v in rows.items()))
    found = {o.name: o for o in read_population(path)}
    assert [name for name, origin in found.items() if origin.known] == ["whole", "blank"]
    assert (found["nobody"].maker, found["nobody"].base, found["nan"].maker) == ("", "", "")
    assert (found["whole"].maker, found["whole"].base) == ("A", "b")


def test_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("candidate, suspect \nm, n\n")
    assert read_pairs(path) == [("m", "n")]
    path.write_text("candidate,suspect,suspect\nm,n,o\n")
    with pytest.raises(InputError, match="more than one column suspect"):
        read_pairs(path)
