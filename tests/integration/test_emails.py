"""Emails: every kind, in text and HTML, with the right amounts, days and links."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from portal.core.reminders import ORDER
from portal.presentation.emails import LONGEST_SUBJECT, EmailRenderer

TEMPLATES = Path(__file__).parent.parent.parent / "templates/email"
KINDS = sorted(p.stem for p in TEMPLATES.glob("*.j2") if not p.name.startswith(("_", "layout.")))
SECRET = "a key of the tests"
PLAN_ID = UUID("01930000-0000-7000-8000-000000000001")
USER_ID = UUID("01930000-0000-7000-8000-000000000002")
PAYMENT_ID = UUID("01930000-0000-7000-8000-000000000003")
TO_SHOPS = {"offer_not_for_me", "plan_accepted_shop", "offer_declined", "offer_expired", "refund_declined"}
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
WITH_LINKS = {"password_reset", "verify_email", "change_email", "email_changed"}
OF_ACCOUNTS = WITH_LINKS | {"password_changed", "second_factor_changed", "new_device", "account_exists"}
LOSS = {"number": 2, "due_on": "2027-01-04", "amount": 4567, "owed": 0}
PLAN_PAGE, SHOP_PAGE = f"{BASE}/customer/plans/{PLAN_ID}", f"{BASE}/merchant/plans/{PLAN_ID}"

# What the services put into each kind, and what its reader must find.
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
    "payment_declined": (
        PAYMENT | {"outcome": "insufficient_funds"},
        ["$66.67", "not have enough money", "Nothing was charged", PLAN_PAGE],
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
    "second_factor_changed": (
        {"change": "on", "changed_at": "2026-12-04T09:05:00+00:00"},
        ["is on", "09:05", f"{BASE}/account/security", f"{BASE}/forgot"],
    ),
    "new_device": (
        {"browser": "Firefox, Linux", "network": "192.0.2.0/24", "signed_in_at": "2026-12-04T21:05:00Z"},
        ["Firefox, Linux", "192.0.2.0/24", "21:05", f"{BASE}/account/security"],
    ),
    "verify_email": (LINK, [f"{BASE}/verify/", "one day", "rosa@example.com", "I did not sign up"]),
    "change_email": (LINK, [f"{BASE}/account/email/", "one day", "rosa@example.com"]),
    "email_changed": (LINK | {"new_email": "new@example.com"}, [f"{BASE}/undo-email/", "new@example.com"]),
    "account_exists": ({}, [f"{BASE}/login", f"{BASE}/forgot", "rosa@example.com"]),
} | {
    step: (
        REMINDER,
        ["$33.33", "Monday 4 January 2027", "Installment: 2", "No fee and no interest", PLAN_PAGE],
    )
    for step in ORDER
}


def described(kind: str, description: str) -> dict[str, Any]:
    """The facts of this kind about something else that is bought, which also stands for all that people write."""
    written = {name for name in ("reason", "note", "browser") if CASES[kind][0].get(name)} | {"description"}
    facts = CASES[kind][0] | dict.fromkeys(written, description)
    lines = [line | {"description": description} for line in facts.get("lines", [])]
    return facts | {"lines": lines} if lines else facts


@dataclass(frozen=True)
class Message:
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    to: str = "rosa@example.com"
    name: str = "Rosa Lind"
    language: str = "en"
    user_id: UUID = USER_ID
    session_version: int = 4
    verified: bool = True
    plan_id: UUID | None = PLAN_ID
    sender: str = "North & Oak"
    support: str = "help@example.com"


def message(kind: str, **changes: Any) -> Message:
    plan_id = None if kind in OF_ACCOUNTS else PLAN_ID
    return replace(Message(kind, CASES[kind][0], plan_id=plan_id), **changes)


class Shown(HTMLParser):
    """What a reader of the HTML part sees: its words, the addresses of its links, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self.tags = "", [], [""]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self.words += ": " if tag == "th" else ""

    def handle_data(self, data: str) -> None:
        self.words += "" if self.tags[-1] == "style" else data


@pytest.fixture
def emails() -> EmailRenderer:
    return EmailRenderer(f"{BASE}/", SECRET)


def test_every_kind_has_a_case():
    assert sorted(CASES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_both_parts_say_the_same(emails: EmailRenderer, kind: str):
    email = emails.write(message(kind))
    shown = Shown(email.html)
    for said in CASES[kind][1]:
        assert said in email.text
        assert said in shown.words or any(said in link for link in shown.links), said
    assert "North & Oak" in email.text
    assert "North & Oak" in shown.words
    assert email.subject in shown.words
    assert set(shown.links) == set(re.findall(r"https://\S+", email.text))
    assert not {"script", "img", "link"} & set(shown.tags)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - TO_SHOPS))
def test_customers_learn_whom_to_ask(emails: EmailRenderer, kind: str):
    assert "help@example.com" in emails.write(message(kind)).text


@pytest.mark.parametrize("step", ORDER)
def test_a_reminder_of_one_installment_has_the_words_of_its_step(emails: EmailRenderer, step: str):
    line = REMINDER | {"step": step, "plan": str(PLAN_ID)}
    one = emails.write(message("reminder", facts={"day": "2027-01-05", "lines": [line]}))
    assert one == emails.write(message(step))


def test_a_reminder_about_several_plans_leads_home(emails: EmailRenderer):
    assert f"{BASE}/customer/\n" in emails.write(message("reminder", plan_id=None)).text


