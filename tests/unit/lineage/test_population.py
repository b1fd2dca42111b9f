"""Who is related to whom."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.lineage.population import UNKNOWN, Origin, clusters, everybody, of_one_base, related


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


def test_relations_lead_through_models_that_gave_no_answers() -> None:
    table = [
        Origin(name="gone", maker="A"),
        Origin(name="tuned", maker="B", parent="gone"),
        Origin(name="student", maker="C", teachers=("gone",)),
        Origin(name="of the maker", maker="A"),
    ]
    answered = ("of the maker", "student", "nobody knows it", "tuned")
    made = everybody(answered, table)
    assert [o.name for o in made] == [*answered, "gone"]
    pairs = {(int(i), int(j)) for i, j in np.argwhere(np.triu(related(made)[:4, :4], 1))}
    assert pairs == {(0, 1), (0, 3), (1, 3)}


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


def test_one_name_spelled_in_many_ways_is_one_name() -> None:
    bases = ["Llama-2 13B", "llama_2_13b", "LLAMA 2-13b", "llama-2-7b"]
    table = [Origin(name=f"m{k}", maker=f"maker {k}", base=base) for k, base in enumerate(bases)]
    same, may_be = of_one_base(table)
    assert same[:3, :3].all()
    assert (same == may_be).all()
    assert not same[3, :3].any()
    table = [
        Origin(name=f"m{k}", maker=maker, base=bases[k]) for k, maker in enumerate(["A Lab", "a-lab", "A_LAB", "B"])
    ]
    assert clusters(table).tolist() == [0, 0, 0, 1]
    assert related(table)[:3, :3].all()
    assert not related(table)[3, :3].any()


@pytest.mark.parametrize("word", [*UNKNOWN, "Unknown", " N/A ", "NaN", "--"])
def test_nobody_is_no_maker_and_no_base(word: str) -> None:
    table = [Origin(name=n, maker=word, base=word, teachers=(word,)) for n in ("p", "q", "r")]
    assert clusters(table).tolist() == [0, 1, 2]
    assert not np.triu(related(table), 1).any()
    same, may_be = of_one_base(table)
    assert not same.any()
    assert may_be.all()


def test_a_parent_is_found_by_another_spelling_and_its_own_first() -> None:
    table = [
        Origin(name="Chat-7B", maker="A"),
        Origin(name="tuned", maker="B", parent="chat 7b"),
        Origin(name="student", maker="C", teachers=("CHAT_7b", "n/a")),
        Origin(name="chat-7b-v2", maker="D"),
        Origin(name="taught", maker="E", teachers=("Far-Away",)),
        Origin(name="taught-too", maker="F", teachers=("far away", "none")),
        Origin(name="exact", maker="G", parent="x-1"),
        Origin(name="x-1", maker="H"),
        Origin(name="X 1", maker="I"),
    ]
    made = np.triu(related(table), 1)
    assert {(int(i), int(j)) for i, j in np.argwhere(made)} == {(0, 1), (0, 2), (1, 2), (4, 5), (6, 7)}
