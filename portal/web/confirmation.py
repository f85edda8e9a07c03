"""Asking again who somebody is, before what could take an account over: a guard beside those of ``guards``."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.core.sessions import CONFIRMED_FOR
from portal.extensions import now
from portal.guards import View

from .guards import send_first


def confirmed(view: View) -> View:
    """Open only to who has proved who they are in the last ten minutes; others are asked first and come back.

    It stands under the guard that signs people in. What was typed into a form is kept as after the end of a session:
    put ``form_drafts.preserve`` above the view.
    """

    @wraps(view)
    def asked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if not is_confirmed():
            return send_first("confirmation.ask")
        answer: ResponseReturnValue = view(*args, **kwargs)
        return answer

    return asked


def is_confirmed() -> bool:
    """Whether the signed-in person has proved lately who they are."""
    at = current_user.session.confirmed_at
    return at is not None and now() - at <= CONFIRMED_FOR
