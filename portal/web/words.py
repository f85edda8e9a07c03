"""What pages say, one ``Words`` for each language: sentences, amounts, days and states as text that is safe in HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask.templating import Environment
from flask_babel import get_locale
from jinja2 import Template
from markupsafe import Markup, escape

from portal.core.accounts import shown_email
from portal.core.errors import N_
from portal.core.schedule import Frequency
from portal.presentation import formats
from portal.presentation.i18n import name_of, sentences

# The tint and the word of every state that a badge shows.
STATES = {
    "offered": ("info", N_("Offered")),
    "active": ("plain", N_("Active")),
    "overdue": ("bad", N_("Overdue")),
    "completed": ("good", N_("Completed")),
    "declined": ("plain", N_("Declined")),
    "revoked": ("plain", N_("Revoked")),
    "expired": ("plain", N_("Expired")),
    "cancelled": ("plain", N_("Cancelled")),
    "written_off": ("bad", N_("Written off")),
    "pending": ("plain", N_("Pending")),
    "late": ("bad", N_("Late")),
    "moved": ("plain", N_("Moved")),
    "paid": ("good", N_("Paid")),
    "processing": ("warn", N_("Processing")),
    "succeeded": ("good", N_("Succeeded")),
    "abandoned": ("plain", N_("Stopped")),
    "returned": ("plain", N_("Returned")),
    "reversed": ("bad", N_("Reversed")),
    "failed": ("bad", N_("Failed")),
    "queued": ("info", N_("Queued")),
    "sent": ("good", N_("Sent")),
    "faulty": ("bad", N_("With a fault")),
    "repeated": ("plain", N_("Sent before")),
    "ready": ("info", N_("Ready to send")),
    "waiting": ("warn", N_("Waiting")),
    "refused": ("bad", N_("Refused")),
    "proposed": ("info", N_("Proposed")),
    "in_force": ("good", N_("In force")),
    "withdrawn": ("plain", N_("Withdrawn")),
}
# How often installments are due, within a sentence.
RHYTHMS = {
    Frequency.WEEKLY: N_("every week"),
    Frequency.BIWEEKLY: N_("every two weeks"),
    Frequency.MONTHLY: N_("every month"),
    Frequency.OWN: N_("dates of their own"),
}

LONGEST_UNBROKEN = 30
# Longer than "$123,456,789.00", an amount may be broken on a phone.
LONG_AMOUNT = 15
MOST_REMEMBERED = 8192

Remembered = Callable[..., Markup]


class Words:
    """The sentences and values of one language; what is said often is remembered, and escaped once.

    ``words.gettext("Pay %(amount)s", amount=...)`` gives ``Markup``: values are escaped unless they are ``Markup``, and
    whole numbers are written in the reader's digits.
    """

    def __init__(self, language: str, catalogue: NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue
        self.money = self._remembering(formats.money)
        self.day = self._remembering(formats.day)
        self.short_day = self._remembering(formats.short_day)
        self.near_day = self._remembering(formats.near_day)
        # An amount that keeps its own direction and never breaks.
        self.amount: Remembered = lru_cache(MOST_REMEMBERED, typed=True)(self._amount)
        # The word for a state, in its tint.
        self.badge: Remembered = cache(self._badge)
        self._sentence: Remembered = cache(self._translated)

    def _remembering(self, write: Callable[..., str]) -> Remembered:
        """``write`` in this language, as text that is safe in HTML."""
        written = partial(write, locale=self.language)
        return lru_cache(MOST_REMEMBERED, typed=True)(lambda *values: escape(written(*values)))

    def gettext(self, sentence: str, **values: Any) -> Markup:
        said = self._sentence(sentence)
        return said % self._numbers(values) if values else said

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> Markup:
        said = Markup(self._catalogue.ungettext(singular, plural, num))  # noqa: S704
        return said % self._numbers({"num": num} | values)

    def number(self, value: Any) -> Any:
        """A whole number as the reader writes it; what is none, such as an amount in words, as it is."""
        return formats.digits(str(value), self.language) if type(value) is int else value

    def line(self, installment: Any) -> Any:
        """What an installment is called: its number, or that it is the deposit."""
        return self.line_name(installment.number, installment.is_deposit)

    def line_name(self, number: int, is_deposit: bool) -> Any:
        """As ``line``, by its number; the word has a class, since a column of numbers is too narrow for it."""
        if is_deposit:
            return Markup('<span class="deposit">{}</span>').format(self.gettext("Deposit"))
        return self.number(number)

    def percent(self, rate: Decimal, places: int = 2) -> str:
        return formats.percent(rate, self.language, places)

    def rhythm(self, frequency: str) -> str:
        return self.gettext(RHYTHMS[Frequency(frequency)])

    def rate(self, hundredths: int) -> str:
        """A rate kept in hundredths of a percent: 1250 is "12.50%", 2500 is "25%"."""
        return self.percent(Decimal(hundredths) / 100, 2 if hundredths % 100 else 0)

    def moved_line(self, move: Any, plan: Any) -> Any:
        """What an installment of ``plan`` is called of which an amendment says that it moves."""
        return self.line_name(move.number, bool(plan.deposit) and move.number == 1)

    def moment(self, instant: datetime, zone: str = "UTC") -> str:
        return formats.moment(instant, zone, self.language)

    def distance(self, day: date, today: date) -> Markup:
        """How far a due day is: "in 12 days", "3 days late"."""
        return escape(formats.distance(day, today, self.gettext, self.ngettext))

    def span(self, length: timedelta) -> str:
        return formats.span(length, self.language)

    def state(self, status: str) -> tuple[str, str]:
        """A state's tint and word; one that is not known is shown as it is."""
        kind, word = STATES.get(status, ("plain", ""))
        return kind, self.gettext(word) if word else status

    def _amount(self, minor: int, currency: str) -> Markup:
        shown = self.money(minor, currency)
        kind = "amount amount-long" if len(shown) > LONG_AMOUNT else "amount"
        return Markup('<bdi class="{}">{}</bdi>').format(kind, shown)

    def _badge(self, status: str) -> Markup:
        return Markup('<span class="badge badge-{}">{}</span>').format(*self.state(status))

    def _translated(self, sentence: str) -> Markup:
        """The sentence with ``%%`` as it stands where there is nothing to fill in."""
        said = self._catalogue.ugettext(sentence)
        return Markup(said if "%(" in said else said % ())  # noqa: S704

    def _numbers(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.number(value) for name, value in values.items()}


