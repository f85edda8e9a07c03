"""Whatever is typed or stands in an address: refused at its field within 100 ms of CPU, and shown cut.

The cases are generated from the pages' own forms and the routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule, UnicodeConverter
from werkzeug.test import TestResponse

from portal.core.roles import Role
from portal.web import forms as page_forms
from portal.web.fields import KeyField, TextField
from tests import factories
from tests.hostile_input import MISLEADING, ORDINARY, TOO_LONG, within_limit
from tests.integration.every_form import Form, forms_of
from tests.integration.test_web_guards import (
    ON_SQLITE,
    guarded_rules,
    opened_by,
    paths,
    person_of,
    signed_in,
    world,
)

world  # noqa: B018 - the fixture is used by its name

pytestmark = ON_SQLITE

MOST_ECHOED = 100_000


@pytest.fixture
def all_forms(app, world) -> list[Form]:
    app.config["RATELIMIT_ENABLED"] = False
    return [form for role in (None, *Role) for form in forms_of(app, world, role)]


def names_field(answer: TestResponse, name: str) -> bool:
    return f'id="{name}-error"' in answer.get_data(as_text=True)


def test_the_forms_that_are_found_have_every_text_field_of_the_program(all_forms):
    typed = {name for form in all_forms for name in form.typed}

    def subclasses(kind: type) -> Iterator[type]:
        for sub in kind.__subclasses__():
            yield sub
            yield from subclasses(sub)

    known = {
        name
        for form in subclasses(page_forms.PageForm)
        for name, field in vars(form).items()
        if getattr(field, "field_class", None)
        and issubclass(field.field_class, TextField)
        and not issubclass(field.field_class, KeyField)
    }
    # The code of the second factor is asked for between two pages: test_web_second_factor tries it.
    assert len(known) > 8 and known - {"otp"} <= typed


def test_what_is_too_long_is_refused_at_its_field_at_once_and_shown_cut(all_forms, session):
    cases = 0
    before = factories.row_counts(session)
    for form in all_forms:
        for name in form.typed:
            for what, text in TOO_LONG.items():
                sent = text if form.method == "post" else text[:1000]
                about = (form.method, form.action, name, what)
                answer = within_limit(form.send(**{name: sent}), about)
                cases += 1
                page = answer.get_data(as_text=True)
                assert len(page) < MOST_ECHOED, about
                if form.method == "post":
                    assert sent not in page, about
                    assert answer.status_code == 422 and names_field(answer, name), about
                    assert form.kinds[name] == "password" or text[:15].strip() in page, about
                assert answer.status_code < 500, about
    assert cases > 100, cases
    assert factories.row_counts(session) == before


def test_fields_that_nobody_types_into_cost_little_too(all_forms):
    cases = 0
    for form in all_forms:
        for name in form.kinds.keys() - form.typed:
            for what in ("combining marks", "letters"):
                text = TOO_LONG[what]
                sent = text if form.method == "post" else text[:1000]
                answer = within_limit(form.send(**{name: sent}), (form.action, name, what))
                cases += 1
                assert answer.status_code < 500 and len(answer.get_data()) < MOST_ECHOED, (
                    form.action,
                    name,
                    what,
                )
    assert cases > 50, cases


def test_invisible_signs_and_card_numbers_are_refused_at_their_field(all_forms, session):
    cases = 0
    before = factories.row_counts(session)
    for form in all_forms:
        # The previews show what is due, and a template keeps that; who is to pay, and for what, is not looked at yet.
        if form.method == "get" or form.action.endswith(("/preview", "/lines", "/template")):
            continue
        unread = ("customer_email", "description") if form.action.endswith("/template/save") else ()
        for name in set(form.typed).difference(unread):
            for text in MISLEADING if form.kinds[name] != "password" else ():
                answer, cases = form.send(**{name: text})(), cases + 1
                assert answer.status_code == 422 and names_field(answer, name), (form.action, name, text)
    assert cases > 100, cases
    assert factories.row_counts(session) == before


def test_ordinary_numbers_are_left_alone_in_every_field_for_words(all_forms):
    cases = 0
    for form in all_forms:
        for name in form.typed:
            if form.method == "post" and form.kinds[name] == "text" and name in ("name", "description"):
                answer, cases = form.send(**{name: ORDINARY})(), cases + 1
                assert answer.status_code < 500 and not names_field(answer, name), (form.action, name)
    assert cases >= 4, cases


def test_many_fields_are_counted_before_they_are_read(all_forms):
    actions = {form.action: form for form in all_forms if form.method == "post"}
    for body in (b"a=&" * 240_000, b"&" * 990_000, b"%41=%42&" * 110_000):
        for action, form in actions.items():
            assert within_limit(form.send_raw(body), (action, body[:4])).status_code == 413, action
    assert len(actions) > 10


def test_what_takes_long_to_decode_is_cut_before(all_forms):
    for form in all_forms:
        if form.method == "post":
            answer = within_limit(form.send_raw(b"csrf_token=x&name=" + b"%CC%81" * 160_000), form.action)
            assert answer.status_code == 400, form.action


class Recorded(ImmutableMultiDict):
    """What an address asks for; ``names`` are those that were looked for."""

    names: ClassVar[set[str]] = set()

    def get(self, name: str, *about: Any, **more: Any) -> Any:
        self.names.add(name)
        return super().get(name, *about, **more)

    def getlist(self, name: str, *about: Any, **more: Any) -> Any:
        self.names.add(name)
        return super().getlist(name, *about, **more)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


def longest_paths(app, rule: Rule, world) -> list[str]:
    """The route's paths for what exists, and with endless text where it takes any text."""
    known = {name: world.ids[name][0] for name in rule.arguments}
    texts = [name for name in rule.arguments if type(rule._converters[name]) is UnicodeConverter]
    with app.test_request_context():
        endless = [app.url_for(rule.endpoint, **known | {name: "e\u0301" * 650}) for name in texts]
    return paths(app, rule, world) + endless


