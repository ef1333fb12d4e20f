"""Images as points in the plane: PCA, UMAP and t-SNE under any recipe.

UMAP and t-SNE need only the nearest neighbors of each image, and get them from the recipe itself
(exactly, in blocks), so that sums, centering, CSLS and images with several faces or none are placed
as they are compared. PCA needs vectors: those of `neighbors.recipe_vectors`.
"""

import io
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.sim.neighbors import Neighbors
from simcore.types import Array, Monitor

Method = Literal["umap", "pca", "tsne"]
GROUPS = 7  # as many colors as color-blind people can distinguish
STEPS = 64  # of the bisection for the scale of neighbors' weights
FEWEST = 4  # images; fewer make no meaningful map
EPOCHS = (500, 200)  # UMAP's defaults, up to 10,000 images and beyond


@dataclass(frozen=True)
class ProjectionSettings:
    """How a projection is computed; part of the cache key.

    Attributes:
        n_neighbors: UMAP's; small values show detail, large ones the overall structure.
        min_dist: UMAP's, 0 to 1: how close points may be.
        perplexity: t-SNE's.
        seed: of every random number.
    """

    method: Method = "umap"
    n_neighbors: int = 15
    min_dist: float = 0.1
    perplexity: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("n_neighbors", self.n_neighbors, 2, 200),
            ("min_dist", self.min_dist, 0, 1),
            ("perplexity", self.perplexity, 2, 200),
            ("seed", self.seed, 0, 2**32 - 1),
        ):
            if not least <= value <= most:
                raise BadDataError(f"{name} must be {least:g} to {most:g}, got {value:g}.")

    def neighbor_count(self, images: int) -> int:
        """How many neighbors of each image the method needs; PCA needs none.

        >>> ProjectionSettings("umap", n_neighbors=15).neighbor_count(1000)
        14
        """
        counts = {"pca": 0, "umap": self.n_neighbors - 1, "tsne": int(3 * self.perplexity) + 1}
        return min(counts[self.method], images - 1)


def pca(vectors: Array, seed: int) -> tuple[Array, tuple[float, float]]:
    """Coordinates along the two directions of most variance.

    Args:
        vectors: (n, D).

    Returns:
        (n, 2) float32, and each direction's share of the variance.
    """
    from sklearn.decomposition import PCA

    if _all_equal(vectors):
        return np.zeros((len(vectors), 2), np.float32), (0.0, 0.0)
    model = PCA(2, random_state=seed)
    xy = model.fit_transform(vectors)
    first, second = model.explained_variance_ratio_
    return xy.astype(np.float32), (float(first), float(second))


def _all_equal(vectors: Array) -> bool:
    return bool((vectors == vectors[0]).all())


def umap(
    neighbors: Neighbors,
    start: Array,
    settings: ProjectionSettings,
    *,
    monitor: Monitor = Monitor(),
) -> Array:
    """UMAP (McInnes et al. 2018, arXiv 1802.03426) from exact neighbors.

    One thread and a seed: the same input gives the same map.

    Args:
        start: (n, 2) where the points begin (PCA).

    Returns:
        (n, 2) float32.

    Raises:
        Stopped: the operation was asked to stop.
    """
    with warnings.catch_warnings():
        # umap's optional neural variant warns that TensorFlow is missing.
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding
    _store_compiled_kernels()
    count, k = neighbors.index.shape
    random = np.random.RandomState(settings.seed)
    images = np.arange(count)[:, None]  # umap counts each image as its own first neighbor
    graph, _, _ = fuzzy_simplicial_set(
        start,
        k + 1,
        random,
        "precomputed",
        knn_indices=np.hstack([images, neighbors.index]),
        knn_dists=np.hstack([np.zeros((count, 1), np.float32), neighbors.distances]),
    )
    a, b = find_ab_params(1.0, settings.min_dist)
    epochs = EPOCHS[count > 10_000]
    progress = _TqdmProgress("umap", epochs, monitor)
    xy, _ = simplicial_set_embedding(
        data=start,
        graph=graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=epochs,
        init=_jitter(start, random),
        random_state=random,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        tqdm_kwds={"file": progress, "bar_format": "{n}", "mininterval": 0.2, "disable": False},
    )
    monitor.report("umap", epochs, epochs)
    coordinates: Array = xy.astype(np.float32)
    return coordinates


@cache
def _store_compiled_kernels() -> None:
    """Let numba store umap's kernels on disk, as it stores ours.

    umap compiles most of them anew in each process, which takes longer than a small map.
    """
    from numba.core.dispatcher import Dispatcher
    from umap import layouts, umap_

    for module in (umap_, layouts):
        for kernel in vars(module).values():
            if isinstance(kernel, Dispatcher):
                kernel.enable_caching()


