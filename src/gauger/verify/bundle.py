"""The whole: form, seal, chain, evidence, custody, log, times. What then stands is proven; the rest is asserted."""

import hashlib
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from gauger.errors import UnsupportedError, VerifyError
from gauger.merkle import root_from, verify_consistency
from gauger.verify.form import MAX_VALUES, canonical, fields, moment, parsed, same, unbase64, values
from gauger.verify.signatures import Checkpoint, Key, Trusted, checkpoint, keys_of, stamped, statement

SCHEMA = "gauger/bundle/1"
SHAPE = {**dict.fromkeys(("entries", "evidence", "keys", "timestamps"), list), "custody": dict, "log": dict,
         "schema": str, "seal": dict}  # fmt: skip
ENTRY = {**dict.fromkeys(("author", "case", "kind", "prev", "role", "time"), str), "body": dict, "seq": int}
EVIDENCE = {**dict.fromkeys(("kind", "method", "null", "subject", "why"), str), "anytime": bool, "inputs": list,
            "n": int, "params": dict}  # fmt: skip
EVENT = {**dict.fromkeys(("capacity", "object", "process", "role", "time", "who"), str), "entry": int}
MOST = 1e9  # nats
SKEW = timedelta(minutes=5)  # that two honest clocks may differ
RULE = "if the null is true, an e-value of 1 / alpha or more has a chance of at most alpha (Markov)"
Plan = tuple[bool, str]  # whether an evidence's plan is proven to have come first, and how
Seen = tuple[datetime, int, str, bool]  # when a checkpoint (-1: custody) was there; whose word that is; if trusted


@dataclass(frozen=True, slots=True)
class Report:
    """What a bundle shows to whoever trusts these keys and roots. numbers: each evidence, and what dates its plan."""

    case: str
    entries: tuple[str, ...]
    sealed: datetime
    signer: str
    trusted: bool
    proven: tuple[str, ...]
    asserted: tuple[str, ...]
    numbers: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Log:
    """at: the place of each entry. asked: where time stamps come from, as the bundle says.

    first: the earliest trusted word on each checkpoint. since: on it or any later one, which hold all that it holds.
    """

    points: list[Checkpoint]
    at: list[int]
    seen: list[Seen]
    first: dict[int, Seen]
    since: list[Seen]
    asked: list[str]


def verify(
    data: bytes, trusted: Sequence[Trusted] = (), at: datetime | None = None, roots: Sequence[bytes] = ()
) -> Report:
    """Check a bundle.

    Args:
        trusted: keys of which the reader knows whose they are. If there are any, one must have signed the bundle.
        at: the time by the reader's clock; without it nothing is too new.
        roots: certificates in PEM. If there are any, each time stamp must be by an authority under one of them.
    """
    try:
        return _verified(parsed(data, "bundle"), trusted, at, roots)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise VerifyError(f"bundle: it holds what no bundle does ({type(error).__name__})") from None


