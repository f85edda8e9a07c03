"""Switches off one lock, key or guard at a time in a copy of the tree, and shows that a test of this folder notices.

Run as ``python -m tests.concurrency.teeth``, perhaps with a word to narrow it; the tree itself is never touched.
Exits 1 if a test kept passing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .web import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "instance", "node_modules")
SECONDS = 900
LONGEST = 160


@dataclass(frozen=True, slots=True)
class Cut:
    """What is switched off: the one place of the portal that reads ``old`` becomes ``new``; and who should notice."""

    what: str
    old: str
    new: str
    tests: tuple[str, ...]


PAYING = "test_paying.py::test_what_was_answered_is_what_happened[{}]"
REFUNDING = "test_refunding.py::test_what_was_tried_three_times_is_refunded_once[{}]"
HELD = "test_lock_waits.py::test_a_plan_that_is_held_too_long_is_503_and_then_paid_once[{}]"
REMINDING = "test_background.py::test_killed_workers_lose_no_reminder_on_{}"
OUTAGE = "test_background.py::test_without_redis_customers_sign_in_and_pay_and_the_emails_catch_up[sqlite]"
CHARGING = "test_charging.py::test_what_the_provider_took_is_booked_once_on_{}"
PAGES = "test_hosted_pages.py::test_what_was_paid_there_is_booked_once_or_given_back_on_{}"
AMENDING = "test_amending.py::test_what_was_answered_is_what_happened[{}]"
LOST = "test_lost_connections.py::{}[postgres]"

ROW_LOCK = "\n    .with_for_update(key_share=True, of=Plan)"
CLAIM = "    if insert_once(session, IdempotencyKey, [row]):\n        return None\n"
NO_CLAIM = "    insert_once(session, IdempotencyKey, [row])\n    return None\n"
WRITE_LOCK = "        if _writes(connection):\n            _begin_immediate(connection)\n"
NO_WRITE_LOCK = "        if False:\n            _begin_immediate(connection)\n"
SETTLING = 'settle_each(session, waiting, ask_and_settle)\n    return {"settled"'
WAKE = "        adapters().wake_delivery(delay)\n    except Exception as error:\n"
BUSY = (
    '    if error.connection_invalidated or getattr(error.orig, "pgcode", None) in _BUSY_STATES:\n'
    "        return True\n"
)
CUTS = (
    Cut(
        "the lock on the plan's row",
        ROW_LOCK,
        "",
        (
            PAYING.format("paying on postgres"),
            REFUNDING.format("refunding on postgres"),
            AMENDING.format("amending, connections cut on postgres"),
            HELD.format("postgres"),
        ),
    ),
    Cut(
        "the idempotency key",
        CLAIM,
        NO_CLAIM,
        (
            PAYING.format("paying on sqlite"),
            PAYING.format("paying on postgres"),
            REFUNDING.format("refunding on sqlite"),
            REFUNDING.format("refunding on postgres"),
        ),
    ),
    Cut(
        "BEGIN IMMEDIATE",
        WRITE_LOCK,
        NO_WRITE_LOCK,
        (PAYING.format("paying on sqlite"), REFUNDING.format("refunding on sqlite"), HELD.format("sqlite")),
    ),
    Cut(
        "the settling job",
        SETTLING,
        SETTLING.replace("waiting", "waiting[:0]", 1),
        (
            PAYING.format("workers killed on sqlite"),
            PAYING.format("connections cut on postgres"),
            CHARGING.format("sqlite[sqlite]"),
        ),
    ),
    Cut(
        "finding an automatic payment whose answer was lost",
        '        if "payment" in paid.metadata and paid.metadata["payment"] == str(charge.reference):\n',
        "        if False:\n",
        (CHARGING.format("sqlite[sqlite]"), CHARGING.format("postgres_and_redis[postgres]")),
    ),
    Cut(
        "returning money that comes late",
        "    elif row.state in (PaymentState.ABANDONED, PaymentState.DECLINED):\n",
        "    elif False:\n",
        (PAGES.format("sqlite[sqlite]"), PAGES.format("postgres[postgres]")),
    ),
    Cut(
        "asking whether a page was paid before it closed",
        "    return get(client, replace(charge, page=page.id))\n",
        "    return Outcome.ABANDONED\n",
        (PAGES.format("sqlite[sqlite]"), PAGES.format("postgres[postgres]")),
    ),
    Cut(
        "a lost connection is busy",
        BUSY,
        "    return False\n",
        (PAYING.format("connections cut on postgres"),),
    ),
    Cut(
        "the busy page without the database",
        '    g.setdefault("_login_user", AnonymousUserMixin())\n',
        "",
        (LOST.format("test_the_page_that_says_busy_asks_nothing_of_the_database"),),
    ),
    Cut(
        "what is owed, read under the lock",
        "    if any(i.processing for i in installments):\n",
        "    if False:\n",
        (PAYING.format("paying on sqlite"), PAYING.format("paying on postgres")),
    ),
    Cut(
        "an amendment is answered once",
        "    if state is not AmendmentState.PROPOSED:\n",
        "    if False:\n",
        (
            AMENDING.format("amending, workers killed on sqlite"),
            AMENDING.format("amending, connections cut on postgres"),
        ),
    ),
    Cut(
        "the lease of an email",
        ", send_after=now + LEASE)",
        ")",
        (REMINDING.format("postgres_and_redis[postgres]"),),
    ),
    Cut(
        "delivering what nothing woke",
        '    def deliver_messages() -> None:\n        _run(app, "deliver_messages", deliver)\n',
        "    def deliver_messages() -> None:\n        pass\n",
        (REMINDING.format("sqlite[sqlite]"),),
    ),
    Cut(
        "a queue that is gone stops nobody",
        WAKE,
        WAKE.replace("Exception", "ZeroDivisionError"),
        (OUTAGE,),
    ),
)


def main(only: str = "") -> int:
    """0 if every test noticed; ``only`` narrows to what holds this word."""
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="tallystick-teeth-") as folder:
        for number, cut in enumerate(cut for cut in CUTS if only in cut.what):
            tree = Path(folder) / str(number)
            shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
            switch_off(tree, cut)
            for test in cut.tests:
                failure = failure_of(tree, test)
                unnoticed += failure is None
                noticed = f"fails: {failure}" if failure else "PASSES, and should not"
                say(f"| {cut.what} | {test} | {noticed} |")
    return 1 if unnoticed else 0


def switch_off(tree: Path, cut: Cut) -> None:
    """Raises LookupError if the portal does not read the text in exactly one place."""
    places = places_of(tree, cut)
    if len(places) != 1:
        raise LookupError(f"{cut.what}: {len(places)} places of the portal read {cut.old!r}, not one")
    places[0].write_text(places[0].read_text().replace(cut.old, cut.new))


def places_of(tree: Path, cut: Cut) -> list[Path]:
    """The files of the portal that read the cut's text, each as often as it does."""
    files = sorted((tree / "portal").rglob("*.py"))
    return [path for path in files for _ in range(path.read_text().count(cut.old))]


def failure_of(tree: Path, test: str) -> str | None:
    """What the test complained about first; None if it passed. Raises RuntimeError if it could not run at all."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        f"tests/concurrency/{test}",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{test} did not run: {done.stdout[-500:]} {done.stderr[-500:]}")
    complaints = re.findall(r"^E +(.+)$", done.stdout, re.MULTILINE)
    words = next((each for each in complaints if "first extra item" in each), (complaints or ["?"])[0])
    return re.sub(r"[0-9a-f-]{36}", "...", words)[:LONGEST] if done.returncode else None


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
