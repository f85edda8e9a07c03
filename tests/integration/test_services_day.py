"""A merchant's day: marked, expired and reminded on its own date, from eight in its morning, safely run again."""

from datetime import UTC, datetime, time, timedelta

from portal.core.calendar import instant_of
from portal.services import daily_run
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, offered_plan, plan_of

DAY = timedelta(days=1)
NOTHING = {"overdue": 0, "reminders": 0, "expired": 0}


def test_a_day_marks_reminds_and_expires_once(session, shop, ada):
    accepted_plan(session, shop, ada)
    offer = offered_plan(session, shop, ada.email)
    after = NOW + 31 * DAY
    assert daily_run.run(session, after) == {"overdue": 1, "reminders": 2, "expired": 1}
    assert daily_run.run(session, after) == NOTHING
    assert plan_of(session, ada, offer, after).state == "expired"


def test_a_day_can_be_run_as_of_any_date_whatever_the_hour(session, shop, ada):
    accepted_plan(session, shop, ada)

    def run(on):
        return daily_run.run(session, NOW.replace(hour=1), on, at_any_hour=True)

    assert run(TODAY + DAY) == {"overdue": 1, "reminders": 1, "expired": 0}
    assert run(TODAY + DAY) == NOTHING
    assert run(TODAY - DAY) == NOTHING


def test_reminders_wait_for_eight_in_the_shops_morning(session, ada):
    for zone in ("Asia/Tokyo", "UTC"):
        merchant = factories.make_merchant(session, f"Early {zone[-3:]}", timezone=zone)
        accepted_plan(session, merchant, ada, first=TODAY + 10 * DAY, parts=1)
        eight = instant_of(TODAY + 10 * DAY, time(8), zone)
        assert daily_run.run(session, eight - timedelta(minutes=1))["reminders"] == 0
        assert daily_run.run(session, eight)["reminders"] == 1


def test_each_shop_has_its_own_date(session, ada):
    east = factories.make_merchant(session, "East Shop", timezone="Pacific/Kiritimati")
    west = factories.make_merchant(session, "West Shop", timezone="Pacific/Pago_Pago")
    for merchant in (east, west):
        accepted_plan(session, merchant, ada, parts=1, first=TODAY)
    # It is the 3rd on Kiritimati, and still the 1st in Pago Pago.
    assert daily_run.run(session, datetime(2026, 3, 2, 10, 30, tzinfo=UTC))["overdue"] == 1
    assert daily_run.run(session, datetime(2026, 3, 3, 11, 0, tzinfo=UTC))["overdue"] == 1