def words() -> Words:
    """Those of this request's language."""
    return _words_of(get_locale())


_known: dict[str, Words] = {}


def _words_of(locale: Locale) -> Words:
    name = name_of(locale)
    if name not in _known:
        _known[name] = Words(name, sentences.get_translations())
    return _known[name]


def address(stored: str) -> str | Markup:
    """An address as people write it; one too long for a phone's line may break after @ and before each full stop."""
    shown = shown_email(stored)
    if "@" not in shown or len(shown) <= LONGEST_UNBROKEN:
        return shown
    return Markup("<wbr>").join(re.split(r"(?<=@)|(?=\.)", shown))


class LanguageEnvironment(Environment):
    """Flask's environment of templates, with one beneath it for each language, whose filters need not ask for it."""

    _beneath: dict[str, LanguageEnvironment] | None = None

    def get_or_select_template(self, *args: Any, **options: Any) -> Template:
        """The template in the language of this request."""
        if self.overlayed:
            return super().get_or_select_template(*args, **options)
        return self._in(words()).get_or_select_template(*args, **options)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """What every template may use. In Jinja's chain of two maps each import would look up each name in Python."""
        return super().make_globals(d) if d else self.globals

    def _in(self, said: Words) -> LanguageEnvironment:
        if self._beneath is None:
            self._beneath = {}
        if said.language not in self._beneath:
            made = self.overlay()
            made.filters = self.filters | _filters(said)
            made.globals = self.globals | {
                "_": said.gettext,
                "gettext": said.gettext,
                "ngettext": said.ngettext,
            }
            self._beneath[said.language] = made
        return self._beneath[said.language]


def _filters(said: Words) -> dict[str, Callable[..., Any]]:
    return {
        "address": address,
        "money": said.money,
        "amount": said.amount,
        "badge": said.badge,
        "percent": said.percent,
        "day": said.day,
        "nearday": said.near_day,
        "shortday": said.short_day,
        "moment": said.moment,
        "distance": said.distance,
        "span": said.span,
        "number": said.number,
        "line": said.line,
        "line_name": said.line_name,
        "moved_line": said.moved_line,
        "rate": said.rate,
        "rhythm": said.rhythm,
    }
