"""Emails from messages: the words of each kind are in templates/email."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from portal.adapters import link_tokens, offer_tokens, reset_tokens, unsubscribe_tokens
from portal.adapters.mailer import Email
from portal.core.accounts import shown_email
from portal.core.emails import SECRET
from portal.core.languages import ENGLISH
from portal.core.links import Purpose
from portal.core.reminders import COURTESIES

from . import formats
from .card_names import BRANDS

ROOT = Path(__file__).parent.parent.parent
# A shop's name (120), the sentence, 60 characters of what is bought, and the reference; the outbox keeps 300.
LONGEST_SUBJECT = 250
REMINDER = "reminder"
# What an installment is called, by its number.
Name = Callable[[int], str]
# The kinds with the link of an offer, which proves the address.
OFFERS = frozenset({"offer_sent", "offer_reminder"})
# The kinds with a link for one of a user's tokens: where it leads, and what it is for.
LINKS = {
    "verify_email": ("/verify/", Purpose.VERIFY_EMAIL),
    "change_email": ("/account/email/", Purpose.CHANGE_EMAIL),
    "email_changed": ("/undo-email/", Purpose.UNDO_EMAIL),
    "member_invited": ("/join/", Purpose.JOIN_SHOP),
}


class Written(Protocol):
    """What an email is rendered from: recipient, sender, plan, and the facts of its kind."""

    @property
    def kind(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def to(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def user_id(self) -> UUID: ...
    @property
    def session_version(self) -> int: ...
    @property
    def verified(self) -> bool: ...
    @property
    def plan_id(self) -> UUID | None: ...
    @property
    def sender(self) -> str: ...
    @property
    def support(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind's template says, as plain text; the two layouts draw it, and only they know markup.

    ``facts`` are (label, value); ``links`` are (label, address), the first of them the thing to do. ``schedule``, in
    the few emails that have one, is the rows of a table, the headings first.
    """

    subject: str
    paragraphs: list[str]
    facts: list[tuple[str, str]]
    links: list[tuple[str, str]]
    closing: str
    schedule: Sequence[tuple[str, ...]]

    @classmethod
    def of(cls, module: Any, mark: str) -> Words:
        return cls(
            subject_line(module.subject, mark),
            module.paragraphs,
            module.facts,
            module.links,
            module.closing,
            getattr(module, "schedule", ()),
        )


