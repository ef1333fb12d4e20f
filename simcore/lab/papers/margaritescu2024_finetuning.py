"""Figure 5.3 of margaritescu2024: networks before and after fine-tuning with seven paradigms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from simcore.data.judgements.trials import JudgementSet
from simcore.data.judgements.triplet_sets import PANELS, BySet
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.statistics import bootstrap
from simcore.lab.learning import finetuning_grid
from simcore.lab.learning.finetuning_grid import BEFORE, Grid, GridCell
from simcore.lab.papers import margaritescu2024_statements, margaritescu2024_tables
from simcore.lab.papers.margaritescu2024_statements import Credits
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Chart, Level, Section, Series
from simcore.results import Cell, Table
from simcore.types import JSON, Array, Monitor, Score

CHANCE = Level("chance", 50.0)
Y_TITLE = "right by the majority, % of triplets"


@dataclass(frozen=True, eq=False)
class BaseResults:
    """The cells of one network on all sources.

    Attributes:
        credits: label -> triplet set -> (T,) what each triplet earned.
        cells: (source, label) -> its cell.
        failures: (source, label) -> why there is no cell.
    """

    credits: dict[str, BySet]
    cells: dict[tuple[str, str], GridCell]
    failures: dict[tuple[str, str], str]


ResultsByBase = dict[str, BaseResults]


def steps(
    sets: Sequence[JudgementSet], grid: Grid, inputs: JSON, monitor: Monitor = Monitor()
) -> tuple[Step, ...]:
    """One section per network, which computes its cells; Figure 5.3; sections 5.2.7 to 5.2.9.

    Args:
        sets: at most one of each kind of `margaritescu2024_tables.SOURCES`.
        inputs: of the sections of the report; those of the grid are added.

    Raises:
        BadDataError: other sets than these.
    """
    sources = list(margaritescu2024_tables.assign_sources(sets).values())
    shared = inputs | finetuning_grid.inputs(sources, grid)
    count = len(grid.bases)

    @cache
    def results(base: str) -> BaseResults:
        number = grid.bases.index(base)
        part = monitor.part(number / count, (number + 1) / count)
        return base_results(sources, base, grid, monitor=part)

    def all_results() -> ResultsByBase:
        return {base: results(base) for base in grid.bases}

    def clusters() -> BySet:
        clusters: BySet = {}
        for judged in sources:
            clusters |= finetuning_grid.split_source(judged, grid).clusters
        return clusters

    def one_base(base: str) -> Section:
        return base_section(base, results(base), clusters(), grid)

    return (
        *(
            Step(
                f"Figure 5.3: {base}",
                partial(one_base, base),
                shared,
            )
            for base in grid.bases
        ),
        Step("Figure 5.3", lambda: figure_5_3(all_results(), grid), shared),
        Step(
            "Sections 5.2.7 to 5.2.9",
            lambda: sections_5_2_7_to_9(all_results(), clusters(), grid),
            shared,
        ),
    )


def base_results(
    sources: Sequence[JudgementSet], base: str, grid: Grid, *, monitor: Monitor = Monitor()
) -> BaseResults:
    """Compute the cells of a network that are not stored.

    Raises:
        BadDataError: not one cell can be computed; with the reason of the first.
        Stopped: `monitor` asked to stop; finished cells are stored.
    """
    pairs = [(judged, label) for judged in sources for label in grid.labels]
    credits: dict[str, BySet] = {label: {} for label in grid.labels}
    cells: dict[tuple[str, str], GridCell] = {}
    failures: dict[tuple[str, str], str] = {}
    for number, (judged, label) in enumerate(pairs):
        monitor.check(
            f"Stopped before {base}, {label} on {judged.name}. Finished networks are stored; the "
            "same command continues."
        )
        part = monitor.part(
            number / len(pairs), (number + 1) / len(pairs), f"{base}, {judged.name}, "
        )
        try:
            cell = finetuning_grid.compute(judged, base, label, grid, monitor=part)
        except BadDataError as error:
            failures[judged.name, label] = str(error)
            continue
        cells[judged.name, label] = cell
        credits[label] |= {name: np.array(values) for name, values in cell.credits.items()}
    if not cells:
        raise BadDataError(next(iter(failures.values())))
    return BaseResults(credits, cells, failures)


def base_section(
    base: str, results: BaseResults, clusters: Mapping[str, Array], grid: Grid
) -> Section:
    """One network on every triplet set, before and after each paradigm."""
    names = list(results.credits[BEFORE])
    rows: list[tuple[Cell, ...]] = []
    for label, credits in results.credits.items():
        cells = [cell for (_, own), cell in results.cells.items() if own == label]
        learned = "" if label == BEFORE else sum(cell.examples for cell in cells)
        # Epoch 0 is the network as it was: then nothing differs, on no triplet.
        kept = {name for cell in cells if not cell.epoch for name in cell.credits}
        shown = [
            _change(results.credits[BEFORE], credits, clusters, name, is_same=name in kept)
            for name in names
        ]
        seen = sum(sum(cell.seen.values()) for cell in cells)
        rows.append((label, learned, "" if label == BEFORE else seen, *shown))
    failures = [
        f"{label} on {source}: {reason}" for (source, label), reason in results.failures.items()
    ]
    return Section(
        f"Figure 5.3: {base} on every triplet set",
        " ".join(
            [
                f"Protocol {grid.protocol}. {grid.guarantee} In parentheses: paired difference "
                "from before with its 95 % interval, in points.",
                *failures,
            ]
        ),
        Table(("paradigm", "examples", "test triplets seen", *names), tuple(rows)),
        charts=(
            Chart(
                "bars",
                "triplet set",
                Y_TITLE,
                tuple(
                    _series(label, names, [_score(credits, name) for name in names])
                    for label, credits in results.credits.items()
                ),
                levels=(CHANCE,),
            ),
        ),
    )


def _score(credits: Mapping[str, Array], name: str) -> Score | None:
    return two_afc.mean(credits[name], name) if name in credits else None


def _change(
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    clusters: Mapping[str, Array],
    name: str,
    *,
    is_same: bool,
) -> str:
    """Percent right on a set, and the paired difference from before."""
    if name not in after:
        return ""
    value = f"{100 * after[name].mean():.1f}"
    if after is before:
        return value
    group = np.zeros(after[name].size)
    gain = bootstrap.difference(
        before[name], after[name], group, clusters[name], zero_is_exact=is_same
    )
    low, high = 100 * gain.low, 100 * gain.high
    return f"{value} ({100 * gain.value:+.1f} [{low:+.1f}, {high:+.1f}])"


def figure_5_3(results: Mapping[str, BaseResults], grid: Grid) -> Section:
    """One chart per panel: a group of bars per network, one bar per paradigm."""
    scores = {
        (base, label, panel): margaritescu2024_tables.panel_score(credits, panel)
        for base, own in results.items()
        for label, credits in own.credits.items()
        for panel, sets in PANELS.items()
        if all(name in credits for name in sets)
    }
    panels = [panel for panel in PANELS if any(key[2] == panel for key in scores)]
    best = {
        panel: max(score.value for key, score in scores.items() if key[2] == panel)
        for panel in panels
    }
    rows = tuple(
        (base, label, *(_cell(scores.get((base, label, panel)), best[panel]) for panel in panels))
        for base in results
        for label in grid.labels
    )
    charts = tuple(
        Chart(
            "bars",
            "network",
            Y_TITLE,
            tuple(
                _series(label, list(results), [scores.get((b, label, panel)) for b in results])
                for label in grid.labels
            ),
            title=panel,
            levels=(CHANCE,),
        )
        for panel in panels
    )
    return Section(
        "Figure 5.3: all networks and paradigms",
        f"Percent right by the majority, under cosine. Protocol {grid.protocol}. {grid.guarantee}",
        Table(("network", "paradigm", *panels), rows),
        charts=charts,
    )


def _cell(score: Score | None, best: float) -> str:
    if score is None:
        return ""
    mark = " (best)" if score.value >= best - margaritescu2024_tables.TIE else ""
    return f"{100 * score.value:.1f} [{100 * score.low:.1f}, {100 * score.high:.1f}]{mark}"


def _series(label: str, names: Sequence[str], scores: Sequence[Score | None]) -> Series:
    value, low, high = (
        tuple(float("nan") if s is None else 100 * getattr(s, end) for s in scores)
        for end in ("value", "low", "high")
    )
    return Series(label, tuple(names), value, low, high)


def sections_5_2_7_to_9(
    results: Mapping[str, BaseResults], clusters: Mapping[str, Array], grid: Grid
) -> Section:
    """What the thesis says about fine-tuning, each sentence beside the own number."""
    credits = {
        (base, label): values
        for base, own in results.items()
        for label, values in own.credits.items()
    }
    return margaritescu2024_statements.section(
        "Sections 5.2.7 to 5.2.9: fine-tuning",
        f"Protocol {grid.protocol}. {grid.guarantee}",
        margaritescu2024_statements.FINE_TUNING,
        Credits(credits, clusters, tuple(results)),
    )
