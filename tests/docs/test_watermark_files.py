"""The reference of key files says what the code writes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from gauger.edge.commitments import ProofRow, RevealedKey
from gauger.edge.keyring import _KeyFile
from gauger.watermark.commitment import Commitment
from gauger.watermark.keys import KeyContext, derive

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "watermark-files.md").read_text()


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_vector_is_what_the_code_derives() -> None:
    said = re.search(r"With the master `000102\.\.\.1f` and the context (.*):\n\n *secret +(\w+)\n *id +(\S+)", PAGE)
    assert said
    values = re.findall(r"`([^`]+)`", said[1])
    context = KeyContext(**dict(zip((f.name for f in dataclasses.fields(KeyContext)), values, strict=True)))
    key = derive(bytes(range(32)), context)
    assert (key.secret.hex(), key.id) == (said[2], said[3])


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("Key file", _KeyFile.__struct_fields__),
        ("`commitment.json`", Commitment.__dataclass_fields__),
        ("`proofs.jsonl`", ProofRow.__dataclass_fields__),
        ("Revealed key", RevealedKey.__dataclass_fields__),
    ],
)
def test_every_field_has_its_line(heading: str, fields: tuple[str, ...]) -> None:
    rows = re.findall(r"^\| (`.*?) \|", section(heading), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(fields)
