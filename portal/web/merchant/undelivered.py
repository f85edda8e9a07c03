"""The emails of a shop that could not be delivered, so that it can write to these people in another way."""

from __future__ import annotations

from flask import render_template

from portal.core.roles import Role
from portal.extensions import db, now
from portal.presentation.activity import email_name
from portal.queries.undelivered import list_undelivered
from portal.web.guards import actor, requires


@requires(Role.MERCHANT)
def show() -> str:
    found = list_undelivered(db.session, actor(), now())
    return render_template(
        "merchant/undelivered.html", emails=[(email_name(email.kind), email) for email in found]
    )
