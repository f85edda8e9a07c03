"""The style guide is there for developers alone."""

from __future__ import annotations

import pytest

from config import load_settings
from portal.web.words import STATES

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


def test_a_portal_in_production_has_no_style_guide(app, client):
    app.testing = False
    assert not app.config["STYLEGUIDE"]
    assert client.get("/styleguide").status_code == 404


def test_a_setting_shows_every_state_and_every_kind_of_button(app, client, environ):
    app.testing = False
    app.config["STYLEGUIDE"] = load_settings(environ | {"PORTAL_STYLEGUIDE": "1"})["STYLEGUIDE"]
    page = client.get("/styleguide").get_data(as_text=True)
    for _tint, word in STATES.values():
        assert f">{word}</span>" in page
    for kind in ("primary", "secondary", "danger", "quiet"):
        assert f"btn-{kind}" in page
