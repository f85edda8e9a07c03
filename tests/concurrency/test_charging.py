"""Workers are killed and connections cut while cards are charged, and answers of the provider are lost."""

import pytest

from . import charging

SMALL = 24


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_the_provider_took_is_booked_once_on_sqlite(database_url, tmp_path):
    check(charging.run("sqlite", "", SMALL, database_url, tmp_path, charging.Pace()))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_what_the_provider_took_is_booked_once_on_postgres_and_redis(database_url, redis_url, tmp_path):
    report = charging.run("postgres", redis_url, SMALL, database_url, tmp_path, charging.Pace())
    check(report)
    assert report.cuts


def check(report):
    assert report.findings == [], report
    assert report.kills and report.taken
    assert report.stopped and report.recorded
