"""Lint, format and types are part of the tests, so that one command says whether all is well."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_short():
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("simcore", "pages")
        for path in ROOT.glob(f"{folder}/**/*.py")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert not long, f"over 300 lines: {long}"
