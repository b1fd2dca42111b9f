"""``hub-report``: a report of a model to the hub that hosts it. Some hubs publish reports: nothing private goes in."""

from __future__ import annotations

import html
import ipaddress
import re

from gauger.case.characters import folded
from gauger.case.notices.authorship import authorship, signed
from gauger.case.notices.document import Kind, Material, Part
from gauger.case.notices.fields import Field, Problem
from gauger.case.notices.letters import CONTACT, NEVER, OBJECTION, RECIPIENT, letter, named

_FIELDS = (
    *RECIPIENT,
    *CONTACT,
    Field(name="model_urls", form="places", meaning="The exact pages of the models, with the revision if you know it."),
    Field(
        name="rule",
        form="text",
        meaning="Which rule of the hub, or which licence, you say is broken, quoted, with where it stands.",
    ),
    Field(
        name="reasons",
        form="text",
        meaning="Why, in words that may be published: no customer, no account, no address, no prompt, no digest of "
        "evidence.",
    ),
    Field(
        name="request",
        form="text",
        meaning="What you ask: a look at the model card, contact with the uploader, a label, removal.",
    ),
    Field(
        name="may_be_public",
        form="yes",
        meaning="true if the signer has understood that the hub may publish this report as it stands, and the signer's "
        "name with it.",
    ),
    Field(
        name="good_faith",
        form="yes",
        meaning="true if the signer believes in good faith that this is accurate.",
    ),
)
_DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})\b|sha(?:256|512):", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w)|(?<!\w)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])")
_SHORT = 3  # a shorter name is a word of the language too often


def private(material: Material) -> list[Problem]:
    """Whatever in the text must not be published, by the field that holds it."""
    found = []
    facts, ours = material.facts, {folded(material.get(name)) for name in ("email", "recipient_email")}
    names = {folded(n).strip(" .,;") for n in (*facts.accounts, *facts.private, *material.withheld)}
    named = [re.compile(rf"(?<!\w){re.escape(n)}(?!\w)", re.ASCII) for n in names if len(n) >= _SHORT]
    texts = {f.name: "\n".join(material.all(f.name)) for f in _FIELDS if f.name in material.fields}
    for field, written in {**texts, "case": facts.case, "name": material.name}.items():
        plain = _plain(written)
        text = "\n".join(map(folded, (written, plain)))
        unbroken = "\n".join(folded(said.replace("\n", "")) for said in (written, plain))
        if _DIGEST.search(text):
            found.append(Problem(field, "holds a digest of evidence, by which it can be looked up: take it out"))
        if any(m not in ours for m in _EMAIL.findall(text)):
            found.append(Problem(field, "holds somebody's e-mail address: take it out"))
        if any(_is_address(m) for m in _ADDRESS.findall(text)):
            found.append(Problem(field, "holds an IP address: take it out"))
        hits = [n for n in named if n.search(text) or n.search(unbroken)]
        if hits:
            why = f"holds {len(hits)} name(s) of accounts, customers or what evidence is about: take them out"
            found.append(Problem(field, f"{why}, or enter a model that you name as a suspect"))
    return found


def _plain(text: str) -> str:
    """What a reader sees in text that was made harmless or escaped: 192[.]0[.]2[.]7, a [at] b, %5F, \\_, &#95;."""
    text = re.sub(r"%([0-7][0-9a-fA-F])", lambda m: chr(int(m[1], 16)), html.unescape(text))
    text = re.sub(r"\\+(?=[^A-Za-z0-9\s])", "", text)
    text = re.sub(r"\s*[\[({<]\s*(?:\.|dot)\s*[\])}>]\s*", ".", text, flags=re.IGNORECASE)
    text = re.sub(r"\s*[\[({<]\s*(?:@|at)\s*[\])}>]\s*", "@", text, flags=re.IGNORECASE)
    return re.sub(r"\s*[\[({<]\s*:\s*[\])}>]\s*", ":", text)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _problems(material: Material) -> list[Problem]:
    return [*signed(material), *private(material), *authorship(material, ("rule",))]


def _parts(material: Material) -> tuple[Part, ...]:
    get = material.get
    sections = [
        ("Which models", material.all("model_urls")),
        ("Which rule", [get("rule")]),
        ("Why", [get("reasons")]),
        ("What we ask", [get("request")]),
        (
            "Evidence",
            [
                "None is attached, because reports may be published. It is shown to your trust team on request, under "
                "agreed terms."
            ],
        ),
        ("Contact", named(material, "organisation", "signer", "email")),
    ]
    return (Part(name="notice.txt", text=letter(KIND, material, sections)),)


KIND = Kind(
    id="hub-report",
    title="Report of a model",
    law="",
    fields=_FIELDS,
    claims=("That the models named above break the rule quoted above, for the reasons given.",),
    not_claimed=(
        NEVER[0],
        "Copyright in what a model put out.",
        "That the uploader made the model, or knew how it was made.",
    ),
    objection=OBJECTION,
    parts=_parts,
    subject=lambda m: f"Report of a model {m.facts.case}/{m.name}",
    problems=_problems,
    warnings=(
        "Some hubs publish reports as they come, with the reporter's name: nothing private may stand in it.",
        "No evidence is attached. Name customers that must not appear with --withhold FILE, one a line.",
    ),
)
