"""What mail programs and filters read of an email: its sender, subject, date, thread, and how to stop it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from aiosmtpd.controller import Controller
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from portal.adapters import unsubscribe_tokens
from portal.adapters.mailer import Email, Envelope, SmtpMailer
from portal.models import Message, User
from portal.presentation.emails import LONGEST_SUBJECT
from portal.services import outbox
from portal.services.transaction import unit_of_work
from tests import servers
from tests.browserlike import form_at
from tests.factories import NOW, PASSWORD, accepted_plan, offered_plan
from tests.integration.email_cases import BASE, CASES, OF_ACCOUNTS, REMINDER
from tests.integration.test_emails import KINDS, emails, message

__all__ = ["emails"]  # a fixture

FROM = "portal@example.com"
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ENVELOPE = Envelope("ada@example.com", "shop@example.com", "Shop", uuid4(), NOW)
SCRIPTS = 'aZäßЖя متجر חנות 株式会社 가게 ไทย 🛒👩\u200d🌾 <>@,;:"\\()[]. =?_ 0٣ \u2068\u2069'
# As they are stored: one line, no control characters, no space around it.
LINES = (
    st.text(
        st.sampled_from(SCRIPTS) | st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120
    )
    .map(lambda line: " ".join(line.split()))
    .filter(bool)
)


class Raw:
    """A mail server's handler that keeps the octets."""

    def __init__(self) -> None:
        self.octets: list[bytes] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.octets.append(envelope.content)
        return "250 OK"


@pytest.fixture(scope="module")
def server():
    handler = Raw()
    controller = Controller(handler, hostname="127.0.0.1", port=servers.free_port())
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}?from={FROM}", handler
    controller.stop()


def sent(server, email, envelope=ENVELOPE) -> bytes:
    url, handler = server
    SmtpMailer(url).send(email, envelope)
    return handler.octets[-1]


@given(name=LINES, subject=LINES)
@example(name="Bücher <security@bank.example>", subject="Über alles")
@example(name='Müller, "Söhne" [GmbH] (Köln); a@b.example', subject="a" * 250)
@example(name="=?utf-8?q?Bank_=3Csecurity=40bank.example=3E?=", subject="=?utf-8?b?eA==?=")
@example(name="متجر البلوط (فرع)", subject="متجر البلوط " * 20 + "x")
@example(name="ab " * 39 + "c", subject="word " * 49 + "end")
def test_there_is_one_sender_and_the_words_are_whole(server, name, subject):
    octets = sent(server, Email(subject, "text", "<p>text</p>"), replace(ENVELOPE, sender=name))
    modern = message_from_bytes(octets, policy=policy.default)
    (mailbox,) = modern["From"].addresses
    assert (mailbox.display_name, mailbox.addr_spec) == (name, FROM)
    assert modern["Subject"] == subject
    older = message_from_bytes(octets, policy=policy.compat32)
    ((encoded, address),) = getaddresses([unfolded(older["From"])])
    assert (decoded(encoded), address) == (name, FROM)
    assert decoded(unfolded(older["Subject"])) == subject
    head = octets.split(b"\r\n\r\n")[0]
    assert head.isascii()
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))


