"""Every committed key verifies; whatever is altered anywhere, in the records or in their files, does not."""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gauger.edge.commitments import read_commitment, read_revealed, write_commitment, write_revealed
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.watermark.commitment import Commitment, Proof, commit, verify_key
from gauger.watermark.keys import Key, KeyContext, derive

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIELD = st.text(min_size=1, max_size=12).filter(
    lambda s: bool(s.strip()) and not any("\ud800" <= c <= "\udfff" for c in s)
)
CONTEXTS = st.lists(
    st.builds(KeyContext, tenant=FIELD, party=FIELD, epoch=FIELD, model=FIELD, tokenizer=FIELD, scheme=FIELD),
    min_size=1,
    max_size=20,
    unique=True,
)
MASTERS = st.binary(min_size=32, max_size=32)
PADDING = st.lists(MASTERS, max_size=20, unique=True)


@st.composite
def committed(draw: st.DrawFn) -> tuple[Commitment, Key, Proof]:
    """A commitment, and one of its keys with its proof."""
    made, keys, proofs = draw(all_committed())
    at = draw(st.integers(0, len(keys) - 1))
    return made, keys[at], proofs[at]


@st.composite
def all_committed(draw: st.DrawFn) -> tuple[Commitment, list[Key], tuple[Proof, ...]]:
    master, padding = draw(MASTERS), draw(PADDING)
    keys = [derive(master, c) for c in draw(CONTEXTS)]
    made, proofs = commit(keys, created=NOW, padding=padding)
    return made, keys, proofs


def flipped(data: bytes, draw: st.DataObject) -> bytes:
    at = draw.draw(st.integers(0, len(data) - 1))
    return data[:at] + bytes([data[at] ^ draw.draw(st.integers(1, 255))]) + data[at + 1 :]


@given(all_committed())
def test_every_key_verifies(all_of: tuple[Commitment, list[Key], tuple[Proof, ...]]) -> None:
    made, keys, proofs = all_of
    assert len({p.index for p in proofs}) == len(keys)
    for key, proof in zip(keys, proofs, strict=True):
        assert verify_key(made, key, proof) is key


@given(committed(), st.data())
def test_another_secret_fails(one: tuple[Commitment, Key, Proof], data: st.DataObject) -> None:
    made, key, proof = one
    with pytest.raises(VerifyError):
        verify_key(made, Key(key.context, flipped(key.secret, data)), proof)


@given(committed(), st.data())
def test_another_context_fails(one: tuple[Commitment, Key, Proof], data: st.DataObject) -> None:
    made, key, proof = one
    name = data.draw(st.sampled_from([f.name for f in dataclasses.fields(KeyContext)]))
    value = data.draw(FIELD.filter(lambda v: v != getattr(key.context, name)))
    with pytest.raises(VerifyError):
        verify_key(made, Key(dataclasses.replace(key.context, **{name: value}), key.secret), proof)


@given(committed(), st.data())
def test_another_proof_fails(one: tuple[Commitment, Key, Proof], data: st.DataObject) -> None:
    made, key, proof = one
    others = [
        dataclasses.replace(proof, index=data.draw(st.integers(0, 2 * made.size).filter(lambda i: i != proof.index)))
    ]
    others.append(dataclasses.replace(proof, path=(*proof.path, "0" * 64)))
    if proof.path:
        at = data.draw(st.integers(0, len(proof.path) - 1))
        other = flipped(bytes.fromhex(proof.path[at]), data).hex()
        paths = [(*proof.path[:at], other, *proof.path[at + 1 :]), proof.path[:at] + proof.path[at + 1 :]]
        paths += [p for p in [proof.path[::-1]] if p != proof.path]
        others += [dataclasses.replace(proof, path=p) for p in paths]
    for wrong in others:
        with pytest.raises(VerifyError):
            verify_key(made, key, wrong)


@given(committed(), st.data())
def test_another_root_fails(one: tuple[Commitment, Key, Proof], data: st.DataObject) -> None:
    made, key, proof = one
    root = flipped(bytes.fromhex(made.root[7:]), data).hex()
    with pytest.raises(VerifyError):
        verify_key(dataclasses.replace(made, root=f"sha256:{root}"), key, proof)


@given(committed(), st.integers(1, 100))
def test_another_size_fails(one: tuple[Commitment, Key, Proof], size: int) -> None:
    made, key, proof = one
    assume(size != made.size)
    with pytest.raises(VerifyError):
        verify_key(dataclasses.replace(made, size=size), key, proof)


@given(committed(), st.data())
def test_any_altered_byte_of_a_revealed_key_fails(one: tuple[Commitment, Key, Proof], data: st.DataObject) -> None:
    made, key, proof = one
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "revealed.json"
        write_revealed(path, key, proof)
        assert verify_key(made, *read_revealed(path)) == key
        path.write_bytes(flipped(path.read_bytes().rstrip(b"\n"), data))
        with pytest.raises((InputError, VerifyError)):
            verify_key(made, *read_revealed(path))


@given(committed(), st.data())
def test_any_altered_byte_of_the_record_is_another_record(
    one: tuple[Commitment, Key, Proof], data: st.DataObject
) -> None:
    """Its time is not under the root: that it is the one published is what its digest is for."""
    made, key, proof = one
    with tempfile.TemporaryDirectory() as folder:
        write_commitment(Path(folder), made, [key], [proof])
        path = Path(folder) / "commitment.json"
        assert read_commitment(path) == made
        path.write_bytes(flipped(path.read_bytes().rstrip(b"\n"), data))
        try:
            assert read_commitment(path) != made
        except InputError:
            return


@given(st.binary(max_size=300))
def test_reading_never_crashes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_bytes(data)
        for read in (read_commitment, read_revealed):
            with pytest.raises(InputError):
                read(path)


@given(st.lists(st.text(max_size=5), min_size=6, max_size=6))
def test_a_context_is_refused_or_has_its_own_message(values: list[str]) -> None:
    try:
        context = KeyContext(**dict(zip((f.name for f in dataclasses.fields(KeyContext)), values, strict=True)))
    except ConfigError:
        assert any(not v.strip() for v in values)
        return
    message, read = context.message(), []
    while message:
        size = int.from_bytes(message[:4], "big")
        read.append(message[4 : 4 + size].decode())
        message = message[4 + size :]
    assert read == values