def _verified(bundle: Any, trusted: Sequence[Trusted], at: datetime | None, roots: Sequence[bytes]) -> Report:
    found = re.fullmatch("gauger/bundle/[1-9][0-9]{0,8}", str(bundle.get("schema"))) if type(bundle) is dict else None
    if found is None:
        raise VerifyError("bundle: this is none: it does not begin as one does")
    if found[0] != SCHEMA:
        raise UnsupportedError(f"bundle: it is a {found[0]}, and {SCHEMA} is read here: take a Gauger that reads it")
    fields(bundle, SHAPE, "bundle")
    keys = keys_of(bundle["keys"], trusted)
    if trusted and keys[0].trusted is None:
        raise VerifyError(f"bundle: unknown signer: it is signed by the key {keys[0].id}, which you do not trust")
    envelopes = [e for e in (*bundle["entries"], *bundle["evidence"], bundle["custody"]) if type(e) is dict]
    if sum(values(unbase64(e.get("payload"), "payload")) for e in envelopes) > MAX_VALUES:
        raise VerifyError(f"bundle: its statements hold over {MAX_VALUES:,} values: they are not read")
    entries, names, times = _chain(bundle["entries"], keys[0])
    sealed = _sealed(bundle, keys[0], entries, names)
    rows = [(e, e["body"]) for e in entries if e["kind"] == "evidence"]
    same(len(bundle["evidence"]), len(rows), "evidence: the number of statements")
    for envelope, (entry, body) in zip(bundle["evidence"], rows, strict=True):
        _evidence(envelope, keys[0], entry["seq"], body)
    _custody(bundle["custody"], keys[0], entries, names)
    log = _logged(bundle, keys, names, roots)
    _agree(log, times, sealed, at)
    for key, signed in ((keys[0], [-1]), (keys[1], range(len(log.points)))):
        for k in signed:
            known = log.first[k][0] if k in log.first else at or sealed
            if key.trusted is not None:
                key.trusted.check(f"bundle: the {key.use}'s key", sealed if k < 0 else min(sealed, known), known)
    first = {str(e["body"].get("plan")): e["seq"] for e in reversed(entries) if e["kind"] == "plan"}
    tried = {str(b["evidence"]["inputs"]): e["seq"] for e, b in reversed(rows)}  # entered again, they are no newer
    tests = [(tried[str(b["evidence"]["inputs"])], str(b.get("plan", ""))) for _, b in rows]
    plans = [_plan(seq, times[seq], plan, first, log, keys) for seq, plan in tests]
    later = {str(e["body"].get("corrects"))[7:]: e["seq"] for e in entries}
    more = [{"command": str(b.get("command", "")), "corrected_by": later.get(names[e["seq"]])} for e, b in rows]
    numbers = [
        {"entry": e["seq"], **body["evidence"], **_rates(body), "plan": plan, **said}
        for (e, body), (_, plan), said in zip(rows, plans, more, strict=True)
    ]
    alone = list(_let_out(entries, names))
    said = tuple(_proven(entries, keys, log, plans)), tuple(_asserted(entries, keys, log, plans, alone))
    return Report(entries[0]["case"], tuple(names), sealed, keys[0].id, bool(keys[0].trusted), *said, tuple(numbers))


def _chain(envelopes: Sequence[Any], key: Key) -> tuple[list[dict[str, Any]], list[str], list[datetime]]:
    """The entries, their digests and times: each names the one before."""
    entries, names, times = list[dict[str, Any]](), list[str](), list[datetime]()
    for seq, envelope in enumerate(envelopes):
        where = f"entry {seq}"
        subject, entry = statement(envelope, key, "entry", where)
        entries.append(fields(entry, ENTRY, where))
        names.append(hashlib.sha256(canonical(entry)).hexdigest())
        same(subject, [{"digest": {"sha256": names[-1]}, "name": f"entry/{seq}"}], f"{where}: its subject")
        before = f"sha256:{names[-2]}" if seq else ""
        same([entry["seq"], entry["case"], entry["prev"]], [seq, entries[0]["case"], before], f"{where}: its place")
        times.append(moment(entry["time"], where))
        if seq and times[-1] < times[-2]:
            raise VerifyError(f"{where}: is older than the entry before: a clock was behind, or they were swapped")
    if not entries or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", entries[0]["case"]):
        raise VerifyError("bundle: it has no entries, or its case a name that no case can have")
    return entries, names, times


def _sealed(bundle: dict[str, Any], key: Key, entries: Sequence[dict[str, Any]], names: Sequence[str]) -> datetime:
    """The seal is over every byte of the rest. When it was made, as it says."""
    subject, said = statement(bundle["seal"], key, "bundle", "seal")
    rest = hashlib.sha256(canonical({k: v for k, v in bundle.items() if k != "seal"})).hexdigest()
    same(subject, [{"digest": {"sha256": rest}, "name": "bundle"}], "seal: what it is of")
    fields(said, {"case": str, "entries": int, "gauger": str, "head": str, "time": str}, "seal")
    head = {"case": entries[0]["case"], "entries": len(entries), "head": f"sha256:{names[-1]}"}
    same(said | head, said, "seal: the case")
    return moment(said["time"], "seal")


