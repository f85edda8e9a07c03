"""An installment shows pending, late, paid, cancelled or written off, from its row and today alone."""

from datetime import date, timedelta

import pytest

from portal.core.states import InstallmentStatus, PlanState, installment_status

DUE = date(2026, 3, 31)
DAY = timedelta(days=1)


def shows(plan="active", paid=0, cancelled=0, written_off=0, late_on=None, today=DUE):
    owed = 3333 - paid - cancelled - written_off
    return installment_status(PlanState(plan), owed, paid, written_off, DUE, late_on, today)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, "pending"),
        ({"today": DUE - DAY}, "pending"),
        ({"today": DUE + DAY}, "late"),
        ({"today": DUE + DAY, "late_on": DUE + DAY}, "late"),
        ({"paid": 3333}, "paid"),
        ({"paid": 3333, "today": DUE + 99 * DAY}, "paid"),
        ({"cancelled": 3333}, "cancelled"),
        ({"cancelled": 3333, "today": DUE + 99 * DAY}, "cancelled"),
        ({"paid": 1666, "cancelled": 1667}, "paid"),
        ({"cancelled": 1667}, "pending"),
        ({"cancelled": 1667, "today": DUE + DAY}, "late"),
        ({"plan": "completed", "paid": 3333, "today": DUE + DAY}, "paid"),
        ({"plan": "cancelled", "cancelled": 3333, "today": DUE + DAY}, "cancelled"),
        ({"plan": "cancelled", "paid": 3333, "today": DUE + DAY}, "paid"),
        ({"plan": "written_off", "written_off": 3333, "today": DUE + DAY}, "written_off"),
        ({"plan": "written_off", "paid": 1000, "written_off": 2333, "today": DUE - DAY}, "written_off"),
        ({"plan": "written_off", "cancelled": 1000, "written_off": 2333}, "written_off"),
        ({"plan": "written_off", "paid": 3333}, "paid"),
        ({"written_off": 1000}, "pending"),
        ({"written_off": 1000, "today": DUE + DAY}, "late"),
    ],
)
def test_an_accepted_plans_installment_shows(row, status):
    assert shows(**row) == status


def test_an_offers_installment_is_pending_and_never_late():
    assert shows(plan="offered", today=DUE + 99 * DAY) is InstallmentStatus.PENDING


@pytest.mark.parametrize("plan", ["declined", "revoked", "expired"])
@pytest.mark.parametrize("today", [DUE - DAY, DUE + DAY])
def test_an_offer_that_ended_unaccepted_leaves_cancelled_installments(plan, today):
    assert shows(plan=plan, today=today) is InstallmentStatus.CANCELLED


def test_a_stamp_stays_when_the_clock_or_the_zone_goes_back():
    assert shows(late_on=DUE + DAY, today=DUE) is InstallmentStatus.LATE


def test_a_stamp_counts_for_nothing_once_nothing_is_owed():
    assert shows(late_on=DUE + DAY, paid=3333, today=DUE + 2 * DAY) is InstallmentStatus.PAID
