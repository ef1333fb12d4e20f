"""Which changes of a picture a representation ignores, and what the others cost in retrieval."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.retrieval import invariance, recall
from simcore.evaluate.statistics import bootstrap
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate import recall as lab_recall
from simcore.lab.invariance import changed_features
from simcore.lab.library import features, subsets
from simcore.models import transforms
from simcore.models.transforms import TRANSFORMS, Setting
from simcore.recipe import Question, Recipe, distinct_labels
from simcore.results import Cell, Interval, Result, Table, TableResult
from simcore.sim.distribution import Distribution
from simcore.types import Array, Collection, Features, Monitor, Score

KIND = "invariance"  # of result on disk
FLOOR = "floor"
ALL = "all"
EVERY = "@all"  # transforms, also those that need weights
RESUME = "Stopped; what was computed is kept. Start again to resume."
FeaturesByBackbone = dict[str, Features]
RanksByRecipe = dict[Recipe, Array]


@dataclass(frozen=True)
class InvarianceQuestion:
    """Which pictures are changed, how, and what compares them.

    Attributes:
        question: recipes, and pairs whose queries are changed.
        transforms: names, or "@all"; empty for all that need no weights.
        levels: "default", the middle strength of each, or "all".
        seed: of the random changes.
    """

    question: Question
    transforms: tuple[str, ...] = ()
    levels: str = "default"
    seed: int = 0

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every change.

        Raises:
            UnknownNameError: no such transform or choice of levels.
        """
        if self.levels not in ("default", ALL):
            raise unknown_name("choice of levels", self.levels, ("default", ALL))
        free = [name for name, each in TRANSFORMS.items() if not each.needs_weights]
        names = list(TRANSFORMS) if self.transforms == (EVERY,) else self.transforms or free
        chosen = [transforms.get(name) for name in names]
        return tuple(
            Setting(transform.name, strength, self.seed)
            for transform in chosen
            for strength in (transform.levels if self.levels == ALL else (transform.default,))
        )

    def to_args(self) -> list[str]:
        """The arguments of `simcore evaluate invariance`; defaults are left out."""
        args = self.question.to_args()
        if self.transforms:
            args += ["--transforms", ",".join(self.transforms)]
        if self.levels != "default":
            args += ["--levels", self.levels]
        return args + (["--seed", str(self.seed)] if self.seed else [])


@dataclass(frozen=True, eq=False)
class InvarianceRow(Result):
    """One recipe under one change.

    Attributes:
        recipe: its label. backbones: its backbones.
        similarity: median similarity of a picture to its changed self.
        floor: lower quartile, median and upper quartile, over the pictures, of the share of
            unrelated pairs that are less similar than the picture and its changed self.
        mates: median of the same share for true mates.
        recall, before: recall@1 with changed and with unchanged queries.
        change: the difference with its paired 95 % interval.
        rank, rank_before: median rank of the mate.
    """

    recipe: str
    backbones: tuple[str, ...]
    transform: str
    strength: float
    similarity: float
    floor: tuple[float, float, float]
    mates: float
    recall: Score
    before: float
    change: float
    ci95: Interval
    rank: float
    rank_before: float


@dataclass(frozen=True, eq=False)
class InvarianceTable(TableResult):
    """Recipes under changes; rows that are not computed yet are left out.

    Attributes:
        expected: how many rows there are.
    """

    collection: str
    subset: str
    pairs: int
    seed: int
    rows: tuple[InvarianceRow, ...]
    expected: int

    def to_table(self) -> Table:
        """One row per recipe and change, in percent."""
        rows: list[tuple[Cell, ...]] = [
            (
                Setting(row.transform, row.strength, self.seed).label,
                row.recipe,
                f"{row.similarity:.3f}",
                f"{100 * row.floor[1]:.1f} [{100 * row.floor[0]:.1f}, {100 * row.floor[2]:.1f}]",
                f"{100 * row.mates:.1f}",
                f"{100 * row.recall.value:.1f}",
                f"{100 * row.change:+.1f} [{100 * row.ci95[0]:+.1f}, {100 * row.ci95[1]:+.1f}]",
                f"{row.rank:g} ({row.rank_before:g})",
            )
            for row in self.rows
        ]
        columns = (
            "change",
            "recipe",
            "similarity",
            "floor % [quartiles]",
            "mates %",
            "recall@1 %",
            "points [95 %]",
            "rank (before)",
        )
        notes = (
            "Floor: share of unrelated pairs that are less similar than a picture and its changed "
            "self, median over the pictures; 50 is no more than unrelated, 100 more than all. "
            "Mates: the same for true mates. Points: recall@1 with changed queries minus that with "
            "unchanged ones (paired bootstrap).",
        )
        title = f"{self.collection}: {self.pairs:,} pairs, {self.subset}; queries changed"
        return Table(columns, tuple(rows), title, notes)


