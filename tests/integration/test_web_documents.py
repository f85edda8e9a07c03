"""Receipts and statements as PDF say what the books say, to the two parties alone, in letters that can be read."""

from __future__ import annotations

import io
from datetime import timedelta

import pypdf
import pytest

from portal.adapters.payments.simulator import Simulator
from portal.adapters.payments.simulator import TestCard as Card
from portal.extensions import now
from portal.services import refunds
from tests import factories
from tests.browserlike import sign_in

NOTE = "A box marks a character"


def opened(client, path: str) -> pypdf.PdfReader:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return pypdf.PdfReader(io.BytesIO(answer.get_data()))


def words(pdf: pypdf.PdfReader) -> str:
    """All that the pages say, line by line as one text."""
    return " ".join("\n".join(page.extract_text() for page in pdf.pages).split())


@pytest.fixture
def paid(session, shop, ada, plan):
    """The id of the payment of the first of three installments."""
    return factories.pay(session, ada, plan.id, 1, now=now()).payment_id


def test_both_parties_open_the_receipt(client, shop, ada, plan, paid):
    seen = []
    for person, room in ((ada, "customer"), (shop, "merchant")):
        sign_in(client, person)
        answer = client.get(f"/{room}/payments/{paid}.pdf")
        assert answer.headers["Content-Disposition"] == f'inline; filename="receipt-{plan.reference}-1.pdf"'
        seen.append(answer.get_data())
        client.delete_cookie("session")
    assert seen[0] == seen[1], "the same words give the same bytes"
    pdf = pypdf.PdfReader(io.BytesIO(seen[0]))
    for shown in (
        f"Receipt {plan.reference}-1",
        "$33.34",
        "Corner Shop",
        "Ada Buyer",
        ada.email,
        "Oak table",
        "Page 1 of 1",
        "Questions? Ask Corner Shop",
    ):
        assert shown in words(pdf)
    assert NOTE not in words(pdf)
    assert (pdf.metadata.title, pdf.metadata.author) == (f"Receipt {plan.reference}-1", "Corner Shop")
    assert pdf.trailer["/Root"]["/Lang"] == "en"


def test_a_payment_that_did_not_succeed_has_no_receipt(session, client, ada, plan):
    factories.choose_card(session, ada, Card.DECLINED)
    declined = factories.pay(session, ada, plan.id, 1, now=now()).payment_id
    sign_in(client, ada)
    assert client.get(f"/customer/payments/{declined}.pdf").status_code == 404


def test_a_statement_tells_how_the_plan_stands(session, client, shop, ada):
    past = now() - timedelta(days=40)
    plan_id = factories.accepted_plan(session, shop, ada, now=past, first=past.date())
    factories.pay(session, ada, plan_id, 1, now=past)
    refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 5000), None, now())
    session.rollback()
    sign_in(client, shop)
    said = words(opened(client, f"/merchant/plans/{plan_id}/statement.pdf"))
    reference = factories.plan_of(session, ada, plan_id, now()).reference
    for shown in (
        f"Statement of {reference}",
        "$16.66 still owed",
        "$100.00",
        "$33.33",
        "$16.67",
        "$50.00",
        "Refunds",
        f"{reference}-1",
        "Late",
        "Paid",
    ):
        assert shown in said
    client.delete_cookie("session")
    sign_in(client, ada)
    assert words(opened(client, f"/customer/plans/{plan_id}/statement.pdf")) == said


def test_an_offer_has_no_statement(session, client, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    sign_in(client, ada)
    assert client.get(f"/customer/plans/{plan_id}/statement.pdf").status_code == 404


def test_sixty_installments_take_two_pages_and_leave_none_out(session, client, shop, ada):
    plan_id = factories.accepted_plan(
        session, shop, ada, now=now(), first=now().date(), parts=60, total=60_00
    )
    sign_in(client, shop)
    pdf = opened(client, f"/merchant/plans/{plan_id}/statement.pdf")
    assert len(pdf.pages) == 2
    assert words(pdf).count("Pending") == 60
    assert "Page 2 of 2" in words(pdf)


def test_what_is_anothers_is_not_there(session, client, plan, paid):
    paths = {"merchant": f"plans/{plan.id}/statement.pdf", "customer": f"payments/{paid}.pdf"}
    for person in (factories.make_merchant(session, "Other Shop"), factories.make_customer(session, "Eve")):
        sign_in(client, person)
        for path in paths.values():
            assert client.get(f"/{person.role}/{path}").status_code == 404
        client.delete_cookie("session")


@pytest.mark.parametrize(
    ("what", "complete"),
    [
        ("طاولة خشبية", True),
        ("Ξύλινο τραπέζι", True),
        ("Дубовый стол", True),
        ("Tisch für Žofie", True),
        ("樫のテーブル", True),
        ("오크 테이블", True),
        ("橡木桌", True),
        ("Table 🪑", False),
        ("W" * 60, True),
        ("x " * 99, True),
    ],
)
def test_letters_that_cannot_be_drawn_are_said_to_be_missing(session, client, shop, ada, what, complete):
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date(), description=what)
    sign_in(client, ada)
    said = words(opened(client, f"/customer/plans/{plan_id}/statement.pdf"))
    assert (NOTE in said) is not complete
    if what[0] in "ΞДT樫오" and complete:
        assert what in said
