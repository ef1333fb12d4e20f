"""Similarities of exactly the pairs of images that judgements are about: computed, stored, read.

A similarity is a backbone under a metric ("hog", "cosine"), or a perceptual distance, which
compares two images at once ("ssim"; of LPIPS, "lpips-alex" is the calibrated sum and
"lpips-alex/layer0" one layer). Features of backbones come from the feature store; distances are
stored in the cache, one file per set of judgements.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore import memory
from simcore.data import cache_dir, state_files
from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError, UnknownNameError, unknown_name
from simcore.evaluate.judgements import triplets
from simcore.lab.library import features
from simcore.models import forward, registry, weights
from simcore.models.distances import lpips, pair_distances
from simcore.models.extract import extraction
from simcore.types import METRICS, Array, Metric, Monitor, Skipped

VERSION = 1  # raised when the code of a distance changes its values
OWN = "own"


@dataclass(frozen=True)
class ReadySimilarities:
    """What `prepare` could compute.

    Attributes:
        names: can be used now, in the order asked for.
        unavailable: the others, and why.
        skipped: images that could not be read.
    """

    names: tuple[str, ...]
    unavailable: dict[str, str]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class DistanceStatus:
    """Whether a perceptual distance can be computed here; if not, `reason` says why."""

    name: str
    ready: bool
    reason: str


def default_backbones() -> list[str]:
    """Backbones that run without a download and give features for every image.

    Face descriptors are left out: a triplet without faces earns 0.5, whatever the vote.
    """
    specs = [registry.get(name) for name in registry.names("offline")]
    return [s.name for s in specs if weights.status(s)[0] and not s.preprocessing.raw]


def distances() -> list[DistanceStatus]:
    """All perceptual distances, and whether they can be computed here."""
    return [DistanceStatus(name, *pair_distances.status(name)) for name in pair_distances.NAMES]


def expand(names: Sequence[str]) -> list[str]:
    """Single names for backbones, "@group"s and distances; "@distances" is all available ones.

    Raises:
        UnknownNameError: no such name.
    """
    expanded: dict[str, None] = {}
    for name in names:
        if name == "@distances":
            expanded.update(dict.fromkeys(d.name for d in distances() if d.ready))
        elif is_distance(name):
            expanded[name] = None
        else:
            expanded.update(dict.fromkeys(registry.expand_groups([name])))
    return list(expanded)


def is_distance(name: str) -> bool:
    """Whether a name is that of a perceptual distance, or of one of its layers.

    Raises:
        UnknownNameError: LPIPS has no such layer.
    """
    distance, _, layer = name.partition("/")
    if distance not in pair_distances.NAMES:
        return False
    layers = lpips.names(distance[6:]) if distance.startswith("lpips-") else []
    if layer and layer not in layers:
        raise unknown_name(f"part of {distance}", layer, layers)
    return True


def metrics_of(name: str, metrics: Sequence[Metric | str]) -> list[str]:
    """The metrics for a similarity: all given ones for a backbone, only its own for a distance."""
    return [OWN] if is_distance(name) else list(metrics)


def prepare(
    judged: JudgementSet,
    names: Sequence[str],
    *,
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> ReadySimilarities:
    """Compute what is missing of some similarities, for all images of the judgements.

    Raises:
        UnknownNameError: no such name or device.
        BadDataError: not one of them is available; with the reason of the first.
    """
    expanded = expand(names)
    specs = [registry.get(name) for name in expanded if not is_distance(name)]
    stems = list(dict.fromkeys(_stem(name) for name in expanded if is_distance(name)))
    parts = [
        monitor.part(n / (len(stems) + 1), (n + 1) / (len(stems) + 1))
        for n in range(len(stems) + 1)
    ]
    extracted = extraction.extract(
        judged.trials.images, specs, store=FeatureStore.shared(), device=device, monitor=parts[0]
    )
    unavailable, skipped = dict(extracted.unavailable), list(extracted.skipped)
    for distance, part in zip(stems, parts[1:], strict=True):
        if monitor.stopped:
            break
        if _file(judged, distance).is_file():
            continue
        try:
            skipped += _measure(judged, distance, device, part)
        except SimError as error:
            unavailable[distance] = str(error)
    usable = tuple(n for n in expanded if _stem(n) not in unavailable and ready(judged, n))
    for name in expanded:
        if name not in usable and _stem(name) not in unavailable:
            unavailable[name] = f"{name} is not ready for all images. Run the command again."
    if not usable and unavailable and not monitor.stopped:
        raise BadDataError(next(iter(unavailable.values())))
    return ReadySimilarities(usable, unavailable, tuple(skipped))


def ready(judged: JudgementSet, name: str) -> bool:
    """Whether a similarity is stored for all pairs of the judgements.

    Raises:
        UnknownNameError: no such name.
    """
    if is_distance(name):
        return _file(judged, _stem(name)).is_file()
    return features.has_features(judged.trials.images, name)


def why_not_ready(name: str) -> str:
    """Why a similarity that is not `ready` is missing: it cannot be computed here, or was not yet.

    Raises:
        UnknownNameError: no such name.
    """
    state = (
        pair_distances.status(_stem(name))
        if is_distance(name)
        else weights.status(registry.get(name))
    )
    return state[1] or "It is not computed for all images."


def available(judged: JudgementSet) -> list[str]:
    """Backbones and distances that are ready for these judgements, in the registry's order."""
    order = {name: k for k, name in enumerate(registry.names())}
    stored = sorted(FeatureStore.shared().backbones(), key=lambda name: order.get(name, len(order)))
    return [name for name in (*stored, *pair_distances.NAMES) if _is_known_and_ready(judged, name)]


