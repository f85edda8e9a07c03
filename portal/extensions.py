"""Flask's extensions and the adapters of a portal: named here, and bound in ``create_app``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, request
from flask_babel import Babel
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from htmx_flask import Htmx
from huey import Huey
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.orm import Session

from .adapters import rate_limits
from .adapters.mailer import Mailer
from .adapters.passwords import Passwords
from .adapters.payments import Gateway
from .adapters.rate_limits import Counts
from .core.networks import subscriber_of
from .database import Standby, engine_options, reads_from
from .http_compression import MaskedCSRFProtect
from .models import Base
from .presentation.emails import EmailRenderer

if TYPE_CHECKING:  # The SDK behind it is large, and read with the first shop that has a key.
    from .adapters.payments.stripe import Stripe


class Database(SQLAlchemy):
    """Flask-SQLAlchemy, whose session is one of the thread and is used as any other."""

    session: Session  # type: ignore[assignment]


class PortalSession(FlaskSession):
    """The session of a request; what it reads may come from a standby, see ``read_from_standby``."""

    def get_bind(self, *args: Any, **more: Any) -> Engine | Connection:
        return reads_from(self) or super().get_bind(*args, **more)


class ViewLimiter(Limiter):
    """Flask-Limiter for the views that are decorated; what it looks up before each request only blueprints need."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        if self.enabled:
            app.before_request_funcs[None].remove(self._check_request_limit)

    @property
    def counts(self) -> Counts:
        """Where requests are counted; the API counts its own there."""
        kept = self.storage
        assert isinstance(kept, Counts)  # noqa: S101
        return kept


db = Database(metadata=Base.metadata, session_options={"expire_on_commit": False, "class_": PortalSession})
migrate = Migrate(render_as_batch=True)
login_manager = LoginManager()
csrf = MaskedCSRFProtect()
htmx = Htmx()
babel = Babel()
limiter = ViewLimiter(lambda: subscriber_of(request.remote_addr or ""), storage_uri=rate_limits.URI)


def owner_engine() -> Engine:
    """The engine of the role that owns the tables: the portal's own unless ``MIGRATION_DATABASE_URL`` names another."""
    url = current_app.config["MIGRATION_DATABASE_URI"]
    return create_engine(url, **engine_options(url)) if url else db.engine


def now() -> datetime:
    """The clock of the faces, in UTC; everything below them is given the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Adapters:
    """What a portal works with outside of itself, as its settings chose it in ``create_app``."""

    gateway: Gateway
    stripe: Callable[[], Stripe]
    mailer: Mailer
    emails: EmailRenderer
    passwords: Passwords
    queue: Huey
    standby: Standby | None
    wake_delivery: Callable[[int], object]
    wake_settling: Callable[[], object]


def adapters() -> Adapters:
    """Those of the current portal."""
    chosen: Adapters = current_app.extensions["adapters"]
    return chosen


def read_from_standby() -> None:
    """Let the rest of this request read from the standby if there is one that has all that was committed before.

    For files and documents, which take long and change nothing; pages, and whatever decides about money, read where
    they write.
    """
    standby = adapters().standby
    if standby is not None and standby.has_caught_up(db.session):
        db.session.info["reads_from"] = standby.engine
