"""Spark: the engine for logs that already lie on a cluster. Needs the ``spark`` extra, and Java for a local master."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from gauger.edge.engine import globs
from gauger.errors import ExchangeError, InputError, UnsupportedError


class SparkEngine:
    """See ``edge.engine.Engine``. Paths must mean the same to the cluster and to this process."""

    def __init__(self, scratch: Path, memory_gb: float, threads: int | None, remote: str) -> None:
        self._session = _session(scratch, memory_gb, remote or f"local[{threads or '*'}]")
        self._backend = ibis.pyspark.connect(self._session)
        self._views = 0

    def table(self, parquet: str | Path | Sequence[str | Path]) -> ir.Table:
        paths = globs(parquet)
        # Ibis's own read_parquet takes one path; a cluster reads thousands.
        try:
            return self._named(self._session.read.parquet(*paths))
        except Exception as error:
            raise InputError(
                f"Spark cannot read it as Parquet: {_first_line(error)}", source=", ".join(paths)
            ) from error

    def _named(self, frame: Any) -> ir.Table:
        self._views += 1
        name = f"gauger_{self._views}"
        frame.createOrReplaceTempView(name)
        return self._backend.table(name)

    def collect(self, expr: ir.Table) -> pa.Table:
        # Not Ibis's to_pyarrow: it goes through pandas, where a hash beside a null becomes a float.
        try:
            rows = self._frame(expr).toArrow()
        except Exception as error:
            raise _failed(error) from error
        return rows.cast(expr.schema().to_pyarrow())

    def write(self, expr: ir.Table, folder: str | Path) -> ir.Table:
        fresh = f"{folder}.part"
        try:
            self._frame(expr).write.mode("overwrite").parquet(fresh)
        except Exception as error:
            raise _failed(error) from error
        shutil.rmtree(folder, ignore_errors=True)
        Path(fresh).rename(folder)
        return self.table(folder)

    def close(self) -> None:
        self._session.stop()

    def _frame(self, expr: ir.Table) -> Any:
        return self._session.sql(self._backend.compile(expr))


def _session(scratch: Path, memory_gb: float, address: str) -> Any:
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError("the spark engine needs pyspark: pip install 'gauger[spark]'") from error
    if address.startswith("sc://"):
        builder = SparkSession.builder.remote(address)
    else:
        if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
            raise UnsupportedError("Spark needs Java 17 or later: install it, set JAVA_HOME, or name an sc:// address")
        # Workers must run the driver's minor version of Python.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(address).appName("gauger")
        if address.startswith("local"):
            for key, value in _local(scratch, memory_gb).items():
                builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise ExchangeError(f"Spark at {address} does not start: {_first_line(error)}", retry=True) from error


def _local(scratch: Path, memory_gb: float) -> dict[str, str]:
    """A cluster's own settings are its owner's affair; these are for a session on this machine."""
    return {
        "spark.driver.memory": f"{max(int(memory_gb * 1024), 1024)}m",
        "spark.local.dir": str(scratch / "spark"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "8",  # 200, the default, is for a cluster
    }


def _failed(error: Exception) -> ExchangeError:
    return ExchangeError(f"Spark could not run the query: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
