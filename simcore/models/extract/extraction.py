"""Extraction: which features are missing, from which networks or features they are computed.

The work itself is in `extraction_run`.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError
from simcore.models import compiled, forward, registry, weights
from simcore.models.extract import batch_sizes, joint_networks, worker_processes
from simcore.models.extract.extraction_run import Alter, BackboneTask, ExtractionRun, Sink
from simcore.models.spec import BackboneSpec, Derivation, Embedder
from simcore.types import Features, ImageSet, Monitor, Skipped

DERIVED_IMAGES = 4096  # whose stored features are read at a time


@dataclass(frozen=True)
class ExtractionReport:
    """What a run did.

    Attributes:
        computed, cached: per backbone, how many images were computed now and before.
        skipped: images that could not be used, and why.
        unavailable: backbones that could not be loaded, and why.
        seconds: wall time.
        damaged: one sentence for each backbone whose stored features were damaged.
    """

    computed: dict[str, int]
    cached: dict[str, int]
    skipped: tuple[Skipped, ...]
    unavailable: dict[str, str]
    seconds: float
    damaged: tuple[str, ...] = ()

    def merged(self, other: "ExtractionReport") -> "ExtractionReport":
        """Both in one; what both computed is added up, each skipped image is named once."""
        computed = {
            name: self.computed.get(name, 0) + other.computed.get(name, 0)
            for name in {**self.computed, **other.computed}
        }
        return ExtractionReport(
            computed,
            {**other.cached, **self.cached},
            tuple(dict.fromkeys((*self.skipped, *other.skipped))),
            {**self.unavailable, **other.unavailable},
            self.seconds + other.seconds,
            tuple(dict.fromkeys((*self.damaged, *other.damaged))),
        )


def feature_key(spec: BackboneSpec, precision: str) -> FeatureKey:
    """The key of a backbone's features; raw images (face detection) are always computed in fp32."""
    used_precision = "fp32" if spec.preprocessing.raw else precision
    return FeatureKey(
        spec.name,
        spec.version,
        spec.preprocessing,
        weights.fingerprint(spec),
        used_precision,
        spec.dim,
    )


def extract(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    *,
    store: FeatureStore,
    device: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    alter: Alter | None = None,
    monitor: Monitor = Monitor(),
) -> ExtractionReport:
    """Compute the features of all images under all backbones that are not in the store yet.

    Args:
        images: N images; a file that changed since its key was computed is skipped and reported.
        batch: images per forward pass; by default the fastest, which the first batches find out.
            Halved when memory runs out.
        alter: changes every image after decoding. Give such features a store of their own.
        monitor: progress per backbone, a few times a second; asked to stop between batches.

    Raises:
        UnknownNameError: no such device or precision.
        SimError: the disk is full or the store damaged. Bad images and missing weights do not
            raise; they are in the report.
    """
    start_time = time.monotonic()
    device = forward.resolve_device(device)
    precision = forward.resolve_precision(precision, device)
    embedded = [spec for spec in specs if spec.derive is None]
    report = _extract_embedded(
        images,
        embedded,
        store,
        device=device,
        precision=precision,
        batch=batch,
        alter=alter,
        monitor=monitor,
    )
    for spec in specs:
        if spec.derive is not None and not monitor.stopped:
            derived = _extract_derived(
                images,
                spec,
                spec.derive,
                store,
                device=device,
                batch=batch,
                alter=alter,
                monitor=monitor,
            )
            report = report.merged(derived)
    return replace(report, seconds=time.monotonic() - start_time)


