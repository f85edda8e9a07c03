"""A shop follows up who is late: what needs it, the tabs of the list, the strip on a plan, a reminder now."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.extensions import now
from portal.models import Message, Reminder
from tests import factories
from tests.browserlike import form_at, sign_in, text


@pytest.fixture
def late(session, shop, ada):
    """Two of three are late, the older for forty days."""
    past = now() - timedelta(days=40)
    return factories.accepted_plan(session, shop, ada, now=past, first=past.date())


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def test_nothing_needs_a_shop_whose_plans_are_on_time(merchant, plan):
    assert "Nothing to do." in text(merchant.get("/merchant/"))


def test_the_dashboard_begins_with_what_needs_the_shop(session, merchant, shop, ada, late):
    factories.offered_plan(session, shop, ada.email, now=now() - timedelta(days=28))
    factories.offered_plan(session, shop, ada.email, now=now())
    page = text(merchant.get("/merchant/"))
    needs = re.sub(r"<[^>]+>", "", page.split('class="needs"')[1].split("</section>")[0])
    assert "2 installments are overdue: $66.67" in needs
    assert "1 offer ends within three days" in needs
    assert "email" not in needs


def test_the_tabs_count_and_choose(session, merchant, shop, ada, plan, late):
    factories.offered_plan(session, shop, ada.email, now=now())
    page = text(merchant.get("/merchant/plans/"))
    tabs = re.findall(r">([A-Z][a-z ]+) <span class=\"count\">(\d+)<", page)
    assert tabs == [("Overdue", "1"), ("Due this week", "1"), ("Offers", "1")]
    overdue = text(merchant.get("/merchant/plans/?status=overdue"))
    assert "40 days late" in overdue and "$66.67" in overdue
    assert f"mailto:{ada.email}?subject=" in overdue
    assert f"/merchant/plans/{plan.id}" not in overdue


def test_a_late_plan_says_what_is_late_and_whom_to_write_to(merchant, ada, late):
    page = text(merchant.get(f"/merchant/plans/{late}"))
    strip = re.sub(r"<[^>]+>", "", page.split("late-strip")[1].split("</section>")[0])
    assert "Late: $66.67, the oldest 40 days late. No reminder was sent yet." in " ".join(
        strip.split()
    ).replace(" .", ".")
    assert f"mailto:{ada.email}?subject=" in page


def test_a_reminder_is_sent_at_once_and_once_a_day(session, merchant, late):
    page, url = f"/merchant/plans/{late}", f"/merchant/plans/{late}/remind"
    fields = form_at(merchant, page, url)
    assert merchant.post(url, data=fields).status_code == 303
    assert "Last reminder on" in text(merchant.get(page))
    again = merchant.post(url, data=fields)
    assert (again.status_code, "already reminded today" in text(again)) == (409, True)
    reminders = select(func.count()).select_from(Message).where(Message.kind == "reminder")
    assert session.scalars(reminders).one() == 1
    assert session.scalars(select(func.count()).select_from(Reminder)).one() == 2
    session.rollback()


def test_what_is_not_late_is_not_reminded_of(session, merchant, plan):
    url = f"/merchant/plans/{plan.id}/remind"
    token = form_at(merchant, "/merchant/", "/logout")["csrf_token"]
    assert merchant.post(url, data={"csrf_token": token}).status_code == 409
    assert session.scalars(select(func.count()).select_from(Reminder)).one() == 0
    session.rollback()
