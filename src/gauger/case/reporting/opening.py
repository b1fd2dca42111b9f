"""The first page: who says what about whom, in five lines; then how to read the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gauger.case.entries import closed
from gauger.case.people import opinions
from gauger.case.reporting.document import Block, Cell, Facts, Paragraph, Section
from gauger.case.reporting.methods import CHOSEN, OTHER, text_of
from gauger.case.reporting.reading import SAYS, Figure, Reading, campaign
from gauger.case.reporting.words import Words
from gauger.model import digest

PAST = {"approve": "approved", "reject": "rejected"}
NAMES = 6  # of a list on the first page; all of them stand further on


def summary(reading: Reading, words: Words) -> Section:
    """Five lines. They count what stands, name the strongest with what its choice costs, and say what they do not."""
    rows = tuple(
        (words.say(f"summary.{name}"), Cell(text))
        for name, text in (
            ("who", _who(reading, words)),
            ("whom", _whom(reading, words)),
            ("what", _what(reading, words)),
            ("strength", _strength(reading, words)),
            ("limits", words.say("summary.limits_text", objections=_objections(reading, words))),
        )
    )
    return Section(
        id="summary",
        title=words.say("summary.title"),
        blocks=(Facts(rows, lines=True), Paragraph(_state(reading, words), "note")),
    )


def guide(words: Words) -> Section:
    """What the words of the report mean."""
    terms = ("null", "e", "guilt", "kinds", "score", "corrected")
    blocks: tuple[Block, ...] = (
        Paragraph(words.say("reading.purpose")),
        Facts(tuple((words.say(f"reading.{term}_term"), Cell(words.say(f"reading.{term}"))) for term in terms)),
    )
    return Section(id="reading", title=words.say("reading.title"), blocks=blocks, page=True)


def _who(reading: Reading, words: Words) -> str:
    if not reading.figures:
        return words.say("summary.who_nobody")
    authors = {f.entry.author: _person(f.entry.author, f.entry.role, words) for f in reading.figures}
    said, of = opinions(reading.case), {record for f in reading.figures for record in f.records}
    latest = {(verdict, name) for record in of for name, verdict in said.get(record, {}).items()}
    reviews = [_reviewed(verdict, latest, words) for verdict in PAST]
    told = " ".join(filter(None, reviews)) or words.say("summary.unreviewed")
    return words.say("summary.who_text", authors=words.listed(tuple(authors.values()), NAMES), reviews=told)


def _reviewed(verdict: str, latest: set[tuple[str, str]], words: Words) -> str:
    """Who said so of a figure, or ""."""
    names = tuple(words.quoted(name, 80) for said, name in sorted(latest) if said == verdict)
    return words.say(f"summary.{PAST[verdict]}", names=words.listed(names, NAMES)) if names else ""


def _person(name: str, role: str, words: Words) -> str:
    return words.say("entries.who", author=words.quoted(name, 80), role=words.term("role", role))


def _whom(reading: Reading, words: Words) -> str:
    names = tuple(
        words.say(
            "entries.suspect_text", name=words.quoted(e.body["name"], 80), what=words.term("what", e.body["what"])
        )
        for e in reading.of("suspect")
    )
    campaigns = [campaign(e) for e in reading.of("campaign")]
    accounts = {str(a) for c in campaigns for a in c.get("accounts", ())}
    said = words.say("summary.whom_no_campaigns")
    if campaigns:
        count = len({digest(c) for c in campaigns})
        said = words.say("summary.whom_campaigns", campaigns=count, accounts=f"{len(accounts):,}")
    suspects = words.listed(names, NAMES) if names else words.say("summary.whom_nobody")
    return words.say("summary.whom_text", suspects=suspects, campaigns=said)


def _what(reading: Reading, words: Words) -> str:
    if not reading.figures:
        return words.say("measured.none")
    accepted, out = reading.accepted, len(reading.figures) - len(reading.accepted)
    found = tuple(dict.fromkeys(_word(f, words) for f in accepted))
    listed = words.listed(found, NAMES, "semicolon")
    said = [words.say("summary.what_text", count=len(reading.figures), words=listed)] if found else []
    return " ".join([*said, *([words.say("summary.left_out", count=out)] if out else [])])


def _word(figure: Figure, words: Words) -> str:
    word = words.term("verdict", figure.verdict) if figure.verdict else words.say("summary.what_no_word")
    return words.say("summary.what_word", method=method_name(figure, words), word=word)


def method_name(figure: Figure, words: Words) -> str:
    """In plain words."""
    return words.say(f"method.{text_of(figure.evidence.method)}.name")


def _strength(reading: Reading, words: Words) -> str:
    """The highest of many is a choice after the fact, so the sentence pays for all of them (Markov, union bound).

    Also for those that a reviewer rejected, which it does not name: rejecting is a choice after the fact, too.
    """
    known = [f for f in reading.figures if text_of(f.evidence.method) != OTHER]
    left_out = len(reading.figures) - len(known)
    accepted = {id(f) for f in reading.accepted}
    shown = [f for f in known if id(f) in accepted]
    said = [_highest(shown, _free(known) - _free(shown) + left_out, words)] if shown else []
    if left_out:
        said.append(words.say("summary.strength_unknown", count=left_out))
    return " ".join(said) or words.say("figure.none")


def _free(figures: Sequence[Figure]) -> int:
    """How many no search chose."""
    return sum(text_of(f.evidence.method) not in CHOSEN for f in figures)


def _highest(known: Sequence[Figure], unnamed: int, words: Words) -> str:
    best = [
        max(kind, key=lambda f: f.evidence.log_e)
        for name in ("exact", "calibrated", "model")
        if (kind := [f for f in known if f.evidence.kind == name])
    ]
    figures = words.say("figure.semicolon").join(_named(f, words) for f in best)
    free = [f.evidence.log10_e for f in known if text_of(f.evidence.method) not in CHOSEN]
    if not free:
        return words.say("summary.strength_chosen", figures=figures)
    count = len(free) + unnamed
    odds = max(free) - math.log10(count)
    name = "strength_text" if odds >= SAYS else "strength_weak"
    said = words.odds(odds) if odds >= SAYS else ""
    told = words.say(f"summary.{name}", figures=figures, count=count, log10=words.log10(max(free)), odds=said)
    chosen = tuple(words.say("figure.entry", seq=f.entry.seq) for f in best if text_of(f.evidence.method) in CHOSEN)
    if not chosen:
        return told
    return f"{told} {words.say('summary.strength_search', entries=words.listed(chosen, NAMES))}"


def _named(figure: Figure, words: Words) -> str:
    return words.say(
        "summary.strength_figure",
        kind=words.term("evidence_kind", figure.evidence.kind),
        log10=words.log10(figure.evidence.log10_e),
        method=method_name(figure, words),
        seq=figure.entry.seq,
    )


def _objections(reading: Reading, words: Words) -> str:
    reviews: Sequence[object] = [e for e in reading.of("review") if e.body["verdict"] == "reject"]
    appeals = reading.of("appeal")
    return words.say(
        "summary.objections", rejections=len(reviews), appeals=len(appeals), corrections=len(reading.corrected)
    )


def _state(reading: Reading, words: Words) -> str:
    if not closed(reading.case):
        return words.say("summary.state_open")
    why = next(e.body["why"] for e in reversed(reading.case.entries) if e.kind == "close")
    return words.say("summary.state_closed", why=words.quoted(why, 300))
