"""What the portal writes is for its own user alone, whatever the shell's umask was; the documented backup too."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import ConfigError, load_settings
from tests import consumers
from tests.databases import environment

ROOT = Path(__file__).parent.parent.parent


def modes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder.parent)): stat.filemode(path.stat().st_mode) for path in walk(folder)}


def walk(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def readable_by_others(folder: Path) -> dict[str, str]:
    return {name: mode for name, mode in modes(folder).items() if mode[4:] != "------"}


def run(command: list[str], environ: dict[str, str], cwd: Path = ROOT) -> None:
    """Start it as a shell without any umask would."""
    inherited = {"PATH": os.environ["PATH"]}
    subprocess.run(command, env=inherited | environ, cwd=cwd, umask=0, check=True, capture_output=True)


@pytest.fixture
def instance(tmp_path):
    """The folder of a portal whose commands and worker ran: with its database, key and queue."""
    folder = tmp_path / "instance"
    environ = environment(folder) | {"SECRET_KEY": ""}
    run([sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"], environ)
    before = os.umask(0)
    try:
        with consumers.running(environ, tmp_path):
            assert consumers.until((folder / "huey.sqlite3").exists)
    finally:
        os.umask(before)
    return folder


def test_nobody_else_reads_the_database_the_key_or_the_queue(instance):
    assert {"portal.sqlite3", "secret_key", "huey.sqlite3"} <= {path.name for path in instance.iterdir()}
    assert readable_by_others(instance) == {}


def test_the_documented_backup_of_sqlite_is_private_too(instance, tmp_path):
    command = next(line for line in documented_commands() if "VACUUM INTO" in line)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    run(["sh", "-c", command], {}, cwd=tmp_path)
    (backup,) = tmp_path.glob("*.sqlite3")
    assert stat.filemode(backup.stat().st_mode) == "-rw-------"


def test_every_documented_command_that_writes_a_file_sets_the_umask():
    writing = [
        line for line in documented_commands() if "VACUUM INTO" in line or re.search(r"[^<]> ?\S", line)
    ]
    assert len(writing) >= 3
    assert [line for line in writing if not line.startswith("(umask 077 && ")] == []


def documented_commands() -> list[str]:
    """The indented lines of the operator's page, and the blocks of the README."""
    commands = re.findall(r"^    (\S.*)", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    for block in re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        commands += block.replace("\n    ", " ").splitlines()
    return commands


@pytest.mark.parametrize("key", ["a", "x" * 31, " " * 40])
def test_a_key_that_can_be_guessed_stops_the_start(tmp_path, key):
    with pytest.raises(ConfigError, match="SECRET_KEY must have at least 32 characters"):
        load_settings(environment(tmp_path) | {"SECRET_KEY": key})


def test_so_does_a_kept_key_that_was_cut_short(tmp_path):
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(ConfigError, match=r"The key in .*/secret_key must have at least 32 characters"):
        load_settings(environment(tmp_path) | {"SECRET_KEY": ""})
