"""A shop whose payments are taken by the stand-in of the provider, for tests of services and pages."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from portal.adapters.payments import ByAccount
from portal.adapters.payments.simulator import Simulator
from portal.adapters.payments.stripe import Stripe
from portal.extensions import now
from portal.services import provider_keys
from tests import factories
from tests.standin.server import StandIn

KEY = "rk_test_harbor_1"


@pytest.fixture
def standin(client, app, monkeypatch):
    """The provider; what it sends goes to the portal's own webhook address, whose statuses are its ``answers``."""
    answers = []

    def deliver(url, body, signature):
        headers = {"Stripe-Signature": signature}
        answer = client.post(urlsplit(url).path, data=body, headers=headers, content_type="application/json")
        answers.append(answer.status_code)

    there = StandIn(deliver=deliver)
    there.answers = answers
    stripe = Stripe([app.config["SECRET_KEY"]], app.config["PORTAL_URL"], there.url)
    monkeypatch.setitem(app.config, "PROVIDER_STANDIN", there.url)
    before = app.extensions["adapters"]
    factories.replace_adapters(app, stripe=lambda: stripe, gateway=ByAccount(Simulator(), lambda: stripe))
    with there.running():
        yield there
    app.extensions["adapters"] = before


@pytest.fixture
def doors(app, standin):
    """The portal's adapters."""
    return app.extensions["adapters"]


@pytest.fixture
def provider(standin):
    """The shop's account there."""
    return standin.account(KEY)


@pytest.fixture
def connected(session, doors, shop):
    provider_keys.connect(session, doors.stripe(), shop, KEY, now())
    return shop
