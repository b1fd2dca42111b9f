"""The entry point for vLLM stands in a distribution of its own, and names a class that is there."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
GROUP = "vllm.logits_processors"


def test_the_companion_alone_has_the_entry_point_and_it_names_a_class() -> None:
    companion, own = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        for folder in ("packaging/gauger-vllm", ".")
    )
    assert GROUP not in own.get("entry-points", {}), "who scans logs does not change what a server beside it does"
    (target,) = companion["entry-points"][GROUP].values()
    module, name = target.split(":")
    tree = ast.parse((ROOT / "src" / Path(*module.split("."))).with_suffix(".py").read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
