"""What the services put into each kind of email, and what its reader must find."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from portal.core.reminders import ORDER

SECRET = "a key of the tests"
PLAN_ID = UUID("01930000-0000-7000-8000-000000000001")
USER_ID = UUID("01930000-0000-7000-8000-000000000002")
PAYMENT_ID = UUID("01930000-0000-7000-8000-000000000003")
AMENDED_TO_SHOPS = {
    f"amendment_{how}_shop" for how in ("proposed", "in_force", "declined", "withdrawn", "expired")
}
TO_SHOPS = {
    "offer_not_for_me",
    "plan_accepted_shop",
    "offer_declined",
    "offer_expired",
    "refund_declined",
    "payment_disputed_shop",
    "refund_failed_shop",
    "payment_returned_shop",
    *AMENDED_TO_SHOPS,
}
BASE = "https://pay.example.com"

PLAN = {
    "reference": "7KQ2MW4X",
    "description": "Walnut desk",
    "total": 10000,
    "currency": "USD",
    "num_installments": 3,
    "customer_email": "rosa@example.com",
    "last_day": "2026-12-20",
    "start_date": "2026-12-04",
}
PAYMENT = PLAN | {"payment": str(PAYMENT_ID), "amount": 6667}
REMINDER = {
    "number": 2,
    "amount": 3333,
    "currency": "USD",
    "due_on": "2027-01-04",
    "reference": "7KQ2MW4X",
    "description": "Walnut desk",
}
# The worked example: the first of three installments is paid, then 50.00 is refunded.
BEFORE = [
    {"number": n, "due_on": f"2026-{9 + n}-04", "amount": a, "paid": p}
    for n, a, p in ((1, 3334, 3334), (2, 3333, 0), (3, 3333, 0))
]
AFTER = [BEFORE[0], BEFORE[1] | {"amount": 1666}, BEFORE[2] | {"amount": 0}]
SCHEDULES = {"before": BEFORE, "after": AFTER}
CHANGES = {
    "changes": [
        {"number": 1, "due_on": "2026-10-04", "cancelled": 0, "returned": 1000},
        {"number": 2, "due_on": "2026-11-04", "cancelled": 1667, "returned": 0},
        {"number": 3, "due_on": "2026-12-04", "cancelled": 3333, "returned": 0},
    ]
}
LINK = {"link": "0193000000007000800000000000000a"}
WITH_LINKS = {"password_reset", "verify_email", "change_email", "email_changed", "member_invited"}
OF_ACCOUNTS = WITH_LINKS | {
    "password_changed",
    "second_factor_changed",
    "new_device",
    "account_exists",
    "account_closed",
    "member_changed",
    "member_removed",
}
LOSS = {"number": 2, "due_on": "2027-01-04", "amount": 4567, "owed": 0}
AMENDMENT = PLAN | {
    "amendment": 2,
    "reason": "Wages come later",
    "moves": [{"number": 2, "owed": 3333, "old": "2027-01-04", "new": "2027-01-20"}],
    "by_customer": False,
    "accepted": False,
    "answer_by": "2026-12-18",
}
AMENDED = ["$33.33", "4 Jan 2027", "20 Jan 2027"]
PLAN_PAGE, SHOP_PAGE = f"{BASE}/customer/plans/{PLAN_ID}", f"{BASE}/merchant/plans/{PLAN_ID}"

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "offer_sent": (
        PLAN,
        [
            "$100.00",
            "Installments: 3",
            "4 December 2026",
            "20 December 2026",
            PLAN_PAGE,
            f"{BASE}/signup",
            "rosa@example.com",
        ],
    ),
    "plan_accepted": (PLAN, ["$100.00", "Installments: 3", "Friday 4 December 2026", PLAN_PAGE]),
    "plan_accepted_shop": (PLAN, ["$100.00", "rosa@example.com", "Friday 4 December 2026", SHOP_PAGE]),
    "offer_declined": (PLAN, ["$100.00", "rosa@example.com", "Nothing is owed", SHOP_PAGE]),
    "offer_not_for_me": (
        PLAN | {"stopped": True},
        ["$100.00", "rosa@example.com", "no more offers", SHOP_PAGE],
    ),
    "offer_reminder": (
        PLAN,
        ["$100.00", "20 December 2026", "not answered yet", "you owe nothing", PLAN_PAGE, "rosa@example.com"],
    ),
    "offer_revoked": (PLAN, ["$100.00", "You owe nothing", PLAN_PAGE]),
    "offer_expired": (PLAN, ["$100.00", "rosa@example.com", "Sunday 20 December 2026", SHOP_PAGE]),
    "plan_cancelled": (
        PLAN | SCHEDULES | {"owed": 3333},
        ["$33.33", "$16.66", "$100.00", "nothing more to pay", PLAN_PAGE],
    ),
    "plan_written_off": (
        PLAN | {"owed": 4567, "reason": "Moved away", "changed": [LOSS]},
        ["$45.67 were not paid", "Moved away", "no more reminders", "4 Jan 2027"],
    ),
    "amendment_proposed": (
        AMENDMENT,
        [*AMENDED, "Wages come later", "nothing changes unless you agree", f"{PLAN_PAGE}/amendments/2"],
    ),
    "amendment_in_force": (AMENDMENT, [*AMENDED, "keep the old dates", "Wages come later", PLAN_PAGE]),
    "amendment_declined": (AMENDMENT, [*AMENDED, "declined the due dates that you asked for", PLAN_PAGE]),
    "amendment_withdrawn": (AMENDMENT, [*AMENDED, "withdrew the due dates", PLAN_PAGE]),
    "amendment_expired": (AMENDMENT, [*AMENDED, "did not answer in time", PLAN_PAGE]),
    "amendment_proposed_shop": (
        AMENDMENT,
        [*AMENDED, "rosa@example.com", "Wages come later", "18 December 2026", SHOP_PAGE],
    ),
    **{
        kind: (AMENDMENT, [*AMENDED, "rosa@example.com", SHOP_PAGE])
        for kind in sorted(AMENDED_TO_SHOPS - {"amendment_proposed_shop", "amendment_in_force_shop"})
    },
    "amendment_in_force_shop": (AMENDMENT, [*AMENDED, "follow the new dates", SHOP_PAGE]),
    "debt_recovered": (
        PAYMENT | {"receipt": "7KQ2MW4X-2", "method": "cash", "received_on": "2026-12-04", "note": ""},
        ["7KQ2MW4X-2", "$66.67", "Friday 4 December 2026", "stopped collecting", "Paid by: Cash"],
    ),
    "payment_received": (
        PAYMENT | {"receipt": "7KQ2MW4X-1", "installments": [1, 2]},
        ["7KQ2MW4X-1", "$66.67", "1 and 2 of 3", PLAN_PAGE, f"{BASE}/customer/payments/{PAYMENT_ID}"],
    ),
    "payment_recorded": (
        PAYMENT
        | {"receipt": "7KQ2MW4X-2", "installments": [1, 2], "method": "check", "received_on": "2026-12-04"}
        | {
            "note": "№ 0042",
            "changed": [
                {"number": 1, "due_on": "2026-12-04", "amount": 3333, "owed": 0},
                {"number": 2, "due_on": "2027-01-04", "amount": 3334, "owed": 1234},
            ],
        },
        [
            "7KQ2MW4X-2",
            "$66.67",
            "Friday 4 December 2026",
            "№ 0042",
            "Paid by: Cheque",
            "$12.34",
            "not right, write to help@example.com",
            PLAN_PAGE,
        ],
    ),
    "payment_reversed": (
        PAYMENT
        | {"receipt": "7KQ2MW4X-2", "method": "check", "received_on": "2026-12-04", "reason": "№ 0042"}
        | {"changed": [{"number": 2, "due_on": "2027-01-04", "amount": 6667, "owed": 7000}]},
        ["7KQ2MW4X-2", "$66.67", "$70.00", "Reason: № 0042", "owed again", "Paid by: Cheque", PLAN_PAGE],
    ),
    "autopay_on": (
        PLAN | {"brand": "visa", "last_four": "4242", "text": "№ 0042 may take each installment."},
        ["Visa ending 4242", "№ 0042 may take each", "press Stop", PLAN_PAGE],
    ),
    "autopay_off": (
        PLAN | {"brand": "visa", "last_four": "4242"},
        ["Visa ending 4242", "pay each installment yourself", PLAN_PAGE],
    ),
    "autopay_notice": (
        PAYMENT
        | {"brand": "visa", "last_four": "4242", "outcome": "insufficient_funds", "number": 2}
        | {"due_on": "2027-01-04", "next_on": "2027-01-06"},
        [
            "$66.67",
            "Visa ending 4242",
            "not have enough money",
            "again on Wednesday 6 January 2027",
            PLAN_PAGE,
        ],
    ),
    "payment_declined": (
        PAYMENT | {"outcome": "insufficient_funds"},
        ["$66.67", "not have enough money", "Nothing was charged", PLAN_PAGE],
    ),
    "payment_returned": (PAYMENT, ["$66.67", "on its way back to your card", "unchanged", PLAN_PAGE]),
    "payment_returned_shop": (
        PAYMENT,
        ["$66.67", "went back to the customer", "rosa@example.com", SHOP_PAGE],
    ),
    "payment_disputed": (
        PAYMENT | {"state": "open"},
        ["$66.67", "disputes", "cannot be refunded", PLAN_PAGE],
    ),
    "payment_disputed_shop": (
        PAYMENT | {"state": "lost"},
        ["$66.67", "was lost", "owed again", "rosa@example.com", SHOP_PAGE],
    ),
    "refund_failed": (
        PAYMENT,
        ["$66.67", "did not arrive there", "pay it to you another way", PLAN_PAGE],
    ),
    "refund_failed_shop": (
        PAYMENT,
        ["$66.67", "another way", "counts it as returned", "rosa@example.com", SHOP_PAGE],
    ),
    "refund_made": (
        PLAN | CHANGES | {"amount": 6000, "cancelled": 5000, "to_return": 1000},
        ["$60.00", "$50.00 of what", "$10.00 will be returned", "4 Dec 2026", "$16.67", "$0.00", PLAN_PAGE],
    ),
    "refund_declined": (
        PLAN | {"returned": 1000, "to_return": 1500},
        ["$15.00", "$5.00 could not", "Returned: $10.00", "rosa@example.com", SHOP_PAGE],
    ),
    "reminder": (
        {
            "day": "2027-01-05",
            "lines": [
                REMINDER | {"step": "overdue_1", "plan": str(PLAN_ID)},
                REMINDER
                | {
                    "step": "due_soon",
                    "plan": str(PLAN_ID),
                    "number": 3,
                    "due_on": "2027-01-08",
                    "amount": 99,
                },
            ],
        },
        [
            *("Walnut desk (7KQ2MW4X #2)", "4 Jan 2027", "$33.33"),
            *("Walnut desk (7KQ2MW4X #3)", "8 Jan 2027", "$0.99"),
            *("No fee and no interest", "help@example.com", PLAN_PAGE),
        ],
    ),
    "password_reset": ({}, [f"{BASE}/reset/", "one hour", "rosa@example.com"]),
    "password_changed": (
        {"changed_at": "2026-12-04T09:05:00+00:00"},
        ["4 Dec 2026", "09:05", f"{BASE}/account/security", f"{BASE}/forgot"],
    ),
    "account_closed": (
        {"closed_at": "2026-12-04T09:05:00+00:00"},
        ["rosa@example.com", "09:05", "was closed"],
    ),
    "second_factor_changed": (
        {"change": "on", "changed_at": "2026-12-04T09:05:00+00:00"},
        ["An authenticator app was set up", "09:05", f"{BASE}/account/security", f"{BASE}/forgot"],
    ),
    "new_device": (
        {"browser": "Firefox, Linux", "network": "192.0.2.0/24", "signed_in_at": "2026-12-04T21:05:00Z"},
        ["Firefox, Linux", "192.0.2.0/24", "21:05", f"{BASE}/account/security"],
    ),
    "verify_email": (LINK, [f"{BASE}/verify/", "one day", "rosa@example.com", "I did not sign up"]),
    "change_email": (LINK, [f"{BASE}/account/email/", "one day", "rosa@example.com"]),
    "member_invited": (
        LINK | {"inviter": "Noor Haddad", "role": "bookkeeper"},
        [f"{BASE}/join/", "Noor Haddad", "Bookkeeper"],
    ),
    "member_changed": ({"role": "manager"}, ["Manager", f"{BASE}/merchant/team"]),
    "member_removed": ({}, ["signed out", f"{BASE}/login"]),
    "email_changed": (LINK | {"new_email": "new@example.com"}, [f"{BASE}/undo-email/", "new@example.com"]),
    "account_exists": ({}, [f"{BASE}/login", f"{BASE}/forgot", "rosa@example.com"]),
} | {
    step: (
        REMINDER,
        ["$33.33", "Monday 4 January 2027", "Installment: 2", "No fee and no interest", PLAN_PAGE],
    )
    for step in ORDER
}
