"""What README and docs say is what the program does."""

import re
import tomllib
from pathlib import Path

import pytest

from simcore.cli.main import app as command_line
from simcore.data.collections.collection_catalog import KINDS
from simcore.models import registry
from simcore.models.adapter import NUMPY_SNIPPET
from simcore.types import METRICS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = README + "".join(path.read_text() for path in sorted(ROOT.glob("docs/*.md")))


def commands():
    """Every command of the command line, as ("evaluate", "recall") or ("search",)."""
    import typer

    tree = typer.main.get_command(command_line)
    for name, command in tree.commands.items():
        if hasattr(command, "commands"):
            yield from ((name, inner) for inner in command.commands)
        else:
            yield (name,)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_is_documented(words):
    assert re.search(rf"`[^`]*\b{words[-1]}\b[^`]*`|simcore.*\b{words[-1]}\b", DOCS), words


@pytest.mark.parametrize("name", [*METRICS, *KINDS, *registry.names("handmade"), "face"])
def test_every_name_a_user_types_is_documented(name):
    assert f"`{name}`" in DOCS


def test_the_numpy_snippet_is_the_one_that_tests_run():
    assert f"```python\n{NUMPY_SNIPPET}```" in DOCS


def test_every_page_is_in_the_readme():
    titles = re.findall(r'title="(\w+)"', (ROOT / "app.py").read_text())
    assert len(titles) >= 7
    for title in titles:
        assert title in README


def test_ci_runs_the_readmes_commands():
    script = (ROOT / ".ci" / "run").read_text()
    assert 'pip install -e ".[test]" && pytest' in README
    assert 'pip install --quiet -e ".[test]"' in script
    assert "python -m pytest" in script


def test_the_documented_backbone_works(tmp_path, monkeypatch):
    import numpy as np

    from simcore.models import forward

    blocks = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (code,) = (block for block in blocks if "@backbone" in block)
    assert len(code.strip().splitlines()) < 15
    scope: dict = {}
    exec(code, scope)
    try:
        spec = registry.get("mean-color")
        picture = np.full((50, 40, 3), (255, 0, 51), np.uint8)
        (row,) = forward.embed_images([picture], spec, "cpu", "fp32")
        np.testing.assert_allclose(row, [[1, 0, 0.2]], atol=1e-6)
    finally:
        registry.forget("mean-color")


def test_every_dependency_has_its_reason():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "DECISIONS.md").read_text().lower()
    extras = settings["optional-dependencies"].values()
    asked = [*settings["dependencies"], *(name for extra in extras for name in extra)]
    for requirement in asked:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower()
        assert name in reasons, f"DECISIONS.md says nothing about {name}"


def test_links_between_documents_work():
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_nothing_of_a_machine_is_in_the_repository():
    import subprocess

    files = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    for file in files:
        path = ROOT / file
        if path.suffix in {".py", ".md", ".toml", ".css", ".js"} and path != Path(__file__):
            assert "/root/" not in path.read_text(), file
