"""Every method of the watermark says what it assumes, and has its section in the reference; the example runs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import gauger.watermark

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "watermark.md").read_text()
MODULES = [
    importlib.import_module(m.name) for m in pkgutil.walk_packages(gauger.watermark.__path__, "gauger.watermark.")
]
METHODS = [
    (name, thing.__doc__)
    for module in MODULES
    for name, thing in inspect.getmembers(module)
    if getattr(thing, "__module__", "") == module.__name__ and "Guarantee:" in (thing.__doc__ or "")
]


def test_none_is_missed() -> None:
    assert {"Gumbel", "Tournament", "Greenlist", "detect", "flags", "trace"} <= {name for name, _ in METHODS}


@pytest.mark.parametrize(("name", "doc"), METHODS, ids=[n for n, _ in METHODS])
def test_method_is_documented(name: str, doc: str) -> None:
    for line in ("Null:", "Guarantee:", "Not claimed:", "Source:", "Deviates:"):
        assert line in doc, f"{name} lacks its {line!r}"
    assert re.search(rf"^### .*`{name}`", PAGE, re.MULTILINE), f"docs/reference/watermark.md has no section on {name}"


def test_the_example_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for code in examples:
        exec(compile(code, "watermark.md", "exec"), {})  # noqa: S102
