"""Linters written in JavaScript, from ``tests/node`` as `make tools` installs them: what they say of some files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

NODE = Path(__file__).parent / "node"


def html_faults(folder: Path) -> list[dict[str, Any]]:
    """What html-validate says of the pages in a folder: of each file its path and ``messages``."""
    report = folder / "report.json"
    pages = [str(path) for path in sorted(folder.glob("*.html"))]
    said = _run("html-validate", "--config", "htmlvalidate.json", "--formatter", f"json={report}", *pages)
    assert report.exists(), said
    faults: list[dict[str, Any]] = json.loads(report.read_text())
    return faults


def openapi_faults(description: Path) -> dict[str, list[str]]:
    """What Redocly and Spectral say of a description of an API, each by its name."""
    redocly = _run("redocly", "lint", str(description), "--config", "redocly.yaml", "--format", "json")
    options = ("--ruleset", "spectral.yaml", "--format", "json", "--quiet")
    spectral = _run("spectral", "lint", str(description), *options)
    return {
        "Redocly": [
            f"{fault['ruleId']}: {fault['message']} {fault['location'][0]['pointer']}"
            for fault in json.loads(redocly)["problems"]
        ],
        "Spectral": [
            f"{fault['code']}: {fault['message']} {'/'.join(fault['path'])}" for fault in json.loads(spectral)
        ],
    }


def _run(command: str, *arguments: str) -> str:
    """What the command wrote to its output. Raises ``AssertionError`` if it is not installed."""
    program = NODE / "node_modules" / ".bin" / command
    assert program.exists(), f"{command} is missing: run `make tools`."
    quiet = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(
        [program, *arguments], cwd=NODE, env=quiet, capture_output=True, text=True, timeout=120
    )
    return done.stdout or done.stderr
