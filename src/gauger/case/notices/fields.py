"""What a person fills in: the fields of a form, read strictly, with all that is missing named at once.

values, problems = read(fields, {"email": "mira@lab.example"})
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias

from gauger.case.characters import JOINERS, folded, stray, unseen
from gauger.errors import ConfigError

Form = Literal[
    "line",
    "text",
    "lines",
    "email",
    "domain",
    "address",
    "host",
    "url",
    "place",
    "places",
    "time",
    "date",
    "count",
    "share",
    "yes",
    "choice",
]
"""``place``: a URL that leads to one thing, not to a whole site. ``share``: from 0 to 1."""

Value: TypeAlias = str | int | float | bool | date | datetime | tuple[str, ...]

LINE_CHARS, TEXT_CHARS, LIST_LINES = 300, 8000, 500
_FILLER = re.compile(
    r"n/a|n\.a\.?|todo|tb[acd]|fixme|x{3,}|placeholder|(your |full )?name|<[^>]*>|\[[^\]]*\]|\{+[^}]*\}+"
)
"""What stands in a form until somebody fills it in."""
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
_URL = re.compile(
    r"https?://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(?P<rest>[/?#][!-;=?-Z\[\]_a-z~%\u00a1-\U000effff]*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to fill in.

    Attributes:
        meaning: what to write, and what it is for.
        law: where it is demanded, "" where it is not.
        need: ``required`` refuses, ``recommended`` warns.
    """

    name: str
    meaning: str
    form: Form = "line"
    law: str = ""
    need: Literal["required", "recommended", "optional"] = "required"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, and what the field is for."""

    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}"


class IncompleteError(ConfigError):
    """A notice that cannot be drafted.

    Attributes:
        problems: all that is missing or wrong, not only the first.
    """

    def __init__(self, kind: str, problems: Sequence[Problem]) -> None:
        names = ", ".join(dict.fromkeys(p.field for p in problems))
        super().__init__(f"{kind}: refused until it is complete; missing or wrong: {names}")
        self.problems = tuple(problems)


def read(fields: Iterable[Field], given: Mapping[str, object]) -> tuple[dict[str, Value], list[Problem]]:
    """The values of a form, and everything that is wrong with it."""
    fields = tuple(fields)
    values: dict[str, Value] = {}
    known = {f.name for f in fields}
    problems = [Problem(str(name)[:80], "is no field of this form") for name in given if name not in known]
    for field in fields:
        value = given.get(field.name)
        if empty(value):
            if field.need == "required":
                problems.append(Problem(field.name, "is missing. " + explained(field)))
            continue
        try:
            values[field.name] = _READ[field.form](value, field)
        except ValueError as error:
            problems.append(Problem(field.name, f"{error}. {explained(field)}"))
    return values, problems


def empty(value: object) -> bool:
    """Whether a form's value says nothing. A 0 says something."""
    return value is None or value is False or value in ("", [])


def explained(field: Field) -> str:
    """What a field is for."""
    return f"{field.meaning} [{field.law}]" if field.law else field.meaning


def inert(text: str) -> str:
    """Text of strangers with its controls, bidi marks and invisible signs spelt out."""
    return "".join(f"<U+{ord(c):04X}>" if hidden(c) else c for c in text)


def hidden(c: str) -> bool:
    """Whether a character does not show, and no script needs it."""
    return unseen(c) and c not in JOINERS


def said(value: Value) -> str:
    """A value as it stands in a letter."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _line(value: object, field: Field) -> str:
    return _written(value, field, LINE_CHARS)


def _text(value: object, field: Field) -> str:
    value = value.replace("\r\n", "\n") if isinstance(value, str) else value
    return _written(value, field, TEXT_CHARS, also="\n")


def _written(value: object, field: Field, most: int, also: str = "") -> str:
    if not isinstance(value, str):
        raise ValueError("should be text in quotes")
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > most:
        raise ValueError(f"has more than {most:,} characters")
    if bad := next((c for c in text if hidden(c) and c not in also), ""):
        raise ValueError(f"holds a control character or an invisible one (U+{ord(bad):04X}), which is refused")
    if stray(text):
        raise ValueError("holds a joiner (U+200C, U+200D) that does not stand between two letters, which is refused")
    if not any(map(str.isalnum, text)):
        raise ValueError("holds no letter and no digit")
    if field.need == "required" and _FILLER.fullmatch(folded(text)):
        raise ValueError("holds what stands in a form until somebody fills it in")
    return text


def _list(of: Callable[[object, Field], str]) -> Callable[[object, Field], tuple[str, ...]]:
    def read_list(value: object, field: Field) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError('should be a list: ["...", "..."]')
        if len(value) > LIST_LINES:
            raise ValueError(f"has more than {LIST_LINES} lines")
        return tuple(dict.fromkeys(of(v, field) for v in value))

    return read_list


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[object, Field], str]:
    def read_matching(value: object, field: Field) -> str:
        text = _line(value, field)
        if not pattern.fullmatch(text):
            raise ValueError(f"is no {what}")
        return text

    return read_matching


_INSIDE = [
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")
]


def _address(value: object, field: Field) -> str:
    try:
        address = ipaddress.ip_address(_line(value, field))
    except ValueError:
        raise ValueError("is no IP address") from None
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
        raise ValueError("is an address by which nobody on the Internet is found: loopback, link-local, multicast")
    if any(address in net for net in _INSIDE):
        raise ValueError("is an address inside somebody's own network: the one seen on the Internet is needed")
    return str(address)


def _host(value: object, field: Field) -> str:
    text = _line(value, field)
    return text if _DOMAIN.fullmatch(text) else _address(text, field)


def _url(value: object, field: Field) -> str:
    return _matching(_URL, "http or https URL, without a name or password in it")(value, field)


def _place(value: object, field: Field) -> str:
    text = _url(value, field)
    found = _URL.fullmatch(text)
    if found is None or not (found["rest"] or "").strip("/.?#"):
        raise ValueError("names a whole site, not the exact location of one thing")
    return text


def _time(value: object, field: Field) -> datetime:
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(_line(value, field))
    except ValueError:
        raise ValueError("is no time such as 2026-03-01T12:00:00Z") from None
    if time.tzinfo is None:
        raise ValueError("says no time zone: write UTC, 2026-03-01T12:00:00Z")
    return time.astimezone(UTC)


def _date(value: object, field: Field) -> date:
    try:
        return value if type(value) is date else date.fromisoformat(_line(value, field))
    except ValueError:
        raise ValueError("is no date such as 2026-03-01") from None


def _count(value: object, field: Field) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**53:
        raise ValueError("should be a whole number from 1")
    return value


def _share(value: object, field: Field) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("should be a number from 0 to 1")
    return float(value)


def _yes(value: object, field: Field) -> bool:
    if value is not True:
        raise ValueError("should be true, once the person who signs has read it and says so")
    return True


def _choice(value: object, field: Field) -> str:
    if value not in field.choices:
        raise ValueError(f"should be one of {', '.join(field.choices)}")
    return str(value)


_READ: Mapping[Form, Callable[[object, Field], Value]] = {
    "line": _line,
    "text": _text,
    "lines": _list(_line),
    "email": _matching(_EMAIL, "e-mail address"),
    "domain": _matching(_DOMAIN, "domain"),
    "address": _address,
    "host": _host,
    "url": _url,
    "place": _place,
    "places": _list(_place),
    "time": _time,
    "date": _date,
    "count": _count,
    "share": _share,
    "yes": _yes,
    "choice": _choice,
}
