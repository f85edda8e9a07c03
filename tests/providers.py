"""Payment providers that remember what they moved, refuse, or die with the process; each is a simulator underneath."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from portal.adapters.gateway import Charge, Outcome, RefundRequest, Simulator


class Provider(Simulator):
    """Notes each charge and each return once per reference, as a real one does; declines returns of some charges."""

    def __init__(self, declining: Collection[UUID] = ()) -> None:
        self.charged: dict[UUID, int] = {}
        self.given_back: dict[UUID, int] = {}
        self.declining = declining

    def charge(self, charge: Charge) -> Outcome:
        self.charged[charge.reference] = charge.amount
        return super().charge(charge)

    def find(self, charge: Charge) -> Outcome | None:
        return super().find(charge) if charge.reference in self.charged else None

    def refund(self, back: RefundRequest) -> Outcome | None:
        self.given_back[back.reference] = 0 if back.charge in self.declining else back.amount
        return self.find_refund(back)

    def find_refund(self, back: RefundRequest) -> Outcome | None:
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
    def charge(self, charge: Charge) -> Outcome:
        raise Crash

    def refund(self, back: RefundRequest) -> Outcome:
        raise Crash


class CrashAfterTheCall(Provider):
    def charge(self, charge: Charge) -> Outcome:
        super().charge(charge)
        raise Crash

    def refund(self, back: RefundRequest) -> Outcome:
        super().refund(back)
        raise Crash
