"""Every form of the pages, found by opening every page as everybody: what it is made of, and how it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

from flask import Flask
from werkzeug.test import TestResponse

from portal.core.roles import Role
from tests import factories
from tests.browserlike import Client
from tests.integration.test_web_guards import World, guarded_rules, opened_by, paths, person_of, signed_in

SAFE = "/:,_|.- "
UNTYPED = ("hidden", "checkbox", "radio", "select", "file")


@dataclass
class Form:
    """A form as one person is shown it: ``kinds`` are the types of its fields, ``values`` what they are filled with."""

    method: str
    action: str
    kinds: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    client: Client | None = None

    @property
    def typed(self) -> list[str]:
        """What people type into."""
        return [name for name, kind in self.kinds.items() if kind not in UNTYPED]

    def send(self, **values: str) -> Callable[[], TestResponse]:
        """Sends the form with these values, as few signs encoded as a hostile program would encode."""
        pairs = {**self.values, **values}
        if self.method == "get":
            return lambda: self.client.get(self.action, query_string=urlencode(pairs))
        return self.send_raw(
            "&".join(
                f"{k}={quote(v, safe=SAFE)}" if len(v) < 2000 else f"{k}={v}" for k, v in pairs.items()
            ).encode()
        )

    def send_raw(self, body: bytes) -> Callable[[], TestResponse]:
        return lambda: self.client.post(
            self.action, data=body, content_type="application/x-www-form-urlencoded"
        )


FILLED = {"email": "someone@example.com", "number": "3", "date": "2030-01-01", "password": factories.PASSWORD}


USUAL = {"deposit": "20%"}


class Forms(HTMLParser):
    """The forms of a page with their fields, whose empty ones are filled in as a person would."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__()
        self.path, self.name = path, ""
        self.found: list[Form] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action") or self.path
            self.found.append(Form(given.get("method", "get"), action.partition("?")[0]))
        if not self.found:
            return
        form, kind = self.found[-1], given.get("type", "text") if tag == "input" else tag
        if tag in ("input", "select", "textarea") and given.get("name"):
            self.name = given["name"]
            form.kinds[self.name] = kind
            if kind not in ("radio", "checkbox") or "checked" in given:
                usual = USUAL.get(self.name, "100.00" if "amount" in self.name else "Some words")
                form.values[self.name] = given.get("value") or FILLED.get(kind, usual)
        elif tag == "option" and ("selected" in given or form.values.get(self.name) == "Some words"):
            form.values[self.name] = given.get("value", "")
        elif tag == "button" and given.get("formaction"):
            self.found.append(Form("post", given["formaction"], form.kinds, form.values))


def forms_of(app: Flask, world: World, role: Role | None) -> Iterator[Form]:
    """Every form that this person is shown on the page of any route."""
    client = signed_in(app, person_of(world, role)) if role else app.test_client()
    seen = set()
    for rule in guarded_rules(app):
        roles = opened_by(app, rule)
        if "GET" not in rule.methods or (role not in roles if role else roles):
            continue
        for path in paths(app, rule, world)[:2]:
            answer = client.get(path, buffered=True)
            if answer.mimetype != "text/html" or answer.status_code != 200:
                continue
            for form in Forms(answer.get_data(as_text=True), path).found:
                if (form.method, form.action) not in seen and path != "/styleguide":
                    seen.add((form.method, form.action))
                    form.client = client
                    yield form
