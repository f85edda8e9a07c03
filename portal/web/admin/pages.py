"""The admin's pages: find, open, deactivate, read, watch; an admin never accepts and never pays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import Optional

from portal.adapters.mailer import Email
from portal.core.emails import SECRET
from portal.core.roles import Role
from portal.core.states import PlanState
from portal.extensions import adapters, db, now
from portal.presentation.activity import event_words, timeline_of
from portal.queries import admin
from portal.queries import self_check as checks
from portal.queries.admin import MessageView
from portal.queries.shops import find_shop
from portal.queries.timeline import events_of_plan, payments_of_plan
from portal.services import accounts, events, outbox, shops
from portal.services.transaction import unit_of_work
from portal.web.fields import WholeNumberField
from portal.web.forms import PageForm, searched
from portal.web.guards import actor, origin, requires
from portal.web.rendering import done
from portal.web.shared import health

log = logging.getLogger(__name__)

bp = Blueprint("admin", __name__, url_prefix="/admin")
only_admins = requires(Role.ADMIN)

Row = TypeVar("Row")

MESSAGE_STATES = ("queued", "sent", "failed")


@bp.get("/")
@only_admins
def overview() -> ResponseReturnValue:
    return render_template(
        "admin/overview.html",
        database=health.database_state(),
        queue=health.queue_state(),
        counts=admin.counts(db.session),
        jobs=admin.list_jobs(db.session, now()),
    )


@bp.get("/users")
@only_admins
def users() -> ResponseReturnValue:
    filters = {"search": searched(), "role": _chosen("role", list(Role))}
    found, next_url = _page(admin.list_users(db.session, before=_before(), **filters), **filters)
    return render_template("admin/users.html", users=found, next_url=next_url, roles=list(Role), **filters)


@bp.get("/users/<uuid:user_id>")
@only_admins
def user(user_id: UUID) -> ResponseReturnValue:
    page = user_page(user_id)
    with unit_of_work(db.session):
        events.record_reading(db.session, actor(), user_id, origin(), now())
    return page


def user_page(user_id: UUID, form: LimitForm | None = None) -> ResponseReturnValue:
    """The user, the shop if there is one, and the plans of either; perhaps with what is wrong with the shop's form."""
    found, shop = admin.get_user(db.session, user_id), find_shop(db.session, user_id)
    plans, next_url = _page(admin.list_plans(db.session, now(), party=user_id, before=_before()))
    if shop and form is None:
        form = LimitForm(formdata=None, offers_per_day=shop.offers_per_day)
    page = render_template(
        "admin/user.html", user=found, shop=shop, form=form, plans=plans, next_url=next_url
    )
    return page, 422 if form and form.errors else 200


class LimitForm(PageForm):
    offers_per_day = WholeNumberField(_l("Offers to new customers in 24 hours"), validators=[Optional()])


