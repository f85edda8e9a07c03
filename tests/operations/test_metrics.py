"""``/metrics``: who may read it, that all processes are counted, and that rules and dashboard name what is there."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed

from config import ConfigError, load_settings
from portal import create_app
from portal.extensions import now
from tests import factories
from tests.concurrency import web

DEPLOY = Path(__file__).parent.parent.parent / "deploy/metrics"
TOKEN = "a token of the tests that is long enough"


def samples(text: str) -> dict[tuple[str, str], float]:
    """Each sample by its name and, if it has one, its endpoint or job; those of several statuses are added up."""
    found: dict[tuple[str, str], float] = {}
    for family in parsed(text):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("endpoint") or sample.labels.get("job") or "")
            found[key] = found.get(key, 0) + sample.value
    return found


def test_it_counts_requests_and_says_what_waits(client, session, app):
    before = samples(client.get("/metrics").text).get(("portal_requests_total", "health.healthz"), 0)
    client.get("/healthz")
    shop, ada = factories.make_merchant(session, now=now()), factories.make_customer(session, now=now())
    factories.choose_card(session, ada, "times_out")
    plan_id = factories.accepted_plan(session, shop, ada, now=now() - timedelta(hours=1), first=now().date())
    factories.pay(session, ada, plan_id, now=now() - timedelta(minutes=50))
    session.rollback()
    after = samples(client.get("/metrics").text)
    assert after["portal_requests_total", "health.healthz"] == before + 1
    assert after["portal_database_up", ""] == 1
    assert after["portal_emails_queued", ""] > 0
    assert after["portal_payments_processing", ""] == 1
    assert 2900 < after["portal_oldest_payment_seconds", ""] < 3100
    assert ("portal_self_check_broken", "") not in after
    assert app.test_cli_runner().invoke(args=["self-check"]).exit_code == 0
    assert samples(client.get("/metrics").text)["portal_self_check_broken", ""] == 0


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_only_this_machine_or_who_has_the_token_reads_it(client, environ):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404
    assert client.get("/metrics", headers={"Host": "10.0.0.3:8000"}).status_code == 200
    settings = load_settings(environ | {"PORTAL_METRICS_TOKEN": TOKEN})
    guarded = create_app(settings | {"TESTING": True}).test_client()
    given = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/metrics").status_code == 404
    assert guarded.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 404
    assert (
        guarded.get("/metrics", headers=given, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200
    )
    with pytest.raises(ConfigError, match="PORTAL_METRICS_TOKEN must have at least 32"):
        load_settings(environ | {"PORTAL_METRICS_TOKEN": "short"})


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_all_processes_are_counted_and_every_rule_and_panel_names_what_is_there(environ, app, tmp_path):
    app.test_cli_runner().invoke(args=["self-check"])
    with web.running(environ | {"WEB_CONCURRENCY": "2"}, tmp_path) as served:
        address = f"http://127.0.0.1:{served.port}"
        for _ in range(20):
            urllib.request.urlopen(f"{address}/healthz").close()
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            text = answer.read().decode()
    assert samples(text)["portal_requests_total", "health.healthz"] == 20
    shown = {name for name, _ in samples(text)} | {"portal_database_errors_total"}
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
    used = [rule["expr"] for rule in rules] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]
    assert {name for text in used for name in re.findall(r"portal_\w+", text)} <= shown
    assert all({"alert", "labels", "annotations"} <= set(rule) for rule in rules)
