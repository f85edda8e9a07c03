"""An address has one spelling, a user name has no @, and what neither can be is refused at its field."""

import pytest

from portal.core.accounts import clean_email, clean_username, searched_email, shown_email
from portal.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Buyer@EXAMPLE.com", "ada.buyer@example.com"),
        ("  ada@example.com  ", "ada@example.com"),
        ("ada+shop@example.com", "ada+shop@example.com"),
        ("ada@münchen.example.com", "ada@xn--mnchen-3ya.example.com"),
    ],
)
def test_an_address_is_kept_in_one_spelling(typed, kept):
    assert clean_email(typed) == kept


BAD_ADDRESSES = [
    "",
    " ",
    "ada",
    "ada@",
    "@example.com",
    "ada@@example.com",
    "ada buyer@example.com",
    "ada@example..com",
    ".ada@example.com",
    "ada@exa mple.com",
    "adä@example.com",
    "ada@example.com\0",
    "ada\0@example.com",
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com\r\n",
    "ada@example.com\u2028",
    "ada\t@example.com",
    "\ud800@example.com",
    "a" * 4000,
    "a" * 4000 + "@example.com",
    "ada@" + "a" * 4000,
    "ada@[127.0.0.1]",
    "Ada <ada@example.com>",
    "ada@example.com,eve@example.com",
]


@pytest.mark.parametrize("typed", BAD_ADDRESSES)
def test_what_is_no_address_is_refused_at_its_field(typed):
    with pytest.raises(InvalidInput) as refused:
        clean_email(typed, "customer_email")
    assert list(refused.value.errors) == ["customer_email"]


@pytest.mark.parametrize(
    "typed",
    ["ada", "Ada.Buyer", "a_b+c-d", "زيد", "x" * 150, "Élan9", "हिन्दी", "山田たろう", "김철수", "Анна_1"],
)
def test_a_user_name_may_be(typed):
    assert clean_username(typed) == typed


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada@example.com",
        "ada buyer",
        "ada\0",
        "ada\n",
        "x" * 151,
        "a/b",
        "<b>",
        "\u0430da",
        "pаypal",
        "Ωmega",
        "___",
        "\u200dada",
        "\ufdfa" * 20,
    ],
)
def test_a_user_name_may_not_be(typed):
    with pytest.raises(InvalidInput) as refused:
        clean_username(typed)
    assert list(refused.value.errors) == ["username"]


@pytest.mark.parametrize(
    "shown", ["ada@example.com", "ada@münchen.example.com", "a+b@مثال.example.com", "x@faß.example.com"]
)
def test_an_address_is_shown_as_people_write_it_and_stored_in_ascii(shown):
    stored = clean_email(shown)
    assert stored.isascii() and shown_email(stored) == shown
    assert clean_email(stored) == stored and shown_email(shown) == shown
    assert searched_email(shown) == stored
    assert searched_email(shown.partition("@")[2]) == stored.partition("@")[2]


@pytest.mark.parametrize(
    "text", ["Müller", "Frau Müller.", "größe 4.5", "ada@", "..ä..", "ä" * 100 + ".b", "\ud800.a"]
)
def test_what_is_searched_and_is_no_domain_stays(text):
    assert searched_email(text)


@pytest.mark.parametrize("address", ["ada@xn--a.example.com", "xn--", "not xn-- an address"])
def test_what_cannot_be_decoded_is_shown_as_it_is(address):
    assert shown_email(address) == address