def _evidence(envelope: Any, key: Key, seq: int, body: dict[str, Any]) -> None:
    """The statement says of the entry what the entry says, and what follows from its number."""
    where, said = f"entry {seq}: evidence", body.get("evidence")
    if type(said) is not dict or (type(said.get("log_e")) not in (int, float) and said.get("log_e") != "-inf"):
        raise VerifyError(f"{where}: has no number")
    fields({k: v for k, v in said.items() if k != "log_e"}, EVIDENCE, where)
    far = said["log_e"] != "-inf" and abs(said["log_e"]) > MOST
    if said["kind"] not in ("exact", "calibrated", "model") or said["n"] < 0 or not (said["null"] and said["inputs"]):
        raise VerifyError(f"{where}: is none: it lacks a null, inputs, a count, or a kind that there is")
    if far or not all(type(name) is str for name in said["inputs"]):
        raise VerifyError(f"{where}: is none: its number is beyond all measure, or its inputs are no digests")
    subject, predicate = statement(envelope, key, "evidence", where)
    inputs = [{"digest": {"sha256": str(i)[7:]}, "name": f"input/{k}"} for k, i in enumerate(said["inputs"])]
    limits = {"alpha": body.get("alpha"), "fdr": body.get("fdr"), "floor": said["params"].get("floor"), "rule": RULE}
    expected = {
        **{name: body.get(name, "") for name in ("command", "document", "plan")},
        "calibration": body.get("calibration", []),
        "entry": seq,
        "error_rates": {**_rates(body), **limits, "anytime": said["anytime"]},
        "evidence": said,
        "method": {"gauger": body.get("gauger", ""), "id": said["method"], "schema": body.get("schema", "")},
    }
    same([subject, predicate], [inputs, expected], where)


def _rates(body: dict[str, Any]) -> dict[str, Any]:
    """An e-value's decimal logarithm, and the chance of as much if the null is true, at most."""
    log10_e = float(body["evidence"]["log_e"]) / math.log(10)
    finite = math.isfinite(log10_e)
    return {"log10_e": log10_e if finite else "-inf", "log10_false_alarm": min(0, -log10_e) if finite else 0}


