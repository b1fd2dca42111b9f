"""What was measured: each method once in plain words, then its figures one by one."""

from __future__ import annotations

from gauger.case.reporting.document import Block, Cell, Facts, Heading, Items, Paragraph, Section
from gauger.case.reporting.methods import CHOSEN, METHODS, OTHER, text_of
from gauger.case.reporting.reading import SAYS, Figure, Reading
from gauger.case.reporting.words import Words
from gauger.model import Evidence

INPUTS = 8  # digests shown with a figure; the case has all of them


def measured(reading: Reading, words: Words) -> Section:
    """Of each method what it asks, its null, what it leaves open; of each figure what it means."""
    blocks: list[Block] = []
    for name in (*METHODS, OTHER):
        figures = [f for f in reading.figures if text_of(f.evidence.method) == name]
        if figures:
            blocks += _method(name, words)
            for figure in figures:
                blocks += _figure(figure, reading, words)
    if blocks:
        blocks.append(Paragraph(words.say("measured.many", count=len(reading.figures)), "note"))
    else:
        blocks.append(Paragraph(words.say("measured.none")))
    return Section(id="measured", title=words.say("measured.title"), blocks=tuple(blocks), page=True)


def _method(name: str, words: Words) -> list[Block]:
    said = ("asks", "null", "strong")
    return [
        Heading(words.say(f"method.{name}.name")),
        Facts(tuple((words.say(f"measured.{part}"), Cell(words.say(f"method.{name}.{part}"))) for part in said)),
        Paragraph(words.say("measured.alternatives"), "lead"),
        Items(words.all(f"method.{name}.alternatives")),
        Paragraph(words.say("measured.limits"), "lead"),
        Items(words.all(f"method.{name}.limits")),
    ]


def _figure(figure: Figure, reading: Reading, words: Words) -> list[Block]:
    e, entry = figure.evidence, figure.entry
    subject = words.quoted(e.subject, 200)
    by = words.say(
        "measured.by_text",
        author=words.quoted(entry.author, 80),
        role=words.term("role", entry.role),
        time=words.when(entry.time),
    )
    rows: list[tuple[str, Cell]] = [
        ("meaning", Cell(meaning(e, words), strong=True)),
        ("log10", Cell(words.log10(e.log10_e))),
        ("kind", Cell(words.term("evidence_kind", e.kind))),
        ("rank", Cell(_rank(e, words))),
        ("verdict", Cell(words.term("verdict", figure.verdict) if figure.verdict else "")),
        ("candidate", Cell(words.quoted(figure.candidate, 200))),
        ("units", Cell(f"{e.n:,}")),
        ("recorded_null", Cell(words.quoted(e.null))),
        ("basis", Cell(words.quoted(e.why))),
        ("by", Cell(by)),
        ("plan", _plan(figure, reading, words)),
        ("reviews", Cell(_reviews(figure, reading, words))),
        ("objections", Cell(_objections(figure, reading, words))),
        ("inputs", Cell(words.listed(tuple(words.quoted(i, 100) for i in e.inputs), INPUTS), code=True)),
        ("replay", _replay(figure, words)),
    ]
    shown = tuple((words.say(f"measured.{name}"), cell) for name, cell in rows if cell.text)
    return [Paragraph(words.say("measured.figure", seq=entry.seq, subject=subject), "lead"), Facts(shown)]


def meaning(evidence: Evidence, words: Words) -> str:
    """What the number says, and no more."""
    value = evidence.log10_e
    if value <= 0:
        return words.say("strength.against")
    if value < SAYS:
        return words.say("strength.little")
    if text_of(evidence.method) in CHOSEN:
        return words.say("strength.chosen", odds=words.odds(value))
    return words.say("strength.anytime" if evidence.anytime else "strength.once", odds=words.odds(value))


def _rank(evidence: Evidence, words: Words) -> str:
    p, floor = evidence.params.get("p"), evidence.params.get("floor")
    if not (isinstance(p, (int, float)) and isinstance(floor, (int, float))):
        return ""
    return words.say("measured.rank_text", p=f"{p:.3g}", floor=f"{floor:.3g}")


def _plan(figure: Figure, reading: Reading, words: Words) -> Cell:
    if not figure.plan:
        return Cell(words.say("measured.plan_none"))
    shown, seq = words.quoted(figure.plan, 100), figure.entry.seq
    before = [e.seq for e in reading.of("plan") if e.body["plan"] == figure.plan and e.seq < seq]
    if not before:
        return Cell(words.say("measured.plan_missing", digest=shown))
    return Cell(words.say("measured.plan_before", digest=shown, seq=before[0]))


def _reviews(figure: Figure, reading: Reading, words: Words) -> str:
    said = [
        words.say(
            "measured.review_text",
            author=words.quoted(e.author, 80),
            role=words.term("role", e.role),
            verdict=words.term("review", e.body["verdict"]),
        )
        for e in reading.about(figure, "review")
    ]
    return words.say("figure.comma").join(said) if said else words.say("measured.reviews_none")


def _objections(figure: Figure, reading: Reading, words: Words) -> str:
    said = tuple(words.say("figure.entry", seq=e.seq) for e in reading.about(figure, "appeal"))
    return words.listed(said, 20)


def _replay(figure: Figure, words: Words) -> Cell:
    if not figure.command:
        return Cell(words.say("measured.replay_none"))
    return Cell(words.quoted(figure.command), code=True)
