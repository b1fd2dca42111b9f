"""Side tables are read strictly: they are small, and made by the provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.edge import sides
from gauger.errors import InputError

CSV = "org,created,verified,authorised_use,colour\no1,2025-01-02T03:04:05Z,1,,red\no2,,false,synthetic-data,\n"


def test_orgs_of_every_kind_are_one_table(tmp_path: Path) -> None:
    rows = [
        {"org": "o1", "created": "2025-01-02T03:04:05Z", "verified": True, "authorised_use": None, "colour": "red"},
        {"org": "o2", "verified": False, "authorised_use": "synthetic-data"},
    ]
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    tables = [sides.read_orgs(tmp_path / name) for name in ("a.csv", "b.jsonl", "c.parquet")]
    assert tables[0].table.equals(tables[1].table)
    assert tables[0].table.equals(tables[2].table)
    assert tables[0].table.schema == sides.ORGS
    assert tables[0].ignored == ("colour",)
    first, second = tables[0].table.to_pylist()
    assert first["created"] == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (first["verified"], first["authorised_use"], first["plan"]) == (True, None, None)
    assert (second["verified"], second["authorised_use"]) == (False, "synthetic-data")


def test_bans_releases_and_prices(tmp_path: Path) -> None:
    (tmp_path / "bans.csv").write_text("account,banned_at\nacct-7,1750000000\n")
    (tmp_path / "releases.csv").write_text("model,released_at\nteal-large,2025-06-15\n")
    (tmp_path / "prices.jsonl").write_text('{"model": "teal-large", "input_usd": 3, "output_usd": "15"}\n')
    assert sides.read_bans(tmp_path / "bans.csv").table.schema == sides.BANS
    assert sides.read_releases(tmp_path / "releases.csv").table.column("released_at")[0].as_py().day == 15
    assert sides.read_prices(tmp_path / "prices.jsonl").table.to_pylist() == [
        {"model": "teal-large", "input_usd": 3.0, "output_usd": 15.0}
    ]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.csv", b"", "the table is empty"),
        ("x.csv", b"user,when\na,b\n", ":1: no column `account` .*user, when"),
        ("x.csv", b"account,banned_at\na,2025-01-01\nb,soon\n", ":3: `banned_at` is not a time"),
        ("x.csv", b"account,banned_at\na,\n", ":2: no `banned_at` .*this record has: account"),
        ("x.csv", b"account\n", ":1: no column `banned_at` .*the header has: account"),
        ("x.jsonl", b'{"account": "a"}\n', ":1: no `banned_at`"),
        ("x.jsonl", b"{nope\n", ":1: not JSON"),
        ("x.csv", b"account,banned_at\n\xff,2025-01-01\n", ":2: invalid UTF-8"),
        ("x.parquet", b"PAR1 but not really", "not a readable Parquet file"),
        ("x.csv.gz", b"\x1f\x8b\x08\x00torn", "gzip stream"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=says):
        sides.read_bans(tmp_path / name)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        sides.read_bans(tmp_path / "none.csv")


def test_a_header_without_rows_is_a_table_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "bans.csv").write_text("account,banned_at\n")
    assert sides.read_bans(tmp_path / "bans.csv").table.num_rows == 0


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (sides.read_orgs, "org,plan\no1,pro\no2,pro\no1,free\n"),
        (sides.read_releases, "model,released_at\nm1,1750000000\nm2,1750000001\nm1,1750000002\n"),
        (sides.read_prices, "model,input_usd,output_usd\nm1,1,1\nm2,1,1\nm1,2,2\n"),
    ],
)
def test_a_second_row_for_one_thing_is_refused(tmp_path: Path, read, text: str) -> None:
    (tmp_path / "side.csv").write_text(text)
    with pytest.raises(InputError, match="the first is line 2") as caught:
        read(tmp_path / "side.csv")
    assert caught.value.line == 4


def test_an_account_may_be_banned_twice(tmp_path: Path) -> None:
    (tmp_path / "bans.csv").write_text("account,banned_at\na1,1750000000\na1,1750000009\n")
    assert sides.read_bans(tmp_path / "bans.csv").table.num_rows == 2
