"""What was typed into a form whose session had ended: kept in the browser's cookie until the same person is back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import current_app, flash, request, session, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.core.text import holds_card_number
from portal.extensions import now
from portal.guards import View

KEPT_SECONDS = 3600
# In characters of JSON: a cookie holds four kilobytes and the session needs some of them.
MOST = 2000
_KEY = "unsent"


def keeps(*fields: str, page: str | None = None) -> Callable[[View], View]:
    """Name the fields of the view's form that outlive a session; ``page`` is the view that shows the form, if another.

    Never passwords, tokens or keys: what is kept can be read by whoever has the browser.
    """

    def stamp(view: View) -> View:
        view.keeps = fields, page  # type: ignore[attr-defined]
        return view

    return stamp


def set_aside() -> str | None:
    """Keep what this request would have sent, and return the page of its form; None for forms that keep nothing.

    What was kept before is forgotten: only the last form can come back.
    """
    session.pop(_KEY, None)
    fields, page = getattr(current_app.view_functions[request.endpoint or ""], "keeps", ((), None))
    if not fields:
        return None
    url = url_for(page or request.endpoint or "", **(request.view_args or {}))
    values = {name: request.form[name] for name in fields if name in request.form}
    person = session.get("_user_id", "").partition(".")[0]
    if person and len(json.dumps(values)) <= MOST:
        kept = {name: value for name, value in values.items() if not holds_card_number(value)}
        session[_KEY] = {"person": person, "page": url, "at": now().timestamp(), "fields": kept}
    return url


def waiting() -> bool:
    """Whether something typed waits for its person to sign in again, who is in time for it."""
    return _KEY in session and not _too_old(session[_KEY])


def carry_over(user_id: UUID) -> dict[str, Any]:
    """What of the ended session a new one of this user takes along; another person's is left behind."""
    kept = session.get(_KEY)
    return {_KEY: kept} if kept and kept["person"] == str(user_id) else {}


def typed_before() -> MultiDict[str, str] | None:
    """The fields of this page's form as they were typed before signing in again; told once, and within the hour."""
    kept = session.get(_KEY)
    if request.method != "GET" or not kept or kept["page"] != request.path:
        return None
    del session[_KEY]
    if _too_old(kept):
        return None
    flash(_("You are signed in again. What you typed is back in the form; nothing of it was sent."), "info")
    return MultiDict(kept["fields"])


def _too_old(kept: dict[str, Any]) -> bool:
    return now().timestamp() - kept["at"] > KEPT_SECONDS
