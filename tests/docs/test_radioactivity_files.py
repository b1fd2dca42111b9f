"""The reference of plans and journals says what the code writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gauger.edge.answers import _Line
from gauger.edge.plans import ByEndpoint, ByFile, ByReading, ByWeights
from gauger.watermark.radioactivity import Plan

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "watermark-files.md").read_text()


def rows(heading: str, table: int) -> list[list[str]]:
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"((?:^\|.*\n)+)", text, re.MULTILINE)[table]
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in found.splitlines()[2:]]


@pytest.mark.parametrize(
    ("heading", "fields"), [("`plan.json`", Plan.__dataclass_fields__), ("`answers.jsonl`", _Line.__struct_fields__)]
)
def test_every_field_has_its_line(heading: str, fields: tuple[str, ...]) -> None:
    assert set(re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(heading, 0)))) == set(fields)


def test_every_setting_has_its_line() -> None:
    described = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("`plan.json`", 1)}
    kinds = (ByEndpoint, ByWeights, ByReading, ByFile)
    common = {"tokenizer", "tokenizer_file"}
    assert described == {str(k.__struct_config__.tag): set(k.__struct_fields__) - common for k in kinds}
