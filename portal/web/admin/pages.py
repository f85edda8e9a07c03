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

from portal.adapters.mailer import Email
from portal.core.accounts import shown_email
from portal.core.emails import SECRET
from portal.core.errors import NotFound
from portal.core.roles import MemberRole, Role
from portal.core.states import PlanState
from portal.extensions import adapters, db, now
from portal.presentation.activity import event_words, timeline_of
from portal.queries import admin
from portal.queries import self_check as checks
from portal.queries.admin import MessageView
from portal.queries.mismatches import list_mismatches
from portal.queries.team import shops_of
from portal.queries.timeline import events_of_plan, payments_of_plan
from portal.services import accounts, events, outbox
from portal.services.transaction import unit_of_work
from portal.web.forms import searched
from portal.web.guards import actor, origin, requires
from portal.web.rendering import done
from portal.web.shared import health

log = logging.getLogger(__name__)

bp = Blueprint("admin", __name__, url_prefix="/admin")
only_admins = requires(Role.ADMIN)

Row = TypeVar("Row")

MESSAGE_STATES = ("queued", "sent", "failed")
# What an email may do in a frame of its page: be drawn with its own styles, and nothing else.
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox"
)


@bp.get("/")
@only_admins
def overview() -> ResponseReturnValue:
    return render_template(
        "admin/overview.html",
        database=health.database_state(),
        queue=health.queue_state(),
        counts=admin.counts(db.session),
        jobs=admin.list_jobs(db.session, now()),
        mismatches=list_mismatches(db.session, now()),
    )


@bp.get("/users")
@only_admins
def users() -> ResponseReturnValue:
    filters = {"search": searched(), "role": _chosen("role", list(Role))}
    found, next_url = page_of(admin.list_users(db.session, before=before(), **filters), **filters)
    return render_template("admin/users.html", users=found, next_url=next_url, roles=list(Role), **filters)


@bp.get("/users/<uuid:user_id>")
@only_admins
def user(user_id: UUID) -> ResponseReturnValue:
    """The user, the shops they act for, and the plans that they buy or that are of shops they own."""
    found, memberships = admin.get_user(db.session, user_id), shops_of(db.session, user_id)
    owned = [shop.id for shop in memberships if shop.role is MemberRole.OWNER]
    parties = {"customer": user_id, "shops": owned}
    plans, next_url = page_of(admin.list_plans(db.session, now(), before=before(), **parties))
    page = render_template(
        "admin/user.html",
        user=found,
        shops=memberships,
        plans=plans,
        next_url=next_url,
        audit_url=url_for(".audit", search=shown_email(found.email)),
    )
    with unit_of_work(db.session):
        events.record_reading(db.session, actor(), user_id, origin(), now())
    return page


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
    found, next_url = page_of(admin.list_plans(db.session, now(), before=before(), **filters), **filters)
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
    found, next_url = page_of(admin.list_messages(db.session, state=state, before=before()), state=state)
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


@bp.get("/messages/<uuid:message_id>/html")
@only_admins
def message_html(message_id: UUID) -> ResponseReturnValue:
    """The HTML of an email, for a frame of its page: it runs nothing, loads nothing and leads nowhere."""
    email = _email(admin.get_message(db.session, message_id))
    if not email or not email.html:
        raise NotFound()
    return email.html, {"Content-Security-Policy": FRAMED, "X-Frame-Options": "SAMEORIGIN"}


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
        return Email(message.subject or "", message.body, message.html or "")
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
    runs, next_url = page_of(admin.list_runs(db.session, before=before()))
    states = admin.list_jobs(db.session, now())
    return render_template("admin/jobs.html", jobs=states, runs=runs, next_url=next_url)


@bp.get("/audit")
@only_admins
def audit() -> ResponseReturnValue:
    search = searched()
    found = admin.list_events(db.session, search=search, before=before())
    rows, next_url = page_of(found, attrgetter("event.id"), search=search)
    entries = [(row, event_words(row.event, row.currency)) for row in rows]
    return render_template("admin/audit.html", entries=entries, next_url=next_url, search=search)


@bp.get("/self-check")
@only_admins
def self_check() -> ResponseReturnValue:
    return render_template("admin/self_check.html", findings=checks.run(db.session))


def before() -> UUID | None:
    """The cursor of this page of a list."""
    return request.args.get("before", type=UUID)


def _chosen(name: str, known: Sequence[str]) -> str:
    """The filter that was chosen, or none."""
    value = request.args.get(name, "")
    return value if value in known else ""


def page_of(
    rows: list[Row], key: Callable[[Row], Any] = attrgetter("id"), **filters: str
) -> tuple[list[Row], str | None]:
    """The rows of this page, and the next one's address if there is one row more than a page holds."""
    if len(rows) <= admin.PAGE:
        return rows, None
    shown = rows[: admin.PAGE]
    kept = {name: value for name, value in filters.items() if value}
    return shown, url_for(str(request.endpoint), **(request.view_args or {}), before=key(shown[-1]), **kept)
