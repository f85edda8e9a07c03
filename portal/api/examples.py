"""One worked example for every request and answer of the API's description; 25.00 of 100.00 in four parts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from portal.core.errors import Busy, Forbidden, InvalidInput, NotFound, TooMany
from portal.http_errors import CODES, DETAILS

Json = dict[str, Any]

MERCHANT_ID = "01980000-0000-7000-8000-000000000001"
CUSTOMER_ID = "01980000-0000-7000-8000-000000000002"
PLAN_ID = "01980000-0000-7000-8000-00000000000a"
INSTALLMENT_ID = "01980000-0000-7000-8000-0000000000a1"

REGISTER: Json = {
    "username": "corner-shop",
    "email": "shop@example.com",
    "password": "correct horse battery",
    "password2": "correct horse battery",
    "role": "merchant",
    "currency": "USD",
}
ACCOUNT: Json = {
    "id": MERCHANT_ID,
    "username": "corner-shop",
    "email": "shop@example.com",
    "role": "merchant",
}
SIGN_IN: Json = {"username": "corner-shop", "password": "correct horse battery"}
ACCESS: Json = {"access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.access.signature"}
REFRESH: Json = {"refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.refresh.signature"}
TOKENS: Json = ACCESS | REFRESH

NEW_PLAN: Json = {
    "customer_email": "ada@example.com",
    "description": "Oak table",
    "total_amount": "100.00",
    "num_installments": 4,
    "start_date": "2026-12-31",
    "frequency": "monthly",
}
INSTALLMENT: Json = {
    "id": INSTALLMENT_ID,
    "plan": PLAN_ID,
    "number": 1,
    "amount": "25.00",
    "currency": "USD",
    "due_date": "2026-12-31",
    "status": "pending",
    "processing": False,
    "paid": "0.00",
    "cancelled": "0.00",
    "returned": "0.00",
    "owed": "25.00",
    "paid_at": None,
}
PAID: Json = INSTALLMENT | {
    "status": "paid",
    "paid": "25.00",
    "owed": "0.00",
    "paid_at": "2026-12-30T09:30:00Z",
}
PROCESSING: Json = INSTALLMENT | {"processing": True}
PLAN: Json = {
    "id": PLAN_ID,
    "merchant": MERCHANT_ID,
    "customer": CUSTOMER_ID,
    "customer_email": "ada@example.com",
    "description": "Oak table",
    "total_amount": "100.00",
    "currency": "USD",
    "num_installments": 4,
    "frequency": "monthly",
    "start_date": "2026-12-31",
    "status": "offered",
    "created_at": "2026-12-01T10:00:00Z",
    "updated_at": "2026-12-01T10:00:00Z",
    "installments": [INSTALLMENT],
}
REFUND: Json = {
    "id": "01980000-0000-7000-8000-0000000000f1",
    "plan": PLAN_ID,
    "amount": "80.00",
    "currency": "USD",
    "status": "succeeded",
    "cancelled": "75.00",
    "returned": "5.00",
    "installments": [{"installment": INSTALLMENT_ID, "cancelled": "0.00", "returned": "5.00"}],
}
DASHBOARD: Json = {
    "total_revenue": 25.0,
    "overdue_installments": 1,
    "success_rate": 50.0,
    "currency": "USD",
    "period": "30d",
    "period_begins": "2026-12-02",
    "revenue": 25.0,
    "revenue_before": 0.0,
    "outstanding": 75.0,
    "outstanding_before": 100.0,
    "overdue": 25.0,
    "overdue_new": 25.0,
    "success_rate_due": 50.0,
    "success_rate_due_before": None,
    "on_time_rate": 50.0,
    "on_time_rate_due": 50.0,
    "on_time_rate_due_before": None,
    "aging": [{"days": "1-30", "amount": 25.0, "installments": 1}],
    "expected": [{"week": "2026-12-28", "amount": 25.0}],
    "schedule": [{"month": "2026-12-01", "amount": 75.0}],
    "takings": [{"month": "2026-12-01", "amount": 25.0}],
    "on_time_by_month": [{"month": "2026-11-01", "on_time": 1, "due": 2, "rate": 50.0}],
}


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


# What refuses most operations in the same words; where one has its own, its description says so.
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
TOO_OFTEN = {
    429: problem(429, "Too many wrong passwords. Wait a few minutes and try again.", code=TooMany.code)
}
NO_SUCH_PAIR = {401: problem(401, "Wrong email or password.")}
NO_REFRESH = {401: problem(401, "This is not a valid refresh token. Sign in again.")}
NO_PART = invalid("num_installments", "Choose 1 to 60 installments.")
NO_PAGE = invalid("limit", "Ask for 1 to 200 at a time.")
NO_PERIOD = invalid("period", "This is not one of the values that this field takes.")
NO_ADDRESS = invalid("email", "Enter an email address, such as name@example.com.")
NO_PASSWORD = invalid("password", "This field is required.")
NO_TOKEN = invalid("refresh", "This field is required.")
ACCEPTED = {409: problem(409, "This plan was already accepted.", code="plan_active")}
CANCELLED = {409: problem(409, "This plan was cancelled.", code="plan_cancelled")}
OFFERED = {409: problem(409, "This plan is an offer that nobody has accepted yet.", code="plan_offered")}
TOO_MUCH = invalid("amount", "At most 100.00 can be refunded.")
NOT_SENT_BACK = {
    402: problem(
        402,
        "$75.00 is cancelled, but the payment provider refused to return all of $5.00. Try again.",
        outcome="declined",
        refund=REFUND | {"status": "declined", "returned": "0.00"},
    ),
}
