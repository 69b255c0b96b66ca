"""`make` as somebody who has just cloned the repository meets it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")


def test_make_says_what_it_can_do_and_no_more() -> None:
    said = subprocess.check_output(["make", "-C", str(ROOT), "--no-print-directory"], text=True)

    assert all(line.startswith(("make ", "    ")) for line in said.splitlines())
    assert "make demo" in said


def test_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    call = ["make", "-C", str(tmp_path), "demo", "PYTHON=python3.99"]

    done = subprocess.run(call, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "There is no python3.99 here; Python 3.11 or newer is needed." in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_environment_that_was_left_half_made_is_made_whole(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)

    call = ["make", "-C", str(tmp_path), ".venv/.made", f"PYTHON={sys.executable}"]
    subprocess.run(call, check=True)

    pip = [tmp_path / ".venv" / "bin" / "python", "-m", "pip", "--version"]
    assert subprocess.run(pip, capture_output=True, check=False).returncode == 0
