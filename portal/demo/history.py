"""Replay the demo's stories through the services, every step at its own instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from operator import itemgetter
from random import Random
from uuid import UUID

from dateutil.relativedelta import relativedelta
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.mailer import Email
from portal.adapters.payments.simulator import Simulator, TestCard
from portal.core.calendar import REMINDERS_FROM, business_date, instant_of, local_time
from portal.core.roles import Actor, Origin, Role
from portal.models import MemberInvitation
from portal.queries import listing
from portal.queries.accounts import find_actor
from portal.queries.read_models import PlanView
from portal.services import (
    accounts,
    amendments,
    imports,
    job_runs,
    joining,
    offer_reminders,
    offers,
    outbox,
    overdue,
    payments,
    plans,
    recording,
    reminders,
    reversals,
    shops,
    team,
    write_offs,
)
from portal.services.payments import PaymentRequest, Scope
from portal.services.recording import Recording
from portal.services.reversals import ReversalRequest
from portal.services.transaction import unit_of_work

from .outbox import DELIVERY, deliver_the_past
from .people import ADMIN, CUSTOMERS, OPENING, PASSWORD, PEOPLE, SHOPS, TEAM, Person
from .stories import HANGING, MOVED, STORIES, Answer, Moved, Received, Story, imported_file

Step = tuple[datetime, Callable[[datetime], None]]

# How long a customer waits for the next try with another card.
NEXT_TRY = timedelta(minutes=12)
RUNS_SHOWN = timedelta(days=7)

BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36",
)


class History:
    """The steps of all stories up to ``now``, in the order in which they happened."""

    def __init__(
        self,
        session: Session,
        write: Callable[[outbox.OutgoingMessage], Email],
        password_hash: str,
        now: datetime,
    ) -> None:
        self._session, self._write, self._password_hash, self._now = session, write, password_hash, now
        self._actors: dict[Person, Actor] = {}
        self._plans: dict[Story, UUID] = {}
        self._received: dict[Received, UUID] = {}
        self._runs: list[tuple[datetime, str, date, dict[str, int]]] = []
        self._dice = Random("tally")  # noqa: S311 - times of day, not secrets

    def happen(self) -> None:
        steps: list[Step] = [*self._arrivals(), *self._days(), *self._now_at_last()]
        for story in STORIES:
            steps += self._offering(story)
            steps += self._paying(story)
            steps += self._receiving(story)
        for at, do in sorted(steps, key=itemgetter(0)):
            do(at)
        self._deliver()
        self._record_runs()

    # What happens when.

    def _at(self, person: Person, day: int, hour: int, minute: int) -> datetime:
        """The instant of this time on that day, counted from today, where the person lives."""
        today = business_date(self._now, person.timezone)
        return instant_of(today + timedelta(day), time(hour, minute), person.timezone)

    def _sometime(self, person: Person, day: int) -> datetime:
        return self._at(person, day, self._dice.randint(9, 20), self._dice.randint(0, 59))

    def _arrivals(self) -> Iterator[Step]:
        yield self._at(SHOPS[0], OPENING, 9, 0), self._make_admin
        for person in PEOPLE:
            if person.joined is not None:
                arrive = self._join if person in TEAM else self._sign_up
                yield self._sometime(person, person.joined), partial(arrive, person)

    def _days(self) -> Iterator[Step]:
        """Eight o'clock in each shop, on the days on which the daily job finds something, and lately on every day.

        The last full hour, too: the job runs at each, and would be late without it.
        """
        last_hour = (self._now - DELIVERY).replace(minute=0, second=0, microsecond=0)
        for shop in SHOPS:
            today = business_date(self._now, shop.timezone)
            busy = {day for story in STORIES if story.shop is shop for day in story.busy_days(today)}
            busy |= {today - timedelta(days) for days in range(RUNS_SHOWN.days + 1)}
            for at in {last_hour} | {instant_of(day, REMINDERS_FROM, shop.timezone) for day in busy}:
                if at + DELIVERY <= self._now:
                    yield at, partial(self._run_day, shop)

    def _offering(self, story: Story) -> Iterator[Step]:
        yield self._sometime(story.shop, story.sent), partial(self._offer, story)
        answered = self._sometime(story.shop, story.answered)
        answers = {
            Answer.ACCEPTED: self._accept,
            Answer.DECLINED: self._decline,
            Answer.REVOKED: self._revoke,
        }
        if story.answer in answers:
            yield answered, partial(answers[story.answer], story)
        if story.cancelled is not None:
            yield self._sometime(story.shop, story.cancelled), partial(self._cancel, story)
        if story.written_off is not None:
            yield self._sometime(story.shop, story.written_off), partial(self._write_off, story)

    def _paying(self, story: Story) -> Iterator[Step]:
        today = business_date(self._now, story.shop.timezone)
        if story.answer is not Answer.ACCEPTED:
            return
        for number, day, scope in story.payments(today):
            at = self._sometime(story.shop, (day - today).days)
            if number == story.fails:
                yield at, partial(self._choose_card, story.customer, TestCard.DECLINED)
                yield at, partial(self._pay, story, scope, number)
                at += NEXT_TRY
                yield at, partial(self._choose_card, story.customer, TestCard.SUCCEEDS)
            yield at, partial(self._pay, story, scope, number)

    def _receiving(self, story: Story) -> Iterator[Step]:
        """What the shop received elsewhere, what of it bounced, and the amounts of their own that customers paid."""
        for received in story.received:
            yield self._sometime(story.shop, received.day), partial(self._record, story, received)
            if received.bounced is not None:
                yield self._sometime(story.shop, received.bounced), partial(self._reverse, story, received)
        for day, amount in story.parts:
            yield self._sometime(story.shop, day), partial(self._pay_part, story, amount)

    def _now_at_last(self) -> Iterator[Step]:
        """New dates are proposed, and a payment is made which the provider leaves without an answer: the worker will
        settle it."""
        yield self._now - NEXT_TRY, self._read_a_file
        for moved in MOVED:
            yield self._now - NEXT_TRY, partial(self._move, moved)
        at = self._now - timedelta(seconds=10)
        yield at, partial(self._choose_card, HANGING.customer, TestCard.TIMES_OUT)
        yield at, partial(self._pay, HANGING, Scope.INSTALLMENT, HANGING.count)

    # What is done.

    def _make_admin(self, at: datetime) -> None:
        with unit_of_work(self._session):
            self._admin_id = accounts.create_admin(self._session, ADMIN, self._password_hash, at)

    def _sign_up(self, person: Person, at: datetime) -> None:
        new = accounts.NewAccount(
            person.role,
            person.name,
            person.email,
            person.email,
            PASSWORD,
            PASSWORD,
            person.currency,
            person.timezone,
        )
        with unit_of_work(self._session):
            user_id = accounts.sign_up(self._session, accounts.check_account(new), self._password_hash, at)
            actor = find_actor(self._session, user_id, session_version=1)
        assert actor is not None  # noqa: S101 - has just signed up
        self._actors[person] = actor
        if person.role is Role.MERCHANT:
            self._lift_limit(user_id, at)

    def _join(self, person: Person, at: datetime) -> None:
        """The furniture shop invites somebody, who joins by the link of the email."""
        owner = self._actors[SHOPS[0]]
        with unit_of_work(self._session):
            team.invite(self._session, owner, person.email, TEAM[person], at)
            invited = (
                MemberInvitation.merchant_id == owner.merchant_id,
                MemberInvitation.email == person.email,
            )
            link_id = self._session.scalars(select(MemberInvitation.link_id).where(*invited)).one()
            about = link_id, person.name, self._password_hash, owner.language, at
            joining.claim(self._session, *about, verify=False)

    def _lift_limit(self, shop_id: UUID, at: datetime) -> None:
        """The demo's shops have no limit of offers."""
        with unit_of_work(self._session):
            admin = find_actor(self._session, self._admin_id, session_version=1)
            assert admin is not None  # noqa: S101 - was made first of all
            shops.limit_offers(self._session, admin, shop_id, None, at)

    def _run_day(self, shop: Person, at: datetime) -> None:
        """What the daily job does for one shop, as one batch: no shop of the demo is larger."""
        merchant, zone, today = self._actors[shop].id, shop.timezone, business_date(at, shop.timezone)
        with unit_of_work(self._session):
            counts = {
                "overdue": overdue.mark(self._session, merchant, zone, today, at)[0],
                "expired": offers.expire(self._session, merchant, zone, today, at),
            }
            if local_time(at, shop.timezone) >= REMINDERS_FROM:
                counts["reminders"] = sum(
                    reminders.queue(self._session, merchant, today, at, batch)
                    for batch in reminders.batches(self._session, merchant, zone, today)
                ) + offer_reminders.queue(self._session, merchant, zone, today, at)
        self._runs.append((at, "run_day", today, counts))

    def _deliver(self) -> None:
        with unit_of_work(self._session):
            sent = deliver_the_past(self._session, self._write)
        self._runs += [
            (at, "deliver_messages", at.date(), {"sent": count, "refused": 0}) for at, count in sent.items()
        ]

    def _record_runs(self) -> None:
        with unit_of_work(self._session):
            for at, job, day, counts in sorted(self._runs, key=itemgetter(0)):
                if at > self._now - RUNS_SHOWN:
                    ended_at = at + timedelta(milliseconds=40 + 15 * sum(counts.values()))
                    job_runs.record(self._session, job, day, at, ended_at, counts)

    def _offer(self, story: Story, at: datetime) -> None:
        start = business_date(self._now, story.shop.timezone) + timedelta(story.first)
        proposal = offers.Proposal(
            story.customer.email, story.what, story.total, story.count, start, story.every
        )
        with unit_of_work(self._session):
            self._plans[story] = offers.offer(self._session, self._actors[story.shop], proposal, at)

    def _accept(self, story: Story, at: datetime) -> None:
        shown = self._plan(story, story.customer, at)
        number = CUSTOMERS.index(story.customer)
        # An address of the block for documentation, RFC 5737.
        origin = Origin(f"203.0.113.{10 + number}", BROWSERS[number % len(BROWSERS)])
        with unit_of_work(self._session):
            offers.accept(self._session, self._actors[story.customer], shown.id, shown.terms_hash, origin, at)

    def _decline(self, story: Story, at: datetime) -> None:
        with unit_of_work(self._session):
            offers.decline(self._session, self._actors[story.customer], self._plans[story], at)

    def _revoke(self, story: Story, at: datetime) -> None:
        with unit_of_work(self._session):
            offers.revoke(self._session, self._actors[story.shop], self._plans[story], at)

    def _cancel(self, story: Story, at: datetime) -> None:
        shown = self._plan(story, story.shop, at)
        with unit_of_work(self._session):
            plans.cancel(self._session, self._actors[story.shop], shown.id, shown.owed, at)

    def _write_off(self, story: Story, at: datetime) -> None:
        shown = self._plan(story, story.shop, at)
        request = write_offs.WriteOff(shown.id, "Not reached after three reminders", shown.owed)
        with unit_of_work(self._session):
            write_offs.write_off(self._session, self._actors[story.shop], request, at)

    def _choose_card(self, customer: Person, card: TestCard, at: datetime) -> None:
        actor = self._actors[customer]
        with unit_of_work(self._session):
            accounts.change_profile(self._session, actor, actor.name, actor.language, card, at)

    def _pay(self, story: Story, scope: Scope, number: int, at: datetime) -> None:
        """Pay installment ``number`` of the plan, or all that ``scope`` covers."""
        shown = self._plan(story, story.customer, at)
        amount, installment = {Scope.OVERDUE: shown.overdue_amount, Scope.ALL: shown.owed}.get(scope), None
        if amount is None:
            amount, installment = shown.installments[number - 1].owed, shown.installments[number - 1].id
        request = PaymentRequest(shown.id, scope, amount, installment)
        payments.pay(self._session, Simulator(), self._actors[story.customer], request, None, at)

    def _pay_part(self, story: Story, amount: int, at: datetime) -> None:
        shown = self._plan(story, story.customer, at)
        request = PaymentRequest(shown.id, Scope.AMOUNT, shown.owed, part=amount)
        payments.pay(self._session, Simulator(), self._actors[story.customer], request, None, at)

    def _record(self, story: Story, received: Received, at: datetime) -> None:
        day = business_date(at, story.shop.timezone)
        wanted = Recording(self._plans[story], received.amount, received.method, day, received.note)
        with unit_of_work(self._session):
            self._received[received] = recording.record(self._session, self._actors[story.shop], wanted, at)

    def _reverse(self, story: Story, received: Received, at: datetime) -> None:
        wanted = ReversalRequest(self._plans[story], self._received[received], "The cheque bounced")
        with unit_of_work(self._session):
            reversals.reverse(self._session, self._actors[story.shop], wanted, at)

    def _move(self, moved: Moved, at: datetime) -> None:
        story = next(story for story in STORIES if story.what.startswith(moved.what))
        person = story.customer if moved.by_customer else story.shop
        shown = self._plan(story, person, at)
        owed = [line for line in shown.installments if line.owed]
        if moved.days is None:
            days = [shown.today + timedelta(14) + relativedelta(months=n) for n in range(len(owed))]
        else:
            owed = owed[-1:] if moved.last else owed[:1]
            days = [line.due_on + timedelta(moved.days) for line in owed]
        dates = tuple((line.id, day) for line, day in zip(owed, days, strict=True))
        origin = Origin("203.0.113.9", BROWSERS[0])
        with unit_of_work(self._session):
            amendments.propose(
                self._session,
                self._actors[person],
                amendments.Proposal(shown.id, dates, moved.reason),
                origin,
                at,
            )

    def _read_a_file(self, at: datetime) -> None:
        """Plans from before the portal, one row with a fault; they wait for Send."""
        shop = SHOPS[0]
        first = business_date(at, shop.timezone) - timedelta(70)
        with unit_of_work(self._session):
            imports.draft(self._session, self._actors[shop], imported_file(first).encode(), ".", at)

    def _plan(self, story: Story, reader: Person, at: datetime) -> PlanView:
        self._session.expunge_all()
        with unit_of_work(self._session):
            return listing.get_plan(self._session, self._actors[reader], self._plans[story], at)
