"""The how-to's mapping reads the how-to's line."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gauger.edge.formats.mapped import decoder, parse_mapping

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "map-your-own-log.md"


def test_the_example_is_read() -> None:
    (line, mapping) = re.findall(r"```(?:json|toml)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (got,) = decoder(parse_mapping(mapping.encode(), "map.toml"))(json.dumps(json.loads(line)).encode())
    assert (got.account, got.prompt, got.answer, got.status) == ("acct-7", "Hi", "Hello.", "success")
    assert (got.time, got.end_time, got.temperature) == (1_750_000_000_500_000, 1_750_000_002_000_000, 0.0)
