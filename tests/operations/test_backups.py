"""Each command that the operators' document has for backups is run as it stands there, while customers pay."""

from __future__ import annotations

import pytest

from tests.operations import backups

SMALL = backups.Size(installments=40, rate=30, seconds=1)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_backup_of_sqlite_is_restored(engine_name, tmp_path, sqlite_databases):
    (tmp_path / "place/instance").mkdir(parents=True)
    url = sqlite_databases.fresh(tmp_path / "place/instance")
    check(backups.run("sqlite", SMALL, url, "", tmp_path))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_a_backup_of_postgresql_is_restored(engine_name, tmp_path, postgres_database, database_url):
    check(backups.run("postgres", SMALL, database_url, postgres_database.superuser_url, tmp_path))


def check(report):
    assert report.wrong == []
    assert report.kept
