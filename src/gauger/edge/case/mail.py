"""Mail a notice over SMTP, once: TLS or nothing, one recipient, and an honest word on whether it went out.

deliver(message(notice, of=digest, time=now), notice, Server(host="smtp.example", port=587))
"""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from gauger.case.notices.document import MEDIA, Notice, checked
from gauger.errors import ConfigError, ExchangeError, InputError

TIMEOUT_S = 60.0
IMPLICIT_TLS = 465  # submission over TLS from the first byte on
_TAKEN = 250


class UnsureError(ExchangeError):
    """The connection broke after the text was handed over: it may have gone out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server.

    Attributes:
        ca: certificates to trust besides none of the system's, for a relay with an authority of its own.
        plain: no TLS. Refused but on loopback.
    """

    host: str
    port: int = 587
    user: str = ""
    password: str = ""
    ca: Path | None = None
    plain: bool = False
    timeout_s: float = TIMEOUT_S


def message(notice: Notice, *, of: str, time: datetime) -> EmailMessage:
    """The mail that a notice is: the first part to be read, the others attached.

    Args:
        of: digest of the approved document. The Message-ID is made of it, so that a copy is known for one.

    Raises:
        ConfigError: it has no recipient or sender, or a header that would break into two.
    """
    if not notice.to or not notice.sender:
        raise ConfigError("the notice names no recipient_email: send it by file, or draft it anew with one")
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    name = of.removeprefix("sha256:")
    try:
        checked(notice, notice.notice)
        mail["From"], mail["To"], mail["Subject"] = notice.sender, notice.to, notice.subject
        mail["Date"] = format_datetime(time)
        mail["Message-ID"] = f"<{name[:40]}@{notice.sender.rpartition('@')[2]}>"
    except (ValueError, InputError):
        raise ConfigError("a header of the mail holds a line break, which is refused") from None
    if len(mail["To"].addresses) != 1 or len(mail["From"].addresses) != 1:
        raise ConfigError("a notice goes to one address, from one")
    mail.set_content(notice.parts[0].text, charset="utf-8")
    for part in notice.parts[1:]:
        maintype, _, subtype = MEDIA[part.name.rpartition(".")[2]].partition("/")
        mail.add_attachment(part.text.encode(), maintype=maintype, subtype=subtype, filename=part.name)
    if mail.is_multipart():
        mail.set_boundary(f"=_{name[:48]}")  # else a random one: the same notice is the same mail
    if _headers(mail.as_bytes()) != [name for name, _ in mail.items()]:
        raise ConfigError("a header of the mail would break in two, which is refused")
    return mail


def _headers(data: bytes) -> list[str]:
    """The names that a recipient reads."""
    return message_from_bytes(data.partition(b"\r\n\r\n")[0]).keys()


def deliver(mail: EmailMessage, notice: Notice, server: Server) -> str:
    """Hand it over. Returns what the server said.

    Raises:
        ConfigError: no TLS beyond loopback. UnsureError: nobody knows. ExchangeError: it certainly did not go out.
    """
    check(server)
    with _connected(server, notice.sender.rpartition("@")[2]) as smtp:
        with _certain(server):
            code, said = smtp.mail(notice.sender)
            if code != _TAKEN:
                raise ExchangeError(f"{server.host} does not take mail from that sender ({code})", retry=code < 500)
            code, said = smtp.rcpt(notice.to)
            if code not in (_TAKEN, 251):
                raise ExchangeError(f"{server.host} does not take mail to that recipient ({code})", retry=code < 500)
        try:
            code, said = smtp.data(mail.as_bytes())
        except smtplib.SMTPDataError as error:
            raise ExchangeError(
                f"{server.host} refused the mail ({error.smtp_code})", retry=error.smtp_code < 500
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise UnsureError(
                f"{server.host} broke off while it had the mail ({type(error).__name__}): it may have gone out"
            ) from None
        if 400 <= code < 600:
            raise ExchangeError(f"{server.host} refused the mail ({code})", retry=code < 500)
        if code != _TAKEN:
            raise UnsureError(f"{server.host} had the mail and answered in no known way: it may have gone out")
    return said.decode("ascii", "replace")[:200]


def check(server: Server) -> None:
    """Nothing, if mail may go to this server as it is set.

    Raises:
        ConfigError: it may not.
    """
    if server.plain and not _loopback(server.host):
        raise ConfigError("mail goes out over TLS: --insecure-loopback is for a server on this machine")


@contextlib.contextmanager
def _connected(server: Server, domain: str) -> Iterator[smtplib.SMTP]:
    with _certain(server):
        context = ssl.create_default_context(cafile=None if server.ca is None else str(server.ca))
        if server.port == IMPLICIT_TLS and not server.plain:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, domain, timeout=server.timeout_s, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, domain, timeout=server.timeout_s)
    try:
        with _certain(server):
            if not server.plain and not isinstance(smtp, smtplib.SMTP_SSL):
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        yield smtp
        with contextlib.suppress(OSError, smtplib.SMTPException):  # it was taken: a rude goodbye changes nothing
            smtp.quit()
    finally:
        smtp.close()


@contextlib.contextmanager
def _certain(server: Server) -> Iterator[None]:
    """Failures before the text is handed over: nothing went out."""
    where = f"{server.host}:{server.port}"
    try:
        yield
    except ssl.SSLError as error:
        raise ExchangeError(f"{where}: no TLS that can be trusted ({error.reason}); nothing was sent") from None
    except smtplib.SMTPNotSupportedError:
        raise ExchangeError(f"{where} offers no TLS, or no login; nothing was sent") from None
    except smtplib.SMTPAuthenticationError:
        raise ExchangeError(f"{where} does not take that user and password; nothing was sent") from None
    except (OSError, smtplib.SMTPException) as error:
        raise ExchangeError(f"{where} cannot be used ({type(error).__name__}); nothing was sent", retry=True) from None


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
