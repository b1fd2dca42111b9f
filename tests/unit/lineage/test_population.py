"""Who is related to whom."""

from __future__ import annotations

import numpy as np

from gauger.lineage.population import Origin, clusters, related


def test_related_by_maker_parent_teacher_and_theirs() -> None:
    table = [
        Origin(name="chat", maker="A", base="b7"),
        Origin(name="tuned", maker="B", base="b7", parent="chat"),
        Origin(name="tuned-again", maker="C", base="b7", parent="tuned"),
        Origin(name="student", maker="D", base="x", teachers=("tuned",)),
        Origin(name="other", maker="A", base="y"),
        Origin(name="apart", maker="E", base="b7", parent="b7-raw"),
        Origin(name="apart-too", maker="F", base="b7", parent="b7-raw"),
        Origin(name="taught", maker="G", base="z", teachers=("out-of-the-table",)),
        Origin(name="taught-too", maker="H", base="w", teachers=("more", "out-of-the-table")),
    ]
    names = [o.name for o in table]
    made = related(table)
    assert (made == made.T).all()
    assert made.diagonal().all()
    pairs = {frozenset((names[i], names[j])) for i, j in np.argwhere(made) if i < j}
    line = ["chat", "tuned", "tuned-again", "student"]
    expected = {frozenset((a, b)) for a in line for b in line if a != b}
    # "other" is by the maker of "chat", of which all of that line were made.
    assert pairs == expected | {frozenset((n, "other")) for n in line} | {frozenset(("taught", "taught-too"))}


def test_a_base_is_no_relation() -> None:
    table = [Origin(name=n, maker=m, base="b7", parent="b7-raw") for n, m in (("p", "A"), ("q", "B"), ("r", "C"))]
    assert not np.triu(related(table), 1).any()


def test_unknown_makers_are_not_one_maker() -> None:
    table = [Origin(name="p"), Origin(name="q"), Origin(name="r", maker="A", base="x"), Origin(name="s", maker="A")]
    table.append(Origin(name="t", maker="A", base="x"))
    assert clusters(table).tolist() == [0, 1, 2, 3, 2]
    assert not related(table)[0, 1]


def test_a_circle_of_parents_ends() -> None:
    assert related([Origin(name="p", maker="A", parent="q"), Origin(name="q", maker="B", parent="p")]).all()
