"""Imports go down the stairs, and nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module may import from its own folder and from any folder with a lower number; never across.
FLOORS = {
    "errors": 0,
    "types": 0,
    "specs": 0,
    "data": 1,
    "sim": 1,
    "models": 2,
    "evaluate": 2,
    "learn": 3,
    "lab": 4,
    "cli": 5,
    "__main__": 5,
    "pages": 5,
}
# types raises errors; the entry point calls the commands; a job runs a command in its own process.
SPEAKING_TERMS = {
    ("types", "errors"),
    ("specs", "types"),
    ("specs", "errors"),
    ("__main__", "cli"),
}
PAGES_MAY = {"streamlit", "plotly", "pandas", "pages", "simcore"}
HEAVY = {"torch", "torchvision", "timm", "open_clip", "umap", "lancedb", "numba", "streamlit"}
MODULES = sorted(ROOT.glob("simcore/**/*.py"))
PAGES = sorted([*ROOT.glob("pages/*.py"), ROOT / "app.py"])


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    """Dotted names that a module imports; with `top_only`, those that run when it is imported."""
    tree = ast.parse(path.read_text())
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    nodes = tree.body if top_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if node in guarded:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(dotted: str) -> str | None:
    """The room that a dotted name of ours lives in."""
    first, _, rest = dotted.partition(".")
    if first == "pages":
        return "pages"
    return rest.partition(".")[0] if first == "simcore" and rest else None


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_the_stairs(path):
    room = path.relative_to(ROOT / "simcore").with_suffix("").parts[0]
    if room == "__init__":
        assert not path.read_text().strip(), "__init__ files are empty"
        return
    for name in imports(path):
        other = floor(name)
        if other is not None and other != room:
            assert FLOORS[other] < FLOORS[room] or (room, other) in SPEAKING_TERMS, (
                f"{path.name} in {room} imports {name}"
            )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_heavy_is_imported_at_import_time(path):
    if path.stem.endswith("_kernel"):
        return  # compiled: imported inside a function of the module that it belongs to
    if path.parent.name == "architectures":
        return  # torch modules: imported inside the functions that build them
    heavy = {name.partition(".")[0] for name in imports(path, top_only=True)} & HEAVY
    assert not heavy, f"{path} imports {heavy} at the top; import inside the function"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_know_only_the_door(path):
    allowed = {"lab", "types", "specs", "errors"}
    for name in imports(path):
        first = name.partition(".")[0]
        if first == "simcore":
            assert floor(name) in allowed, f"{path.name} imports {name}"
        elif first not in sys.stdlib_module_names and path.name != "serve.py":
            assert first in PAGES_MAY, f"{path.name} imports {name}"


def test_init_files_are_empty():
    assert all(not p.read_text().strip() for p in ROOT.glob("simcore/**/__init__.py"))


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from simcore.__main__ import run; run(['--help']); "
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"
    assert "evaluate" in done.stdout
