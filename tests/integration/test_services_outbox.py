"""A message is written once with its cause and delivered by a job: sent once, tried again, given up visibly."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.mailer import DeliveryError, Email, LoggingMailer, SmtpMailer
from portal.core.roles import PORTAL_ID
from portal.models import Message
from portal.services import outbox
from portal.services.transaction import unit_of_work
from tests import factories, servers
from tests.factories import NOW, offered_plan


def write(message):
    return Email(f"About {message.kind}", f"Dear {message.name}", f"<p>Dear {message.name}</p>")


class Recorder:
    """A mailer that takes every email, or none, and remembers to whom it was given one."""

    def __init__(self, refusing=False):
        self.refusing, self.ids = refusing, []

    def send(self, email, envelope):
        if self.refusing:
            raise DeliveryError("451 try again later")
        self.ids.append(envelope.id)


def queue(session, user, kind="plan_offered", cause=None, merchant_id=PORTAL_ID, **facts):
    with unit_of_work(session):
        outbox.queue(
            session, kind, merchant_id=merchant_id, cause=cause or uuid4(), user_id=user.id, at=NOW, **facts
        )


def deliver(session, mailer, now=NOW, write=write):
    counts = outbox.deliver(session, mailer, write, lambda: now)
    session.rollback()
    return counts


def stored(session):
    session.rollback()
    return session.scalars(
        select(Message).order_by(Message.id).execution_options(populate_existing=True)
    ).all()


def test_the_same_cause_says_the_same_thing_once(session, ada):
    cause = uuid4()
    for kind in ("due_today", "due_today", "overdue_1"):
        queue(session, ada, kind, cause)
    queue(session, ada, "due_today", uuid4())
    assert sorted(m.kind for m in stored(session)) == ["due_today", "due_today", "overdue_1"]


def test_queueing_many_tells_how_many_were_new(session, ada):
    def row(cause):
        return {
            "merchant_id": PORTAL_ID,
            "cause": cause,
            "kind": "due_soon",
            "user_id": ada.id,
            "plan_id": None,
            "facts": {},
            "created_at": NOW,
            "send_after": NOW,
        }

    causes = [uuid4() for _ in range(600)]
    with unit_of_work(session):
        assert len(outbox.queue_many(session, [row(cause) for cause in causes])) == 600
    with unit_of_work(session):
        assert len(outbox.queue_many(session, [row(cause) for cause in [*causes[:599], uuid4()]])) == 1
    with unit_of_work(session):
        assert outbox.queue_many(session, []) == []


def test_a_message_of_a_transaction_that_fails_was_never_written(session, ada):
    with pytest.raises(ZeroDivisionError), unit_of_work(session):
        outbox.queue(session, "x", merchant_id=PORTAL_ID, cause=uuid4(), user_id=ada.id, at=NOW)
        raise ZeroDivisionError
    assert stored(session) == []


def test_an_offer_arrives_by_mail_once(session, shop, ada, smtp_server):
    offered_plan(session, shop, ada.email)
    mailer = SmtpMailer(f"{smtp_server.url}?from=portal@example.com")
    assert deliver(session, mailer) == {"sent": 1, "refused": 0}
    assert deliver(session, mailer) == {"sent": 0, "refused": 0}
    (mail,) = smtp_server.messages
    (message,) = stored(session)
    assert (mail["To"], mail["Reply-To"]) == (ada.email, shop.email)
    assert mail["From"] == "Corner Shop <portal@example.com>"
    assert mail["Subject"] == message.subject == "About offer_sent"
    assert str(message.id) in mail["Message-ID"]
    assert mail.get_body(["plain"]).get_content().strip() == message.body == "Dear Ada Buyer"
    assert (message.state, message.sent_at, message.tries) == ("sent", NOW, 1)


def test_any_shops_name_can_be_a_sender(session, shop, ada, smtp_server):
    names = ["Müller & Söhne", 'The "Best", Shop', "متجر الزاوية", "a" * 120, "Shop <North>, Inc."]
    mailer = SmtpMailer(f"{smtp_server.url}?from=portal@example.com")
    for name in names:
        with unit_of_work(session):
            factories.accounts.change_shop(session, shop, name, shop.email, "UTC", NOW)
        queue(session, ada, merchant_id=shop.id)
        assert deliver(session, mailer)["sent"] == 1
    senders = [mail["From"].addresses[0] for mail in smtp_server.messages]
    assert [sender.display_name for sender in senders] == names
    assert {sender.addr_spec for sender in senders} == {"portal@example.com"}


def test_what_is_not_due_yet_waits(session, ada):
    later = NOW + timedelta(hours=1)
    queue(session, ada, send_after=later)
    assert deliver(session, Recorder(), later - timedelta(seconds=1))["sent"] == 0
    assert deliver(session, Recorder(), later)["sent"] == 1


def test_a_refused_email_backs_off_and_is_given_up_after_eight_tries(session, ada):
    queue(session, ada)
    now, waits, nobody = NOW, [], Recorder(refusing=True)
    for _ in range(7):
        assert deliver(session, nobody, now) == {"sent": 0, "refused": 1}
        (message,) = stored(session)
        waits.append((message.send_after - now) / timedelta(minutes=1))
        assert deliver(session, nobody, message.send_after - timedelta(seconds=1))["refused"] == 0
        now = message.send_after
    assert waits == [1, 4, 16, 64, 256, 360, 360]
    assert deliver(session, nobody, now)["refused"] == 1
    (message,) = stored(session)
    assert (message.state, message.tries, message.error) == ("failed", 8, "451 try again later")
    assert deliver(session, Recorder(), now + timedelta(days=30)) == {"sent": 0, "refused": 0}


def test_a_email_that_was_refused_goes_out_when_the_server_is_back(session, ada):
    queue(session, ada)
    closed = SmtpMailer(f"smtp://127.0.0.1:{servers.free_port()}")
    assert deliver(session, closed)["refused"] == 1
    assert "Connection" in stored(session)[0].error
    assert deliver(session, Recorder(), NOW + timedelta(minutes=1))["sent"] == 1
    assert (stored(session)[0].state, stored(session)[0].error) == ("sent", None)


def test_a_permanent_refusal_ends_the_attempts_at_once(session, ada):
    queue(session, ada)

    class Unknown(Recorder):
        def send(self, email, envelope):
            raise DeliveryError("550 No such mailbox", permanent=True)

    assert deliver(session, Unknown()) == {"sent": 0, "refused": 1}
    (message,) = stored(session)
    assert (message.state, message.tries, message.error) == ("failed", 1, "550 No such mailbox")
    assert deliver(session, Recorder(), NOW + timedelta(days=30)) == {"sent": 0, "refused": 0}


def test_an_email_whose_words_cannot_be_kept_goes_out_once_and_holds_up_no_other(session, ada):
    for kind in ("odd", "plan_offered"):
        queue(session, ada, kind)

    def odd(message):
        return Email("\ud800", "a lone surrogate \ud800", "") if message.kind == "odd" else write(message)

    recorder = Recorder()
    assert deliver(session, recorder, write=odd) == {"sent": 2, "refused": 0}
    assert deliver(session, recorder, NOW + timedelta(days=1), write=odd) == {"sent": 0, "refused": 0}
    assert len(recorder.ids) == 2
    assert [(m.state, m.subject) for m in stored(session)] == [("sent", None), ("sent", "About plan_offered")]


def test_a_crash_while_sending_loses_nothing_and_the_lease_holds_others_off(session, ada):
    queue(session, ada)

    class Killed(LoggingMailer):
        def send(self, *_, **__):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(session, Killed())
    assert deliver(session, Recorder(), NOW + timedelta(minutes=4, seconds=59))["sent"] == 0
    assert deliver(session, Recorder(), NOW + timedelta(minutes=5))["sent"] == 1


def test_a_email_that_cannot_be_written_holds_up_no_other_and_is_given_up_visibly(session, ada):
    for kind in ("unknown", "plan_offered", "plan_offered"):
        queue(session, ada, kind)

    def picky(message):
        if message.kind == "unknown":
            raise LookupError("no such email")
        return write(message)

    assert deliver(session, Recorder(), write=picky) == {"sent": 2, "refused": 1}
    for hours in range(1, 60):
        deliver(session, Recorder(), NOW + timedelta(hours=hours), write=picky)
    unknown, *others = stored(session)
    assert (unknown.state, [m.state for m in others]) == ("failed", ["sent", "sent"])
    assert "no such email" in unknown.error


def test_two_workers_send_each_email_once(session, ada):
    for _ in range(45):
        queue(session, ada)
    recorder, engine = Recorder(), session.get_bind()
    session.rollback()

    def work(_):
        with Session(engine) as own:
            return outbox.deliver(own, recorder, write, lambda: NOW)["sent"]

    with ThreadPoolExecutor(2) as workers:
        assert sum(workers.map(work, range(2))) == 45
    assert len(set(recorder.ids)) == len(recorder.ids) == 45


def test_the_body_of_a_password_email_is_not_kept(session, ada):
    queue(session, ada, "password_reset")
    deliver(session, LoggingMailer())
    (message,) = stored(session)
    assert (message.state, message.body) == ("sent", None)
