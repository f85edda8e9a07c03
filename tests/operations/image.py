"""`make image-test`: the image is built, and migrate, web, worker and PgBouncer of docker-compose.yml run from it.

They have the limits of docker-compose.yml, and the tests' own PostgreSQL and Redis on this machine. Where the registry
of images is out of reach, their base is made by debootstrap.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests import servers
from tests.databases import ROOT, make_roles

from .rehearse import say

BASE, PORTAL, BOUNCER = "tallystick-test-base", "tallystick-test", "tallystick-test-pgbouncer"
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# podman takes more than a process may give if they are left out.
ULIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
FLAGS = {
    "mem_limit": "--memory",
    "cpus": "--cpus",
    "pids_limit": "--pids-limit",
    "tmpfs": "--tmpfs",
    "cap_drop": "--cap-drop",
    "security_opt": "--security-opt",
    "stop_signal": "--stop-signal",
}
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
READY_SECONDS, STOP_SECONDS = 60, 30


def main() -> int:
    """0 if all of it runs, or if nothing here can build it, which is then said."""
    with tempfile.TemporaryDirectory(prefix="tallystick-image-") as name:
        try:
            engine = find_engine()
            base = make_base(engine, Path(name))
        except servers.Missing as missing:
            say(f"Skipped, nothing was built: {missing}.")
            return 0
        began = time.monotonic()
        build(engine, Path(name), PORTAL, ROOT, f"PYTHON={base or 'python:3.11-slim'}")
        say(f"The image was built in {since(began)}.")
        build(engine, Path(name), BOUNCER, ROOT / "deploy/pgbouncer", f"DEBIAN={base or 'debian:12-slim'}")
        size = int(engine_says(engine, "image", "inspect", "--format", "{{.Size}}", PORTAL))
        say(f"It has {size / 1e6:.0f} MB, those of its base among them.")
        run_all(engine, Path(name))
    say("Web, worker, migrations and PgBouncer ran from the image.")
    return 0


def find_engine() -> list[str]:
    """The command of podman or Docker, podman with a runtime that works here. Raises ``Missing`` without either."""
    if shutil.which("podman"):
        runtimes = [name for name in ("crun", "runc") if shutil.which(name)]
        return ["podman", "--cgroup-manager", "cgroupfs", *(("--runtime", runtimes[-1]) if runtimes else ())]
    if shutil.which("docker"):
        return ["docker"]
    raise servers.Missing("neither podman nor Docker is here")


def make_base(engine: list[str], folder: Path) -> str:
    """Debian with Python, if the registry is out of reach; else empty. Raises ``Missing`` if neither can be had."""
    if called(engine, "pull", "--quiet", "docker.io/library/python:3.11-slim").returncode == 0:
        return ""
    if called(engine, "image", "inspect", BASE).returncode == 0:
        return BASE
    if not shutil.which("debootstrap"):
        raise servers.Missing("no registry of images is in reach, and debootstrap is not here")
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, "bookworm", folder / "base"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with subprocess.Popen(["tar", "-c", "-C", folder / "base", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run([*engine, "import", "-", BASE], stdin=packed.stdout, check=True, capture_output=True)
    return BASE


def build(engine: list[str], folder: Path, name: str, context: Path, argument: str) -> None:
    """Build, with the certificate authorities of this machine. Fails with what was said."""
    more: list[str] = []
    if engine[0] == "podman":
        (folder / "pip.conf").write_text(f"[global]\ncert = {AUTHORITIES}\n")
        more = [
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--volume",
            f"{folder}/pip.conf:/etc/pip.conf:ro",
        ]
        more += ["--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro"] if AUTHORITIES.exists() else []
    arguments = ["--network", "host", "--build-arg", argument, "--tag", name, str(context)]
    subprocess.run([*engine, "build", "--quiet", *more, *arguments], check=True)


def run_all(engine: list[str], folder: Path) -> None:
    with servers.postgres_server() as superuser, servers.redis_server() as redis:
        make_roles(superuser, "portal")
        server, port = urlsplit(superuser), servers.free_port()
        pooler = {"POSTGRES_PORTAL_PASSWORD": "a password"}
        settings = {
            "SECRET_KEY": "of this test, and of nothing that is kept anywhere",
            "DATABASE_URL": f"postgresql://portal:a%20password@127.0.0.1:{port}/portal",
            "REDIS_URL": redis,
            "HOST": "127.0.0.1",
            "PORT": str(servers.free_port()),
        }
        owner = {
            "MIGRATION_DATABASE_URL": f"postgresql://portal_owner@{server.netloc.partition('@')[2]}/portal"
        }
        ini = (ROOT / "deploy/pgbouncer/pgbouncer.ini").read_text().replace("host=postgres", "host=127.0.0.1")
        (folder / "pgbouncer.ini").write_text(
            ini.replace("5432", str(server.port)).replace("6432", str(port))
        )
        mounted = ("--volume", f"{folder}/pgbouncer.ini:/etc/pgbouncer/pgbouncer.ini:ro")
        with running(engine, "pgbouncer", BOUNCER, pooler, *mounted):
            done = called(engine, *start("migrate", PORTAL, settings | owner, "--rm"))
            if done.returncode:
                raise RuntimeError(done.stderr)
            with running(engine, "web", PORTAL, settings), running(engine, "worker", PORTAL, settings):
                look_at(engine, f"http://127.0.0.1:{settings['PORT']}")


def start(name: str, image: str, settings: dict[str, str], *more: str) -> list[str]:
    service = SERVICES[name]
    given = ["run", "--network", "host", *ULIMITS, *more]
    given += ["--read-only"] if service.get("read_only") else []
    for key, flag in FLAGS.items():
        values = service.get(key, [])
        for value in values if isinstance(values, list) else [values]:
            given += [flag, str(value).removesuffix(":true")]
    for key, value in settings.items():
        given += ["--env", f"{key}={value}"]
    return [*given, image, *service.get("command", [])]


@contextmanager
def running(engine: list[str], name: str, image: str, settings: dict[str, str], *more: str) -> Iterator[None]:
    """A container that ends by SIGTERM within the time that Compose gives it. Fails with its log if it does not."""
    container = f"tallystick-test-{name}"
    called(engine, "rm", "--force", container)
    engine_says(engine, *start(name, image, settings, "--detach", "--name", container, *more))
    try:
        yield
        began = time.monotonic()
        engine_says(engine, "stop", "--time", str(STOP_SECONDS), container)
        code = engine_says(engine, "inspect", "--format", "{{.State.ExitCode}}", container)
        say(f"Stopped, {name} ended with {code} in {since(began)}.")
        if code != "0":
            raise RuntimeError(f"{name} ended with {code}")
    except BaseException:
        sys.stderr.write(called(engine, "logs", "--tail", "30", container).stderr)
        raise
    finally:
        called(engine, "rm", "--force", container)


def look_at(engine: list[str], address: str) -> None:
    """The image's own health check passes, people sign up, and whoever runs it is nobody who could change it."""
    web = "tallystick-test-web"
    check = json.loads(engine_says(engine, "inspect", "--format", "{{json .Config.Healthcheck.Test}}", web))
    began = time.monotonic()
    while called(engine, "exec", web, *check[1:]).returncode:
        if time.monotonic() > began + READY_SECONDS:
            raise RuntimeError("the web does not become healthy")
        time.sleep(0.5)
    say(f"The web was healthy after {since(began)}.")
    account = {
        "username": "ada",
        "email": "ada@example.com",
        "password": "a long password",
        "role": "customer",
    }
    body = json.dumps(account | {"password2": account["password"]}).encode()
    request = urllib.request.Request(
        f"{address}/api/auth/register/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    assert engine_says(engine, "exec", web, "id", "-u") == "10001"
    for refused in ("touch /app/mine", "touch /venv/mine", "touch /data/mine", "python -m pip --version"):
        assert called(engine, "exec", web, "sh", "-c", refused).returncode, refused
    running_still = engine_says(engine, "inspect", "--format", "{{.State.Running}}", "tallystick-test-worker")
    assert running_still == "true"


def called(engine: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*engine, *arguments], capture_output=True, text=True, cwd=ROOT)


def engine_says(engine: list[str], *arguments: str) -> str:
    """What it prints. Raises ``RuntimeError`` with its complaint."""
    done = called(engine, *arguments)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout.strip()


def since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
