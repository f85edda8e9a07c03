"""Worked examples of what the API is sent, and of its problems; those of its answers are declared with them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from portal.core.errors import Busy, Forbidden, InvalidInput, NotFound, TooMany
from portal.http_errors import CODES, DETAILS

from .answers import INSTALLMENT_ID, Refund, Tokens

Json = dict[str, Any]

REGISTER: Json = {
    "username": "corner-shop",
    "email": "shop@example.com",
    "password": "correct horse battery",
    "password2": "correct horse battery",
    "role": "merchant",
    "currency": "USD",
}
VERIFY_EMAIL: Json = {"token": "IjAxOTgwMDAwMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIg.signature"}
SIGN_IN: Json = {"username": "corner-shop", "password": "correct horse battery"}
REFRESH: Json = {"refresh": Tokens.example()["refresh"]}
NEW_PLAN: Json = {
    "customer_email": "ada@example.com",
    "description": "Oak table",
    "total_amount": "100.00",
    "num_installments": 4,
    "start_date": "2026-12-31",
    "frequency": "monthly",
}
NEW_PAYMENT: Json = {
    "amount": "25.00",
    "method": "cash",
    "received_on": "2026-12-30",
    "note": "At the counter",
}
NEW_REVERSAL: Json = {"reason": "The cheque bounced"}
NEW_REFUND: Json = {"amount": "80.00", "reason": "One chair was broken"}
NEW_WRITE_OFF: Json = {"reason": "Not found after three visits"}
NEW_AMENDMENT: Json = {
    "installments": [{"id": INSTALLMENT_ID, "due_date": "2027-01-10"}],
    "reason": "Wages come on the 9th",
}

# What an action leaves of the worked example; see ``answers``.
PAID = {"status": "paid", "paid": "25.00", "owed": "0.00", "paid_at": "2026-12-30T09:30:00Z"}


def problem(status: int, detail: str, **more: Any) -> Json:
    code = {"code": CODES[status]} if status in CODES else {}
    return (
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
        }
        | code
        | more
    )


def invalid(field: str, message: str) -> dict[int, Json]:
    """The refusal of one field at fault, by its status."""
    errors = {field: [message]}
    return {422: problem(422, InvalidInput({}).message, code=InvalidInput.code, errors=errors)}


# Errors that most operations share; an operation with its own says so in its description.
PROBLEMS: dict[int, Json] = {
    400: problem(400, DETAILS[400]),
    401: problem(401, "Send a valid access token: Authorization: Bearer <token>."),
    402: problem(
        402,
        "Your card was declined. Nothing was charged. Try to pay $25.00 again, or choose another card.",
        outcome="declined",
    ),
    403: problem(403, "This is for another kind of account than yours.", code=Forbidden.code),
    404: problem(404, NotFound().message, code=NotFound.code),
    409: problem(409, "This was already paid. Nothing was charged again.", code="already_paid"),
    413: problem(413, DETAILS[413]),
    415: problem(415, DETAILS[415]),
    **invalid("Idempotency-Key", "Use 1 to 255 letters, digits and signs, without spaces."),
    429: problem(429, DETAILS[429]),
    503: problem(503, Busy().message, code=Busy.code),
}
# Where anybody may call, only a browser's page of another site may not.
FOREIGN_PAGE = {
    403: problem(
        403, "This request was sent by a page of another site. Nothing was changed.", code=Forbidden.code
    )
}
TOO_OFTEN = {
    429: problem(429, "Too many wrong passwords. Wait a few minutes and try again.", code=TooMany.code)
}
NO_SUCH_PAIR = {401: problem(401, "Wrong email or password.")}
NO_REFRESH = {401: problem(401, "This is not a valid refresh token. Sign in again.")}
LINK_SPENT = {409: problem(409, "This link has been used or replaced. Ask for a new one.", code="link_spent")}
NO_PART = invalid("num_installments", "Choose 1 to 60 installments.")
NO_PAGE = invalid("limit", "Ask for 1 to 200 at a time.")
NO_PERIOD = invalid("period", "This is not one of the values that this field takes.")
NO_ADDRESS = invalid("email", "Enter an email address, such as name@example.com.")
NO_PASSWORD = invalid("password", "This field is required.")
NO_TOKEN = invalid("refresh", "This field is required.")
NO_LINK = invalid("token", "This field is required.")
ACCEPTED = {409: problem(409, "This plan was already accepted.", code="plan_active")}
CANCELLED = {409: problem(409, "This plan was cancelled.", code="plan_cancelled")}
WRITTEN_OFF = {409: problem(409, "The shop has stopped collecting this plan.", code="plan_written_off")}
OFFERED = {409: problem(409, "This plan is an offer that nobody has accepted yet.", code="plan_offered")}
TOO_MANY_OPEN_OFFERS = {
    409: problem(
        409,
        "This customer has 20 offers of yours to answer. Wait for an answer, or revoke an offer that is not needed any "
        "more.",
        code="too_many_open_offers",
    )
}
AMENDMENT_OPEN = {
    409: problem(
        409,
        "Another change of dates waits for an answer. It has to be answered or withdrawn first.",
        code="amendment_open",
    )
}
AMENDMENT_ENDED = {409: problem(409, "This change of dates was declined.", code="amendment_declined")}
TOO_MUCH_PAID = invalid("amount", "At most 100.00 is owed.")
NOT_RECORDED = {
    409: problem(409, "A card payment cannot be reversed here. Refund it instead.", code="not_recorded")
}
TOO_MUCH = invalid("amount", "At most 100.00 can be refunded.")
NOT_SENT_BACK = {
    402: problem(
        402,
        "$75.00 is cancelled, but the payment provider refused to return all of $5.00. Try again.",
        outcome="declined",
        refund=Refund.example(status="declined", returned="0.00"),
    ),
}
