"""Kernels on disk: what one process compiled is what another runs, whatever both did at once."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger import compiled
from gauger.detect.sketch import prompt
from gauger.edge import span_kernels

SRC = Path(__file__).parents[2] / "src"
KERNEL = """
from {module} import {name}

@{decorator}
def half(values, plain):
    return values[0] / 2 if plain else -1.0
"""
# Compiles for its own type, and writes only once the other has looked what is on disk.
RACER = """
import sys, time
from pathlib import Path

import numpy as np
from numba.core.caching import IndexDataCacheFile as Files

me, other = sys.argv[1:]
seen, written = Files._save_index, Files._save_data

def met(name):
    Path(f"{name}.{me}").touch()
    end = time.monotonic() + 60
    while not Path(f"{name}.{other}").exists() and time.monotonic() < end:
        time.sleep(0.001)

def save_index(self, overloads):
    met("looked")
    time.sleep(0.2 * (me == "b"))  # b's is the last word on which file is whose,
    seen(self, overloads)

def save_data(self, name, data):
    met("looked")
    met("told")
    time.sleep(0.4 * (me == "a"))  # and a's on what stands in it
    written(self, name, data)

Files._save_index, Files._save_data = save_index, save_data
from raced import half
print(half(np.array([3], dtype="i8" if me == "a" else "f8"), True))
"""
READER = """
import numpy as np
from raced import half
print(half(np.array([3], dtype="i8"), True), half(np.array([3.0]), True), sum(half.stats.cache_hits.values()))
"""
OURS = {"module": "gauger.compiled", "name": "compiled", "decorator": "compiled"}
NUMBAS = {"module": "numba", "name": "njit", "decorator": "njit(cache=True)"}


def started(folder: Path, code: str, *args: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": f"{SRC}{os.pathsep}{folder}", "NUMBA_CACHE_DIR": str(folder / "kept")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"  # a full disk would cut Python's own files, too
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *args], env=env, cwd=folder, **pipes)


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def raced(folder: Path, kernel: dict[str, str]) -> str:
    """What a third process computes after two have compiled one function for a type each, at once."""
    (folder / "raced.py").write_text(KERNEL.format(**kernel))
    both = [started(folder, RACER, "a", "b"), started(folder, RACER, "b", "a")]
    assert [said(process) for process in both] == ["1.5", "1.5"]
    return said(started(folder, READER))


def test_two_processes_that_compile_at_once_leave_what_each_compiled(tmp_path: Path) -> None:
    assert raced(tmp_path, OURS) == "1.5 1.5 2"


def test_the_race_is_one_that_numbas_own_files_lose(tmp_path: Path) -> None:
    """Else the test above would hold whatever we did; where numba has mended it, `compiled` can go."""
    assert raced(tmp_path, NUMBAS) != "1.5 1.5 2"


def files(folder: Path, stamp: str = "as it was") -> compiled._Files:
    return compiled._Files(str(folder), "raced.half-4.py311", stamp)


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"\x80\x04junk."])
def test_a_file_that_cannot_be_read_is_compiled_anew(tmp_path: Path, harm) -> None:
    files(tmp_path).save(("int64", "cpu"), {"code": b"1" * 200})
    assert files(tmp_path).load(("int64", "cpu")) == {"code": b"1" * 200}
    (path,) = tmp_path.iterdir()
    path.write_bytes(harm(path.read_bytes()))
    assert files(tmp_path).load(("int64", "cpu")) is None
    files(tmp_path).save(("int64", "cpu"), 2)
    assert files(tmp_path).load(("int64", "cpu")) == 2


def test_a_file_under_anothers_name_is_not_run(tmp_path: Path) -> None:
    files(tmp_path).save("int64", 1)
    (one,) = tmp_path.iterdir()
    files(tmp_path).save("float64", 2)
    (other,) = {*tmp_path.iterdir()} - {one}
    one.write_bytes(other.read_bytes())
    assert (files(tmp_path).load("int64"), files(tmp_path).load("float64")) == (None, 2)


def test_a_changed_source_is_compiled_anew(tmp_path: Path) -> None:
    files(tmp_path).save("int64", 1)
    assert files(tmp_path, "as it is").load("int64") is None
    files(tmp_path, "as it is").save("int64", 2)
    assert (files(tmp_path).load("int64"), files(tmp_path, "as it is").load("int64")) == (1, 2)


CALLER = """
from numba.extending import register_jitable

from called import WEIGHT, weighed
import called
from gauger.compiled import compiled

@register_jitable
def ours(x):
    return called.more(x) + sum([WEIGHT for _ in range(1)])

@compiled
def half(values, plain):
    return weighed(values[0]) + ours(0) if plain else -1.0
"""
CALLED = """
from gauger.compiled import compiled

WEIGHT = 0.0
SHIFT = 0.0

@compiled
def more(x):
    return x + SHIFT

@compiled
def weighed(x):
    return x.real / 2
"""


@pytest.mark.parametrize(
    ("was", "now", "made"),
    [
        ("real / 2", "real / 4", "0.75 0.75 0"),  # a function of another file
        ("x.real", "x.imag", "0.0 0.0 0"),
        ("WEIGHT = 0.0", "WEIGHT = 1.0", "2.5 2.5 0"),  # a constant, named by a function of a function
        ("SHIFT = 0.0", "SHIFT = 2.0", "3.5 3.5 0"),  # a constant of a kernel that is named through its module
        ("", "\nUNUSED = 1", "1.5 1.5 2"),
    ],
)
def test_what_a_kernel_takes_from_other_files_is_seen_to_change(tmp_path: Path, was: str, now: str, made: str) -> None:
    (tmp_path / "raced.py").write_text(CALLER)
    (tmp_path / "called.py").write_text(CALLED)
    assert said(started(tmp_path, READER)) == "1.5 1.5 0"
    (tmp_path / "called.py").write_text(CALLED.replace(was, now, 1) if was else CALLED + now)
    assert said(started(tmp_path, READER)) == made


def test_no_kernel_of_ours_has_a_name_that_another_process_would_not_give_it() -> None:
    for kernel in (prompt.prompts, span_kernels.find):
        parts = compiled.taken_in(kernel.py_func)
        assert len(parts) > 5
        assert not any(" at 0x" in part for part in parts)


def test_a_full_disk_or_anothers_folder_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "raced.py").write_text(KERNEL.format(**OURS))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
    assert said(started(tmp_path, limit + READER)) == "1.5 1.5 0"
    assert not [*tmp_path.rglob("*.nbc")]
    # A folder's name that is a file's: root may write where others may not.
    blocked = "import raced, shutil; f = raced.half._cache.cache_path; shutil.rmtree(f); open(f, 'w').close()\n"
    assert said(started(tmp_path, blocked + READER)) == "1.5 1.5 0"


def test_without_a_folder_to_write_it_is_compiled_in_every_process(tmp_path: Path, monkeypatch) -> None:
    def nowhere(function: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compiled, "_Cache", nowhere)
    double = compiled.compiled(lambda x: 2 * x)
    assert (double(3), double.stats.cache_path) == (6, None)
    assert np.isclose(compiled.compiled(fastmath=True)(lambda x: x / 2)(3.0), 1.5)


def test_no_kernel_of_ours_is_kept_otherwise() -> None:
    """Whoever takes numba's own decorator takes its files too."""
    taken = {
        path.name
        for path in (SRC / "gauger").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "numba"
        if {a.name for a in node.names} & {"njit", "jit", "vectorize", "guvectorize", "cfunc"}
    }
    assert taken == {"compiled.py"}