def unfolded(header: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", header)


def decoded(words: str) -> str:
    return str(make_header(decode_header(words)))


@given(sender=LINES, subject=LINES)
def test_no_name_and_no_subject_adds_a_header(server, sender, subject):
    plain = message_from_bytes(sent(server, Email("Due", "x", "x")), policy=policy.compat32)
    octets = sent(server, Email(subject, "x", "x"), replace(ENVELOPE, sender=sender))
    assert message_from_bytes(octets, policy=policy.compat32).keys() == plain.keys()


@pytest.mark.parametrize("language", ["en", "ar", "ar_EG"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is(server, emails, kind, language):
    email = emails.write(message(kind, language=language))
    mail = message_from_bytes(sent(server, email), policy=policy.default)
    assert not mail.defects
    assert mail["Subject"] == email.subject
    assert mail["Content-Language"] == language.replace("_", "-")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_body(["plain"]).get_content().replace("\r\n", "\n") == email.text
    assert mail.get_body(["html"]).get_content().replace("\r\n", "\n") == email.html


def test_the_date_is_that_of_the_message(server):
    then = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    mail = message_from_bytes(sent(server, Email("Due", "x", "x"), replace(ENVELOPE, date=then)))
    assert parsedate_to_datetime(mail["Date"]) == then
    assert len(mail.get_all("Date")) == 1


def test_emails_of_one_plan_are_one_thread(app, session, shop, ada, smtp_server):
    plans = [accepted_plan(session, shop, ada) for _ in range(2)]
    mailer = SmtpMailer(f"{smtp_server.url}?from={FROM}")
    outbox.deliver(session, mailer, app.extensions["adapters"].emails.write, lambda: NOW)
    threads = {mail["References"] for mail in smtp_server.messages}
    assert threads == {f"<plan-{plan_id}@example.com>" for plan_id in plans}
    ids = {mail["Message-ID"] for mail in smtp_server.messages}
    assert len(ids) == len(smtp_server.messages) and not ids & threads


def test_a_retry_a_day_later_is_the_same_email(app, session, shop, ada, smtp_server):
    offered_plan(session, shop, ada.email)
    mailer = SmtpMailer(f"{smtp_server.url}?from={FROM}")
    for later in (timedelta(), timedelta(days=1)):
        outbox.deliver(
            session, mailer, app.extensions["adapters"].emails.write, lambda later=later: NOW + later
        )
        with unit_of_work(session):
            session.execute(update(Message).values(state="queued", sent_at=None))
    first, second = smtp_server.messages
    for name in ("Date", "Message-ID", "References", "From", "To", "Subject"):
        assert first.get_all(name) == second.get_all(name)
    assert first["Date"].datetime == NOW.replace(microsecond=0)


def test_plans_and_installments_alike_have_subjects_of_their_own(emails):
    def subject(kind, **facts):
        return emails.write(message(kind, facts=CASES[kind][0] | facts)).subject

    assert subject("due_today", number=1) != subject("due_today", number=2)
    by_receipt = {"payment_received", "payment_recorded", "payment_reversed", "debt_recovered"}
    for kind in sorted(set(KINDS) - by_receipt - OF_ACCOUNTS - {"password_reset", "reminder"}):
        assert subject(kind, reference="AAAAAAAA") != subject(kind, reference="BBBBBBBB")
    assert subject("due_today", **REMINDER).endswith("(7KQ2MW4X #2)")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_an_offers_subject_names_the_shop_and_what_is_bought(emails, language):
    shop, bought = (
        "Ö" * 119 + "x",
        "Walnut desk with drawers, oiled, and six chairs; delivered and set up " * 3,
    )
    facts = CASES["offer_sent"][0] | {"description": bought}
    subject = emails.write(message("offer_sent", facts=facts, sender=shop, language=language)).subject
    assert shop in subject
    assert bought[:60] in subject
    assert "7KQ2MW4X" in subject
    assert len(subject) <= LONGEST_SUBJECT


@pytest.mark.parametrize("kind", KINDS)
def test_only_reminders_before_the_due_date_can_be_stopped(server, emails, kind):
    mail = message_from_bytes(sent(server, emails.write(message(kind))), policy=policy.default)
    if kind in ("due_soon", "due_today"):
        assert mail["List-Unsubscribe"].startswith(f"<{BASE}/unsubscribe/")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    else:
        assert mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is None


def wants_reminders(session, user) -> bool:
    session.rollback()
    return session.scalars(select(User.early_reminders_stopped_at.is_(None)).where(User.id == user.id)).one()


def test_one_click_stops_them_without_signing_in(app, client, session, ada):
    email = app.extensions["adapters"].emails.write(message("due_soon", user_id=ada.id))
    path = urlsplit(email.unsubscribe).path
    assert client.get(path).status_code == 200
    assert wants_reminders(session, ada)
    for _ in range(2):
        # As mail programs send it (RFC 8058, 3.2): no cookie, no token, nothing else.
        answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert not wants_reminders(session, ada)


def test_the_page_behind_it_has_one_button(app, client, session, ada):
    path = f"/unsubscribe/{unsubscribe_tokens.make(app.config['SECRET_KEY'], ada.id)}"
    assert "Reminders are off" in client.submit(path, {}).get_data(as_text=True)
    assert not wants_reminders(session, ada)


@pytest.mark.parametrize("token", ["x", "InNvbWVib2R5Ig.x", "é", "." * 5000])
def test_a_token_not_made_here_stops_nothing(client, session, ada, token):
    assert client.post(f"/unsubscribe/{token}").status_code == 404
    assert wants_reminders(session, ada)


def test_a_token_of_another_key_or_use_is_none():
    user_id = UUID("01930000-0000-7000-8000-000000000002")
    token = unsubscribe_tokens.make("a key", user_id)
    assert unsubscribe_tokens.read("a key", token) == user_id
    assert unsubscribe_tokens.read("another key", token) is None


def is_ticked(page: str) -> bool:
    return 'checked id="early_reminders"' in page


def test_the_account_page_has_a_box_for_them(client, session, ada):
    client.submit("/login", {"email": ada.email, "password": PASSWORD})
    assert is_ticked(client.get("/account").get_data(as_text=True))
    # Another form of the page that is refused leaves the box as it is.
    wrong = client.submit("/account/password", {"password": "x"}, page="/account")
    assert wrong.status_code == 422 and is_ticked(wrong.get_data(as_text=True))
    unticked = {k: v for k, v in form_at(client, "/account", "/account/emails").items() if k == "csrf_token"}
    assert client.post("/account/emails", data=unticked).status_code == 303
    assert not wants_reminders(session, ada)
    assert not is_ticked(client.get("/account").get_data(as_text=True))
    client.submit("/account/emails", {"early_reminders": "y"}, page="/account")
    assert wants_reminders(session, ada)
