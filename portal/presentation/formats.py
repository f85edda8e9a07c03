"""Values as text: amounts, days, instants and durations, in the reader's language."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import DateTimePattern, format_timedelta, parse_pattern
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal, get_currency_symbol, get_decimal_symbol

from portal.core.money import EXPONENTS, to_decimal

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
HALF_A_YEAR = 180  # days

# Used in many countries, so dates name the month and times use the 24-hour clock: neither can be misread.
_PATTERNS = {
    "en": {
        "day": "EEEE d MMMM y",
        "near_day": "EEEE d MMMM",
        "short_day": "d MMM y",
        "time": "HH:mm",
        "month": "LLLL y",
        "short_month": "LLL",
        "day_of_month": "d MMM",
    },
    "ar": {
        "day": "EEEE، d MMMM y",
        "near_day": "EEEE، d MMMM",
        "short_day": "d MMM y",
        "time": "HH:mm",
        "month": "LLLL y",
        "short_month": "LLL",
        "day_of_month": "d MMM",
    },
}
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@lru_cache(maxsize=8192, typed=True)
def money(minor: int, currency: str, locale: str) -> str:
    """``minor`` units with the currency's sign and its own digits: 3334 USD is "$33.34" in ``en``.

    Raises ``TypeError`` unless ``minor`` is an integer, and ``KeyError`` for an unknown currency.
    """
    pattern = _money_pattern(currency, locale)
    amount = to_decimal(operator.index(minor), currency)
    words: str = pattern.apply(
        amount,
        _locale(locale),
        currency=currency,
        currency_digits=False,
        numbering_system=_locale(locale).default_numbering_system,
    )
    return digits(words, locale)


def decimal_mark(locale: str) -> str:
    """The decimal mark of a language with Western digits: "." or ","."""
    return get_decimal_symbol(_locale(locale), numbering_system="latn")


@lru_cache(maxsize=8192)
def day(day: date, locale: str) -> str:
    """The day in full: "Friday 4 December 2026"."""
    return digits(_day_pattern("day", locale).apply(day, _locale(locale)), locale)


def near_day(near: date, today: date, locale: str) -> str:
    """The day in full, without its year where that is plain, within half a year: "Friday 4 December"."""
    if abs((near - today).days) > HALF_A_YEAR:
        return day(near, locale)
    return digits(_day_pattern("near_day", locale).apply(near, _locale(locale)), locale)


@lru_cache(maxsize=8192)
def short_day(day: date, locale: str) -> str:
    """The day in little room: "4 Dec 2026"."""
    return digits(_day_pattern("short_day", locale).apply(day, _locale(locale)), locale)


@lru_cache(maxsize=1024)
def month(first: date, locale: str) -> str:
    """The month that begins with the day ``first``: "December 2026"."""
    return digits(_day_pattern("month", locale).apply(first, _locale(locale)), locale)


@lru_cache(maxsize=1024)
def short_month(first: date, locale: str) -> str:
    """The month where its year is plain: "Dec"."""
    return _day_pattern("short_month", locale).apply(first, _locale(locale))


@lru_cache(maxsize=1024)
def day_of_month(day: date, locale: str) -> str:
    """The day where its year is plain: "4 Dec"."""
    return digits(_day_pattern("day_of_month", locale).apply(day, _locale(locale)), locale)


def percent(rate: Decimal, locale: str, places: int = 2) -> str:
    """A rate in percent: 50 is "50.00%"."""
    return _decimal(rate / 100, f"#,##0.{'0' * places}".rstrip(".") + "%", locale)


def decimal(number: Decimal, locale: str) -> str:
    """A number with two decimals: 1234.5 is "1,234.50"."""
    return _decimal(number, "#,##0.00", locale)


def _decimal(number: Decimal, pattern: str, locale: str) -> str:
    known = _locale(locale)
    system = known.default_numbering_system
    return digits(format_decimal(number, pattern, known, numbering_system=system), locale)


def moment(instant: datetime, zone: str, locale: str) -> str:
    """The instant where ``zone`` is, and the zone's abbreviation: "4 Dec 2026, 14:05 CET".

    Raises ``ValueError`` for an instant without a time zone, which could be any.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    local = instant.astimezone(ZoneInfo(zone))
    clock = digits(_day_pattern("time", locale).apply(local, _locale(locale)), locale)
    comma = "،" if _locale(locale).language == "ar" else ","
    return f"{short_day(local.date(), locale)}{comma} {clock} {_abbreviation(local)}"


