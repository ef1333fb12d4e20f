"""How a map is drawn: where its points go, and what they can be coloured by."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import get_args
from zipfile import BadZipFile

import numpy as np

from simcore.data import cache_dir, csv_files
from simcore.data.answers import review_store
from simcore.errors import BadDataError, SimError, unknown_name
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import features, subsets
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.sim import neighbors, projection
from simcore.sim.projection import Method, ProjectionSettings
from simcore.types import Array, Collection, Direction, Features, ImageSet, Monitor

BY = {
    "side": "Side",
    "found": "Mate first or missed",
    "rank": "Rank of the mate",
    "cluster": "Group of alike images",
    "faces": "Detected faces",
    "tags": "What reviewers tagged",
}
MOST_TAGS = 5  # in colours of their own; the palette has seven
RANKS = (1, 5, 20, 100)  # up to and with; beyond the last is the last group

METHODS: tuple[Method, ...] = get_args(Method)
FORMAT = 1  # raised when a layout of the same input would come out differently
COLUMNS = ("side", "id", "x", "y", "cluster", "rank", "faces")


@dataclass(frozen=True)
class Colors:
    """Groups of a map's points.

    Attributes:
        names: (g,) what each group is called; counts: how many of its images have a place.
        group: (n,) group of each point.
        ordered: whether the groups are steps of one scale.
        quiet: whether the last group is what the others stand out from.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    group: tuple[int, ...]
    ordered: bool
    quiet: bool


def placed(at: Array, size: int) -> tuple[list[int], list[int]]:
    """x and y in a square from 0 to `size`; -1 = no place. Both axes keep one scale, up is up.

    >>> placed(np.array([[0, 0], [4, 1], [np.nan, np.nan]]), 100)
    ([0, 100, -1], [62, 38, -1])
    """
    known = ~np.isnan(at[:, 0])
    low, high = at[known].min(axis=0), at[known].max(axis=0)
    scale = size / max(float((high - low).max()), 1e-12)
    out = np.full(at.shape, -1, np.int64)
    out[known] = np.rint((at[known] - (low + high) / 2) * (scale, -scale) + size / 2)
    return out[:, 0].tolist(), out[:, 1].tolist()


def look(
    method: str = "umap",
    *,
    near: int = 15,
    tight: float = 0.1,
    perplexity: float = 30.0,
    seed: int = 0,
) -> ProjectionSettings:
    """How a map is made, checked.

    Raises:
        UnknownNameError: no such method. BadDataError: a number outside its range.
    """
    if method not in METHODS:
        raise unknown_name("kind of map", method, METHODS)
    return ProjectionSettings(method, near, tight, perplexity, seed)


@dataclass(frozen=True, eq=False)
class Map:
    """Every image of a collection as a point.

    Attributes:
        collection, subset, recipe, look: what it shows, and how it was made.
        sides: the left images and, where there are mates, the right ones; row i of one is the mate
            of row i of the other. The arrays below hold both, left first: n points.
        xy: (n, 2) float32; NaN where the recipe knows nothing of the image.
        cluster: (n,) group of alike images (k-means of the features, not of the map), 0 = the
            largest; -1 = without a place.
        variance: PCA's shares of the two directions, else None.
        made: when and by which content; the name of its file.
    """

    collection: str
    subset: str
    recipe: Recipe
    look: ProjectionSettings
    sides: tuple[ImageSet, ...]
    xy: Array
    cluster: Array
    variance: tuple[float, float] | None
    made: str

    @property
    def missing(self) -> int:
        """Images without a place."""
        return int(np.isnan(self.xy[:, 0]).sum())

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
        """(n,) rank of the mate, asked from each image's own side; None without mates."""
        if len(self.sides) < 2:
            return None
        ways: tuple[Direction, ...] = ("lr", "rl")
        found = [recall.ranks(self.collection, self.recipe, d, subset=self.subset) for d in ways]
        return np.concatenate(found)

    def faces(self) -> Array | None:
        """(n,) detected faces; None where faces have not been extracted."""
        collection = subsets.open_subset(self.collection, self.subset)
        if not features.is_ready(collection, "face"):
            return None
        found = [features.for_side(collection, side, "face") for side in self.sides]
        return np.concatenate([np.bincount(f.index, minlength=f.count) for f in found])

    def table(self) -> list[tuple[str | int | float | None, ...]]:
        """One row a point: side, id, x, y, cluster, rank of the mate, faces; None = not known."""
        ranks, faces, names = self.ranks(), self.faces(), ("left", "right")
        return [
            (
                names[side],
                name,
                *((None, None) if np.isnan(x) else (float(x), float(y))),
                None if group < 0 else int(group),
                None if ranks is None else int(ranks[row]),
                None if faces is None else int(faces[row]),
            )
            for row, (side, name, (x, y), group) in enumerate(
                zip(self.side, self.ids, self.xy, self.cluster, strict=True)
            )
        ]

    def csv(self, rows: Sequence[int] | None = None) -> str:
        """The table, or some of its rows, as a CSV with a head."""
        table = self.table()
        return csv_files.write(COLUMNS, table if rows is None else [table[row] for row in rows])

    def to_dict(self) -> dict:
        """The document that `simcore map --json` prints."""
        return {
            "collection": self.collection,
            "subset": self.subset,
            "recipe": self.recipe.label,
            **asdict(self.look),
            "missing": self.missing,
            "variance": self.variance,
            "points": [dict(zip(COLUMNS, row, strict=True)) for row in self.table()],
        }


