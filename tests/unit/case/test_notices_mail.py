"""The mail that a notice becomes: one recipient, no header that breaks in two, the same bytes each time."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from gauger.app.cli.case.notice_mail import mail_server
from gauger.case.notices.document import checked
from gauger.edge.case.mail import Server, check, deliver, message
from gauger.errors import ConfigError, InputError
from gauger.model import digest
from tests.notice_forms import NOW, drafted

OF = digest(b"the document")


def parsed(data: bytes) -> EmailMessage:
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_the_mail_carries_every_part_whole() -> None:
    notice = drafted("abuse-report", signer="Zoë Kowalska")
    mail = parsed(message(notice, of=OF, time=NOW).as_bytes())
    assert (mail["To"], mail["From"]) == ("abuse@cloud-a.example", "trust@lab.example")
    assert mail["Subject"] == notice.subject
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == f"<{OF[7:47]}@lab.example>"
    body, csv = mail.iter_parts()
    assert isinstance(body, EmailMessage)
    assert body.get_content().replace("\r\n", "\n") == notice.parts[0].text
    assert csv.get_filename() == "accesses.csv"
    assert csv.get_payload(decode=True) == notice.parts[1].text.encode()


@pytest.mark.parametrize("kind", ["abuse-report", "dsa", "cacao"])
def test_the_same_notice_is_the_same_mail_and_any_server_can_carry_it(kind: str) -> None:
    data = message(drafted(kind, signer="Zoë Kowalska"), of=OF, time=NOW).as_bytes()
    assert data == message(drafted(kind, signer="Zoë Kowalska"), of=OF, time=NOW).as_bytes()
    assert data.isascii()
    assert max(len(line) for line in data.split(b"\r\n")) <= 998


@pytest.mark.parametrize("field", ["to", "sender", "subject"])
@pytest.mark.parametrize(
    "evil",
    [
        *("x@y.example\r\nBcc: z@y.example", "x@y.example\nBcc: z@y.example", "a@b.example, c@d.example"),
        *(
            "=?utf-8?q?x=0d=0aBcc:_z?=@y.example",
            "x =?utf-8?b?DQpCY2M6IGFAYi5j?= <x@y.example>",
            "x\u2028Bcc: z@y.example",
        ),
    ],
)
def test_no_header_breaks_in_two(field: str, evil: str) -> None:
    notice = replace(drafted("dsa"), **{field: evil})
    if field == "subject" and evil.startswith("a@b"):
        return
    with pytest.raises(ConfigError):
        message(notice, of=OF, time=NOW)
    if not evil.startswith("a@b"):
        with pytest.raises(InputError):
            checked(notice, "n.json")


@pytest.mark.parametrize(
    "evil", ["Hi =?utf-8?q?=0d=0aBcc:_z=40y.example?=", "=?utf-8?q?=0d=0aContent-Type:_text/plain?="]
)
def test_a_header_that_the_library_would_break_is_refused_all_the_same(
    evil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gauger.edge.case.mail.checked", lambda notice, source: notice)
    with pytest.raises(ConfigError, match="break"):
        message(replace(drafted("dsa"), subject=evil), of=OF, time=NOW)


@pytest.mark.parametrize("field", ["to", "sender"])
def test_a_mail_needs_an_address(field: str) -> None:
    with pytest.raises(ConfigError, match="by file"):
        message(replace(drafted("dsa"), **{field: ""}), of=OF, time=NOW)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.9.9.9"])
def test_without_tls_only_on_this_machine(host: str) -> None:
    check(Server(host=host, plain=True))
    for other in ("smtp.example", "192.0.2.1", "localhost.evil.example", "10.0.0.1"):
        check(Server(host=other))
        with pytest.raises(ConfigError, match="TLS"):
            check(Server(host=other, plain=True))
        with pytest.raises(ConfigError, match="TLS"):
            deliver(message(drafted("dsa"), of=OF, time=NOW), drafted("dsa"), Server(host=other, plain=True))


def test_a_server_is_named_by_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(smtp: str, user: str = "", env: str = "", ca: Path | None = None, plain: bool = False) -> Server | None:
        return mail_server(smtp, user=user, password_env=env, ca=ca, plain=plain)

    assert made("") is None
    assert made("smtp.example") == Server(host="smtp.example", port=587)
    assert made("[2001:db8::1]:465") == Server(host="2001:db8::1", port=465)
    assert made("[::1]") == Server(host="::1", port=587)
    word = "secret"
    monkeypatch.setenv("MAIL_PASSWORD", word)
    assert made("smtp.example", "mira", "MAIL_PASSWORD") == Server(host="smtp.example", user="mira", password=word)
    for wrong in ("smtp.example:x", "smtp.example:0", "smtp.example:70000", ":25"):
        with pytest.raises(ConfigError, match="HOST"):
            made(wrong)
    for given in (("", "mira", "", None, False), ("", "", "", None, True), ("s.example", "mira", "", None, False)):
        with pytest.raises(ConfigError):
            made(*given)
