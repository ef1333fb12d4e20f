"""Maps: every image of a collection as a point in the plane."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from simcore import memory
from simcore.data import cache_dir, result_cache, state_files
from simcore.errors import BadDataError, SimError, unknown_name
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, fields, subsets
from simcore.lab.library.fields import Columns
from simcore.lab.search import map_layout
from simcore.lab.search.map_layout import Points
from simcore.models import registry
from simcore.recipe import Question, Recipe
from simcore.results import Table
from simcore.sim.projection import Method, ProjectionSettings
from simcore.types import DIRECTIONS, JSON, Array, Collection, Features, ImageSet, Monitor

METHODS: tuple[Method, ...] = get_args(Method)
FORMAT = 3  # raised when the same input would give another map
COLUMNS = ("side", "id", "x", "y", "cluster", "rank", "faces")


def to_pixels(xy: Array, size: int) -> tuple[list[int], list[int]]:
    """x and y in a square from 0 to `size`; -1 = not on the map. One scale for both axes, y up.

    >>> to_pixels(np.array([[0, 0], [4, 1], [np.nan, np.nan]]), 100)
    ([0, 100, -1], [62, 38, -1])
    """
    placed = ~np.isnan(xy[:, 0])
    low, high = xy[placed].min(axis=0), xy[placed].max(axis=0)
    scale = size / max(float((high - low).max()), 1e-12)
    out = np.full(xy.shape, -1, np.int64)
    out[placed] = np.rint((xy[placed] - (low + high) / 2) * (scale, -scale) + size / 2)
    return out[:, 0].tolist(), out[:, 1].tolist()


def projection_settings(
    method: str = "umap",
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
    seed: int = 0,
) -> ProjectionSettings:
    """The settings of a map, checked.

    Args:
        n_neighbors, min_dist: UMAP's. perplexity: t-SNE's. seed: of every random number.

    Raises:
        UnknownNameError: no such method. BadDataError: a number outside its range.
    """
    if method not in METHODS:
        raise unknown_name("kind of map", method, METHODS)
    return ProjectionSettings(method, n_neighbors, min_dist, perplexity, seed)


@dataclass(frozen=True, eq=False)
class Map:
    """Every image of a collection as a point.

    Attributes:
        collection, subset, recipe, settings: what it shows, and how it was computed.
        sides: the left images and, where there are mates, the right ones; row i of one is the mate
            of row i of the other. The arrays below hold both, left first: n points.
        xy: (n, 2) float32; NaN where the recipe has no evidence about the image.
        cluster: (n,) cluster of similar images (k-means of the features, not of the map), 0 = the
            largest; -1 = not on the map.
        variance: PCA's shares of the two directions, else None.
        digest: changes with everything that decides where the points are; names its file.
    """

    collection: str
    subset: str
    recipe: Recipe
    settings: ProjectionSettings
    sides: tuple[ImageSet, ...]
    xy: Array
    cluster: Array
    variance: tuple[float, float] | None
    digest: str

    @property
    def missing(self) -> int:
        """Images that are not on the map."""
        return int(np.isnan(self.xy[:, 0]).sum())

    @property
    def sample(self) -> int | None:
        """Images that the layout was computed from; the others lie among those most similar to
        them. None where it was computed from all.
        """
        return map_layout.SAMPLE if len(self.xy) > map_layout.MAX_LAID_OUT else None

    @property
    def ids(self) -> list[str]:
        """(n,) names of the images."""
        return [name for side in self.sides for name in side.ids]

    @property
    def keys(self) -> list[str]:
        """(n,) content keys, for thumbnails."""
        return [key for side in self.sides for key in side.keys]

    @property
    def side(self) -> Array:
        """(n,) 0 = left, 1 = right."""
        return np.repeat(np.arange(len(self.sides)), [len(side) for side in self.sides])

    def ranks(self) -> Array | None:
        """(n,) rank of the mate, queried from each image's own side.

        None without mates, and where there are too many to compute their ranks while one waits.
        """
        if not self.has_ranks:
            return None
        return np.concatenate([recall.ranks_of_each(each)[0] for each in self._rank_questions()])

    def compute_ranks(self, monitor: Monitor = Monitor()) -> None:
        """Compute and store what `ranks` returns, of up to `recall.MAX_RANKED` pairs.

        Raises:
            Stopped: the monitor asked to stop.
        """
        if len(self.sides) < 2 or len(self.sides[0]) > recall.MAX_RANKED:
            return
        for number, question in enumerate(self._rank_questions()):
            part = monitor.part(number / len(DIRECTIONS), (number + 1) / len(DIRECTIONS))
            recall.outcomes_of_each(question, monitor=part)

    @property
    def has_ranks(self) -> bool:
        """Whether `ranks` returns any."""
        return len(self.sides) > 1 and all(map(recall.is_quick, self._rank_questions()))

    def _rank_questions(self) -> list[Question]:
        return [
            Question(self.collection, (self.recipe,), direction, self.subset)
            for direction in DIRECTIONS
        ]

    def faces(self) -> Array | None:
        """(n,) detected faces; None where faces have not been extracted."""
        return count_faces(subsets.open_subset(self.collection, self.subset))

    def fields(self) -> Columns:
        """(n,) values of each field of the collection's table; none for most collections."""
        collection = subsets.open_subset(self.collection, self.subset)
        return {
            name if name not in COLUMNS else f"{name} (field)": fields.values(collection, name)
            * len(self.sides)
            for name in fields.names(self.collection)
        }

    def to_table(self, rows: Sequence[int] | None = None) -> Table:
        """One row per point (or per point of `rows`): `COLUMNS`; None = no evidence."""
        ranks, faces, side = self.ranks(), self.faces(), self.side.tolist()
        ids, clusters = self.ids, self.cluster.tolist()
        own = self.fields()
        return Table(
            (*COLUMNS, *own),
            tuple(
                (
                    ("left", "right")[side[row]],
                    ids[row],
                    *((None, None) if np.isnan(self.xy[row, 0]) else map(float, self.xy[row])),
                    None if clusters[row] < 0 else clusters[row],
                    None if ranks is None else int(ranks[row]),
                    None if faces is None else int(faces[row]),
                    *(column[row] for column in own.values()),
                )
                for row in (range(len(ids)) if rows is None else rows)
            ),
        )

    def to_dict(self) -> JSON:
        """The document that `simcore map --json` prints."""
        table = self.to_table()
        columns = table.columns
        return {
            "collection": self.collection,
            "subset": self.subset,
            "recipe": self.recipe.label,
            **asdict(self.settings),
            "missing": self.missing,
            "sample": self.sample,
            "variance": self.variance,
            "points": [dict(zip(columns, row, strict=True)) for row in table.rows],
        }


