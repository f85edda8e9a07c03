"""Lists the sentences without Arabic, or with words that are fuzzy or lack a plural form; then exits with 1."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

PO = Path(__file__).parent.parent / "portal/translations/ar/LC_MESSAGES/messages.po"


def arabic() -> Catalog:
    """The catalogue as it lies in the repository."""
    with PO.open("rb") as file:
        return read_po(file, locale="ar")


def untranslated(catalogue: Catalog) -> list[str]:
    return [
        str(message.id)
        for message in catalogue
        if message.id
        and (message.fuzzy or not all(message.string if message.pluralizable else [message.string]))
    ]


if __name__ == "__main__":
    missing = untranslated(arabic())
    print(*missing, f"{len(missing)} sentences without Arabic", sep="\n")
    sys.exit(1 if missing else 0)
