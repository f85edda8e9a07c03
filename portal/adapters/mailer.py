"""Emails leave here: by SMTP, or nowhere when no mail server is set."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

log = logging.getLogger(__name__)

TIMEOUT = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Sign-in or encryption is required first (RFC 4954, RFC 3207): the portal's settings, not the recipient.
NEEDS_SIGN_IN = (530, 534, 535, 538)
LONGEST_WORD = 60
# Headers of ids and addresses are never folded: some programs do not find what begins on the second line.
UNFOLDED = compat32.clone(linesep="\r\n", max_line_length=None)
UTF_8 = Charset("utf-8")
UTF_8.body_encoding = QP


@dataclass(frozen=True, slots=True)
class Email:
    """An email's content: the subject, the body as text and as HTML, and the language (a BCP 47 tag).

    Courtesy reminders name the https address where one click ends them (RFC 8058). A ``secret`` email holds a link with
    which a reader could act as the recipient.
    """

    subject: str
    text: str
    html: str
    language: str = "en"
    unsubscribe: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom. ``id`` and ``date`` are the same on each attempt; emails of one ``thread`` stay together.

    ``sender`` is a name: the address that sends is the mail server's setting.
    """

    to: str
    reply_to: str
    sender: str
    id: UUID
    date: datetime
    thread: UUID | None = None


class DeliveryError(Exception):
    """The server did not take the email. Unless ``permanent``, the message may be tried again."""

    def __init__(self, words: str, *, permanent: bool = False) -> None:
        super().__init__(words)
        self.permanent = permanent


class Mailer(Protocol):
    def send(self, email: Email, envelope: Envelope) -> None:
        """Hand the email over; raises ``DeliveryError``. The same ``envelope.id`` marks the same email."""


class LoggingMailer:
    """The simulated default: the email is logged by its subject and stays in the portal for an admin to read."""

    def send(self, email: Email, envelope: Envelope) -> None:
        log.info("message kept, no mail server is set", extra={"to": envelope.to, "subject": email.subject})


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

    def send(self, email: Email, envelope: Envelope) -> None:
        mail = self._mime(email, envelope)
        try:
            with closing(self._connect()) as server:
                if self._user:
                    server.login(self._user, self._password)
                server.sendmail(self._from, [envelope.to], mail.as_bytes(policy=UNFOLDED))
                # The server has accepted the email: an error on QUIT must not send it again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError) as error:
            words = f"{type(error).__name__}: {error}"[:300]
            raise DeliveryError(words, permanent=_is_permanent(error)) from error

    def _mime(self, email: Email, envelope: Envelope) -> MIMEMultipart:
        # The older classes of the library, since `EmailMessage` drops the quotes of a name when it folds the line:
        # a shop called "Bücher <a@b>" would send from a@b.
        mail = MIMEMultipart("alternative")
        domain = self._from.rpartition("@")[2]
        mail["From"] = _mailbox(envelope.sender, self._from)
        mail["To"], mail["Reply-To"] = envelope.to, envelope.reply_to
        mail["Subject"] = _text(email.subject, "Subject")
        mail["Date"] = format_datetime(envelope.date)
        mail["Message-ID"] = f"<{envelope.id}@{domain}>"
        if envelope.thread:
            mail["References"] = mail["In-Reply-To"] = f"<plan-{envelope.thread}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = email.language
        if email.unsubscribe:
            mail["List-Unsubscribe"] = f"<{email.unsubscribe}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.attach(MIMEText(email.text, "plain", UTF_8))
        mail.attach(MIMEText(email.html, "html", UTF_8))
        return mail

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Cached, as loading the machine's CA certificates takes longer than sending an email.
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


def _is_permanent(error: Exception) -> bool:
    """Whether the server refused this recipient or this email for good (5xx, RFC 5321 4.2.1).

    What it says of the sender or of the sign-in is about the portal's settings, and true of every email.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _words in error.recipients.values()]
    else:
        codes = [error.smtp_code] if isinstance(error, smtplib.SMTPDataError) else []
    return any(500 <= code < 600 and code not in NEEDS_SIGN_IN for code in codes)


def _mailbox(name: str, address: str) -> str:
    """One mailbox, whatever the name holds: it is quoted, or one encoded word that no reader takes for an address.

    One word even if it is long: Python's own parser puts a space between two of them in a name.
    """
    return formataddr((name, address)) if _plain(name) else f"{UTF_8.header_encode(name)} <{address}>"


def _text(text: str, name: str) -> str:
    """A header of words, folded into lines that every program reads."""
    return Header(text, "us-ascii" if _plain(text) else "utf-8", header_name=name).encode()


def _plain(text: str) -> bool:
    """Whether a header can hold the text as it is.

    What looks like an encoded word would be decoded by its reader; a line is folded only between words.
    """
    folds = all(len(word) <= LONGEST_WORD for word in text.split(" "))
    return text.isascii() and text.isprintable() and "=?" not in text and folds