class EmailRenderer:
    """Renders emails with links under ``base_url``; ``secret_key`` signs those that hold a secret.

    With ``verify`` an offer's link proves the address that it was sent to, and who has not proved an address is not
    called by the name that somebody gave. ``translations`` is a folder of Babel catalogues; a language without one is
    written in English.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        translations: Path = ROOT / "portal/translations",
        *,
        verify: bool = False,
    ) -> None:
        self._verify = verify
        self._base_url = base_url.rstrip("/")
        self._secret_key = secret_key
        self._environment = lru_cache(partial(environment, translations))

    def write(self, message: Written, hidden: str | None = None) -> Email:
        """The email for this message; ``hidden`` replaces a secret for anyone but the recipient.

        Raises ``jinja2.TemplateNotFound`` for an unknown kind, ``jinja2.UndefinedError`` for a missing fact.
        """
        templates = self._environment(message.language)
        kind, facts = _kind_and_facts(message)
        known = self._known(message, hidden)
        module = templates.get_template(f"{kind}.j2").make_module(facts | known)
        words = Words.of(module, mark(facts))
        text, html = (
            templates.get_template(layout).render(words=words, sender=message.sender)
            for layout in ("layout.txt.j2", "layout.html.j2")
        )
        return Email(
            words.subject,
            text,
            html,
            str(templates.globals["language"]),
            self._unsubscribe_page(message),
            secret=message.kind in SECRET or known.get("offer_page") is not None,
        )

    def _unsubscribe_page(self, message: Written) -> str | None:
        """Where one click ends reminders before the due date, for those emails alone."""
        lines = message.facts.get("lines", [])
        if not {line["step"] for line in lines} | {message.kind} - {REMINDER} <= set(COURTESIES):
            return None
        token = unsubscribe_tokens.make(self._secret_key, message.user_id)
        return f"{self._base_url}/unsubscribe/{token}"

    def _known(self, message: Written, hidden: str | None) -> dict[str, Any]:
        """All that a template can name. A fact never takes the place of what is known about the message itself."""
        known: dict[str, Any] = {
            "to": message.to,
            "name": message.name if message.verified or not self._verify else message.to,
            "sender": message.sender,
            "support": message.support,
            "sign_up_page": f"{self._base_url}/signup",
            "sign_in_page": f"{self._base_url}/login",
            "forgot_page": f"{self._base_url}/forgot",
            "payments": f"{self._base_url}/customer/payments",
            "customer_home": f"{self._base_url}/customer/",
            "team_page": f"{self._base_url}/merchant/team",
            "security_page": f"{self._base_url}/account/security",
        }
        if message.plan_id:
            known["customer_plan"] = f"{self._base_url}/customer/plans/{message.plan_id}"
            known["shop_plan"] = f"{self._base_url}/merchant/plans/{message.plan_id}"
        if message.plan_id and message.kind in OFFERS:
            known["offer_page"] = self._offer_page(message, hidden)
            known["not_for_me_page"] = hidden or f"{known['offer_page']}/not-for-me"
        if message.kind == "password_reset":
            token = reset_tokens.make(self._secret_key, message.user_id, message.session_version)
            known["reset_page"] = hidden or f"{self._base_url}/reset/{token}"
        if message.kind in LINKS:
            path, purpose = LINKS[message.kind]
            token = link_tokens.make(self._secret_key, purpose, UUID(message.facts["link"]))
            known["link_page"] = hidden or f"{self._base_url}{path}{token}"
        return known | {name: shown_email(known[name]) for name in ("to", "name", "support")}

    def _offer_page(self, message: Written, hidden: str | None) -> str | None:
        """The link that proves the address to which the offer is sent; None where addresses are not verified."""
        if not self._verify or message.plan_id is None:
            return None
        token = offer_tokens.make(self._secret_key, message.plan_id, message.user_id)
        return hidden or f"{self._base_url}/offers/{token}"


def _kind_and_facts(message: Written) -> tuple[str, dict[str, Any]]:
    """The template and what it is given: a reminder of one installment has the words of its step."""
    facts = dict(message.facts)
    if "customer_email" in facts:
        facts["customer_email"] = shown_email(facts["customer_email"])
    if message.kind == REMINDER and len(facts["lines"]) == 1:
        (line,) = facts["lines"]
        return line["step"], line
    return message.kind, facts


def environment(translations: Path, language: str) -> Environment:
    """The templates in one language. Only the HTML layout escapes, since what the kinds say is plain text."""
    templates = Environment(
        loader=FileSystemLoader(ROOT / "templates/email"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = Translations.load(translations, [language])
    if not isinstance(catalogue, Translations):
        # Without a catalogue the words are English, and so are the days and amounts among them.
        language = ENGLISH
    templates.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    templates.globals |= {"language": language.replace("_", "-"), "direction": formats.direction(language)}
    templates.filters |= {
        "money": lambda minor, currency: formats.money(minor, currency, language),
        "day": lambda day: formats.day(date.fromisoformat(day), language),
        "shortday": lambda day: formats.short_day(date.fromisoformat(day), language),
        "moment": lambda instant: formats.moment(datetime.fromisoformat(str(instant)), "UTC", language),
        "compared": _of_plan(compared, language),
        "refunded": _of_plan(refunded, language),
        "reminded": partial(reminded, language=language),
        "settled": _of_plan(settled, language),
        "moved": _of_plan(moved, language),
        "brand": BRANDS.get,
        "listed": lambda parts: formats.digits(formats.listed(parts, language), language),
        "number": lambda number: formats.digits(str(number), language),
        "line": line_name,
    }
    return templates


@pass_context
def line_name(context: Context, number: int) -> str:
    """An installment's number, or that it is the deposit of the email's plan."""
    if number == 1 and context.get("deposit") is not None:
        gettext: Any = context.environment.globals["gettext"]
        return str(gettext(context, "Deposit"))
    return str(context.environment.filters["number"](number))


def _of_plan(rows: Callable[..., list[tuple[str, ...]]], language: str) -> Callable[..., Any]:
    """A filter that makes rows of a plan's installments, which are named as the plan names them."""

    @pass_context
    def fill(context: Context, *lines: Any) -> list[tuple[str, ...]]:
        return rows(*lines, language=language, name=partial(line_name, context))

    return fill


