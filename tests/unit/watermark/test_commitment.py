"""A commitment: what it refuses, that its order tells nothing, and that its records have one form."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from gauger import merkle
from gauger.errors import ConfigError, VerifyError
from gauger.model import canonical_json
from gauger.watermark.commitment import ALGORITHM, UNSIZED, Commitment, Proof, commit, verify_key
from gauger.watermark.keys import Key, KeyContext, derive

MASTER = bytes(range(32))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def keys(count: int) -> list[Key]:
    fixed = {"tenant": "lab", "epoch": "e", "model": "m", "tokenizer": "t", "scheme": "s"}
    return [derive(MASTER, KeyContext(party=f"account:{i}", **fixed)) for i in range(count)]


def test_the_tree_of_the_certificate_transparency_project() -> None:
    """The eight entries and the root with which implementations of RFC 6962 test themselves."""
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = merkle.levels([bytes.fromhex(e) for e in entries])
    assert tree[-1][0].hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_commitment_does_not_depend_on_order() -> None:
    made, proofs = commit(keys(9), created=NOW, padding=[b"p" * 32])
    again, reversed_proofs = commit(keys(9)[::-1], created=NOW, padding=[b"p" * 32])
    assert made == again
    assert proofs == reversed_proofs[::-1]
    assert sorted(p.index for p in proofs) != [p.index for p in proofs]


def test_padding_counts_and_stands_among_the_keys() -> None:
    padding = [bytes([i]) * 32 for i in range(0, 256, 16)]
    made, proofs = commit(keys(16), created=NOW, padding=padding)
    assert made.size == 32
    places = sorted(p.index for p in proofs)
    assert places != list(range(16))
    assert places != list(range(16, 32))
    for key, proof in zip(keys(16), proofs, strict=True):
        assert verify_key(made, key, proof) is key


def test_the_record_has_one_form() -> None:
    made, _ = commit(keys(1), created=NOW)
    tree = merkle.levels([bytes.fromhex(keys(1)[0].id[7:])])[-1][0]
    root = hashlib.sha256(b"\x02\0\0\0\0\0\0\0\x01" + tree).hexdigest()
    assert canonical_json(made).decode() == (
        '{"algorithm":"rfc6962-sha256-sized","created":"2026-01-02T03:04:05Z",'
        f'"root":"sha256:{root}","schema":"gauger/key-commitment/1","size":1}}'
    )


def test_the_root_fixes_the_size() -> None:
    """The tree's root alone does not: a proof in a tree of 4 is one in a tree of 3 as well."""
    made, (proof, *_) = commit(keys(4)[:1], created=NOW, padding=[b"\xff" * 32, b"\xfe" * 32, b"\xfd" * 32])
    entries = sorted([bytes.fromhex(keys(1)[0].id[7:]), b"\xff" * 32, b"\xfe" * 32, b"\xfd" * 32])
    root = f"sha256:{merkle.levels(entries)[-1][0].hex()}"
    older = dataclasses.replace(made, algorithm=UNSIZED, root=root)
    for size in (3, 4):
        assert verify_key(dataclasses.replace(older, size=size), keys(1)[0], proof)
    for wrong in ({"size": 3}, {"size": 5}, {"algorithm": UNSIZED}, {"root": root}):
        with pytest.raises(VerifyError):
            verify_key(dataclasses.replace(made, **wrong), keys(1)[0], proof)
    with pytest.raises(VerifyError):
        verify_key(dataclasses.replace(older, algorithm=ALGORITHM), keys(1)[0], proof)


@pytest.mark.parametrize(
    ("count", "padding"),
    [(0, [b"p" * 32]), (2, [b"p" * 31]), (2, [b"p" * 32] * 2), (2, [bytes.fromhex(keys(1)[0].id[7:])])],
)
def test_what_cannot_be_committed(count: int, padding: list[bytes]) -> None:
    with pytest.raises(ConfigError):
        commit(keys(count), created=NOW, padding=padding)


def test_a_key_is_committed_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        commit([*keys(3), keys(3)[1]], created=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "gauger/key-commitment/2"},
        {"algorithm": "sha1"},
        {"root": "sha256:" + "A" * 64},
        {"root": "0" * 64},
        {"root": "sha256:" + "0" * 63},
        {"size": 0},
        {"size": 2**32 + 1},
        {"created": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_a_record_out_of_form_is_refused(change: dict[str, Any]) -> None:
    made, _ = commit(keys(3), created=NOW)
    with pytest.raises(ConfigError):
        dataclasses.replace(made, **change)


@pytest.mark.parametrize("bad", [{"index": -1}, {"index": 2**32}, {"path": ("A" * 64,)}, {"path": ("0" * 64,) * 33}])
def test_a_proof_out_of_form_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Proof(**{"index": 0, "path": (), **bad})


def test_a_key_of_another_master_or_commitment_fails() -> None:
    made, proofs = commit(keys(5), created=NOW)
    stranger = derive(bytes(32), keys(5)[2].context)
    with pytest.raises(VerifyError, match=r"is not in the commitment"):
        verify_key(made, stranger, proofs[2])
    other, _ = commit(keys(4), created=NOW)
    with pytest.raises(VerifyError):
        verify_key(other, keys(5)[2], proofs[2])


def test_an_inner_node_is_no_entry() -> None:
    """Without the RFC's 0x00 and 0x01 the two children of a node would pass for one entry a level higher."""
    entries = [bytes([i]) * 32 for i in range(4)]
    tree = merkle.levels(entries)
    inner = tree[0][0] + tree[0][1]
    assert merkle.root_from(inner, 0, 2, [tree[1][1]]) != tree[-1][0]
    assert merkle.root_from(entries[0], 0, 4, merkle.path(tree, 0)) == tree[-1][0]


def test_verification_does_not_tell_the_secret() -> None:
    made, proofs = commit(keys(5), created=NOW)
    with pytest.raises(VerifyError) as caught:
        verify_key(made, keys(5)[0], proofs[1])
    assert keys(5)[0].secret.hex() not in str(caught.value)
    assert isinstance(made, Commitment)
