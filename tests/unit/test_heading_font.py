"""The font of headings: small, asked for by its own version, and only for letters that it has."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from fontTools.ttLib import TTFont

STATIC = Path(__file__).parent.parent.parent / "static"
FONT = STATIC / "fonts/bricolage-grotesque-700.woff2"
SHEET = (STATIC / "css/layout.css").read_text()


def test_it_is_small_and_its_licence_is_beside_it():
    assert FONT.stat().st_size < 15_000
    assert "SIL Open Font License" in (STATIC / "fonts/bricolage-grotesque.LICENSE").read_text()


def test_its_address_holds_its_hash():
    assert f"{FONT.name}?v={sha256(FONT.read_bytes()).hexdigest()[:12]}" in SHEET


def test_it_is_asked_for_exactly_the_letters_that_it_has():
    named = re.search(r"unicode-range: ([^;]+);", SHEET)
    assert named
    ranges = (part.removeprefix("U+").split("-") for part in named[1].split(", "))
    letters = {code for ends in ranges for code in range(int(ends[0], 16), int(ends[-1], 16) + 1)}
    with TTFont(FONT) as font:
        assert letters == set(font.getBestCmap())
        features = {
            record.FeatureTag
            for name in ("GPOS", "GSUB")
            for record in font[name].table.FeatureList.FeatureRecord
        }
    assert features == {"kern", "tnum"}
