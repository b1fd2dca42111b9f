"""Evidences on one suspect, read from what the verbs print as JSON, and gathered into one document."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import msgspec

from gauger.app.judging import found_among
from gauger.app.text import visible
from gauger.edge.small_files import read_small
from gauger.errors import ConfigError, InputError
from gauger.lineage import canary_trial, ghost_trial, verdicts
from gauger.lineage.fusion import NEVER, OPEN_SET, Chance, Finding, Together, check_once, crossed, subject_of, together
from gauger.lineage.weights import verdicts as weight_verdicts
from gauger.model import Evidence, canonical_json, digest, to_plain
from gauger.stats.merging import Merged, mean

MAX_BYTES = 1 << 28
ARROW = " -> "
LIMITS = (
    "The numbers are those of the documents. That none was altered shows only if its command is run again.",
    "All tests of this suspect that were made belong here, and not the best of them.",
    "No number here is a probability of guilt, and none says who trained the suspect.",
)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is said of one suspect. rejected: the merged evidence reaches 1 / alpha."""

    subject: str
    names: tuple[str, ...]
    findings: tuple[Finding, ...]
    merged: Together | None
    alpha: float
    rejected: bool

    @property
    def accuses(self) -> bool:
        """The merged evidence does, or a test does by its own plan."""
        return self.rejected or any(finding.accuses for finding in self.findings)


def gather(
    paths: Sequence[Path], *, suspect: Sequence[str] = (), separate_text: bool = False, alpha: float = 1e-3
) -> Report:
    """Read the documents and put them together.

    Raises:
        InputError: a file that is no such document. ConfigError: several suspects, or what would count twice.
    """
    findings, seen = list[Finding](), dict[str, Path]()
    for path in paths:
        data = read_small(path, MAX_BYTES)
        if (name := digest(data)) in seen:
            raise ConfigError(f"{path} is {seen[name]} again")
        seen[name] = path
        found = findings_of(str(path), data)
        mine = [f for f in found if f.subject in suspect] if suspect else found
        if not mine:
            raise ConfigError(f"{path} says nothing of {', '.join(map(repr, suspect)) or 'any suspect'}")
        findings += mine
    subject = subject_of(findings, suspect)
    check_once(findings)
    merged = together(findings, separate_text=separate_text)
    return Report(
        subject=subject,
        names=tuple(dict.fromkeys(f.subject for f in findings)),
        findings=tuple(findings),
        merged=merged,
        alpha=alpha,
        rejected=crossed(merged, alpha),
    )


def document(report: Report) -> dict[str, object]:
    """As JSON."""
    merged = report.merged
    return {
        "schema": "gauger/lineage-report/1",
        "subject": report.subject,
        "names": report.names,
        "alpha": report.alpha,
        "accuses": report.accuses,
        "together": None
        if merged is None
        else {**to_plain(merged), "log10_e": _log10(merged.log_e), "rejected": report.rejected},
        "findings": [
            {**to_plain(f), "stands": stands(report, k), "replay": replay(f)} for k, f in enumerate(report.findings)
        ],
        "open_set": OPEN_SET,
        "limits": LIMITS,
    }


def stands(report: Report, k: int) -> str:
    """Whether the k-th finding was merged, and if not, why."""
    if report.merged is not None and k in report.merged.parts:
        return "together"
    finding = report.findings[k]
    if finding.evidence is None:
        return "apart: there is no number"
    return f"apart: {NEVER}" if finding.chance == "none" else "apart: nothing else here may be merged with it"


def replay(finding: Finding) -> str:
    """The command that made a finding, quoted anew: a document is a stranger's text, and a shell must not obey it."""
    try:
        words = shlex.split(finding.command)
    except ValueError:
        return ""
    printable = all(word.isprintable() for word in words)
    return shlex.join(words) if words[:1] == ["gauger"] and printable else ""


def _log10(log_e: float) -> float | str:
    return "-inf" if log_e == -math.inf else log_e / math.log(10)