def possible(found: Map) -> list[str]:
    """What this map's points can be coloured by."""
    kept = list(BY)
    if len(found.sides) < 2:
        kept = [by for by in kept if by not in {"side", "found", "rank"}]
    if not any(tags(found)):
        kept = [by for by in kept if by != "tags"]
    return kept if found.faces() is not None else [by for by in kept if by != "faces"]


def of(found: Map, by: str) -> Colors:
    """The groups of a map's points.

    Raises:
        UnknownNameError: no such thing to colour by. BadDataError: nothing is known of it here.
    """
    if by not in BY:
        raise unknown_name("colouring", by, BY)
    if by not in possible(found):
        raise BadDataError(
            f"found nothing about {BY[by].lower()} in {found.collection!r}; expected "
            f"{' or '.join(possible(found))}; faces need `simcore extract {found.collection} "
            "--models face`, tags the page Review"
        )
    names, group = _groups(found, by)
    known = group[~np.isnan(found.xy[:, 0])]
    counts = np.bincount(known, minlength=len(names))
    return Colors(
        tuple(names),
        tuple(counts.tolist()),
        tuple(group.tolist()),
        by in {"rank", "faces"},
        by in {"rank", "found", "tags"},
    )


def _groups(found: Map, by: str) -> tuple[list[str], Array]:
    ranks = found.ranks()
    if by == "side":
        return ["left", "right"], found.side
    if by == "found" and ranks is not None:
        return ["mate first", "missed"], (ranks > 1).astype(np.int64)
    if by == "rank" and ranks is not None:
        starts = (1, *(rank + 1 for rank in RANKS))
        ends = (*(f"{rank}" for rank in RANKS), "")
        names = [
            f"rank {a}" if str(a) == b else f"{a} to {b}" if b else f"beyond {a - 1}"
            for a, b in zip(starts, ends, strict=True)
        ]
        return names, np.searchsorted(RANKS, ranks)
    if by == "cluster":
        names = [f"group {number + 1}" for number in range(int(found.cluster.max()) + 1)]
        return names, np.maximum(found.cluster, 0)
    if by == "tags":
        return _tagged(tags(found))
    faces = found.faces()
    assert faces is not None  # `possible` said so
    return ["no face", "1 face", "2 faces", "3 or more"], np.minimum(faces, 3)


def tags(found: Map) -> list[set[str]]:
    """(n,) what at least half of its reviewers tagged the pair of each image with."""
    if len(found.sides) < 2:
        return [set() for _ in found.ids]
    agreed = review_store.agreed_reviews(review_store.current_reviews(found.collection))
    pairs = zip(*(side.keys for side in found.sides), strict=True)
    return [agreed.get((one, other), set()) for one, other in pairs] * 2


def _tagged(said: list[set[str]]) -> tuple[list[str], Array]:
    """The commonest tags; a pair that has several counts as its commonest."""
    common = [tag for tag, _ in Counter(tag for one in said for tag in sorted(one)).most_common()]
    shown = common[:MOST_TAGS]
    names = [*shown, *(["another tag"] if len(common) > len(shown) else []), "no tag"]
    place = {tag: min(number, len(shown)) for number, tag in enumerate(common)}
    group = [min((place[tag] for tag in one), default=len(names) - 1) for one in said]
    return names, np.array(group, np.int64)


def single_recipe(
    models: Sequence[str],
    combine: str = "none",
    *,
    weights: Sequence[float] = (),
    metric: str = recipes.OWN,
    post: str = "none",
) -> Recipe:
    """The one recipe that a map shows: a backbone, or a combination of several.

    Raises:
        BadDataError: several backbones and no way to combine them. UnknownNameError: see `parse`.
    """
    found = recipes.parse(models, combine, weights=weights, metric=metric, post=post)
    if len(found) > 1 and combine == "none":
        raise BadDataError(
            f"found {len(found)} backbones for one map; expected one, or --combine zsum or sum"
        )
    return found[-1]


