"""What a program sends to offer a plan: a regular schedule, or each amount and due date."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from portal.core.calendar import OFFER_DAYS
from portal.core.errors import N_, Faults
from portal.core.money import parse_amount
from portal.core.schedule import MAX_INSTALLMENTS, PERIODS, FirstDue, Frequency
from portal.extensions import now
from portal.services import offers

from .guards import actor
from .schemas import REFUSALS, Amount, Body, Count, Day, Email, MonthDay, ValidDays, refuse, text

UNNAMED = "Purchase"


class NewLine(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    amount: Amount
    due_date: Day


class NewPlan(Body):
    placeholders: ClassVar[dict[str, Any]] = {
        "customer_email": "",
        "total_amount": "0",
    }

    customer_email: Email
    total_amount: Amount
    num_installments: Count = Field(None, description="Required without `installments`.")
    start_date: Day = Field(
        None,
        description="The first due date; the others are counted from it. Required unless `installments` is sent or "
        "`first_due` is `acceptance`.",
    )
    frequency: Literal[tuple(PERIODS)] = Field(None, description="Monthly unless given.")
    deposit: Amount = Field(
        None, description="Due on the day of acceptance; the installments share the rest of the total."
    )
    first_due: Literal[tuple(FirstDue)] = Field(
        None,
        description="With `acceptance` the dates are counted from the day of acceptance: the first installment is due "
        "on it or, after a deposit, one period later.",
    )
    day_of_month: MonthDay = Field(
        None, description="Due on this day of each month, from `start_date` on: 1 to 28, or `last`."
    )
    installments: list[NewLine] = Field(
        None,
        json_schema_extra={"minItems": 1, "maxItems": MAX_INSTALLMENTS},
        description="Each amount and due date, in place of count, frequency and start; they sum to the total.",
    )
    description: text(offers.DESCRIPTION_LONGEST) = Field("", description="What is bought.")
    valid_days: ValidDays = Field(None, description="So many days the customer can answer; 30 unless given.")

    def proposal(self) -> offers.Proposal:
        """What a body without faults asks for. Raises ``InvalidInput``, with those of the body and of the rules."""
        refused, total = Faults(), 0
        with refused.caught():
            total = parse_amount(self.total_amount, actor().currency)
        deposit = self._deposit(refused)
        lines = self._lines(total - (deposit or 0), refused)
        self._check_shape(lines is not None, refused)
        faults = refused.errors | self.faults
        proposal = offers.Proposal(
            self.customer_email,
            self.description or UNNAMED,
            total,
            len(lines) if lines else self.num_installments or 0,
            lines[0][1] if lines else self._first_date,
            Frequency.OWN if lines is not None else Frequency(self.frequency or Frequency.MONTHLY),
            None if self.valid_days == OFFER_DAYS else self.valid_days,
            lines=lines,
            deposit=deposit,
            first_due=FirstDue.ACCEPTANCE if self._follows else None,
            day_of_month=None if lines else self.day_of_month,
        )
        if faults:
            refuse(faults, partial(offers.validate_proposal, actor(), proposal, now()))
        return proposal

    @property
    def _follows(self) -> bool:
        return self.first_due == FirstDue.ACCEPTANCE and self.installments is None

    @property
    def _first_date(self) -> date:
        return self.start_date or (offers.NO_DATE if self._follows else date.min)

    def _deposit(self, refused: Faults) -> int | None:
        """In minor units; one that cannot be read counts as none."""
        deposit = None
        if self.deposit is not None:
            with refused.caught():
                deposit = parse_amount(self.deposit, actor().currency, "deposit")
        return deposit

    def _lines(self, total: int, refused: Faults) -> tuple[tuple[int, date], ...] | None:
        """The lines that were sent, in minor units; an amount that cannot be read counts as nothing.

        Where the list could not be read, its fault is known, and one line that is right stands in for it.
        """
        if any(name.split(".")[0] == "installments" for name in self.faults):
            return ((max(total, 1), now().date() + timedelta(days=self.deposit is not None)),)
        if self.installments is None:
            return None
        lines = []
        for place, line in enumerate(self.installments):
            amount = 0
            with refused.caught():
                amount = parse_amount(line.amount, actor().currency, f"installments.{place}.amount")
            lines.append((amount, line.due_date))
        return tuple(lines)

    def _check_shape(self, own: bool, refused: Faults) -> None:
        """Either ``installments``, or the count and the start that they are worked out from."""
        for name in ("num_installments", "start_date", "frequency", "day_of_month", "first_due"):
            if own and getattr(self, name) is not None:
                refused.add(name, N_("Leave this out where you send installments."))
        if own:
            return
        if self.num_installments is None:
            refused.add("num_installments", REFUSALS["missing"])
        if self._follows and self.start_date is not None:
            refused.add("start_date", N_("Leave this out where the dates follow the acceptance."))
        elif not self._follows and self.start_date is None:
            refused.add("start_date", REFUSALS["missing"])