def findings_of(source: str, data: bytes) -> list[Finding]:
    """What one document says.

    Raises:
        InputError: it is no such document.
    """
    try:
        found = msgspec.json.decode(data)
        reader = READERS.get(found.get("schema")) if isinstance(found, dict) else None
        if reader is None:
            raise InputError(
                "is no evidence on a suspect: give what `lineage ghosts test`, `canaries test`, `behaviour` or "
                "`weights`, `watermark radioactivity judge` or `run`, or `watermark detect` print with --json",
                source=source,
            )
        return reader(source, found)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise InputError(f"is no document as it was printed ({type(error).__name__})", source=source) from None


def _evidence(plain: Any) -> Evidence:
    given = {**plain, "log_e": -math.inf} if plain["log_e"] == "-inf" else plain
    found = msgspec.convert(given, Evidence)
    canonical_json(found)  # what could not be written again
    return found


def _alpha(said: Document) -> float:
    """The document's, by which it accuses: without one, or with one that is none, nobody is accused."""
    alpha = float(said.get("alpha", 0.0))
    return alpha if 0 < alpha < 1 else 0.0


def _word(source: str, row: Document, words: object) -> str:
    """The verdict, if it is one of a test's words."""
    word = str(row["verdict"])
    if word not in get_args(words):
        raise InputError(f"its verdict {visible(word, 80)!r} is none of {', '.join(get_args(words))}", source=source)
    return word


def _consistent(source: str, word: str, guilty: str, evidence: Evidence | None, kind: str, reached: bool) -> None:
    """Refuse evidence of a kind that the test has not, and an accusation that its own numbers do not bear."""
    if evidence is not None and evidence.kind != kind:
        raise InputError(f"holds evidence of kind {evidence.kind}, and this test gives {kind}", source=source)
    if word == guilty and (evidence is None or not reached):
        raise InputError(f"says {guilty!r}, and its evidence does not reach the bound for that", source=source)


def _crosses(evidence: Evidence, said: Document) -> bool:
    """Whether e is above 1 / alpha."""
    alpha = _alpha(said)
    return alpha > 0 and evidence.log_e >= -math.log(alpha)


def _by_tails(evidence: Evidence, said: Document, rows: Sequence[Document]) -> bool:
    """Whether Holm's rule finds anything, of the whole and of each row."""
    every = [evidence.params, *(row["evidence"]["params"] for row in rows)]
    tails = [float(params["log_p"]) for params in every if "log_p" in params]  # there is none before the last question
    alpha = _alpha(said)
    return alpha > 0 and min(tails, default=0.0) <= math.log(alpha / len(every))


def _finding(source: str, said: Document, evidence: Evidence, **more: Any) -> Finding:
    base = {"subject": evidence.subject, "candidate": "", "why": evidence.why, "command": str(said.get("command", ""))}
    return Finding(source=source, evidence=evidence, **{**base, **more})


def _sealed(chance: Chance, rows: str, name: str, words: object) -> Callable[[str, Document], list[Finding]]:
    """Twins and canaries: the second of the inputs is the seal. rows: of whom it names; name: what they are called."""

    def read(source: str, said: Document) -> list[Finding]:
        evidence, word = _evidence(said["evidence"]), _word(source, said, words)
        by_tail = evidence.params.get("rule") == "fixed"  # of exact tails, and not of e
        reached = _by_tails(evidence, said, said[rows]) if by_tail else _crosses(evidence, said)
        _consistent(source, word, "learnt", evidence, "exact", reached)
        more = {"seeds": (evidence.inputs[1],), "named": tuple(str(row[name]) for row in said[rows] if row["named"])}
        return [_finding(source, said, evidence, word=word, accuses=word == "learnt", chance=chance, **more)]

    return read


def _radioactive(source: str, said: Document) -> list[Finding]:
    evidence = _evidence(said["evidence"])
    seeds = tuple(dict.fromkeys(str(_evidence(key["evidence"]).inputs[1]) for key in said["keys"]))
    word = "learnt" if said["crossed"] else "not shown"
    _consistent(source, word, "learnt", evidence, "exact", _crosses(evidence, said))
    more = {"seeds": seeds, "named": tuple(str(key["context"]["party"]) for key in said["keys"] if key["named"])}
    return [_finding(source, said, evidence, word=word, accuses=word == "learnt", chance="text", **more)]


