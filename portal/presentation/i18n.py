"""The sentences of the program's code in the reader's language, with whole numbers in the reader's digits."""

from __future__ import annotations

from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask_babel import Domain, get_locale

from portal.core.errors import PortalError
from portal.extensions import babel

from . import formats


class Translations(Domain):
    """The sentences of the program's own code."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, NullTranslations] = {}

    def get_translations(self) -> NullTranslations:
        """Those of this request's language, remembered: a page asks two hundred times."""
        locale = get_locale()
        if locale is None:
            return super().get_translations()
        name = name_of(locale)
        if name not in self._found:
            self._found[name] = super().get_translations()
        return self._found[name]

    def gettext(self, string: str, **values: Any) -> str:
        text: str = super().gettext(string, **_numbers(values))
        return text

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> str:
        text: str = self.get_translations().ungettext(singular, plural, num)
        return text % _numbers({"num": num} | values)


sentences = Translations()


def init_app() -> None:
    babel.domain_instance = sentences


def language() -> str:
    """The reader's language as the formats name it, with the digits where they are chosen."""
    return name_of(get_locale())


def error_text(error: PortalError) -> str:
    """The error's message and its advice in the reader's language."""
    return " ".join((sentences.gettext(error.message, **error.params), *map(sentences.gettext, error.advice)))


def amount_text(minor: int, currency: str) -> str:
    """``minor`` units as words of a sentence, in the reader's language."""
    return formats.money(minor, currency, language())


def number(value: Any) -> Any:
    """A whole number as the reader writes it; what is none, such as an amount in words, as it is."""
    return formats.digits(str(value), language()) if type(value) is int else value


def name_of(locale: Locale) -> str:
    """As ``str(locale)``, but quicker, for languages that have no script or variant of their own."""
    return f"{locale.language}_{locale.territory}" if locale.territory else locale.language


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {name: number(value) for name, value in values.items()}