@dataclass(frozen=True, eq=False)
class PictureOutcomes:
    """Every picture under one recipe and change.

    Attributes:
        floor: (Q,) share of unrelated pairs that are less similar than the picture and its changed
            self; NaN without evidence.
        ranks, before: (Q,) rank of the mate with the changed and the unchanged picture as query.
    """

    floor: Array
    ranks: Array
    before: Array


def run(inquiry: InvarianceQuestion, *, monitor: Monitor = Monitor()) -> InvarianceTable:
    """Extract what is missing and compare; everything is stored, so a stopped run resumes.

    Raises:
        UnknownNameError: no such collection, backbone or transform. BadDataError: no known mates,
            or features of the unchanged pictures are missing. Stopped: `monitor` asked to stop.
    """
    settings, session = inquiry.settings, _Session(inquiry.question, monitor)
    session.before()  # raises if features are missing
    for recipe in inquiry.question.recipes:
        monitor.check(RESUME)
        session.floor(recipe)  # first, since pages wait for it
    stopping = monitor.raising(RESUME)
    for number, setting in enumerate(settings):
        part = stopping.part(
            number / len(settings), (number + 1) / len(settings), f"{setting.label}: "
        )
        report = changed_features.extract(
            session.pairs.queries, inquiry.question.backbones, setting, monitor=part
        )
        monitor.check(RESUME)
        if report.unavailable:
            raise BadDataError(next(iter(report.unavailable.values())))
        for recipe in inquiry.question.recipes:
            monitor.check(RESUME)
            session.changed(recipe, setting, compute=True)
        part.report("compared", 1, 1)
    return _table(session, inquiry)


def stored(inquiry: InvarianceQuestion) -> InvarianceTable:
    """What was computed before.

    Raises:
        UnknownNameError, BadDataError: as `run`.
    """
    return _table(_Session(inquiry.question), inquiry)


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for `floor_of` every recipe: little work, or all are stored.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    session = _Session(question)
    absent = [recipe for recipe in question.recipes if not session.has_floor(recipe)]
    return work_estimates.is_short(work_estimates.ranks(absent, len(session.pairs)))


def picture_outcomes(
    question: Question, recipe: Recipe, setting: Setting
) -> PictureOutcomes | None:
    """Every picture under one recipe and change; None if that was not computed.

    Raises:
        BadDataError: no known mates, or features of the unchanged pictures are missing.
    """
    session = _Session(question)
    outcome = session.changed(recipe, setting, compute=False)
    if outcome is None:
        return None
    percentiles = session.floor(recipe).percentiles(outcome.similarity)
    return PictureOutcomes(percentiles, outcome.ranks, session.before()[recipe])


