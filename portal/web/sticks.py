"""The sticks on pages: a plan's own, and samples where there is no plan."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from flask import Flask
from flask_babel import gettext as _
from markupsafe import Markup

from portal.core.states import InstallmentStatus
from portal.presentation import stick
from portal.queries.read_models import PlanView

SAMPLE = sha256(b"Tallystick").hexdigest()


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(plan_stick=plan_stick, sample_stick=sample_stick, plan_outline=plan_outline)


def plan_stick(plan: PlanView, fresh: Collection[int] = ()) -> Markup:
    """The plan's stick with what is paid; before its terms are accepted, and after they were not, the outline."""
    if plan.accepted_on is None:
        return plan_outline()
    cut, label = _cut(plan)
    return stick.drawing(plan.terms_hash, cut, label, fresh)


def plan_outline() -> Markup:
    """The stick of terms that nobody has accepted."""
    return stick.outline(_("The stick of this plan. Nothing is cut before the offer is accepted."))


def plan_picture(plan: PlanView) -> tuple[str, str]:
    """The stick of an accepted plan for a document, and its text."""
    cut, label = _cut(plan)
    return stick.picture(plan.terms_hash, cut), label


def _cut(plan: PlanView) -> tuple[list[bool], str]:
    """For each installment whether it is paid, and that in words."""
    shown = [i.status for i in plan.installments if i.status is not InstallmentStatus.MOVED]
    cut = [status is InstallmentStatus.PAID for status in shown]
    words = _("The stick of this plan: %(paid)s of %(count)s notches are cut.", paid=sum(cut), count=len(cut))
    return cut, words


def sample_stick(paid: int, count: int) -> Markup:
    """A stick that belongs to no plan: the first ``paid`` of ``count`` parts are cut."""
    label = _("A notched stick, split lengthwise: the notches of both halves match.")
    return stick.drawing(SAMPLE, [place < paid for place in range(count)], label)