def test_only_a_reminder_without_overdue_lines_can_be_stopped(emails: EmailRenderer):
    lines = CASES["reminder"][0]["lines"]
    facts = {"day": "2027-01-05", "lines": [line | {"step": "due_soon"} for line in lines]}
    early = emails.write(message("reminder", facts=facts))
    assert early.unsubscribe
    assert emails.write(message("reminder")).unsubscribe is None


def test_the_five_reminders_differ(emails: EmailRenderer):
    written = [emails.write(message(step)) for step in ORDER]
    assert len({email.subject for email in written}) == len({email.text for email in written}) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_typed_is_escaped(emails: EmailRenderer, kind: str):
    hostile = "<b>&{{ 7*7 }}%(x)s"
    facts = described(kind, hostile)
    email = emails.write(message(kind, facts=facts, name=hostile, sender=hostile))
    assert "<b>" not in email.html
    assert hostile in Shown(email.html).words
    assert hostile in email.text
    # The token of a link is random, so it may hold any two digits.
    assert "49" not in re.sub(r"https://\S+", "", email.text + email.html)


@pytest.mark.parametrize("kind", KINDS)
def test_a_subject_is_one_line_of_bearable_length(emails: EmailRenderer, kind: str):
    facts = CASES[kind][0] | {"description": "A\r\nBcc: all@example.com\u2028" + "x" * 200}
    email = emails.write(message(kind, facts=facts, sender="N\n" + "y" * 120))
    assert len(email.subject.splitlines()) == 1
    assert len(email.subject) <= LONGEST_SUBJECT


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_sixty_characters_are_whole(emails: EmailRenderer, kind: str):
    name, shop = "Wilhelmina " * 5 + "Smith", "Nørrebro Cykelværksted og Reservedele " + "A" * 22
    email = emails.write(message(kind, name=name, sender=shop))
    assert f"Hello {name}," in email.text
    assert shop in email.text
    assert shop in Shown(email.html).words


def test_an_invited_person_is_not_called_by_their_address(emails: EmailRenderer):
    assert emails.write(message("offer_sent", name="rosa@example.com")).text.startswith("Hello,\n")


@pytest.mark.parametrize(
    ("outcome", "said"), [("declined", "card was declined"), ("insufficient_funds", "not have enough")]
)
def test_a_declined_payment_says_why(emails: EmailRenderer, outcome: str, said: str):
    facts = CASES["payment_declined"][0] | {"outcome": outcome}
    assert said in emails.write(message("payment_declined", facts=facts)).text


def test_a_cancelled_plan_shows_both_sums_of_what_changed_and_nothing_else(emails: EmailRenderer):
    email = emails.write(message("plan_cancelled"))
    assert "\n2 | 4 Nov 2026 | $33.33 | $16.66\n" in email.text
    assert "<td><bdi>$33.33</bdi></td><td><bdi>$16.66</bdi></td></tr>" in email.html
    assert "\n1 | " not in email.text


def test_a_refund_shows_what_was_cancelled_and_what_returned(emails: EmailRenderer):
    email = emails.write(message("refund_made"))
    assert "\nNo. | Due | Cancelled | Returned\n" in email.text
    assert "\n1 | 4 Oct 2026 | $0.00 | $10.00\n2 | 4 Nov 2026 | $16.67 | $0.00\n" in email.text


def test_a_refund_says_only_what_happened(emails: EmailRenderer):
    facts = CASES["refund_made"][0] | {"amount": 5000, "to_return": 0}
    assert "on the payments you made" not in emails.write(message("refund_made", facts=facts)).text
    facts = CASES["refund_made"][0] | {"amount": 1000, "cancelled": 0}
    assert "what you still owed" not in emails.write(message("refund_made", facts=facts)).text


def test_a_receipt_names_what_was_paid(emails: EmailRenderer):
    facts = CASES["payment_received"][0] | {"installments": [3]}
    assert "Installments: 3 of 3\n" in emails.write(message("payment_received", facts=facts)).text


def test_an_unknown_kind_is_refused(emails: EmailRenderer):
    with pytest.raises(TemplateNotFound):
        emails.write(Message("birthday", PLAN))


@pytest.mark.parametrize(
    "kind",
    sorted(set(KINDS) - WITH_LINKS - {"reminder"}),
)
def test_a_missing_fact_or_plan_is_refused(emails: EmailRenderer, kind: str):
    needed = CASES[kind][0].keys() if kind in OF_ACCOUNTS else {"currency"}
    for name in needed:
        left = {other: value for other, value in CASES[kind][0].items() if other != name}
        with pytest.raises(UndefinedError):
            emails.write(message(kind, facts=left))
    with pytest.raises(UndefinedError) if kind not in OF_ACCOUNTS else nullcontext():
        emails.write(message(kind, plan_id=None))


def test_a_fact_does_not_take_the_place_of_the_addressee(emails: EmailRenderer):
    forged = CASES["offer_sent"][0] | {
        "support": "thief@example.com",
        "customer_plan": "https://example.com/",
    }
    email = emails.write(message("offer_sent", facts=forged))
    assert "thief" not in email.text
    assert "https://example.com/" not in email.html


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_shop_whose_name_ends_in_a_full_stop_is_followed_by_no_other(emails, kind, language):
    email = emails.write(message(kind, sender="North & Oak Ltd.", language=language))
    assert not re.search(r"Ltd\.\u2069?\.", email.text)
