"""The terms of a plan as they were accepted, for customer and shop: to read, to print, and checked by their hash."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.core.amendments import AmendmentState
from portal.core.money import parse_amount
from portal.core.roles import Role
from portal.core.schedule import Kind
from portal.extensions import db, now
from portal.queries import agreements, listing
from portal.queries.amendments import amendments_of
from portal.web.guards import actor, requires

bp = Blueprint("agreements", __name__)

CLAUSES = ("late", "early", "refund")


@bp.get("/customer/plans/<uuid:plan_id>/terms")
@requires(Role.CUSTOMER)
def for_customer(plan_id: UUID) -> ResponseReturnValue:
    return _page(plan_id)


@bp.get("/merchant/plans/<uuid:plan_id>/terms")
@requires(Role.MERCHANT)
def for_merchant(plan_id: UUID) -> ResponseReturnValue:
    return _page(plan_id)


@bp.get("/customer/plans/<uuid:plan_id>/terms.json")
@requires(Role.CUSTOMER)
def text_for_customer(plan_id: UUID) -> Response:
    return _text(plan_id)


@bp.get("/merchant/plans/<uuid:plan_id>/terms.json")
@requires(Role.MERCHANT)
def text_for_merchant(plan_id: UUID) -> Response:
    return _text(plan_id)


def _page(plan_id: UUID) -> str:
    agreement = agreements.get_agreement(db.session, actor(), plan_id)
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    return render_template(
        "agreement.html",
        agreement=agreement,
        terms=agreed_terms(agreement.terms),
        plan=plan,
        amendments=[
            one
            for one in reversed(amendments_of(db.session, plan, now()))
            if one.state is AmendmentState.IN_FORCE
        ],
    )


def _text(plan_id: UUID) -> Response:
    """The canonical text, byte for byte what was hashed, to keep and to check with any SHA-256 program."""
    agreement = agreements.get_agreement(db.session, actor(), plan_id)
    response = make_response(agreement.terms.encode())
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="terms-{agreement.reference}.json"'
    return response


def agreed_terms(canonical: str) -> dict[str, Any]:
    """The terms as their canonical text states them: amounts as minor units, days as dates, all else as written.

    Its clauses are in English; ``translated`` has them in the reader's language.
    """
    terms = json.loads(canonical)
    currency = terms["currency"]
    lines = [
        {
            "number": line["number"],
            "kind": line.get("kind", Kind.INSTALLMENT),
            "amount": parse_amount(line["amount"], currency),
            "due_on": date.fromisoformat(line["due_on"]),
        }
        for line in terms["lines"]
    ]
    return terms | {
        "translated": {name: _(terms[name]) for name in CLAUSES},
        "lines": lines,
        "sum": sum(line["amount"] for line in lines),
        "total": parse_amount(terms["total"], currency),
        "cash_price": parse_amount(terms["cash_price"], currency),
        "paid_before": parse_amount(terms["paid_before"], currency) if "paid_before" in terms else 0,
        "last_day": date.fromisoformat(terms["last_day"]),
    }