def make(
    name: str,
    recipe: Recipe,
    how: ProjectionSettings,
    *,
    subset: str = "all",
    monitor: Monitor = Monitor(),
) -> Map:
    """The map of a collection; made once, then read from the cache.

    Raises:
        Stopped: `stop` said so. BadDataError: features are missing, or too few images.
        UnknownNameError: no such collection, subset or backbone.
    """
    found = ready(name, recipe, how, subset=subset)
    if found is not None:
        return found
    collection = subsets.open_subset(name, subset)
    at, cluster, variance = _made(collection, recipe, how, monitor)
    out = io.BytesIO()
    np.savez_compressed(out, at=at, cluster=cluster, variance=variance)
    cache_dir.write_atomic(_file(collection, recipe, how), out.getvalue())
    made = ready(name, recipe, how, subset=subset)
    if made is None:
        raise SimError(
            f"found no {_file(collection, recipe, how)} just after writing it; try again"
        )
    return made


def ready(name: str, recipe: Recipe, how: ProjectionSettings, *, subset: str = "all") -> Map | None:
    """The map if it has been made already.

    Raises:
        BadDataError: features are missing. UnknownNameError: as for `make`.
    """
    collection = subsets.open_subset(name, subset)
    file = _file(collection, recipe, how)
    if not file.is_file():
        return None
    try:
        return _read(file, file.stat().st_mtime_ns, collection, subset, recipe, how)
    except (OSError, KeyError, ValueError, BadZipFile):  # cut short or damaged: as if not there
        return None


@lru_cache(maxsize=32)
def _read(
    file: Path,
    _stamp: int,
    collection: Collection,
    subset: str,
    recipe: Recipe,
    how: ProjectionSettings,
) -> Map:
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as held:
        at, cluster, variance = held["at"], held["cluster"], held["variance"]
    at.flags.writeable = cluster.flags.writeable = False
    return Map(
        collection.name,
        subset,
        recipe,
        how,
        _sides(collection),
        at,
        cluster,
        (float(variance[0]), float(variance[1])) if variance.size else None,
        file.stem,
    )


def _made(
    collection: Collection,
    recipe: Recipe,
    how: ProjectionSettings,
    monitor: Monitor,
) -> tuple[Array, Array, tuple[float, ...]]:
    images = {b: _joined(collection, b) for b in recipe.backbones}
    resolved = recipes.resolve(recipe)
    count = next(iter(images.values())).count
    _enough(collection, count)
    if how.method == "pca":
        kept = _evident(images.values())
    else:
        k = how.neighbor_count(count)
        kept, near = neighbors.nearest(resolved, images, k, monitor=monitor)
    _enough(collection, len(kept))
    vectors = neighbors.recipe_vectors(resolved, images)[kept]
    found, variance = projection.pca(vectors, how.seed)
    if how.method == "umap":
        found = projection.umap(near, found, how, monitor=monitor)
    elif how.method == "tsne":
        metrics = {part.metric for part in resolved.parts}
        squared = len(recipe.parts) > 1 or "cosine" in metrics
        found = projection.tsne(near, found, how, squared=squared, monitor=monitor)
    at, cluster = np.full((count, 2), np.nan, np.float32), np.full(count, -1)
    at[kept], cluster[kept] = found, projection.find_clusters(vectors, how.seed)
    return at, cluster, variance if how.method == "pca" else ()


def _evident(images: Iterable[Features]) -> Array:
    """Images with a row under any of the backbones."""
    return np.unique(np.concatenate([one.index for one in images]))


def _enough(collection: Collection, count: int) -> None:
    if count < projection.FEWEST:
        raise BadDataError(
            f"found {count} images of {collection.name!r} that can be placed; expected at least "
            f"{projection.FEWEST} for a map"
        )


def _joined(collection: Collection, backbone: str) -> Features:
    """Features of all images, the left ones first."""
    found = [features.for_side(collection, side, backbone) for side in _sides(collection)]
    if len(found) == 1:
        return found[0]
    left, right = found
    return Features(
        backbone,
        np.concatenate([left.index, left.count + right.index]),
        np.concatenate([left.values, right.values]),
        left.count + right.count,
    )


def _sides(collection: Collection) -> tuple[ImageSet, ...]:
    return (collection.left,) if collection.right is None else (collection.left, collection.right)


def _file(collection: Collection, recipe: Recipe, how: ProjectionSettings) -> Path:
    """Named by everything that decides where the points are."""
    own = {name: registry.get(name).metric for name in recipe.backbones}
    told = hashlib.sha256(repr((FORMAT, recipe, own, how)).encode())
    for backbone in recipe.backbones:
        told.update(features.identity(collection, backbone).encode())
    for side in _sides(collection):
        told.update("\n".join(side.keys).encode() + b"\n\n")
    return cache_dir.subfolder("maps") / f"{told.hexdigest()[:32]}.npz"
