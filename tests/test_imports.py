"""Imports point downwards, never in a circle, and load nothing heavy before it is needed."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A module imports from its own layer's package or from lower layers.
LAYERS = [
    {"errors", "types", "recipe", "results", "csv_text", "latex_text", "memory"},
    {"data", "sim"},
    {"models", "evaluate"},
    {"training"},
    {"lab"},
    {"cli", "ui"},
    {"pages", "__main__"},
    {"app"},
    {"benchmarks"},
]
CORE = LAYERS[0]
STARTS_THE_APP = ("simcore.cli.serve", "simcore.ui.server")  # the one step between interfaces
# Within lab, a folder imports from those before it.
LAB = [
    *(
        "app_files",
        "permissions",
        "log_files",
        "recipes",
        "stored_recipes",
        "printed_values",
        "printed_annex",
        "html_document",
        "error_log",
    ),
    *("jobs", "work_estimates", "library", "evaluate", "search", "judgements", "people"),
    *("learning", "papers"),
    *("claims", "leaderboard", "invariance", "demo", "doctor", "api"),
]
HEAVY = {
    *("torch", "torchvision", "timm", "open_clip", "umap", "lancedb", "numba", "sqlalchemy", "ray"),
    "streamlit",
}


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of everything but the tests."""
    paths = [*ROOT.glob("simcore/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]
    paths += ROOT.glob("benchmarks/*.py")
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in paths}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(nodes: list[ast.stmt] | ast.Module) -> set[str]:
    """Dotted names that are imported: "a.b" for `import a.b` and for `from a import b`."""
    names: set[str] = set()
    for node in ast.walk(nodes) if isinstance(nodes, ast.Module) else nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def graph() -> dict[str, set[str]]:
    """Module -> our modules that it imports, lazily or not."""
    ours = modules()
    edges = {}
    for name, path in ours.items():
        wanted = {
            module
            for target in imported(tree(path))
            for module in (target, target.rpartition(".")[0])
            if module in ours and ours[module].name != "__init__.py"
        }
        edges[name] = wanted - {name}
    return edges


def package(module: str) -> str:
    """The name by which `LAYERS` knows a module."""
    first, *rest = module.split(".")
    return rest[0] if first == "simcore" and rest else first


def layer(name: str) -> int:
    return next(number for number, packages in enumerate(LAYERS) if name in packages)


def test_imports_point_downwards():
    wrong = []
    for module, targets in graph().items():
        if module == "simcore":
            continue  # the public API may name anything, and imports nothing when it is loaded
        for target in targets:
            above, below = package(module), package(target)
            down = layer(below) < layer(above) or above == below or {above, below} <= CORE
            if above in {"cli", "ui", "pages"}:
                down = down and below in {"lab", "ui", *CORE, above}
            if above == below == "lab":
                order = [LAB.index(name.split(".")[2]) for name in (module, target)]
                down = order[1] <= order[0]
            if above == below == "ui" and target.count(".") == 3:
                down = module.split(".")[:3] == target.split(".")[:3]
            if above == "pages" and below == "ui" and target.count(".") == 3:
                down = target.split(".")[2] == module.split(".")[1]
            if not down and (module, target) != STARTS_THE_APP:
                wrong.append(f"{module} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_import_each_other():
    """Also through others, and inside functions."""
    edges, done, path = graph(), set[str](), list[str]()
    circles = []

    def visit(module: str) -> None:
        if module in path:
            circles.append(" -> ".join([*path[path.index(module) :], module]))
            return
        if module in done:
            return
        path.append(module)
        for target in sorted(edges[module]):
            visit(target)
        path.pop()
        done.add(module)

    for module in sorted(edges):
        visit(module)
    assert not circles, "\n".join(circles)


def test_streamlit_stays_in_the_interface():
    wrong = [
        module
        for module, path in modules().items()
        if package(module) not in {"ui", "pages", "app", "benchmarks"}
        and any(name.partition(".")[0] == "streamlit" for name in imported(tree(path)))
    ]
    assert not wrong


def test_nothing_heavy_is_imported_before_it_is_needed():
    wrong = []
    for module, path in modules().items():
        # Compiled kernels, torch modules and tables are imported inside functions themselves.
        lazy = path.stem.endswith("_kernel") or {"architectures", "migrations"} & set(path.parts)
        allowed = {"streamlit"} if package(module) in {"ui", "pages", "app"} else set()
        if "answers" in path.parts:  # imported by the operations on people's answers only
            allowed = {"sqlalchemy"}
        if package(module) != "benchmarks" and not lazy:
            heavy = {name.partition(".")[0] for name in imported(tree(path).body)} & HEAVY
            wrong += [f"{module} imports {name}" for name in sorted(heavy - allowed)]
    assert not wrong, "\n".join(wrong)
    code = (
        "import sys; from simcore.__main__ import run; run(['--help']); import simcore; "
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"
    assert "evaluate" in done.stdout


def test_private_names_stay_in_their_module():
    """Neither imported nor accessed elsewhere; tests may look into compiled kernels only."""
    wrong = []
    ours = modules()
    tests = {str(path.relative_to(ROOT)): path for path in ROOT.glob("tests/**/*.py")}
    for name, path in {**ours, **tests}.items():
        aliases = {}  # local name -> module of ours
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if f"{node.module}.{alias.name}" in ours:
                        aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                    elif alias.name.startswith("_") and node.module in ours:
                        wrong.append(f"{name} imports {node.module}.{alias.name}")
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in aliases
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
                and not aliases[node.value.id].endswith("_kernel")
            ):
                wrong.append(f"{name} uses {aliases[node.value.id]}.{node.attr}")
    assert not wrong, "\n".join(sorted(wrong))
