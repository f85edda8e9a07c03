"""What each role in a shop may do."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from portal.core.errors import Forbidden
from portal.core.roles import PERMISSIONS, Actor, MemberRole, Permission, Role
from portal.guards import SIGNED_IN, may

SHOP = UUID(int=7)
PERSON = Actor(UUID(int=1), Role.CUSTOMER, "Ada", "ada@example.com", "ada", "en", 1)


def member(role: MemberRole) -> Actor:
    return replace(PERSON, role=Role.MERCHANT, member_of=SHOP, member_role=role)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (
            "owner",
            "offer record refund cancel write_off amend export settings keys team",
        ),
        ("manager", "offer record refund cancel write_off amend export settings"),
        ("seller", "offer record amend"),
        ("bookkeeper", "export"),
    ],
)
def test_each_role_may_do_exactly_this(role, allowed):
    actor = member(MemberRole(role))
    assert {need for need in Permission if actor.may(need)} == set(allowed.split())


def test_every_role_has_its_permissions_and_only_the_owner_has_all():
    assert set(PERMISSIONS) == set(MemberRole)
    assert [role for role in MemberRole if PERMISSIONS[role] == set(Permission)] == [MemberRole.OWNER]


def test_who_is_in_no_shop_may_do_nothing_there_and_names_no_shop():
    for role in Role:
        person = replace(PERSON, role=role)
        assert not any(person.may(need) for need in (*Permission, Role.MERCHANT))
        with pytest.raises(Forbidden):
            _ = person.merchant_id


@pytest.mark.parametrize("role", list(MemberRole))
def test_a_member_reads_but_acts_by_a_named_permission_only(role):
    needs = (Role.MERCHANT,)
    assert may(member(role), needs, "GET")
    assert not may(member(role), needs, "POST")
    assert may(member(role), (Permission.EXPORT,), "POST") == (role is not MemberRole.SELLER)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_everybody_signed_in_may_do_asks_for_no_shop(method):
    for role in Role:
        assert may(replace(PERSON, role=role), SIGNED_IN, method)
