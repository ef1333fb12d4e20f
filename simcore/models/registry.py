"""The names of all backbones: one dict, one decorator.

A backbone is a decorated function in a module of `simcore.models.backbones`; that it is there is
enough. Registering imports no network library; only a Spec's `load` does.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from simcore.errors import unknown
from simcore.models import learned, nets, taps
from simcore.specs import Embed, Prepare, Spec, Weights
from simcore.types import Metric

Loader = Callable[..., Embed]

_SPECS: dict[str, Spec] = {}
_PAPERS = Prepare()  # short side 256, centre crop 224, ImageNet normalisation


def backbone(
    name: str,
    *,
    dim: int,
    prepare: Prepare = _PAPERS,
    metric: Metric = "cosine",
    weights: tuple[Weights, ...] = (),
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
            Spec(
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
                package=package,
                apart=apart,
            )
        )
        return loader

    return register


def add(spec: Spec) -> Spec:
    """Register a whole Spec, for entries that are data.

    Raises:
        ValueError: the name is taken.
    """
    if spec.name in _SPECS:
        raise ValueError(f"two backbones named {spec.name!r}")
    _SPECS[spec.name] = spec
    return spec


def names(group: str | None = None) -> list[str]:
    """Registered names in the order of their files, all or those of a group.

    Raises:
        UnknownNameError: no such group.
    """
    specs = _registered().values()
    if group is None:
        return [spec.name for spec in specs]
    found = [spec.name for spec in specs if group in spec.groups]
    if group == learned.GROUP:
        found = learned.names()
    if not found:
        raise unknown("group", f"@{group}", [f"@{name}" for name in groups()])
    return found


def groups() -> list[str]:
    """Every group that some backbone belongs to."""
    fixed = {group for spec in _registered().values() for group in spec.groups}
    return sorted(fixed | ({learned.GROUP} if learned.names() else set()))


def spec(name: str) -> Spec:
    """A backbone by its name, any of the libraries' by "timm:NAME", one's own by "learned:NAME".

    Raises:
        UnknownNameError: no such name.
    """
    return learned.spec(name) if name.startswith(learned.PREFIX) else _fixed(name)


@lru_cache(maxsize=1024)
def _fixed(name: str) -> Spec:
    found = _registered().get(name)
    if found is not None:
        return found
    library, _, rest = name.partition(":")
    base, layers = taps.split(name)
    from simcore.models.backbones import faces, libraries

    if library in faces.CROPPED and rest:
        return faces.CROPPED[library](rest)
    if layers:
        return replace(nets.with_taps(spec(base), layers), name=name)
    if library in libraries.LIBRARIES and rest:
        return replace(libraries.LIBRARIES[library](rest), name=name)
    if ":" in name:
        raise unknown("library", library, [*libraries.LIBRARIES, *faces.CROPPED, learned.GROUP])
    raise unknown("backbone", name, _registered())


# Whoever takes a registered name back, as tests do, forgets what was remembered of it.


def expand(asked: Iterable[str]) -> list[str]:
    """Names and "@group"s as names, each once, in the order asked for.

    >>> expand(["hog", "@handmade"])[0]
    'hog'
    """
    found: dict[str, None] = {}
    for name in asked:
        chosen = names(name[1:]) if name.startswith("@") else [spec(name).name]
        found.update(dict.fromkeys(chosen))
    return list(found)


def _registered() -> dict[str, Spec]:
    _discover()
    return _SPECS


@lru_cache(maxsize=1)
def _discover() -> None:
    package = importlib.import_module("simcore.models.backbones")
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
