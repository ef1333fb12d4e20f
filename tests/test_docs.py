"""What README and docs say is what the program does."""

import html.parser
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import simcore
from simcore.cli.main import tree as command_tree
from simcore.data.collections.collection_catalog import KINDS
from simcore.lab.judgements.sets import KINDS as JUDGEMENT_KINDS
from simcore.lab.papers import reproduce
from simcore.models import registry
from simcore.models.adapter import NUMPY_SNIPPET
from simcore.types import METRICS
from tests import doc_commands
from tests.conftest import draw, draw_pairs

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {path: path.read_text("utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))}
DOCS = README + "".join(PAGES.values())
TITLES = re.findall(r'title="(\w+)"', (ROOT / "app.py").read_text("utf-8"))
BLOCKS = [block for path in doc_commands.pages() for block in doc_commands.blocks(path)]


def commands():
    """Every command of the command line, as ("evaluate", "recall") or ("search",)."""
    for name, command in command_tree().commands.items():
        if hasattr(command, "commands"):
            yield from ((name, inner) for inner in command.commands)
        else:
            yield (name,)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_is_documented(words):
    assert re.search(rf"`[^`]*\b{words[-1]}\b[^`]*`|simcore.*\b{words[-1]}\b", DOCS), words


def test_documented_commands_and_options_exist():
    """Whatever a page calls a command is one, with the options that it names."""
    wrong = []
    for line in re.findall(r"(?:`|\$ )(simcore [^`\n]+)", DOCS):
        words = line.partition("#")[0].split()[1:]
        command = command_tree()
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if default := getattr(command, "default_command", ""):
            command = command.commands[default]
        options = {option for parameter in command.params for option in parameter.opts}
        options |= {option for parameter in command.params for option in parameter.secondary_opts}
        if command is command_tree() and words and re.fullmatch("[a-z][a-z-]+", words[0]):
            wrong.append(line)
        for word in words:
            name = word.partition("=")[0].rstrip(".,)")
            if re.fullmatch("--?[a-z][a-z-]*", name) and name not in {*options, "--help"}:
                wrong.append(f"{name}: {line}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "name",
    [
        *METRICS,
        *KINDS,
        *JUDGEMENT_KINDS,
        *reproduce.PAPERS,
        *reproduce.JUDGEMENT_PAPERS,
        *registry.names("handmade"),
        "face",
    ],
)
def test_every_name_a_user_types_is_documented(name):
    assert re.search(rf"`{name}`|\[{name}\]|simcore reproduce {name}\b", DOCS), name


def test_the_numpy_snippet_is_the_one_that_tests_run():
    assert f"```python\n{NUMPY_SNIPPET}```" in DOCS


def test_every_page_is_documented_with_a_picture():
    text = PAGES[ROOT / "docs" / "pages.md"]
    assert len(TITLES) >= 13
    for title in TITLES:
        assert f"\n## {title}\n" in text
        assert f"(screenshots/{title.lower()}.png)" in text
        assert title in README
    headings = re.findall(r"^## (.+)", text, re.MULTILINE)
    assert headings == TITLES  # in the order of the menu


def test_tags_of_the_review_page_are_as_the_tutorial_names_them():
    from simcore.lab.people import review

    text = PAGES[ROOT / "docs" / "tutorials" / "annotator.md"]
    for tag in review.FACETS:
        assert tag.capitalize() in text


def test_every_public_function_is_in_the_reference():
    text = PAGES[ROOT / "docs" / "api.md"]
    listed = set(re.findall(r"::: simcore\.lab\.api\.[a-z_]+\.([a-z_]+)\n", text))
    assert listed == set(simcore.__all__)


def test_ci_runs_the_readmes_commands():
    script = (ROOT / ".ci" / "run").read_text()
    assert 'pip install -e ".[test]" && pytest' in README
    assert 'pip install --quiet -e ".[test]"' in script
    assert "python -m pytest" in script
    assert {"set -euo pipefail", "python -m mypy"} <= set(script.splitlines())


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 140


def test_the_python_of_the_readme_is_that_which_tests_run():
    """tests/lab/test_api.py runs the blocks of docs/python.md."""
    (block,) = re.findall(r"```python\n.*?```", README, re.DOTALL)
    assert block in PAGES[ROOT / "docs" / "python.md"]


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


def test_extras_are_documented():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = PAGES[ROOT / "docs" / "install.md"]
    for extra in settings["optional-dependencies"]:
        assert f"| `{extra}` |" in text


def test_links_between_documents_work():
    """Also where the files are read as they are, without the generated pages."""
    generated = {"cli.md", "changelog.md", "decisions.md", "contributing.md"}
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8")):
            name = Path(target).name
            assert name in generated or (path.parent / target).exists(), f"{path}: {target}"


def test_no_placeholder_is_left():
    assert not re.findall(r"\b(?:TODO|TBD|FIXME|[A-Z]+_TIME)\b", DOCS)


def test_pictures_are_used_and_small():
    pictures = sorted(ROOT.glob("docs/screenshots/*"))
    assert len(pictures) >= len(TITLES)
    for picture in pictures:
        assert f"screenshots/{picture.name}" in DOCS, picture.name
    files = [path for path in ROOT.glob("docs/**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in files if path.suffix != ".pyc") < 3e6


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; skipped where MkDocs is not installed."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason="the site needs `pip install -e '.[docs]'`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Addresses(html.parser.HTMLParser):
    """Links of a page, and what a browser loads with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values["id"]} if "id" in values else set()
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "src" in values:
            self.loaded.append(values["src"])
        elif tag == "link" and values.get("rel") not in {"canonical", "next", "prev"}:
            self.loaded.append(values.get("href", ""))


def test_the_site_builds_and_its_links_work(site):
    """Strict mode has no warning; each link leads to a file and an anchor of the site."""
    pages = {path: Addresses(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > len(PAGES)
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[target].ids, f"{path.name}: {link}"


def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        for address in Addresses(path.read_text("utf-8")).loaded:
            assert not re.match("(https?:)?//", address), f"{path.name} loads {address}"
    for path in (site / "stylesheets").rglob("*.css"):
        assert "http" not in path.read_text("utf-8")


def test_the_site_has_every_command_and_function(site):
    text = (site / "cli.html").read_text("utf-8")
    for words in commands():
        assert f"simcore {' '.join(words)}" in text, words
    api = (site / "api.html").read_text("utf-8")
    for name in simcore.__all__:
        assert f"{getattr(simcore, name).__module__}.{name}" in api


def test_skipped_commands_have_their_reason():
    run = [block for block in BLOCKS if not block.skip]
    assert len(run) > 25
    for block in BLOCKS:
        assert block.commands, f"{block.page}:{block.line} has no command"
        assert not block.skip or len(block.skip.split()) > 1
    assert "```bash" not in DOCS  # a fence that would not be run


@pytest.fixture
def workspace(tmp_path) -> Path:
    """The folder in which a reader tries the commands: what the pages call their own files."""
    folder = tmp_path / "reader"
    draw_pairs(folder / "folder", 40)
    (folder / "folder" / "triplets.csv").write_text(
        "query,a,b,vote\nleft/01.png,right/01.png,right/02.png,0\n"
        "left/02.png,right/05.png,right/02.png,1\n"
    )
    rows = [
        f"left/{n:02}.png,right/{n:02}.png,{'odd' if n % 2 else 'even'},{2000 + n}"
        for n in range(40)
    ]
    (folder / "folder" / "pairs.csv").write_text("\n".join(["left,right,category,year", *rows]))
    (folder / "pictures").mkdir()
    for seed in range(5):
        draw(seed).save(folder / "pictures" / f"{seed}.jpg")
    draw(3, 70, 70).save(folder / "query.jpg")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_all_commands_run_in_order_on_an_empty_cache(workspace, tmp_path, monkeypatch):
    """Needs the package index, for the weights and the emoji of the demo."""
    for block in BLOCKS:
        if not block.skip:
            began = time.monotonic()
            doc_commands.run(block.commands, workspace, tmp_path / "cache")
            print(f"{block.page}:{block.line} {time.monotonic() - began:.0f} s", flush=True)


def test_nothing_of_a_machine_is_in_the_repository():
    files = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    for file in files:
        path = ROOT / file
        if path.suffix in {".py", ".md", ".toml", ".css", ".js", ".yml"} and path != Path(__file__):
            assert "/root/" not in path.read_text("utf-8"), file
