"""Route x role in a shop x permission x whose it is, generated from the routes and their stamps: pages and the API."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from portal.core.roles import PERMISSIONS, MemberRole, Permission, Role
from portal.extensions import now
from portal.guards import may
from portal.models import Member
from portal.services.transaction import unit_of_work
from tests import factories
from tests.api.conftest import Program
from tests.api.test_guards import send as call
from tests.integration.test_web_guards import guarded_rules, paths, send, signed_in, stamp, world

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
# The page of a plan's own shop, whose members never act for its customer.
OWN_CUSTOMER = b"Only the customer of a plan can do this."
# What programs cannot do: files, settings, keys and the team have pages alone. What takes a shop over asks again who it
# is, which a program's token cannot answer; what files say is read as JSON, as by every member.
BY_PAGES_ALONE = {Permission.EXPORT, Permission.SETTINGS, Permission.KEYS, Permission.TEAM}
BY_PROGRAMS = set(Permission) - BY_PAGES_ALONE
__all__ = ["world"]


def join(session, shop, name, role):
    """Somebody who signed up to buy, and has joined the shop since."""
    person = factories.make_customer(session, name, now=now())
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.merchant_id, user_id=person.id, role=role, created_at=now()))
    return factories.actor(session, person.id)


def for_members(app):
    """The pages of shops: every route that a member opens by being one, or by a permission."""
    needs = {Role.MERCHANT, *Permission}
    return [rule for rule in guarded_rules(app) if needs & set(stamp(app, rule) or ()) - {Role.CUSTOMER}]


@pytest.mark.parametrize("role", list(MemberRole))
def test_each_member_opens_what_the_table_says_and_nothing_of_another_shop(app, session, world, role):
    own = join(session, world.shop, "Own Member", role)
    foreign = join(session, world.stranger_shop, "Foreign Member", role)
    browsers = {"own": signed_in(app, own), "foreign": signed_in(app, foreign)}
    counts, asked, wrong = Counter(), Counter(), []
    for rule in for_members(app):
        needs = stamp(app, rule)
        if set(needs) >= {Role.MERCHANT, Role.CUSTOMER, Role.ADMIN}:
            continue
        for path in paths(app, rule, world):
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                for whose, browser in browsers.items():
                    answer = send(browser, method, path)
                    allowed = may(own, needs, method)
                    of_shop = any(
                        name in ("plan_id", "payment_id", "member_id", "template_id")
                        for name in rule.arguments
                    )
                    if not allowed:
                        right = answer.status_code == 403
                    elif of_shop and whose == "foreign" and "member_id" not in rule.arguments:
                        right = answer.status_code == 404
                    else:
                        right = answer.status_code not in (403, 500)
                    counts["allowed" if allowed else "refused"] += 1
                    asked.update((need, allowed) for need in needs if isinstance(need, Permission))
                    if not right:
                        wrong.append((whose, method, path, answer.status))
    assert wrong == []
    tell(role, "requests", counts, asked)
    assert sum(counts.values()) >= 60
    assert bool(counts["refused"]) == (PERMISSIONS[role] != set(Permission))
    # Every permission was tried, and each was refused exactly where the table does not have it.
    assert {need for need, _ in asked} == set(Permission)
    assert {need for need, allowed in asked if allowed} >= PERMISSIONS[role]
    assert {need for need, allowed in asked if not allowed} == set(Permission) - PERMISSIONS[role]


def tell(role, what, counts, asked):
    """Print how much was tried, and how often each permission was asked for."""
    by_need = {str(need): f"{asked[need, True]} allowed, {asked[need, False]} refused" for need in Permission}
    sys.stdout.write(f"{role}: {sum(counts.values())} {what}, {dict(counts)}; {by_need}\n")


@ON_SQLITE
@pytest.mark.parametrize("role", list(MemberRole))
def test_each_member_calls_what_the_table_says_and_nothing_of_another_shop(app, session, world, role):
    """Of a plan of the own shop the permission decides, and nobody answers or pays in the customer's place."""
    own = join(session, world.shop, "Own Member", role)
    foreign = join(session, world.stranger_shop, "Foreign Member", role)
    programs = {"own": Program(app), "foreign": Program(app)}
    programs["own"].sign_in(own.email)
    programs["foreign"].sign_in(foreign.email)
    offer = factories.plan_of(session, world.ada, world.ids["plan_id"][0], now())
    plan = {"id": str(offer.id), "installments": [{"id": str(line.id)} for line in offer.installments]}
    counts, asked, wrong = Counter(), Counter(), []
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    for rule in sorted(rules, key=lambda rule: "cancel" in rule.rule):
        needs = app.view_functions[rule.endpoint].guard
        if not needs or set(needs) >= {Role.MERCHANT, Role.CUSTOMER, Role.ADMIN}:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            for whose in ("foreign", "own"):
                answer = call(programs[whose], method, rule, plan)
                refused = refused_by_table(own, needs, method, rule, whose)
                counts["refused" if refused else "allowed"] += 1
                if whose == "own" and method != "GET" and "cancel" not in rule.rule:
                    asked.update((need, not refused) for need in needs if isinstance(need, Permission))
                right = (answer.status_code == 403) == refused and answer.status_code < 500
                if rule.arguments and whose == "foreign" and not refused:
                    right = answer.status_code == 404
                if not right:
                    wrong.append((whose, method, rule.rule, answer.status, answer.json))
    assert wrong == []
    # One address both revokes an offer and cancels a plan, each by a permission of its own. The offer is closed by now,
    # which is another answer than that the role does not allow it.
    for plan_id, need in zip(world.ids["plan_id"], (Permission.OFFER, Permission.CANCEL), strict=True):
        answer = programs["own"].post(f"/plans/{plan_id}/cancel/", json={})
        asked[need, answer.status_code != 403] += 1
    tell(role, "calls", counts, asked)
    assert sum(counts.values()) >= 30 and counts["refused"]
    assert {need for need, _ in asked} == BY_PROGRAMS
    assert {need for need, allowed in asked if allowed} == BY_PROGRAMS & PERMISSIONS[role]
    assert {need for need, allowed in asked if not allowed} == BY_PROGRAMS - PERMISSIONS[role]


@ON_SQLITE
def test_no_call_of_programs_asks_for_what_pages_alone_do(app):
    """An endpoint that is added for files, settings, keys or the team has to join the matrix above."""
    stamps = {rule.rule: stamp(app, rule) or () for rule in app.url_map.iter_rules()}
    asked = {path: BY_PAGES_ALONE & set(needs) for path, needs in stamps.items()}
    assert {path for path, needs in asked.items() if needs and path.startswith("/api/")} == set()
    assert set().union(*asked.values()) == BY_PAGES_ALONE
    words = ("export", "journal", "months", "settings", "keys", "provider", "team", "members", "invit")
    assert [path for path in stamps if path.startswith("/api/") and any(word in path for word in words)] == []


def refused_by_table(person, needs, method, rule, whose):
    """Whether a member is refused: by the stamp, or as a member of the shop whose plan it is."""
    permissions = {need for need in needs if isinstance(need, Permission)}
    if not may(person, needs, method):
        return True
    if whose == "foreign" or method == "GET":
        return False
    if rule.rule.endswith("/cancel/"):
        return Permission.OFFER not in person.permissions
    if Role.CUSTOMER in needs:
        return not permissions & person.permissions
    return False
