"""Write docs/performance.md from the measurements."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .crowd import LEAST, Crowd
from .footprint import MOST_BYTES, Footprint
from .footprint import MOST_SECONDS as MOST_TO_START
from .growth import MOST, Growth
from .loading import PARTS
from .overdue import MOST_OF_QUIET, MOST_OF_UPDATE, MOST_SECONDS, Overdue
from .searching import MOST_MILLISECONDS, TURNS, Search
from .table import SPREAD, Line

PAGE = """# How fast the portal is

This page is written by `{command}`
and holds what that run measured, on {machine},
on {day}. Where a goal was not met it says so.
{parts}"""

TABLE = """
## The requests made most

One shop with {plans} plans and {installments} installments: customers with fifteen plans of six, accepted, what
is due by today paid, but one plan in 25 late. It is loaded by SQL, and the self-check has to find nothing
before anything is measured. The portal runs under Gunicorn with `gunicorn.conf.py` (two workers) on PostgreSQL
{version} with its default settings, so every payment waits for the disk. Sixteen clients, on the same machine,
keep their connections open and send the next request when they have the answer; reads go over {spread} customers or
plans, and over sixteen people who work for the shop.

*CPU* is what a request costs in all: the CPU time of the web, of the database and of the client, in microseconds.
Rates on a machine that others use say little; CPU time says more. *Bare* is `bench/bare.py`: Flask, psycopg2 and
orjson under the same Gunicorn settings send the very SQL that the portal was seen to send for that request, with other
ids, and answer with as much JSON. It checks no token, no input and no limit, and works nothing out. The
programs take turns, each on its own copy of the database; *of bare* is the share of the portal's CPU that the bare
program needs too, from the medians of the turns. *SQL* counts the statements of one request, the reader's
own account included.{against}

The API that came before this portal took 4,704 us for a payment where this portal took 10,417, both in one run before
statements were compiled once: it commits once, locks nothing, keeps no books and no key, and asked twice it pays twice.

{table}

{why}
"""

AGAINST = """ *Before* is the portal of commit {commit}, in turn with the others."""

# Why a line may fall short, as profiles of it show; the page names those that did.
WHY = {
    "a page of 50": "300 lines of eighteen fields become dicts, and their statuses are worked out",
    "a customer's": "90 lines become dicts, and token, limit and session are looked at first",
    "one plan": "token, limit and session are looked at first, which the bare program does without",
    "dashboard": "token, limit and session are looked at first, and the figures are worked out from sums",
    "pay": "plan and installments are entities under a lock; keys, events and an email are prepared in Python",
    "create": "terms, schedule and words of the search are made in Python; plan and shop are entities under a lock",
    "home": "cards, sentences and amounts are prepared in the reader's language and drawn by Jinja",
}

GROWTH = """
## When a shop grows

One client sends the same requests, a hundredth of a second after each answer, at a shop with {few} installments
and at one with {many}: medians, in turn.
Goal: at most {most} times slower, and no statement that reads a table of many rows from end to end (by EXPLAIN,
at the large shop).

{table}

On the list, what is read from end to end is the count for the tab of plans that are done, which stops at a hundred:
one shop has all plans here, and the planners of both databases read them in order until so many are found.
"""

SEARCH = """
## The search of very many plans

What the list of one shop with {plans} plans asks of the database for a search, in one process: the first page
of plans and what all that were found come to. Medians of {turns}. Of more than 2,000 plans the list says
"more than". Goal: at most {most:.0f} ms.

{table}

Of the plans that are found, the sums are added up and the newest are sorted out: the more are found, the longer it
takes.
"""

OVERDUE = """
## A day on which very much falls overdue

A tenth of all installments fall overdue at once. Two copies of the database are marked first, on a machine that
does nothing else: one by a bare UPDATE of these rows and its commit, one by the worker. Then the worker marks and
reminds while eight clients read and pay on the web at an even pace. Goals: marking at most {of_update:.0f} times the
UPDATE, 100,000 reminders in at most {seconds:.0f} s, and the web's 99th percentile at most {of_quiet:.0f} times what
it is when the worker is quiet.

