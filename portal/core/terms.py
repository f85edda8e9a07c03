"""The terms of a plan as both sides see them: one canonical text and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from .amendments import Move
from .errors import N_
from .money import decimal_text, parse_amount
from .schedule import Kind, Line, due_by


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed, frozen when the offer is sent, in the order in which it is shown.

    ``total`` and every line are minor units of ``currency``; ``last_day`` is the last day to accept.
    ``paid_before`` was paid before the plan was brought over from elsewhere.
    """

    seller: str
    support: str
    buyer: str
    description: str
    currency: str
    total: int
    frequency: str
    lines: tuple[Line, ...]
    last_day: date
    timezone: str
    late: str
    early: str
    refund: str
    paid_before: int = 0

    def canonical(self) -> str:
        """JSON with sorted keys, no spaces, amounts as decimal strings: the same terms give the same text."""
        document = asdict(self)
        document["total"] = decimal_text(self.total, self.currency)
        document["cash_price"] = document["total"]
        document["lines"] = [_line(line, self.currency) for line in self.lines]
        document["last_day"] = self.last_day.isoformat()
        # Named only where there is something, so that the text of other plans is as it always was.
        del document["paid_before"]
        if self.paid_before:
            document["paid_before"] = decimal_text(self.paid_before, self.currency)
        return _text(document)


def _line(line: Line, currency: str) -> dict[str, Any]:
    """A date that follows the acceptance is there by its rule, in place of the date."""
    due = {"due": line.due} if line.due else {"due_on": line.due_on.isoformat()}
    kind = {} if line.kind == Kind.INSTALLMENT else {"kind": line.kind}
    return {"number": line.number, "amount": decimal_text(line.amount, currency)} | due | kind


LATE = N_(
    "If an installment is not paid on its due date it is marked late and we remind you by e-mail. "
    "No fee and no interest is added, and the amounts do not change."
)
EARLY = N_(
    "You may pay any installment, or everything that is left, earlier than its due date. Paying early is free."
)
REFUND = N_(
    "If the shop refunds you, what you still owe is cancelled first, from the last installment backwards; "
    "the rest goes back to you on the payments you made, newest first."
)


def write_terms(
    *,
    seller: str,
    support: str,
    buyer: str,
    description: str,
    currency: str,
    frequency: str,
    lines: tuple[Line, ...],
    last_day: date,
    timezone: str,
    paid_before: int = 0,
) -> Terms:
    """The terms of an offer with the portal's standard clauses; the total is the sum of the lines."""
    return Terms(
        seller=seller,
        support=support,
        buyer=buyer,
        description=description,
        currency=currency,
        total=sum(line.amount for line in lines),
        frequency=frequency,
        lines=lines,
        last_day=last_day,
        timezone=timezone,
        late=LATE,
        early=EARLY,
        refund=REFUND,
        paid_before=paid_before,
    )


def paid_before(canonical: str) -> int:
    """What the canonical text says was paid before the plan was brought over, in minor units."""
    document = json.loads(canonical)
    stated = document.get("paid_before")
    return parse_amount(stated, document["currency"]) if stated else 0


def written_out(canonical: str, accepted_on: date) -> str:
    """The canonical text with the dates that follow an acceptance ``accepted_on`` in place of their rules.

    This is the text that a customer is shown, agrees to and keeps. Without such dates it is the text itself.
    """
    document = json.loads(canonical)
    following = [line for line in document["lines"] if "due" in line]
    if not following:
        return canonical
    for line in following:
        line["due_on"] = due_by(line.pop("due"), accepted_on).isoformat()
    return _text(document)


def dates(text: str) -> dict[int, date]:
    """The due dates of a text that is written out, by the numbers of the installments."""
    return {line["number"]: date.fromisoformat(line["due_on"]) for line in json.loads(text)["lines"]}


def amended(text: str, number: int, moves: Iterable[Move]) -> str:
    """The canonical text with other due dates, or with what is left moved to new installments.

    It says which amendment of the plan made it, and names the hash of the text that it takes the place of.
    """
    document = json.loads(text)
    currency, lines = document["currency"], {line["number"]: line for line in document["lines"]}
    for move in moves:
        if move.old and move.new:
            lines[move.number]["due_on"] = move.new.isoformat()
        elif move.new:
            document["lines"].append(_line(Line(move.number, move.owed, move.new), currency))
        else:
            line = lines[move.number]
            before = parse_amount(line["moved"], currency) if "moved" in line else 0
            line["moved"] = decimal_text(before + move.owed, currency)
    document |= {"amendment": number, "amends": hash_text(text)}
    return _text(document)


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_text(canonical: str) -> str:
    """The SHA-256 of a canonical text as 64 hexadecimal digits."""
    return hashlib.sha256(canonical.encode()).hexdigest()
