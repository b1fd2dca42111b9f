"""The store's log, its checkpoints, and what goes to and comes from witnesses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gauger.case.checkpoint import Checkpoint, next_checkpoint, parse_checkpoint, signed, verify_note, with_cosignature
from gauger.case.signed_note import VerifierKey, parse_note
from gauger.case.witness import cosign
from gauger.edge.canonical import canonical_line, parse_canonical
from gauger.edge.case.signing import SigningKey
from gauger.edge.case.store import Store
from gauger.edge.small_files import PUBLIC, locked, read_small, write_new
from gauger.errors import ConfigError, VerifyError
from gauger.merkle import leaf_hash
from gauger.merkle_log import Log

MAX_BYTES = 1 << 21

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a witness is asked: to cosign a note, with the proof that it goes on from ``seen`` entries."""

    schema: Literal["gauger/witness-request/1"] = "gauger/witness-request/1"
    note: str
    seen: int
    proof: tuple[Hash, ...]


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a witness remembers of a log."""

    schema: Literal["gauger/witness-state/1"] = "gauger/witness-state/1"
    checkpoint: str


def log_of(store: Store) -> Log:
    """The log over all entries of the store."""
    return Log(map(leaf_hash, store.leaves()))


def sign_checkpoint(store: Store, key: SigningKey) -> tuple[int, str]:
    """Sign the log as it is, and keep that: its number and text. The last one again if nothing was added since.

    Raises:
        VerifyError: the log does not go on from the last checkpoint. ConfigError: the key of a witness.
    """
    kept, log = store.checkpoints(), log_of(store)
    # The last of the largest size: a cosignature that came late stands behind it, on an older one.
    number = max(range(len(kept)), key=lambda k: (_point(kept[k]).size, k), default=0)
    last = _point(kept[number]) if kept else None
    point = next_checkpoint(log, key.public.name, last)
    if point == last and key.public.id in {s.id for s in parse_note(kept[number]).signatures}:
        return number, kept[number]
    text = signed(point, key.public, key.sign)
    return store.keep_checkpoint(text, size=point.size), text


def _point(note: str) -> Checkpoint:
    return parse_checkpoint(parse_note(note).text)


def write_request(store: Store, text: str, seen: int, path: Path) -> None:
    """What to send to a witness that has seen the log's first ``seen`` entries."""
    point = _point(text)
    if not 0 <= seen <= point.size:
        raise ConfigError(f"the checkpoint is of {point.size:,} entries: no witness can have seen {seen:,} of them")
    proof = tuple(h.hex() for h in log_of(store).consistency(seen, point.size))
    write_new(path, canonical_line(Request(note=text, seen=seen, proof=proof)), mode=PUBLIC, overwrite=True)


def add_cosignature(store: Store, line: str, log: VerifierKey, witness: VerifierKey) -> str:
    """The checkpoint that a witness's line is of, with the line; kept as a further one.

    Others may have been signed since the witness was asked.

    Raises:
        VerifyError: the line is not by this witness, or of no checkpoint here. ConfigError: there is no checkpoint.
    """
    kept = store.checkpoints()
    if not kept:
        raise ConfigError("there is no checkpoint to cosign: `gauger case checkpoint` signs one")
    for note in reversed(kept):
        text = with_cosignature(note, line)
        with suppress(VerifyError):
            store.keep_checkpoint(text, size=verify_note(text, log, [witness], quorum=1).checkpoint.size)
            return text
    raise VerifyError(f"the line is not {witness.name}'s, or of none of the {len(kept):,} checkpoints that are kept")


def witness_step(request: Path, state: Path, log: VerifierKey, key: SigningKey, time_s: int) -> str:
    """A witness's answer to a request: its line. What it remembers is written before the line is given.

    Raises:
        VerifyError: a rollback, another past, or not the log's signature. InputError: a file that is none.
    """
    asked = parse_canonical(read_small(request, MAX_BYTES), Request, str(request))
    with locked(state.with_name(f"{state.name}.lock")):
        last = _remembered(state)
        if last is not None and asked.seen != last.size:
            raise ConfigError(f"the request goes on from {asked.seen:,} entries, and {last.size:,} were seen: ask so")
        proof = [bytes.fromhex(h) for h in asked.proof]
        new, line = cosign(last, asked.note, proof, log=log, key=key.public, sign=key.sign, time_s=time_s)
        write_new(state, canonical_line(State(checkpoint=str(new))), overwrite=True)
    return line


def _remembered(state: Path) -> Checkpoint | None:
    if not state.exists():
        return None
    return parse_checkpoint(parse_canonical(read_small(state, MAX_BYTES), State, str(state)).checkpoint)
