"""Where an image from outside lands on maps: near the images that it resembles most."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore import memory
from simcore.data import images
from simcore.lab.evaluate import recall
from simcore.lab.library import subsets
from simcore.lab.search import search
from simcore.lab.search.maps import Map
from simcore.lab.search.search import Query
from simcore.models import registry, weights
from simcore.recipe import Question, Recipe
from simcore.sim import projection
from simcore.types import DIRECTIONS, Array, Monitor

N_NEIGHBORS = 5


@dataclass(frozen=True, eq=False)
class Placement:
    """One image on several maps of the same images.

    Attributes:
        xy: (m, 2) float32, its place on each map; NaN where it has none.
        nearest: for each map, positions in `Map.ids` of the most similar images, nearest first.
        same_file: position in `Map.ids` of the same file, where the collection contains it.
        left_out: for each map why the image is not on it, "" where it is.
    """

    xy: Array
    nearest: tuple[tuple[int, ...], ...]
    same_file: int | None
    left_out: tuple[str, ...]


def place(
    question: Question, views: Sequence[Map], image: bytes, *, monitor: Monitor = Monitor()
) -> Placement:
    """Place an image as UMAP places new points: at a weighted mean of its nearest neighbors.

    The weights are UMAP's (McInnes et al. 2018, section 3.1), so the nearest image counts most. A
    file that the collection contains has the place of its image.

    Args:
        question: the collection and the subset of the maps.
        views: maps of the same images, such as those of a morph.
        image: the bytes of an image file; nothing of it is stored.

    Raises:
        BadImageError: the bytes are no usable image. Stopped: the monitor directed to stop.
    """
    pairs = recall.pairs_digest(subsets.open_subset(question.collection, question.subset))
    key = ("placement", hashlib.sha256(image).digest(), pairs, *(view.digest for view in views))
    return memory.get(key, lambda: _place(question, views, image, monitor))


def _place(question: Question, views: Sequence[Map], image: bytes, monitor: Monitor) -> Placement:
    xy = np.full((len(views), 2), np.nan, np.float32)
    nearest: list[tuple[int, ...]] = []
    left_out: list[str] = []
    same_file = _position_of_file(views[0], image)
    for number, view in enumerate(views):
        monitor.check()
        reason, rows, scores = _without_weights(view.recipe), np.zeros(0, np.int64), np.zeros(0)
        if not reason:
            rows, scores = _neighbors(question.with_recipes(view.recipe), view, image, monitor)
            reason = "" if rows.size else "it has nothing to compare in this image"
        is_placed = True
        if same_file is not None and not np.isnan(view.xy[same_file, 0]):
            xy[number] = view.xy[same_file]
        elif rows.size:
            xy[number] = projection.neighbor_weights(scores[None])[0] @ view.xy[rows]
        else:
            is_placed = False
        left_out.append("" if is_placed else reason)
        nearest.append(tuple(rows.tolist()))
    return Placement(xy, tuple(nearest), same_file, tuple(left_out))


def _neighbors(
    question: Question, view: Map, image: bytes, monitor: Monitor
) -> tuple[Array, Array]:
    """Positions in `Map.ids` and similarities of the nearest images of both sides."""
    rows: list[int] = []
    scores: list[float] = []
    for direction in DIRECTIONS[: len(view.sides)]:
        directed = replace(question, direction=direction)
        (hits,) = search.search(directed, Query(image=image), k=N_NEIGHBORS, monitor=monitor)
        # "lr" searches the right side; images without mates are their own gallery.
        is_right = direction == "lr" and len(view.sides) > 1
        start = len(view.sides[0]) if is_right else 0
        rows += [start + view.sides[int(is_right)].row_of[name] for name in hits.ids]
        scores += [float(score) for score in hits.scores]
    placed = [index for index, row in enumerate(rows) if not np.isnan(view.xy[row, 0])]
    nearest = sorted(placed, key=lambda index: (-scores[index], rows[index]))[:N_NEIGHBORS]
    return np.array(rows, np.int64)[nearest], np.array(scores)[nearest]


def _without_weights(recipe: Recipe) -> str:
    """Why an image cannot be embedded for a recipe; "" if it can."""
    names = [name for name in recipe.backbones if not weights.status(registry.get(name))[0]]
    return f"the weights of {', '.join(names)} are not on this computer" if names else ""


def _position_of_file(view: Map, image: bytes) -> int | None:
    """The position in `Map.ids` of the image with the same file; None if there is none."""
    start = 0
    for side in view.sides:
        key = images.content_key(image, side.trim, ignore_profile=side.ignore_profiles)
        if key in side.keys:
            return start + side.keys.index(key)
        start += len(side)
    return None
