"""A case out of the store as a bundle: which checkpoints show most, what is stamped, and the verifier's own word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import gauger
from gauger.app.case_logging import log_of, sign_checkpoint
from gauger.case.bundle import CUSTODY, Named, Parts, Stamp, build, note_body, to_stamp
from gauger.case.checkpoint import Checkpoint, next_checkpoint, parse_checkpoint, signed
from gauger.case.dsse import Signer
from gauger.case.signed_note import LOG, WITNESS, Note, Signature, VerifierKey, parse_note
from gauger.edge.case import store as stores
from gauger.edge.case.signing import SigningKey, new_key
from gauger.edge.case.timestamps import ask
from gauger.edge.small_files import write_new
from gauger.errors import ConfigError, VerifyError
from gauger.model import Case, digest

NOBODY = "unnamed.invalid/one-bundle"
"""The name of a key that is made for one bundle and forgotten."""

Ask = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A checkpoint as a bundle would hold it: of the log's and the witnesses' signatures, those that are known."""

    checkpoint: Checkpoint
    signatures: Mapping[tuple[str, bytes], Signature]
    stamps: tuple[stores.Stamp, ...]

    @property
    def dated(self) -> set[tuple[str, bytes]]:
        """Who else says when it was there: each witness, and all authorities as one, without a name."""
        return {*[*self.signatures][1:], *(("", b"") for _ in self.stamps)}

    @property
    def text(self) -> str:
        return str(Note(text=str(self.checkpoint), signatures=tuple(self.signatures.values())))


def export(
    store: stores.Store,
    case: str,
    key: SigningKey | None,
    *,
    time: Callable[[], datetime],
    witnesses: Sequence[VerifierKey] = (),
    authorities: Sequence[str] = (),
    stamp: Ask = ask,
    say: Callable[[str], None] = lambda _: None,
) -> bytes:
    """The bundle of a case.

    Args:
        key: signs the case and the log; without one, a key signs that is made here and forgotten.
        time: the clock, read when the bundle is sealed.
        witnesses: whose cosignatures are taken along.
        authorities: addresses that time-stamp the newest checkpoint and the chain of custody.
        say: is told of witnesses of whom the bundle has nothing.

    Raises:
        ConfigError: no such case, an empty one, or keys that make no sense. ExchangeError: an authority does not stamp.
        VerifyError: the store was altered, or what was made does not verify.
    """
    found = store.case(case)
    if not found.entries:
        raise ConfigError(f"the case {case} has no entries: there is nothing to show")
    witnesses = tuple(dict.fromkeys(witnesses))
    _sensible(key, witnesses)
    key, points = (key, _kept(store, key, witnesses, authorities, stamp)) if key else _passing(store)
    log = log_of(store)
    at = {leaf: k for k, leaf in enumerate(store.leaves())}
    places = [at[bytes.fromhex(digest(e).removeprefix("sha256:"))] for e in found.entries]
    points = chosen(found, places, points)
    sizes = [point.checkpoint.size for point in points]
    seen = {name for point in points for name in point.signatures}
    parts = Parts(
        case=found,
        checkpoints=[point.text for point in points],
        consistency=[log.consistency(old, new) for old, new in pairwise(sizes)],
        inclusion=[(place, log.inclusion(place, sizes[-1])) for place in places],
        log=Named(name=key.public.name, public=key.public.public),
        witnesses=[Named(name=w.name, public=w.public) for w in witnesses if (w.name, w.id) in seen],
    )
    for w in (w for w in witnesses if (w.name, w.id) not in seen):
        say(f"no cosignature of {w.name} is in the bundle: none is on a checkpoint by this key with an entry of {case}")
    signer = Signer(name=key.public.name, public=key.public.public, sign=key.sign)
    stamps = [
        Stamp(checkpoint=k, authority=s.authority, response=s.token) for k, p in enumerate(points) for s in p.stamps
    ]
    custody = to_stamp(parts, CUSTODY, signer)
    stamps += [Stamp(checkpoint=CUSTODY, authority=url, response=stamp(url, custody)) for url in authorities]
    return _checked(build(parts, stamps, signer, time(), gauger.__version__), signer.public, parts.witnesses)


def stamp_checkpoint(store: stores.Store, number: int, text: str, authority: str, stamp: Ask = ask) -> None:
    """Have an authority stamp a checkpoint, and keep that: so a bundle shows since when its entries were there."""
    token = stamp(authority, note_body(text))
    store.keep_stamp(stores.Stamp(checkpoint=number, authority=authority, token=token))


