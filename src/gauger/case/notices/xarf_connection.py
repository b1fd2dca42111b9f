"""``xarf-connection``: scraping of an API from one address, as an XARF 4.2 report (connection / scraping)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gauger.case.notices.authorship import signed
from gauger.case.notices.document import Kind, Material, Part
from gauger.case.notices.facts import Access, summary
from gauger.case.notices.fields import Field, Problem, read, said
from gauger.case.notices.letters import NEVER, OBJECTION, letter, named
from gauger.case.notices.xarf import COMMON, lengths, log_evidence, report

_XARF = "XARF 4.2 connection/scraping"
_PATTERNS = (
    "api_harvesting",
    "targeted",
    "sequential",
    "random",
    "sitemap_following",
    "deep_crawling",
    "breadth_first",
    "depth_first",
)
_CONTENT = ("api_data", "general_content", "documents", "search_results", "other")
_FIELDS = (
    *COMMON,
    Field(
        name="source_identifier",
        form="address",
        law=_XARF,
        meaning="The IP address that the requests came from; one report an address.",
    ),
    Field(
        name="source_port",
        form="count",
        need="recommended",
        law=_XARF,
        meaning="Its port, without which a shared address (CGNAT) names nobody.",
    ),
    Field(name="destination_ip", form="address", need="recommended", law=_XARF, meaning="Your address that was asked."),
    Field(name="destination_port", form="count", need="recommended", law=_XARF, meaning="Your port."),
    Field(name="protocol", form="choice", choices=("tcp", "udp"), law=_XARF, meaning="The transport."),
    Field(
        name="first_seen", form="time", law=_XARF, meaning="The first request. From --accesses where those are given."
    ),
    Field(name="last_seen", form="time", law=_XARF, meaning="The last request. From --accesses where those are given."),
    Field(
        name="total_requests",
        form="count",
        law=_XARF,
        meaning="How many requests. From --accesses where those are given.",
    ),
    Field(
        name="scraping_pattern",
        form="choice",
        choices=_PATTERNS,
        need="recommended",
        law=_XARF,
        meaning="How it asked.",
    ),
    Field(
        name="target_content",
        form="choice",
        choices=_CONTENT,
        need="recommended",
        law=_XARF,
        meaning="What it asked for.",
    ),
    Field(name="user_agent", need="recommended", law=_XARF, meaning="The User-Agent that it gave."),
)


def _provided(given: Mapping[str, object], accesses: tuple[Access, ...]) -> Mapping[str, object]:
    address = read(_FIELDS, given)[0].get("source_identifier")
    times = [a.time for a in accesses if a.address == address]
    if not times:
        return {}
    return {"first_seen": said(min(times)), "last_seen": said(max(times)), "total_requests": len(times)}


def _problems(material: Material) -> list[Problem]:
    found = [*signed(material), *lengths(material)]
    if str(material.fields["last_seen"]) < str(material.fields["first_seen"]):
        found.append(Problem("last_seen", "is before first_seen"))
    if material.accesses and not log_evidence(material, material.get("source_identifier")):
        found.append(Problem("source_identifier", "is in none of the accesses"))
    return found


def _parts(material: Material) -> tuple[Part, ...]:
    names = (
        "source_identifier",
        "source_port",
        "destination_ip",
        "destination_port",
        "protocol",
        "scraping_pattern",
        "target_content",
        "user_agent",
        "total_requests",
    )
    times = {"first_seen": material.get("first_seen"), "last_seen": material.get("last_seen")}
    more: dict[str, Any] = {n: material.fields[n] for n in names if n in material.fields} | times
    more["timestamp"] = times["last_seen"]
    if evidence := log_evidence(material, material.get("source_identifier")):
        more["evidence"] = evidence
    sections = [
        (
            "What was done",
            [
                material.get("description"),
                *named(material, "source_identifier", "first_seen", "last_seen", "total_requests"),
            ],
        ),
        ("What was measured", summary(material.facts)),
        ("For your machine", ["report.json is the same as an XARF 4.2 report, connection/scraping."]),
    ]
    return (
        Part(name="notice.txt", text=letter(KIND, material, sections)),
        Part(name="report.json", text=report(material, "connection", "scraping", more)),
    )


KIND = Kind(
    id="xarf-connection",
    title="Abuse report: scraping of an API",
    law=_XARF,
    fields=_FIELDS,
    claims=(
        "That requests came from the address above, as often and when it says, and harvested our API against its "
        "terms.",
    ),
    not_claimed=(*NEVER, "That a model was trained on what was taken."),
    objection=OBJECTION,
    parts=_parts,
    subject=lambda m: f"XARF connection/scraping {m.get('source_identifier')} {m.facts.case}/{m.name}",
    problems=_problems,
    provided=_provided,
    accesses="optional",
    schema="xarf",
)
