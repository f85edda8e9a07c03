"""A customer's plan as its card shows it: what is next, the buttons that pay, the schedule. Templates only place it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import url_for
from markupsafe import Markup

from portal.core.schedule import is_early
from portal.core.states import InstallmentStatus
from portal.queries.read_models import InstallmentView, PlanView

from .sticks import plan_stick
from .words import Words

# What was paid long ago folds away, so that what is due stands near the top.
MOST_UNFOLDED = 3


@dataclass(frozen=True, slots=True)
class Button:
    """A button of the card's one form: where it posts, and the amount in minor units that it says it pays.

    ``about`` names what it pays. ``asks`` is what is asked once, in place, before it is shown.
    """

    url: str
    amount: int
    label: Markup
    about: Markup | None = None
    asks: Markup | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """What is to pay next: how much, when and for what; without ``pay`` there is nothing to press now."""

    amount: Markup
    when: Markup
    what: Markup
    sentence: Markup
    late: bool
    pay: Button | None
    oldest: Button | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the schedule."""

    number: Markup
    day: Markup
    amount: Markup
    notes: tuple[Markup, ...]
    badge: Markup
    paid_on: Markup | None


@dataclass(frozen=True, slots=True)
class Card:
    """One plan that is no offer any more, in the reader's words."""

    id: UUID
    url: str
    plan: PlanView
    badge: Markup
    next: Next | None
    kept: Markup
    stick: Markup
    early: tuple[Button, ...]
    pay_off: Button | None
    amount_url: str | None
    folded: tuple[Row, ...]
    rows: tuple[Row, ...]


def card(plan: PlanView, words: Words, fresh: Collection[int] = ()) -> Card:
    """The card of a plan; ``fresh`` are the numbers of installments that were paid just now."""
    home = url_for("customer.home")
    made = _Maker(plan, words, home)
    rows = tuple(made.row(i) for i in plan.installments)
    settled = [i.status is InstallmentStatus.PAID for i in plan.installments]
    folds = sum(settled) > MOST_UNFOLDED
    return Card(
        id=plan.id,
        url=f"{home}plans/{plan.id}",
        plan=plan,
        badge=words.badge(plan.status),
        next=made.next(),
        kept=words.gettext("%(paid)s of %(count)s paid", paid=plan.paid_count, count=plan.count),
        stick=plan_stick(plan, {place for place, i in enumerate(plan.installments) if i.number in fresh}),
        early=made.early(),
        pay_off=made.pay_off(),
        amount_url=f"{home}plans/{plan.id}/amount" if plan.owed and not plan.processing else None,
        folded=tuple(row for row, paid in zip(rows, settled, strict=True) if folds and paid),
        rows=tuple(row for row, paid in zip(rows, settled, strict=True) if not (folds and paid)),
    )


