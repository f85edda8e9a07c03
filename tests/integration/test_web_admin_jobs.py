"""The admin sees when each job last ran, by how much one is overdue, and why one failed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.extensions import now
from portal.services import job_runs
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import PASSWORD

MINUTE = timedelta(minutes=1)


@pytest.fixture
def see(client, session):
    """What stands on a page for the admin, without tags."""
    boss = factories.make_admin(session)
    client.submit("/login", {"email": boss.email, "password": PASSWORD})

    def open_page(path):
        page = client.get(path).get_data(as_text=True)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))

    return open_page


def ran(session, job, ago, error=None):
    at = now() - ago
    with unit_of_work(session):
        job_runs.record(session, job, at.date(), at, at, {"sent": 0 if error else 1}, error)


@pytest.mark.parametrize("path", ["/admin/", "/admin/jobs"])
def test_a_job_that_did_not_run_in_time_is_overdue_by_so_much(session, see, path):
    ran(session, "run_day", 185 * MINUTE)
    ran(session, "settle_payments", 15 * MINUTE)
    ran(session, "deliver_messages", 2 * MINUTE)
    ran(session, "send_imports", 2 * MINUTE)
    ran(session, "roll_up", 2 * MINUTE)
    page = see(path)
    assert "Overdue by 2 hours" in page
    assert "Overdue by 10 minutes" in page
    assert page.count("Overdue by") == 2 and page.count("On time") == 3


def test_jobs_in_time_are_not_called_overdue(session, see):
    every_minute = (("deliver_messages", 2), ("send_imports", 2), ("roll_up", 2))
    for job, ago in (("run_day", 60), ("settle_payments", 6), *every_minute):
        ran(session, job, ago * MINUTE)
    page = see("/admin/")
    assert "Overdue by" not in page and "not run in time" not in page


def test_a_failed_job_is_red_with_its_error_until_it_has_run_again(client, session, see):
    ran(session, "settle_payments", 3 * MINUTE, "OSError: the provider's address is unknown")
    assert "Failed OSError: the provider&#39;s address is unknown" in see("/admin/jobs")
    assert 'badge-bad">Failed' in client.get("/admin/").get_data(as_text=True)
    ran(session, "settle_payments", MINUTE)
    assert "Failed" not in see("/admin/").replace("Failed emails", "")
    assert "Failed OSError" in see("/admin/jobs")


def test_a_run_that_found_nothing_and_took_an_older_row_is_the_latest(session, see):
    yesterday = now() - timedelta(days=1)
    for ago, day in ((180, yesterday), (180, now()), (10, yesterday)):
        at = now() - ago * MINUTE
        with unit_of_work(session):
            job_runs.record(session, "run_day", day.date(), at, at, {"overdue": 0})
    assert "Overdue by" not in see("/admin/jobs")


def test_a_job_that_never_ran_is_said_so(see):
    assert see("/admin/").count("Has not run yet") == 6