def chosen(case: Case, places: Sequence[int], points: Sequence[Point]) -> list[Point]:
    """The last checkpoint; what shows of each plan that it came first; and what dates the case.

    For each plan: the first between it and its first evidence, and its last, one that somebody dates if any.
    For each witness, and for authorities: the first that dates the whole case, else the last that dates some of it.

    Args:
        places: of the case's entries in the log.
        points: of rising size; the last holds all entries.
    """
    wanted, tested = {points[-1].checkpoint.size: points[-1]}, defaultdict[str, list[int]](list)
    for entry, place in zip(case.entries, places, strict=True):
        if entry.kind == "evidence":
            tested[str(entry.body.get("plan", ""))].append(place)
    for entry, place in zip(case.entries, places, strict=True):
        if entry.kind != "plan":
            continue
        ends = [at for at in tested.get(entry.body["plan"], ()) if at > place] or [places[-1] + 1]
        for end in (ends[0], ends[-1]):
            between = [p for p in points if place < p.checkpoint.size <= end]
            if best := next((p for p in between if p.dated), between[0] if between else None):
                wanted[best.checkpoint.size] = best
    for who in {who for p in points for who in p.dated}:
        some = [p for p in points if who in p.dated and p.checkpoint.size > places[0]]
        if best := next((p for p in some if p.checkpoint.size > places[-1]), some[-1] if some else None):
            wanted[best.checkpoint.size] = best
    return [wanted[size] for size in sorted(wanted)]


def write_bundle(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write a bundle, whole or not at all; it names customers, so that only its owner can read it."""
    write_new(path, data, overwrite=overwrite)


def _sensible(key: SigningKey | None, witnesses: Sequence[VerifierKey]) -> None:
    if key is not None and key.public.kind != LOG:
        raise ConfigError("a witness's key cosigns checkpoints: a bundle is signed with the log's")
    if key is None and witnesses:
        raise ConfigError("--witness goes with --key-file: what a witness cosigned is what the log's key had signed")
    if any(w.kind != WITNESS for w in witnesses):
        raise ConfigError("--witness takes public keys of witnesses, which `gauger case keygen --witness` makes")


def _kept(
    store: stores.Store, key: SigningKey, witnesses: Sequence[VerifierKey], authorities: Sequence[str], stamp: Ask
) -> list[Point]:
    """The store's checkpoints by this key, of rising size, after signing the newest."""
    number, text = sign_checkpoint(store, key)
    stamped = {s.authority for s in store.stamps() if s.checkpoint == number}
    for url in (url for url in authorities if url not in stamped):
        stamp_checkpoint(store, number, text, url, stamp)
    known = {(k.name, k.id) for k in (key.public, *witnesses)}
    stamps, points = store.stamps(), dict[int, Point]()
    for k, note in enumerate(map(parse_note, store.checkpoints())):
        kept = {(s.name, s.id): s for s in note.signatures if (s.name, s.id) in known}
        if (key.public.name, key.public.id) not in kept:
            continue  # the log had another key then
        point = parse_checkpoint(note.text)
        before = points.get(point.size, Point(checkpoint=point, signatures={}, stamps=()))
        mine = tuple(s for s in stamps if s.checkpoint == k)
        points[point.size] = replace(before, signatures={**before.signatures, **kept}, stamps=(*before.stamps, *mine))
    return [_log_first(points[size], key.public) for size in sorted(points) if size]


def _log_first(point: Point, log: VerifierKey) -> Point:
    rows = sorted(point.signatures.items(), key=lambda row: row[0] != (log.name, log.id))
    return replace(point, signatures=dict(rows))


def _passing(store: stores.Store) -> tuple[SigningKey, list[Point]]:
    """A key for one bundle, and its checkpoint, which is not kept: it is no key of the log's."""
    key = new_key(NOBODY)
    point = next_checkpoint(log_of(store), NOBODY)
    note = parse_note(signed(point, key.public, key.sign))
    return key, [Point(checkpoint=point, signatures={(s.name, s.id): s for s in note.signatures}, stamps=())]


def _checked(data: bytes, public: bytes, witnesses: Sequence[Named]) -> bytes:
    """The bundle, if the check lets it pass: of a reader who knows the house's key, and of one who knows every key."""
    from gauger.verify import Trusted, verify  # noqa: PLC0415

    mine, theirs = [Trusted(public=public)], [Trusted(public=w.public, witness=True) for w in witnesses]
    for known in (mine, mine + theirs) if theirs else (mine,):
        try:
            verify(data, known)
        except VerifyError as error:
            known_too = f" to who knows {', '.join(w.name for w in witnesses)}" if known is not mine else ""
            told = f"the bundle that was made does not verify{known_too}, and is not written: {error}"
            raise VerifyError(told) from None
    return data