def count_faces(collection: Collection) -> Array | None:
    """(n,) detected faces of all images, the left ones first; None without extracted faces.

    The counts are stored: a page that only colors points need not open the store of features.
    """
    if not features.is_ready(collection, "face"):
        return None

    def count() -> result_cache.Arrays:
        faces = _all_features(collection, "face")
        return {"faces": np.bincount(faces.index, minlength=faces.count)}

    sides = tuple(side.digest for side in _sides(collection))
    key = features.identity(collection, "face"), sides
    return memory.get(("face counts", *key), lambda: result_cache.get("faces", key, count))["faces"]


def single_recipe(
    models: Sequence[str],
    combine: str = "none",
    *,
    weights: Sequence[float] = (),
    metric: str = recipes.OWN,
    post: str = "none",
    missing: str = "mean",
) -> Recipe:
    """The one recipe that a map shows: a backbone, or a combination of several.

    Raises:
        BadDataError: several backbones without a combination. UnknownNameError: see `parse`.
    """
    parsed = recipes.parse(
        models, combine, weights=weights, metric=metric, post=post, missing=missing
    )
    if len(parsed) > 1 and combine == "none":
        raise BadDataError(
            f"A map shows one recipe, got {len(parsed)} backbones. Add --combine zsum or sum."
        )
    return parsed[-1]