def compared(
    before: list[dict[str, Any]], after: list[dict[str, Any]], currency: str, *, language: str, name: Name
) -> list[tuple[str, ...]]:
    """The rows that differ between two states of one schedule: number, due day, what it was and is worth."""
    return [
        (
            name(was["number"]),
            formats.short_day(date.fromisoformat(was["due_on"]), language),
            formats.money(was["amount"], currency, language),
            formats.money(now["amount"], currency, language),
        )
        for was, now in zip(before, after, strict=True)
        if was["amount"] != now["amount"]
    ]


def refunded(
    changes: list[dict[str, Any]], currency: str, *, language: str, name: Name
) -> list[tuple[str, ...]]:
    """The rows of what a refund changed: number, due day, what is cancelled and what is returned."""
    return [
        (
            name(line["number"]),
            formats.short_day(date.fromisoformat(line["due_on"]), language),
            formats.money(line["cancelled"], currency, language),
            formats.money(line["returned"], currency, language),
        )
        for line in changes
    ]


def settled(
    lines: list[dict[str, Any]], currency: str, *, language: str, name: Name
) -> list[tuple[str, ...]]:
    """The rows of what a payment or its reversal changed: number, due day, by how much, and what is owed now."""
    return [
        (
            name(line["number"]),
            formats.short_day(date.fromisoformat(line["due_on"]), language),
            formats.money(line["amount"], currency, language),
            formats.money(line["owed"], currency, language),
        )
        for line in lines
    ]


def moved(lines: list[dict[str, Any]], currency: str, *, language: str, name: Name) -> list[tuple[str, ...]]:
    """The rows of what an amendment moves: number, what is owed, the day as it was and as it is, if there is one."""
    return [
        (
            name(line["number"]),
            formats.money(line["owed"], currency, language),
            *(
                formats.short_day(date.fromisoformat(line[day]), language) if line[day] else "-"
                for day in ("old", "new")
            ),
        )
        for line in lines
    ]


def reminded(lines: list[dict[str, Any]], *, language: str) -> list[tuple[str, ...]]:
    """The rows of several installments: what for and which, due day, and what is to be paid."""
    return [
        (
            f"{line['description']} ({mark(line)})",
            formats.short_day(date.fromisoformat(line["due_on"]), language),
            formats.money(line["amount"], line["currency"], language),
        )
        for line in lines
    ]


def mark(facts: Mapping[str, Any]) -> str:
    """The unique part of a subject: mail programs group emails with the same subject."""
    reference, number = facts.get("reference"), facts.get("number")
    if not reference or "receipt" in facts:
        return ""
    return f"{reference} #{number}" if number else str(reference)


def subject_line(text: str, mark: str) -> str:
    """One line that fits a header, with the mark at its end; the text before it is shortened if need be."""
    tail = f" ({mark})" if mark else ""
    line, room = " ".join(text.split()), LONGEST_SUBJECT - len(tail)
    return (line if len(line) <= room else f"{line[: room - 1].rstrip()}…") + tail