Beside its UPDATE, marking locks each row first, so that it never waits for a payment, writes an event for each, with
its keys and indexes, and commits every five hundred, which waits for the disk. SQLite has one writer: after each batch
the worker pauses for five milliseconds, in which people pay, but who comes while a batch is written waits for its end.
The column "marking" is without these pauses, the column "beside the web" with them. Web, database, worker and clients
share the cores named above, so a page waits for a core too.

{table}
"""

FOOTPRINT = """
## Memory and start

Web and worker as `make run` starts them, after each line of the table has run for a second. Memory is the proportional
set size of their processes: the web's first, those forked from it, and the worker. Goals: at most {memory:.0f} MB
together, and ready in {seconds:.0f} s.

{table}

A process holds 124 MB once all code is loaded, 21 of them SQLAlchemy's and 17 the portal's. Forked processes share what
neither of them writes, but Python counts references in the objects themselves; the worker shares nothing.
"""

CROWD = """
## Many customers of one shop

Sixteen clients pay at one shop, and sixteen at a shop each, in turn. Goal: at one shop at least {least:.0%} of
the payments at many.

{table}
"""


@dataclass(slots=True)
class Findings:
    """All that a run measured; what it left out is empty. ``against`` is the commit of the earlier checkout."""

    plans: int = 0
    version: str = ""
    against: str = ""
    lines: list[Line] = field(default_factory=list)
    sizes: tuple[int, int] = (0, 0)
    growth: list[Growth] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)
    crowd: Crowd | None = None
    footprint: Footprint | None = None


def page(found: Findings, command: str) -> str:
    parts = ""
    if found.lines:
        parts += TABLE.format(
            plans=f"{found.plans:,}",
            installments=f"{found.plans * 6:,}",
            version=found.version,
            table=_table(_LINE, map(_line, found.lines)),
            spread=SPREAD,
            against=AGAINST.format(commit=found.against) if found.against else "",
            why=_why(found.lines),
        )
    if found.footprint:
        parts += FOOTPRINT.format(
            memory=MOST_BYTES / 1e6,
            seconds=MOST_TO_START,
            table=_table(_FOOTPRINT, [_footprint(found.footprint)]),
        )
    parts += _of_large_shops(found)
    if found.crowd:
        parts += CROWD.format(least=LEAST, table=_table(_CROWD, [_crowd(found.crowd)]))
    return (
        PAGE.format(
            command=command, machine=machine(), day=datetime.now(UTC).date().isoformat(), parts=parts.rstrip()
        )
        + "\n"
    )


def _of_large_shops(found: Findings) -> str:
    parts = ""
    if found.growth:
        few, many = (f"{size:,}" for size in found.sizes)
        parts += GROWTH.format(
            few=few, many=many, most=MOST, table=_table(_GROWTH, map(_growth, found.growth))
        )
    if found.searches:
        parts += SEARCH.format(
            plans=f"{found.sizes[1] // PARTS:,}",
            turns=TURNS,
            most=MOST_MILLISECONDS,
            table=_table(_SEARCH, map(_search, found.searches)),
        )
    if found.overdue:
        parts += OVERDUE.format(
            of_update=MOST_OF_UPDATE,
            seconds=MOST_SECONDS,
            of_quiet=MOST_OF_QUIET,
            table=_table(_OVERDUE, map(_overdue, found.overdue)),
        )
    return parts


def _why(lines: list[Line]) -> str:
    return "\n".join(
        f"- {line.name}: {reason}."
        for line in lines
        for name, reason in WHY.items()
        if line.name.startswith(name) and not line.met
    )


def slower(page: str, lines: Iterable[Line]) -> Iterator[str]:
    """The requests whose share of the bare program is at least five points less than on an earlier page."""
    shares = dict(re.findall(r"^\| ([^|]+) \|[^|]*\| (\d+)% \|", page, re.MULTILINE))
    for line in lines:
        before = int(shares.get(line.name, 0)) / 100
        if line.of_bare <= before - 0.05:
            yield f"{line.name}: {line.of_bare:.0%} of bare, on the page before {before:.0%}"


def machine() -> str:
    """The processor, the cores and the system, without a name."""
    described = Path("/proc/cpuinfo")
    models = (
        [line for line in described.read_text().splitlines() if "model name" in line]
        if described.exists()
        else []
    )
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"


_LINE = (
    "request",
    "goal",
    "of bare",
    "met",
    "CPU, us",
    "before, us",
    "bare, us",
    "SQL",
    "kB",
    "requests a second",
    "p50, ms",
    "p99, ms",
)
_GROWTH = ("request", "database", "few, ms", "many, ms", "ratio", "read from end to end", "met")
_SEARCH = ("search", "database", "plans found", "ms", "met")
_OVERDUE = (
    "database",
    "installments",
    "marked",
    "UPDATE, s",
    "marking, s",
    "of the UPDATE",
    "met",
    "beside the web, s",
    "reminders",
    "seconds for 100,000",
    "met",
    "p99 quiet, ms",
    "p99 meanwhile, ms",
    "ratio",
    "met",
)
_FOOTPRINT = ("database", "MB", "of each process, MB", "ready after, s", "met")
_CROWD = ("payments a second at one shop", "at sixteen shops", "ratio", "met")


def _line(line: Line) -> Sequence[str]:
    goal = line.goal
    goals = [
        *([f"{goal.of_bare:.0%}"] if goal.of_bare else []),
        *([f"{goal.rate} a second"] if goal.rate else []),
        *([f"{goal.size // 1000} kB"] if goal.size else []),
        *([f"{goal.cpu * 1000:.0f} ms"] if goal.cpu else []),
    ]
    return (
        line.name,
        ", ".join(goals),
        f"{line.of_bare:.0%}",
        _met(line.met),
        _us(line.cpu),
        _us(line.earlier_cpu) if line.earlier_cpu else "",
        _us(line.bare_cpu),
        str(line.statements),
        f"{line.size / 1000:.0f}",
        f"{line.rate:.0f}",
        _ms(line.median),
        _ms(line.slowest),
    )


def _growth(line: Growth) -> Sequence[str]:
    scanned = ", ".join(sorted(line.scanned)) or "none"
    return (
        line.name,
        line.engine,
        _ms(line.few),
        _ms(line.many),
        f"{line.ratio:.2f}",
        scanned,
        _met(line.met),
    )


def _search(search: Search) -> Sequence[str]:
    return search.asked, search.engine, f"{search.plans:,}", f"{search.median:.1f}", _met(search.met)


def _overdue(day: Overdue) -> Sequence[str]:
    marking, reminding, web = map(_met, day.met)
    return (
        day.engine,
        f"{day.installments:,}",
        f"{day.marked:,}",
        f"{day.update:.1f}",
        f"{day.marking:.1f}",
        f"{day.of_update:.1f}",
        marking,
        f"{day.beside:.1f}",
        f"{day.reminded:,}",
        f"{day.seconds_for_many:.1f}",
        reminding,
        _ms(day.quiet),
        _ms(day.meanwhile),
        f"{day.of_quiet:.1f}",
        web,
    )


def _footprint(found: Footprint) -> Sequence[str]:
    each = ", ".join(f"{memory / 1e6:.0f}" for memory in found.memory)
    return found.engine, f"{sum(found.memory) / 1e6:.0f}", each, f"{found.ready:.1f}", _met(found.met)


def _crowd(crowd: Crowd) -> Sequence[str]:
    return f"{crowd.at_one:.0f}", f"{crowd.at_many:.0f}", f"{crowd.ratio:.2f}", _met(crowd.met)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def _met(yes: bool) -> str:
    return "yes" if yes else "**no**"
