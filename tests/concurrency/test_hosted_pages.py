"""Customers pay on the provider's page while its reports go astray, workers are killed and connections cut."""

import pytest

from . import hosted_pages

SMALL = 24
PACE = hosted_pages.Pace(kill_web=0.7, kill_worker=3, cut=0.4)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_was_paid_there_is_booked_once_or_given_back_on_sqlite(database_url, tmp_path):
    check(hosted_pages.run("sqlite", "", SMALL, database_url, tmp_path, PACE))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_what_was_paid_there_is_booked_once_or_given_back_on_postgres(database_url, redis_url, tmp_path):
    report = hosted_pages.run("postgres", redis_url, SMALL, database_url, tmp_path, PACE)
    check(report)
    assert report.cuts


def check(report):
    assert report.findings == [], report
    assert report.killed and report.taken >= SMALL
    assert report.returned == SMALL // len(hosted_pages.STORIES)
