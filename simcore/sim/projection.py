"""Images as points in the plane: PCA, UMAP and t-SNE of whatever a recipe says is alike.

UMAP and t-SNE look at each image's nearest neighbours only, and get them from the recipe itself
(exactly, in blocks), so that sums, centring, hub correction and images with several faces or none
are laid out as they are compared. PCA needs vectors: those of
`neighbours.stacked`.
"""

import io
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.sim.neighbors import Neighbors
from simcore.types import Array, Monitor

Method = Literal["umap", "pca", "tsne"]
GROUPS = 7  # as many as there are colours that colour-blind people can tell apart
FEWEST = 4  # images; fewer have no shape
EPOCHS = (500, 200)  # UMAP's own, up to 10,000 images and beyond


@dataclass(frozen=True)
class ProjectionSettings:
    """How a layout is made; part of the cache key.

    Attributes:
        near: UMAP's n_neighbors: few show detail, many the large shape.
        tight: UMAP's min_dist, 0 to 1: how close points may lie.
        perplexity: t-SNE's.
        seed: of every random number.
    """

    method: Method = "umap"
    near: int = 15
    tight: float = 0.1
    perplexity: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("neighbours", self.near, 2, 200),
            ("min-dist", self.tight, 0, 1),
            ("perplexity", self.perplexity, 2, 200),
            ("seed", self.seed, 0, 2**32 - 1),
        ):
            if not least <= value <= most:
                raise BadDataError(f"found {name} {value:g}; expected {least:g} to {most:g}")

    def wanted(self, images: int) -> int:
        """How many neighbours of each image the method looks at; 0 = none."""
        each = {"pca": 0, "umap": self.near - 1, "tsne": int(3 * self.perplexity) + 1}
        return min(each[self.method], images - 1)


def pca(vectors: Array, seed: int) -> tuple[Array, tuple[float, float]]:
    """The two directions of most variance.

    Returns:
        (n, 2) float32, and each direction's share of the variance.
    """
    from sklearn.decomposition import PCA

    if _alike(vectors):
        return np.zeros((len(vectors), 2), np.float32), (0.0, 0.0)
    made = PCA(2, random_state=seed)
    at = made.fit_transform(vectors)
    first, second = made.explained_variance_ratio_
    return at.astype(np.float32), (float(first), float(second))


def _alike(vectors: Array) -> bool:
    return bool((vectors == vectors[0]).all())


def umap(
    near: Neighbors,
    start: Array,
    look: ProjectionSettings,
    *,
    monitor: Monitor = Monitor(),
) -> Array:
    """UMAP (McInnes et al. 2018) from exact neighbours, beginning at `start` (PCA).

    One thread and a seed: the same input gives the same map.

    Returns:
        (n, 2) float32.

    Raises:
        Stopped: somebody asked to.
    """
    with warnings.catch_warnings():
        # Its optional neural variant wants TensorFlow and says so to everybody.
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

    count, k = near.index.shape
    random = np.random.RandomState(look.seed)
    self_ = np.arange(count)[:, None]
    graph, _, _ = fuzzy_simplicial_set(
        start,
        k + 1,
        random,
        "precomputed",
        knn_indices=np.hstack([self_, near.index]),
        knn_dists=np.hstack([np.zeros((count, 1), np.float32), near.drop]),
    )
    a, b = find_ab_params(1.0, look.tight)
    epochs = EPOCHS[count > 10_000]
    ticks = _Ticks("umap", epochs, monitor)
    at, _ = simplicial_set_embedding(
        start,
        graph,
        2,
        1.0,
        a,
        b,
        1.0,
        5,
        epochs,
        _spread(start, random),
        random,
        "euclidean",
        {},
        False,
        {},
        False,
        tqdm_kwds={"file": ticks, "bar_format": "{n}", "mininterval": 0.2, "disable": False},
    )
    monitor.report("umap", epochs, epochs)
    found: Array = at.astype(np.float32)
    return found


def tsne(
    near: Neighbors,
    start: Array,
    look: ProjectionSettings,
    *,
    squared: bool,
    monitor: Monitor = Monitor(),
) -> Array:
    """t-SNE (van der Maaten and Hinton 2008; Barnes-Hut) from exact neighbours.

    Args:
        start: (n, 2) where the points begin (PCA); only its shape counts.
        squared: whether drops are squared distances up to a factor, as 1 - cosine is.

    Returns:
        (n, 2) float32.

    Raises:
        Stopped: somebody asked to. scikit-learn cannot be interrupted: its thread is left to end.
    """
    from scipy.sparse import csr_array
    from sklearn.manifold import TSNE

    count, k = near.index.shape
    far = np.sqrt(near.drop) if squared else near.drop
    graph = csr_array(
        (
            np.hstack([np.zeros((count, 1), np.float32), far]).ravel(),
            np.hstack([np.arange(count)[:, None], near.index]).ravel(),
            np.arange(count + 1) * (k + 1),
        ),
        shape=(count, count),
    )
    made = TSNE(
        2,
        perplexity=min(look.perplexity, (k - 1) / 3),
        metric="precomputed",
        init=(start / max(float(start[:, 0].std()), 1e-12) * 1e-4).astype(np.float32),
        random_state=look.seed,
        n_jobs=1,
    )
    found: Array = _meanwhile(lambda: made.fit_transform(graph), monitor).astype(np.float32)
    return found


def _spread(start: Array, random: np.random.RandomState) -> Array:
    """`start` with equal points moved apart by a hair, and no side of length 0."""
    size = max(float(np.ptp(start)), 1e-6)
    noise = random.normal(scale=1e-4 * size, size=start.shape)
    out: Array = (start + noise).astype(np.float32)
    return out


class _Ticks(io.StringIO):
    """Where tqdm writes its count: each one is passed on, and is a chance to stop."""

    def __init__(self, stage: str, total: int, monitor: Monitor) -> None:
        super().__init__()
        self.stage, self.total, self.monitor = stage, total, monitor

    def write(self, text: str) -> int:
        """One count, with a carriage return and blanks around it."""
        self.monitor.check()
        if text.strip().isdigit():
            self.monitor.report(self.stage, int(text), self.total)
        return len(text)


def _meanwhile(work: Callable[[], Any], monitor: Monitor) -> Any:
    """Do `work` in a thread while watching for a wish to stop."""
    box: dict[str, Any] = {}

    def do() -> None:
        try:
            box["found"] = work()
        except Exception as error:
            box["error"] = error

    thread = threading.Thread(target=do, daemon=True, name="layout")
    thread.start()
    while thread.is_alive():
        monitor.check()
        thread.join(0.2)
    if "error" in box:
        raise box["error"]
    return box["found"]


def find_clusters(vectors: Array, seed: int, count: int = GROUPS) -> Array:
    """Groups of alike images by their vectors, not by where a map puts them (k-means).

    Args:
        vectors: (n, D), as from `stacked`; their first 50 principal directions are looked at.

    Returns:
        (n,) int64, 0 = the largest group; fewer than `count` where there are few images.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if _alike(vectors):
        return np.zeros(len(vectors), np.int64)
    size = min(50, *vectors.shape)
    small = PCA(size, random_state=seed).fit_transform(vectors)
    different = len(np.unique(small, axis=0))
    found = KMeans(min(count, different), n_init=4, random_state=seed).fit_predict(small)
    order = np.argsort(-np.bincount(found), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    out: Array = place[found].astype(np.int64)
    return out
