"""SpamAssassin finds nothing in any kind of email."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from uuid import uuid4

import pytest

from tests.integration.test_email_headers import ENVELOPE, sent, server
from tests.integration.test_emails import KINDS, emails, message

__all__ = ["emails", "server"]  # fixtures

# What is only noted has this: that an email has an HTML part.
NOTED = 0.001
MISSING = "SpamAssassin is not installed: `make tools` installs it"


@pytest.fixture
def spamassassin() -> str:
    found = shutil.which("spamassassin")
    if found is None:
        pytest.fail(MISSING)
    return found


@pytest.fixture
def judge(spamassassin, tmp_path):
    """The rules that emails meet, and their points, by Message-ID; no network is asked."""

    def judged(mails: list[bytes]) -> dict[str, dict[str, float]]:
        path, line = tmp_path / "mbox", b"From portal@example.com Sat Nov 28 18:00:00 2026\n"
        path.write_bytes(b"".join(line + mail.replace(b"\r\n", b"\n") + b"\n" for mail in mails))
        told = ["--cf=report_safe 0", "--cf=add_header all Points _TESTSSCORES( )_"]
        command = [spamassassin, "--local", "--mbox", *told, path]
        done = subprocess.run(command, capture_output=True, check=True)
        found = map(message_from_bytes, done.stdout.split(line)[1:])
        return {mail["Message-ID"]: points(mail["X-Spam-Points"]) for mail in found}

    return judged


def points(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in (each.split("=") for each in header.split())}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_kind_of_email_has_a_point(judge, server, emails, language):
    mails = {}
    for kind in KINDS:
        envelope = replace(ENVELOPE, id=uuid4(), date=datetime.now(UTC), thread=ENVELOPE.id)
        mails[kind, f"<{envelope.id}@example.com>"] = sent(
            server, emails.write(message(kind, language=language)), envelope
        )
    found = judge(list(mails.values()))
    bad = {kind: {rule: n for rule, n in found[id_].items() if n > NOTED} for kind, id_ in mails}
    assert {kind: rules for kind, rules in bad.items() if rules} == {}


def test_it_would_notice(judge, server, emails):
    """Without its date an email has points, so the test above can fail."""
    head, rest = sent(server, emails.write(message("due_today"))).split(b"\r\nDate: ", 1)
    (found,) = judge([head + rest[rest.index(b"\r\n") :]]).values()
    assert found["MISSING_DATE"] > 1
