"""Making features: one decoding for all backbones asked for, resumable."""

from collections.abc import Sequence

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import unknown_name
from simcore.lab.library import collections, indexes
from simcore.models import registry
from simcore.models.extract import extraction, ray_driver
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
    monitor: Monitor = Monitor(),
) -> Report:
    """Features of every image of a collection, kept in the store; what is there is not made again.

    A collection too large to be searched image by image gets its indexes in the same run.

    Args:
        name: collection.
        models: backbone names or "@group".
        device: "auto", "cuda", "mps" or "cpu"; the local engine's.
        engine: "local", or "ray" for a cluster, whose GPUs are used where it has any.
        address, workers: the cluster's, see `cluster.run`.
        stop: asked between batches; when it says True, what is finished is kept and the run ends.

    Raises:
        UnknownNameError: no such collection, backbone, device or engine.
        BadDataError: Ray is asked for but not installed. SimError: no cluster, or it went down.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    collection = collections.whole(name)
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    images = _all_images(collection)
    if engine == "ray":
        report = ray_driver.run(
            images,
            specs,
            store=FeatureStore(),
            address=address,
            workers=workers,
            monitor=monitor,
        )
    else:
        report = extraction.extract(
            images, specs, store=FeatureStore(), device=device, monitor=monitor
        )
    if not monitor.stopped:
        collections.mark_unreadable(name, {s.name: s.reason for s in report.skipped})
        indexes.update(name, list(report.computed), monitor=monitor)
    return report


def _all_images(collection: Collection) -> ImageSet:
    """Both sides as one set, each picture once; ids are the content keys."""
    sides = [collection.left] if collection.right is None else [collection.left, collection.right]
    paths = dict(pair for side in sides for pair in zip(side.keys, side.paths, strict=True))
    keys = tuple(paths)
    return ImageSet(keys, tuple(paths.values()), keys, collection.left.trim)
