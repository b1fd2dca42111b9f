"""How figures are said: thousands, money, times, and what an e-value does and does not mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Log10 = float | str | None


def number(value: float) -> str:
    return f"{value:,.0f}"


def short(value: float) -> str:
    """1,234 in full, beyond that 12.3k, 4.5M, 6.7B."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (size if unit != 'k' else 1e3):.3g}{unit}"
    return number(value)


def usd(value: float | None) -> str:
    if value is None:
        return "no price known"
    return f"${value:,.0f}" if value >= 100 else f"${value:,.2f}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.1 or value == 0 else f"{100 * value:.1f} %"


def log10(value: Log10) -> str:
    """With a true minus sign; an absent value is a dash."""
    if value is None:
        return "–"
    return "−∞" if value == "-inf" else f"{float(value):.1f}".replace("-", "−")


def when(text: str | None, *, clock: bool = True) -> str:
    if not text:
        return "–"
    t = datetime.fromisoformat(text).astimezone(UTC)
    return f"{t.day} {t:%b %Y, %H:%M}" if clock else f"{t.day} {t:%b %Y}"


def day(text: str | None) -> str:
    return when(text, clock=False)


def duration(seconds: float) -> str:
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            many = round(seconds / size, 1)
            return f"{many:g} {name}{'' if many == 1 else 's'}"
    return f"{seconds:.0f} seconds"


def count(n: int, one: str, many: str = "") -> str:
    """``1 account``, ``2,000 accounts``."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def reading(evidence: Mapping[str, Any]) -> str:
    """What an evidence's number means, in one or two sentences that a lawyer may quote."""
    value = evidence["log10_e"]
    if value == "-inf" or value < 0:
        return "Does not speak against the hypothesis."
    if value < 1:
        return "Says little: chance alone often reaches this."
    look = "however often it is looked at" if evidence["anytime"] else "in one look, fixed beforehand"
    return f"If the hypothesis were true, chance would reach this at most once in {_odds(value)}, {look}."


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _odds(x: float) -> str:
    """10**x, rounded down so that nothing is overstated."""
    if x > 12:
        return "10" + str(int(x)).translate(_RAISED)
    odds = 10.0**x
    for size, unit in ((1e9, " billion"), (1e6, " million")):
        if odds >= size:
            return f"{int(odds / size):,}{unit}"
    digits = 10 ** max(0, int(x) - 1)
    return f"{int(odds / digits) * digits:,}"


KINDS = {
    "exact": "true by our own randomness",
    "calibrated": "against a population measured beforehand",
    "model": "rests on a named assumption",
}


def verdict(report: Mapping[str, Any]) -> str:
    """The finding in one sentence."""
    campaigns, solo = report["campaigns"], report["solo"]
    among = f"{count(report['events'], 'exchange')} by {count(report['accounts'], 'account')}"
    if not campaigns and not solo:
        return f"Nothing was flagged in {among}."
    found = []
    if campaigns:
        members = len({a["account"] for c in campaigns for a in c["accounts"]})
        found.append(f"{count(len(campaigns), 'campaign')} of {count(members, 'account')}")
    if solo:
        found.append(f"{count(len(solo), 'account')} alone")
    return f"Flagged: {' and '.join(found)}, among {among}."


def strongest(campaign: Mapping[str, Any]) -> Log10:
    """The largest log10 e of a campaign; evidence of different kinds is never summed."""
    values = [e["log10_e"] for e in campaign["evidence"]]
    finite = [v for v in values if v != "-inf"]
    return max(finite) if finite else (values[0] if values else None)
