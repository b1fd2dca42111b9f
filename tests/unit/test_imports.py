"""Imports point down only: model, errors, compiled, merkle, merkle_log <- stats <- features <- edge <- app."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "gauger"
FEATURES = {"detect", "watermark", "lineage", "case", "share", "gate"}
ROOT = {"model", "errors", "compiled", "merkle", "merkle_log"}
ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "compiled": set(),
    "merkle": {"errors"},
    "merkle_log": {"merkle"},
    "stats": {"stats", "errors"},
    **{f: {f, "stats"} | ROOT for f in FEATURES},
    "edge": {"edge", "stats"} | FEATURES | ROOT,
    "verify": {"verify", "errors", "merkle"},  # the other side's check: shares nothing with what made a bundle
    "__main__": {"app"},
    "app": {"app", "edge", "stats", "testing", "verify"} | FEATURES | ROOT,
    "testing": {"edge", "stats"} | FEATURES | ROOT,
}
# I/O, clocks, environment and global randomness stay out of the pure rooms.
IMPURE = {
    "os",
    "pathlib",
    "io",
    "socket",
    "subprocess",
    "time",
    "random",
    "requests",
    "httpx",
    "urllib",
    "shutil",
    "sys",
}
HEAVY = ("torch", "transformers", "pyspark", "sklearn", "networkit", "numba", "ibis", "duckdb", "pandas", "pyarrow")


def room(path: Path) -> str:
    relative = path.relative_to(SRC)
    return relative.parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Absolute dotted names of everything that a module imports (relative imports are refused)."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


def violations(name: str, tree: ast.AST) -> list[str]:
    found = []
    for dotted in imported(tree):
        parts = dotted.split(".")
        if parts[0] == "gauger" and len(parts) > 1 and parts[1] != "__version__" and parts[1] not in ALLOWED[name]:
            found.append(f"{name} imports {dotted}")
        if name in FEATURES | ROOT | {"stats", "verify"} and parts[0] in IMPURE:
            found.append(f"{name} is pure and imports {dotted}")
    return found


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_down(path: Path) -> None:
    if path == SRC / "__init__.py":
        assert imported(ast.parse(path.read_text())) == set()
        return
    assert violations(room(path), ast.parse(path.read_text())) == []


def test_the_rule_bites() -> None:
    assert violations("stats", ast.parse("from gauger.detect import tables"))
    assert violations("detect", ast.parse("import gauger.edge.spool"))
    assert violations("detect", ast.parse("from pathlib import Path"))
    assert violations("verify", ast.parse("from gauger.model import digest"))
    assert violations("verify", ast.parse("import os"))
    assert violations("edge", ast.parse("from gauger.app import cli"))
    assert not violations("edge", ast.parse("from gauger.detect.tables import EVENTS\nimport os"))


def test_import_gauger_loads_nothing_heavy() -> None:
    code = f"import sys, gauger, gauger.model; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_reader_of_marks_does_not_wait_for_the_scans_engines() -> None:
    heavy = ("networkit", "ibis", "duckdb", "torch", "transformers", "sklearn")
    code = (
        "import sys; from gauger.app import cli; "
        f"cli.run(['watermark', 'detect', '--help']); print([m for m in {heavy!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"