def _extract_derived(
    images: ImageSet,
    spec: BackboneSpec,
    derive: Callable[[], Derivation],
    store: FeatureStore,
    *,
    device: str,
    batch: int | None,
    alter: Alter | None,
    monitor: Monitor,
) -> ExtractionReport:
    """Features that follow from those of other backbones; only these need the images.

    What is missing of the other backbones is computed and stored, too.
    """
    target = feature_key(spec, "fp32")
    damaged = tuple(filter(None, [store.mend(target)]))
    missing = set(store.missing(target, images.keys))
    cached = {spec.name: len(images) - len(missing)}
    if not missing:
        return ExtractionReport({spec.name: 0}, cached, (), {}, 0.0, damaged)
    try:
        derivation = derive()
        bases = [registry.get(name) for name in derivation.bases]
    except SimError as error:
        return ExtractionReport({}, {}, (), {spec.name: str(error)}, 0.0, damaged)
    rows = [row for row, key in enumerate(images.keys) if key in missing]
    needed = images.take(rows)
    report = extract(
        needed,
        bases,
        store=store,
        device=device,
        precision="fp32",
        batch=batch,
        alter=alter,
        monitor=monitor,
    )
    if report.unavailable:
        reasons = "; ".join(report.unavailable.values())
        reason = f"{spec.name} needs {', '.join(report.unavailable)}: {reasons}"
        return replace(report, unavailable={spec.name: reason}, cached={}, computed={})
    keys = [feature_key(base, "fp32") for base in bases]
    absent = {name for key in keys for name in store.missing(key, needed.keys)}
    ready = [name for name in dict.fromkeys(needed.keys) if name not in absent]
    computed = 0
    for start in range(0, len(ready), DERIVED_IMAGES):
        if monitor.stopped:
            break
        part = ready[start : start + DERIVED_IMAGES]
        stored = [
            Features(base.name, *store.read(key, part), len(part))
            for base, key in zip(bases, keys, strict=True)
        ]
        store.append(target, part, derivation.compute(stored))
        computed += len(part)
        monitor.report(spec.name, computed, len(ready))
    newly = {name: count for name, count in report.computed.items() if count}
    return replace(
        report,
        computed={**newly, spec.name: computed},
        cached=cached,
        damaged=(*damaged, *report.damaged),
    )


