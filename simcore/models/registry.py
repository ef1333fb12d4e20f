"""The names of all backbones: one dict, one decorator.

A backbone is a decorated function in a module of `simcore.models.backbones`; that it is there is
enough. Registering imports no network library; only a Spec's `load` does.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from simcore.errors import unknown_name
from simcore.models import layers as models_layers
from simcore.models import nets
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import Metric, Preprocessing

Loader = Callable[..., Embedder]

_SPECS: dict[str, BackboneSpec] = {}  # name -> backbone, in the order of their files
_PREFIXES: dict[str, "Prefix"] = {}  # what stands before ":" in a name -> how to resolve the rest
_PAPERS = Preprocessing()  # short side 256, centre crop 224, ImageNet normalisation


def backbone(
    name: str,
    *,
    dim: int,
    prepare: Preprocessing = _PAPERS,
    metric: Metric = "cosine",
    weights: tuple[WeightFile, ...] = (),
    groups: tuple[str, ...] = (),
    license: str = "",
    paper: str = "",
    version: int = 1,
    package: tuple[str, str] | None = None,
    apart: bool = False,
) -> Callable[[Loader], Loader]:
    """Register a loader `(device) -> Embed` under a name; its docstring's first line describes it.

    Args:
        name: what users type; letters, digits, dots and dashes.
        dim: D of what Embed returns.
        version: raise it when the code changes what comes out, so that old features are not used.
    """

    def register(loader: Loader) -> Loader:
        about = (loader.__doc__ or "").strip().partition("\n")[0]
        add(
            BackboneSpec(
                name,
                dim,
                loader,
                prepare,
                metric,
                weights,
                groups,
                license,
                paper,
                about,
                version,
                requires=package,
                holds_gil=apart,
            )
        )
        return loader

    return register


def add(spec: BackboneSpec) -> BackboneSpec:
    """Register a whole Spec, for entries that are data.

    Raises:
        ValueError: the name is taken.
    """
    if spec.name in _SPECS:
        raise ValueError(f"two backbones named {spec.name!r}")
    _SPECS[spec.name] = spec
    return spec


@dataclass(frozen=True)
class Prefix:
    """A family of backbones named "PREFIX:REST".

    Attributes:
        resolve: REST -> the backbone.
        names: full names at present, for families that change while the process runs; None for
            families that are open and fixed, whose resolved backbones are remembered.
        inner: whether REST is a backbone's name itself, layers in brackets included.
    """

    resolve: Callable[[str], BackboneSpec]
    names: Callable[[], list[str]] | None = None
    inner: bool = False


def add_prefix(
    prefix: str,
    resolve: Callable[[str], BackboneSpec],
    names: Callable[[], list[str]] | None = None,
    *,
    inner: bool = False,
) -> None:
    """Register a family of backbones "PREFIX:REST"; arguments as in `Prefix`.

    Raises:
        ValueError: the prefix is taken.
    """
    if prefix in _PREFIXES:
        raise ValueError(f"two families of backbones with the prefix {prefix!r}")
    _PREFIXES[prefix] = Prefix(resolve, names, inner)


@contextmanager
def temporary(spec: BackboneSpec) -> Iterator[BackboneSpec]:
    """Register a backbone for as long as the block lasts; for tests and examples."""
    _registered()
    add(spec)
    _fixed.cache_clear()
    try:
        yield spec
    finally:
        forget(spec.name)


def forget(name: str) -> None:
    """Remove a backbone, and what was resolved from it; harmless where there is none."""
    _SPECS.pop(name, None)
    _fixed.cache_clear()


def names(group: str | None = None) -> list[str]:
    """Registered names in the order of their files, all or those of a group.

    Raises:
        UnknownNameError: no such group.
    """
    specs = _registered().values()
    if group is None:
        return [spec.name for spec in specs]
    found = [spec.name for spec in specs if group in spec.groups]
    if group in _PREFIXES and (changing := _PREFIXES[group].names):
        found = changing()
    if not found:
        raise unknown_name("group", f"@{group}", [f"@{name}" for name in groups()])
    return found


def groups() -> list[str]:
    """Every group that some backbone belongs to."""
    fixed = {group for spec in _registered().values() for group in spec.groups}
    changing = {prefix for prefix, family in _PREFIXES.items() if family.names and family.names()}
    return sorted(fixed | changing)


def get(name: str) -> BackboneSpec:
    """A backbone by its name, any of the libraries' by "timm:NAME", one's own by "learned:NAME".

    Raises:
        UnknownNameError: no such name.
    """
    prefix, colon, rest = name.partition(":")
    _discover()
    family = _PREFIXES.get(prefix) if colon else None
    return family.resolve(rest) if family and family.names else _fixed(name)


@lru_cache(maxsize=1024)
def _fixed(name: str) -> BackboneSpec:
    found = _registered().get(name)
    if found is not None:
        return found
    prefix, _, rest = name.partition(":")
    family = _PREFIXES.get(prefix)
    base, layers = models_layers.split(name)
    # "faces:NAME[layer4]" is the crop of NAME[layer4]; "timm:NAME[layer4]" a layer of timm:NAME.
    if family and family.inner and rest:
        return family.resolve(rest)
    if layers:
        return replace(nets.with_taps(get(base), layers), name=name)
    if family and rest:
        return replace(family.resolve(rest), name=name)
    if ":" in name:
        raise unknown_name("library", prefix, sorted(_PREFIXES))
    raise unknown_name("backbone", name, _registered())


def expand_groups(asked: Iterable[str]) -> list[str]:
    """Names and "@group"s as names, each once, in the order asked for.

    >>> expand(["hog", "@handmade"])[0]
    'hog'
    """
    found: dict[str, None] = {}
    for name in asked:
        chosen = names(name[1:]) if name.startswith("@") else [get(name).name]
        found.update(dict.fromkeys(chosen))
    return list(found)


def _registered() -> dict[str, BackboneSpec]:
    _discover()
    return _SPECS


@lru_cache(maxsize=1)
def _discover() -> None:
    package = importlib.import_module("simcore.models.backbones")
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
