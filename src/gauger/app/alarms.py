"""When would the alarm have come? The scan again, on the log as it stood after each day.

A look a day multiplies the looks: the rate that ``--fdr`` bounds is that of one look. The times tell how
much was taken before a daily scan would have said so, and are no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import ibis.expr.types as ir

from gauger.app.findings import moment
from gauger.detect.calibration import Calibration
from gauger.detect.campaigns import find
from gauger.detect.traffic import Collect, Traffic, epoch_s, fold

DAY_S = 86_400
MOSTLY = 0.5  # a group found early is a campaign's if at least this share of it is


def alarm_times(
    log: tuple[ir.Table, ir.Table],
    collect: Collect,
    thresholds: dict[str, float],
    calibration: Calibration,
    campaigns: Sequence[Sequence[str]],
    whole: Traffic,
    *,
    fdr: float,
    progress: Callable[[str], None],
) -> list[datetime | None]:
    """For each campaign the end of the first day after which a scan would have found part of it, else None."""
    begin, end = int(whole.accounts["first"].min()), int(whole.accounts["last"].max())
    table, mapping = log
    left = {i: set(names) for i, names in enumerate(campaigns)}
    found: list[datetime | None] = [None] * len(campaigns)
    for cut in range((begin // DAY_S + 1) * DAY_S, end + DAY_S, DAY_S):
        if not left:
            break
        progress(f"replaying the log up to {moment(cut):%Y-%m-%d}; {len(left)} campaigns without an alarm yet")
        seen = fold(table.filter(epoch_s(table.time) < cut), mapping, collect, thresholds, whole.sides)
        if not seen.size:
            continue
        groups, _, _ = find(seen, calibration, fdr=fdr)
        names = seen.accounts["account"].to_numpy()
        for group in (set(names[g.members]) for g in groups if g.rejected):
            for i in [i for i, accounts in left.items() if len(group & accounts) >= MOSTLY * len(group)]:
                found[i] = moment(min(cut, end))
                del left[i]
    return found