def _extract_embedded(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    store: FeatureStore,
    *,
    device: str,
    precision: str,
    batch: int | None,
    alter: Alter | None,
    monitor: Monitor,
) -> ExtractionReport:
    """Features that are computed from the images themselves."""
    start_time = time.monotonic()
    feature_keys = {spec.name: feature_key(spec, precision) for spec in specs}
    damaged = tuple(filter(None, map(store.mend, feature_keys.values())))
    missing = {name: set(store.missing(key, images.keys)) for name, key in feature_keys.items()}
    cached = {name: len(images) - len(keys) for name, keys in missing.items()}
    # A network whose features are complete is not even loaded.
    needed = [spec for spec in specs if missing[spec.name]]
    if needed:
        monitor.report("loading networks", 0, len(needed), overall=0)
    fast = device == "cpu" and precision == "fp32"
    work, unavailable = _planned(needed, missing, device, fast)
    if needed:
        monitor.report("loading networks", len(needed), len(needed), overall=0)
    computed = dict.fromkeys((spec.name for spec in specs if spec.name not in unavailable), 0)
    todo = {part.spec.name: part.todo for part in work}
    embedders = {part.spec.name: part.embed for part in work}
    part_specs = [part.spec for part in work]
    with worker_processes.with_workers(embedders, part_specs, todo, device) as parallel:
        tasks = []
        for part in work:
            keys = tuple(feature_keys[spec.name] for spec in part.members)
            embed, key = parallel[part.spec.name], feature_key(part.spec, precision)
            sink = store if len(keys) == 1 else joint_networks.SplitSink(store, keys)
            size = _batch_size(embed, key, device, batch)
            tasks.append(BackboneTask(part.spec, embed, sink, key, part.todo, size))
        unit = batch or batch_sizes.sizes(device)[-1]
        skipped = ExtractionRun(tasks, device, precision, unit, alter).run(images, monitor)
    for part, task in zip(work, tasks, strict=True):
        for spec in part.members:
            computed[spec.name] += task.done
    return ExtractionReport(
        computed,
        {name: cached[name] for name in computed},
        tuple(skipped),
        unavailable,
        time.monotonic() - start_time,
        damaged,
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """A loaded network, and the images that pass it for one or several backbones."""

    spec: BackboneSpec
    members: tuple[BackboneSpec, ...]
    embed: Embedder
    todo: set[str]


def _planned(
    specs: Sequence[BackboneSpec], missing: Mapping[str, set[str]], device: str, fast: bool
) -> tuple[list[_Part], dict[str, str]]:
    """The networks that compute what is missing, and the reasons why others cannot be loaded.

    Args:
        fast: whether networks are compiled for the CPU.
    """
    parts, unavailable = list[_Part](), dict[str, str]()
    todo = {spec.name: set(missing[spec.name]) for spec in specs}
    joints = joint_networks.joint_networks(specs, todo)
    for joint in joints:
        for spec in joint.members:
            todo[spec.name] -= joint.todo
    alone = [(spec, (spec,), todo[spec.name]) for spec in specs if todo[spec.name]]
    together = [(joint.spec, joint.members, set(joint.todo)) for joint in joints]
    for spec, members, keys in (*together, *alone):
        try:
            # A joint network is in no registry: kept in memory, it would only push out others.
            embed = forward.load(spec, device) if len(members) == 1 else spec.load(device)
        except SimError as error:
            unavailable |= dict.fromkeys((member.name for member in members), str(error))
            continue
        if fast:
            embed = compiled.for_cpu(spec, embed, len(keys), [member.dim for member in members])
        parts.append(_Part(spec, members, embed, keys))
    return parts, unavailable


def compile_networks(
    images: ImageSet, specs: Sequence[BackboneSpec], *, store: FeatureStore
) -> None:
    """Compile the networks that `extract` would use on a CPU for what is missing in the store."""
    missing = {
        spec.name: set(store.missing(feature_key(spec, "fp32"), images.keys)) for spec in specs
    }
    _planned([spec for spec in specs if missing[spec.name]], missing, "cpu", True)


def extract_into(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    todo: Mapping[str, Collection[str]],
    embedders: Mapping[str, Embedder],
    *,
    sink: Sink,
    device: str,
    precision: str,
) -> tuple[dict[str, int], list[Skipped]]:
    """Compute the given features with loaded networks, and write them into any sink.

    Args:
        todo: backbone -> keys of the images to compute.
        embedders: backbone -> its loaded network.

    Returns:
        number of images computed per backbone, and the images that could not be used.
    """
    tasks = []
    for spec in specs:
        embed, key = embedders[spec.name], feature_key(spec, precision)
        size = _batch_size(embed, key, device, None)
        tasks.append(BackboneTask(spec, embed, sink, key, set(todo[spec.name]), size))
    run = ExtractionRun(tasks, device, precision, batch_sizes.sizes(device)[-1])
    skipped = run.run(images, Monitor())
    return {task.spec.name: task.done for task in tasks}, skipped


def _batch_size(
    embed: Embedder, key: FeatureKey, device: str, batch: int | None
) -> batch_sizes.BatchSize:
    """The given batch size, or the fastest one of a network in its present form."""
    if batch is not None:
        return batch_sizes.BatchSize((batch,))
    if key.preprocessing.raw:  # one image at a time, or dealt out to processes
        return batch_sizes.BatchSize(batch_sizes.sizes(device)[-1:])
    return batch_sizes.measured(f"{key.table} {type(embed).__name__}", device)


def load_all(
    specs: Sequence[BackboneSpec], device: str
) -> tuple[dict[str, Embedder], dict[str, str]]:
    """The networks that can be loaded, and the reasons why the others cannot, by name."""
    embedders, unavailable = {}, {}
    for spec in specs:
        try:
            embedders[spec.name] = forward.load(spec, device)
        except SimError as error:
            unavailable[spec.name] = str(error)
    return embedders, unavailable
