"""A card with a payment that has no answer yet asks for it by itself, shows it when it comes, and then stops."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest

from portal.adapters.payments import Charge, Outcome
from portal.adapters.payments.simulator import Simulator
from portal.adapters.payments.simulator import TestCard as Card
from portal.extensions import now
from portal.services import payment_settlement
from tests import factories
from tests.browserlike import sign_in, text

HTMX = {"HX-Request": "true"}


class Declining(Simulator):
    """A provider whose late answer is no."""

    def get(self, charge: Charge) -> Outcome:
        return Outcome.DECLINED


@pytest.fixture
def waiting(client, session, ada, plan):
    factories.choose_card(session, ada, Card.TIMES_OUT)
    factories.pay(session, ada, plan.id, 1, now=now())
    sign_in(client, ada)


def asked_by(page: str) -> str | None:
    """What the card on a page asks by itself."""
    found = re.search(r'<article[^>]*hx-get="([^"]+)" hx-trigger="every 5s"', page)
    return unescape(found[1]) if found else None


@pytest.mark.parametrize("on", ["home", "plan"])
@pytest.mark.parametrize(
    ("provider", "words", "kind"),
    [(Simulator(), "Thank you.", "quiet"), (Declining(), "Your card was declined", "error")],
)
def test_the_answer_comes_to_the_card_and_the_asking_ends(
    client, session, ada, plan, waiting, on, provider, words, kind
):
    page = "/customer/" if on == "home" else f"/customer/plans/{plan.id}"
    asks = asked_by(text(client.get(page)))
    nothing_new = client.get(asks, headers=HTMX)
    assert (nothing_new.status_code, nothing_new.data) == (204, b"")
    payment_settlement.settle_pending(session, provider, now() + timedelta(minutes=5))
    answer = client.get(asks, headers=HTMX)
    assert answer.status_code == 200
    assert f'id="plan-{plan.id}"' in text(answer)
    assert asked_by(text(answer)) is None
    said = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (said["text"].startswith(words), said["kind"]) == (True, kind)
    assert ("plan-changed" in answer.headers.get("HX-Trigger-After-Settle", "")) == (on == "plan")
    assert (words in text(answer)) == (kind == "error")


def test_nothing_is_asked_while_nothing_is_waited_for(client, session, ada, plan):
    factories.pay(session, ada, plan.id, 1, now=now())
    sign_in(client, ada)
    for page in ("/customer/", f"/customer/plans/{plan.id}"):
        assert "every 5s" not in text(client.get(page))


def test_the_card_alone_is_no_page(client, session, ada, plan, waiting):
    opened = client.get(f"/customer/plans/{plan.id}/card?waiting=1")
    assert (opened.status_code, opened.location) == (303, f"/customer/plans/{plan.id}")