def test_whatever_stands_in_an_address_costs_little(app, world):
    reading = {"parameter_storage_class": Recorded}
    app.request_class = type("RecordingRequest", (app.request_class,), reading)
    clients = {role: signed_in(app, person_of(world, role)) for role in Role} | {None: app.test_client()}
    cases, read = 0, set()
    for rule in guarded_rules(app):
        if "GET" not in rule.methods:
            continue
        client = clients[next(iter(opened_by(app, rule)), None)]
        for path in longest_paths(app, rule, world):
            Recorded.names.clear()
            client.get(path, buffered=True)
            read |= Recorded.names
            for name in sorted(Recorded.names):
                for text in ("\u0301" * 600, "4 " * 1900, "%" * 3900, "\u202e" * 400 + "x" * 2000):
                    query = f"{name}={quote(text, safe='% ')}".replace(" ", "+")
                    answer = within_limit(
                        partial(client.get, path, query_string=query, buffered=True), (path, name)
                    )
                    cases += 1
                    assert answer.status_code < 500, (path, name, text[:5])
            too_long = {"QUERY_STRING": "search=" + "x" * 100_000}
            answer = within_limit(partial(client.get, path, environ_overrides=too_long, buffered=True), path)
            assert answer.status_code == 414, path
    assert {"search", "status", "period", "before", "next", "amount"} <= read
    assert cases > 200, cases


@pytest.mark.parametrize("path", ["/", "/merchant/plans/", "/api/plans/"])
def test_headers_that_are_read_cost_little(app, world, path):
    for name in (
        "Accept-Language",
        "Authorization",
        "Cookie",
        "User-Agent",
        "Referer",
        "Idempotency-Key",
        "X-Request-ID",
    ):
        for text in (
            "a," * 4000,
            "x" * 8000,
            ";q=1," * 1600,
            "Bearer " + "e." * 3900,
            "session=" + "e." * 3900,
        ):
            client = app.test_client()
            answer = within_limit(
                lambda c=client, n=name, t=text: c.get(path, headers={n: t}), (name, text[:9])
            )
            assert answer.status_code < 500, (name, text[:9])
