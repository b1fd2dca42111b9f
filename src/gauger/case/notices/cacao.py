"""``cacao``: a playbook for a coordinated takedown, CACAO Security Playbooks 2.0. Every step is done by people."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from gauger.case.notices.authorship import signed
from gauger.case.notices.cacao_shape import shape_problems
from gauger.case.notices.document import Kind, Material, Part
from gauger.case.notices.fields import Field, Problem, said
from gauger.case.notices.letters import CONTACT, NEVER, OBJECTION, RECIPIENT, letter, named
from gauger.model import digest

_TLP = ("TLP:AMBER+STRICT", "TLP:AMBER", "TLP:RED", "TLP:GREEN", "TLP:CLEAR")
_PARTY = re.compile(r"(?P<name>[^<>]{1,150}?)(?: <(?P<email>[^<>@\s]+@[^<>@\s]+)>)?")
_FIELDS = (
    *RECIPIENT,
    *CONTACT,
    Field(name="name", meaning="Name of the playbook, one of its kind among those who share it."),
    Field(name="description", form="text", meaning="What is to be taken down, and why together."),
    Field(
        name="parties",
        form="lines",
        meaning='Who acts, one a line, with a contact: "Cloud A abuse desk <abuse@cloud-a.example>".',
    ),
    Field(name="request", form="text", meaning="What each party is asked to do."),
    Field(name="answer_by", form="date", meaning="By when each party should answer."),
    Field(name="tlp", form="choice", choices=_TLP, meaning="How far it may be shared (FIRST TLP 2.0)."),
    Field(name="good_faith", form="yes", meaning="true if the signer believes in good faith that this is accurate."),
)
_OBJECTION = "__objection__"
_VARIABLE = {"type": "bool", "description": "true once anybody objects", "value": "false", "constant": False}


def playbook(material: Material) -> dict[str, Any]:
    """Prepare, approve, notify all at once, wait; hold and look again if anybody objects; then close."""
    made = _Ids(material)
    time = material.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{material.time.microsecond // 1000:03d}Z"
    identity, ours, marking = made("identity", "us"), made("organization", "us"), made("marking-tlp", "tlp")
    get, work = material.get, _Workflow(material, made, ours)
    start = work.all()
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": made("playbook", "playbook"),
        "name": get("name"),
        "description": get("description"),
        "playbook_types": ["notification", "investigation"],
        "playbook_activities": ["compose-content", "identify-audience", "deliver-content", "analyze-collected-data"],
        "playbook_processing_summary": {
            "manual_playbook": True,
            "parallel_processing": len(work.targets) > 1,
            "if_logic": True,
            "data_markings": True,
        },
        "created_by": identity,
        "created": time,
        "modified": time,
        "labels": ["model-distillation", "coordinated-takedown"],
        "markings": [marking],
        "playbook_variables": {_OBJECTION: _VARIABLE},
        "workflow_start": start,
        "workflow": dict(sorted(work.steps.items())),
        "agent_definitions": {ours: _organisation(get("organisation"), get("email"))},
        "target_definitions": work.targets,
        "data_marking_definitions": {
            marking: {
                "type": "marking-tlp",
                "id": marking,
                "created_by": identity,
                "created": time,
                "tlpv2_level": get("tlp"),
            }
        },
    }


class _Workflow:
    """The steps, each named by those that come before it: so they are written from the last to the first.

    Attributes:
        steps, targets: by their ids.
    """

    def __init__(self, material: Material, made: _Ids, ours: str) -> None:
        self._material, self._made, self._ours = material, made, ours
        self.steps: dict[str, Any] = {}
        self.targets: dict[str, Any] = {}

    def all(self) -> str:
        """Write all steps; which is the first."""
        asked = self._objected()
        until = (
            f"Collect answers until {self._material.get('answer_by')}. Note any objection, counter-notice or appeal."
        )
        wait = self._act("wait", "Wait for answers", until, asked, out_args=[_OBJECTION])
        two = "Two people approve each notice; one of them did not draft it."
        approve = self._act("approve", "Approve", two, self._told(wait), activity="identify-audience")
        kept = "Draft each party's notice. Keep the evidence and note its digests."
        prepare = self._act("prepare", "Prepare", kept, approve, activity="compose-content")
        return self._step("start", "start", name="Start", on_completion=prepare)

    def _objected(self) -> str:
        """What follows an objection, and what follows if there is none."""
        done = "Write down what each party did. Lift what is on hold, or take the notices back."
        close = self._act("close", "Close", done, self._step("end", "all"))
        look = "Hold every notice that is not out. A person who did not draft them looks at the objection and decides."
        hold = self._act("hold", "Hold", look, self._step("end", "objection"))
        return self._step(
            "if-condition",
            "objection",
            name="Has anybody objected?",
            condition=f"{_OBJECTION}:value = 'true'",
            on_true=hold,
            on_completion=close,
        )

    def _told(self, then: str) -> str:
        """All parties: one action for one, parallel branches, each with an end of its own, for more."""
        parties = [found for p in self._material.all("parties") if (found := _PARTY.fullmatch(p)) is not None]
        if len(parties) == 1:
            return self._tell(0, parties[0], then)
        branches = [self._tell(k, party, self._step("end", f"party {k}")) for k, party in enumerate(parties)]
        return self._step("parallel", "tell", name="Notify all parties", next_steps=branches, on_completion=then)

    def _tell(self, k: int, party: re.Match[str], then: str) -> str:
        key = self._made("organization", f"party {k}")
        self.targets[key] = _organisation(party["name"], party["email"])
        command = f"Send {party['name']} its notice, and ask: {self._material.get('request')}"
        name = f"Notify {party['name']}"
        return self._act(f"tell {k}", name, command, then, activity="deliver-content", targets=[key])

    def _act(
        self, key: str, name: str, command: str, then: str, *, activity: str = "analyze-collected-data", **more: Any
    ) -> str:
        """An action of ours, done by people."""
        manual = {"type": "manual", "command": command, "playbook_activity": activity}
        return self._step("action", key, name=name, commands=[manual], agent=self._ours, on_completion=then, **more)

    def _step(self, kind: str, key: str, **fields: Any) -> str:
        step = self._made(kind, key)
        self.steps[step] = {"type": kind, **fields}
        return step


def _organisation(name: str, email: str | None) -> dict[str, Any]:
    return {"type": "organization", "name": name, **({"contact": {"email": {"work": email}}} if email else {})}


class _Ids:
    """Identifiers made of the notice's content: the same draft is the same playbook, byte for byte."""

    def __init__(self, material: Material) -> None:
        fields = {name: said(v) if not isinstance(v, tuple) else list(v) for name, v in material.fields.items()}
        self._seed = digest([material.facts.case, material.name, said(material.time), fields])

    def __call__(self, kind: str, key: str) -> str:
        bits = bytes.fromhex(digest([self._seed, kind, key]).removeprefix("sha256:"))[:16]
        return f"{kind}--{uuid.UUID(bytes=bits, version=4)}"


