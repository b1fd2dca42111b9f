"""The files around a commitment: contexts with line numbers, proofs by id, strict records."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.edge import commitments as files
from gauger.errors import ConfigError, InputError
from gauger.watermark.commitment import commit, verify_key
from gauger.watermark.keys import Key, KeyContext, derive

HEAD = "tenant,party,epoch,model,tokenizer,scheme\n"
ROWS = ["lab,fleet,2026,m,t,s", 'lab,"account:1, 2",2026,m,t,s']
CONTEXTS = tuple(
    KeyContext(tenant="lab", party=p, epoch="2026", model="m", tokenizer="t", scheme="s")
    for p in ("fleet", "account:1, 2")
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def made(folder: Path) -> tuple[Key, ...]:
    keys = tuple(derive(bytes(range(32)), c) for c in CONTEXTS)
    commitment, proofs = commit(keys, created=NOW, padding=[b"p" * 32])
    files.write_commitment(folder, commitment, keys, proofs)
    return keys


def test_contexts_of_every_kind(tmp_path: Path) -> None:
    rows = [
        {"tenant": "lab", "party": c.party, "epoch": 2026, "model": "m", "tokenizer": "t", "scheme": "s"}
        for c in CONTEXTS
    ]
    (tmp_path / "a.csv").write_text(HEAD + "\n".join(ROWS) + "\n")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(r | {"note": "x"}) + "\n" for r in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        assert files.read_contexts(tmp_path / name) == CONTEXTS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"x\.csv: no contexts: columns are tenant, party"),
        (HEAD, "no contexts"),
        (HEAD + "lab,,2026,m,t,s\n", r"x\.csv:2: .*`party`"),
        (HEAD + ROWS[0] + "\n" + ROWS[1] + "\n" + ROWS[0] + "\n", r"x\.csv:4: the same context as line 2"),
        ("tenant,party\nlab,fleet\n", r":[12]: .*`epoch`"),
        (HEAD + "lab," + "x" * 2000 + ",2026,m,t,s\n", r":2: `party` .* 2,000 bytes"),
        (HEAD + ROWS[0] + ",more\n", r":2: 7 cells under a header of 6"),
    ],
)
def test_bad_contexts_are_told_by_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        files.read_contexts(tmp_path / "x.csv")
    with pytest.raises(InputError, match="No such file"):
        files.read_contexts(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (7.0, r":1: `party` is a float"),
        (b"7", r": the column `party` is binary"),
        (Decimal("7.10"), r": the column `party` is decimal128"),
        (date(2026, 1, 2), r": the column `party` is date32"),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path: Path, value: Any, says: str) -> None:
    row = dict.fromkeys(("tenant", "epoch", "model", "tokenizer", "scheme"), "x")
    pq.write_table(pa.Table.from_pylist([{**row, "party": value, "note": 0.5}]), tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"x\.parquet" + says):
        files.read_contexts(tmp_path / "x.parquet")


def test_text_and_whole_numbers_are_read_from_columns(tmp_path: Path) -> None:
    row = dict.fromkeys(("tenant", "epoch", "model", "tokenizer", "scheme"), "x")
    for values in (pa.array([7]), pa.array(["7"], pa.large_string()), pa.array(["7"]).dictionary_encode()):
        table = pa.Table.from_pylist([{**row, "note": 0.5}]).append_column("party", values)
        pq.write_table(table, tmp_path / "x.parquet")
        assert files.read_contexts(tmp_path / "x.parquet") == (KeyContext(**row, party="7"),)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    names = ["tenant", "party", "epoch", "model", "tokenizer", "scheme"]
    for more, twice in ((["party"], True), (["note", "note"], False)):
        rows = [[*names, *more], ["t", "7", "e", "m", "w", "s", *("8" for _ in more)]]
        (tmp_path / "x.csv").write_text("\ufeff\n" + "".join(",".join(row) + "\n" for row in rows))
        if twice:
            with pytest.raises(InputError, match=r"x\.csv:1: two columns are called `party`"):
                files.read_contexts(tmp_path / "x.csv")
        else:
            assert [c.party for c in files.read_contexts(tmp_path / "x.csv")] == ["7"]


def test_a_float_is_told_by_its_line(tmp_path: Path) -> None:
    row = dict.fromkeys(("tenant", "epoch", "model", "tokenizer", "scheme"), "x")
    (tmp_path / "x.jsonl").write_text("".join(json.dumps({**row, "party": p}) + "\n" for p in (7, 8.0)))
    with pytest.raises(InputError, match=r"x\.jsonl:2: `party` is a float, .* write text or a whole number"):
        files.read_contexts(tmp_path / "x.jsonl")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    keys = made(tmp_path)
    commitment = files.read_commitment(tmp_path / "commitment.json")
    for key in keys:
        row = files.find_proof(tmp_path / "proofs.jsonl", key.id)
        assert row.context == key.context
        assert verify_key(commitment, key, row.proof) is key
        files.write_revealed(tmp_path / "r.json", key, row.proof, overwrite=True)
        assert files.read_revealed(tmp_path / "r.json") == (key, row.proof)
    assert stat.S_IMODE((tmp_path / "proofs.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o600


def test_only_the_revealed_key_holds_a_secret(tmp_path: Path) -> None:
    keys = made(tmp_path)
    public, private = (tmp_path / n for n in ("commitment.json", "proofs.jsonl"))
    for key in keys:
        assert key.secret.hex() not in public.read_text() + private.read_text()
        assert key.id not in public.read_text()
    assert "account" not in public.read_text()
    proof = files.find_proof(private, keys[0].id).proof
    revealed = files.RevealedKey(context=CONTEXTS[0], secret=keys[0].secret.hex(), proof=proof)
    assert keys[0].secret.hex() not in repr(revealed)


@pytest.mark.parametrize("there", ["commitment.json", "proofs.jsonl"])
def test_neither_file_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("old")
    with pytest.raises(ConfigError, match=f"{there} exists"):
        made(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "old"


def test_a_proof_is_found_by_its_id_alone(tmp_path: Path) -> None:
    """A customer's name that is another key's id does not stand in for it, and other damaged lines do no harm."""
    keys = made(tmp_path)
    path = tmp_path / "proofs.jsonl"
    decoy = {"context": {**json.loads(path.read_text().splitlines()[0])["context"], "party": keys[1].id}}
    line = json.dumps(json.loads(path.read_text().splitlines()[0]) | decoy, separators=(",", ":"), sort_keys=True)
    path.write_text(line + "\n{damaged\n" + path.read_text())
    assert files.find_proof(path, keys[1].id).context == CONTEXTS[1]
    for unknown in ("sha256:" + "0" * 64, "", keys[0].id[:20]):
        with pytest.raises(InputError, match="no key with this id"):
            files.find_proof(path, unknown)
    with pytest.raises(InputError, match="No such file"):
        files.find_proof(tmp_path / "none", keys[0].id)


def test_records_have_one_form(tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "commitment.json"
    record = json.loads(path.read_text())
    for text in (
        json.dumps(record),
        json.dumps(record | {"more": 1}, separators=(",", ":"), sort_keys=True),
        path.read_text().replace('"size":3', '"size":9,"size":3'),
        path.read_text().replace("Z", "+00:00"),
        path.read_text().replace('"size":3', '"size":3.0'),
        " " + path.read_text(),
        path.read_text() + path.read_text(),
        "",
    ):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError, match=r"x\.json: is no Commitment"):
            files.read_commitment(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert files.read_commitment(tmp_path / "x.json") == files.read_commitment(path)


def test_a_secret_has_one_spelling(tmp_path: Path) -> None:
    (key, _), path = made(tmp_path), tmp_path / "r.json"
    files.write_revealed(path, key, files.find_proof(tmp_path / "proofs.jsonl", key.id).proof)
    whole = path.read_text()
    for spelling in (key.secret.hex().upper(), key.secret.hex()[:-1], key.secret.hex() + "00", ""):
        path.write_text(whole.replace(key.secret.hex(), spelling))
        with pytest.raises(InputError, match="`secret` is not 64 small") as caught:
            files.read_revealed(path)
        assert key.secret.hex()[:20] not in str(caught.value).lower()
