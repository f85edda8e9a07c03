"""Workers are killed while reminders go out, Redis is stopped while customers pay; `make torture` runs it larger."""

import pytest

from . import outage, reminding

SMALL = 60
PACE = reminding.Pace(email=0.1, kill=0.5, most_kills=2, longest=180)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_killed_workers_lose_no_reminder_on_sqlite(database_url, tmp_path):
    check(reminding.run("sqlite", "", SMALL, database_url, tmp_path, PACE))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_killed_workers_lose_no_reminder_on_postgres_and_redis(database_url, redis_url, tmp_path):
    check(reminding.run("postgres", redis_url, SMALL, database_url, tmp_path, PACE))


def check(report):
    assert report.wrong == [], report
    assert report.kills and report.refused


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_without_redis_customers_sign_in_and_pay_and_the_emails_catch_up(database_url, tmp_path):
    report = outage.run("sqlite", database_url, tmp_path, installments=30, seconds=2)
    assert report.wrong == [], report
    assert report.paid
    assert report.emails
