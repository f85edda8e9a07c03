"""Each command of docs/operations.md is run by a test, or stands in a list with the reason why none can."""

from __future__ import annotations

import re

import pytest

from tests.databases import ROOT

PROGRAMS = ("flask", "make", "docker", "pg_", "pgbackrest", "createdb", "dropdb", "nginx", "chmod")
PROGRAMS += ("python", "huey", "gunicorn", "deploy/", "rm", "cp", "export", "(umask", "pytest")
SETTING = re.compile(r"^(\.venv/bin/|python -m (?=flask|gunicorn|huey)|[A-Z_]+=\S+ )+")

BACKUPS = ("tests/operations/backups.py", '"## Backing up')
MOMENTS = ("tests/operations/moments.py", '"**To any moment**"')
# The beginning of a command, the file that runs it, and what stands there.
RUN = {
    "(umask": BACKUPS,
    "cp": BACKUPS,
    "createdb": BACKUPS,
    "deploy/postgres-roles.sh": ("tests/databases.py", "deploy/postgres-roles.sh"),
    "dropdb": BACKUPS,
    "export": BACKUPS,
    "flask --app wsgi change-email": ("tests/integration/test_web_changing_address.py", '"change-email"'),
    "flask --app wsgi db upgrade": ("tests/databases.py", "flask_migrate.upgrade"),
    "flask --app wsgi distribute": ("tests/operations/test_distributing.py", '"distribute"'),
    "flask --app wsgi end-sessions": BACKUPS,
    "flask --app wsgi recount": ("tests/integration/test_services_rollups.py", '"recount"'),
    "flask --app wsgi remove-second-factor": (
        "tests/integration/test_web_second_factor.py",
        '"remove-second-factor"',
    ),
    "flask --app wsgi reset-link": ("tests/integration/test_web_admin_reset_letters.py", '"reset-link"'),
    "flask --app wsgi run-day": ("tests/integration/test_statements_keep_to_a_shop.py", '"run-day"'),
    "flask --app wsgi self-check": BACKUPS,
    "gunicorn -c gunicorn.conf.py wsgi:app": ("tests/concurrency/web.py", "gunicorn.conf.py"),
    "huey.bin.huey_consumer": ("tests/consumers.py", "*WORKER"),
    "pg_basebackup": ("tests/servers.py", '"pg_basebackup"'),
    "pg_restore --dbname": BACKUPS,
    "pgbackrest": MOMENTS,
    "rm": BACKUPS,
}
COMPOSE = "needs Docker Compose; make image-test runs the images without it"
TESTS = "runs tests itself"
NOT_RUN = {
    "chmod -R": "is for files that a version of before made",
    "docker": COMPOSE,
    "make image-test": TESTS,
    "make logs": COMPOSE,
    "make rehearse": TESTS,
    "make test-citus": TESTS,
    "make up": COMPOSE,
    "make down": COMPOSE,
    "make run": "starts bin/run, which tests/e2e/test_bin_run.py does",
    "nginx -t && systemctl": "needs a service manager; tests/concurrency/proxies.py starts nginx itself",
    "pg_restore --username": COMPOSE,
    "pytest": TESTS,
    "python -m tests": TESTS,
}


def commands() -> list[str]:
    """Those in blocks and in sentences, without the folder of Python and the settings before them."""
    document = re.sub(
        r"^```.*?^```", "", (ROOT / "docs/operations.md").read_text(), flags=re.DOTALL | re.MULTILINE
    )
    blocks = re.findall(r"^    (\S.*)$", document, re.MULTILINE)
    sentences = re.findall(r"`([^`]*)`", re.sub(r"^    .*$", "", document, flags=re.MULTILINE))
    # A name alone in a sentence is a program, not a command.
    sentences = [text for text in sentences if " " in text]
    found = [SETTING.sub("", " ".join(text.split())) for text in blocks + sentences]
    return [command for command in found if command.startswith(PROGRAMS)]


def known(command: str) -> list[str]:
    return [beginning for beginning in (*RUN, *NOT_RUN) if command.startswith(beginning)]


def test_each_command_is_run_or_it_is_said_why_not():
    assert len(commands()) > 40
    assert [command for command in commands() if not known(command)] == []


def test_the_lists_hold_nothing_that_the_document_does_not():
    assert {*RUN, *NOT_RUN} - {beginning for command in commands() for beginning in known(command)} == set()


@pytest.mark.parametrize("command", RUN)
def test_the_named_file_runs_it(command: str):
    path, text = RUN[command]
    assert text in (ROOT / path).read_text()
