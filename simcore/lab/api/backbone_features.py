"""Backbones in the Python API: their features, extracted or imported, and modules of one's own."""

from collections.abc import Callable, Sequence
from typing import Any

from simcore.lab.api.arguments import CollectionLike, collection_name
from simcore.lab.library import extraction, vectors
from simcore.lab.library.extraction import Report
from simcore.lab.library.vectors import ImportReport
from simcore.models import own_modules, registry
from simcore.sim import own_metrics
from simcore.types import Array, Metric, Monitor


def list_backbones(group: str | None = None) -> list[str]:
    """Names of all backbones, or of a group such as "offline" or "handmade".

    Raises:
        UnknownNameError: no such group.
    """
    return registry.names(group)


def extract(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> Report:
    """Compute and store the features that a collection does not have yet.

    Args:
        models: names of backbones or groups ("@offline").
        device: "auto", "cuda", "mps" or "cpu".

    Returns:
        How many images were computed and found in the cache, and what could not be used.
    """
    return extraction.extract(collection_name(collection), models, device=device, monitor=monitor)


def import_features(
    collection: CollectionLike,
    name: str,
    *,
    left: Any = None,
    right: Any = None,
    both: Any = None,
    metric: str = "cosine",
) -> ImportReport:
    """Add vectors that were computed elsewhere as a backbone.

    Args:
        name: of the backbone.
        left: of the left side: (N, D) numbers in the order of the collection's ids, a mapping from
            id to vector, a data frame with ids as index, or an .npy (with .ids.txt), .npz, .parquet
            or .csv file.
        right: the same of the right side.
        both: instead, one such table with the ids left:ID and right:ID.
        metric: how they are compared by default, "cosine", "l2" or "l1".

    Raises:
        BadDataError: an image has no vector, or a vector is not finite.
    """
    return vectors.import_features(
        collection_name(collection), name, left=left, right=right, both=both, metric=metric
    )


def register(
    name: str, module: Any, transform: Callable[[Any], Any], *, metric: Metric = "cosine"
) -> str:
    """Make a torch module of one's own a backbone, for the lifetime of this process.

    Its features are cached by a digest of its weights, its code and the transform: registering a
    changed module under the same name computes again.

    Args:
        module: (B, C, H, W) float32 -> (B, D), (B, T, D) or (B, D, h, w); the latter are averaged.
        transform: an RGB PIL image -> (C, H, W) tensor.

    Returns:
        The name.
    """
    return own_modules.register(name, module, transform, metric=metric).name


def metric(name: str, function: Callable[[Array, Array], Array]) -> str:
    """Add a metric of one's own, for the lifetime of this process.

        def pearson(queries, gallery):
            left, right = (x - x.mean(axis=1, keepdims=True) for x in (queries, gallery))
            lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right)]
            return (left @ right.T) / np.maximum(lengths[0] * lengths[1].T, 1e-9)

        sc.recall(pairs, sc.zsum("mobilenetv2", "hog", metric=sc.metric("pearson", pearson)))

    Results are cached by a digest of its code: adding a changed function under the same name
    computes again.

    Args:
        function: (Q, D) and (G, D) float32 -> (Q, G), higher = more alike; it gets a few hundred
            queries at a time. A value that is not finite counts as no evidence.

    Returns:
        What the argument `metric` of `zsum`, `plain_sum`, `rrf` and `rerank` takes.

    Raises:
        BadDataError: the name is that of a built-in metric, or is not a plain word.
    """
    return own_metrics.register(name, function, own_modules.function_digest(function))
