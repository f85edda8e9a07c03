"""Payment providers that remember what they moved, refuse, or die with the process; each is a simulator underneath."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from portal.adapters.payments import Charge, Outcome, RefundRequest, Settled
from portal.adapters.payments.simulator import Simulator


class Provider(Simulator):
    """Notes each charge and each return once per reference, as a real one does; declines returns of some charges."""

    def __init__(self, declining: Collection[UUID] = ()) -> None:
        self.charged: dict[UUID, int] = {}
        self.given_back: dict[UUID, int] = {}
        self.declining = declining

    def begin(self, charge: Charge) -> Settled:
        self.charged[charge.reference] = charge.amount
        return super().begin(charge)

    def get(self, charge: Charge) -> Outcome | None:
        return super().get(charge) if charge.reference in self.charged else None

    def refund(self, back: RefundRequest) -> Outcome | None:
        self.given_back[back.reference] = 0 if back.charge.reference in self.declining else back.amount
        return self.get_refund(back)

    def get_refund(self, back: RefundRequest) -> Outcome | None:
        if back.reference not in self.given_back:
            return None
        return Outcome.SUCCEEDED if self.given_back[back.reference] else Outcome.DECLINED

    def recovered(self) -> Provider:
        """A provider in good health that knows what this one did."""
        healthy = Provider(self.declining)
        healthy.charged, healthy.given_back = self.charged, self.given_back
        return healthy


class Crash(BaseException):
    """The process dies, and nobody can catch that."""


class CrashBeforeTheCall(Provider):
    def begin(self, charge: Charge) -> Settled:
        raise Crash

    def refund(self, back: RefundRequest) -> Outcome:
        raise Crash


class CrashAfterTheCall(Provider):
    def begin(self, charge: Charge) -> Settled:
        super().begin(charge)
        raise Crash

    def refund(self, back: RefundRequest) -> Outcome:
        super().refund(back)
        raise Crash
