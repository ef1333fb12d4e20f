"""Morphing maps: the maps of several recipes turned onto each other, so that points can move.

Each map is the one that `maps` makes on its own, with the same seed; only its orientation, which
means nothing in a map, follows the map before it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.search import maps
from simcore.lab.search.maps import Map
from simcore.recipe import Question, Recipe
from simcore.results import Cell, Table, TableResult
from simcore.sim import alignment
from simcore.sim.projection import ProjectionSettings
from simcore.types import JSON, Array, Monitor

FEWEST = 2  # maps that can be morphed


@dataclass(frozen=True, eq=False)
class Stop:
    """One map of a morph.

    Attributes:
        map: with coordinates in the frame that all stops share.
        disparity: to where the maps before it have its points, see `sim.alignment`; None for the
            first.
    """

    map: Map
    disparity: float | None

    @property
    def at_rank_1(self) -> int | None:
        """Images whose mate is first, queried from both sides; None without mates."""
        ranks = self.map.ranks()
        return None if ranks is None else int((ranks == 1).sum())

    @property
    def mate_distance(self) -> float | None:
        """Median distance of mates on the map, relative to the RMS distance of two of its points.

        None without mates, or where the map shows no pair.
        """
        xy, n_left = self.map.xy, len(self.map.sides[0])
        if len(self.map.sides) < 2:
            return None
        apart = np.linalg.norm(xy[:n_left] - xy[n_left:], axis=1)
        placed = xy[~np.isnan(xy[:, 0])]
        spread = float(np.sqrt(2 * placed.var(axis=0, dtype=np.float64).sum()))
        if np.isnan(apart).all() or spread == 0:
            return None
        return float(np.nanmedian(apart)) / spread


@dataclass(frozen=True, eq=False)
class Morph(TableResult):
    """Maps of the same images in one frame of coordinates, in the order of the slider."""

    collection: str
    subset: str
    settings: ProjectionSettings
    stops: tuple[Stop, ...]

    @property
    def maps(self) -> tuple[Map, ...]:
        """The map of each stop."""
        return tuple(stop.map for stop in self.stops)

    def to_dict(self) -> JSON:
        """The document that `simcore map --morph --json` prints."""
        return {
            "collection": self.collection,
            "subset": self.subset,
            **asdict(self.settings),
            "stops": [
                {
                    "recipe": stop.map.recipe.label,
                    "at_rank_1": stop.at_rank_1,
                    "mate_distance": stop.mate_distance,
                    "disparity": stop.disparity,
                    "points": stop.map.to_dict()["points"],
                }
                for stop in self.stops
            ],
        }

    def to_table(self) -> Table:
        """One row per stop."""
        rows: list[tuple[Cell, ...]] = [
            (
                stop.map.recipe.label,
                stop.at_rank_1,
                _rounded(stop.mate_distance),
                _rounded(stop.disparity),
            )
            for stop in self.stops
        ]
        images = len(self.stops[0].map.xy)
        return Table(
            ("map", "at rank 1", "mate distance", "disparity"),
            tuple(rows),
            f"{self.collection}, {self.subset}: {self.settings.method} of {images:,} images",
            (
                "mate distance: median on the map, relative to two random images; disparity: to "
                "the map before, 0 = the same.",
            ),
        )

    def points_table(self) -> Table:
        """One row per stop and image: the recipe, then the columns of `Map.to_table`."""
        tables = [stop.map.to_table() for stop in self.stops]
        return Table(
            ("recipe", *tables[0].columns),
            tuple(
                (stop.map.recipe.label, *row)
                for stop, table in zip(self.stops, tables, strict=True)
                for row in table.rows
            ),
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def stops(
    models: Sequence[str], *, metric: str = recipes.OWN, post: str = "none", missing: str = "mean"
) -> tuple[Recipe, ...]:
    """The recipes that a morph leads through: each backbone, then their z-sum.

    Raises:
        BadDataError: fewer than two backbones. UnknownNameError: see `recipes.parse`.
    """
    _check(models)
    return tuple(recipes.parse(models, "zsum", metric=metric, post=post, missing=missing))


def make(
    question: Question, settings: ProjectionSettings, *, monitor: Monitor = Monitor()
) -> Morph:
    """The maps of all recipes of a question, aligned; those that are not stored are computed.

    Each map is stored as soon as it is finished, so a run that was stopped is continued.

    Args:
        question: the collection, its subset, and a recipe per stop.

    Raises:
        Stopped: the monitor asked to stop. BadDataError: features are missing, too few images, or
            fewer than two recipes. UnknownNameError: no such collection, subset or backbone.
    """
    _check(question.recipes)
    count = len(question.recipes)
    views = [
        maps.make(
            question.with_recipes(recipe),
            settings,
            monitor=monitor.part(number / count, (number + 1) / count),
        )
        for number, recipe in enumerate(question.recipes)
    ]
    return _aligned(question, settings, views)


def load(question: Question, settings: ProjectionSettings) -> Morph | None:
    """The maps, aligned; None if one of them has not been computed yet.

    Raises:
        BadDataError, UnknownNameError: as for `make`.
    """
    _check(question.recipes)
    views = []
    for recipe in question.recipes:
        view = maps.load(question.with_recipes(recipe), settings)
        if view is None:
            return None
        views.append(view)
    return _aligned(question, settings, views)


def missing(question: Question, settings: ProjectionSettings) -> list[Recipe]:
    """The recipes of a question whose maps have not been computed yet."""
    return [
        recipe
        for recipe in question.recipes
        if maps.load(question.with_recipes(recipe), settings) is None
    ]


def _check(stops_: Sequence[object]) -> None:
    if len(stops_) < FEWEST:
        raise BadDataError(
            f"A morph needs at least {FEWEST} backbones, got {len(stops_)}. Name more of them."
        )


def _aligned(question: Question, settings: ProjectionSettings, views: Sequence[Map]) -> Morph:
    stops = [Stop(views[0], None)]
    # Where each point was last: a map of a few images (faces, say) must not decide how the map
    # after it lies.
    last = views[0].xy.copy()
    for view in views[1:]:
        aligned = alignment.align(view.xy, last)
        placed = ~np.isnan(aligned.xy[:, 0])
        last[placed] = aligned.xy[placed]
        stops.append(Stop(replace(view, xy=aligned.xy), aligned.disparity))
    return Morph(question.collection, question.subset, settings, tuple(stops))


def to_pixels(blocks: Sequence[Array], size: int) -> list[tuple[list[int], list[int]]]:
    """As `maps.to_pixels` for several sets of points in one frame.

    >>> to_pixels([np.array([[0.0, 0]]), np.array([[4.0, 4], [2, 4]])], 100)
    [([0], [100]), ([100, 50], [0, 0])]
    """
    x, y = maps.to_pixels(np.concatenate(blocks), size)
    starts = np.cumsum([0, *map(len, blocks)]).tolist()
    return [(x[start:end], y[start:end]) for start, end in itertools.pairwise(starts)]
