"""A leaderboard: what every backbone scores on every task, and how sure its rank is.

Rows keep what happened to each item (the ranks of each mate, what each trial earned), so that
scores, intervals and tests are computed here, also for rows that came from elsewhere.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simcore import memory
from simcore.errors import unknown_name
from simcore.evaluate.statistics import ranking
from simcore.evaluate.statistics.ranking import Place
from simcore.lab.leaderboard.board_entries import COSTS, Entry, cost_value, format_cost
from simcore.lab.leaderboard.board_tasks import Column, Task
from simcore.results import Cell, Table, TableResult, to_dict
from simcore.types import JSON, Score

ScoresByRow = Mapping[int, Score]  # number of a row -> its score
PlacesByRow = Mapping[int, Place]
ScoresByColumn = Mapping[str, ScoresByRow]
PlacesByColumn = Mapping[str, PlacesByRow]


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

    def only(self, *, post: str = "", best: bool = False, words: str = "") -> "Board":
        """The board with some of its rows, ranked among these.

        Args:
            post: only rows with this post-processing; "" for all.
            best: only the row of each backbone that is best on the column that orders the rows.
            words: only rows whose backbone, metric, post-processing or license contains each.
        """
        numbers = [
            n
            for n in self.order
            if (not post or self.entries[n].post == post) and self.entries[n].contains(words)
        ]
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
        headings += [*COSTS.values(), "machine", "used by others", "license", "printed"]
        headings += ["why missing"]
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
            cost = entry.cost
            rows.append((*cells, cost.machine, cost.others, entry.license, entry.printed, why))
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
        remarks += [text for task in self.tasks if (text := self._gaps(task))]
        remarks += self._timing()
        trained = dict.fromkeys(entry.backbone for entry in self.entries if entry.trained)
        if trained:
            remarks.append(
                f"Without rank, since trained on some of these images: {', '.join(trained)}."
            )
        return tuple(remarks)

    def _gaps(self, task: Task) -> str:
        """Why rows that have scores elsewhere have none on a task; "" if all have one."""
        rows = [entry for entry in self.entries if entry.outcomes]
        reasons = Counter(reason for entry in rows if (reason := entry.reason(task)))
        if not reasons:
            return ""
        parts = ", ".join(f"{count} ({reason})" for reason, count in reasons.items())
        return f"{task.name}: no score for {parts} of {len(rows)} rows."

    def _timing(self) -> list[str]:
        """How the times per image were measured."""
        costs = {e.backbone: e.cost for e in self.entries if e.cost.milliseconds is not None}
        machines = sorted({cost.machine for cost in costs.values()})
        if not machines:
            return []
        text = f"Times per image: the fastest of three passes on {'; on '.join(machines)}."
        if len(machines) > 1:
            text += " Compare only those of one machine."
        disturbed = [cost.others or 0.0 for cost in costs.values() if cost.is_disturbed]
        if disturbed:
            text += (
                f" {len(disturbed)} of {len(costs)} were measured while other programs used up to "
                f"{100 * max(disturbed):.0f} % of the processor, so they are too high; the next "
                "run on a quiet processor replaces them."
            )
        return [text]


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


def _plain(score: Score | None, place: Place | None) -> Sequence[Cell]:
    cells: list[Cell] = [None] * 3 if score is None else [score.value, score.low, score.high]
    if place is None:
        return [*cells, None, None, None, None]
    return [*cells, place.rank, place.low, place.high, "yes" if place.level_with_best else "no"]
