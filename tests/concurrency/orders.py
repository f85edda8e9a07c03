"""What the clients send: money forms with idempotency keys, half of them repeats of a key, mixed by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from .world import Line, Target

# Of the keys beyond one for each installment, so many in ten are for all that is overdue or left on a plan.
WIDE_IN_TEN = 2


@dataclass(frozen=True, slots=True)
class Order:
    """One money form: where it goes, what it shows in minor units, and the installments that it would pay."""

    email: str
    plan_id: UUID
    path: str
    amount: int
    covers: frozenset[UUID]
    key: str

    @property
    def fields(self) -> dict[str, str]:
        return {"amount": str(self.amount), "plan": str(self.plan_id), "page": "plan"}


def mixed(targets: list[Target], requests: int, seed: int) -> list[Order]:
    """So many requests: every installment is in one at least, every key in two, at once or at any other time."""
    chance = random.Random(seed)
    singles = [(target, "installment", (line,)) for target in targets for line in target.lines]
    wide = [choice for target in targets for choice in _wide(target)]
    chosen = list(singles)
    while len(chosen) < requests // 2:
        chosen.append(chance.choice(wide if chance.randrange(10) < WIDE_IN_TEN else singles))
    # A repeat comes beside its first half the time, and so do two keys for one plan, to meet under its lock.
    beside = {target.plan_id: chance.random() for target in targets}
    placed: list[tuple[float, Order]] = []
    for number, (target, scope, lines) in enumerate(chosen):
        order = _order(target, scope, lines, f"key-{seed}-{number}")
        place = beside[target.plan_id] if chance.random() < 0.5 else chance.random()
        again = place if chance.random() < 0.5 else chance.random()
        placed += [(place, order), (again, order)]
    placed.sort(key=lambda pair: (pair[0], chance.random()))
    return [order for _place, order in placed]


def _wide(target: Target) -> list[tuple[Target, str, tuple[Line, ...]]]:
    overdue = tuple(line for line in target.lines if line.overdue)
    everything = (target, "pay-off", target.lines)
    return [everything, (target, "pay-overdue", overdue)] if overdue else [everything]


def _order(target: Target, scope: str, lines: tuple[Line, ...], key: str) -> Order:
    if scope == "installment":
        path = f"/customer/installments/{lines[0].id}/pay"
    else:
        path = f"/customer/plans/{target.plan_id}/{scope}"
    amount = sum(line.owed for line in lines)
    return Order(target.email, target.plan_id, path, amount, frozenset(line.id for line in lines), key)
