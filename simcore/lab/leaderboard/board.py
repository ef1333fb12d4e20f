"""A leaderboard: what every backbone scores on every task, and how sure its rank is.

Rows keep what happened to each item (the ranks of each mate, what each trial earned), so that
scores, intervals and tests are computed here, also for rows that came from elsewhere.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from simcore import memory
from simcore.errors import unknown_name
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import recall
from simcore.evaluate.statistics import ranking
from simcore.evaluate.statistics.ranking import Items, Place
from simcore.results import Cell, Table, TableResult, to_dict
from simcore.types import JSON, Array, Score

Kind = Literal["pairs", "triplets", "odd one out"]
KINDS: tuple[Kind, ...] = ("pairs", "triplets", "odd one out")
RECALL_10, BOTH_WAYS, AGREEMENT = "recall@10", "aR@1", "agreement"
MEASURES = {  # measure -> what it is
    "recall@1": "share of left images whose mate comes first among all right images",
    RECALL_10: "share of left images whose mate is among the first ten right images",
    BOTH_WAYS: "share of pairs in which either image finds the other first",
    AGREEMENT: "share of people, or of the known order, that chooses as the similarity does",
}
COSTS = {  # field of `Cost` -> its heading
    "milliseconds": "ms per image",
    "bytes": "MB of weights",
    "parameters": "million parameters",
    "dim": "dimensions",
}
UNITS = {"bytes": 1e6, "parameters": 1e6}  # what headings count in
ScoresByRow = Mapping[int, Score]  # number of a row -> its score
PlacesByRow = Mapping[int, Place]
ScoresByColumn = Mapping[str, ScoresByRow]
PlacesByColumn = Mapping[str, PlacesByRow]


@dataclass(frozen=True, eq=False)
class Task:
    """Pairs whose mates are searched, or judgements that a similarity should agree with.

    Attributes:
        digest: of the images, and of the votes or the order of pairs; names the task everywhere.
        items: kind and cluster of each pair or trial.
        votes: "human", or "known order"; "" for pairs.
        ceiling: what people's own votes reach; None for pairs and for a known order.
    """

    name: str
    kind: Kind
    digest: str
    items: Items
    votes: str = ""
    ceiling: float | None = None

    @property
    def count(self) -> int:
        """n, the number of pairs or trials."""
        return int(self.items.group.size)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures of its kind."""
        if self.kind != "pairs":
            return (AGREEMENT,)
        return tuple(
            name for name in MEASURES if name != AGREEMENT and (name != RECALL_10 or self.count > 9)
        )

    def score(self, outcome: Array, measure: str) -> Score:
        """The score of one similarity, as the evaluations of its kind compute it.

        Args:
            outcome: (2, n) ranks of the mates from left to right and back; of trials (n,) credit.
        """
        if measure == AGREEMENT:
            if np.unique(self.items.group).size > 1:
                return two_afc.over_groups(outcome, [str(name) for name in self.items.group])
            return two_afc.mean(outcome, AGREEMENT)
        ranks = outcome.min(axis=0) if measure == BOTH_WAYS else outcome[0]
        return recall.recall_at(ranks, 10 if measure == RECALL_10 else 1)


@dataclass(frozen=True)
class Column:
    """One measure on one task."""

    task: Task
    measure: str

    @property
    def name(self) -> str:
        """As options and addresses name it, such as "mine:recall@1"."""
        return f"{self.task.name}:{self.measure}"


@dataclass(frozen=True)
class Cost:
    """What a backbone costs; None where it is unknown.

    Attributes:
        dim: D. parameters: number of weights. bytes: of its weight files.
        milliseconds: to turn one decoded image into features, on `machine`.
    """

    dim: int | None = None
    parameters: int | None = None
    bytes: int | None = None
    milliseconds: float | None = None
    machine: str = ""


