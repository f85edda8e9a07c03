"""Who may import whom, as pyproject.toml says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    command = [program, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_layers_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("portal.core.money", "portal.models"),
        ("portal.queries.merchant", "portal.presentation.formats"),
        ("portal.presentation.formats", "portal.web.forms"),
        ("portal.web.merchant.settings", "portal.web.customer.plans"),
        ("portal.api.plans", "portal.models"),
        ("portal.services.offers", "flask"),
        ("portal.services.payments", "portal.models.ledger"),
    ],
)
def test_a_breach_is_found(tmp_path, module, imported):
    """The same contracts over a copy in which one module reaches too far."""
    shutil.copytree(
        ROOT / "portal", tmp_path / "portal", ignore=shutil.ignore_patterns("__pycache__", "fonts")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / f"{module.replace('.', '/')}.py").open("a") as file:
        file.write(f"\nimport {imported}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert f"{module} -> {imported}" in done.stdout
