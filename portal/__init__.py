"""The portal: ``create_app`` puts its parts together and holds no logic."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from apiflask import APIFlask
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import (
    api,
    cli,
    guards,
    http_bodies,
    http_compression,
    http_errors,
    http_headers,
    http_hosts,
    http_metrics,
    http_origins,
    logs,
)
from .adapters.mailer import LoggingMailer, SmtpMailer
from .adapters.passwords import Passwords
from .adapters.payments import ByAccount
from .adapters.payments.simulator import Simulator
from .adapters.signing import derived_key
from .api import limits
from .database import Standby, engine_options
from .extensions import Adapters, babel, csrf, db, htmx, limiter, login_manager, migrate
from .presentation.emails import EmailRenderer
from .tasks import jobs, queue
from .web import languages, rendering, static_files
from .web.account import (
    addresses,
    auth,
    confirmation,
    emails,
    invitations,
    joining,
    passkey_steps,
    passkeys,
    personal_data,
    second_factor,
    second_step,
    security,
    shops,
    verification,
)
from .web.admin import pages as admin
from .web.admin import shops as admin_shops
from .web.customer import autopay, calendar
from .web.customer import pages as payment_pages
from .web.customer import plans as customer
from .web.merchant import (
    builder,
    dashboard,
    exports,
    imports,
    journal,
    open_payments,
    payments,
    plan_templates,
    plans,
    provider,
    refunds,
    reversals,
    team,
    write_offs,
)
from .web.shared import (
    about,
    agreements,
    amendments,
    documents,
    health,
    landing,
    metrics,
    security_txt,
    site_files,
    webhooks,
    what_if,
)
from .web.words import LanguageEnvironment

if TYPE_CHECKING:  # The SDK behind it is large, and read with the first shop that has a key.
    from .adapters.payments.stripe import Stripe

# The pages by audience; each module has its blueprint as ``bp``.
BLUEPRINTS = (
    landing,
    about,
    languages,
    health,
    auth,
    emails,
    confirmation,
    second_factor,
    second_step,
    passkeys,
    passkey_steps,
    personal_data,
    security,
    shops,
    verification,
    addresses,
    invitations,
    joining,
    team,
    customer,
    payment_pages,
    webhooks,
    provider,
    open_payments,
    autopay,
    calendar,
    dashboard,
    builder,
    plan_templates,
    plans,
    payments,
    refunds,
    reversals,
    write_offs,
    exports,
    imports,
    journal,
    agreements,
    amendments,
    what_if,
    documents,
    security_txt,
    site_files,
    metrics,
    admin,
    admin_shops,
)


class Portal(APIFlask):
    """A Flask application whose templates are drawn in the reader's language."""

    jinja_environment = LanguageEnvironment


def create_app(settings: dict[str, Any]) -> Flask:
    """The portal with these settings, as ``config.load_settings`` gives them."""
    app = Portal(
        __name__,
        title="Tallystick",
        version="1",
        spec_path=None,
        docs_path=None,
        json_errors=False,
        static_folder="../static",
        template_folder="../templates",
    )
    app.config.from_mapping(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings["SQLALCHEMY_DATABASE_URI"])
    logs.start()
    if proxies := settings["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    # In this order: all is measured, compression is the last to see an answer, a rejected request has an id too.
    for module in (http_metrics, http_compression, http_headers, http_hosts, http_origins):
        module.init_app(app)
    for extension in (db, csrf, htmx, limiter, login_manager):
        extension.init_app(app)
    # After htmx, which sets a request class of its own.
    http_bodies.init_app(app)
    babel.init_app(app, locale_selector=languages.select)
    migrate.init_app(app, db)
    app.extensions["adapters"] = _adapters(app)
    limits.init_app(app)
    guards.init_app(app)
    rendering.init_app(app)
    static_files.init_app(app)
    http_errors.init_app(app)
    for module in BLUEPRINTS:
        app.register_blueprint(module.bp)
    api.init_app(app)
    for command in cli.COMMANDS:
        app.cli.add_command(command)
    return app


def _adapters(app: Flask) -> Adapters:
    """Chosen by the settings; the worker is woken after a commit."""
    mail_url = app.config["MAIL_URL"]
    key = derived_key(app.config["SECRET_KEY"], "jobs")
    huey = queue.make_huey(app.config["REDIS_URL"], app.config["INSTANCE"], key)
    wake_delivery, wake_settling = jobs.register(huey, app)

    @cache
    def stripe() -> Stripe:
        from .adapters.payments.stripe import Stripe

        secrets = [app.config["SECRET_KEY"], *app.config["SECRET_KEY_FALLBACKS"]]
        return Stripe(secrets, app.config["PORTAL_URL"], app.config["PROVIDER_STANDIN"])

    return Adapters(
        gateway=ByAccount(Simulator(), stripe),
        stripe=stripe,
        mailer=SmtpMailer(mail_url) if mail_url else LoggingMailer(),
        emails=EmailRenderer(
            app.config["PORTAL_URL"], app.config["SECRET_KEY"], verify=app.config["VERIFY_EMAIL"]
        ),
        passwords=Passwords(cheap=app.config["CHEAP_PASSWORDS"]),
        queue=huey,
        standby=Standby(url) if (url := app.config["READ_DATABASE_URI"]) else None,
        wake_delivery=wake_delivery,
        wake_settling=wake_settling,
    )
