"""A shop writes off through its pages: the preview says what is lost, the button does it once, both pages tell."""

from __future__ import annotations

import pytest

from portal.extensions import now
from tests import factories
from tests.browserlike import Forms, sign_in, text


@pytest.fixture
def part_paid(session, shop, ada):
    """100.00 in three, accepted today, 33.34 and 3.33 of it paid."""
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    factories.pay(session, ada, plan_id, 1, now=now())
    factories.record(session, shop, plan_id, 333, now=now())
    return plan_id


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def fields(client, url):
    return next(form.fields for form in Forms(text(client.get(url))).all if "reason" in form.fields)


def test_the_preview_shows_what_every_installment_loses_and_changes_nothing(merchant, session, part_paid):
    before = factories.row_counts(session)
    plan_page = text(merchant.get(f"/merchant/plans/{part_paid}"))
    assert f'href="/merchant/plans/{part_paid}/write-off"' in plan_page
    page = text(merchant.get(f"/merchant/plans/{part_paid}/write-off"))
    for shown in ("$63.33", "$30.00", "$33.33", "Written off"):
        assert shown in page
    assert factories.row_counts(session) == before


def test_the_button_writes_off_once_and_both_pages_say_so(app, merchant, session, ada, part_paid):
    url = f"/merchant/plans/{part_paid}/write-off"
    sent = fields(merchant, url) | {"reason": "Moved away"}
    assert merchant.post(url, data=sent).status_code == 303
    before = factories.row_counts(session)
    assert merchant.post(url, data=sent).status_code == 303
    assert factories.row_counts(session) == before
    page = text(merchant.get(f"/merchant/plans/{part_paid}"))
    assert "Plan written off: $63.33, Moved away" in page and "Write off</a>" not in page
    assert part_paid.hex in text(merchant.get("/merchant/plans/?status=written_off")).replace("-", "")
    assert "$63.33" in text(merchant.get("/merchant/numbers"))
    customer = app.test_client()
    sign_in(customer, ada)
    for path in ("/customer/", f"/customer/plans/{part_paid}"):
        page = text(customer.get(path))
        assert "The shop has stopped collecting this; $63.33 were not paid." in page
        assert "Pay $" not in page


def test_a_payment_since_the_preview_is_409_with_the_new_figure(merchant, session, ada, part_paid):
    url = f"/merchant/plans/{part_paid}/write-off"
    sent = fields(merchant, url) | {"reason": "Moved away"}
    factories.pay(session, ada, part_paid, 3, now=now())
    answer = merchant.post(url, data=sent)
    assert answer.status_code == 409 and "$30.00" in text(answer)
    assert 'value="Moved away"' in text(answer)
    assert factories.plan_of(session, ada, part_paid, now()).state == "active"


def test_a_bad_reason_is_refused_at_its_field_and_kept(merchant, session, ada, part_paid):
    url = f"/merchant/plans/{part_paid}/write-off"
    answer = merchant.post(url, data=fields(merchant, url) | {"reason": "card 4111 1111 1111 1111"})
    assert answer.status_code == 422 and "card 4111" in text(answer) and 'id="reason-error"' in text(answer)
    assert factories.plan_of(session, ada, part_paid, now()).state == "active"


def test_an_offer_and_a_plan_that_waits_for_the_provider_have_no_button(merchant, session, shop, ada):
    offer = factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    waiting = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    factories.choose_card(session, ada, "times_out")
    factories.pay(session, ada, waiting, 1, now=now())
    for plan_id in (offer, waiting):
        assert "/write-off" not in text(merchant.get(f"/merchant/plans/{plan_id}"))
        page = merchant.get(f"/merchant/plans/{plan_id}/write-off")
        assert page.status_code == 200 and 'name="reason"' not in text(page)


def test_files_and_the_statement_say_it(merchant, session, shop, part_paid):
    factories.write_off(session, shop, part_paid, now=now())
    plans = text(merchant.get("/merchant/exports/plans.csv?plan_status=written_off"))
    assert '"written_off"' in plans and '"63.33"' in plans
    lines = text(merchant.get("/merchant/exports/installments.csv?status=written_off"))
    assert lines.count('"written_off"') == 3 and '"30.00"' in lines and '"33.33"' in lines
    assert merchant.get(f"/merchant/plans/{part_paid}/statement.pdf").status_code == 200