def floor_of(question: Question, recipe: Recipe) -> invariance.Floor:
    """The similarities of unrelated pairs and of mates under one recipe.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    return _Session(question).floor(recipe)


def _table(session: "_Session", inquiry: InvarianceQuestion) -> InvarianceTable:
    question = inquiry.question
    labels = distinct_labels(question.recipes)
    rows = [
        replace(row, recipe=label)
        for setting in inquiry.settings
        for label, recipe in zip(labels, question.recipes, strict=True)
        if (row := session.row(recipe, setting)) is not None
    ]
    return InvarianceTable(
        question.collection,
        question.subset,
        len(session.pairs),
        inquiry.seed,
        tuple(rows),
        len(inquiry.settings) * len(question.recipes),
    )


class _Session:
    """The pairs of one question, opened once."""

    def __init__(self, question: Question, monitor: Monitor = Monitor()) -> None:
        self.question = question
        self.collection: Collection = subsets.open_subset(
            question.collection, question.subset, monitor=monitor
        )
        self.pairs = self.collection.pairs(question.direction)
        self._before: RanksByRecipe | None = None

    def before(self) -> RanksByRecipe:
        """The ranks of the mates of unchanged queries."""
        if self._before is None:
            ranks = lab_recall.ranks_of_each(self.question)
            self._before = dict(zip(self.question.recipes, ranks, strict=True))
        return self._before

    def has_floor(self, recipe: Recipe) -> bool:
        """Whether `floor` is stored."""
        return result_cache.contains(FLOOR, self._key(_plain(recipe)))

    def floor(self, recipe: Recipe) -> invariance.Floor:
        """The similarities of unrelated pairs and of mates, stored on disk."""
        plain = _plain(recipe)

        def compute() -> result_cache.Arrays:
            queries, gallery = (self._features(plain, side) for side in (0, 1))
            floor = invariance.floor(self.pairs, plain, queries, gallery)
            unrelated = floor.unrelated
            return {"edges": unrelated.edges, "counts": unrelated.counts, "mates": floor.mates}

        key = self._key(plain)
        arrays = memory.get((FLOOR, key), lambda: result_cache.get(FLOOR, key, compute))
        unrelated = Distribution(arrays["edges"], arrays["counts"])
        return invariance.Floor(unrelated, arrays["mates"])

    def changed(
        self, recipe: Recipe, setting: Setting, *, compute: bool
    ) -> invariance.Changed | None:
        """The outcome of each picture; None if it is not stored and not to be computed."""
        resolved = recipes.resolve(recipe).canonical
        key = (self._key(resolved), setting.key)
        if memory.contains((KIND, key)):
            return memory.get((KIND, key), lambda: None)
        arrays = result_cache.read(KIND, key)
        if arrays is None:
            if not compute:
                return None
            outcome = self._compare(resolved, setting)
            result_cache.write(KIND, key, vars(outcome))
        else:
            outcome = invariance.Changed(**arrays)
        memory.put((KIND, key), outcome)
        return outcome

    def _compare(self, recipe: Recipe, setting: Setting) -> invariance.Changed:
        queries, gallery = (self._features(recipe, side) for side in (0, 1))
        changed = {
            name: changed_features.read(self.pairs.queries, name, setting)
            for name in recipe.backbones
        }
        return invariance.compare(self.pairs, recipe, queries, gallery, changed)

    def row(self, recipe: Recipe, setting: Setting) -> InvarianceRow | None:
        """The summary of one recipe and change; None if it is not computed."""
        outcome = self.changed(recipe, setting, compute=False)
        if outcome is None:
            return None
        # Drawing the page again must not draw the bootstrap samples of all rows again.
        key = ("invariance row", self._key(recipe), setting.key)
        row: InvarianceRow = memory.get(key, lambda: self._summary(recipe, setting, outcome))
        return row

    def _summary(
        self, recipe: Recipe, setting: Setting, outcome: invariance.Changed
    ) -> InvarianceRow:
        floor, before = self.floor(recipe), self.before()[recipe]
        hits = (before == 1).astype(np.float64), (outcome.ranks == 1).astype(np.float64)
        count = len(self.pairs)
        difference = bootstrap.difference(
            *hits,
            np.zeros(count),
            np.arange(count),
            zero_is_exact=np.array_equal(outcome.ranks, before),  # nothing has moved
        )
        return InvarianceRow(
            recipe.label,
            recipe.backbones,
            setting.transform,
            setting.strength,
            _median(outcome.similarity),
            _quartiles(floor.percentiles(outcome.similarity)),
            _median(floor.percentiles(floor.mates)),
            recall.recall_at(outcome.ranks, 1),
            float(hits[0].mean()),
            difference.value,
            (difference.low, difference.high),
            float(np.median(outcome.ranks)),
            float(np.median(before)),
        )

    def _features(self, recipe: Recipe, side: int) -> FeaturesByBackbone:
        images = (self.pairs.queries, self.pairs.gallery)[side]
        return {name: features.for_side(self.collection, images, name) for name in recipe.backbones}

    def _key(self, recipe: Recipe) -> tuple[object, ...]:
        identities = tuple(features.identity(self.collection, name) for name in recipe.backbones)
        return (
            lab_recall.pairs_digest(self.collection),
            identities,
            recipe,
            self.question.direction,
        )


def _plain(recipe: Recipe) -> Recipe:
    """The recipe that compares two images without others."""
    return invariance.of_two_images(recipes.resolve(recipe).canonical)


def _median(values: Array) -> float:
    evident = values[~np.isnan(values)]
    return float(np.median(evident)) if evident.size else float("nan")


def _quartiles(values: Array) -> tuple[float, float, float]:
    evident = values[~np.isnan(values)]
    if not evident.size:
        return (float("nan"),) * 3
    low, middle, high = np.quantile(evident, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
