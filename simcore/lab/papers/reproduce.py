"""A whole paper on one's own collection: every table and figure, the printed values beside them."""

from collections.abc import Callable, Sequence

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError, unknown_name
from simcore.lab import printed_values
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.library import collections, duplicates, features, subsets
from simcore.lab.papers import (
    margaritescu2024_tables,
    paper_report,
    risser_maroux2021_tables,
    rosenfeld2018_tables,
    rosenfeld2019_tables,
)
from simcore.lab.papers.margaritescu2024_tables import Bar
from simcore.lab.papers.paper_report import Cell, Report, Section, Step
from simcore.lab.papers.rosenfeld2019_tables import bapps
from simcore.types import METRICS, Metric, Monitor

JUDGEMENT_PAPERS = ("margaritescu2024", "bapps")
_SHORT = {"cosine": "COS", "l2": "L2", "l1": "L1"}
_SOURCES: tuple[triplet_sets.Source, ...] = ("bapps", "hsj", "birds-16")

PAPERS = {
    "rosenfeld2018": rosenfeld2018_tables.rosenfeld2018,
    "rosenfeld2019": rosenfeld2019_tables.rosenfeld2019,
    "risser-maroux2021": risser_maroux2021_tables.risser_maroux2021,
}


def run_on_judgements(
    paper: str, name: str, models: Sequence[str] = (), *, monitor: Monitor = Monitor()
) -> Report:
    """All of a paper's tables and figures that these judgements and similarities allow.

    Args:
        paper: of PAPERS.
        name: sets of judgements, separated by commas: for margaritescu2024 one of kind bapps, hsj
            or birds-16 each; for bapps any set of triplets, and one of kind bapps-jnd if there is.
        models: backbones and distances; empty means all at hand.

    Raises:
        UnknownNameError: no such set. BadDataError: sets that do not fit the paper, or no
            similarity can be had.
    """
    asked = [n.strip() for n in name.split(",") if n.strip()]
    if not asked:
        raise BadDataError("found no set of judgements; expected at least one, such as known")
    given = [sets.open_(n, monitor=monitor) for n in asked]
    make = _margaritescu if paper == "margaritescu2024" else bapps
    return make(paper, given, models, monitor)


def _margaritescu(
    paper: str, given: list[JudgementSet], models: Sequence[str], monitor: Monitor
) -> Report:
    """At most 1,000 triplets of each of the 11 sets, counted right or wrong by the majority."""
    sources: dict[triplet_sets.Source, JudgementSet] = {}
    for judged in given:
        source = next((s for s in _SOURCES if s == judged.kind), None)
        if source is None or source in sources:
            raise BadDataError(
                f"found {judged.name!r} of kind {judged.kind}; expected at most one set each of "
                f"{', '.join(_SOURCES)}; `simcore evaluate triplets {judged.name}` scores others"
            )
        sources[source] = judged
    drawn = triplet_sets.evaluation(sources)
    wanted = pair_similarities.expand(models or pair_similarities.default_backbones())
    pieces, here = {}, list(wanted)
    for source, whole in sources.items():
        rows = [rows for name, (_, rows) in drawn.items() if triplet_sets.SETS[name][0] == source]
        piece = triplet_sets.part(whole, np.sort(np.concatenate(rows)))
        ready = pair_similarities.prepare(piece, wanted, monitor=monitor)
        here = [name for name in here if name in ready.names]
        pieces[source] = piece
    found, votes = {}, {}
    for name in drawn:
        source, group = triplet_sets.SETS[name]
        piece = pieces[source]
        mine = np.flatnonzero([g == group for g in piece.trials.group])
        votes[name] = piece.triplets.vote[mine]
        found[name] = {
            (model, metric): tuple(pair_similarities.values(piece, model, metric)[:, mine])
            for model in here
            for metric in pair_similarities.metrics_of(model, METRICS)
        }
    bars = margaritescu2024_tables.bars(found, votes)

    def overview() -> Section:
        rows = tuple((name, judged.name, len(r)) for name, (judged, r) in drawn.items())
        return Section(
            "Figure 4.2: the triplet sets",
            "At most 1,000 triplets a set, drawn with seed 0.",
            ("set", "from", "triplets"),
            rows,
            printed_values.TRIPLET_SETS,
        )

    def metrics() -> Section:
        rows = []
        for metric, short in _SHORT.items():
            won = sum(_best(bars, b.panel, b.model) == metric for b in bars if b.metric == metric)
            rows.append((short, won, sum(b.metric == metric for b in bars)))
        head = ("metric", "model and panel where it is best", "of")
        return Section(
            "Section 5.2.3: the best metric", "", head, tuple(rows), printed_values.METRICS
        )

    steps: list[Step] = [("Figure 4.2", overview)]
    steps += [(p, _step(p, bars)) for p in dict.fromkeys(bar.panel for bar in bars)]
    steps.append(("Section 5.2.3", metrics))
    total = sum(len(rows) for _, rows in drawn.values())
    names = ", ".join(judged.name for judged in given)
    made = paper_report.make(steps, monitor)
    return Report(paper, names, total, tuple(here), made, unit="triplets")


