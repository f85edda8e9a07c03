"""`make rehearse`: what operators do one day, at full size and under load, in tables; 1 if anything failed."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tests import servers
from tests.databases import PostgresDatabase, SqliteDatabases

from . import backups, moments, rolling, shares

FULL = rolling.Size(installments=1000, requests=4000, rate=25, restarts=40)
BACKUP_RATE, BACKUP_SECONDS = 25, 20
MEASURED_TIMES = 100
LONGEST_COMPLAINT = 20


def main() -> int:
    """0 if nobody noticed anything."""
    parser = argparse.ArgumentParser(prog="rehearse", description=__doc__)
    parser.add_argument(
        "--restarts", type=int, default=FULL.restarts, help="of one of the two web groups each"
    )
    parser.add_argument("--installments", type=int, default=FULL.installments)
    parser.add_argument("--only", choices=PARTS, default=PARTS, help="one of them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tallystick-rehearsal-") as name:
        folder = Path(name)
        # PostgreSQL's own user reads here.
        folder.chmod(0o755)
        findings = [finding for part in PARTS if part in asked.only for finding in PARTS[part](asked, folder)]
    for finding in findings[:LONGEST_COMPLAINT]:
        say(finding)
    return 1 if findings else 0


def roll(asked: argparse.Namespace, folder: Path) -> list[str]:
    size = rolling.Size(asked.installments, asked.installments * 4, FULL.rate, asked.restarts)
    with servers.postgres_server() as superuser, servers.redis_server() as redis:
        report = rolling.run(
            size, PostgresDatabase(superuser, new(folder, "made")), redis, new(folder, "rolling")
        )
    verdict = report.verdict
    answers = ", ".join(f"{count} x {status}" for status, count in report.answers.most_common())
    table(
        (
            "restarts",
            "answers",
            "failed",
            "slowest answer, s",
            "restart, s (median, longest)",
            "migration, s",
        ),
        (
            *(len(report.seconds), answers, len(verdict.wrong), round(report.slowest, 1)),
            f"{statistics.median(report.seconds):.1f}, {max(report.seconds):.1f}",
            round(report.migrated, 1),
        ),
    )
    return verdict.findings


def back_up(asked: argparse.Namespace, folder: Path) -> list[str]:
    size = backups.Size(asked.installments, BACKUP_RATE, BACKUP_SECONDS)
    with servers.postgres_server(durable=True) as superuser:
        database = PostgresDatabase(superuser, new(folder, "postgres"))
        place = new(folder, "backup-postgres")
        reports = [backups.run("postgres", size, database.fresh(place), database.superuser_url, place)]
    place = new(folder, "backup-sqlite")
    url = SqliteDatabases(new(folder, "sqlite")).fresh(new(place, "place/instance"))
    reports.append(backups.run("sqlite", size, url, "", place))
    table(
        (
            "database",
            "backup, s",
            "its size, kB",
            "restored elsewhere, s",
            "in its place, s",
            "payments in it",
            "wrong",
        ),
        *map(row, reports),
    )
    return [f"{each.engine}: {wrong}" for each in reports for wrong in each.wrong]


def row(report: backups.Report) -> tuple[object, ...]:
    backup, elsewhere, in_place = (
        round(report.seconds[step], 1) for step in ("backup", "elsewhere", "in place")
    )
    return report.engine, backup, report.size // 1000, elsewhere, in_place, report.kept, len(report.wrong)


def measure(asked: argparse.Namespace, folder: Path) -> list[str]:
    with servers.postgres_server(durable=True) as superuser:
        database = PostgresDatabase(superuser, new(folder, "measured"))
        report = shares.run(asked.installments, MEASURED_TIMES, database, new(folder, "shares"))
    table(
        ("request", "web, ms of CPU", "PostgreSQL, ms of CPU", "of the web"),
        *(
            (
                each.request,
                round(each.web, 1),
                round(each.database, 1),
                f"{each.web / (each.web + each.database):.0%}",
            )
            for each in report.shares
        ),
    )
    say(f"a web process: {report.connections:.0f} connections, {report.megabytes:.0f} MB")
    return []


def go_back(asked: argparse.Namespace, folder: Path) -> list[str]:
    payments = asked.installments // 10
    report = moments.run(payments, new(folder, "moment"))
    steps = ("backup", "restore", "recovery")
    table(
        ("payments before and after", *(f"{step}, s" for step in steps), "wrong"),
        (payments, *(round(report.seconds[step], 1) for step in steps), len(report.wrong)),
    )
    return report.wrong


PARTS = {"rolling": roll, "backups": back_up, "moments": go_back, "shares": measure}


def table(columns: tuple[str, ...], *rows: tuple[object, ...]) -> None:
    for cells in (columns, ("---",) * len(columns), *rows):
        say("| " + " | ".join(map(str, cells)) + " |")


def new(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    return place


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
