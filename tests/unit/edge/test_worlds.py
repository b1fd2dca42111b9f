"""A world that is written as a gateway's log and read again is the same world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.detect.simulate import PRESETS, CampaignSpec, World, simulate
from gauger.detect.tables import EVENTS
from gauger.edge.reading import read_logs
from gauger.edge.sides import read_bans, read_orgs, read_releases
from gauger.edge.worlds import write_bulk, write_world


@pytest.fixture(scope="module")
def world() -> World:
    relay = CampaignSpec(name="relay", kinds=("agentic",), turns=3, hop=0.5, replay_reasoning=0.3, accounts=10)
    copies = CampaignSpec(name="copies", cover="replay", dilution=0.5, accounts=10, ban_share=0.5)
    spec = replace(PRESETS["small"], crowd=PRESETS["small"].crowd.times(0.1), campaigns=(relay, copies))
    return simulate(spec, np.random.default_rng(1))


def test_the_gateways_log_reads_back_as_the_world(world: World, tmp_path: Path) -> None:
    log = write_world(world, tmp_path)
    reading = read_logs([log])
    read = pa.Table.from_batches([batch for batch, _ in reading])
    assert [f.quarantined for f in reading.files] == [0]
    assert reading.files[0].format == "litellm"
    for name in EVENTS.names:
        if name != "source":
            assert read[name].combine_chunks().equals(world.events[name].combine_chunks()), name


def test_the_side_tables_read_back(world: World, tmp_path: Path) -> None:
    write_world(world, tmp_path, "parquet")
    for read, name, table in (
        (read_orgs, "orgs", world.orgs),
        (read_bans, "bans", world.bans),
        (read_releases, "releases", world.releases),
    ):
        side = read(tmp_path / f"{name}.csv").table
        key = table.column_names[0]
        assert side[key].to_pylist() == table[key].to_pylist()
        time = next(f.name for f in table.schema if pa.types.is_timestamp(f.type))
        assert side[time].cast(table[time].type).to_pylist() == table[time].to_pylist()
    assert (tmp_path / "truth.csv").read_text().splitlines()[0] == "account,org,kind,label,campaign"


def test_parquet_is_canonical(world: World, tmp_path: Path) -> None:
    assert pq.read_table(write_world(world, tmp_path, "parquet")).equals(world.events)


def test_bulk_parts_are_written_and_repeatable(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bulk(tmp_path / name, exchanges=700, accounts=400, seed=4, part_rows=300)
    parts = [sorted((tmp_path / name).glob("part-*.parquet")) for name in ("a", "b")]
    assert [p.name for p in parts[0]] == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert [pq.read_table(p) for p in parts[0]] == [pq.read_table(p) for p in parts[1]]
    assert pq.read_schema(parts[0][0]).equals(EVENTS)
