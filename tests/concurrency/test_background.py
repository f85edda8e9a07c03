"""Workers are killed while reminders go out, and Redis is stopped while customers pay; `make torture` runs it larger."""

import pytest

from . import reminding

SMALL = 150


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_killed_workers_lose_no_reminder_on_sqlite(database_url, tmp_path):
    check(reminding.run("sqlite", "", SMALL, database_url, tmp_path))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_killed_workers_lose_no_reminder_on_postgres_and_redis(database_url, redis_url, tmp_path):
    check(reminding.run("postgres", redis_url, SMALL, database_url, tmp_path))


def check(report):
    print(report)
    assert report.wrong == []
    assert report.kills and report.refused
