"""Who may import whom, as pyproject.toml says."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    command = [program, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_layers_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_breach_is_found(tmp_path):
    """The same contracts over a copy in which a rule reaches for a table."""
    shutil.copytree(ROOT / "portal", tmp_path / "portal")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "portal/core/money.py").open("a") as money:
        money.write("\nimport portal.models\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "portal.core.money -> portal.models" in done.stdout
