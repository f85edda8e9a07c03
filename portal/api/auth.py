"""Accounts over the API: signing up, tokens, and who one is; tokens are given for passwords and for nothing else."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import Field

from portal.adapters import link_tokens
from portal.core import passwords
from portal.core.accounts import CODE_LONGEST, EMAIL_LONGEST, NAME_LONGEST
from portal.core.calendar import is_time_zone
from portal.core.errors import N_, InvalidInput
from portal.core.links import Purpose
from portal.core.money import EXPONENTS
from portal.core.roles import Role
from portal.core.sessions import API_LASTS
from portal.core.text import clean_line
from portal.extensions import adapters, db, now
from portal.guards import find_session
from portal.queries.team import shops_of
from portal.services import accounts, verification
from portal.services.sign_in import SecondFactorNeeded, sign_in, sign_in_with_code
from portal.services.transaction import unit_of_work

from . import answers, examples, tokens
from .describing import documented
from .guards import actor, origin, public, signed_in, unauthorized
from .schemas import Body, Email, refuse, text, validated_by
from .tokens import Kind

bp = APIBlueprint("api_auth", __name__, url_prefix="/api", tag="Accounts")


def _zone(name: str) -> str:
    if not is_time_zone(name):
        raise InvalidInput.at("timezone", N_("Name a zone of the IANA list, such as Europe/Paris."))
    return name


class Register(Body):
    placeholders: ClassVar[dict[str, Any]] = {
        "username": "",
        "email": "",
        "password": "",
        "password2": "",
        "role": "customer",
    }

    username: text(EMAIL_LONGEST) = Field(
        description="Letters of one script, digits and . _ + -, or the email address itself."
    )
    email: Email
    password: text(passwords.LONGEST, minLength=passwords.SHORTEST)
    password2: text(passwords.LONGEST) = Field(description="The password again.")
    role: Literal["merchant", "customer"]
    name: text(NAME_LONGEST) = Field(
        None, description="Of the shop or the person; else the words of the username."
    )
    currency: Literal[tuple(EXPONENTS)] = Field(None, description="A merchant's own, for ever.")
    timezone: Annotated[text(64), validated_by(_zone)] = Field(
        None, description="A merchant's own, of the IANA list."
    )

    def checked(self) -> accounts.NewAccount:
        """What is signed up with; what was left out is as the portal's settings say. Raises ``InvalidInput``."""
        new = accounts.NewAccount(
            Role(self.role),
            self._words_of_username() if self.name is None else self.name,
            self.email,
            self.username,
            self.password,
            self.password2,
            self.currency or current_app.config["PORTAL_CURRENCY"],
            self.timezone or current_app.config["PORTAL_TIMEZONE"],
        )
        try:
            return accounts.check_account(new)
        except InvalidInput as invalid:
            if self.name is None and len(invalid.errors) > 1:
                # The name defaults to the username, whose error is already reported.
                invalid.errors.pop("name", None)
            raise

    def _words_of_username(self) -> str:
        """A name, for programs that send none: neither an address nor what an email program makes a link of."""
        return self.username.partition("@")[0].replace(".", " ")[:NAME_LONGEST]


@bp.post("/auth/register/")
@documented(bp, answers.NewAccount, status=201, instead=examples.NO_ADDRESS)
@bp.input(Register, example=examples.REGISTER)
@public
def register(json_data: Register) -> ResponseReturnValue:
    """Sign up"""
    if json_data.faults:
        refuse(json_data.faults, json_data.checked)
    new = json_data.checked()
    # Hashing takes a while, and no transaction waits for it.
    db.session.rollback()
    hashed = adapters().passwords.hash(new.password)
    with unit_of_work(db.session):
        verify = current_app.config["VERIFY_EMAIL"]
        user_id = accounts.sign_up(db.session, new, hashed, now(), verify=verify)
        if verify:
            verification.send(db.session, user_id, new.email, now())
    return {"id": str(user_id), "username": new.username, "email": new.email, "role": new.role}, 201


class VerifyEmail(Body):
    token: text(400, minLength=1) = Field(description="What follows /verify/ in the link of the email.")


