"""Accounts on the web: signing up, in and out, a forgotten password, one's own account."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import RadioField, SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import AnyOf

from portal.adapters import reset_tokens
from portal.adapters.payments.simulator import TestCard
from portal.core.accounts import EMAIL_LONGEST, NAME_LONGEST
from portal.core.languages import LANGUAGES
from portal.core.passwords import check_password
from portal.core.roles import Actor, Role
from portal.core.sessions import PAGES_LAST
from portal.extensions import db, limiter, now
from portal.presentation.i18n import language
from portal.queries.accounts import find_actor, get_choices, session_version
from portal.services import accounts, sessions, verification
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.account.confirmation import has_password
from portal.web.account.emails import EmailsForm
from portal.web.fields import EmailField, PasswordField, TextField, ZoneField
from portal.web.forms import PageForm, currency_choices
from portal.web.guards import (
    actor,
    home_url,
    local_path,
    origin,
    public,
    session_id,
    sign_out,
    signed_in,
    start_session,
)
from portal.web.languages import remember
from portal.web.rendering import done

from . import challenges, known_browser, second_step
from .passwords import authenticate, hashed

bp = Blueprint("auth", __name__)

OPEN_TO_ALL = "120 per minute"
SIGN_INS = "300 per minute"
LANGUAGE_CHOICES = [SelectChoice(code, name) for code, name in LANGUAGES.items()]


class SignUpForm(PageForm):
    role = RadioField(
        _l("What is the account for?"),
        choices=[SelectChoice(Role.MERCHANT, _l("Merchant")), SelectChoice(Role.CUSTOMER, _l("Customer"))],
        validators=[AnyOf([Role.MERCHANT, Role.CUSTOMER], message=_l("Choose merchant or customer."))],
        validate_choice=False,
    )
    name = TextField(_l("Name"), longest=NAME_LONGEST)
    email = EmailField(_l("Email"))
    password = PasswordField(_l("Password"))
    password2 = PasswordField(_l("Password again"))
    currency = SelectField(_l("Currency"), validate_choice=False, default="")
    timezone = ZoneField(_l("Time zone"))

    def account(self) -> accounts.NewAccount:
        """What was typed. Without a role it is taken for a customer's, so that every other fault is named too."""
        role = Role.MERCHANT if self.role.data == Role.MERCHANT else Role.CUSTOMER
        return accounts.NewAccount(
            role,
            self.name.data,
            self.email.data,
            self.email.data,
            self.password.data,
            self.password2.data,
            self.currency.data,
            self.timezone.data,
            language(),
        )


@bp.route("/signup", methods=["GET", "POST"])
@public
@limiter.limit(OPEN_TO_ALL, methods=["POST"])
def signup() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(home_url(current_user.actor), 303)
    defaults = {
        "currency": current_app.config["PORTAL_CURRENCY"],
        "timezone": current_app.config["PORTAL_TIMEZONE"],
    }
    form = SignUpForm(role=request.args.get("role"), **defaults)
    form.currency.choices = currency_choices()
    if form.is_submitted():
        form.validate()
        with form.collecting():
            new = accounts.check_account(form.account())
            if not form.errors:
                return _open_account(new)
    return render_template("auth/signup.html", form=form), 422 if form.errors else 200


def _open_account(new: accounts.NewAccount) -> ResponseReturnValue:
    password_hash = hashed(new.password)
    if current_app.config["VERIFY_EMAIL"]:
        with unit_of_work(db.session):
            verification.request_account(db.session, new, password_hash, now())
        return redirect(url_for("verification.sent"), 303)
    with unit_of_work(db.session):
        user_id = accounts.sign_up(db.session, new, password_hash, now())
        version = session_version(db.session, user_id)
        opened = sessions.open_session(db.session, user_id, version, origin(), now(), PAGES_LAST)
    person = start_session(opened)
    welcome = _("Welcome, %(name)s. Your account is ready.", name=person.name)
    return known_browser.remember(done(home_url(person), welcome), person.id)


class SignInForm(PageForm):
    email = TextField(_l("Email or username"), longest=EMAIL_LONGEST)
    password = PasswordField(_l("Password"))


@bp.route("/login", methods=["GET", "POST"])
@public
@limiter.limit(SIGN_INS, methods=["POST"])
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(home_url(current_user.actor), 303)
    form, target = SignInForm(), local_path(request.args.get("next"))
    if form.validate_on_submit():
        with form.collecting():
            found = authenticate(form.email.data, form.password.data)
            answer = second_step.after_password(found, target) if found else None
            if answer:
                return answer
            form.form_errors = [_("Wrong email or password.")]
    return sign_in_page(form, target)


def sign_in_page(
    form: SignInForm, target: str | None, passkey: challenges.PasskeyForm | None = None
) -> ResponseReturnValue:
    """The page that asks for name and password or, as a form of its own, a ``passkey``."""
    return challenges.page("auth/login.html", form, passkey, target=target, draft=form_drafts.exists())


