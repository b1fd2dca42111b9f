"""The files of a commitment: the contexts to commit to, the public record, the private proofs, a revealed key.

All but the contexts are read strictly: canonical JSON, as it was written, byte for byte.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from gauger.edge.canonical import parse_canonical
from gauger.edge.formats.values import text
from gauger.edge.inputs import TruncatedError, kind_of, pieces
from gauger.edge.sides import records
from gauger.edge.small_files import PUBLIC, exists, read_small, write_new
from gauger.errors import ConfigError, InputError
from gauger.model import canonical_json
from gauger.watermark.commitment import Commitment, Proof
from gauger.watermark.keys import Key, KeyContext, check_epoch

COMMITMENT, PROOFS = "commitment.json", "proofs.jsonl"
MAX_BYTES = 1 << 16  # of a record: six fields and 32 hashes

_ID = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """A line of the private proofs file: which context has which place. It names customers, but holds no secret."""

    id: str
    context: KeyContext
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealedKey:
    """All that another needs to check one key against a commitment, the secret (hex) included."""

    schema: Literal["gauger/revealed-key/1"] = "gauger/revealed-key/1"
    context: KeyContext
    secret: str = field(repr=False)
    proof: Proof

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.secret):
            raise ConfigError("`secret` is not 64 small hexadecimal digits")


def read_contexts(path: str | Path) -> tuple[KeyContext, ...]:
    """Contexts from a CSV, JSONL or Parquet table with one column a field, each row once.

    Raises:
        InputError: unreadable or empty, a field missing, too long or neither text nor a whole number, a context that is
            there twice, or a column of a CSV that is; with its line.
    """
    source, first = str(path), dict[KeyContext, int]()
    _check_header(source)
    for line, record in records(source, needed=tuple(f.name for f in fields(KeyContext))):
        try:
            context = KeyContext(**{f.name: _field(f.name, record.get(f.name)) for f in fields(KeyContext)})
            check_epoch(context.epoch)
        except ConfigError as error:
            raise InputError(str(error), source=source, line=line) from None
        if first.setdefault(context, line) != line:
            raise InputError(f"the same context as line {first[context]}", source=source, line=line)
    if kind_of(source) == "parquet":
        _check_columns(source)
    if not first:
        raise InputError(f"no contexts: columns are {', '.join(f.name for f in fields(KeyContext))}", source=source)
    return tuple(first)


def _field(name: str, value: Any) -> str:
    if isinstance(value, float):
        raise ConfigError(f"`{name}` is a float, and 7 and 7.0 would be two contexts: write text or a whole number")
    return text(value) or ""


def _check_header(source: str) -> None:
    """Refuse a CSV in which a field has two columns: whoever reads it would choose one of them."""
    try:
        if kind_of(source) != "csv":
            return
        head = next(pieces(source), b"").decode("utf-8-sig", "replace")
    except (OSError, TruncatedError):
        return  # it is said where the rows are read
    header = next((row for row in csv.reader(head.splitlines()) if any(map(str.strip, row))), [])
    if twice := [f.name for f in fields(KeyContext) if header.count(f.name) > 1]:
        raise InputError(f"two columns are called `{twice[0]}`", source=source, line=1)


def _check_columns(source: str) -> None:
    """Refuse columns of a Parquet table whose values are written out in a form that nobody chose."""
    for column in pq.read_schema(source):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        readable = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if column.name in KeyContext.__dataclass_fields__ and not readable:
            raise InputError(f"the column `{column.name}` is {column.type}: write text or whole numbers", source=source)


def write_commitment(
    folder: Path, commitment: Commitment, keys: Sequence[Key], proofs: Sequence[Proof], *, overwrite: bool = False
) -> None:
    """Write ``commitment.json`` (to publish) and ``proofs.jsonl`` (to keep, readable by its owner only).

    Raises:
        ConfigError: one of them exists and ``overwrite`` is off.
    """
    for path in (folder / PROOFS, folder / COMMITMENT):
        if path.exists() and not overwrite:
            raise exists(path)
    folder.mkdir(parents=True, exist_ok=True)
    rows = (ProofRow(id=k.id, context=k.context, proof=p) for k, p in zip(keys, proofs, strict=True))
    write_new(folder / PROOFS, b"".join(canonical_json(row) + b"\n" for row in rows), overwrite=overwrite)
    write_new(folder / COMMITMENT, canonical_json(commitment) + b"\n", mode=PUBLIC, overwrite=overwrite)


def write_revealed(path: Path, key: Key, proof: Proof, *, overwrite: bool = False) -> None:
    """Write a key with its secret, for whoever is to check it; readable by its owner only, until it is handed on."""
    revealed = RevealedKey(context=key.context, secret=key.secret.hex(), proof=proof)
    write_new(path, canonical_json(revealed) + b"\n", overwrite=overwrite)


def read_commitment(path: Path) -> Commitment:
    """The public record.

    Raises:
        InputError: it cannot be read, or is none.
    """
    return parse_canonical(read_small(path, MAX_BYTES), Commitment, str(path))


def read_revealed(path: Path) -> tuple[Key, Proof]:
    """A revealed key and its proof, not yet verified.

    Raises:
        InputError: it cannot be read, or is none.
    """
    revealed = parse_canonical(read_small(path, MAX_BYTES), RevealedKey, str(path))
    return Key(revealed.context, bytes.fromhex(revealed.secret)), revealed.proof


def find_proof(path: Path, key_id: str) -> ProofRow:
    """The line of a proofs file for the key with this id.

    Raises:
        InputError: the file cannot be read, has no such line, or that line is damaged.
    """
    for row in find_proofs(path, [key_id]):
        return row
    raise InputError("no key with this id: the ids are in its lines, as `id`", source=str(path))


def find_proofs(path: Path, key_ids: Collection[str]) -> Iterator[ProofRow]:
    """The lines of a proofs file for the keys with these ids, as far as there are any.

    Raises:
        InputError: the file cannot be read, or one of these lines is damaged.
    """
    wanted = set(key_ids)
    try:
        with path.open("rb") as file:
            for line, raw in enumerate(iter(lambda: file.readline(MAX_BYTES), b""), 1):
                if not wanted.isdisjoint(_ID.findall(raw.decode(errors="replace"))):
                    row = parse_canonical(raw, ProofRow, str(path), line)
                    if row.id in wanted:
                        yield row
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
