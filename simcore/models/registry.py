"""The registry of all backbones: one dict, one decorator.

A backbone is a decorated function in a module of `simcore.models.backbones`; adding the file is
enough. Registering imports no network library; only the `load` of a BackboneSpec does.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from simcore import memory
from simcore.errors import unknown_name
from simcore.models import layers, nets
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import MapLayout, Metric, Preprocessing

_SPECS: dict[str, BackboneSpec] = {}  # name -> backbone, in the order of their files
_PREFIXES: dict[str, "Prefix"] = {}  # part of a name before ":" -> how the rest is resolved
_CATALOGS: dict[str, "Catalog"] = {}  # group -> backbones without a prefix that come and go
_edits: list[str] = []  # names added and removed; their number is part of the cache keys


def backbone(
    name: str,
    *,
    dim: int,
    preprocessing: Preprocessing = Preprocessing(),
    metric: Metric = "cosine",
    weights: tuple[WeightFile, ...] = (),
    groups: tuple[str, ...] = (),
    license: str = "",
    paper: str = "",
    version: int = 1,
    requires: tuple[str, str] | None = None,
    holds_gil: bool = False,
    map_layout: MapLayout | None = None,
) -> Callable[[Callable[[str], Embedder]], Callable[[str], Embedder]]:
    """Register a loader `(device) -> Embedder`; the first line of its docstring describes it.

    Args:
        name: what users type; letters, digits, dots and dashes.
        dim: D, the number of columns that the embedder returns.
        preprocessing: by default the papers' protocol: short side 256, center crop 224, ImageNet
            normalization.
        version: raise it when a code change changes the features, so that old ones are not used.

    The other arguments are fields of `BackboneSpec`.
    """

    def register(loader: Callable[[str], Embedder]) -> Callable[[str], Embedder]:
        spec = BackboneSpec(
            name,
            dim,
            loader,
            preprocessing,
            metric,
            weights,
            groups,
            license,
            paper,
            description=(loader.__doc__ or "").strip().partition("\n")[0],
            version=version,
            requires=requires,
            holds_gil=holds_gil,
            map_layout=map_layout,
        )
        add(spec)
        return loader

    return register


def add(spec: BackboneSpec) -> BackboneSpec:
    """Register a backbone that is described by data alone.

    Raises:
        ValueError: the name is taken.
    """
    if spec.name in _SPECS:
        raise ValueError(f"Two backbones are named {spec.name!r}.")
    _SPECS[spec.name] = spec
    _edits.append(spec.name)
    return spec


@dataclass(frozen=True)
class Prefix:
    """A family of backbones named "PREFIX:REST".

    Attributes:
        resolve: REST -> the backbone.
        names: full names at present, for families that change while the process runs; None for
            families that never change, whose resolved backbones are cached.
        wraps: whether REST is the name of another backbone, layers in brackets included.
    """

    resolve: Callable[[str], BackboneSpec]
    names: Callable[[], list[str]] | None = None
    wraps: bool = False


@dataclass(frozen=True)
class Catalog:
    """A family of backbones without a prefix, see `add_catalog`."""

    resolve: Callable[[str], BackboneSpec]
    names: Callable[[], list[str]]
    exists: Callable[[str], bool]


def add_prefix(
    prefix: str,
    resolve: Callable[[str], BackboneSpec],
    names: Callable[[], list[str]] | None = None,
    *,
    wraps: bool = False,
) -> None:
    """Register a family of backbones "PREFIX:REST"; arguments as in `Prefix`.

    Raises:
        ValueError: the prefix is taken.
    """
    if prefix in _PREFIXES:
        raise ValueError(f"Two families of backbones have the prefix {prefix!r}.")
    _PREFIXES[prefix] = Prefix(resolve, names, wraps)


def add_catalog(
    group: str,
    resolve: Callable[[str], BackboneSpec],
    names: Callable[[], list[str]],
    exists: Callable[[str], bool],
) -> None:
    """Register backbones that come and go while the process runs; their names have no prefix.

    Args:
        group: the name of all of them, written @group by users.
        resolve: name -> the backbone. names: at present.
        exists: whether a name is one of them, if only a damaged one that `resolve` refuses.

    Raises:
        ValueError: the group is taken.
    """
    if group in _CATALOGS or group in _PREFIXES:
        raise ValueError(f"Two catalogs of backbones are named {group!r}.")
    _CATALOGS[group] = Catalog(resolve, names, exists)


@contextmanager
def temporary(spec: BackboneSpec) -> Iterator[BackboneSpec]:
    """Register a backbone for the duration of a `with` block; for tests and examples."""
    _discover()
    add(spec)
    try:
        yield spec
    finally:
        forget(spec.name)


def replace_spec(spec: BackboneSpec) -> BackboneSpec:
    """Register a backbone under a name that may be in use by an earlier one of the caller."""
    _discover()
    forget(spec.name)
    return add(spec)


def forget(name: str) -> None:
    """Remove a backbone, and all that was resolved from it; does nothing if it does not exist."""
    _SPECS.pop(name, None)
    _edits.append(name)


def names(group: str | None = None) -> list[str]:
    """Names of all backbones, or of those in a group, in the order of their files.

    Raises:
        UnknownNameError: no such group.
    """
    _discover()
    if group is None:
        return list(_SPECS)
    members = [spec.name for spec in _SPECS.values() if group in spec.groups]
    family: Prefix | Catalog | None = _PREFIXES.get(group) or _CATALOGS.get(group)
    if family and family.names:
        members = family.names()
    if not members:
        raise unknown_name("group", f"@{group}", [f"@{name}" for name in groups()])
    return members


def groups() -> list[str]:
    """Every group that has a backbone, sorted."""
    _discover()
    fixed = {group for spec in _SPECS.values() for group in spec.groups}
    families: list[tuple[str, Prefix | Catalog]] = [*_PREFIXES.items(), *_CATALOGS.items()]
    changing = {group for group, family in families if family.names and family.names()}
    return sorted(fixed | changing)


def get(name: str) -> BackboneSpec:
    """A backbone by its name, such as "hog", "timm:NAME", "learned:NAME" or "NAME[layer2]".

    Raises:
        UnknownNameError: no such name.
    """
    _discover()
    if name in _SPECS:
        return _SPECS[name]
    prefix, colon, rest = name.partition(":")
    family = _PREFIXES.get(prefix) if colon else None
    if family and family.names:
        return family.resolve(rest)
    for catalog in _CATALOGS.values():
        if catalog.exists(name):
            return catalog.resolve(name)
    return memory.get(("backbone", name, len(_edits), _inner(name)), lambda: _resolve(name))


def _inner(name: str) -> BackboneSpec | None:
    """The backbone whose crops or layers a name asks for; a learned one may be trained again."""
    prefix, _, rest = name.partition(":")
    family = _PREFIXES.get(prefix)
    if family and family.wraps and rest:
        return get(rest)
    base, layer_text = layers.split_name(name)
    return get(base) if layer_text else None


def _resolve(name: str) -> BackboneSpec:
    prefix, _, rest = name.partition(":")
    family = _PREFIXES.get(prefix)
    base, layer_text = layers.split_name(name)
    # "faces:NAME[layer4]" is the crop of NAME[layer4]; "timm:NAME[layer4]" a layer of timm:NAME.
    if family and family.wraps and rest:
        return family.resolve(rest)
    if layer_text:
        return replace(nets.with_layers(get(base), layer_text), name=name)
    if family and rest:
        return replace(family.resolve(rest), name=name)
    if ":" in name:
        raise unknown_name("library", prefix, sorted(_PREFIXES))
    raise unknown_name("backbone", name, _SPECS)


def expand_groups(names_or_groups: Iterable[str]) -> list[str]:
    """Names and "@group"s as names, each once, in the given order.

    Raises:
        UnknownNameError: no such name or group.

    >>> expand_groups(["hog", "@handmade"])[0]
    'hog'
    """
    expanded: dict[str, None] = {}
    for name in names_or_groups:
        members = names(name[1:]) if name.startswith("@") else [get(name).name]
        expanded.update(dict.fromkeys(members))
    return list(expanded)


@lru_cache(maxsize=1)
def _discover() -> None:
    """Import every module of `simcore.models.backbones`, once per process."""
    package = importlib.import_module("simcore.models.backbones")
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