def _problems(material: Material) -> list[Problem]:
    found = signed(material)
    bad = [p for p in material.all("parties") if not _PARTY.fullmatch(p)]
    found += [Problem("parties", f'{len(bad)} of them are no "Name <e-mail>"')] if bad else []
    if material.get("answer_by") <= material.time.date().isoformat():
        found.append(Problem("answer_by", "is not in the future"))
    return found or [Problem("playbook", text) for text in shape_problems(playbook(material))]


def _parts(material: Material) -> tuple[Part, ...]:
    made: Mapping[str, Any] = playbook(material)
    sections = [
        (
            "What is to be done",
            [*named(material, "name"), material.get("description"), *named(material, "answer_by", "tlp")],
        ),
        ("Who acts", material.all("parties")),
        ("What each is asked", [material.get("request")]),
        (
            "For your machine",
            ["playbook.json is the same as a CACAO 2.0 playbook. All its commands are manual: nothing runs by itself."],
        ),
    ]
    return (
        Part(name="notice.txt", text=letter(KIND, material, sections)),
        Part(name="playbook.json", text=json.dumps(made, ensure_ascii=False, indent=2) + "\n"),
    )


KIND = Kind(
    id="cacao",
    title="Playbook for a coordinated takedown",
    law="CACAO Security Playbooks 2.0",
    fields=_FIELDS,
    claims=("That the steps above, done together, would stop what is described, as far as we know.",),
    not_claimed=(*NEVER, "That a party must act: each decides by its own rules and law."),
    objection=OBJECTION,
    parts=_parts,
    subject=lambda m: f"Playbook {m.facts.case}/{m.name}",
    problems=_problems,
    warnings=("A playbook asks; each party still needs its own complete notice.",),
    schema="cacao",
)
