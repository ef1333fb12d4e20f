"""MkDocs hook: the pages that are made while the site is built, and are in no file.

cli.md is what Typer says about the command line. changelog.md, decisions.md and contributing.md are
files of the repository, whose links into docs/ become links of the site.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY_FILES = ("CHANGELOG.md", "DECISIONS.md", "CONTRIBUTING.md")
# Links out of docs/ that no page of the site replaces become plain text.
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and the pictures of the repository's front page."""
    pages = {"cli.md": command_line()}
    for name in REPOSITORY_FILES:
        pages[name.lower()] = repository_page((ROOT / name).read_text("utf-8"))
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for picture in ("icon.svg", "explore.png"):
        files.append(
            File.generated(config, f"assets/{picture}", abs_src_path=str(ROOT / "assets" / picture))
        )
    return files


def command_line() -> str:
    """The reference of all commands in Markdown, by Typer."""
    done = subprocess.run(
        [sys.executable, "-m", "typer", "simcore.cli.main", "utils", "docs", "--name", "simcore"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"},
    )
    if done.returncode or "## `simcore" not in done.stdout:
        raise PluginError(f"Typer printed no reference of the command line:\n{done.stderr}")
    text = done.stdout.replace("# `simcore`\n", "# Command line\n", 1)
    return text.replace("][", "]\\[")  # vote[,group][,votes] is no link


def repository_page(text: str) -> str:
    """A Markdown file of the repository's root as a page of the site.

    >>> repository_page("[a](docs/python.md#x) [b](CHANGELOG.md) [c](benchmarks/RESULTS.md)")
    '[a](python.md#x) [b](changelog.md) `benchmarks/RESULTS.md`'
    """

    def replaced(link: re.Match[str]) -> str:
        label, target = link.groups()
        if target.startswith("docs/"):
            return f"[{label}]({target.removeprefix('docs/')})"
        if target in REPOSITORY_FILES:
            return f"[{label}]({target.lower()})"
        return f"`{target}`"

    return OUTSIDE.sub(replaced, text)
