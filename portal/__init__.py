"""The portal: ``create_app`` puts its parts together and holds no logic."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .extensions import db, engine_options, migrate


def create_app(settings: dict[str, Any]) -> Flask:
    app = Flask(__name__, static_folder="../static", template_folder="../templates")
    app.config.from_mapping(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings["SQLALCHEMY_DATABASE_URI"])
    db.init_app(app)
    migrate.init_app(app, db)
    return app