class _Maker:
    """The parts of one plan's card."""

    def __init__(self, plan: PlanView, words: Words, home: str) -> None:
        self.plan, self.words, self.home = plan, words, home
        active = plan.next_due is not None
        self.owing = [i for i in plan.installments if i.owed] if active else []
        self.late = [i for i in self.owing if i.status is InstallmentStatus.LATE]
        # What the first button pays: all that is late, else what is due next.
        self.first = self.late or self.owing[:1]

    def next(self) -> Next | None:
        if not self.first:
            return None
        plan, words = self.plan, self.words
        oldest = self.first[0]
        amount = words.amount(sum(i.owed for i in self.first), plan.currency)
        parts = {
            "amount": amount,
            "day": words.near_day(oldest.due_on, plan.today),
            "distance": words.distance(oldest.due_on, plan.today),
        }
        if any(i.processing for i in self.first):
            sentence = when = words.gettext("%(amount)s is being processed.", **parts)
        elif len(self.first) > 1:
            when = words.gettext("the oldest was due %(day)s, %(distance)s", **parts)
            sentence = words.gettext(
                "%(amount)s is overdue, the oldest was due %(day)s, %(distance)s", **parts
            )
        elif oldest.due_on < plan.today:
            when = words.gettext("was due %(day)s, %(distance)s", **parts)
            sentence = words.gettext("%(amount)s was due %(day)s, %(distance)s", **parts)
        else:
            when = words.gettext("due %(day)s, %(distance)s", **parts)
            sentence = words.gettext("%(amount)s due %(day)s, %(distance)s", **parts)
        pay, only = self._first_buttons()
        return Next(amount, when, self._named(self.first), sentence, bool(self.late), pay, only)

    def _first_buttons(self) -> tuple[Button | None, Button | None]:
        """The button for what is due, and beside several that are late the one for the oldest alone."""
        if any(i.processing for i in self.first):
            return None, None
        first, plan, words = self.first[0], self.plan, self.words
        if not self.late:
            label = words.gettext("Pay %(amount)s", amount=words.money(first.owed, plan.currency))
            early = is_early(first.due_on, plan.today, plan.frequency)
            return Button(
                self._of(first), first.owed, label, asks=self._asks([first]) if early else None
            ), None
        label = words.gettext(
            "Pay overdue %(amount)s", amount=words.amount(plan.overdue_amount, plan.currency)
        )
        overdue = Button(f"{self.home}plans/{plan.id}/pay-overdue", plan.overdue_amount, label)
        if len(self.late) == 1:
            return overdue, None
        amount = words.money(first.owed, plan.currency)
        return overdue, Button(
            self._of(first), first.owed, words.gettext("Only the oldest: %(amount)s", amount=amount)
        )

    def early(self) -> tuple[Button, ...]:
        """A button for each installment that the first one does not pay, and that is not being processed."""
        words, currency = self.words, self.plan.currency
        paid_first = {i.number for i in self.first}
        return tuple(
            Button(
                self._of(i),
                i.owed,
                words.gettext("Pay %(amount)s", amount=words.money(i.owed, currency)),
                words.gettext("No. %(number)s, due %(day)s", number=i.number, day=words.short_day(i.due_on)),
            )
            for i in self.owing
            if i.number not in paid_first and not i.processing
        )

    def pay_off(self) -> Button | None:
        """Everything that is owed, where the first button does not pay just that."""
        if len(self.owing) <= len(self.first) or self.plan.processing:
            return None
        amount = self.words.money(self.plan.owed, self.plan.currency)
        label = self.words.gettext("Pay off %(amount)s", amount=amount)
        url = f"{self.home}plans/{self.plan.id}/pay-off"
        return Button(url, self.plan.owed, label, asks=self._asks(self.owing))

    def row(self, i: InstallmentView) -> Row:
        words, currency = self.words, self.plan.currency
        notes = []
        if 0 < i.cancelled < i.amount:
            notes.append(words.gettext("%(amount)s cancelled", amount=words.amount(i.cancelled, currency)))
        if i.moved:
            notes.append(words.gettext("%(amount)s moved", amount=words.amount(i.moved, currency)))
        if i.owed and i.settled:
            paid, amount = words.amount(i.settled, currency), words.amount(i.amount, currency)
            notes.append(words.gettext("%(paid)s of %(amount)s paid", paid=paid, amount=amount))
        if i.returned:
            notes.append(words.gettext("%(amount)s returned", amount=words.amount(i.returned, currency)))
        paid_on = i.paid_on if i.status is InstallmentStatus.PAID else None
        return Row(
            words.line(i),
            words.short_day(i.due_on),
            words.amount(i.amount, currency),
            tuple(notes),
            words.badge("processing" if i.processing else i.status),
            words.short_day(paid_on) if paid_on else None,
        )

    def _asks(self, installments: Sequence[InstallmentView]) -> Markup:
        """What is asked before these are paid early."""
        days = {"day": self.words.day(installments[-1].due_on)}
        return self.words.ngettext(
            "This installment is due on %(day)s. Paying early is free.",
            "%(num)s installments, the last due %(day)s. Paying early is free.",
            len(installments),
            **days,
        )

    def _named(self, installments: Sequence[InstallmentView]) -> Markup:
        if len(installments) == 1 and installments[0].is_deposit:
            return self.words.gettext("Deposit")
        if len(installments) == 1:
            number, count = installments[0].number, len(self.plan.installments)
            return self.words.gettext("Installment %(number)s of %(count)s", number=number, count=count)
        return self.words.ngettext("%(num)s installment", "%(num)s installments", len(installments))

    def _of(self, installment: InstallmentView) -> str:
        return f"{self.home}installments/{installment.id}/pay"
