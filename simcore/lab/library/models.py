"""What the registry knows, and getting weights."""

from collections.abc import Sequence
from pathlib import Path

from simcore.errors import BadDataError, MissingWeightsError, SimError
from simcore.lab import printed_values
from simcore.lab.printed_values import ANNEX
from simcore.models import forward, lineage, registry, weights
from simcore.models import spec as models_spec
from simcore.models.distances import pair_distances
from simcore.models.spec import BackboneSpec, WeightFile
from simcore.types import Monitor


def listing(names: Sequence[str] | None = None) -> list[dict]:
    """What is known of each backbone, whether it is ready, and the reason if it is not."""
    return [
        _row(registry.get(name)) for name in (registry.expand_groups(names) if names else every())
    ]


def every() -> list[str]:
    """Registered backbones, and behind them what was learned here."""
    return [*registry.names(), *lineage.names()]


def offline() -> list[str]:
    """Backbones that need no model hub."""
    return registry.names("offline")


def demo() -> list[str]:
    """Backbones that need no hub and no large download."""
    return registry.names("demo")


def groups() -> list[str]:
    """Names that can be written as @name wherever models are asked for."""
    return registry.groups()


def first_network(names: Sequence[str]) -> str:
    """The first of some backbones that is a trained network for whole pictures, else the first."""
    specs = (registry.get(name) for name in names)
    return next((s.name for s in specs if s.weights and not s.preprocessing.raw), names[0])


def fetch(names: Sequence[str], *, monitor: Monitor = Monitor()) -> list[str]:
    """Get the weight files of some backbones or distances, checked; returns the names ready now.

    A file that cannot be had does not keep the others from coming.

    Raises:
        MissingWeightsError: files that cannot be had, and where to put them by hand.
        UnknownNameError: no such backbone.
    """
    failed = []
    for file in _files(names):
        try:
            weights.fetch(file, monitor=monitor)
        except SimError as error:
            failed.append(str(error))
    if failed:
        rest = f" (and {len(failed) - 1} more files)" if len(failed) > 1 else ""
        raise MissingWeightsError(failed[0] + rest)
    backbones, distances = _split(names)
    here = [name for name in backbones if weights.status(registry.get(name))[0]]
    return here + [name for name in distances if pair_distances.status(name)[0]]


def cost(names: Sequence[str]) -> tuple[int, int, list[str]]:
    """(files, bytes, files of unknown size) still to be fetched for some backbones.

    Asks the servers where the registry does not know.
    """
    total, unknown, files = 0, [], _files(names)
    for file in files:
        size = weights.size(file)
        total += size
        if not size:
            unknown.append(file.file)
    return len(files), total, unknown


def add_weights(name: str, file: Path) -> dict:
    """Take over a file that a person downloaded for a backbone, if it is the right one.

    Returns:
        what `listing` says of the backbone now.

    Raises:
        BadDataError: no such file, not the right one, or it does not fit the network.
        UnknownNameError: no such backbone.
    """
    spec = registry.get(name)
    wanted = _meant(spec, file)
    had = weights.ready(wanted)
    place = weights.add(wanted, file)
    try:
        if weights.status(spec)[0]:
            forward.clear_loaded()
            forward.load(spec, "cpu")
    except SimError:
        if not had:
            place.unlink(missing_ok=True)
        raise
    return _row(spec)


def _meant(spec: BackboneSpec, file: Path) -> WeightFile:
    """Which of a backbone's files this is: by name, or the only one that lacks."""
    if not spec.weights:
        raise BadDataError(f"{spec.name} needs no weights; expected a network")
    for one in spec.weights:
        if Path(one.file).name == file.name:
            return one
    lacking = [one for one in spec.weights if not weights.ready(one)] or list(spec.weights)
    if len(lacking) > 1:
        names = ", ".join(Path(one.file).name for one in lacking)
        raise BadDataError(f"found {file.name}; expected a file named as one of {names}")
    return lacking[0]


def _split(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Backbones, groups opened, and distances between two images."""
    distances = [name for name in names if name in pair_distances.NAMES]
    return registry.expand_groups([name for name in names if name not in distances]), distances


def _files(names: Sequence[str]) -> list[WeightFile]:
    """Every file that is not here, once."""
    backbones, distances = _split(names)
    wanted = [file for name in backbones for file in registry.get(name).weights]
    wanted += [file for name in distances for file in pair_distances.files(name)]
    return [file for file in dict.fromkeys(wanted) if not weights.ready(file)]


def _score(spec: BackboneSpec) -> str:
    """What the backbone's paper printed for it."""
    for paper, row in spec.rows:
        for table, column, unit in SCORES:
            found = [r for r in table.rows if table.paper == paper and r[0] == row]
            if found:
                value = found[0][table.columns.index(column)]
                return f"{paper}: {value:g}{unit}"
    return ""


SCORES = (
    (printed_values.RECALL, "@1", " % @1"),
    (ANNEX, "sigma 15", " aR@1, adapted"),
)


def _row(spec: BackboneSpec) -> dict:
    ready, reason = weights.status(spec)
    return {
        "name": spec.name,
        "dim": spec.dim,
        "ready": ready,
        "reason": reason,
        "metric": spec.metric,
        "groups": list(spec.groups),
        "license": spec.license,
        "non_commercial": models_spec.non_commercial(spec.license),
        "paper": spec.paper,
        "rows": [{"paper": paper, "row": row} for paper, row in spec.rows],
        "score": _score(spec),
        "about": spec.description,
        "parameters": spec.n_parameters,
        "bytes": sum(w.size for w in spec.weights) or 4 * spec.n_parameters,
        "files": [
            {
                "file": w.file,
                "bytes": w.size,
                "sha256": w.sha256,
                "source": weights.address(w),
            }
            for w in spec.weights
        ],
    }
