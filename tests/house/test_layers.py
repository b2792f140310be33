"""The import contracts of pyproject.toml hold, and they would catch a breach."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from house import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint_imports(source: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    argv = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_every_import_contract_is_kept() -> None:
    result = lint_imports(ROOT / "src", ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("room", "line"),
    [
        pytest.param("domain", "import tocsin.web", id="up the stairs"),
        pytest.param("workers", "import tocsin.web", id="to a neighbour"),
        pytest.param("web", "import tocsin.store", id="to an adapter"),
        pytest.param("domain", "import socket", id="out of the window"),
        pytest.param("shed", "", id="a room without a place"),
    ],
)
def test_a_breach_is_caught(tmp_path: Path, room: str, line: str) -> None:
    skeleton = tmp_path / "src" / "tocsin"
    for package in (ROOT / "src" / "tocsin").iterdir():
        if (package / "__init__.py").exists():
            (skeleton / package.name).mkdir(parents=True)
            (skeleton / package.name / "__init__.py").touch()
    for module in ("__init__.py", "__main__.py", "wiring.py", "settings.py"):
        (skeleton / module).touch()
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    assert lint_imports(tmp_path / "src", tmp_path).returncode == 0

    (skeleton / room).mkdir(exist_ok=True)
    (skeleton / room / "__init__.py").write_text(line, encoding="utf-8")

    assert lint_imports(tmp_path / "src", tmp_path).returncode == 1
