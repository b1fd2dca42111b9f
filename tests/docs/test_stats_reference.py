"""Every statistical method says what it assumes and what it does not claim, and has its section in the reference."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "stats.md").read_text()
MODULES = ("betting", "bootstrap", "calibrators", "conformal", "merging", "multiple", "sequences", "tails")
METHODS = [
    (name, function.__doc__)
    for module in (importlib.import_module(f"gauger.stats.{m}") for m in MODULES)
    for name, function in inspect.getmembers(module)
    if getattr(function, "__module__", "") == module.__name__ and "Guarantee:" in (function.__doc__ or "")
]


def test_none_is_missed() -> None:
    assert len(METHODS) >= 23


@pytest.mark.parametrize(("name", "doc"), METHODS, ids=[n for n, _ in METHODS])
def test_method_is_documented(name: str, doc: str) -> None:
    for line in ("Null:", "Guarantee:", "Not claimed:", "Source:", "Deviates:"):
        assert line in doc, f"{name} lacks its {line!r}"
    assert re.search(rf"^### .*`{name}`", PAGE, re.MULTILINE), f"docs/reference/stats.md has no section on {name}"


def test_the_example_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for code in examples:
        exec(compile(code, "stats.md", "exec"), {})  # noqa: S102
