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
from tests.integration.email_cases import (
    BASE,
    CASES,
    OF_ACCOUNTS,
    PLAN,
    PLAN_ID,
    REMINDER,
    SECRET,
    TO_SHOPS,
    USER_ID,
    WITH_LINKS,
)

TEMPLATES = Path(__file__).parent.parent.parent / "templates/email"
KINDS = sorted(p.stem for p in TEMPLATES.glob("*.j2") if not p.name.startswith(("_", "layout.")))


def described(kind: str, description: str) -> dict[str, Any]:
    """The facts of this kind about something else that is bought, which also stands for all that people write."""
    written = {name for name in ("reason", "note", "browser", "inviter") if CASES[kind][0].get(name)} | {
        "description"
    }
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


# Who has closed the account has no name here any more.
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"account_closed"}))
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


def test_a_deposit_is_called_that(emails: EmailRenderer):
    for step in (*ORDER, "autopay_notice"):
        facts = CASES[step][0] | {"number": 1}
        assert "Installment: 1\n" in emails.write(message(step, facts=facts)).text, step
        assert (
            "Installment: Deposit\n" in emails.write(message(step, facts=facts | {"deposit": 1000})).text
        ), step
    facts = CASES["payment_received"][0] | {"installments": [1], "deposit": 1000}
    assert "Installments: Deposit\n" in emails.write(message("payment_received", facts=facts)).text
    recorded = emails.write(
        message("payment_recorded", facts=CASES["payment_recorded"][0] | {"deposit": 1000})
    ).text
    assert "Deposit" in recorded and "No.: 1" not in recorded


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
