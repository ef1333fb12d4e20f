"""The package: licenses of what it brings, its metadata, and what a wheel contains."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.pages.browser.tab import running

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)


def license_of(name: str) -> str:
    """All that a distribution says about its license, the full text left out."""
    info = metadata.metadata(name)
    classifiers = [c for c in info.get_all("Classifier", []) if c.startswith("License")]
    stated = [info.get("License-Expression"), (info.get("License") or "")[:200], *classifiers]
    return " | ".join(text for text in stated if text)


def hard_dependencies() -> set[str]:
    """Everything that `pip install simcore` brings here, also through others."""
    seen: set[str] = set()
    open_names = [Requirement(text).name for text in PROJECT["dependencies"]]
    while open_names:
        name = re.sub(r"[-_.]+", "-", open_names.pop()).lower()
        if name in seen:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        seen.add(name)
        for text in required:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                open_names.append(requirement.name)
    return seen


def test_no_hard_dependency_is_copyleft():
    names = hard_dependencies()
    assert len(names) > 60
    licenses = {name: license_of(name) for name in sorted(names)}
    # LGPL libraries may be used by programs of any license; the expression does not match them.
    assert not {name: text for name, text in licenses.items() if COPYLEFT.search(text)}


def test_every_direct_dependency_states_a_license():
    for text in PROJECT["dependencies"]:
        assert license_of(Requirement(text).name), text


@pytest.mark.parametrize("text", PROJECT["dependencies"])
def test_installed_versions_satisfy_the_lower_bounds(text):
    requirement = Requirement(text)
    assert metadata.version(requirement.name) in requirement.specifier


def test_version_and_citation_agree():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {PROJECT['version']}\n" in citation
    date = re.search(r"date-released: (.+)", citation)
    assert date
    assert f"## {PROJECT['version']} ({date[1]})" in (ROOT / "CHANGELOG.md").read_text()
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


@pytest.mark.slow
def test_a_wheel_runs_outside_the_repository(tmp_path):
    """Built from the committed files, installed without the tree, and served."""
    tree, site = tmp_path / "tree", tmp_path / "site"
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(tree)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No matching distribution found for setuptools" in built.stderr:
        pytest.skip("setuptools cannot be downloaded to build a wheel")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("simcore-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        members = archive.namelist()
    pages = sorted(path.name for path in (ROOT / "pages").glob("*.py"))
    assert pages == sorted(Path(name).name for name in members if "share/simcore/pages/" in name)
    assert [name for name in members if name.endswith("components/map.js")]
    assert "simcore/py.typed" in members
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    shutil.rmtree(tree)
    environment = os.environ | {"PYTHONPATH": str(site)}
    ask = "import simcore.lab.app_files as f; print(f.__file__); print(f.root())"
    where = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [Path(line).is_relative_to(site) for line in where] == [True, True]
    with (
        running(cwd=tmp_path, env=environment) as app,
        urllib.request.urlopen(f"{app.address}/explore", timeout=30) as page,
    ):
        assert b"<title>" in page.read()