def test_a_recovery_is_recorded_on_the_page_of_payments(merchant, session, shop, ada, part_paid):
    factories.write_off(session, shop, part_paid, now=now())
    url = f"/merchant/plans/{part_paid}/payments/new"
    assert f'href="{url}"' in text(merchant.get(f"/merchant/plans/{part_paid}"))
    shown = text(merchant.get(url))
    assert "what you record is a recovery" in shown and "At most $63.33." in shown
    sent = next(form.fields for form in Forms(shown).all if "received_on" in form.fields)
    sent |= {"amount": "40.00", "method": "cash"}
    preview = text(merchant.post(f"{url}".replace("/new", "/preview"), data=sent))
    assert "$23.33" in preview and "Written off" in preview
    assert merchant.post(url, data=sent).status_code == 303
    page = text(merchant.get(f"/merchant/plans/{part_paid}"))
    assert "$40.00 recovered by the shop" in page and "Recovered" in page
    too_much = merchant.post(url, data=sent | {"amount": "23.34", "key": "another", "owed": "2333"})
    assert too_much.status_code == 422 and 'id="amount-error"' in text(too_much)


def shown_form(client, url):
    shown = text(client.get(url))
    return next(form.fields for form in Forms(shown).all if "received_on" in form.fields)


def test_what_was_shown_as_a_recovery_is_never_recorded_as_a_payment_nor_the_other_way(
    merchant, session, shop, ada
):
    plan_id = factories.accepted_plan(session, shop, ada, parts=1)
    payment_id = factories.record(session, shop, plan_id, 5000)
    url = f"/merchant/plans/{plan_id}/payments/new"
    as_payment = shown_form(merchant, url) | {"amount": "10.00", "method": "cash"}
    factories.write_off(session, shop, plan_id)
    as_recovery = shown_form(merchant, url) | {"amount": "10.00", "method": "cash"}
    assert (as_payment["owed"], as_recovery["owed"]) == ("5000", "5000")
    answer = merchant.post(url, data=as_payment)
    assert answer.status_code == 409 and "The shop has stopped collecting this plan." in text(answer)
    factories.reverse(session, shop, plan_id, payment_id)
    before = factories.row_counts(session)
    for path in (url.replace("/new", "/preview"), url):
        answer = merchant.post(path, data=as_recovery)
        assert answer.status_code == 409 and "Something is owed on this plan." in text(answer)
    assert 'name="recovery"' not in text(answer)
    assert factories.row_counts(session) == before


def test_reversing_a_recovery_never_says_that_it_is_owed_again(app, merchant, session, shop, ada, part_paid):
    factories.write_off(session, shop, part_paid, now=now())
    payment_id = factories.record(session, shop, part_paid, 4000, now=now(), recovery=True)
    url = f"/merchant/plans/{part_paid}/payments/{payment_id}/reverse"
    shown = merchant.get(url)
    done = merchant.post(url, data=fields(merchant, url) | {"reason": "Bounced"})
    customer = app.test_client()
    sign_in(customer, ada)
    receipt = text(customer.get(f"/customer/payments/{payment_id}"))
    for page in (text(shown), text(merchant.get(done.location)), receipt):
        assert "owed again" not in page
    assert "You owe nothing because of it." in receipt


def test_a_plan_that_was_opened_again_and_paid_still_says_what_was_written_off(client, session, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada, parts=1)
    payment_id = factories.record(session, shop, plan_id, 4000)
    factories.write_off(session, shop, plan_id)
    factories.reverse(session, shop, plan_id, payment_id)
    factories.pay(session, ada, plan_id, 1)
    sign_in(client, ada)
    page = text(client.get(f"/customer/plans/{plan_id}"))
    assert "The shop has stopped collecting this; $60.00 were not paid." in page
