"""A form sent again with other details, as after Back: what was typed is kept, and nothing is done by accident."""

from __future__ import annotations

import pytest

from tests import factories
from tests.browserlike import Forms, sign_in

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
SENT = "You have already sent this form with other details, and those count."
OFFER = {
    "customer_email": "bo@example.com",
    "description": "Ξύλινο τραπέζι",
    "total_amount": "250",
    "num_installments": "4",
    "start_date": "2030-01-31",
}
CASH = {"amount": "40", "method": "cash", "received_on": "", "note": "by hand"}


@pytest.fixture
def pages(plan):
    """Who sends which form of which page, what is typed first, and what is changed after Back."""
    own, shops = f"/customer/plans/{plan.id}/amount", f"/merchant/plans/{plan.id}/payments/new"
    return {
        "offer": (
            "shop",
            "/merchant/plans/new",
            OFFER,
            {"total_amount": "300", "description": "طاولة من البلوط"},
        ),
        "amount": ("ada", own, {"amount": "40"}, {"amount": "30"}),
        "payment": ("shop", shops, CASH, {"amount": "20", "note": "振込"}),
    }


def form_of(answer, action):
    return next(
        form.fields for form in Forms(answer.text).all if form.action == action and "key" in form.fields
    )


@pytest.mark.parametrize("which", ["offer", "amount", "payment"])
def test_with_its_key_and_other_details_it_keeps_what_was_typed(session, client, shop, ada, pages, which):
    who, url, typed, changed = pages[which]
    sign_in(client, {"shop": shop, "ada": ada}[who])
    fields = form_of(client.get(url), url)
    typed = {name: value or fields[name] for name, value in typed.items()}
    assert client.post(url, data=fields | typed).status_code == 303
    session.rollback()
    done = factories.row_counts(session)
    for _ in range(2):
        refused = client.post(url, data=fields | typed | changed)
        assert refused.status_code == 422 and SENT in refused.text
        assert "idempotency" not in refused.text.lower()
        assert all(f'value="{words}"' in refused.text for words in changed.values())
    session.rollback()
    assert factories.row_counts(session) == done
    again = form_of(refused, url)
    assert again["key"] not in ("", fields["key"])
    assert client.post(url, data=fields | typed | changed | again | changed).status_code == 303
    session.rollback()
    assert factories.row_counts(session) != done