@bp.post("/users/<uuid:user_id>/suspend")
@only_admins
def suspend(user_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        shops.suspend(db.session, actor(), user_id, now())
    return done(
        url_for(".user", user_id=user_id),
        _("Suspended: nobody can accept this shop's offers. Customers can still pay what they owe."),
    )


@bp.post("/users/<uuid:user_id>/lift")
@only_admins
def lift_suspension(user_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        shops.lift_suspension(db.session, actor(), user_id, now())
    return done(url_for(".user", user_id=user_id), _("The suspension is lifted."))


@bp.post("/users/<uuid:user_id>/offers-per-day")
@only_admins
def limit_offers(user_id: UUID) -> ResponseReturnValue:
    form = LimitForm()
    if form.validate():
        with form.collecting():
            with unit_of_work(db.session):
                shops.limit_offers(db.session, actor(), user_id, form.offers_per_day.data, now())
            return done(url_for(".user", user_id=user_id), _("The limit is saved."))
    return user_page(user_id, form)


@bp.post("/users/<uuid:user_id>/deactivate")
@only_admins
def deactivate(user_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        accounts.deactivate(db.session, actor(), user_id, now())
    return done(
        url_for(".user", user_id=user_id),
        _("Deactivated: this user is signed out everywhere and cannot sign in."),
    )


@bp.post("/users/<uuid:user_id>/reactivate")
@only_admins
def reactivate(user_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        accounts.reactivate(db.session, actor(), user_id, now())
    return done(url_for(".user", user_id=user_id), _("Reactivated: this user can sign in again."))


@bp.get("/plans")
@only_admins
def plans() -> ResponseReturnValue:
    filters = {"search": searched(), "status": _chosen("status", list(PlanState))}
    found, next_url = _page(admin.list_plans(db.session, now(), before=_before(), **filters), **filters)
    return render_template(
        "admin/plans.html", plans=found, next_url=next_url, states=list(PlanState), **filters
    )


@bp.get("/plans/<uuid:plan_id>")
@only_admins
def plan(plan_id: UUID) -> ResponseReturnValue:
    found = admin.get_plan(db.session, plan_id, now())
    key = (found.merchant_id, found.id)
    return render_template(
        "admin/plan.html",
        plan=found,
        payments=payments_of_plan(db.session, *key),
        timeline=timeline_of(events_of_plan(db.session, *key), found.currency),
        evidence=admin.find_evidence(db.session, found),
    )


@bp.get("/messages")
@only_admins
def messages() -> ResponseReturnValue:
    state = _chosen("state", MESSAGE_STATES)
    found, next_url = _page(admin.list_messages(db.session, state=state, before=_before()), state=state)
    return render_template(
        "admin/messages.html", messages=found, next_url=next_url, state=state, states=MESSAGE_STATES
    )


@bp.get("/messages/<uuid:message_id>")
@only_admins
def message(message_id: UUID) -> ResponseReturnValue:
    found = admin.get_message(db.session, message_id)
    email = _email(found)
    secret = found.kind in SECRET or bool(email and email.secret)
    return render_template("admin/message.html", message=found, email=email, secret=secret)


@bp.post("/messages/<uuid:message_id>/send-again")
@only_admins
def send_again(message_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        outbox.send_again(db.session, actor(), message_id, now())
    return done(
        url_for(".message", message_id=message_id), _("It is queued again and will be sent within a minute.")
    )


def _email(message: MessageView) -> Email | None:
    """The email as it was sent, or as it looks now; None for one that lacks facts. A secret link is not shown."""
    if message.body is not None:
        return Email(message.subject or "", message.body, "")
    try:
        email = adapters().emails.write(message, hidden=_("[link hidden]"))
    except Exception as error:
        about = {"message_id": str(message.id), "error": f"{type(error).__name__}: {error}"}
        log.warning("an email cannot be written", extra=about)
        return None
    return email


@bp.get("/jobs")
@only_admins
def jobs() -> ResponseReturnValue:
    runs, next_url = _page(admin.list_runs(db.session, before=_before()))
    states = admin.list_jobs(db.session, now())
    return render_template("admin/jobs.html", jobs=states, runs=runs, next_url=next_url)


@bp.get("/audit")
@only_admins
def audit() -> ResponseReturnValue:
    rows, next_url = _page(admin.list_events(db.session, before=_before()), attrgetter("event.id"))
    entries = [(row, event_words(row.event, row.currency)) for row in rows]
    return render_template("admin/audit.html", entries=entries, next_url=next_url)


@bp.get("/self-check")
@only_admins
def self_check() -> ResponseReturnValue:
    return render_template("admin/self_check.html", findings=checks.run(db.session))


def _before() -> UUID | None:
    """The cursor of this page of a list."""
    return request.args.get("before", type=UUID)


def _chosen(name: str, known: Sequence[str]) -> str:
    """The filter that was chosen, or none."""
    value = request.args.get(name, "")
    return value if value in known else ""


def _page(
    rows: list[Row], key: Callable[[Row], Any] = attrgetter("id"), **filters: str
) -> tuple[list[Row], str | None]:
    """The rows of this page, and the next one's address if there is one row more than a page holds."""
    if len(rows) <= admin.PAGE:
        return rows, None
    shown = rows[: admin.PAGE]
    kept = {name: value for name, value in filters.items() if value}
    return shown, url_for(str(request.endpoint), **(request.view_args or {}), before=key(shown[-1]), **kept)
