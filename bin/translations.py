"""Brings the Arabic catalogue up to the sentences of the program; prints those without words, and then exits with 1."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
PO = ROOT / "portal/translations/ar/LC_MESSAGES/messages.po"
MO = PO.with_suffix(".mo")
KEYWORDS = DEFAULT_KEYWORDS | {"_l": None}


def extracted() -> Catalog:
    """Every sentence of the program and its templates, with the files that say it."""
    with (ROOT / "babel.cfg").open() as settings:
        mapping, options = parse_mapping_cfg(settings)
    template = Catalog(fuzzy=False)
    for room in ("portal", "templates"):
        for file, _line, said, notes, context in extract_from_dir(
            ROOT / room,
            [(pattern.removeprefix(f"{room}/"), how) for pattern, how in mapping],
            {pattern.removeprefix(f"{room}/"): given for pattern, given in options.items()},
            KEYWORDS,
        ):
            template.add(said, None, [(f"{room}/{file}", None)], auto_comments=notes, context=context)
    return template


def kept() -> Catalog:
    """The catalogue as it lies in the repository."""
    with PO.open("rb") as file:
        return read_po(file, locale="ar")


def compiled(catalogue: Catalog) -> bytes:
    """What gettext reads; the same catalogue gives the same bytes."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def without_words(catalogue: Catalog) -> list[str]:
    """The sentences that lack a translation or one of their six plural forms, or whose translation is a guess."""
    return [
        str(message.id)
        for message in catalogue
        if message.id
        and (message.fuzzy or not all(message.string if message.pluralizable else [message.string]))
    ]


def main() -> None:
    catalogue = kept()
    catalogue.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    with PO.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, include_lineno=False)
    MO.write_bytes(compiled(kept()))
    missing = without_words(catalogue)
    print(*missing, sep="\n", end="\n" if missing else "")
    print(f"{len(catalogue)} sentences, {len(missing)} without Arabic words")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
