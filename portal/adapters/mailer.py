"""Letters leave here: by SMTP, or nowhere when no mail server is set; refuses to lose one silently."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

log = logging.getLogger(__name__)

TIMEOUT = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it will look: one subject, the same words as text and as HTML; one may ask to be spared a courtesy."""

    subject: str
    text: str
    html: str
    courtesy: bool = False


class MailRefused(Exception):
    """The server did not take the letter; the message may be tried again."""


class Mailer(Protocol):
    def send(self, letter: Letter, *, to: str, reply_to: str, sender: str, message_id: str) -> None:
        """Hand the letter over; raises ``MailRefused``. The same ``message_id`` marks the same letter."""


class KeptMailer:
    """The simulated default: the letter is logged by its subject and stays in the portal for an admin to read."""

    def send(self, letter: Letter, *, to: str, reply_to: str, sender: str, message_id: str) -> None:
        log.info("message kept, no mail server is set", extra={"to": to, "subject": letter.subject})


class SmtpMailer:
    """``smtp://user:password@host:port?from=address`` (STARTTLS when offered) or ``smtps://`` (TLS from the start).

    The server's certificate must be trusted by this machine, or by the file that ``SSL_CERT_FILE`` names. A password
    goes over TLS or to this machine only. ``timeout`` is in seconds, for each answer that the server owes.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._from = parse_qs(parts.query).get("from", [f"portal@{self._host}"])[0]
        self._timeout = timeout

    def send(self, letter: Letter, *, to: str, reply_to: str, sender: str, message_id: str) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["To"], mail["Reply-To"] = letter.subject, to, reply_to
        mail["From"] = formataddr((sender, self._from))
        mail["Message-ID"] = f"<{message_id}@{self._from.rpartition('@')[2]}>"
        if letter.courtesy:
            mail["List-Unsubscribe"] = f"<mailto:{quote(reply_to, safe='@')}?subject=unsubscribe>"
        mail.set_content(letter.text)
        mail.add_alternative(letter.html, subtype="html")
        try:
            with closing(self._connect()) as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(mail)
                # The letter is taken: a server that does not say goodbye would otherwise be given it again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError) as error:
            raise MailRefused(f"{type(error).__name__}: {error}"[:300]) from error

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Reading all authorities that this machine trusts takes longer than a letter does.
        return ssl.create_default_context()

    def _connect(self) -> smtplib.SMTP:
        if self._tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=self._trust)
        server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=self._trust)
            elif self._user and self._host not in LOOPBACK:
                raise smtplib.SMTPNotSupportedError("the server offers no encryption for the password")
        except BaseException:
            server.close()
            raise
        return server
