"""Mail over SMTP against real servers: refused, slow, gone, with and without TLS; a taken email is sent once."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from uuid import UUID, uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from sqlalchemy import select

from portal.adapters.mailer import DeliveryError, Email, Envelope, SmtpMailer
from portal.core.roles import PORTAL_ID
from portal.models import Message
from portal.services import outbox
from portal.services.transaction import unit_of_work
from tests import servers
from tests.conftest import Mailbox
from tests.factories import NOW

EMAIL = Email("Due soon", "Dear Ada", "<p>Dear Ada</p>")
ID = UUID("01930000-0000-7000-8000-000000000001")
USER, SECRET = "portal", "a pass:word"


@pytest.fixture
def start():
    """Starts a mail server with this handler; returns its port. The rest goes to aiosmtpd's controller."""
    running = []

    def start_server(handler, **more) -> int:
        controller = Controller(handler, hostname="127.0.0.1", port=servers.free_port(), **more)
        controller.start()
        running.append(controller)
        return controller.port

    yield start_server
    for controller in running:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody trusts yet, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        "key.pem",
        "-out",
        "certificate.pem",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def server_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def send(url, to="ada@example.com", **more):
    SmtpMailer(url, **more).send(EMAIL, Envelope(to, "shop@example.com", "Shop", ID, NOW))


class Picky(Mailbox):
    """Knows nobody at nowhere.example.com, and refuses each third email for now."""

    asked = 0

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address.endswith("@nowhere.example.com"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.asked += 1
        return (
            "451 4.3.0 Try again later"
            if self.asked % 3 == 0
            else await super().handle_DATA(server, session, envelope)
        )


class Rude(Mailbox):
    """Takes the letter and does not say goodbye."""

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        return "421 Not now"


def test_a_recipient_that_the_server_does_not_know_is_refused_with_its_words(start):
    port = start(Picky())
    with pytest.raises(DeliveryError, match=r"550.*No such mailbox"):
        send(f"smtp://127.0.0.1:{port}", to="ada@nowhere.example.com")


class Says(Mailbox):
    """Answers a recipient or an email with these words."""

    def __init__(self, rcpt="250 OK", data="250 OK"):
        super().__init__()
        self.rcpt, self.data = rcpt, data

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        return self.data


@pytest.mark.parametrize(
    ("answers", "permanent"),
    [
        ({"rcpt": "550 5.1.1 No such mailbox"}, True),
        ({"rcpt": "551 5.1.6 Moved away"}, True),
        ({"rcpt": "450 4.2.1 Mailbox busy"}, False),
        ({"rcpt": "530 5.7.0 Sign in first"}, False),
        ({"data": "554 5.7.1 Not wanted"}, True),
        ({"data": "451 4.3.0 Try again later"}, False),
    ],
)
def test_only_a_refusal_of_this_recipient_or_email_is_permanent(start, answers, permanent):
    with pytest.raises(DeliveryError) as refused:
        send(f"smtp://127.0.0.1:{start(Says(**answers))}")
    assert refused.value.permanent is permanent


def test_when_each_third_email_is_refused_all_arrive_once_with_ids_of_their_own(session, ada, start):
    mailbox = Picky()
    mailer = SmtpMailer(f"smtp://127.0.0.1:{start(mailbox)}?from=portal@example.com")
    with unit_of_work(session):
        for _ in range(30):
            outbox.queue(session, "x", merchant_id=PORTAL_ID, cause=uuid4(), user_id=ada.id, at=NOW)
    rounds = [outbox.deliver(session, mailer, lambda _: EMAIL, lambda at=at: at) for at in due_times(8)]
    assert rounds[0] == {"sent": 20, "refused": 10}
    session.rollback()
    stored = session.execute(select(Message.id, Message.state, Message.error)).all()
    assert {(state, error) for _, state, error in stored} == {("sent", None)}
    arrived = [mail["Message-ID"] for mail in mailbox.messages]
    assert sorted(arrived) == sorted(f"<{row.id}@example.com>" for row in stored)


def due_times(count):
    return [NOW + k * outbox.LONGEST_WAIT for k in range(count)]


def test_an_email_that_is_sent_again_has_the_same_id_and_date(smtp_server):
    for _ in range(2):
        send(f"{smtp_server.url}?from=portal@example.com")
    assert [mail["Message-ID"] for mail in smtp_server.messages] == [f"<{ID}@example.com>"] * 2
    assert [mail["Date"].datetime for mail in smtp_server.messages] == [NOW.replace(microsecond=0)] * 2


def test_a_server_that_takes_the_email_and_says_no_goodbye_has_it(start):
    mailbox = Rude()
    send(f"smtp://127.0.0.1:{start(mailbox)}")
    assert len(mailbox.messages) == 1


@pytest.mark.alone
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_says_nothing_is_given_up(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(DeliveryError, match=r"(?i)timed out"):
            send(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
    assert time.monotonic() - began < 5


def test_a_server_that_is_down_is_said_so():
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        send(f"smtp://127.0.0.1:{servers.free_port()}")


def listening(start, scheme, handler, tls):
    """A server that speaks TLS from the start, or insists on STARTTLS."""
    if scheme == "smtps":
        return start(handler, ssl_context=tls)
    return start(handler, tls_context=tls, require_starttls=True)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_trusted_server_is_written_to_over_tls(start, server_tls, trusted, scheme):
    mailbox = Mailbox()
    send(f"{scheme}://127.0.0.1:{listening(start, scheme, mailbox, server_tls)}")
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_nobody_vouches_for_gets_nothing(start, server_tls, scheme):
    mailbox = Mailbox()
    port = listening(start, scheme, mailbox, server_tls)
    with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        send(f"{scheme}://127.0.0.1:{port}")
    assert mailbox.messages == []


def test_a_certificate_of_another_name_is_refused(start, server_tls, trusted):
    port = start(Mailbox(), tls_context=server_tls, require_starttls=True)
    with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        send(f"smtp://localhost:{port}")


@pytest.mark.parametrize(("password", "taken"), [("a%20pass%3Aword", True), ("wrong", False)])
def test_signing_in_to_the_mail_server(start, server_tls, trusted, password, taken):
    def check(server, session, envelope, mechanism, data):
        known = (data.login, data.password) == (USER.encode(), SECRET.encode())
        return AuthResult(success=known, handled=False)

    mailbox = Mailbox()
    port = start(
        mailbox, tls_context=server_tls, require_starttls=True, auth_required=True, authenticator=check
    )
    if taken:
        send(f"smtp://{USER}:{password}@127.0.0.1:{port}")
    else:
        with pytest.raises(DeliveryError, match="535"):
            send(f"smtp://{USER}:{password}@127.0.0.1:{port}")
    assert len(mailbox.messages) == taken


def test_a_password_never_leaves_this_machine_unencrypted(start, monkeypatch):
    port = start(Mailbox(), auth_require_tls=False)
    # The name of another machine, which leads here.
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
    with pytest.raises(DeliveryError, match="no encryption"):
        send(f"smtp://{USER}:secret@mail.example.com:{port}")