@dataclass(frozen=True, eq=False)
class Entry:
    """One row: a backbone under a metric and post-processing.

    Attributes:
        features: name of the feature table, which changes with network, weights and preprocessing.
        license: of code and weights, and what it allows.
        printed: what a paper prints about this backbone; "" if none does.
        outcomes: digest of a task -> what happened to each of its items, see `Task.score`.
        reasons: digest of a task -> why there is no outcome; "" for all tasks.
        trained: digests of the tasks whose images the backbone was trained on; it has no rank
            there.
    """

    backbone: str
    metric: str
    post: str
    features: str
    cost: Cost = Cost()
    license: str = ""
    printed: str = ""
    outcomes: Mapping[str, Array] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    trained: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for rows that must have equal outcomes."""
        return self.backbone, self.features, self.metric, self.post

    @property
    def label(self) -> str:
        """Short text for tables and charts."""
        post = "" if self.post == "none" else f", {self.post}"
        return f"{self.backbone}, {self.metric}{post}" if self.metric else self.backbone

    def reason(self, task: Task) -> str:
        """Why there is no score on a task; "" if there is one."""
        if task.digest in self.outcomes:
            return ""
        return self.reasons.get(task.digest) or self.reasons.get("") or "not evaluated"


@dataclass(frozen=True, eq=False)
class Board(TableResult):
    """Backbones on tasks.

    Attributes:
        by: name of the column that orders the rows; "" for the first.
        notes: what readers need to know about the rows.
    """

    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    by: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every measure of every task."""
        return tuple(Column(task, measure) for task in self.tasks for measure in task.measures)

    def column(self, name: str = "") -> Column:
        """A column by its name; "" is the one that orders the rows.

        Raises:
            UnknownNameError: no such column.
        """
        name = name or self.by or self.columns[0].name
        for column in self.columns:
            if column.name == name:
                return column
        raise unknown_name("column", name, [column.name for column in self.columns])

    def ordered_by(self, name: str) -> "Board":
        """The same rows, ordered by another column.

        Raises:
            UnknownNameError: no such column.
        """
        return replace(self, by=self.column(name).name)

    def only(self, *, post: str = "", best: bool = False) -> "Board":
        """The board with some of its rows, ranked among these.

        Args:
            post: only rows with this post-processing; "" for all.
            best: only the row of each backbone that is best on the column that orders the rows.
        """
        numbers = [n for n in self.order if not post or self.entries[n].post == post]
        if best:
            first = {self.entries[n].backbone: n for n in reversed(numbers)}
            numbers = [n for n in numbers if first[self.entries[n].backbone] == n]
        return replace(self, entries=tuple(self.entries[n] for n in numbers))

    @cached_property
    def scores(self) -> ScoresByColumn:
        """Name of a column -> the scores of the rows that have one."""
        return {
            column.name: {
                number: column.task.score(entry.outcomes[column.task.digest], column.measure)
                for number, entry in enumerate(self.entries)
                if column.task.digest in entry.outcomes
            }
            for column in self.columns
        }

    def places(self, name: str = "") -> PlacesByRow:
        """The rank of each row on a column; rows that were trained on its images have none.

        Raises:
            UnknownNameError: no such column.
        """
        column = self.column(name)
        digest = column.task.digest
        scores = {
            number: score
            for number, score in self.scores[column.name].items()
            if digest not in self.entries[number].trained
        }
        if not scores:
            return {}
        credit = np.stack([score.per_item for score in scores.values()])
        content = hashlib.sha256(credit.tobytes()).hexdigest()
        key = ("leaderboard places", digest, column.measure, content)
        computed = memory.get(key, lambda: ranking.places(credit, column.task.items))
        return dict(zip(scores, computed, strict=True))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Numbers of the rows with any score, the best first; then those without."""
        if not self.tasks:
            return tuple(range(len(self.entries)))
        scores = self.scores[self.column().name]
        evaluated = [n for n, entry in enumerate(self.entries) if entry.outcomes]
        evaluated.sort(key=lambda n: -scores[n].value if n in scores else 1.0)
        return (*evaluated, *(n for n, entry in enumerate(self.entries) if not entry.outcomes))

    @property
    def missing(self) -> tuple[Entry, ...]:
        """Rows without any score."""
        return tuple(entry for entry in self.entries if not entry.outcomes)

    def pareto(self, name: str, cost: str) -> tuple[int, ...]:
        """Rows that no other row beats in both score and cost, the cheapest first.

        Args:
            name: of a column. cost: a field of `Cost`.

        Raises:
            UnknownNameError: no such column or cost.
        """
        if cost not in COSTS:
            raise unknown_name("cost", cost, COSTS)
        points = [
            (float(price), -score.value, number)
            for number, score in self.scores[self.column(name).name].items()
            if (price := getattr(self.entries[number].cost, cost)) is not None
        ]
        front, best = [], np.inf
        for _, negative, number in sorted(points):
            if negative < best:
                front.append(number)
                best = negative
        return tuple(front)

    def to_dict(self) -> JSON:
        """The document that `simcore leaderboard --json` prints."""
        places = {column.name: self.places(column.name) for column in self.columns}
        return {
            "by": self.column().name if self.tasks else "",
            "tasks": [
                {
                    "name": task.name,
                    "kind": task.kind,
                    "digest": task.digest,
                    "items": task.count,
                    "votes": task.votes,
                    "ceiling": task.ceiling,
                }
                for task in self.tasks
            ],
            "rows": [self._row(number, places) for number in self.order],
            "notes": list(self.notes),
        }

    def _row(self, number: int, places: PlacesByColumn) -> JSON:
        entry = self.entries[number]
        return {
            "backbone": entry.backbone,
            "metric": entry.metric,
            "post": entry.post,
            "features": entry.features,
            "scores": {
                column.name: to_dict(self.scores[column.name].get(number))
                for column in self.columns
            },
            "places": {
                column.name: to_dict(places[column.name].get(number)) for column in self.columns
            },
            "cost": to_dict(entry.cost),
            "license": entry.license,
            "printed": entry.printed,
            "missing": {task.name: entry.reason(task) for task in self.tasks if entry.reason(task)},
            "trained_on": [task.name for task in self.tasks if task.digest in entry.trained],
        }

    def to_table(self, costs: Sequence[str] = ("milliseconds", "bytes")) -> Table:
        """One row per backbone, metric and post-processing that has a score, the best first.

        All measures of the task that decides the order, the first one of each other task;
        `to_wide_table` has everything.

        Args:
            costs: fields of `Cost`.
        """
        if not self.tasks:
            return Table(("rank", "similarity"), (), self.title, self.notes)
        places, by = self.places(), self.column()
        columns = {column.name: f"{column.measure} %" for column in self._columns_of(by.task)}
        for task in self.tasks:
            if task is not by.task:
                columns[Column(task, task.measures[0]).name] = f"{task.name} %"
        rows: list[tuple[Cell, ...]] = []
        for number in self.order:
            entry = self.entries[number]
            if not entry.outcomes:
                continue
            cells = [
                format_score(self.scores[name].get(number), interval=name == by.name)
                for name in columns
            ]
            prices = [format_cost(entry.cost, name) for name in costs]
            rows.append((format_place(places.get(number)), entry.label, *cells, *prices))
        short = {"milliseconds": "ms", "bytes": "MB"}
        prices = [short.get(name, COSTS[name]) for name in costs]
        headings = ("rank", "similarity", *columns.values(), *prices)
        return Table(headings, tuple(rows), self.title, self.explanations)

    def _columns_of(self, task: Task) -> tuple[Column, ...]:
        return tuple(Column(task, measure) for measure in task.measures)

    def to_missing_table(self) -> Table:
        """The backbones without any score, and why."""
        rows = dict.fromkeys(
            (entry.backbone, entry.reason(self.tasks[0]) if self.tasks else "")
            for entry in self.missing
        )
        return Table(("backbone", "why it has no score"), tuple(rows), "Not evaluated")

    def to_wide_table(self) -> Table:
        """Everything with plain numbers, one row per row of the board; for CSV."""
        places = {column.name: self.places(column.name) for column in self.columns}
        headings = ["backbone", "metric", "post"]
        for column in self.columns:
            headings += [column.name, *(f"{column.name} {end}" for end in ("low", "high", "rank"))]
            headings += [f"{column.name} rank low", f"{column.name} rank high"]
            headings += [f"{column.name} level with best"]
        headings += [*COSTS.values(), "machine", "license", "printed", "why missing"]
        rows = []
        for number in self.order:
            entry = self.entries[number]
            cells: list[Cell] = [entry.backbone, entry.metric, entry.post]
            for column in self.columns:
                cells += _plain(
                    self.scores[column.name].get(number), places[column.name].get(number)
                )
            cells += [cost_value(entry.cost, name) for name in COSTS]
            reasons = (entry.reason(task) for task in self.tasks)
            why = "; ".join(dict.fromkeys(filter(None, reasons)))
            rows.append((*cells, entry.cost.machine, entry.license, entry.printed, why))
        return Table(tuple(headings), tuple(rows), self.title, self.explanations)

    @property
    def title(self) -> str:
        """Tasks and their sizes."""
        units = {"pairs": "pairs"}
        return "Leaderboard: " + ", ".join(
            f"{task.name} ({task.count:,} {units.get(task.kind, 'trials')})" for task in self.tasks
        )

    @property
    def explanations(self) -> tuple[str, ...]:
        """How to read the table, and the notes."""
        if not self.tasks:
            return self.notes
        by = self.column()
        ranks = (
            f"Rank by {by.name} with its 95 % interval (paired bootstrap). * is not significantly "
            "worse than the best (5 %, Holm; McNemar's exact test for recall, paired bootstrap for "
            "agreement)."
        )
        rest = [f"{t.name} %: {t.measures[0]}." for t in self.tasks if t is not by.task]
        return (ranks, *rest, *self.remarks, *self.notes)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know about tasks and rows."""
        remarks = [
            f"{task.name}: people's own votes reach {100 * task.ceiling:.1f} %."
            if task.ceiling is not None
            else f"{task.name}: agreement with a known order, not with people's votes."
            for task in self.tasks
            if task.ceiling is not None or task.votes == "known order"
        ]
        trained = dict.fromkeys(entry.backbone for entry in self.entries if entry.trained)
        if trained:
            remarks.append(
                f"Without rank, since trained on some of these images: {', '.join(trained)}."
            )
        return tuple(remarks)