def _step(panel: str, bars: list[Bar]) -> Callable[[], Section]:
    return lambda: _panel(panel, bars)


def _panel(panel: str, bars: list[Bar]) -> Section:
    """A quadrant of Figure 5.1: a row a model, a column a metric, the best one marked."""
    mine = [bar for bar in bars if bar.panel == panel]
    metrics: list[Metric] = [m for m in METRICS if any(bar.metric == m for bar in mine)]
    models = list(dict.fromkeys(bar.model for bar in mine))
    by = {(bar.model, bar.metric): bar for bar in mine}
    columns = [*metrics, *({bar.metric for bar in mine} - set(metrics))]

    def cell(bar: Bar | None) -> Cell:
        if bar is None:
            return ""
        s = bar.score
        mark = " (best)" if bar.best else ""
        return f"{100 * s.value:.2f} [{100 * s.low:.1f}, {100 * s.high:.1f}]{mark}"

    rows = tuple((m, *(cell(by.get((m, c))) for c in columns)) for m in models)
    sets_of = ", ".join(mine[0].sets)
    return Section(
        f"Figure 5.1: {panel}",
        f"Percent right by the majority, mean of: {sets_of}.",
        ("model", *(_SHORT.get(c, c) for c in columns)),
        rows,
        blocks=tuple(_SHORT.get(c, c) for c in columns),
        bars={
            m: tuple(by[m, c].score.value if (m, c) in by else float("nan") for c in columns)
            for m in models
        },
    )


def _best(bars: list[Bar], panel: str, model: str) -> str:
    mine = [b for b in bars if (b.panel, b.model) == (panel, model)]
    return max(mine, key=lambda b: b.score.value).metric


def run(
    paper: str,
    name: str,
    models: Sequence[str] = (),
    *,
    subset: str = "",
    monitor: Monitor = Monitor(),
) -> Report:
    """All of a paper's tables and figures that this collection's data and features allow.

    Args:
        paper: "rosenfeld2018", "rosenfeld2019" or "risser-maroux2021", on a collection;
            "margaritescu2024" or "bapps", on sets of judgements.
        name: of the collection, or of the sets, separated by commas.
        models: backbones; empty means all whose features are complete, or all at hand.
        subset: which pairs; empty means the paper's own: every pair for rosenfeld2019, TLLd for
            rosenfeld2018 where the network that TLLd was made with is ready, pairs without faces
            for risser-maroux2021 where a detector has run; else every pair.

    Raises:
        UnknownNameError: no such paper or collection. BadDataError: no features. SimError: `stop`,
            asked before each section, said so.
    """
    if paper in JUDGEMENT_PAPERS:
        return run_on_judgements(paper, name, models, monitor=monitor)
    if paper not in PAPERS:
        raise unknown_name("paper", paper, [*PAPERS, *JUDGEMENT_PAPERS])
    chosen = tuple(models) or tuple(collections.default_backbones(name))
    part = subset or _own_pairs(paper, name)
    made = paper_report.make(PAPERS[paper](name, chosen, part), monitor)
    pairs = len(subsets.open_subset(name, part).left)
    return Report(paper, name, pairs, chosen, made, part)


def _own_pairs(paper: str, name: str) -> str:
    """What the paper is about, as far as it can be told here."""
    collection = collections.open_(name)
    if paper == "risser-maroux2021":
        ready = [one for one in ("haar", "face") if features.is_ready(collection, one)]
        return {"haar": "haar-objects", "face": "objects"}[ready[0]] if ready else "all"
    if paper != "rosenfeld2018":
        return "all"
    # The thresholds of TLLd belong to densenet121; by another network they mean nothing.
    judges = [judge for judge in duplicates.DUPLICATE_BACKBONES if "densenet121" in judge]
    able = any(features.is_ready(collection, judge) for judge in judges)
    return "tlld-paper" if able and features.is_ready(collection, "face") else "all"
