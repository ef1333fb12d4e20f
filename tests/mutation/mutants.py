"""Mutants of a module: its source with one small change each, by the operators of cosmic-ray."""

import ast
import hashlib
import itertools
import random
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("simcore/sim", "simcore/evaluate")
ARITHMETIC = {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}
OTHERS = {
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ZeroIterationForLoop",
}


@dataclass(frozen=True, order=True)
class Site:
    """A place that an operator can change: the n-th one that it finds in a module."""

    path: str
    line: int
    operator: str
    occurrence: int


@dataclass(frozen=True)
class Mutant:
    """One changed module.

    Attributes:
        site: what was changed.
        name: module, function, and the line before and after; it survives edits elsewhere.
        source: the whole changed module.
    """

    site: Site
    name: str
    source: str

    @property
    def digest(self) -> str:
        """Identifies the changed module."""
        return hashlib.sha256(f"{self.site.path}\n{self.source}".encode()).hexdigest()[:16]


def modules(root: Path = ROOT) -> list[str]:
    """The modules of `PACKAGES` that contain code."""
    return [
        path.relative_to(root).as_posix()
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if path.stat().st_size
    ]


def operators() -> list[str]:
    """The operators of cosmic-ray that turn a comparison, an operator, a constant, or a loop.

    Left out are replacements that cannot be anything but a TypeError (`a - b` by `a << b`), `is`
    for `==`, and the removal of decorators.
    """
    from cosmic_ray import plugins

    return sorted(name for name in plugins.operator_names() if _is_used(name.split("/")[1]))


def _is_used(operator: str) -> bool:
    if operator in OTHERS:
        return True
    kind, *names = operator.split("_")
    if kind == "ReplaceComparisonOperator":
        return all(("Is" in name) == ("Is" in names[0]) for name in names)
    if kind == "ReplaceBinaryOperator":
        return all((name in ARITHMETIC) == (names[0] in ARITHMETIC) for name in names)
    return kind == "ReplaceUnaryOperator" and "UAdd" not in names and "Not" not in names[1:]


def sites(path: str, root: Path = ROOT) -> list[Site]:
    """All places of a module that the operators can change, in the order of its lines."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    source = (root / path).read_text()
    declarations = _declarations(ast.parse(source))
    nodes = list(ast_nodes(get_ast(source)))
    places = []
    for name in operators():
        operator = plugins.get_operator(name)()
        spans = itertools.chain.from_iterable(map(operator.mutation_positions, nodes))
        for occurrence, (start, _) in enumerate(spans):
            if not any(first <= start < last for first, last in declarations):
                places.append(Site(path, start[0], name, occurrence))
    return sorted(places)


def mutant(site: Site, root: Path = ROOT) -> Mutant | None:
    """The mutant of a place; None if the change is none, `-0` for `0` say."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    source = (root / site.path).read_text()
    changed = mutate_code(source, plugins.get_operator(site.operator)(), site.occurrence)
    if changed is None or _same(changed, source):
        return None
    functions = [f for f in _functions(ast.parse(source)) if f[0] <= site.line <= f[1]]
    function = max(functions, default=(0, 0, "module"))[2]
    return Mutant(site, f"{site.path}: {function}: {_change(source, changed)}", changed)


def is_compiled(path: str, root: Path = ROOT) -> bool:
    """Whether numba compiles the module, which takes a minute or two per mutant."""
    return "njit" in (root / path).read_text()


def sample(count: int, seed: int, *, compiled: bool = False, root: Path = ROOT) -> list[Mutant]:
    """Different mutants of all modules, drawn at random; a larger sample contains a smaller one.

    Args:
        compiled: draw from the modules that numba compiles, and only from them.
    """
    paths = [path for path in modules(root) if is_compiled(path, root) == compiled]
    places = [site for path in paths for site in sites(path, root)] if count else []
    random.Random(seed).shuffle(places)
    unique: dict[str, Mutant] = {}
    for site in places:
        if len(unique) >= count:
            break
        if drawn := mutant(site, root):
            unique.setdefault(drawn.source, drawn)
    return list(unique.values())


def _same(changed: str, source: str) -> bool:
    try:
        return _computed(changed) == _computed(source)
    except SyntaxError:
        return True


def _computed(source: str) -> str:
    """The syntax of a module without what computes nothing: which arguments have to be named."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *(each for each in node.kw_defaults if each)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
    return ast.dump(tree)


def _declarations(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Spans of annotations, decorators and `strict=`, which compute nothing."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            nodes += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        if isinstance(node, ast.keyword) and node.arg == "strict":
            nodes.append(node.value)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            nodes.append(node.value if _is_type(node.value) else None)
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
        if node is not None
    ]


def _is_type(value: ast.Subscript) -> bool:
    return isinstance(value.value, ast.Name) and value.value.id in {"tuple", "list", "dict"}


def _functions(tree: ast.Module) -> list[tuple[int, int, str]]:
    return [
        (node.lineno, node.end_lineno or 0, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]


def _change(source: str, changed: str) -> str:
    """The one line that differs, before and after, without superfluous spaces."""
    for before, after in zip(source.splitlines(), changed.splitlines(), strict=False):
        if before != after:
            return " => ".join(re.sub(r"\s+", " ", line).strip() for line in (before, after))
    return "the last line"