def format_place(place: Place | None) -> str:
    """Rank, interval, and a star if it is level with the best.

    >>> format_place(Place(2, 1, 4, 0.3, True))
    '2 [1, 4] *'
    """
    if place is None:
        return ""
    return f"{place.rank} [{place.low}, {place.high}]" + (" *" if place.level_with_best else "")


def format_score(score: Score | None, *, interval: bool = True) -> str:
    """In percent, with its 95 % confidence interval unless told otherwise; "" without a score."""
    if score is None:
        return ""
    text = f"{100 * score.value:.1f}"
    return f"{text} [{100 * score.low:.1f}, {100 * score.high:.1f}]" if interval else text


def cost_value(cost: Cost, name: str) -> float | None:
    """A cost in the unit of its heading; None where it is unknown.

    >>> cost_value(Cost(bytes=9_084_095), "bytes")
    9.084095
    """
    value = getattr(cost, name)
    return None if value is None else value / UNITS.get(name, 1)


def format_cost(cost: Cost, name: str) -> str:
    """A cost with at most three digits; "" where it is unknown.

    >>> format_cost(Cost(bytes=9_084_095), "bytes"), format_cost(Cost(), "dim")
    ('9.08', '')
    """
    value = cost_value(cost, name)
    if value is None:
        return ""
    return f"{value:,.0f}" if name == "dim" or value >= 100 else f"{value:.3g}"


def _plain(score: Score | None, place: Place | None) -> Sequence[Cell]:
    cells: list[Cell] = [None] * 3 if score is None else [score.value, score.low, score.high]
    if place is None:
        return [*cells, None, None, None, None]
    return [*cells, place.rank, place.low, place.high, "yes" if place.level_with_best else "no"]
