"""`make torture`, its second half: reminding, charging and paying on pages among faults, Redis gone; 1 if unsound."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import servers

from . import charging, hosted_pages, outage, reminding
from .reminding import Pace, Report
from .torture import LONGEST_COMPLAINT, databases, new, say

FULL = 10_000
PAID = 300
CHARGED = 400
COLUMNS = ("database", "queue", "messages", "kills", "emails refused", "came twice", "wrong", "seconds")
CHARGING_COLUMNS = (
    *("database", "plans", "kills", "connections cut", "taken", "stopped meanwhile", "cash meanwhile"),
    *("lost", "doubled", "otherwise wrong"),
)
PAGES_COLUMNS = (
    *("database", "plans", "answers", "kills", "connections cut", "taken", "given back"),
    *("lost", "doubled", "otherwise wrong", "seconds"),
)
OUTAGE_COLUMNS = (
    *("database", "seconds without Redis", "paid meanwhile", "slowest answer, s", "emails", "came twice"),
    *("caught up after, s", "wrong"),
)


def main() -> int:
    """0 if each message is there once and arrived, and at most one came twice for each kill."""
    asked = arguments()
    findings = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-torture-")))
        fresh = databases(stack, folder)
        queues = {"sqlite": "", "postgres": stack.enter_context(servers.redis_server())}
        lines = asked_for("reminding on {}", asked.only)
        head(COLUMNS, lines)
        for engine, name in lines.items():
            place = new(folder, name)
            pace = Pace(most_kills=asked.kills)
            report = reminding.run(engine, queues[engine], asked.reminders, fresh(engine, place), place, pace)
            say(row(report))
            findings += report.wrong
        lines = asked_for("charging on {}", asked.only)
        head(CHARGING_COLUMNS, lines)
        for engine, name in lines.items():
            place = new(folder, name)
            pace = charging.Pace(most_kills=asked.kills)
            charged = charging.run(engine, queues[engine], asked.charged, fresh(engine, place), place, pace)
            say(charging_row(charged, asked.charged))
            findings += charged.findings
        lines = asked_for("hosted pages on {}", asked.only)
        head(PAGES_COLUMNS, lines)
        for engine, name in lines.items():
            place, pace = new(folder, name), hosted_pages.Pace()
            paid = hosted_pages.run(engine, queues[engine], asked.pages, fresh(engine, place), place, pace)
            say(pages_row(paid))
            findings += paid.findings
        lines = asked_for("without Redis on {}", asked.only)
        head(OUTAGE_COLUMNS, lines)
        for engine, name in lines.items():
            place = new(folder, name)
            without = outage.run(engine, fresh(engine, place), place, PAID, asked.minute)
            say(outage_row(without))
            findings += without.wrong
    for finding in findings[:LONGEST_COMPLAINT]:
        say(finding)
    return 1 if findings else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture_reminding", description=__doc__)
    parser.add_argument("--reminders", type=int, default=FULL)
    parser.add_argument("--kills", type=int, default=Pace.most_kills, help="at most so many")
    parser.add_argument("--minute", type=float, default=60, help="seconds without Redis")
    parser.add_argument("--charged", type=int, default=CHARGED, help="plans that are taken from cards")
    parser.add_argument("--pages", type=int, default=CHARGED, help="plans that are paid on pages")
    parser.add_argument("--only", default="", help="lines whose name holds this, as 'reminding on postgres'")
    return parser.parse_args()


def asked_for(name: str, only: str) -> dict[str, str]:
    """The lines of a table by their engine, or those of them that were asked for."""
    names = {engine: name.format(engine) for engine in ("sqlite", "postgres")}
    return {engine: line for engine, line in names.items() if only in line}


def head(columns: tuple[str, ...], lines: dict[str, str]) -> None:
    if lines:
        say("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(report: Report) -> str:
    cells = (
        *(report.engine, report.queue, report.messages, report.kills, report.refused, report.doubled),
        *(len(report.wrong), round(report.seconds)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def charging_row(report: charging.Report, plans: int) -> str:
    cells = (
        *(report.engine, plans, report.kills, report.cuts, report.taken, report.stopped, report.recorded),
        *(len(report.lost), len(report.doubled), len(report.wrong)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def pages_row(report: hosted_pages.Report) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in report.answers.most_common())
    cells = (
        *(report.engine, report.plans, answers, report.killed, report.cuts, report.taken, report.returned),
        *(len(report.lost), len(report.doubled), len(report.wrong), round(report.seconds)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def outage_row(report: outage.Report) -> str:
    cells = (
        *(report.engine, round(report.seconds), report.paid, round(report.slowest, 2), report.emails),
        *(report.doubled, round(report.caught_up), len(report.wrong)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