@bp.post("/auth/verify-email/")
@documented(
    bp,
    answers.Account,
    {"email_verified": True},
    refusals=(404,),
    instead=examples.LINK_SPENT | examples.NO_LINK,
)
@bp.input(VerifyEmail, example=examples.VERIFY_EMAIL)
@signed_in
def verify_email(json_data: VerifyEmail) -> ResponseReturnValue:
    """Verify your address by the link that was sent to it"""
    link_id = link_tokens.read(current_app.config["SECRET_KEY"], Purpose.VERIFY_EMAIL, json_data.token)
    with unit_of_work(db.session):
        verification.confirm(db.session, link_id, actor().id, now())
    return _account() | {"email_verified": True}


@bp.post("/auth/verify-email/resend/")
@documented(bp, answers.Account)
@signed_in
def resend_verification() -> ResponseReturnValue:
    """Send the link that verifies your address again, once a minute at most"""
    if current_app.config["VERIFY_EMAIL"]:
        with unit_of_work(db.session):
            verification.send_again(db.session, actor(), now())
    return _account()


def _shop_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidInput.at("merchant", N_("Send the id of a shop, as /api/auth/me/ gives it.")) from None


CODE_MISSING = N_("This account signs in with two factors. Send the code of its app, or a recovery code.")
NO_APP = N_(
    "This account signs in with passkeys, which programs cannot use. Send a recovery code, or set up an "
    "authenticator app on the account's page and send its code."
)


class SignIn(Body):
    username: text(EMAIL_LONGEST, minLength=1) = Field(description="The username or the email address.")
    password: text(passwords.LONGEST)
    otp: text(CODE_LONGEST) = Field(
        None, description="With two-factor sign-in: the code of the app, or a recovery code."
    )
    merchant: Annotated[text(36), validated_by(_shop_id)] = Field(
        None,
        description="A member of several shops: the id of the one to act for. Without it the one that you own, or "
        "else the one that you joined first.",
    )


@bp.post("/token/")
@documented(
    bp,
    answers.Tokens,
    instead=examples.NO_SUCH_PAIR | examples.NO_PASSWORD | examples.TOO_OFTEN,
)
@bp.input(SignIn, example=examples.SIGN_IN)
@public
def token(json_data: SignIn) -> ResponseReturnValue:
    """Sign in: a password for two tokens"""
    code = clean_line(json_data.otp or "", "otp", longest=CODE_LONGEST, required=False)
    shop_id = UUID(json_data.merchant) if json_data.merchant else None
    try:
        opened = sign_in(
            db.session,
            adapters().passwords,
            json_data.username,
            json_data.password,
            origin(),
            now(),
            lasts=API_LASTS,
            shop_id=shop_id,
            by_program=True,
        )
    except InvalidInput as invalid:
        if "merchant" in invalid.errors:
            raise
        (refusal,) = invalid.errors.values()
        raise InvalidInput({"username": refusal}) from None
    except SecondFactorNeeded as needed:
        opened = _with_code(needed, code, shop_id)
    found = find_session(opened) if opened else None
    if found is None:
        raise unauthorized(_("Wrong email or password."))
    return {kind.value: tokens.issue(found.actor.id, found.id, kind) for kind in Kind}


def _with_code(needed: SecondFactorNeeded, code: str, shop_id: UUID | None) -> UUID | None:
    """A session for who also has the code. Raises ``InvalidInput`` at ``otp``."""
    if not code:
        raise InvalidInput.at("otp", CODE_MISSING if needed.has_app else NO_APP)
    secret_key = current_app.config["SECRET_KEY"]
    about = needed.found, code, origin(), now()
    return sign_in_with_code(db.session, secret_key, *about, lasts=API_LASTS, shop_id=shop_id)


class Renew(Body):
    refresh: text(2000)


@bp.post("/token/refresh/")
@documented(bp, answers.Access, instead=examples.NO_REFRESH | examples.NO_TOKEN)
@bp.input(Renew, example=examples.REFRESH)
@public
def refresh(json_data: Renew) -> ResponseReturnValue:
    """A new access token"""
    ids = tokens.read(json_data.refresh, Kind.REFRESH)
    found = find_session(ids[1]) if ids else None
    if found is None:
        raise unauthorized(_("This is not a valid refresh token. Sign in again."))
    return {"access": tokens.issue(found.actor.id, found.id, Kind.ACCESS)}


@bp.get("/auth/me/")
@documented(bp, answers.Account)
@signed_in
def me() -> ResponseReturnValue:
    """Who you are"""
    return _account()


def _account() -> dict[str, Any]:
    return answers.account(actor(), shops_of(db.session, actor().id))
