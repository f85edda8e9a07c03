"""Who may open what, generated from routes and stamps: each role on each route, other people's ids, tokens, bodies."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
from werkzeug.routing import Rule

from portal.core.roles import Actor, Need, Permission, Role
from portal.extensions import now
from portal.guards import may
from portal.queries import admin, metrics
from portal.services import imports
from tests import factories
from tests.browserlike import Client, Forms
from tests.factories import PASSWORD

SAFE = {"GET", "HEAD", "OPTIONS"}
IMPORTED = (
    b"email,description,total,installments,first_due\nada@example.com,Oak table,100.00,2,2026-01-31\nx,,,,\n"
)
HOSTILE = ["", "\0", "a\nb", "x" * 5000, "9" * 5000, "-1", "NaN", "1.5", "٣", "4111 1111 1111 1111", "\ufffd"]
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
# The stricter of the two about text and numbers.
ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)


@dataclass
class World:
    """A portal in which something of every kind exists; ``ids`` maps the name in a route to what is owned."""

    shop: Actor
    ada: Actor
    stranger_shop: Actor
    stranger: Actor
    boss: Actor
    ids: dict[str, list[Any]] = field(default_factory=dict)


@pytest.fixture
def world(session) -> World:
    moment = now()
    shop, ada = factories.make_merchant(session, now=moment), factories.make_customer(session, now=moment)
    made = World(
        shop,
        ada,
        factories.make_merchant(session, "Other Shop", now=moment),
        factories.make_customer(session, "Other Buyer", now=moment),
        factories.make_admin(session, now=moment),
    )
    offer = factories.offered_plan(session, shop, ada.email, now=moment, first=moment.date())
    active = factories.accepted_plan(session, shop, ada, now=moment, first=moment.date())
    payment = factories.pay(session, ada, active, 1, now=moment).payment_id
    installments = factories.plan_of(session, ada, active, moment).installments
    with factories.unit_of_work(session):
        import_id = imports.draft(session, shop, IMPORTED, ".", moment)
    number = factories.amend(session, shop, active, {3: (moment + timedelta(days=40)).date()}, now=moment)
    made.ids = {
        "plan_id": [offer, active],
        "payment_id": [payment],
        "number": [number],
        "installment_id": [installments[1].id],
        "user_id": [made.stranger.id],
        "shop_id": [shop.id],
        "member_id": [made.stranger.id],
        "message_id": [admin.list_messages(session)[0].id],
        "import_id": [import_id],
        "template_id": [factories.save_template(session, shop)],
        "session_id": [factories.open_session(session, made.boss, now=moment)],
        "passkey_id": [
            factories.make_passkey(session, factories.make_customer(session, "Key Owner"), now=moment)
        ],
        "token": ["x"],
        "filename": ["css/tokens.css"],
        "what": ["plans", "installments", "payments", "receivables"],
        "name": list(metrics.NUMBERS),
        "month": [f"{moment:%Y-%m}"],
        "figure": list(metrics.FIGURES),
    }
    session.rollback()
    return made


def person_of(world: World, need: Need) -> Actor:
    """Somebody who meets the need; the owner of the shop has every permission."""
    return {Role.CUSTOMER: world.ada, Role.ADMIN: world.boss}.get(need, world.shop)


def opens(world: World, role: Role, needs: tuple[Need, ...]) -> bool:
    return bool(needs) and may(person_of(world, role), needs, "GET")


def signed_in(app, person: Actor) -> Client:
    client = app.test_client()
    assert client.submit("/login", {"email": person.email, "password": PASSWORD}).status_code == 303
    return client


def guarded_rules(app) -> list[Rule]:
    """Every page. The API answers to tokens, webhooks to signatures; both have tests of their own."""
    return [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(("/api", "/webhooks"))]


def stamp(app, rule: Rule) -> tuple[Need, ...] | None:
    return getattr(app.view_functions[rule.endpoint], "guard", None)


def opened_by(app, rule: Rule) -> tuple[Role, ...]:
    """Whom the view is for; what needs a permission is for a merchant, as every shop's owner has them all."""
    needs = stamp(app, rule) or ()
    return tuple(Role.MERCHANT if isinstance(need, Permission) else need for need in needs)