def _is_known_and_ready(judged: JudgementSet, name: str) -> bool:
    """Features may be of a backbone of another process, or of a learned one whose base is gone."""
    try:
        return ready(judged, name)
    except UnknownNameError:
        return False


def values(judged: JudgementSet, name: str, metric: str = OWN) -> Array:
    """(k, T) float64 similarities of the pairs of each trial; higher = more alike, NaN = unknown.

    The rows are: of triplets, reference to left and to right; of same-or-different trials, the one
    pair; of odd-one-out trials, first to second, first to third, second to third.

    Args:
        metric: of a backbone; "own" is the one it was made for.

    Raises:
        BadDataError: not ready; names the command that computes it.
    """
    if not ready(judged, name):
        raise BadDataError(
            f"There is no {name} for all images of {judged.name!r}. "
            f"Run `simcore evaluate triplets {judged.name} --models {name}` first."
        )
    if is_distance(name):
        distance, _, layer = name.partition("/")
        column = f"{distance}/{layer or 'calibrated'}" if distance.startswith("lpips-") else name
        stored = _load(_file(judged, distance), column, len(judged.trials))
        if stored is None:
            raise BadDataError(
                f"The stored values of {name} are damaged. "
                f"Run `simcore evaluate triplets {judged.name} --models {name}` again."
            )
        return stored
    metric = registry.get(name).metric if metric == OWN else metric
    if metric not in METRICS:
        raise unknown_name("metric", metric, (OWN, *METRICS))
    key = ("pair similarities", judged.digest, identity(judged, name), metric)
    return memory.get(key, lambda: _compare(judged, name, metric))


def identity(judged: JudgementSet, name: str) -> Hashable:
    """What changes when the values of a similarity would: network, version, weights, precision."""
    if is_distance(name):
        return name, pair_distances.SIDE, VERSION
    return features.complete_key([judged.trials.images], name)


def _compare(judged: JudgementSet, name: str, metric: Metric) -> Array:
    rows = features.for_images(judged.trials.images, name)
    assert rows is not None  # `values` checked that it is ready
    first, second = _pairs(judged)
    return np.stack(
        [triplets.pair_similarity(rows, a, b, metric) for a, b in zip(first, second, strict=True)]
    )


def _pairs(judged: JudgementSet) -> tuple[Array, Array]:
    """(k, T) first and second image of the pairs of each trial."""
    trials = judged.trials
    if isinstance(trials, SameDifferent):
        return trials.first[None], trials.second[None]
    if isinstance(trials, OddOneOut):
        a, b, c = trials.items.T
        return np.stack([a, a, b]), np.stack([b, c, c])
    return np.stack([trials.ref, trials.ref]), np.stack([trials.left, trials.right])


def _measure(
    judged: JudgementSet, distance: str, device: str, monitor: Monitor
) -> tuple[Skipped, ...]:
    """Compute one distance for all pairs and store it; returns unreadable images."""
    for file in pair_distances.files(distance):
        if file.pip_project and not weights.ready(file):
            weights.fetch(file, monitor=monitor)
    first, second = _pairs(judged)
    # The pairs of one trial follow each other, so that its images are read once.
    measured, skipped = pair_distances.measure(
        [distance],
        judged.trials.images,
        first.T.ravel(),
        second.T.ravel(),
        device=forward.resolve_device(device),
        monitor=monitor,
    )
    if measured:
        columns: dict[str, Any] = {
            column: flat.reshape(-1, len(first)).T for column, flat in measured.items()
        }
        state_files.write_arrays(_file(judged, distance), columns)
    return skipped


def _stem(name: str) -> str:
    """The name without the layer: "lpips-alex/layer0" is stored in the file of "lpips-alex"."""
    return name.partition("/")[0]


def _file(judged: JudgementSet, distance: str) -> Path:
    file = f"{distance}-{pair_distances.SIDE}-v{VERSION}.npz"
    return cache_dir.root() / "distances" / judged.digest / file


def _load(file: Path, column: str, count: int) -> Array | None:
    """(k, T) stored values of `count` trials; None if the file is damaged."""

    def parse(columns: Mapping[str, Array]) -> Array:
        values = columns[column]
        if values.ndim != 2 or values.shape[1] != count or values.dtype.kind != "f":
            raise ValueError(f"it has an array {values.dtype} of the shape {values.shape}")
        return values

    # The name of the file says what is in it: digest of the judgements, distance, size, version.
    key = ("distances", str(file), column, file.stat().st_mtime_ns)
    values: Array | None = memory.get(
        key, lambda: state_files.read_arrays(file, parse, rebuild=True)
    )
    return values
