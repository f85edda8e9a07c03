"""A plan's stick: the same terms give the same notches on every half, other terms give others."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.schedule import MAX_INSTALLMENTS
from portal.core.stick import HALF, LENGTH, parts
from portal.presentation import stick

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
COUNTS = st.integers(1, MAX_INSTALLMENTS)


@given(HASHES, COUNTS)
def test_a_notch_for_each_installment_inside_its_own_part(terms_hash, count):
    made = parts(terms_hash, count)
    assert len(made) == count
    assert [part.start for part in made] == [0, *(part.end for part in made[:-1])]
    assert made[-1].end == LENGTH
    for part in made:
        assert 0 < part.depth < HALF
        assert part.width >= 2
        assert part.start <= part.middle - part.width / 2 <= part.middle + part.width / 2 <= part.end


@given(HASHES, COUNTS)
def test_the_same_terms_give_the_same_stick(terms_hash, count):
    assert parts(terms_hash, count) == parts(terms_hash, count)


@given(HASHES, HASHES, st.integers(3, MAX_INSTALLMENTS))
def test_other_terms_give_another_stick(one, other, count):
    # What is far apart in the first bytes is drawn apart; close values may round to one and the same.
    apart = any(
        abs(a - b) > 32 for a, b in zip(bytes.fromhex(one)[:6], bytes.fromhex(other)[:6], strict=True)
    )
    assert not apart or parts(one, count) != parts(other, count)


def test_what_the_notches_are_is_fixed():
    """Sticks were shown to people: they never change."""
    assert [(part.depth, part.width) for part in parts(sha256(b"terms").hexdigest(), 3)] == [
        (16, 68),
        (14, 34),
        (16, 62),
    ]


@pytest.mark.parametrize(("terms_hash", "count"), [("", 3), ("0" * 63, 3), ("0" * 64, 0), ("x" * 64, 1)])
def test_what_is_no_hash_has_no_stick(terms_hash, count):
    with pytest.raises(ValueError):
        parts(terms_hash, count)


@given(HASHES, st.lists(st.booleans(), min_size=1, max_size=MAX_INSTALLMENTS))
def test_only_paid_parts_are_cut_and_the_halves_match(terms_hash, cut):
    near, far = (
        "".join(re.findall(f'class="stick-{half}" d="([^"]+)"', stick.drawing(terms_hash, cut, "")))
        for half in ("near", "far")
    )
    assert near.count("l") == far.count("l") == 2 * sum(cut)
    notches = [re.findall(r"H(\d+)l(-\d+) -?\d+l", half) for half in (near, far)]
    assert notches[0] == notches[1]


@given(HASHES)
def test_a_drawing_is_small(terms_hash):
    assert len(stick.drawing(terms_hash, [True] * 8 + [False] * 4, "8 of 12 paid")) <= 700
    assert len(stick.drawing(terms_hash, [True] * MAX_INSTALLMENTS, "60 of 60 paid")) <= 2700


def test_the_text_is_escaped_and_a_document_needs_no_style_sheet():
    drawn = stick.drawing("0" * 64, [True, False], 'a "b" <c>')
    assert 'aria-label="a &#34;b&#34; &lt;c&gt;"' in drawn
    assert "class" not in stick.picture("0" * 64, [True, False])
    assert "stick-outline" in stick.outline("An offer")


def test_what_was_paid_just_now_is_drawn_apart():
    drawn = stick.drawing("0" * 64, [True, True, False], "", fresh={1})
    assert drawn.count("stick-fresh") == 2
    assert "stick-fresh" not in stick.drawing("0" * 64, [True, True, False], "")
