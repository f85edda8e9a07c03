"""A card number is found however it is written; numbers that only look alike are left alone."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.core.card_numbers import NETWORKS, holds_card_number
from portal.core.errors import InvalidInput
from portal.core.text import clean_line

# What stands between digits: one sign for all of a number, or none.
BETWEEN = [
    "",
    " ",
    "-",
    "/",
    "_",
    ",",
    "|",
    ".",
    ":",
    "\u200b",
    "\u00a0",
    "\u202f",
    "\u2013",
    "\u2060",
    " - ",
    " / ",
    "\u00b7",
    "\ufe0f\u20e3",
]
DIGITS = [
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "۰۱۲۳۴۵۶۷۸۹",
    "०१२३४५६७८९",
    "０１２３４５６７８９",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
]


def luhn_digit(body: str) -> str:
    doubled = [int(d) * (2 - k % 2) for k, d in enumerate(reversed(body))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def ean_digit(body: str) -> str:
    return str(-sum(int(d) * (3 - 2 * (k % 2)) for k, d in enumerate(reversed(body))) % 10)


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=size, max_size=size)


@st.composite
def card_numbers(draw) -> str:
    ranges, lengths = NETWORKS[draw(st.sampled_from(sorted(NETWORKS)))]
    low, high = draw(st.sampled_from(ranges))
    prefix = str(draw(st.integers(low, high)))
    body = prefix + draw(digits(draw(st.sampled_from(lengths)) - len(prefix) - 1))
    number = body + luhn_digit(body)
    # A number that is an article's as well is taken for that.
    assume(len(number) != 13 or ean_digit(number[:-1]) != number[-1])
    return number


@st.composite
def spellings(draw) -> str:
    number, between = draw(card_numbers()), draw(st.sampled_from(BETWEEN))
    sizes = draw(st.sampled_from([[1], [2], [4], [4, 6, 5], [4, 6], [3], [6, 13]]))
    groups, at = [], 0
    while at < len(number):
        size = sizes[len(groups) % len(sizes)]
        groups.append(number[at : at + size])
        at += size
    script = draw(st.sampled_from(DIGITS))
    return between.join(groups).translate(str.maketrans("0123456789", script))


@given(
    spellings(),
    st.sampled_from(["{}", "card {}", "{} thanks", "no.{}!", "x{}x", "7 {}", "{}, 12 pieces"]),
)
def test_every_spelling_of_a_card_number_is_found(number, text):
    assert holds_card_number(text.format(number))


@given(digits(30))
def test_a_longer_run_of_digits_is_no_card_number(run):
    assert not holds_card_number(run)


@given(digits(12))
def test_article_numbers_are_left_alone(body):
    assert not holds_card_number(body + ean_digit(body))
    assert not holds_card_number(f"EAN {body[:1]} {body[1:7]} {body[7:]}{ean_digit(body)}")


@given(
    st.sampled_from(["DE", "GB", "FR", "NL", "SA", "AE", "TN"]),
    st.integers(14, 22).flatmap(digits),
    st.booleans(),
    st.sampled_from(["{}", "to {}, please", "{} for rent", "({})"]),
)
def test_bank_account_numbers_are_left_alone(country, account, grouped, text):
    rest = int(account + "".join(str(int(c, 36)) for c in country) + "00") % 97
    iban = f"{country}{98 - rest:02}{account}"
    written = " ".join(iban[k : k + 4] for k in range(0, len(iban), 4)) if grouped else iban
    assert not holds_card_number(text.format(written))


@given(st.integers(1, 999), digits(10), st.sampled_from(["{}{}", "{} {}", "{}-{}", "{} (0){}"]))
def test_phone_numbers_with_a_country_code_are_left_alone(country, number, shape):
    assert not holds_card_number("+" + shape.format(country, number))


@given(st.sampled_from("01789"), st.sampled_from(range(13, 20)), st.data())
def test_numbers_that_no_network_issues_are_left_alone_whatever_their_check_digit(first, length, data):
    body = first + data.draw(digits(length - 2))
    assume(not body.startswith("9792"))
    assert not holds_card_number(body + luhn_digit(body))


@given(st.sampled_from(["35", "01", "86", "99", "45"]), digits(12))
def test_serial_numbers_of_phones_have_a_check_digit_and_are_left_alone(reporting, serial):
    imei = reporting + serial
    assert not holds_card_number(imei + luhn_digit(imei))


# The numbers that card schemes publish for testing; they belong to nobody.
PUBLISHED = [
    "4111111111111111",
    "4222222222222",
    "5500000000000004",
    "2223003122003222",
    "378282246310005",
    "6304000000000000000",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
    "38520000023237",
    "6200000000000005",
    "2200000000000004",
    "6759649826438453",
]


@pytest.mark.parametrize("number", PUBLISHED)
def test_a_line_that_holds_a_published_test_number_is_refused(number):
    with pytest.raises(InvalidInput) as refusal:
        clean_line(f"my card {number[:4]}/{number[4:]}", "description", longest=200)
    assert "card number" in str(refusal.value.errors["description"])


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "4111 1111 1111 1112",
        "411111111111",
        "41111111111111110000",
        "2026-11-22",
        "+1 202 555 0143",
        "order 12345, 3 of 7",
        "26.11.2026 to 31.12.2026",
        "2022-01-05 10:30:00",
        "order 123-1234567-1234567",
        "978-3-16-148410-0",
        "DE89 3704 0044 0532 0130 00 or so",
        "4006381333931",
        "one 4111 and 1111 of 1111 or 1111",
        "",
    ],
)
def test_other_numbers_are_left_alone(text):
    assert not holds_card_number(text)
