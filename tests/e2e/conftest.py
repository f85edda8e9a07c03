"""A running portal as an operator starts it, and the browser that visits it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.conftest import Mailbox, mail_server
from tests.databases import SqliteDatabases, environment

ROOT = Path(__file__).parent.parent.parent
# The one without windows takes a quarter less CPU.
CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
START_SECONDS = 180
# A name that Chromium asks no name server for: to a browser it is another site than the portal's address.
ANOTHER_SITE = "another-site.example.com"


class Portal:
    """Web and worker under ``bin/run``, on a port and in a folder of their own, without demo data unless told."""

    def __init__(self, instance: Path, **more: str) -> None:
        self.instance = instance
        self.port = int(more.get("PORT") or servers.free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = environment(instance, PORT=str(self.port), PORTAL_URL=self.url, PORTAL_DEMO="0")
        self.environ = inherited | own | more
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return (self.instance / "said").read_text()

    def start(self) -> Portal:
        """Returns once the web answers. Raises RuntimeError with what was said if it does not."""
        with (self.instance / "said").open("w") as said:
            self.process = subprocess.Popen(
                [ROOT / "bin/run"], env=self.environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        deadline = time.monotonic() + START_SECONDS
        while self.url not in self.said:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the portal did not start: {self.said}")
            time.sleep(0.05)
        return self

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """The exit code of ``bin/run`` after the signal."""
        assert self.process
        self.process.send_signal(with_signal)
        return self.process.wait(60)

    def flask(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Runs ``flask --app wsgi ARGUMENTS`` against this portal; ``typed`` is its standard input."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        return subprocess.run(
            command, input=typed, env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=120
        )


@pytest.fixture(scope="session")
def new_instance(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Callable[[str], Path]:
    """Makes folders for portals; their databases are migrated already."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        sqlite_databases.fresh(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def portal_server(new_instance: Callable[[str], Path]) -> Iterator[Portal]:
    """One portal for all browser tests: each test signs up people of its own."""
    portal = Portal(new_instance("portal")).start()
    yield portal
    portal.stop()


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """The mail server of ``portal_with_mail``: each test writes to addresses of its own."""
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
def portal_with_mail(new_instance: Callable[[str], Path], mailbox: Mailbox) -> Iterator[Portal]:
    """One portal that sends emails and asks to confirm addresses."""
    portal = Portal(new_instance("portal-with-mail"), MAIL_URL=mailbox.url).start()
    yield portal
    portal.stop()


@pytest.fixture(scope="session")
def portal_with_standin(new_instance: Callable[[str], Path]) -> Iterator[Portal]:
    """One portal with the stand-in of the payment provider beside it."""
    standin = f"http://127.0.0.1:{servers.free_port()}"
    portal = Portal(new_instance("cards"), PORTAL_PROVIDER_STANDIN=standin).start()
    yield portal
    portal.stop()


@pytest.fixture
def new_portal(tmp_path: Path) -> Iterator[Callable[..., Portal]]:
    """Makes portals, not yet started, that a test may start, stop and break; ``new_portal(PORT="...")``."""
    made: list[Portal] = []

    def make(**more: str) -> Portal:
        folder = tmp_path / f"portal-{len(made)}"
        folder.mkdir()
        made.append(Portal(folder, **more))
        return made[-1]

    yield make
    for portal in made:
        if portal.process and portal.process.poll() is None:
            portal.stop()


@pytest.fixture(scope="session")
def base_url(portal_server: Portal) -> str:
    """So that ``page.goto("/login")`` reaches the portal."""
    return portal_server.url


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium if there; its sandbox refuses to run as root."""
    args = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    args.append(f"--host-resolver-rules=MAP {ANOTHER_SITE} 127.0.0.1")
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    found = [path for path in CHROMIUMS if path.exists()]
    system = {"executable_path": str(found[0])} if found else {}
    return browser_type_launch_args | system | {"args": args}
