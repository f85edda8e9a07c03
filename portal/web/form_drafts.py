"""Form drafts: what was typed when the session ended, kept in the browser's cookie until the same person signs in."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from flask import current_app, flash, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from portal.core.card_numbers import holds_card_number
from portal.extensions import now
from portal.guards import View

DRAFT_SECONDS = 3600
# In characters of JSON: a cookie holds four kilobytes and the session needs some of them.
LONGEST_DRAFT = 2000
_KEY = "form_draft"


def preserve(*fields: str, page: str | None = None) -> Callable[[View], View]:
    """Decorate a view with the fields of its form to preserve; ``page`` is the view that shows the form, if another.

    A name may end with a star, for fields of which there are any number.

    Never passwords, tokens or keys: anyone who has the browser can read them.
    """

    def stamp(view: View) -> View:
        view.preserved = fields, page  # type: ignore[attr-defined]
        return view

    return stamp


def save() -> str | None:
    """Save what this request sent and return the page of its form; None for a form without preserved fields.

    It replaces the draft saved before.
    """
    session.pop(_KEY, None)
    fields, page = getattr(current_app.view_functions[request.endpoint or ""], "preserved", ((), None))
    if not fields:
        return None
    url = url_for(page or request.endpoint or "", **(request.view_args or {}))
    values = {
        name: request.form[name] for name in request.form if any(fnmatchcase(name, field) for field in fields)
    }
    person = str(session.get("_user_id", "")).partition(".")[0]
    if person and len(json.dumps(values)) <= LONGEST_DRAFT:
        kept = {name: value for name, value in values.items() if not holds_card_number(value)}
        about = {"person": person, "page": url, "at": now().timestamp()}
        session[_KEY] = about | {"fields": kept, "signed_in": current_user.is_authenticated}
    return url


def exists() -> bool:
    """Whether there is a draft to restore after signing in."""
    return _KEY in session and not _too_old(session[_KEY])


def transfer(user_id: UUID) -> dict[str, Any]:
    """The draft to take into a new session of this user; another person's is left behind."""
    kept = session.get(_KEY)
    return {_KEY: kept} if kept and kept["person"] == str(user_id) else {}


def restore() -> MultiDict[str, str] | None:
    """The fields of this page's form as they were typed before signing in again; once, and within the hour."""
    kept = session.get(_KEY)
    if request.method != "GET" or not kept or kept["page"] != request.path:
        return None
    del session[_KEY]
    if _too_old(kept):
        return None
    if kept.get("signed_in"):
        flash(_("Thank you. What you typed is back in the form. It has not been sent."), "info")
    else:
        flash(_("You are signed in again. What you typed is back in the form. It has not been sent."), "info")
    return MultiDict(kept["fields"])


def _too_old(kept: dict[str, Any]) -> bool:
    return now().timestamp() - kept["at"] > DRAFT_SECONDS
