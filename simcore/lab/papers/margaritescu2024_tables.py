"""The figures of margaritescu2024: models under metrics on the 11 triplet sets of the paper."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet
from simcore.data.judgements.triplet_sets import PANELS, BySet
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.judgements.triplet_combinations import Sides
from simcore.lab import printed_values
from simcore.lab.judgements import pair_similarities
from simcore.lab.library import models
from simcore.lab.papers import comparisons, margaritescu2024_statements
from simcore.lab.papers.comparisons import Compared
from simcore.lab.papers.margaritescu2024_statements import Credits
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Chart, Level, Section, Series
from simcore.results import Cell, Table
from simcore.training import splits
from simcore.types import JSON, METRICS, Array, Score

TIE = 1e-12  # scores that differ by less are equal
METRIC_NAMES = {"cosine": "COS", "l2": "L2", "l1": "L1"}
SOURCES: tuple[triplet_sets.Source, ...] = ("bapps", "hsj", "birds-16")
JudgedSets = dict[str, dict[tuple[str, str], Sides]]  # set -> (model, metric) -> (left, right)
SourceSets = dict[triplet_sets.Source, JudgementSet]  # source -> its judgement set


@dataclass(frozen=True)
class Bar:
    """One bar of Figure 5.1.

    Attributes:
        panel, metric, model: its place in the figure.
        score: mean of the accuracies on the sets.
        sets: accuracy on each set.
        best: whether no bar of the panel is higher (the green triangle).
    """

    panel: str
    metric: str
    model: str
    score: Score
    sets: dict[str, Score]
    best: bool = False


def bars(
    judged: Mapping[str, Mapping[tuple[str, str], Sides]], votes: Mapping[str, Array]
) -> list[Bar]:
    """All bars of the panels whose sets are available (section 5.2).

    As in the paper, a triplet is right or wrong by the majority (vote shares are rounded); a tie of
    the model counts 0.5.

    Args:
        judged: set name -> (model, metric; "own" for a distance) -> (left, right), each (T,).
        votes: set name -> (T,).
    """
    all_bars: list[Bar] = []
    for panel, sets in PANELS.items():
        if not all(name in judged for name in sets):
            continue
        keys = [key for key in judged[sets[0]] if all(key in judged[name] for name in sets)]
        panel_bars = []
        for model, metric in keys:
            credits = {
                name: two_afc.credit(*judged[name][model, metric], votes[name], counting="majority")
                for name in sets
            }
            by_set = {name: two_afc.mean(values, name) for name, values in credits.items()}
            panel_bars.append(Bar(panel, metric, model, panel_score(credits, panel), by_set))
        all_bars += _mark_best(panel_bars)
    return all_bars


def panel_score(credits: Mapping[str, Array], panel: str) -> Score:
    """The mean of the sets of a panel, each with the same weight.

    Args:
        credits: set name -> (T,) what each triplet earned; sets of other panels are not used.
    """
    sets = PANELS[panel]
    if len(sets) == 1:
        return two_afc.mean(credits[sets[0]], panel)
    groups = [name for name in sets for _ in range(credits[name].size)]
    return two_afc.over_groups(np.concatenate([credits[name] for name in sets]), groups, name=panel)


def _mark_best(panel_bars: Sequence[Bar]) -> list[Bar]:
    top = max((bar.score.value for bar in panel_bars), default=0.0)
    return [replace(bar, best=bar.score.value >= top - TIE) for bar in panel_bars]


def steps(sets: Sequence[JudgementSet], names: Sequence[str], inputs: JSON) -> tuple[Step, ...]:
    """Figures 4.2 and 5.1 and section 5.2.3 on at most 1,000 triplets of each of the 11 sets.

    Args:
        sets: at most one of each kind of `SOURCES`.
        names: backbones and distances that are ready for the triplets drawn from all sets.
        inputs: everything that the numbers depend on.

    Raises:
        BadDataError: other sets than these.
    """
    drawn = triplet_sets.evaluation(assign_sources(sets))

    @cache  # all sections are about the same scores
    def scores() -> tuple[JudgedSets, dict[str, Array]]:
        return scores_per_set(drawn, names)

    @cache
    def all_bars() -> tuple[Bar, ...]:
        return tuple(bars(*scores()))

    panels = [panel for panel, needed in PANELS.items() if all(name in drawn for name in needed)]
    return (
        Step("Figure 4.2", partial(figure_4_2, drawn), inputs, printed_values.TRIPLET_SETS),
        *(
            Step(panel, partial(_lazily, partial(figure_5_1, panel), all_bars), inputs)
            for panel in panels
        ),
        Step(
            "Section 5.2.3",
            partial(_lazily, section_5_2_3, all_bars),
            inputs,
            printed_values.METRICS,
        ),
        Step(
            "Sections 5.2.1 to 5.2.6",
            lambda: sections_5_2_1_to_6(*scores(), clusters(drawn)),
            inputs,
        ),
    )


def _lazily(
    figure: Callable[[Sequence[Bar]], Section], all_bars: Callable[[], Sequence[Bar]]
) -> Section:
    return figure(all_bars())


def parts(sets: Sequence[JudgementSet]) -> list[JudgementSet]:
    """The triplets drawn from each set, as sets of their own.

    Raises:
        BadDataError: other sets than those of the paper.
    """
    return list(_parts(triplet_sets.evaluation(assign_sources(sets))).values())


def assign_sources(sets: Sequence[JudgementSet]) -> SourceSets:
    """The judgement set of each source.

    Raises:
        BadDataError: a set of another kind, or two of the same kind.
    """
    sources: SourceSets = {}
    for judged in sets:
        source = next((source for source in SOURCES if source == judged.kind), None)
        if source is None or source in sources:
            raise BadDataError(
                f"{judged.name!r} is of kind {judged.kind}; the paper takes at most one set each "
                f"of {', '.join(SOURCES)}. `simcore evaluate triplets {judged.name}` scores "
                "others."
            )
        sources[source] = judged
    return sources


def scores_per_set(
    drawn: Mapping[str, tuple[JudgementSet, Array]], names: Sequence[str]
) -> tuple[JudgedSets, dict[str, Array]]:
    """Similarities and votes of the triplets drawn.

    Args:
        drawn: set name -> its source and the rows drawn from it.
        names: backbones and distances that are ready for all of them.

    Returns:
        `judged` and `votes` as `bars` takes them.
    """
    parts = _parts(drawn)
    judged: JudgedSets = {}
    votes: dict[str, Array] = {}
    for name in drawn:
        source, group = triplet_sets.SETS[name]
        part = parts[source]
        rows = triplet_sets.rows_of_group(part.triplets, group)
        votes[name] = part.triplets.vote[rows]
        judged[name] = {
            (model, metric): tuple(pair_similarities.values(part, model, metric)[:, rows])
            for model in names
            for metric in pair_similarities.metrics_of(model, METRICS)
        }
    return judged, votes


def _parts(drawn: Mapping[str, tuple[JudgementSet, Array]]) -> SourceSets:
    """The triplets drawn from each source."""
    parts: SourceSets = {}
    for source in dict.fromkeys(triplet_sets.SETS[name][0] for name in drawn):
        of_source = [name for name in drawn if triplet_sets.SETS[name][0] == source]
        rows = np.sort(np.concatenate([drawn[name][1] for name in of_source]))
        parts[source] = triplet_sets.part(drawn[of_source[0]][0], rows)
    return parts


def clusters(drawn: Mapping[str, tuple[JudgementSet, Array]]) -> BySet:
    """Triplet set -> (T,) triplets with the same reference are not independent."""
    return {
        name: splits.image_numbers(judged.triplets)[judged.triplets.ref[rows]]
        for name, (judged, rows) in drawn.items()
    }


def figure_4_2(drawn: Mapping[str, tuple[JudgementSet, Array]]) -> Section:
    """The triplet sets and how many triplets each has."""
    rows = tuple((name, judged.name, len(rows)) for name, (judged, rows) in drawn.items())
    return Section(
        "Figure 4.2: the triplet sets",
        "At most 1,000 triplets per set, drawn with seed 0.",
        Table(("set", "source", "triplets"), rows),
        printed_values.TRIPLET_SETS,
    )


def figure_5_1(panel: str, all_bars: Sequence[Bar]) -> Section:
    """A quadrant of Figure 5.1: one row per model, one column per metric, the best one marked."""
    panel_bars = {(bar.model, bar.metric): bar for bar in all_bars if bar.panel == panel}
    models = dict.fromkeys(model for model, _ in panel_bars)
    used = {metric for _, metric in panel_bars}
    metrics = [*(metric for metric in METRICS if metric in used), *(used - set(METRICS))]
    labels = tuple(METRIC_NAMES.get(metric, metric) for metric in metrics)
    rows = tuple(
        (model, *(_cell(panel_bars.get((model, metric))) for metric in metrics)) for model in models
    )
    sets = ", ".join(next(iter(panel_bars.values())).sets)
    return Section(
        f"Figure 5.1: {panel}",
        f"Percent right by the majority, mean of: {sets}.",
        Table(("model", *labels), rows),
        charts=(
            Chart(
                "bars",
                "metric",
                "right by the majority, % of triplets",
                tuple(_series(model, metrics, labels, panel_bars) for model in models),
                levels=(Level("chance", 50.0),),
            ),
        ),
    )


def _series(
    model: str,
    metrics: Sequence[str],
    labels: tuple[str, ...],
    panel_bars: Mapping[tuple[str, str], Bar],
) -> Series:
    scores = [
        panel_bars[model, metric].score if (model, metric) in panel_bars else None
        for metric in metrics
    ]
    value, low, high = (
        tuple(float("nan") if s is None else 100 * getattr(s, end) for s in scores)
        for end in ("value", "low", "high")
    )
    return Series(model, labels, value, low, high)


def _cell(bar: Bar | None) -> Cell:
    if bar is None:
        return ""
    score = bar.score
    mark = " (best)" if bar.best else ""
    return f"{100 * score.value:.2f} [{100 * score.low:.1f}, {100 * score.high:.1f}]{mark}"


def section_5_2_3(all_bars: Sequence[Bar]) -> Section:
    """How often each metric is the best one of a model and panel; metrics that tie share the place.

    Distances with a similarity of their own take no part, as there is nothing to choose.
    """
    scores: dict[tuple[str, str], dict[str, float]] = {}  # (panel, model) -> metric -> score
    for bar in all_bars:
        if bar.metric in METRIC_NAMES:
            scores.setdefault((bar.panel, bar.model), {})[bar.metric] = bar.score.value
    alone: Counter[str] = Counter()
    tied: Counter[str] = Counter()
    shares = dict.fromkeys(METRIC_NAMES, 0.0)
    for values in scores.values():
        best = [metric for metric, value in values.items() if value >= max(values.values()) - TIE]
        (alone if len(best) == 1 else tied).update(best)
        for metric in best:
            shares[metric] += 1 / len(best)
    rows, compared = [], []
    for metric, name in METRIC_NAMES.items():
        total = sum(metric in values for values in scores.values())
        share = 100 * shares[metric] / total if total else 0.0
        rows.append((name, alone[metric], tied[metric], round(share, 1), total))
        if total:
            # "Cosine is the best metric for all models and on all triplet sets" (5.2.3).
            printed = comparisons.percentage(100.0 if metric == "cosine" else 0.0)
            own = comparisons.percentage(share)
            compared.append(Compared(f"models and panels where {name} is best", printed, own))
    return Section(
        "Section 5.2.3: the best metric",
        "Metrics that tie share a place: each of two counts half.",
        Table(("metric", "best alone", "tied for best", "share %", "of"), tuple(rows)),
        printed=printed_values.METRICS,
        compared=tuple(compared),
    )


def sections_5_2_1_to_6(
    judged: JudgedSets, votes: Mapping[str, Array], clusters: Mapping[str, Array]
) -> Section:
    """What the thesis says about networks as they are, each sentence beside the own number.

    Args:
        judged, votes: as for `bars`. clusters: set name -> (T,) triplets of one reference.
    """
    credits: dict[tuple[str, str], dict[str, Array]] = {}
    for name, sides in judged.items():
        for entry, (left, right) in sides.items():
            earned = two_afc.credit(left, right, votes[name], counting="majority")
            credits.setdefault(entry, {})[name] = earned
    names = dict.fromkeys(model for model, _ in credits)
    networks = [name for name in names if models.kind(name) in ("papers", "networks")]
    return margaritescu2024_statements.section(
        "Sections 5.2.1 to 5.2.6: networks as they are",
        "",
        margaritescu2024_statements.PRETRAINED,
        Credits(credits, clusters, tuple(networks)),
    )