def _detected(source: str, said: Document) -> list[Finding]:
    """Marks in the suspect's own text. Of several keys the mean; what is no key of ours stands apart."""
    rows = said["results"]
    found = [_evidence(row["evidence"]) for row in rows]
    word = "found" if any(row["found"] for row in rows) else "not found"
    if word == "found":
        _borne(source, said, found)
    more: dict[str, Any] = {"word": word, "accuses": word == "found"}
    if any(row["context"] is None for row in rows):
        return [
            _finding(source, said, e, **{**more, "accuses": bool(row["found"])}, chance="none", seeds=())
            for row, e in zip(rows, found, strict=True)
        ]
    more["named"] = tuple(str(row["context"]["party"]) for row in rows if row["found"])
    evidence, seeds = found[0], tuple(e.inputs[0] for e in found)
    if len(found) > 1:
        null = f"the text was made without any of {len(found):,} keys"
        shares = [Merged(null=null, kind="exact", log_e=e.log_e) for e in found]
        value = mean(shares, [1 / len(shares)] * len(shares)).log_e
        inputs = tuple(dict.fromkeys(i for e in found for i in e.inputs))
        evidence = replace(evidence, null=null, log_e=value, inputs=inputs, params={"keys": len(found)})
    return [_finding(source, said, evidence, **more, chance="text", seeds=seeds)]


def _borne(source: str, said: Document, evidence: Sequence[Evidence]) -> None:
    """Refuse what is said to be found, and by the document's own rule, numbers and count of keys is not."""
    if said["rule"] not in ("e-bh", "holm") or said["keys"] != len(evidence) or not _alpha(said):
        raise InputError("its results are not those of all its keys, or its rule or alpha is none", source=source)
    bears = found_among(evidence, _alpha(said), anytime=said["rule"] == "e-bh")
    for row, one, reached in zip(said["results"], evidence, bears, strict=True):
        _consistent(source, "found" if row["found"] else "", "found", one, one.kind, bool(reached))


def _behaving(source: str, said: Document) -> list[Finding]:
    """That rule is of p."""
    found = []
    for row in said["pairs"]:
        evidence = None if row["evidence"] is None else _evidence(row["evidence"])
        word = _word(source, row, verdicts.Verdict)
        low = evidence is not None and float(evidence.params["p"]) <= _alpha(said)
        _consistent(source, word, "related", evidence, "calibrated", low)
        names = str(row["candidate"]), str(row["suspect"])
        found.append(_alone(source, said, row, *names, evidence, word == "related"))
    return found


def _weighed(source: str, said: Document) -> list[Finding]:
    evidence = None if said["evidence"] is None else _evidence(said["evidence"])
    word = _word(source, said, weight_verdicts.Word)
    _consistent(source, word, "not independent", evidence, "exact", evidence is not None and _crosses(evidence, said))
    candidate, _, suspect = str(said["subject"]).rpartition(ARROW)
    return [_alone(source, said, said, candidate, suspect, evidence, word == "not independent")]


def _alone(
    source: str, said: Document, row: Document, candidate: str, suspect: str, evidence: Evidence | None, accuses: bool
) -> Finding:
    """Of a suspect and a candidate: nothing is merged with it."""
    return Finding(
        source=source,
        subject=suspect,
        candidate=candidate,
        evidence=evidence,
        word=str(row["verdict"]),
        why=str(row["why"]),
        accuses=accuses,
        chance="none",
        seeds=(),
        command=str(said.get("command", "")),
    )


READERS: Mapping[object, Callable[[str, Document], list[Finding]]] = {
    "gauger/ghosts-tested/1": _sealed("text", "accounts", "account", ghost_trial.Word),
    "gauger/canaries-tested/1": _sealed("coins", "parties", "party", canary_trial.Word),
    "gauger/radioactivity/1": _radioactive,
    "gauger/detect/1": _detected,
    "gauger/lineage-behaviour/1": _behaving,
    "gauger/lineage-weights/1": _weighed,
}