def paths(app, rule: Rule, world: World) -> list[str]:
    """The route's paths for everything of its kind that exists. A new kind of id has to be made in ``World``."""
    with app.test_request_context():
        count = max((len(world.ids[name]) for name in rule.arguments), default=1)
        chosen = [
            {name: world.ids[name][k % len(world.ids[name])] for name in rule.arguments} for k in range(count)
        ]
        return [app.url_for(rule.endpoint, **values) for values in chosen]


def token_of(client: Client) -> str:
    page = client.get("/account", follow_redirects=True).get_data(as_text=True)
    found = re.search(r'name="csrf[-_]token" (?:content|value)="([^"]+)"', page)
    assert found
    return found[1]


def send(client: Client, method: str, path: str, **more: Any):
    headers = {} if method in SAFE else {"X-CSRFToken": token_of(client)}
    return client.open(path, method=method, headers=headers, buffered=True, **more)


def own_forms(client: Client, home: str) -> dict[str, dict[str, str]]:
    """What the forms of this person's pages would send, by where they send it; links are followed from home."""
    found: dict[str, dict[str, str]] = {}
    waiting, seen = [home, "/account"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or "/static/" in path or path.endswith((".csv", ".pdf")):
            continue
        seen.add(path)
        page = client.get(path).get_data(as_text=True)
        found |= {form.action or path: form.fields for form in Forms(page).all}
        waiting += [link.replace("&amp;", "&") for link in re.findall(r'<a[^>]* href="(/[^"#]*)"', page)]
    return found


@ON_SQLITE
def test_every_view_has_a_stamp(app):
    assert [rule.endpoint for rule in app.url_map.iter_rules() if stamp(app, rule) is None] == []


@ON_SQLITE
def test_each_room_is_for_its_role(app):
    """What is outside of the three rooms is for anyone, but for one's own account."""
    rooms = {
        "customer": (Role.CUSTOMER,),
        "admin": (Role.ADMIN,),
        "account": tuple(Role),
        "logout": tuple(Role),
    }
    for rule in guarded_rules(app):
        room = rule.rule.split("/")[1]
        needs = set(stamp(app, rule) or ())
        if room == "merchant":
            assert needs and needs <= {Role.MERCHANT, *Permission}, rule.rule
        else:
            assert needs == set(rooms.get(room, ())), rule.rule


@ON_SQLITE
def test_what_acts_for_a_shop_names_a_permission(app):
    """A member who may read everything changes nothing by that."""
    acting = [rule for rule in app.url_map.iter_rules() if rule.methods - SAFE]
    unnamed = [rule.rule for rule in acting if set(stamp(app, rule) or ()) == {Role.MERCHANT}]
    assert unnamed == []
    assert sum(any(need in Permission for need in stamp(app, rule) or ()) for rule in acting) >= 9


@ON_SQLITE
def test_a_view_without_a_stamp_does_not_answer(own_app):
    own_app.add_url_rule("/unguarded", view_func=lambda: "seen")
    assert own_app.test_client().get("/unguarded").status_code == 404


@ON_SQLITE
def test_visitors_are_sent_to_sign_in(app, client, world):
    wrong = []
    for rule in guarded_rules(app):
        for path in paths(app, rule, world):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                answer = send(client, method, path)
                sent = answer.status_code == 303 and answer.location.startswith("/login")
                # The second step of signing in leads back to the first.
                if sent != (bool(stamp(app, rule)) or rule.rule.startswith("/login/code")):
                    wrong.append((method, path, answer.status))
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_what_its_stamp_says(app, world, role):
    client, wrong = signed_in(app, person_of(world, role)), []
    for rule in guarded_rules(app):
        roles = stamp(app, rule)
        for path in paths(app, rule, world):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                answer = send(client, method, path)
                # Nobody acts for the customer of their own shop's plan; the page itself is there for other plans.
                own_customer = b"Only the customer of a plan can do this." in answer.get_data()
                refused = answer.status_code == 403 and not own_customer
                if (
                    refused != bool(roles and not may(person_of(world, role), roles, method))
                    or answer.status_code >= 500
                ):
                    wrong.append((method, path, answer.status))
        if rule.endpoint == "auth.logout":
            client = signed_in(app, person_of(world, role))
    assert wrong == []


# A second tab: who is signed in already, or out already, is led on, and nothing is changed.
ALREADY_SO = {("auth.login", True), ("auth.logout", False)}


@ON_SQLITE
def test_nothing_is_changed_without_the_token_of_a_page(app, world):
    wrong, foreign = [], token_of(app.test_client())
    # A signed address in its place lets mail programs, which open no page, end reminders (RFC 8058).
    rules = [rule for rule in guarded_rules(app) if rule.endpoint != "emails.unsubscribe"]
    for role in (None, *Role):
        client = signed_in(app, person_of(world, role)) if role else app.test_client()
        for rule in rules:
            refused = 303 if (rule.endpoint, bool(role)) in ALREADY_SO else 400
            for path in paths(app, rule, world):
                for method in rule.methods - SAFE:
                    for token in (
                        {},
                        {"X-CSRFToken": "forged"},
                        {"X-CSRFToken": foreign},
                    ):
                        answer = client.open(path, method=method, headers=token)
                        if answer.status_code != refused:
                            wrong.append((method, path, token, answer.status))
    assert wrong == []


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.CUSTOMER])
def test_what_belongs_to_another_is_not_there(app, session, world, role):
    """Every route with an id, as the owner's forms would send it and empty; nothing may change by it."""
    owner = signed_in(app, person_of(world, role))
    other = signed_in(app, world.stranger_shop if role is Role.MERCHANT else world.stranger)
    forms = own_forms(owner, "/merchant/" if role is Role.MERCHANT else "/customer/")
    before = [factories.plan_of(session, world.ada, plan_id, now()) for plan_id in world.ids["plan_id"]]
    wrong, opened = [], 0
    for rule in guarded_rules(app):
        roles = stamp(app, rule) or ()
        if not any(name.endswith("_id") for name in rule.arguments):
            continue
        if not opens(world, role, roles):
            continue
        for path in paths(app, rule, world):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                for fields in (forms.get(path, {}), {}):
                    data = {name: value for name, value in fields.items() if name != "csrf_token"}
                    answer = send(other, method, path, data=data)
                    if answer.status_code != 404:
                        wrong.append((method, path, answer.status))
                if method == "GET":
                    opened += owner.get(path).status_code == 200
    assert wrong == []
    assert opened >= 2, "the owner opens these pages"
    assert [factories.plan_of(session, world.ada, plan.id, now()) for plan in before] == before


