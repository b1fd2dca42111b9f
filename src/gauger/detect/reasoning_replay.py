"""Signal 2, second half: reasoning blocks that were issued to one account and sent by another.

Providers hand out reasoning as opaque or signed blocks that the same client returns in its next turn. A block that
another account sends was passed between them: one hand works both, or one harvests what the other was given.
This links accounts (a layer of the graph) and is a Score: a team behind one gateway with two keys does it too.
"""

from __future__ import annotations

from ibis import Table, _

MAX_ISSUED_TO = 16
"""A block that more accounts than this were issued is no secret (an empty or canned one) and links nobody."""


def replays(sketches: Table) -> Table:
    """Pairs of accounts of which the second sent reasoning blocks that the first was issued earlier.

    A block that the sender was itself issued, at any time, counts for nothing: two accounts may be given equal text.

    Args:
        sketches: ``tables.SKETCHES``; account, time, reasoning_out and reasoning_in are read.

    Returns:
        account_from, account_to (string, never equal) and n (int64), how many distinct blocks.
    """
    issued = _blocks(sketches, "reasoning_out")
    held = issued.group_by("block").agg(holders=_.count()).filter(_.holders <= MAX_ISSUED_TO)
    issued = issued.semi_join(held, "block")
    sent = _blocks(sketches, "reasoning_in", last=True).anti_join(issued, ["block", "account"])
    sent = sent.rename(account_to="account", sent="time")
    pairs = issued.rename(account_from="account").join(sent, "block").filter(_.sent > _.time)
    return pairs.group_by("account_from", "account_to").agg(n=_.count())


def _blocks(sketches: Table, column: str, *, last: bool = False) -> Table:
    """(block, account, time): each block once an account, at its first time (or its last)."""
    rows = sketches.select("account", "time", block=sketches[column].unnest())
    time = _.time.max() if last else _.time.min()
    return rows.filter(_.block.notnull()).group_by("block", "account").agg(time=time)
