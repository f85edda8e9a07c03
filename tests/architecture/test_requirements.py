"""What is installed is pinned to the byte: every package of ``requirements*.txt`` has a version and hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(ROOT.glob("requirements*.txt"))
NAMED = r"^([a-z0-9.-]+)(?:\[[a-z0-9,-]+\])?(==[^\s;\\]+)"


def entries(text: str) -> list[str]:
    """Each package with its hashes as one line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def unpinned(text: str) -> list[str]:
    hashed = re.compile(NAMED + r"( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+$")
    return [entry for entry in entries(text) if not hashed.match(entry)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_package_has_a_version_and_hashes(path: Path):
    text = path.read_text()
    assert entries(text)
    assert unpinned(text) == []
    assert "://" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_has_what_its_source_names(path: Path):
    """Else somebody edited requirements*.in without ``make requirements``."""
    source = path.with_suffix(".in").read_text()
    named = set(re.findall(NAMED, source, re.MULTILINE))
    assert named
    assert named <= set(re.findall(NAMED, path.read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    "line",
    [
        "flask==3.1.3",
        "flask>=3 --hash=sha256:" + "0" * 64,
        "flask==3.1.3 --hash=md5:" + "0" * 32,
        "--index-url file:///packages",
        "-e .",
    ],
)
def test_a_package_without_a_hash_is_found(line: str):
    assert unpinned(line) == [line]


def test_every_installation_asks_for_the_hashes():
    commands = [
        line
        for name in ("bin/install", "Dockerfile", "Makefile", ".ci/run")
        for line in re.sub(r"\\\n", " ", (ROOT / name).read_text()).splitlines()
        if re.search(r"pip(_install|( --python \S+)? install).*-r", line)
    ]
    assert len(commands) >= 4
    assert [line for line in commands if "--require-hashes" not in line] == []
