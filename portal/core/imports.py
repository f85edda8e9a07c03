"""Plans that a shop brings over from elsewhere, read from the rows of a CSV file; the rules of offers come later."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

from .errors import N_, InvalidInput, PortalError, collecting
from .money import decimal_text
from .schedule import PERIODS, Frequency
from .typed_amounts import read_amount

MOST_ROWS = 5000
# A cell is kept as it was typed to be shown beside its fault; more of it than this helps nobody.
CELL_LONGEST = 300
REFERENCE_LONGEST = 60
NEEDED = ("email", "description")
# What a row needs that has no lines of its own.
SCHEDULE = ("total", "installments", "first_due")
COLUMNS = (
    "email",
    "name",
    "description",
    "total",
    "installments",
    "first_due",
    "frequency",
    "paid_before",
    "reference",
    "lines",
)
# Between the lines of a cell: a date and an amount each, as in "2026-01-31 400.00 | 2026-02-28 200.00".
BETWEEN_LINES = "|"
SEPARATORS = (";", "\t", ",")
# Day first where it is not the year.
DAY_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y")
_FORMULA_START = re.compile(r"\s*[=+\-@]")
# What a file of the portal's own puts before such a start, so that it stays text.
_KEPT_AS_TEXT = re.compile(r"'(?=\s*[=+\-@])")


class RowState(StrEnum):
    """``repeated``: the same row was sent before. The first three are of a draft, of which nothing is sent."""

    FAULTY = "faulty"
    REPEATED = "repeated"
    READY = "ready"
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plan as a row asks for it; ``total`` and ``paid_before`` in minor units of ``currency``.

    ``reference`` is the shop's own, which tells two rows apart that are alike otherwise. With ``lines``, each an amount
    and its due date, these are the schedule.
    """

    email: str
    name: str
    description: str
    total: int
    installments: int
    first_due: date
    frequency: Frequency
    paid_before: int
    reference: str
    currency: str
    lines: tuple[tuple[int, date], ...] | None = None

    def stored(self) -> dict[str, object]:
        """As JSON; rows without lines are as they were before there were any, so that they are recognised."""
        values = asdict(self) | {"first_due": self.first_due.isoformat()}
        lines = values.pop("lines")
        return values | ({"lines": [[amount, day.isoformat()] for amount, day in lines]} if lines else {})

    @classmethod
    def restored(cls, stored: Mapping[str, object]) -> Wanted:
        day, frequency = date.fromisoformat(str(stored["first_due"])), Frequency(str(stored["frequency"]))
        values = dict(stored) | {"first_due": day, "frequency": frequency}
        if lines := stored.get("lines"):
            values["lines"] = tuple((amount, date.fromisoformat(on)) for amount, on in lines)  # type: ignore[attr-defined]
        return cls(**values)  # type: ignore[arg-type]

    @property
    def digest(self) -> str:
        """What makes two rows the same, whatever the file and however their amounts and days were written."""
        same = self.stored() | {"email": self.email.casefold()}
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a file by its ``number`` there: its cells as they were typed, and what it asks for or its faults."""

    number: int
    cells: dict[str, str]
    wanted: Wanted | None
    faults: dict[str, PortalError]


def decoded(content: bytes) -> str:
    """The text of a file. Raises ``InvalidInput`` at ``file`` for one that is no text in UTF-8."""
    with suppress(UnicodeDecodeError):
        text = content.decode("utf-8-sig")
        if "\0" not in text:
            return text
    raise InvalidInput.at(
        "file", N_("This file is no text in UTF-8. Save it as “CSV UTF-8” and choose it again.")
    )


def read_rows(text: str, currency: str, decimal_mark: str) -> Iterator[ReadRow]:
    """The rows of a file below its first line, which names the columns. Raises ``InvalidInput`` at ``file``.

    ``decimal_mark`` is the reader's; where columns are separated by semicolons, decimals have a comma.
    """
    separator = _separator(text)
    mark = "," if separator == ";" else decimal_mark
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = _names(next(lines, []))
        count = 0
        for line in lines:
            if not any(cell.strip() for cell in line):
                continue
            count += 1
            if count > MOST_ROWS:
                raise InvalidInput.at("file", N_("A file can have at most %(most)s rows."), most=MOST_ROWS)
            yield _row(lines.line_num, names, line, currency, mark)
    except csv.Error:
        raise InvalidInput.at("file", N_("This file is no CSV file that can be read.")) from None


def _separator(text: str) -> str:
    """The one that the first line has most of; the same number of each means the first of them."""
    first = text.lstrip().partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _names(line: list[str]) -> list[str]:
    names = ["_".join(cell.strip().casefold().split()) for cell in line]
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            message = N_("The first line names the columns. “%(name)s” is none of them, or is there twice.")
            raise InvalidInput.at("file", message, name=name[:40])
    needed = NEEDED if "lines" in names else (*NEEDED, *SCHEDULE)
    missing = [name for name in needed if name not in names]
    if missing:
        message = N_("The first line names the columns. These are missing: %(missing)s.")
        raise InvalidInput.at("file", message, missing=", ".join(missing))
    return names


def _row(number: int, names: list[str], line: list[str], currency: str, mark: str) -> ReadRow:
    cells = {name: line[place].strip() if place < len(line) else "" for place, name in enumerate(names)}
    shown = {name: cell[:CELL_LONGEST] for name, cell in cells.items()}
    try:
        with collecting() as faults:
            if any(cell.strip() for cell in line[len(names) :]):
                faults.add("row", N_("This row has more cells than the first line has columns."))
            with faults.caught():
                wanted = _wanted(cells, currency, mark)
    except InvalidInput as invalid:
        return ReadRow(number, shown, None, invalid.errors)
    return ReadRow(number, shown, wanted, {})


@dataclass(slots=True)
class _Schedule:
    """What a row says of amounts and days: ``total`` in minor units."""

    total: int = 0
    count: int = 0
    first: date = date.min
    frequency: Frequency = Frequency.MONTHLY
    lines: tuple[tuple[int, date], ...] | None = None


def _wanted(cells: Mapping[str, str], currency: str, mark: str) -> Wanted:
    texts: dict[str, str] = {}
    before, plan = 0, _Schedule()
    with collecting() as faults:
        for name in COLUMNS:
            with faults.caught():
                texts[name] = _text(cells.get(name, ""), name)
        own = bool(cells.get("lines"))
        for name in NEEDED if own else (*NEEDED, *SCHEDULE):
            if name in texts and not texts[name]:
                faults.add(name, N_("This cell cannot be empty."))
        if before_text := texts.get("paid_before", "").strip():
            with faults.caught():
                before = (
                    0 if _is_zero(before_text) else read_amount(before_text, currency, "paid_before", mark)
                )
        with faults.caught():
            plan = (_own_lines if own else _counted)(texts, currency, mark)
    return Wanted(
        **{name: texts[name] for name in ("email", "name", "description", "reference")},
        total=plan.total,
        installments=plan.count,
        first_due=plan.first,
        frequency=plan.frequency,
        paid_before=before,
        currency=currency,
        lines=plan.lines,
    )


def _counted(texts: Mapping[str, str], currency: str, mark: str) -> _Schedule:
    """Total, count, first date and frequency, as far as the cells have them."""
    plan = _Schedule()
    with collecting() as faults:
        if texts.get("total"):
            with faults.caught():
                plan.total = read_amount(texts["total"], currency, "total", mark)
        if texts.get("installments"):
            with faults.caught():
                plan.count = _count(texts["installments"])
        if texts.get("first_due"):
            with faults.caught():
                plan.first = _day(texts["first_due"])
        if texts.get("frequency"):
            with faults.caught():
                plan.frequency = _frequency(texts["frequency"])
    return plan


def _own_lines(texts: Mapping[str, str], currency: str, mark: str) -> _Schedule:
    """The lines of the row; a total and a count beside them have to be theirs, and a first date or a frequency is none
    of a row with lines."""
    with collecting() as faults:
        for name in ("first_due", "frequency"):
            if texts.get(name):
                faults.add(name, N_("Leave this cell empty, since the lines have the dates."))
        lines: tuple[tuple[int, date], ...] = ()
        with faults.caught():
            parts = texts.get("lines", "").split(BETWEEN_LINES)
            lines = tuple(_line(part.strip(), currency, mark) for part in parts)
        total = sum(amount for amount, _ in lines)
        said = _Schedule()
        with faults.caught():
            asked = {name: texts.get(name, "") for name in ("total", "installments")}
            said = _counted(asked, currency, mark)
        if said.total and lines and said.total != total:
            faults.add("total", N_("The lines add up to %(sum)s."), sum=decimal_text(total, currency))
        if said.count and lines and said.count != len(lines):
            faults.add("installments", N_("There are %(count)s lines."), count=len(lines))
    return _Schedule(total, len(lines), lines[0][1], Frequency.OWN, lines)


def _line(text: str, currency: str, mark: str) -> tuple[int, date]:
    """An amount and its day, as in "2026-01-31 400.00". Raises ``InvalidInput`` at ``lines``."""
    day, _, amount = text.partition(" ")
    if not amount.strip():
        raise InvalidInput.at(
            "lines", N_("Write each line as a date and an amount, with | between the lines.")
        )
    return read_amount(amount.strip(), currency, "lines", mark), _day(day, "lines")


def _text(cell: str, name: str) -> str:
    """A cell's text. A formula is refused, since its value is not in the file; text that only looks like one is not."""
    if _KEPT_AS_TEXT.match(cell):
        return cell[1:].strip()
    if _FORMULA_START.match(cell):
        raise InvalidInput.at(name, N_("This cell begins like a formula. Write its value instead."))
    if name in ("name", "reference") and len(cell) > REFERENCE_LONGEST * (2 if name == "name" else 1):
        raise InvalidInput.at(name, N_("This cell is too long."))
    return cell


def _is_zero(text: str) -> bool:
    return re.fullmatch(r"0+([.,]0*)?", text) is not None


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise InvalidInput.at("installments", N_("Enter a whole number, such as 3."))
    return int(text)


def _frequency(text: str) -> Frequency:
    if text.casefold() not in PERIODS:
        raise InvalidInput.at("frequency", N_("Write weekly, biweekly or monthly."))
    return Frequency(text.casefold())


def _day(text: str, name: str = "first_due") -> date:
    for day_format in DAY_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, day_format).date()  # noqa: DTZ007 - a plain date
    raise InvalidInput.at(name, N_("Write a date as 2026-12-31, 31.12.2026 or 31/12/2026."))
