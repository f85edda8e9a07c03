"""A test client that does with forms what a browser does; it knows nothing of what a form is for."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.core.roles import Actor
from tests import factories


class Form:
    """One form of a page: where it goes, and the fields that it would send untouched."""

    def __init__(self, action: str | None) -> None:
        self.action = action
        self.fields: dict[str, str] = {}


class Forms(HTMLParser):
    """The forms of a page in their order, each followed by those that its buttons with other addresses make of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[Form] = []
        self.form: Form | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.form = Form(attributes.get("action"))
            self.all.append(self.form)
        elif tag == "button" and self.form and attributes.get("name"):
            pair = {str(attributes["name"]): attributes.get("value") or ""}
            if attributes.get("formaction") in (None, self.form.action):
                self.form.fields |= pair
            else:
                made = Form(attributes["formaction"])
                made.fields = {**self.form.fields, **pair}
                self.all.append(made)
        elif tag == "input" and self.form and attributes.get("name"):
            ticked = "checked" in attributes or attributes.get("type") not in ("checkbox", "radio", "submit")
            if ticked:
                self.form.fields[str(attributes["name"])] = attributes.get("value") or ""


class Client(FlaskClient):
    """Keeps cookies; ``submit`` opens the page, fills in its form and sends it with the page's hidden fields."""

    def submit(
        self, action: str, fields: dict[str, str], page: str | None = None, **more: Any
    ) -> TestResponse:
        """Posts to ``action`` the form that stands on ``page`` (the same path unless given).

        Raises LookupError if that page has no form with this action: a browser could not have sent it either.
        """
        shown = self.get(page or action)
        for form in Forms(shown.get_data(as_text=True)).all:
            if (form.action or page or action) == action:
                return self.post(action, data=form.fields | fields, **more)
        raise LookupError(f"{page or action} answered {shown.status} and has no form that posts to {action}")


def text(response: TestResponse) -> str:
    return response.get_data(as_text=True)


def form_at(client: FlaskClient, page: str, action: str) -> dict[str, str]:
    """The fields of the form on ``page`` that posts to ``action``, as they are shown."""
    return {form.action: form.fields for form in Forms(text(client.get(page))).all}[action]


def sign_in(client: Client, person: Actor) -> None:
    """As anybody whom the factories made."""
    fields = {"email": person.email, "password": factories.PASSWORD}
    assert client.submit("/login", fields).status_code == 303