def _custody(envelope: Any, key: Key, entries: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Who had what in hand: each line says who and when as its entry does."""
    subject, said = statement(envelope, key, "custody", "custody")
    same(subject, [{"digest": {"sha256": names[-1]}, "name": f"entry/{len(names) - 1}"}], "custody: its subject")
    fields(said, {"case": str, "events": list, "standard": str}, "custody")
    same(said["case"], entries[0]["case"], "custody: its case")
    for k, event in enumerate(said["events"]):
        seq = fields(event, EVENT, f"custody: event {k}")["entry"]
        entry = entries[seq] if 0 <= seq < len(entries) else {}
        told = [entry.get(name) for name in ("author", "role", "time")]
        same([event["who"], event["role"], event["time"]], told, f"custody: event {k}")


def _logged(bundle: dict[str, Any], keys: Sequence[Key], names: Sequence[str], roots: Sequence[bytes]) -> Log:
    """The log only grew, and holds each entry, in the case's order."""
    found = fields(bundle["log"], {"checkpoints": list, "consistency": list, "inclusion": list}, "log")
    signers = {key.mark: key for key in keys[1:]}
    points = [checkpoint(c, keys[1].name, signers, f"checkpoint {k}") for k, c in enumerate(found["checkpoints"])]
    if not points or len(found["consistency"]) != len(points) - 1 or len(found["inclusion"]) != len(names):
        raise VerifyError("log: there are checkpoints, a proof from each to the next, and a proof for each entry")
    for k, (old, new, proof) in enumerate(zip(points, points[1:], found["consistency"], strict=False)):
        verify_consistency(old.size, old.root, new.size, new.root, _hashes(proof, f"consistency {k}"))
    at = list[int]()
    for seq, (row, name) in enumerate(zip(found["inclusion"], names, strict=True)):
        index = fields(row, {"index": int, "path": list}, f"inclusion {seq}")["index"]
        root = root_from(bytes.fromhex(name), index, points[-1].size, _hashes(row["path"], f"inclusion {seq}"))
        if root != points[-1].root or index <= (at[-1] if at else -1):
            raise VerifyError(f"entry {seq}: is not at the place {index} of the log, or before the entry it follows")
        at.append(index)
    cosigned = [(k, *said) for k, point in enumerate(points) for said in point.cosigned]
    if {key for _, key, _ in cosigned} != set(keys[2:]):
        raise VerifyError("keys: there is a witness's key that nothing uses")
    seen = [
        (time, k, f"witness {key.called}{', whom you trust' * bool(key.trusted)}", bool(key.trusted))
        for k, key, time in cosigned
    ]
    digests = [hashlib.sha256(data).digest() for data in (*(p.body for p in points), canonical(bundle["custody"]))]
    for k, row in enumerate(bundle["timestamps"]):
        of = fields(row, {"authority": str, "checkpoint": int, "response": str}, f"time stamp {k}")["checkpoint"]
        if not -1 <= of < len(points):
            raise VerifyError(f"time stamp {k}: is of nothing here")
        time = stamped(row["response"], digests[of], roots, f"time stamp {k}")
        seen.append((time, of, f"time-stamping authority{' under your roots' * bool(roots)}", bool(roots)))
    first = {row[1]: row for row in sorted(seen, reverse=True) if row[3]}
    last = (first.get(k, (datetime.max.replace(tzinfo=UTC), k, "", False)) for k in reversed(range(len(points))))
    asked = [row["authority"] for row in bundle["timestamps"]]
    return Log(points, at, seen, first, [*accumulate(last, min)][::-1], asked)


def _hashes(value: Any, where: str) -> list[bytes]:
    if type(value) is not list or not all(type(h) is str and re.fullmatch("[0-9a-f]{64}", h) for h in value):
        raise VerifyError(f"{where}: is no proof")
    return [bytes.fromhex(h) for h in value]


def _agree(log: Log, times: Sequence[datetime], sealed: datetime, at: datetime | None) -> None:
    """No time contradicts another, or the reader's clock."""
    if sealed < times[-1]:
        raise VerifyError("seal: is older than the last entry")
    for what, time in [("seal", sealed), *((who, time) for time, _, who, _ in log.seen)]:
        if at is not None and time - at > SKEW:
            raise VerifyError(f"{what}: is of {time}, and it is {at}: one clock is wrong")
    for seen, k, who, sure in log.seen:  # places and times both rise: the last entry that was seen is the newest
        seq = (bisect_left(log.at, log.points[k].size) if k >= 0 else len(times)) - 1
        if sure and seq >= 0 and times[seq] - seen > SKEW:
            raise VerifyError(f"entry {seq}: is of {times[seq]}, as it says, but the {who} saw it at {seen}")


def _plan(seq: int, time: datetime, digest: str, first: dict[str, int], log: Log, keys: Sequence[Key]) -> Plan:
    """Whether it is proven since when the plan of the evidence that was entered then was there, and how."""
    if (plan := first.get(digest)) is None:
        return False, "its plan is not in this case" if digest else "it names no plan"
    if plan > seq:
        return False, f"LATE: its plan is entry {plan}, after its inputs were measured (entry {seq})"
    begin, end = (bisect_right(log.points, log.at[entry], key=lambda point: point.size) for entry in (plan, seq))
    seen, k, who, sure = log.since[begin]
    if sure and k < end and seen < time:
        return True, f"its plan (entry {plan}) was in the log by {seen} ({who}); it says that it came after"
    if sure and k < end:  # that checkpoint does not hold it, and may have been shown to nobody until then
        return False, f"its plan (entry {plan}) was in the log by {seen} ({who}): it is of {time}, no later"
    if begin < end and keys[1].trusted is not None and keys[1].public != keys[0].public:
        return True, f"its plan (entry {plan}) was in a checkpoint of the log that you trust, and it was not"
    return False, f"its plan (entry {plan}) is before it in the chain; nobody you trust says that it was first"


def _let_out(entries: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[int]:
    """Entries by which something left the house that two people, one of whom had not written it, had not approved.

    An approval is the last word of a reviewer or counsel on the latest draft, and nobody's is another. What was on its
    way with their approval may arrive, whatever they say then.
    """
    drafts, begun = dict[tuple[str, str], dict[str, str]](), dict[str, tuple[str, str]]()
    wrote, words = dict[tuple[str, str], set[str]](), dict[str, dict[str, str]]()
    corrected, out = set[str](), set[tuple[str, str]]()

    def approved(kind: str, key: str, document: str) -> bool:
        draft = drafts.get((kind, key), {})
        votes = words.get(draft.get("digest", ""), {})
        agreed = set(votes.values()) == {"approve"} and len(votes) > 1 and draft["document"] == document
        return agreed and bool(set(votes) - wrote[kind, document]) and draft["digest"] not in corrected

    for e, name in zip(entries, names, strict=True):
        said = {k: v for k, v in e["body"].items() if type(v) is str}
        kind, digest, state = e["kind"].strip().casefold(), f"sha256:{name}", said.get("state", "")
        who = " ".join(e["author"].casefold().split())
        key, document, to = (said.get(field, "") for field in (kind, "document", "to"))
        if kind == "review" and who and e["role"] in ("reviewer", "counsel"):
            words.setdefault(said.get("of", ""), {})[who] = said.get("verdict", "")
        elif kind == "note" and "sending" in said and approved("notice", said.get("notice", ""), said["sending"]):
            begun[digest] = said.get("notice", ""), said["sending"]
        elif kind in ("notice", "disclosure") and state in ("drafted", "proposed"):
            drafts[kind, key] = {"digest": digest, "document": document, "to": to}
            wrote.setdefault((kind, document), set()).add(who)
            out.discard((kind, key))
        elif kind in ("notice", "disclosure") and (state in ("sent", "made") or (kind, key) not in out):
            ready = approved(kind, key, document) or (kind == "notice" and (key, document) in begun.values())
            inside = state in ("withdrawn", "appealed", "counter-notice")
            if not inside and (not ready or (kind, key) in out or drafts[kind, key]["to"] != to):
                yield e["seq"]
            out |= set() if inside else {(kind, key)}
        begun.pop(said.get("not_sent", ""), None)
        corrected.add(said.get("corrects", ""))


def _proven(entries: Sequence[Any], keys: Sequence[Key], log: Log, plans: Sequence[Plan]) -> Iterator[str]:
    """What follows from the bytes, the keys and the roots, and from nobody's word."""
    yield f"sealed by the key {keys[0].id}{', which you trust' * bool(keys[0].trusted)}: no byte was altered since"
    yield f"each entry ({len(entries)}) has the digest of the one before: none was altered, taken out or put between"
    yield f"each is in the log {keys[1].called} (entries: {log.points[-1].size}), signed by the key {keys[1].id}"
    yield f"that log only grew, from its first checkpoint here (entries: {log.points[0].size}) on, of {len(log.points)}"
    yield from _dated(log, sure=True)
    for plan, number in Counter(plan for sure, plan in plans if sure).items():
        yield f"evidences ({number}): {plan}"
    if plans:
        yield f"each evidence statement ({len(plans)}) says what its entry says, and its error rates follow from that"


def _dated(log: Log, *, sure: bool) -> Iterator[str]:
    """What was there at which time, by whose word: by those of trust, or by the others'."""
    for time, k, who, _ in (row for row in log.seen if row[3] == sure):
        size, all_of = log.points[k].size, len(log.at)
        entries = f"the first {bisect_left(log.at, size)} of the case's {all_of} entries (the log's first {size}) were"
        yield f"{entries if k >= 0 else 'the chain of custody was'} there at {time}: {who}"


def _asserted(
    entries: Sequence[Any], keys: Sequence[Key], log: Log, plans: Sequence[Plan], alone: Sequence[int]
) -> Iterator[str]:
    """What somebody says, and who."""
    for key in (key for key in keys if not (key.trusted and key.trusted.name)):
        why = "your own file of it does not say so" if key.trusted else "you did not say that you trust it"
        yield f"that the {key.use}'s key {key.id} is that of {key.name!r}: {why}"
    for said in _dated(log, sure=False):
        yield f"that {said}, unchecked"
    for url, number in Counter(log.asked).items():
        yield f"that time stamps ({number}) were asked for at {url[:200]!r}: the seal's signer says so"
    yield f"who the authors ({len({e['author'] for e in entries})}) are, and their roles: the seal's signer says so"
    for seq in alone:
        yield f"that it was right to let out what entry {seq} is about: no two people approved it before, in this case"
    yield "when each entry was written, but for what is dated above; and that no entry followed the last"
    yield "the chain of custody's objects, processes and capacities (ISO/IEC 27037), and that it leaves out no entry"
    if plans:
        yield "where the inputs came from: only their digests are here"
        yield "the numbers of evidences: `gauger case replay` computes them again from the inputs"
        yield "that no suspect was asked, and no test tried, before its plan was logged"
    for plan, number in Counter(plan for sure, plan in plans if not sure).items():
        yield f"that the plan came first, of evidences ({number}): {plan}"
