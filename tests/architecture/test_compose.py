"""What Docker Compose starts: no secret has a default, every container has limits, only migrations know the owner."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

from bin.supervise import WORKER

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
PORTAL = ("web", "worker", "migrate")
IMAGE = ROOT / "Dockerfile"
DOCKERFILES = (IMAGE, ROOT / "deploy/pgbouncer/Dockerfile")


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_limits(name: str):
    assert {"mem_limit", "cpus", "pids_limit"} <= set(SERVICES[name])


def test_no_secret_has_a_default():
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)([^}]*)\}", TEXT)
    assert {name for name, _ in secrets} >= {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert [name for name, rest in secrets if not rest.startswith(":?")] == []


def test_the_pages_name_every_secret():
    named = set(re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)", TEXT))
    for page in ("README.md", "docs/operations.md"):
        assert named <= set(re.findall(r"\w+", (ROOT / page).read_text()))


def test_only_migrations_connect_as_the_owner_of_the_tables():
    with_owner = {name for name, service in SERVICES.items() if "portal_owner" in str(service)}
    assert with_owner == {"migrate"}
    given_the_password = {name for name, service in SERVICES.items() if "OWNER_PASSWORD" in str(service)}
    assert given_the_password == {"migrate", "postgres"}


def test_redis_asks_for_a_password():
    assert "--requirepass" in SERVICES["redis"]["command"]


@pytest.mark.parametrize("name", PORTAL)
def test_the_portal_itself_can_write_nowhere_and_gain_nothing(name: str):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_worker_is_started_alike_everywhere_and_says_nothing_of_its_own():
    """Without ``-q`` Huey's own lines, which are no JSON, stand between the portal's."""
    assert "-q" in WORKER
    assert SERVICES["worker"]["command"] == ["python", "-m", *WORKER]
    assert f"python -m {' '.join(WORKER)}\n" in (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_images_run_as_a_numbered_person(dockerfile: Path):
    """A cluster that demands it can see that a number is not root; it does not look up names."""
    users = re.findall(r"^USER (.*)$", dockerfile.read_text(), re.MULTILINE)
    assert users and users[-1].isdigit() and int(users[-1]) > 0


def test_the_image_holds_dependencies_by_their_hashes_and_nothing_that_installs_more():
    first, last = IMAGE.read_text().split("\nFROM ")[1:]
    assert "--require-hashes" in first and "--only-binary :all:" in first and "--without-pip" in first
    assert "pip" not in last and "COPY --from=dependencies /venv /venv" in last


def test_the_image_says_how_it_is_asked_whether_it_is_ready():
    assert "/readyz" in re.findall(r"^HEALTHCHECK .*\n.*$", IMAGE.read_text(), re.MULTILINE)[0]
    asked = {name for name in PORTAL if "healthcheck" not in SERVICES[name]}
    assert asked == {"web"}
    assert all(SERVICES[name]["healthcheck"] == {"disable": True} for name in PORTAL if name != "web")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_digest_of_a_base_can_be_pinned(dockerfile: Path):
    (argument,) = re.findall(r"^ARG (\w+)=\S+$", dockerfile.read_text(), re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)) == {f"${{{argument}}}"}


def test_proxy_and_pooler_start_only_if_asked_for():
    optional = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert optional == {"nginx": ["nginx"], "pgbouncer": ["pgbouncer"]}
    for name in optional:
        assert SERVICES[name]["read_only"] is True
    settings = configparser.ConfigParser()
    settings.read(ROOT / "deploy/pgbouncer/pgbouncer.ini")
    assert settings["pgbouncer"]["pool_mode"] == "transaction"
    assert settings["pgbouncer"]["auth_type"] == "scram-sha-256"
