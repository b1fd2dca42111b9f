"""A small world of cases: two people write, a log holds their entries among others', a witness looks on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gauger.case.bundle import Named, Parts, build
from gauger.case.checkpoint import cosignature, next_checkpoint, signed, with_cosignature
from gauger.case.dsse import Signer
from gauger.case.entries import following
from gauger.case.signed_note import LOG, WITNESS, VerifierKey
from gauger.merkle_log import Log
from gauger.model import Case, Evidence, digest, to_plain

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
NOW = START + timedelta(days=30)
ORIGIN = "example.org/gauger-log"
PLAN = digest(b"the plan")


def key(name: str) -> Ed25519PrivateKey:
    """The key that everybody here knows by that name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


def signer(name: str = "house") -> Signer:
    return Signer(name=name, public=public(name), sign=key(name).sign)


def evidence(k: int = 0, **changed: Any) -> Evidence:
    said = Evidence(
        subject=f"model-{k}",
        null="the suspect was made without our outputs",
        kind="exact",
        method="ghost-twins",
        params={"twins": 40, "share": 0.5},
        log_e=12.25 + k,
        n=40,
        anytime=True,
        inputs=(digest(f"answers {k}".encode()), digest(b"seal")),
        why="21 of 40 notes more than were drawn",
    )
    return replace(said, **changed)


def evidence_body(said: Evidence, plan: str = PLAN, **more: Any) -> dict[str, Any]:
    return {
        "evidence": to_plain(said),
        "document": digest(b"document"),
        "source": "twins.json",
        "schema": "gauger/ghosts/1",
        "command": "gauger lineage ghosts test ghosts --out t",
        "plan": plan,
        "verdict": "copied",
        "candidate": "",
        **more,
    }


@dataclass
class World:
    """A case that grows, and the log that its entries stand in between strangers'."""

    case: Case
    log: Log
    checkpoints: list[str]
    places: list[int]
    time: datetime = START
    log_key: str = "log"
    witnesses: tuple[str, ...] = ()

    def add(self, kind: str, body: dict[str, Any], author: str = "mira", role: str = "analyst") -> str:
        self.time += timedelta(minutes=1)
        self.log.append(hashlib.sha256(b"stranger %d" % self.log.size).digest())
        entry = following(self.case, kind, body, author=author, role=role, time=self.time)
        self.places.append(self.log.append(bytes.fromhex(digest(entry)[7:])))
        self.case = Case(id=self.case.id, entries=(*self.case.entries, entry))
        return digest(entry)

    def checkpoint(self, *witnesses: str, later: timedelta = timedelta(0)) -> None:
        """later: how long the witnesses let it lie."""
        origin = VerifierKey(name=ORIGIN, kind=LOG, public=public(self.log_key))
        point = next_checkpoint(self.log, ORIGIN)
        text = signed(point, origin, key(self.log_key).sign)
        for name in witnesses:
            witness = VerifierKey(name=name, kind=WITNESS, public=public(name))
            line = cosignature(point, witness, key(name).sign, int((self.time + later).timestamp()))
            text = with_cosignature(text, line)
        self.witnesses = tuple(dict.fromkeys((*self.witnesses, *witnesses)))
        self.checkpoints.append(text)

    def parts(self) -> Parts:
        sizes = [int(text.split("\n")[1]) for text in self.checkpoints]
        return Parts(
            case=self.case,
            checkpoints=self.checkpoints,
            consistency=[self.log.consistency(a, b) for a, b in pairwise(sizes)],
            inclusion=[(at, self.log.inclusion(at, sizes[-1])) for at in self.places],
            log=Named(name=ORIGIN, public=public(self.log_key)),
            witnesses=[Named(name=name, public=public(name)) for name in self.witnesses],
        )

    def bundle(self, by: str = "house", **more: Any) -> bytes:
        said = {"stamps": (), "time": self.time + timedelta(hours=1), "gauger": "1.2.3", **more}
        return build(self.parts(), signer=signer(by), **said)


def empty(name: str = "C-1") -> World:
    return World(case=Case(id=name, entries=()), log=Log(), checkpoints=[], places=[])


def world(name: str = "C-1", evidences: int = 2, witness: str = "watch.example.org", start: datetime = START) -> World:
    """A suspect, a plan that a witness saw, evidences after it, a review."""
    made = empty(name)
    made.time = start
    made.add("suspect", {"name": "model-x", "where": "hub.example.org", "what": "model"})
    made.add("plan", {"plan": PLAN, "schema": "gauger/ghost-plan/1", "subject": "model-x", "document": PLAN})
    made.checkpoint(*([witness] if witness else []))
    for k in range(evidences):
        last = made.add("evidence", evidence_body(evidence(k)))
    made.add("review", {"of": last, "verdict": "approve", "why": "the inputs are ours"}, "noor", "reviewer")
    made.add("read", {"object": digest(b"document"), "why": "to see the answers"}, "noor", "reviewer")
    made.checkpoint()
    return made
