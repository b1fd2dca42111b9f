"""A lineage report for people: rows of facts, which the terminal and one HTML file show alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gauger.app.lineage_report import Report, document, replay, stands
from gauger.app.pages import environment
from gauger.lineage.fusion import Finding

MAX_CHARS = 4000  # of one text
NOT_RECORDED = "the document does not hold its command line; the digests above are its inputs"


def verdict(report: Report) -> str:
    """The whole in a sentence."""
    if report.rejected:
        return "Together, the tests that may be merged reject that the suspect learnt from none of what they cover."
    if report.accuses:
        by = sorted({f.evidence.method for f in report.findings if f.accuses and f.evidence is not None})
        return f"By its own plan, a test accuses: {', '.join(by)}. Read what it says, and what it does not."
    return "Nothing here shows where the suspect comes from. That is no proof of innocence."


def facts(report: Report, k: int) -> dict[str, str]:
    """The k-th finding by name; what is not there is empty."""
    finding, e = report.findings[k], report.findings[k].evidence
    numbers = {} if e is None else {"kind": e.kind, "log10 e": log10(e.log_e), **_ranked(e.params), "n": f"{e.n:,}"}
    null = {} if e is None else {"null": e.null}
    return {
        "document": finding.source,
        "candidate": finding.candidate,
        "verdict": finding.word,
        "names": ", ".join(finding.named),
        **numbers,
        **null,
        "rests on": finding.why,
        "stands": stands(report, k),
        "inputs": "" if e is None else ", ".join(e.inputs),
        "run again": replay(finding) or NOT_RECORDED,
    }


def _ranked(params: Mapping[str, float | int | str]) -> dict[str, str]:
    """A rank among a population: with the least that was possible, or a strong finding of a small one looks weak."""
    p, floor = params.get("p"), params.get("floor")
    return {"p": f"{p:.2g}, of {floor:.2g} at least"} if isinstance(p, float) and isinstance(floor, float) else {}


def title(finding: Finding) -> str:
    """What kind of test it is."""
    return finding.evidence.method if finding.evidence is not None else "no number"


def page(report: Report) -> str:
    """One HTML file that needs nothing else and runs nothing; the same report gives the same page."""
    env = environment("gauger.app.report", MAX_CHARS)
    rows = [{"title": title(f), "facts": facts(report, k)} for k, f in enumerate(report.findings)]
    more: Mapping[str, Any] = {
        "rows": rows,
        "verdict": verdict(report),
        "merged": "" if report.merged is None else log10(report.merged.log_e),
        "needed": log10(-math.log(report.alpha)),
    }
    return env.get_template("lineage.html.j2").render(r=document(report), **more)


def log10(log_e: float) -> str:
    """To one place."""
    return "-inf" if log_e == -math.inf else f"{round(log_e / math.log(10), 1) + 0.0:,.1f}"
