"""The day's work on odd days: zones a day apart, clocks that change, a leap day, a week off, time going back."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from portal.core.calendar import instant_of
from portal.core.schedule import Frequency
from portal.models import Installment, Reminder
from portal.services import daily_run
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan

DAY = timedelta(days=1)
NOTHING = {"overdue": 0, "reminders": 0, "expired": 0}


def shop_in(session, zone, now=NOW):
    return factories.make_merchant(session, f"Shop {zone.replace('/', ' ')}", timezone=zone, now=now)


def stamps(session, plan_id):
    session.rollback()
    query = select(Installment.late_on).where(Installment.plan_id == plan_id).order_by(Installment.number)
    return session.scalars(query).all()


def steps(session, plan_id):
    """The reminders of a plan in the order of their days."""
    session.rollback()
    query = select(Reminder.kind).join(Installment, Installment.id == Reminder.installment_id)
    query = query.where(Installment.plan_id == plan_id).order_by(Reminder.sent_on, Installment.number)
    return session.scalars(query).all()


@pytest.fixture
def shop(session):
    """Shops are made by each test; here it only has to hold that the books are sound at the end."""
    yield factories.make_merchant(session)
    assert factories.broken_invariants(session) == []


def test_one_instant_is_three_days_around_the_world(session, shop, ada):
    """At 10:30 UTC on the 5th it is the 6th on Kiritimati, the 5th in most places, and the 4th in Pago Pago."""
    zones = {
        "Pacific/Kiritimati": 6,
        "Asia/Kathmandu": 5,
        "UTC": 5,
        "America/New_York": 5,
        "Pacific/Pago_Pago": 4,
    }
    plans = {
        zone: accepted_plan(
            session, shop_in(session, zone), ada, frequency=Frequency.WEEKLY, parts=1, first=date(2026, 3, 4)
        )
        for zone in zones
    }
    at = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
    assert daily_run.run(session, at)["overdue"] == 4
    late_on = {zone: stamps(session, plan_id)[0] for zone, plan_id in plans.items()}
    assert late_on == {zone: date(2026, 3, number) if number > 4 else None for zone, number in zones.items()}
    # In New York and in Pago Pago it is still before eight: half past five, and half past eleven of the evening before.
    told = {zone: steps(session, plan_id) for zone, plan_id in plans.items()}
    assert told == {
        "Pacific/Kiritimati": [],
        "Asia/Kathmandu": ["overdue_1"],
        "UTC": ["overdue_1"],
        "America/New_York": [],
        "Pacific/Pago_Pago": ["due_today"],
    }


@pytest.mark.parametrize(
    ("changes_on", "before", "after"),
    [(date(2026, 3, 8), 13, 12), (date(2026, 11, 1), 12, 13)],
    ids=["an hour is left out", "an hour comes twice"],
)
def test_when_clocks_change_eight_is_eight_and_the_day_turns_once(session, ada, changes_on, before, after):
    """Eight in New York is 13:00 UTC in winter and 12:00 in summer."""
    zone, start = "America/New_York", datetime.combine(changes_on - 5 * DAY, time(12), UTC)
    merchant = shop_in(session, zone, start)
    plan_id = accepted_plan(session, merchant, ada, parts=1, now=start, first=changes_on - DAY)
    hours = [datetime.combine(changes_on - DAY, time(5), UTC) + k * timedelta(hours=1) for k in range(72)]
    did = [(at, daily_run.run(session, at)) for at in hours]
    marked = [at for at, counts in did if counts["overdue"]]
    assert marked == [instant_of(changes_on, time(0), zone)]
    reminded = [at for at, counts in did if counts["reminders"]]
    assert [at.hour for at in reminded] == [before, after]
    assert steps(session, plan_id) == ["due_today", "overdue_1"]


def test_a_leap_day_is_due_and_late_like_any_other(session, shop, ada):
    start = datetime(2028, 1, 31, 12, tzinfo=UTC)
    plan_id = accepted_plan(session, shop, ada, parts=3, first=date(2028, 1, 31), now=start)
    did = {}
    for number in range(70):
        counts = daily_run.run(session, start + number * DAY)
        if counts != NOTHING:
            did[(start + number * DAY).date().isoformat()] = counts["overdue"], counts["reminders"]
    # Due on 31 January, on the leap day, and on 31 March: each is late the day after, and told of on its steps.
    assert did["2028-02-29"] == (0, 1)
    assert did["2028-03-01"] == (1, 1)
    assert stamps(session, plan_id) == [date(2028, 2, 1), date(2028, 3, 1), date(2028, 4, 1)]
    assert did["2028-02-26"] == (0, 1) and did["2028-03-28"] == (0, 1)


def test_after_a_week_off_each_installment_is_told_of_once_and_no_step_piles_up(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=3, first=TODAY + 4 * DAY, frequency=Frequency.WEEKLY)
    assert daily_run.run(session, NOW + DAY)["reminders"] == 1
    # Due on days 4, 11 and 18; nothing ran from day 2 to day 11.
    assert daily_run.run(session, NOW + 12 * DAY) == {"overdue": 2, "reminders": 2, "expired": 0}
    assert steps(session, plan_id) == ["due_soon", "overdue_1", "overdue_1"]


def test_a_day_run_three_times_by_date_and_by_clock_is_done_once(session, shop, ada):
    accepted_plan(session, shop, ada, parts=1)
    tomorrow = TODAY + DAY
    runs = [
        daily_run.run(session, NOW + DAY),
        daily_run.run(session, NOW + DAY, tomorrow, at_any_hour=True),
        daily_run.run(session, NOW + DAY + timedelta(hours=3)),
    ]
    assert runs == [{"overdue": 1, "reminders": 1, "expired": 0}, NOTHING, NOTHING]


def test_when_time_goes_back_nothing_is_undone_and_nothing_said_again(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=1)
    daily_run.run(session, NOW + 7 * DAY)
    before = stamps(session, plan_id), steps(session, plan_id)
    for days in (6, 1, 0, 3, 7):
        assert daily_run.run(session, NOW + days * DAY) == NOTHING
    assert (stamps(session, plan_id), steps(session, plan_id)) == before == ([TODAY + 7 * DAY], ["overdue_1"])
