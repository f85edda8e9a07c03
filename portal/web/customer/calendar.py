"""Due dates for a customer's calendar app, at a private address; a replaced or removed one is not found."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.adapters import calendar_tokens
from portal.core.errors import NotFound
from portal.core.roles import Role
from portal.extensions import db, limiter, now
from portal.http_compression import leave_uncompressed
from portal.presentation import calendar_feed as feeds
from portal.presentation.i18n import amount_text
from portal.queries import calendars
from portal.queries.read_models import InstallmentView, PlanView
from portal.services import calendars as service
from portal.services.transaction import unit_of_work
from portal.web.guards import actor, public, requires
from portal.web.rendering import done

bp = Blueprint("calendars", __name__)


@bp.get("/calendar/<token>.ics")
@public
@limiter.limit("120 per minute")
def feed(token: str) -> Response:
    """The token alone opens it, since calendar apps cannot sign in; it is in the language of its owner."""
    read = calendar_tokens.read(current_app.config["SECRET_KEY"], token)
    found = calendars.find_owner(db.session, *read) if read else None
    if found is None:
        raise NotFound()
    owner, since = found
    with force_locale(owner.language):
        entries = [_entry(plan, part, since) for plan, part in calendars.due_dates(db.session, owner, now())]
        response = make_response(feeds.write(_("Payments due"), entries))
    response.headers["Content-Type"] = "text/calendar; charset=utf-8"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    response.add_etag()
    return response.make_conditional(request)


def _entry(plan: PlanView, part: InstallmentView, since: datetime | None) -> feeds.Entry:
    """``since`` then it is in the language that it is in."""
    portal = current_app.config["PORTAL_URL"]
    return feeds.Entry(
        uid=f"{part.id}@{urlsplit(portal).hostname}",
        day=part.due_on,
        summary=_(
            "Pay %(amount)s to %(shop)s",
            amount=amount_text(part.owed, plan.currency),
            shop=plan.merchant_name,
        ),
        description=_described(plan, part),
        url=portal + url_for("customer.plan", plan_id=plan.id),
        changed_at=max(plan.updated_at, since or plan.updated_at),
    )


def _described(plan: PlanView, part: InstallmentView) -> str:
    about = {"what": plan.description, "reference": plan.reference}
    if part.is_deposit:
        return _("Deposit: %(what)s, %(reference)s", **about)
    count = len(plan.installments)
    return _(
        "Installment %(number)s of %(count)s: %(what)s, %(reference)s",
        number=part.number,
        count=count,
        **about,
    )


@bp.get("/customer/calendar")
@requires(Role.CUSTOMER)
def show() -> str:
    leave_uncompressed()
    key = calendars.find_key(db.session, actor())
    address = None if key is None else _address(key)
    return render_template("customer/calendar.html", address=address, webcal=address and _webcal(address))


def _address(key: UUID) -> str:
    token = calendar_tokens.make(current_app.config["SECRET_KEY"], actor().id, key)
    return current_app.config["PORTAL_URL"] + url_for(".feed", token=token)


def _webcal(address: str) -> str:
    """The address as apps take it that subscribe on a click."""
    return f"webcal:{address.partition(':')[2]}"


@bp.post("/customer/calendar")
@requires(Role.CUSTOMER)
def make() -> Response:
    with unit_of_work(db.session):
        service.open_calendar(db.session, actor(), now())
    return done(url_for(".show"), _("Your calendar has a new link. An earlier link no longer works."))


@bp.post("/customer/calendar/stop")
@requires(Role.CUSTOMER)
def stop() -> Response:
    with unit_of_work(db.session):
        service.close_calendar(db.session, actor(), now())
    return done(url_for(".show"), _("The link no longer works. Remove the calendar from your app."))
