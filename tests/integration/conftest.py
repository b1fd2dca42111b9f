"""A scan as a user runs it, and what it said and left behind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli

RESULTS = {"accounts.csv", "report.json", "report.html"}


@dataclass(frozen=True)
class Result:
    """What a scan said and left behind."""

    out: Path
    code: int
    stdout: str
    stderr: str

    @property
    def accounts(self) -> list[dict[str, str]]:
        with (self.out / "accounts.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.out / "report.json").read_bytes())

    @property
    def faults(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "quarantine.jsonl").read_bytes().splitlines()]


Run = Callable[[list[str]], Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process, which has paid for its imports."""

    def in_this_process(args: list[str]) -> Result:
        code = cli.run(args)
        stdout, stderr = capsys.readouterr()
        return Result(Path(args[args.index("--out") + 1]), code, stdout, stderr)

    return in_this_process