def neighbor_weights(scores: Array) -> Array:
    """(n, k) UMAP's weights of each image's neighbors (McInnes et al. 2018, section 3.1).

    exp(-(s_1 - s_i) / sigma), with sigma such that they sum to log2(k) before they are normalized.

    Args:
        scores: (n, k) similarities, highest first.

    >>> neighbor_weights(np.array([[0.9, 0.9]])).tolist()
    [[0.5, 0.5]]
    """
    gaps = scores[:, :1] - np.asarray(scores, np.float64)
    target = max(np.log2(gaps.shape[1]), 1.0)
    low, high = np.zeros((len(gaps), 1)), np.maximum(gaps[:, -1:], 1e-12) * 1e3
    for _ in range(STEPS):
        sigma = (low + high) / 2
        is_wide = np.exp(-gaps / sigma).sum(axis=1, keepdims=True) > target
        high, low = np.where(is_wide, sigma, high), np.where(is_wide, low, sigma)
    weights = np.exp(-gaps / high)
    normalized: Array = weights / weights.sum(axis=1, keepdims=True)
    return normalized


def tsne(
    neighbors: Neighbors,
    start: Array,
    settings: ProjectionSettings,
    *,
    squared: bool,
    monitor: Monitor = Monitor(),
) -> Array:
    """t-SNE (van der Maaten and Hinton 2008; Barnes-Hut) from exact neighbors.

    Args:
        start: (n, 2) where the points begin (PCA), up to scale.
        squared: whether the distances are squared ones up to a factor, as 1 - cosine is.

    Returns:
        (n, 2) float32.

    Raises:
        Stopped: the operation was asked to stop. scikit-learn cannot be interrupted, so its thread
            runs to its end in the background.
    """
    from scipy.sparse import csr_array
    from sklearn.manifold import TSNE

    count, k = neighbors.index.shape
    distances = np.sqrt(neighbors.distances) if squared else neighbors.distances
    graph = csr_array(
        (
            np.hstack([np.zeros((count, 1), np.float32), distances]).ravel(),
            np.hstack([np.arange(count)[:, None], neighbors.index]).ravel(),
            np.arange(count + 1) * (k + 1),
        ),
        shape=(count, count),
    )
    model = TSNE(
        2,
        perplexity=min(settings.perplexity, (k - 1) / 3),
        metric="precomputed",
        init=(start / max(float(start[:, 0].std()), 1e-12) * 1e-4).astype(np.float32),
        random_state=settings.seed,
        n_jobs=1,
    )
    xy = _run_in_thread(lambda: model.fit_transform(graph), monitor)
    coordinates: Array = xy.astype(np.float32)
    return coordinates


def _jitter(start: Array, random: np.random.RandomState) -> Array:
    """`start` with a little noise, so that equal points differ and no axis has length 0."""
    size = max(float(np.ptp(start)), 1e-6)
    noise = random.normal(scale=1e-4 * size, size=start.shape)
    jittered: Array = (start + noise).astype(np.float32)
    return jittered


class _TqdmProgress(io.StringIO):
    """A file that tqdm writes its count to: each count is reported, and may stop the run."""

    def __init__(self, stage: str, total: int, monitor: Monitor) -> None:
        super().__init__()
        self.stage, self.total, self.monitor = stage, total, monitor

    def write(self, text: str) -> int:
        """Report one count; tqdm surrounds it by a carriage return and blanks."""
        self.monitor.check()
        if text.strip().isdigit():
            self.monitor.report(self.stage, int(text), self.total)
        return len(text)


def _run_in_thread(work: Callable[[], Any], monitor: Monitor) -> Any:
    """The result of `work`, run in a thread while the monitor is checked."""
    outcome: dict[str, Any] = {}  # "result" or "error"

    def run() -> None:
        try:
            outcome["result"] = work()
        except Exception as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True, name="t-sne")
    thread.start()
    while thread.is_alive():
        monitor.check()
        thread.join(0.2)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def find_clusters(
    vectors: Array, seed: int, count: int = GROUPS, *, times: Array | None = None
) -> Array:
    """Groups of similar images (k-means), by their vectors instead of their place on the map.

    Args:
        vectors: (n, D), as from `recipe_vectors`; reduced to their first 50 principal components.
        count: how many groups; fewer where fewer vectors differ.
        times: (n,) how many images have each vector, by default one.

    Returns:
        (n,) int64, 0 = the largest group.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if _all_equal(vectors):
        return np.zeros(len(vectors), np.int64)
    size = min(50, *vectors.shape)
    reduced = PCA(size, random_state=seed).fit_transform(vectors)
    different = len(np.unique(reduced, axis=0))
    model = KMeans(min(count, different), n_init=4, random_state=seed)
    labels = model.fit_predict(reduced, sample_weight=times)
    order = np.argsort(-np.bincount(labels, weights=times), kind="stable")
    by_size = np.empty_like(order)
    by_size[order] = np.arange(len(order))
    clusters: Array = by_size[labels].astype(np.int64)
    return clusters