def make(question: Question, settings: ProjectionSettings, *, monitor: Monitor = Monitor()) -> Map:
    """The map of a collection; computed once, then read from the cache.

    Args:
        question: the collection, its subset, and one recipe.

    Raises:
        Stopped: the monitor asked to stop. BadDataError: features are missing, too few images, or
            not exactly one recipe. UnknownNameError: no such collection, subset or backbone.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    if (stored := load(question, settings)) is not None:
        return stored
    recipe = _recipe(question)
    images = {backbone: _all_features(collection, backbone) for backbone in recipe.backbones}
    points = map_layout.compute(
        recipes.resolve(recipe), images, settings, collection.name, monitor=monitor
    )
    path = _file(collection, recipe, settings)
    arrays = {"at": points.xy, "cluster": points.cluster, "variance": np.array(points.variance)}
    state_files.write_arrays(path, arrays)
    stored = load(question, settings)
    if stored is None:
        raise SimError(f"The map {path} cannot be read after it was written. Try again.")
    return stored


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for the PCA of each recipe of a question."""
    collection = collections.open_(question.collection)
    images = sum(map(len, collection.sides()))
    seconds = [work_estimates.projection(recipe, images) for recipe in question.recipes]
    return work_estimates.is_short(sum(seconds))


def load(question: Question, settings: ProjectionSettings) -> Map | None:
    """The map, if it was computed before.

    Raises:
        BadDataError: features are missing. UnknownNameError: as for `make`.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    recipe = _recipe(question)
    path = _file(collection, recipe, settings)
    if not path.is_file():
        return None
    key = ("map", str(path), path.stat().st_mtime_ns)
    count = sum(len(side) for side in _sides(collection))
    points: Points | None = memory.get(key, lambda: _read(path, count))
    if points is None:
        return None
    variance = points.variance
    return Map(
        collection=collection.name,
        subset=question.subset,
        recipe=recipe,
        settings=settings,
        sides=_sides(collection),
        xy=points.xy,
        cluster=points.cluster,
        variance=(float(variance[0]), float(variance[1])) if len(variance) else None,
        digest=path.stem,
    )


def _recipe(question: Question) -> Recipe:
    if len(question.recipes) != 1:
        raise BadDataError(f"A map shows one recipe, got {len(question.recipes)}.")
    if question.recipes[0].combine in ("rrf", "gated", "rerank"):
        raise BadDataError(
            "A map needs distances between any two images. Ranks have none, and with gates or a "
            "second stage they depend on the query. Choose zsum or sum."
        )
    return question.recipes[0]


def _read(path: Path, count: int) -> Points | None:
    """The points of a stored map of `count` images; None if it is damaged."""

    def parse(arrays: Mapping[str, Array]) -> Points:
        points = Points(arrays["at"], arrays["cluster"], arrays["variance"].tolist())
        shapes = points.xy.shape, points.cluster.shape
        if shapes != ((count, 2), (count,)) or len(points.variance) not in {0, 2}:
            raise ValueError(f"it has arrays of the shapes {shapes}")
        if points.xy.dtype.kind != "f" or points.cluster.dtype.kind not in "iu":
            raise ValueError("its arrays hold other types")
        points.xy.flags.writeable = points.cluster.flags.writeable = False
        return points

    return state_files.read_arrays(path, parse, rebuild=True)


def _all_features(collection: Collection, backbone: str) -> Features:
    """Features of all images, the left ones first."""
    sides = [features.for_side(collection, side, backbone) for side in _sides(collection)]
    if len(sides) == 1:
        return sides[0]
    left, right = sides
    return Features(
        backbone,
        np.concatenate([left.index, left.count + right.index]),
        np.concatenate([left.values, right.values]),
        left.count + right.count,
    )


def _sides(collection: Collection) -> tuple[ImageSet, ...]:
    return (collection.left,) if collection.right is None else (collection.left, collection.right)


def _file(collection: Collection, recipe: Recipe, settings: ProjectionSettings) -> Path:
    """Where a map is stored; the name depends on everything that decides where the points are."""
    own = {name: registry.get(name).metric for name in recipe.backbones}
    digest = hashlib.sha256(repr((FORMAT, recipe.canonical, own, settings)).encode())
    for backbone in recipe.backbones:
        digest.update(features.identity(collection, backbone).encode())
    for side in _sides(collection):
        digest.update("\n".join(side.keys).encode() + b"\n\n")
    if sum(map(len, _sides(collection))) > map_layout.MAX_LAID_OUT:
        digest.update(repr(("sample", map_layout.SAMPLE)).encode())
    return cache_dir.subfolder("maps") / f"{digest.hexdigest()[:32]}.npz"