def distance(
    day: date, today: date, gettext: Callable[[str], str], ngettext: Callable[[str, str, int], str]
) -> str:
    """How far a due day is: "today", "tomorrow", "in 12 days", "3 days late"; in the language of the translators."""
    days = (day - today).days
    if days == 0:
        return gettext("today")
    if days == 1:
        return gettext("tomorrow")
    if days > 0:
        return ngettext("in %(num)s day", "in %(num)s days", days) % {"num": days}
    return ngettext("%(num)s day late", "%(num)s days late", -days) % {"num": -days}


def span(length: timedelta, locale: str) -> str:
    """A length of time in its largest unit: "3 minutes", "2 hours"."""
    return digits(format_timedelta(length, granularity="minute", threshold=1, locale=_locale(locale)), locale)


def listed(parts: Sequence[object], locale: str) -> str:
    """The parts as a sentence names them: "1, 2 and 3"."""
    return format_list([str(part) for part in parts], locale=_locale(locale))


def digits(words: str, locale: str) -> str:
    """The words with their digits as the locale writes them, where Babel leaves them 0 to 9."""
    arabic = _locale(locale).default_numbering_system == "arab"
    return words.translate(_ARABIC_DIGITS) if arabic else words


def direction(locale: str) -> str:
    """``ltr`` or ``rtl``, as the language is written."""
    return _locale(locale).text_direction


@cache
def _locale(name: str) -> Locale:
    return Locale.parse(name)


@cache
def _money_pattern(currency: str, locale: str) -> NumberPattern:
    """The locale's pattern with the currency's digits, which Babel counts differently for some."""
    pattern: NumberPattern = copy(_locale(locale).currency_formats["standard"])
    pattern.frac_prec = (EXPONENTS[currency],) * 2
    symbol = get_currency_symbol(currency, locale=_locale(locale))
    # CLDR keeps letters and digits apart ("SAR 5.00", but "$5.00"); Babel leaves that to us.
    if symbol[-1].isalpha():
        pattern.prefix = _ending_apart(pattern.prefix)
    if direction(locale) == "rtl" and symbol[0].isascii():
        # The sign at the end of "US$" is of no direction, and would go to the other side of its letters.
        pattern.suffix = (f"{pattern.suffix[0]}{LEFT_TO_RIGHT}", f"{pattern.suffix[1]}{LEFT_TO_RIGHT}")
    return pattern


def _ending_apart(prefixes: tuple[str, str]) -> tuple[str, str]:
    apart = [f"{prefix}{NO_BREAK_SPACE}" if prefix.endswith("¤") else prefix for prefix in prefixes]
    return apart[0], apart[1]


@cache
def _day_pattern(name: str, locale: str) -> DateTimePattern:
    known = _locale(locale)
    if known.language in _PATTERNS:
        return parse_pattern(_PATTERNS[known.language][name])
    full = known.date_formats["full"]
    formats: dict[str, DateTimePattern] = {
        "day": full,
        "near_day": full,
        "short_day": known.date_formats["medium"],
        "time": known.time_formats["short"],
        "month": known.datetime_skeletons["yMMMM"],
        "short_month": known.datetime_skeletons["MMM"],
        "day_of_month": known.datetime_skeletons["MMMd"],
    }
    return formats[name]


def _abbreviation(local: datetime) -> str:
    """The zone's abbreviation; many zones have only an offset, such as "+03", which needs a word before it."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"
