"""Starting and stopping the portal as an operator does: what is said, what is left, what is kept."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests import servers

ROOT = Path(__file__).parent.parent.parent


def processes_of(portal) -> dict[int, str]:
    """The living processes that were started with this portal's folder in their environment, by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"PORTAL_INSTANCE={portal.instance}".encode() in environ and command:
            found[int(folder.name)] = command
    return found


def run_to_the_end(**environ: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run([ROOT / "bin/run"], env=given, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_running(new_portal, with_signal):
    portal = new_portal().start()
    running = " ".join(processes_of(portal).values())
    assert "gunicorn" in running
    assert "huey" in running
    assert portal.stop(with_signal) == 0
    assert processes_of(portal) == {}


@pytest.mark.parametrize("program", ["gunicorn", "huey"])
def test_when_one_dies_the_other_is_stopped(new_portal, program):
    portal = new_portal().start()
    os.kill(min(pid for pid, command in processes_of(portal).items() if program in command), signal.SIGKILL)
    assert portal.process.wait(60) == 1
    assert "ended by itself" in portal.said
    assert processes_of(portal) == {}


def test_demo_data_is_loaded_once_and_kept(new_portal):
    portal = new_portal(PORTAL_DEMO="1").start()
    sign_ins = [line for line in portal.said.splitlines() if "@example.com" in line]
    assert len(sign_ins) >= 3
    assert "loaded" in portal.said
    assert "Email addresses are not verified" in portal.said, "there is no mail server"
    portal.stop()
    portal.start()
    assert "there already" in portal.said
    assert [line for line in portal.said.splitlines() if "@example.com" in line] == sign_ins


@pytest.mark.parametrize(
    ("setting", "value"), [("PORT", "{}"), ("PORTAL_PROVIDER_STANDIN", "http://127.0.0.1:{}")]
)
def test_a_taken_port_is_said_in_one_line(tmp_path, setting, value):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"PORT": str(servers.free_port()), setting: value.format(port)}
        done = run_to_the_end(**settings, PORTAL_INSTANCE=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Port {port} is taken: choose another, as in {setting}=")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("SECRET_KEY", "a"),
        ("PORTAL_CURRENCY", "SHELLS"),
        ("PORTAL_TIMEZONE", "Mars/Olympus"),
        ("DATABASE_URL", "mysql://127.0.0.1/portal"),
        ("DATABASE_URL", "postgresql://portal@127.0.0.1:1/portal"),
    ],
)
def test_a_bad_setting_is_said_in_one_line(tmp_path, name, value):
    done = run_to_the_end(**{"PORTAL_INSTANCE": str(tmp_path), name: value})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
