"""DuckDB in this process: the default engine. It spills to ``scratch`` and never needs the network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from gauger.edge.engine import globs
from gauger.errors import ExchangeError, InputError


class DuckEngine:
    """See ``edge.engine.Engine``."""

    def __init__(self, scratch: Path, memory_gb: float, threads: int | None) -> None:
        settings: dict[str, object] = {
            "memory_limit": f"{memory_gb:g}GB",
            "temp_directory": str(scratch / "duckdb"),  # its parent must exist, or spilling fails
            "preserve_insertion_order": False,  # keeping it holds whole results in memory
            "autoinstall_known_extensions": False,  # or a missing extension would be fetched
        }
        if threads is not None:
            settings["threads"] = threads
        self._backend = ibis.duckdb.connect(**settings)

    def table(self, parquet: str | Path | Sequence[str | Path]) -> ir.Table:
        paths = globs(parquet)
        try:
            return self._backend.read_parquet(paths)
        except duckdb.OutOfMemoryException as error:
            raise _failed(error) from error
        except duckdb.Error as error:
            raise InputError(f"cannot be read as Parquet: {_first_line(error)}", source=", ".join(paths)) from error

    def collect(self, expr: ir.Table) -> pa.Table:
        try:
            return self._backend.to_pyarrow(expr)
        except duckdb.Error as error:
            raise _failed(error) from error

    def write(self, expr: ir.Table, folder: str | Path) -> ir.Table:
        folder, fresh = Path(folder), Path(f"{folder}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            self._backend.to_parquet(expr, fresh / "0.parquet")
        except duckdb.Error as error:
            raise _failed(error) from error
        # The expression may read the old folder: it goes only when the new one is whole.
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        return self.table(folder)

    def close(self) -> None:
        self._backend.disconnect()


def _failed(error: duckdb.Error) -> ExchangeError:
    full = isinstance(error, duckdb.OutOfMemoryException)
    advice = ": give more memory, or a scratch folder on a larger disk" if full else ""
    return ExchangeError(f"DuckDB could not run the query{advice}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
