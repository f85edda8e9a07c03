"""Cut the fonts of receipts and statements out of DejaVu 2.37: `bin/make-fonts.py FOLDER-WITH-DEJAVU`.

Lam followed by alef is one joined shape. A font draws it as one glyph, and programs that search a PDF then read its two
letters in the wrong order. Here each letter keeps a glyph of its own: lam's is empty, alef's has the whole shape.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from pathlib import Path

from fontTools import subset
from fontTools.otlLib.builder import buildCoverage, buildSingleSubstSubtable
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables import otTables
from fontTools.ttLib.tables._g_l_y_f import Glyph

FONTS = Path(__file__).parent.parent / "portal/presentation/fonts"
NAMES = ("DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf")
# Latin, marks, Greek, Cyrillic, Armenian, Hebrew, Arabic, Georgian, punctuation, currencies, arrows, shapes.
SCRIPTS = (
    *((0x20, 0x58F), (0x591, 0x5F4), (0x600, 0x6FF), (0x750, 0x77F), (0x10A0, 0x10FF), (0x1E00, 0x1FFF)),
    *(
        (0x2000, 0x206F),
        (0x20A0, 0x20BF),
        (0x2100, 0x214F),
        (0x2190, 0x2193),
        (0x2212, 0x2212),
        (0x25A1, 0x25A1),
    ),
    *((0xFB00, 0xFB4F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF), (0xFFFD, 0xFFFD)),
)
# The two joined shapes by lam's own form: with nothing before it, and joined to what is before it.
LAM = {
    "uniFEDF": ["uniFEFB", "uniFEF7", "uniFEF9", "uniFEF5"],
    "uniFEE0": ["uniFEFC", "uniFEF8", "uniFEFA", "uniFEF6"],
}
ALEF = ["uniFE8E", "uniFE84", "uniFE88", "uniFE82"]
LAM_WIDTH = 400  # units of 2048; alef has the rest of the shape's width


def main(folder: Path) -> None:
    for name in NAMES:
        (source,) = folder.rglob(name)
        font = cut(TTFont(source))
        keep_letters_apart(font)
        font.save(FONTS / name)


def cut(font: TTFont) -> TTFont:
    options = subset.Options()
    options.layout_features, options.name_IDs, options.hinting = ["*"], ["*"], False
    options.notdef_outline, options.glyph_names = True, True
    options.drop_tables += ["MATH", "FFTM"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in SCRIPTS for code in range(first, last + 1)])
    cutter.subset(font)
    return font


def keep_letters_apart(font: TTFont) -> None:
    """In place of the ligature, each of the two letters is replaced by a glyph of its own in this neighbourhood."""
    gsub, glyphs = font["GSUB"].table, font["glyf"]
    ligatures = {k: lookup for k, lookup in enumerate(gsub.LookupList.Lookup) if joins_lam(lookup)}
    required = min(ligatures)
    add_glyph(font, "lam.part", Glyph(), LAM_WIDTH)
    first = len(gsub.LookupList.Lookup)
    append(gsub, 1, 0, buildSingleSubstSubtable(dict.fromkeys(LAM, "lam.part")))
    rules = []
    for lam, shapes in LAM.items():
        for shape in shapes:
            width = font["hmtx"][shape][0] - LAM_WIDTH
            add_glyph(font, f"{shape}.alef", deepcopy(glyphs[shape]), width)
        parts = {alef: f"{shape}.alef" for alef, shape in zip(ALEF, shapes, strict=True)}
        rules.append(rule(font, lam, first, append(gsub, 1, 0, buildSingleSubstSubtable(parts))))
    neighbours = append(gsub, 6, ligatures[required].LookupFlag, *rules)
    for record in gsub.FeatureList.FeatureRecord:
        if required in record.Feature.LookupListIndex:
            record.Feature.LookupListIndex.append(neighbours)
            record.Feature.LookupCount += 1
    for table in (table for lookup in ligatures.values() for table in lookup.SubTable):
        for lam in set(LAM) & set(table.ligatures):
            del table.ligatures[lam]


def joins_lam(lookup: otTables.Lookup) -> bool:
    return lookup.LookupType == 4 and any(lam in table.ligatures for table in lookup.SubTable for lam in LAM)


def add_glyph(font: TTFont, name: str, glyph: Glyph, width: int) -> None:
    font.setGlyphOrder([*font.getGlyphOrder(), name])
    font["glyf"].setGlyphOrder(font.getGlyphOrder())
    font["glyf"][name] = glyph
    font["hmtx"][name] = (width, getattr(glyph, "xMin", 0))
    font["GDEF"].table.GlyphClassDef.classDefs[name] = 1


def append(gsub: otTables.GSUB, kind: int, flag: int, *tables: otTables.BaseTable) -> int:
    lookup = otTables.Lookup()
    lookup.LookupType, lookup.LookupFlag, lookup.SubTable = kind, flag, list(tables)
    lookup.SubTableCount = len(tables)
    gsub.LookupList.Lookup.append(lookup)
    gsub.LookupList.LookupCount = len(gsub.LookupList.Lookup)
    return gsub.LookupList.LookupCount - 1


def rule(font: TTFont, lam: str, lam_lookup: int, alef_lookup: int) -> otTables.ChainContextSubst:
    table = otTables.ChainContextSubst()
    table.Format = 3
    order = font.getReverseGlyphMap()
    table.BacktrackCoverage, table.LookAheadCoverage = [], []
    table.BacktrackGlyphCount = table.LookAheadGlyphCount = 0
    table.InputCoverage = [buildCoverage([lam], order), buildCoverage(ALEF, order)]
    table.InputGlyphCount = 2
    table.SubstLookupRecord = [at(0, lam_lookup), at(1, alef_lookup)]
    table.SubstCount = 2
    return table


def at(place: int, lookup: int) -> otTables.SubstLookupRecord:
    made = otTables.SubstLookupRecord()
    made.SequenceIndex, made.LookupListIndex = place, lookup
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]))