@ON_POSTGRES
@pytest.mark.parametrize("role", list(Role))
def test_no_body_breaks_a_page(app, world, role):
    person = person_of(world, role)
    client, wrong = signed_in(app, person), []
    home = {Role.MERCHANT: "/merchant/", Role.CUSTOMER: "/customer/", Role.ADMIN: "/admin/"}[role]
    names = {name for fields in own_forms(client, home).values() for name in fields} - {"csrf_token"}
    names |= {
        "customer_email",
        "description",
        "total_amount",
        "num_installments",
        "frequency",
        "start_date",
        "agree",
    }
    bodies: list[dict[str, Any]] = [{"data": dict.fromkeys(names, value)} for value in HOSTILE]
    bodies += [{"json": [1, 2]}, {"json": dict.fromkeys(names, 5)}, {"data": b"\xff\xfe=%ED%A0%80"}]
    token = token_of(client)
    for rule in guarded_rules(app):
        roles = stamp(app, rule)
        if (
            not roles
            or not opens(world, role, roles)
            or not rule.methods - SAFE
            or rule.endpoint == "auth.logout"
        ):
            continue
        files = {"data": {name: (io.BytesIO(b"x"), "x.txt") for name in names}}
        for path, body in zip(cycle(paths(app, rule, world)), [*bodies, files]):
            answer = client.post(path, headers={"X-CSRFToken": token}, **body)
            if answer.status_code >= 500:
                wrong.append((path, body, answer.status))
    assert wrong == []


@ON_POSTGRES
@pytest.mark.parametrize("role", list(Role))
def test_no_query_breaks_a_page(app, world, role):
    client, wrong = signed_in(app, person_of(world, role)), []
    names = (
        "search",
        "status",
        "state",
        "role",
        "before",
        "cursor",
        "limit",
        "next",
        "from",
        "to",
        "year",
        "period",
    )
    for rule in guarded_rules(app):
        if "GET" not in rule.methods or not opens(world, role, stamp(app, rule) or ()):
            continue
        for path, value in zip(cycle(paths(app, rule, world)), HOSTILE):
            answer = client.get(path, query_string=dict.fromkeys(names, value), buffered=True)
            if answer.status_code >= 500:
                wrong.append((path, value[:20], answer.status))
    assert wrong == []
