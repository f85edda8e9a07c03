"""The languages of the interface, each by its own name."""

from __future__ import annotations

from .errors import N_, InvalidInput

ENGLISH = "en"

# Babel's names. A territory only selects the digits: Egypt writes ١٢٣ where Arabic as such writes 123 (CLDR).
LANGUAGES = {ENGLISH: "English", "ar": "العربية (123)", "ar_EG": "العربية (١٢٣)"}


def check_language(code: str) -> str:
    """The code itself. Raises ``InvalidInput`` at ``language`` for one that the portal does not speak."""
    if code not in LANGUAGES:
        raise InvalidInput.at("language", N_("Choose a language from the list."))
    return code
