"""docs/payments.md says what is so: the rights of the key that it asks for, its spans of time, its table of names."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from portal.adapters.payments import stripe as adapter
from portal.adapters.payments import stripe_cards, stripe_pages
from portal.core.autopay import GAPS
from portal.core.payments import PAGE_OPEN_FOR
from portal.extensions import now
from portal.queries.mismatches import SHOWN_FOR
from portal.services import checkout_pages, provider_keys
from portal.services.autopay import take_due
from portal.services.provider_events import settle_events
from tests import factories

DOCUMENT = (Path(__file__).parent.parent.parent / "docs/payments.md").read_text()
WORDS = {2: "two", 4: "four", 5: "five", 7: "seven", 9: "nine", 10: "ten"}


def minutes(span):
    return int(span / timedelta(minutes=1))


def rights_asked_for():
    """The rights of step 3, as (name, "read" or "write")."""
    sentence = re.search(r"give it \*write\* on (.+), and \*read\* on (.+)\.\n", DOCUMENT)
    return {
        (name, kind)
        for names, kind in zip(sentence.groups(), ("write", "read"), strict=True)
        for name in re.split(r", | and ", names)
    }


def settle(session, doors, standin, at):
    standin.send_webhooks()
    settle_events(session, doors.gateway, at)


def test_the_key_needs_the_rights_that_are_asked_for_and_no_others(
    session, doors, standin, provider, shop, ada, plan, saved_card
):
    """Everything that the portal ever asks of the provider, once."""
    saved_card()
    stopped = factories.pay(session, ada, plan.id, 2, gateway=doors.gateway, now=now())
    checkout_pages.stop(session, doors.gateway, ada, stopped.payment_id, now())
    answer = factories.pay(session, ada, plan.id, 2, gateway=doors.gateway, now=now())
    paid = provider.pay(answer.url.rpartition("/")[2])["payment_intent"]
    settle(session, doors, standin, now())
    later = now() + timedelta(days=2)
    take_due(session, doors.gateway, later)
    factories.refund(session, shop, plan.id, plan.total, gateway=doors.gateway, now=later)
    for refund in provider.all("refund"):
        provider.fail_refund(refund["id"])
    provider.dispute(paid)
    settle(session, doors, standin, later)
    provider_keys.connect(session, doors.stripe(), shop, "rk_test_harbor_2", later)
    # Who may write may read.
    needed = standin.rights - {(name, "read") for name, kind in standin.rights if kind == "write"}
    assert needed == rights_asked_for()


@pytest.mark.parametrize(
    "sentence",
    [
        f"The installments are held, and the customer is sent to Stripe's page, for {minutes(PAGE_OPEN_FOR)} minutes.",
        f"Open for {stripe_cards.OPEN_FOR // 60} minutes, with **Continue** and **Stop** on the plan.",
        f"What was not begun within {WORDS[minutes(stripe_pages.LOST_AFTER)]} minutes counts as an attempt",
        "Tried again {}, {} and {} days after the first attempt".format(
            *(WORDS[days] for days in accumulate(GAPS))
        ),
        f"raises an alarm for {SHOWN_FOR.days} days.",
        f"older than {WORDS[adapter.SIGNED_WITHIN_SECONDS // 60]} minutes",
        *(f"`{prefix}`" for prefix in adapter.KEYS if prefix.startswith("rk_")),
    ],
)
def test_it_names_the_spans_and_keys_of_the_program(sentence):
    assert sentence in DOCUMENT


def test_the_set_up_has_as_many_steps_as_it_promises():
    steps = re.findall(r"^(\d+)\. ", DOCUMENT, re.MULTILINE)
    assert steps == [str(number) for number in range(1, 11)] and "## Set up in ten steps" in DOCUMENT
