"""Amendments: how the dates of an accepted plan move, and which moves need the customer's own acceptance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Protocol
from uuid import UUID

from dateutil.relativedelta import relativedelta

from .errors import N_, Conflict, InvalidInput, collecting
from .money import decimal_text
from .schedule import MAX_INSTALLMENTS, YEARS_AHEAD, check_lines, left_to_place

OPEN_DAYS = 14
# The most by which a shop may let its customers move a date without asking.
MOST_MOVE_DAYS = 14
TOO_LATE_TO_KEEP = N_("The old dates cannot be kept any more. Ask the shop for other dates.")
KEEP_OLD_DATES_FOR = timedelta(days=7)


class Effect(StrEnum):
    """What an amendment means for the customer. Only a worse one needs an acceptance."""

    BETTER = "better"
    WORSE = "worse"


class AmendmentState(StrEnum):
    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


REFUSALS = {
    AmendmentState.PROPOSED: N_("This change of dates waits for an answer."),
    AmendmentState.IN_FORCE: N_("This change of dates is in force already."),
    AmendmentState.DECLINED: N_("This change of dates was declined."),
    AmendmentState.WITHDRAWN: N_("This change of dates was withdrawn."),
    AmendmentState.EXPIRED: N_("Nobody answered this change of dates in time."),
}


def shown_state(state: AmendmentState, last_day: date, today: date) -> AmendmentState:
    """The state as it counts today: an open one past its last day has expired whether or not the job has run."""
    is_over = state is AmendmentState.PROPOSED and today > last_day
    return AmendmentState.EXPIRED if is_over else state


def can_keep_old_dates(
    state: AmendmentState, proposed_at: datetime, accepted_at: datetime | None, now: datetime
) -> bool:
    """Whether the customer can still undo it: the shop changed the dates alone, in the last seven days."""
    alone = state is AmendmentState.IN_FORCE and accepted_at is None
    return alone and now <= proposed_at + KEEP_OLD_DATES_FOR


class Owing(Protocol):
    """An installment: what is ``owed`` of it, in minor units, and since when."""

    id: UUID
    number: int
    due_on: date
    owed: int


@dataclass(frozen=True, slots=True)
class Move:
    """An installment of which ``owed`` minor units are owed, due on another day than before.

    Where what is left is spread over new installments, those that owe it have no ``new`` day, and these no ``old`` one.
    """

    installment_id: UUID
    number: int
    owed: int
    old: date | None
    new: date | None

    @property
    def is_away(self) -> bool:
        """What it owes moves to new installments."""
        return self.new is None

    @property
    def is_added(self) -> bool:
        """It is one of the new installments."""
        return self.old is None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Move:
        """From its JSON values."""
        old, new = (date.fromisoformat(kept[name]) if kept[name] else None for name in ("old", "new"))
        return cls(UUID(kept["installment"]), kept["number"], kept["owed"], old, new)

    def kept(self) -> dict[str, Any]:
        """As JSON values: minor units, days in ISO."""
        days = {name: day and day.isoformat() for name, day in (("old", self.old), ("new", self.new))}
        return {"installment": str(self.installment_id), "number": self.number, "owed": self.owed} | days


Due = tuple[date, int]


def first_worse_day(old: Iterable[Due], new: Iterable[Due]) -> Due | None:
    """The first day by whose end more has fallen due than before, and by how many minor units; None if there is none.

    ``old`` and ``new`` are due dates and minor units, in any order. A greater total is worse on the last day.
    """
    changes: dict[date, int] = defaultdict(int)
    for due_on, amount in old:
        changes[due_on] -= amount
    for due_on, amount in new:
        changes[due_on] += amount
    more = 0
    for day in sorted(changes):
        more += changes[day]
        if more > 0:
            return day, more
    return None


def compare(old: Iterable[Due], new: Iterable[Due]) -> Effect:
    """Better if by the end of no day more has fallen due than before; anything else is worse."""
    return Effect.WORSE if first_worse_day(old, new) else Effect.BETTER


def worse_from(moves: Iterable[Move]) -> Due | None:
    """As ``first_worse_day``, for what these moves change; the other installments fall due as before."""
    moved = list(moves)
    return first_worse_day(
        [(move.old, move.owed) for move in moved if move.old],
        [(move.new, move.owed) for move in moved if move.new],
    )


def check_moves(
    lines: Sequence[Owing], dates: Sequence[tuple[UUID, date]], today: date, *, past: bool = False
) -> tuple[Move, ...]:
    """The moves that new dates, by installments in the order they were given in, make of a plan's ``lines``.

    Raises ``InvalidInput`` at ``installments`` or ``installments.<n>.due_date`` for what cannot be kept, ``Conflict``
    for an installment of which nothing is owed. Only with ``past`` a date may have passed.
    """
    known, wanted = {line.id: line for line in lines}, dict(dates)
    with collecting() as faults:
        if len(wanted) != len(dates) or not wanted.keys() <= known.keys():
            faults.add("installments", N_("Name installments of this plan, each once."))
            return ()
        latest = today + relativedelta(years=YEARS_AHEAD)
        for n, (line_id, due_on) in enumerate(dates):
            if due_on == known[line_id].due_on:
                continue
            if not known[line_id].owed:
                raise Conflict(
                    N_("No. %(number)s owes nothing, so its date stays."),
                    code="line_settled",
                    number=known[line_id].number,
                )
            if due_on > latest or (due_on < today and not past):
                faults.add(
                    f"installments.{n}.due_date",
                    N_("Choose a date from %(earliest)s to %(latest)s."),
                    earliest=today.isoformat(),
                    latest=latest.isoformat(),
                )
        _check_order(lines, wanted, dates, faults.add)
    moves = tuple(
        Move(line.id, line.number, line.owed, line.due_on, wanted[line.id])
        for line in sorted(lines, key=lambda line: line.number)
        if line.id in wanted and wanted[line.id] != line.due_on
    )
    if not moves:
        raise InvalidInput.at("installments", N_("Change at least one date."))
    return moves


def spread(
    lines: Sequence[Owing],
    wanted: Sequence[tuple[int, date]],
    ids: Iterable[UUID],
    currency: str,
    today: date,
    *,
    past: bool = False,
) -> tuple[Move, ...]:
    """The moves that spread all that a plan's ``lines`` owe over new installments of these amounts, in minor units, and
    days. ``ids`` are for the new ones.

    Raises ``InvalidInput`` at ``installments``, ``installments.<n>.amount`` or ``installments.<n>.due_date``. Only with
    ``past`` a date may have passed.
    """
    owing = sorted((line for line in lines if line.owed), key=lambda line: line.number)
    with collecting() as faults:
        if not 1 <= len(wanted) <= MAX_INSTALLMENTS:
            faults.add("installments", N_("Choose 1 to %(most)s installments."), most=MAX_INSTALLMENTS)
            return ()
        check_lines(faults, wanted, date.min if past else today, today + relativedelta(years=YEARS_AHEAD))
        left = left_to_place(sum(line.owed for line in owing), None, wanted)
        if left and not faults.errors:
            words = (
                N_("%(amount)s still to be assigned.") if left > 0 else N_("%(amount)s more than is owed.")
            )
            faults.add("installments", words, amount=decimal_text(abs(left), currency))
        if [(line.owed, line.due_on) for line in owing] == list(wanted):
            faults.add("installments", N_("Change at least one date."))
    last = max(line.number for line in lines)
    away = [Move(line.id, line.number, line.owed, line.due_on, None) for line in owing]
    added = [
        Move(line_id, last + n, amount, None, day)
        for n, (line_id, (amount, day)) in enumerate(zip(ids, wanted, strict=False), start=1)
    ]
    return (*away, *added)


class _Add(Protocol):
    def __call__(self, field: str, message: str, /) -> None: ...


def _check_order(
    lines: Sequence[Owing], wanted: Mapping[UUID, date], dates: Sequence[tuple[UUID, date]], add: _Add
) -> None:
    """What is owed stays in order: the later number is due on a later day. The installment that moved is named."""
    places = {line_id: n for n, (line_id, _) in enumerate(dates)}
    owing = sorted((line for line in lines if line.owed), key=lambda line: line.number)
    for before, after in pairwise(owing):
        moved = [line for line in (after, before) if wanted.get(line.id, line.due_on) != line.due_on]
        if moved and wanted.get(before.id, before.due_on) >= wanted.get(after.id, after.due_on):
            add(
                f"installments.{places[moved[0].id]}.due_date",
                N_("Keep the installments in order: each is due after the one before."),
            )


def is_own_move(moves: Iterable[Move], lines: Iterable[Owing], today: date, days: int) -> bool:
    """Whether it moves just the next installment that owes something, not yet due before ``today``, by at most ``days``
    days: what a shop may let its customers do once without asking."""
    moved = list(moves)
    following = min((line.number for line in lines if line.owed), default=None)
    return (
        [move.number for move in moved] == [following]
        and all(move.old is not None and move.old >= today for move in moved)
        and all(
            move.new and move.old and timedelta(0) < move.new - move.old <= timedelta(days) for move in moved
        )
    )


def still_hold(moves: Iterable[Move], lines: Iterable[Owing]) -> bool:
    """Whether ``lines`` owe what these moves go out from: on the same days, and for a spread the same amounts too."""
    moved = list(moves)
    owing = {line.id: line for line in lines if line.owed}
    if any(move.is_added for move in moved):
        before = {move.installment_id: (move.owed, move.old) for move in moved if move.is_away}
        return before == {line.id: (line.owed, line.due_on) for line in owing.values()}
    return all(
        move.installment_id in owing and owing[move.installment_id].due_on == move.old for move in moved
    )


def back(
    moves: Iterable[Move], lines: Iterable[Owing]
) -> tuple[tuple[tuple[UUID, date], ...], str, tuple[tuple[int, date], ...] | None]:
    """The dates, no reason, and the spread that undo these moves, which were in force on these ``lines``.

    Raises ``Conflict`` once something of a spread was paid.
    """
    moved = list(moves)
    if not any(move.is_added for move in moved):
        return tuple((move.installment_id, move.old) for move in moved if move.old), "", None
    added = {move.installment_id: move.owed for move in moved if move.is_added}
    if added != {line.id: line.owed for line in lines if line.owed}:
        raise Conflict(TOO_LATE_TO_KEEP, code="amendment_old")
    return (), "", tuple((move.owed, move.old) for move in moved if move.old)


def last_day_to_answer(moves: Iterable[Move], today: date) -> date:
    """Two weeks from ``today``, or the day before the earliest old or new date that is still ahead."""
    ahead = [day for move in moves for day in (move.old, move.new) if day and day > today]
    return min([today + timedelta(days=OPEN_DAYS), *(day - timedelta(days=1) for day in ahead)])