@bp.post("/logout")
@signed_in
def logout() -> ResponseReturnValue:
    sign_out()
    # From the page of another account; signing in leads there.
    target = local_path(request.form.get("next"))
    return done(url_for("auth.login", next=target), _("You are signed out."))


class ForgotForm(PageForm):
    email = EmailField(_l("Email"))


@bp.route("/forgot", methods=["GET", "POST"])
@public
@limiter.limit(OPEN_TO_ALL, methods=["POST"])
def forgot() -> ResponseReturnValue:
    form = ForgotForm()
    if form.validate_on_submit():
        with form.collecting():
            with unit_of_work(db.session):
                accounts.request_reset(db.session, form.email.data, origin(), now())
            return done(
                url_for("auth.forgot"),
                _("If an account exists for that address, we have sent it a link."),
            )
    return render_template("auth/forgot.html", form=form), 422 if form.errors else 200


class NewPasswordForm(PageForm):
    password = PasswordField(_l("New password"))
    password2 = PasswordField(_l("New password again"))

    def check(self, person: Actor) -> None:
        """Raise errors for a new password of this person."""
        self.validate()
        with self.collecting():
            check_password(
                self.password.data,
                self.password2.data,
                name=person.name,
                email=person.email,
                username=person.username,
            )


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> ResponseReturnValue:
    read = reset_tokens.read(current_app.config["SECRET_KEY"], token)
    person = find_actor(db.session, *read) if read else None
    if person is None:
        return render_template("auth/reset_spent.html"), 410
    form = NewPasswordForm()
    if form.is_submitted():
        form.check(person)
        if not form.errors:
            password_hash = hashed(form.password.data)
            with unit_of_work(db.session):
                accounts.reset_password(
                    db.session,
                    person.id,
                    person.session_version,
                    password_hash,
                    origin(),
                    now(),
                    verify=current_app.config["VERIFY_EMAIL"],
                )
            return done(url_for("auth.login"), _("Your new password is set. Sign in with it."))
    return render_template("auth/reset.html", form=form, email=person.email), 422 if form.errors else 200


class ProfileForm(PageForm):
    name = TextField(_l("Your name"), longest=NAME_LONGEST)
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES, validate_choice=False)
    test_card = RadioField(
        _l("Test card"),
        choices=[
            SelectChoice(TestCard.SUCCEEDS, _l("Succeeds")),
            SelectChoice(TestCard.DECLINED, _l("Declined")),
            SelectChoice(TestCard.INSUFFICIENT_FUNDS, _l("Insufficient funds")),
            SelectChoice(TestCard.UNUSABLE, _l("No longer valid")),
            SelectChoice(TestCard.NEEDS_CUSTOMER, _l("Needs a confirmation")),
            SelectChoice(TestCard.TIMES_OUT, _l("Times out")),
        ],
        validate_choice=False,
    )


class PasswordForm(NewPasswordForm):
    current_password = PasswordField(_l("Current password"))


@bp.route("/account", methods=["GET", "POST"])
@signed_in
@form_drafts.preserve("name", "language", "test_card")
def account() -> ResponseReturnValue:
    person = actor()
    form, emails = _stored(person, form_drafts.restore())
    if form.validate_on_submit():
        with form.collecting():
            with unit_of_work(db.session):
                accounts.change_profile(
                    db.session, person, form.name.data, form.language.data, form.test_card.data, now()
                )
            with force_locale(form.language.data):
                saved = done(url_for("auth.account"), _("Your account is saved."))
            return remember(saved, form.language.data)
    return _account_page(form, emails, PasswordForm(formdata={}))


@bp.post("/account/password")
@signed_in
def password() -> ResponseReturnValue:
    person, form = actor(), PasswordForm()
    form.check(person)
    if not form.current_password.errors and not has_password(form.current_password.data):
        form.current_password.errors = [_("This is not your current password.")]
    if form.errors:
        return _account_page(*_stored(person, {}), form)
    password_hash = hashed(form.password.data)
    with unit_of_work(db.session):
        accounts.change_password(db.session, person.id, password_hash, now(), keep=session_id())
    text = _("Your password is changed. You are signed out everywhere else.")
    return done(url_for("auth.account"), text)


def _stored(person: Actor, formdata: Mapping[str, str] | None = None) -> tuple[ProfileForm, EmailsForm]:
    """The account as it is stored; a field that is not sent keeps what it has."""
    choices = get_choices(db.session, person.id)
    given = {"name": person.name, "language": person.language, "test_card": choices.test_card}
    emails = EmailsForm({})
    emails.early_reminders.data = choices.early_reminders
    return ProfileForm(formdata, **given), emails


def _account_page(
    profile: ProfileForm, emails: EmailsForm, new_password: PasswordForm
) -> ResponseReturnValue:
    page = render_template("auth/account.html", profile=profile, new_password=new_password, emails=emails)
    return page, 422 if profile.errors or new_password.errors else 200
