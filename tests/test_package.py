"""The package: licenses of what it brings, its metadata, and what a wheel contains."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
