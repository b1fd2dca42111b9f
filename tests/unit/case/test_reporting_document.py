"""A case as a document: what stands is counted, what was corrected is not, and nothing is claimed beyond the figure."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from gauger.case import mappings
from gauger.case.reporting.composing import compose
from gauger.case.reporting.document import Blanks, Cell, Document, Facts, Heading, Items, Paragraph, Section, Table
from gauger.case.reporting.reading import read
from gauger.case.reporting.words import LANGUAGES, texts
from gauger.case.valuation import total, value
from gauger.errors import ConfigError, InputError, VerifyError
from gauger.model import Case, digest, to_plain
from tests.reported import KEY, PLAN, Book, campaign, evidence, whole


def report(case: Case, language: str = "en") -> Document:
    return compose(case, language, software="Gauger 1.2.3")


def section(document: Document, name: str) -> Section:
    return next(s for s in document.sections if s.id == name)


def cells(blocks: Any) -> Iterator[Cell]:
    for block in blocks:
        match block:
            case Table():
                yield from (cell for row in block.rows for cell in row)
            case Facts():
                yield from (cell for _, cell in block.rows)
            case Heading() | Paragraph():
                yield Cell(block.text)
            case Items():
                yield from map(Cell, block.texts)


def text(found: Section) -> str:
    return "\n".join(f"{c.text} {c.note}" for c in cells(found.blocks))


def facts(found: Section, name: str) -> list[str]:
    return [c.text for b in found.blocks if isinstance(b, Facts) for label, c in b.rows if label == name]


def test_the_first_page_is_five_lines() -> None:
    (lines, state) = section(report(whole()), "summary").blocks
    assert isinstance(lines, Facts)
    assert {name: cell.text for name, cell in lines.rows} == {
        "Who says it": "mira (analyst) recorded the evidence. At least one figure was approved by jonas, park.",
        "About whom": "model-x (model). Campaigns (groups of accounts) that stand in the case: 1. Accounts in them: 3.",
        "What was found": "Figures of evidence: 4. What the tests say, each by its own plan: Accounts compared with "
        "ordinary traffic: a figure without a verdict; Canaries (choices planted for one party): learnt; Mark laid by "
        "the provider's secret key: a figure without a verdict; How two models answer: not shown.",
        "How strong it is": "The highest, by kind, which are never added together: Exact: log10 e 6.30, by “Canaries "
        "(choices planted for one party)”, entry 4; Calibrated: log10 e 2.02, by “Accounts compared with ordinary "
        "traffic”, entry 0. If all null hypotheses were true, at least one of the figures that no search "
        "chose (3) would reach 6.30 at most once in 660,000. Tests that were not entered are not counted. Chosen by a "
        "search among many, in which chance reaches such figures more often, and left out of that count: Entry 0.",
        "What it does not say": "This is evidence, never guilt, and no probability of guilt. It does not say who "
        "acted, or with what intent. Explanations that remain open are listed under each test. Rejections by "
        "reviewers: 0. Objections: 1. Corrected entries: 1.",
    }
    assert state == Paragraph("The case is open.", "note")


def test_what_was_corrected_is_struck_and_counted_nowhere() -> None:
    document = report(whole())
    struck = [c for s in document.sections for c in cells(s.blocks) if c.struck]
    assert any("log10 e 11.00" in c.text and c.note == "Corrected by entry 4." for c in struck)
    for s in document.sections:
        assert not any("11.00" in c.text for c in cells(s.blocks) if not c.struck), s.id
    assert len(read(whole()).figures) == 4
    assert [c.note for c in cells(section(document, "entries").blocks) if c.note] == [
        "Corrected by entry 4.",
        "Corrects entry 3.",
    ]


def test_both_languages_have_one_shape() -> None:
    def shape(document: Document) -> list[Any]:
        return [
            (s.id, s.page, [(type(b).__name__, len(list(cells([b])))) for b in s.blocks]) for s in document.sections
        ]

    assert shape(report(whole(), "en")) == shape(report(whole(), "ko"))


def test_a_korean_report_holds_no_english_but_the_cases_own() -> None:
    own = json.dumps(to_plain(whole()), ensure_ascii=False)
    for s, t in zip(report(whole(), "ko").sections, report(whole(), "en").sections, strict=True):
        english = {c.text for c in cells(t.blocks) if " " in c.text and c.text not in own}
        both = {c.text for c in cells(s.blocks)} & english
        # Names of techniques, digests in a row, and bare times are the same in all languages.
        assert [x for x in both if not x.startswith(("AML.", "sha256:", "model-x: sha256:", "2026-", "“"))] == [], s.id


@pytest.mark.parametrize(
    ("log10_e", "anytime", "said"),
    [
        (float("-inf"), True, "This figure does not speak against the null hypothesis."),
        (0.0, True, "This figure does not speak against the null hypothesis."),
        (0.99, True, "This figure says little: if the null hypothesis were true, chance could often reach it."),
        (3.0, True, "would appear at most once in 1,000, however often one looks."),
        (3.0, False, "would appear at most once in 1,000, in the one look that was fixed beforehand."),
    ],
)
def test_what_a_figure_means(log10_e: float, anytime: bool, said: str) -> None:
    book = Book()
    book.measure(evidence(log10_e=log10_e, anytime=anytime))
    (meaning,) = facts(section(report(book.case), "measured"), "What this means")
    assert meaning.endswith(said)


def test_the_highest_of_many_pays_for_all_of_them() -> None:
    book = Book()
    for k in range(100):
        book.measure(evidence(log10_e=2.5, subject=f"model-{k}"))
    (strength,) = facts(section(report(book.case), "summary"), "How strong it is")
    assert "(100), chance alone could often reach the highest of them (2.50)." in strength
    assert "100 times" in text(section(report(book.case), "measured"))


def test_what_a_search_chose_is_no_test_named_beforehand() -> None:
    book = Book()
    book.add("campaign", {"campaign": to_plain(campaign()), "document": PLAN})
    document = report(book.case)
    (strength,) = facts(section(document, "summary"), "How strong it is")
    assert strength.endswith("They were chosen by a search among many; what that means is said with each.")
    (meaning,) = facts(section(document, "measured"), "What this means")
    assert "of one group or account that had been named beforehand" in meaning
    assert "It bounds the expected share of false reports" in text(section(document, "measured"))
    stated = {"batch": 0.5, "source": "price list"}
    book.add("campaign", {"campaign": to_plain(campaign()), "document": PLAN, "discounts": stated})
    assert "in the case: 1. Accounts" in text(section(report(book.case), "summary"))  # the same, with a discount


def test_evidence_that_stands_in_two_entries_is_counted_once() -> None:
    book = Book()
    book.add("campaign", {"campaign": to_plain(campaign()), "document": PLAN})
    book.measure(campaign().evidence[0])
    assert len(read(book.case).figures) == 1


def test_a_method_nobody_knows_is_vouched_for_by_nobody() -> None:
    book = Book()
    book.measure(evidence("new-method", 300.0))
    document = report(book.case)
    (strength,) = facts(section(document, "summary"), "How strong it is")
    assert strength == "Figures whose method this report does not know, left out here: 1."
    assert "This report has no text on the method" in text(section(document, "measured"))


def test_whether_the_plan_came_first() -> None:
    before, after = Book(), Book()
    plan = {"plan": PLAN, "subject": "model-x", "document": PLAN}
    before.add("plan", plan)
    before.measure(evidence(), plan=PLAN)
    after.measure(evidence(), plan=PLAN)
    after.add("plan", plan)
    said = [facts(section(report(b.case), "measured"), "Plan")[0] for b in (before, after)]
    assert said[0] == f"{PLAN}. Recorded in entry 0, before this evidence."
    assert said[1].endswith("No earlier entry of this case records it: that the plan came first is asserted only.")


def test_an_altered_case_has_no_report() -> None:
    case = whole()
    entry = dataclasses.replace(case.entries[2], author="somebody")
    with pytest.raises(VerifyError, match="entry 3"):
        report(dataclasses.replace(case, entries=(*case.entries[:2], entry, *case.entries[3:])))
    with pytest.raises(InputError, match="no entries"):
        report(Case(id="x", entries=()))
    with pytest.raises(ConfigError, match="'fr'"):
        report(case, "fr")


@pytest.mark.parametrize(
    "plain",
    [
        "text",
        {"log_e": 3},
        {**to_plain(evidence()), "log_e": "much"},
        {**to_plain(evidence()), "inputs": [1]},
        {**to_plain(evidence()), "null": ""},
        {**to_plain(evidence()), "params": "p"},
        {**to_plain(evidence()), "guilt": 0.99},
    ],
)
def test_what_is_no_evidence_is_refused_unless_it_was_corrected(plain: Any) -> None:
    book = Book()
    wrong = book.add("evidence", {"evidence": plain, "document": PLAN})
    with pytest.raises(InputError, match="entry 0 holds no evidence"):
        report(book.case)
    book.measure(evidence(), corrects=wrong)
    assert "It is not what its kind says, and cannot be read." in text(section(report(book.case), "entries"))


def test_a_campaign_that_is_none_is_refused() -> None:
    for changes in ({"accounts": "many"}, {"tokens": "many"}, {"exchanges": -1}, {"scores": 3}):
        book = Book()
        book.add("campaign", {"campaign": {**to_plain(campaign()), **changes}, "document": PLAN})
        with pytest.raises(InputError, match="entry 0 holds no campaign"):
            report(book.case)


def test_value_lies_between_bounds_that_say_what_they_assume() -> None:
    found = value(to_plain(campaign()), {"cached": 0.9, "batch": 0.5, "source": "list"})
    assert found.high_usd == 7312.44
    assert found.low_usd == pytest.approx(7312.44 * 0.1 * 0.5)
    shown = text(section(report(whole()), "value"))
    assert "US$7,312.44" in shown
    assert "US$365.62" in shown
    assert "cached input 90.0%, batch 50.0%. Stated by: price list of 1 April 2026" in shown


def test_no_discount_is_invented() -> None:
    book = Book()
    book.add("campaign", {"campaign": to_plain(campaign()), "document": PLAN})
    shown = text(section(report(book.case), "value"))
    assert "not stated" in shown
    assert "the case records no discount for it, and none is assumed here" in shown
    assert value({"value_usd": None, "tokens": 5}).high_usd is None
    assert value({"value_usd": 0.0, "tokens": 5}, {"batch": 0.5, "source": "x"}).low_usd is None


@pytest.mark.parametrize(
    "discounts",
    [
        {"cached": 1.0, "source": "x"},
        {"batch": -0.1, "source": "x"},
        {"batch": 0.5},
        {"cached": True, "source": "x"},
        "0.5",
    ],
)
def test_a_discount_is_a_share_that_somebody_states(discounts: Any) -> None:
    with pytest.raises(InputError, match=r"^here: "):
        value(to_plain(campaign()), discounts, source="here")


def test_campaigns_are_added_up_only_where_no_account_is_in_two() -> None:
    a, b = (value({"value_usd": usd}, {"batch": 0.5, "source": "x"}) for usd in (10.0, 30.0))
    assert total([a, b], [frozenset("x"), frozenset("yz")]) == (20.0, 40.0)
    assert total([a, b], [frozenset("x"), frozenset("xz")]) is None
    assert total([a, b], [frozenset("x"), frozenset()]) is None
    assert total([a, value({"value_usd": 30.0})], [frozenset("x"), frozenset("y")]) == (None, 40.0)


def test_lines_of_catalogues_say_what_bears_on_them() -> None:
    reading = read(whole())
    found = {line.id: (line.by, line.entries) for line in mappings.atlas(reading)}
    assert found == {
        "AML.T0040": ("campaign", (0,)),
        "AML.T0008.005": ("nothing", ()),
        "AML.T0024.002": ("evidence", (4, 5)),
        "AML.T0048.004": ("evidence", (4,)),
        "AML.CS0056": ("nothing", ()),
    }
    scored = {line.id for line in mappings.advisory(reading) if line.by == "score"}
    assert scored == {"no-ramp", "same-prompts", "reasoning", "new-model"}
    shown = text(section(report(whole()), "mapping"))
    assert "Not verified against the text" in shown
    assert "names nobody in this case" in shown


def test_every_line_of_a_catalogue_has_its_text() -> None:
    known = mappings.catalogues()
    for language in LANGUAGES:
        assert {row["id"] for row in known["atlas"]} == set(texts(language)["atlas"])
        assert {row["id"] for row in known["advisory"]["indicators"]} == set(texts(language)["indicator"])


def test_weak_evidence_bears_on_nothing() -> None:
    book = Book()
    book.measure(evidence(log10_e=0.9))
    assert {line.by for line in mappings.atlas(read(book.case))} == {"nothing"}


def test_the_form_of_certification_is_left_to_a_person() -> None:
    form = section(report(whole()), "certification")
    (blanks,) = [b for b in form.blocks if isinstance(b, Blanks)]
    assert [name for name, _ in blanks.rows] == [
        "Exceptions",
        "Name",
        "Title and employer",
        "Training and experience",
        "Place",
        "Date",
        "Signature",
    ]
    shown = text(form)
    assert digest(whole().entries[-1]) in shown
    assert "Gauger 1.2.3 read the entries" in shown
    assert not any(name in shown for name in ("mira", "jonas", "park"))
    assert form.page


def test_documents_are_listed_by_hash_and_erased_ones_struck() -> None:
    shown = [c for c in cells(section(report(whole()), "certification").blocks) if c.struck]
    (erased,) = shown
    assert erased.text.startswith("sha256:")


def test_marks_that_were_laid_stand_in_their_annex() -> None:
    shown = text(section(report(whole()), "marking"))
    assert KEY in shown
    assert digest(b"commitment") in shown
    book = Book()
    book.measure(evidence("watermark-hf-kgw"))
    assert "no evidence of marks that the provider laid" in text(section(report(book.case), "marking"))
    book.measure(
        evidence("radioactivity-open", null="model-x did not learn from text that was marked with any of 3 keys")
    )
    assert "None is recorded: that the key was fixed beforehand is asserted only." in text(
        section(report(book.case), "marking")
    )


def test_objections_and_rejections_stand_beside_the_figure() -> None:
    book = Book()
    found = book.measure(evidence())
    book.add("review", {"of": found, "verdict": "reject", "why": "the seal was opened"}, "jonas")
    book.add("appeal", {"of": found, "by": "the operator", "why": "bought data"})
    document = report(book.case)
    assert facts(section(document, "measured"), "Reviews") == ["jonas (reviewer): rejected"]
    twice = Book()
    twice.measure(evidence())
    twice.add("review", {"of": twice.measure(evidence()), "verdict": "reject", "why": "x"}, "jonas")
    assert facts(section(report(twice.case), "measured"), "Reviews") == ["jonas (reviewer): rejected"]
    assert facts(section(document, "measured"), "Objections") == ["Entry 2"]
    assert "Rejections by reviewers: 1. Objections: 1." in text(section(document, "summary"))
    assert "“the seal was opened”" in text(section(document, "matters"))


def test_the_first_page_names_who_approved_and_who_rejected_and_no_rejected_figure() -> None:
    book = Book()
    low = book.measure(evidence(log_e=3 * math.log(10)))
    high = book.measure(evidence(log_e=13 * math.log(10), subject="model-y"))
    book.add("review", {"of": low, "verdict": "approve", "why": "seen"}, "jonas")
    for name in ("jonas", "mira"):
        book.add("review", {"of": high, "verdict": "reject", "why": "the wrong suspect was asked"}, name)
    first = text(section(report(book.case), "summary"))
    assert "At least one figure was approved by jonas. At least one figure was rejected by jonas, mira." in first
    assert ("log10 e 3.0" in first, "13.0" in first, "10 to the power" in first) == (True, False, False)
    assert "no search chose (2)" in first  # what was rejected after it was seen is paid for all the same
    assert "Figures that a reviewer rejected, which this page does not name: 1." in first
    book.add("review", {"of": high, "verdict": "approve", "why": "it was the right one"}, "jonas")
    book.add("review", {"of": high, "verdict": "approve", "why": "so it was"}, "mira")
    first = text(section(report(book.case), "summary"))
    assert ("rejected by" in first, "13.0" in first) == (False, True)


def test_where_every_figure_is_rejected_none_is_the_highest() -> None:
    book = Book()
    found = book.measure(evidence())
    book.add("review", {"of": found, "verdict": "reject", "why": "the wrong suspect was asked"}, "jonas")
    for _ in range(2):
        first = text(section(report(book.case), "summary"))
        assert ("approved" in first, "log10 e" in first, "No review" in first, "None.." in first) == (False,) * 4
        book.measure(evidence())  # entered again, it is the same figure


def test_a_notice_without_an_address_says_that_none_is_recorded() -> None:
    book = Book()
    book.add("notice", {"notice": "N-2", "kind": "dsa", "state": "drafted", "to": "", "document": PLAN})
    assert "dsa N-2, to not recorded: drafted." in text(section(report(book.case), "matters"))


def test_a_closed_case_says_so() -> None:
    book = Book()
    book.add("note", {"text": "x"})
    book.add("close", {"why": "settled"}, "park")
    assert text(section(report(book.case), "summary")).endswith("The case is closed: settled ")
    assert "No evidence stands in the case." in text(section(report(book.case), "measured"))


def test_the_same_case_gives_the_same_document() -> None:
    assert report(whole()) == report(whole())
