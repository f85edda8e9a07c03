"""Cut the font of headings out of Bricolage Grotesque 5.3.0: `bin/make-heading-font.py FOLDER-OF-THE-PACKAGE`.

The package is @fontsource/bricolage-grotesque of npm (`npm pack`). Letters of western Europe, digits of one width and
kerning stay; what is not here is drawn in the system's font, so Arabic pages do not ask for the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONT = Path(__file__).parent.parent / "static/fonts/bricolage-grotesque-700.woff2"
SOURCE = "files/bricolage-grotesque-latin-700-normal.woff2"
LETTERS = (
    *range(0x20, 0x7F),
    *map(ord, "\u00a0£¥·×ÄÅÆÉÖØÜßàáâãäåæçèéêëìíîïðñòóôõöøùúûü–‘’“”…€−"),
)


def main(package: Path) -> None:
    options = subset.Options()
    options.layout_features, options.name_IDs, options.hinting = ["kern", "tnum"], [], False
    options.flavor = "woff2"
    font = TTFont(package / SOURCE)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=LETTERS)
    cutter.subset(font)
    FONT.parent.mkdir(exist_ok=True)
    subset.save_font(font, str(FONT), options)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
