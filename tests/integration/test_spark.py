"""Both engines give the same families, holders and hashes from the same parts."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gauger.detect import families
from gauger.detect.sketch import sketch
from gauger.detect.tables import EVENTS
from gauger.edge.engine import Engine, load, open_engine
from gauger.edge.spool import Spool
from gauger.errors import ConfigError, InputError, UnsupportedError

WORDS = np.array([f"{a}{b}" for a in ["tangerine", "lamp", "river", "stone", "quiet", "maple"] for b in "abcdefghij"])


def events(seed: int = 4) -> pa.RecordBatch:
    """Six templates of 40 prompts, 100 prompts that are alone, one that all repeat, and ten exchanges without one."""
    rng = np.random.default_rng(seed)

    def text(n: int) -> str:
        return " ".join(rng.choice(WORDS, n))

    templates = [(text(30), text(25)) for _ in range(6)]
    prompts: list[str | None] = [f"{head} {text(3)} {tail}" for head, tail in templates for _ in range(40)]
    prompts += [text(40) for _ in range(100)] + ["thanks a lot for all that"] * 30 + [None] * 10
    columns = {f.name: pa.nulls(len(prompts), f.type) for f in EVENTS}
    columns["account"] = pa.array([f"account-{k}" for k in rng.integers(0, 20, len(prompts))])
    columns["prompt"] = pa.array(prompts, pa.large_string())
    columns["reasoning_out"] = pa.array([[2**63 + k] for k in range(len(prompts))], pa.list_(pa.uint64()))
    return pa.RecordBatch.from_pydict(columns, schema=EVENTS)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    spool = Spool(tmp_path_factory.mktemp("spool"), "inputs")
    batch = sketch(events())
    spool.append([batch.slice(0, 130)], {}, {})
    spool.append([batch.slice(130)], {}, {})
    return spool.paths()


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine("duckdb", scratch=tmp_path_factory.mktemp("duck") / "not" / "there", memory_gb=1, threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: pip install 'gauger[spark]'")
    if shutil.which("java") is None:
        pytest.skip("no java on the path: Spark needs Java 17 or later")
    engine = open_engine("spark", scratch=tmp_path_factory.mktemp("spark"), memory_gb=1, remote="local[2]")
    yield engine
    engine.close()


def scan(engine: Engine, parts: list[Path], folder: Path) -> dict[str, pa.Table]:
    """What a scan asks of an engine, rows in one order."""
    sketches = engine.table(parts)
    mapping = families.families(engine.write(families.documents(sketches), folder / "docs"), engine.collect)
    assigned = families.with_family(sketches, load(engine, mapping, folder / "map"))
    found = {"mapping": mapping, "assigned": engine.collect(assigned.drop("account"))}
    found["family"] = engine.collect(families.holdings(assigned, "family"))
    found["prefix_12"] = engine.collect(families.holdings(assigned, "prefix_12"))
    keys = {
        "assigned": ["prompt_exact", "reasoning_out"],
        "mapping": ["prompt_masked"],
    }
    return {name: _sorted(t, keys.get(name, ["token", "account"])) for name, t in found.items()}


def _sorted(table: pa.Table, keys: list[str]) -> pa.Table:
    frame = [tuple(str(row[k]) for k in keys) for row in table.select(keys).to_pylist()]
    return table.take(sorted(range(len(frame)), key=frame.__getitem__))


def test_families_are_the_templates(duck: Engine, parts: list[Path], tmp_path: Path) -> None:
    found = scan(duck, parts, tmp_path)
    members = found["mapping"]["family"].value_counts().to_pylist()
    assert sorted(m["counts"] for m in members) == [40] * 6
    assert found["assigned"]["family"].null_count == 10
    # All but the templates' tokens are one prompt's alone; "thanks" is held by many, but is one prompt.
    assert len(set(found["family"]["token"].to_pylist())) == 6
    assert sum(found["family"]["n"].to_pylist()) == 240
    assert sum(found["prefix_12"]["distinct"].to_pylist()) == 240


def test_the_order_of_rows_changes_nothing(duck: Engine, parts: list[Path], tmp_path: Path) -> None:
    batch = sketch(events())
    shuffled = Spool(tmp_path / "spool", "x")
    shuffled.append([batch.take(pa.array(np.random.default_rng(1).permutation(batch.num_rows)))], {}, {})
    one, two = scan(duck, parts, tmp_path / "one"), scan(duck, shuffled.paths(), tmp_path / "two")
    assert {name: t.to_pylist() for name, t in one.items()} == {name: t.to_pylist() for name, t in two.items()}


def test_spark_gives_what_duckdb_gives(duck: Engine, spark: Engine, parts: list[Path], tmp_path: Path) -> None:
    expected, got = scan(duck, parts, tmp_path / "duck"), scan(spark, parts, tmp_path / "spark")
    for name, table in expected.items():
        assert got[name].schema.names == table.schema.names, name
        assert got[name].to_pylist() == table.to_pylist(), name


def test_hashes_are_read_back_bit_for_bit(duck: Engine, parts: list[Path]) -> None:
    rows = duck.collect(duck.table(parts)).to_pylist()
    given = sketch(events()).to_pylist()
    key = lambda row: row["reasoning_out"][0] % 2**64  # noqa: E731
    for row, original in zip(sorted(rows, key=key), sorted(given, key=key), strict=True):
        for name in ("prompt_masked", "band_3", "prefix_6"):
            assert (row[name] is None and original[name] is None) or row[name] % 2**64 == original[name]


def test_writing_over_what_is_read(duck: Engine, tmp_path: Path) -> None:
    rows = load(duck, pa.table({"x": [1, 2, 3]}), tmp_path / "t")
    again = duck.write(rows.mutate(x=rows.x + 1), tmp_path / "t")
    assert sorted(duck.collect(again)["x"].to_pylist()) == [2, 3, 4]


def test_errors_say_what_to_do(duck: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="duckdb, spark"):
        open_engine("oracle", scratch=tmp_path)
    with pytest.raises(ConfigError, match="no master"):
        open_engine("duckdb", scratch=tmp_path, remote="local[2]")
    with pytest.raises(InputError, match=r"nothing\.parquet"):
        duck.table(tmp_path / "nothing.parquet")
    if importlib.util.find_spec("pyspark") is not None:
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("JAVA_HOME", raising=False)
        with pytest.raises(UnsupportedError, match="Java"):
            open_engine("spark", scratch=tmp_path)


def test_it_spills_instead_of_dying(tmp_path: Path) -> None:
    engine = open_engine("duckdb", scratch=tmp_path, memory_gb=0.1, threads=1)
    rng = np.random.default_rng(0)
    rows = load(
        engine, pa.table({"k": rng.integers(0, 2**62, 1_500_000), "v": np.arange(1_500_000)}), tmp_path / "rows"
    )
    counted = rows.group_by("k").agg(n=rows.count(), low=rows.v.min(), high=rows.v.max()).order_by("k")
    assert len(engine.collect(counted.filter(counted.low == 7))) == 1
    engine.write(counted, tmp_path / "counted")
    engine.close()
