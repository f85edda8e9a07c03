"""Whole numbers on pages in the reader's digits, alone (``|number``) and inside sentences; leaves all else as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_babel import Domain, get_locale
from jinja2 import pass_context
from jinja2.runtime import Context

from portal.adapters import formats
from portal.extensions import babel

Translate = Callable[..., str]


class Sentences(Domain):
    """The sentences of the program's own code."""

    def gettext(self, string: str, **values: Any) -> str:
        said: str = super().gettext(string, **_numbers(values))
        return said

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> str:
        said: str = self.get_translations().ungettext(singular, plural, num)
        return said % _numbers({"num": num} | values)


def init_app(app: Flask) -> None:
    babel.domain_instance = Sentences()
    sentences = app.jinja_env.globals
    for name in ("gettext", "ngettext"):
        sentences[name] = _with_numbers(sentences[name])
    app.jinja_env.filters["number"] = number


def number(value: Any) -> Any:
    """A whole number as the reader writes it; what is none, such as an amount in words, as it is."""
    return formats.digits(str(value), str(get_locale())) if type(value) is int else value


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {name: number(value) for name, value in values.items()}


def _with_numbers(translate: Translate) -> Translate:
    @pass_context
    def said(context: Context, *words: Any, **values: Any) -> str:
        if len(words) == 3:  # singular, plural, and how many
            values.setdefault("num", words[2])
        return translate(context, *words, **_numbers(values))

    return said
