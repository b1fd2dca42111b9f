"""The engine that runs `detect`'s expressions: four verbs, the same on every backend.

`detect` writes Ibis expressions and never asks where they run. What differs between backends is
adapted here and in `edge.engines` alone, so that another backend, or plain SQL, is one more file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from gauger.errors import ConfigError

ENGINES = ("duckdb", "spark")


class Engine(Protocol):
    """Where expressions run. Hashes are signed 64-bit integers: Spark and Parquet readers beside it know no other."""

    def table(self, parquet: str | Path | Sequence[str | Path]) -> ir.Table:
        """The rows of a Parquet file, of all ``*.parquet`` in a folder, of a glob, or of several of these."""

    def collect(self, expr: ir.Table) -> pa.Table:
        """Run an expression and bring its rows here, in no particular order."""

    def write(self, expr: ir.Table, folder: str | Path) -> ir.Table:
        """Run an expression into a folder of Parquet files, replacing what was there; its rows as a table."""

    def close(self) -> None:
        """Give back what the engine holds."""


def open_engine(
    name: str, *, scratch: Path, memory_gb: float = 4.0, threads: int | None = None, remote: str = ""
) -> Engine:
    """Open an engine.

    Args:
        name: one of ``ENGINES``.
        scratch: folder for what does not fit into memory; made if missing.
        memory_gb: what the engine may hold in memory before it spills.
        threads: None for one a core.
        remote: for Spark, a master (``local[2]``, ``spark://host:7077``, ``yarn``) or a Spark Connect
            address (``sc://host:15002``); "" for this machine's cores.

    Raises:
        ConfigError: an unknown name, or an option that the engine does not have.
        UnsupportedError: Spark without pyspark or Java.
        ExchangeError: a cluster that does not answer.
    """
    if name not in ENGINES:
        raise ConfigError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    if name == "duckdb" and remote:
        raise ConfigError("the duckdb engine runs in this process and takes no master or remote address")
    scratch.mkdir(parents=True, exist_ok=True)
    # Imported on use: either backend takes seconds to load, and Spark is an extra.
    if name == "duckdb":
        from gauger.edge.engines.duckdb import DuckEngine  # noqa: PLC0415

        return DuckEngine(scratch, memory_gb, threads)
    from gauger.edge.engines.spark import SparkEngine  # noqa: PLC0415

    return SparkEngine(scratch, memory_gb, threads, remote)


def load(engine: Engine, rows: pa.Table, folder: Path) -> ir.Table:
    """Hand rows to an engine, through a Parquet file in ``folder``: memory tables differ between backends."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    pq.write_table(rows, path)
    return engine.table(path)


def globs(parquet: str | Path | Sequence[str | Path]) -> list[str]:
    """What ``Engine.table`` is given, as paths and globs of files."""
    given = [parquet] if isinstance(parquet, (str, Path)) else list(parquet)
    return [str(Path(p) / "*.parquet") if "://" not in str(p) and Path(p).is_dir() else str(p) for p in given]
