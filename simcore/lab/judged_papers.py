"""Papers on judgements: Figure 5.1 of margaritescu2024, Tables 2 and 3 of rosenfeld2019."""

from collections.abc import Callable, Sequence

import numpy as np

from simcore.data.trials import sets
from simcore.data.trials.nouns import Judgements, SamePairs, Triplets
from simcore.errors import BadDataError
from simcore.evaluate import panels
from simcore.evaluate.panels import Bar
from simcore.lab import agreement, alike, judgements, papers, perceptual, sections
from simcore.lab.sections import Cell, Report, Section, Step
from simcore.types import METRICS, Metric, OnProgress, Score

PAPERS = ("margaritescu2024", "bapps")
_SHORT = {"cosine": "COS", "l2": "L2", "l1": "L1"}
_SOURCES: tuple[sets.Source, ...] = ("bapps", "hsj", "birds-16")


def run(
    paper: str, name: str, models: Sequence[str] = (), *, on_progress: OnProgress | None = None
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
    given = [judgements.open_(n, on_progress=on_progress) for n in asked]
    make = _margaritescu if paper == "margaritescu2024" else _bapps
    return make(paper, given, models, on_progress)


def _margaritescu(
    paper: str, given: list[Judgements], models: Sequence[str], on_progress: OnProgress | None
) -> Report:
    """At most 1,000 triplets of each of the 11 sets, counted right or wrong by the majority."""
    sources: dict[sets.Source, Judgements] = {}
    for judged in given:
        source = next((s for s in _SOURCES if s == judged.kind), None)
        if source is None or source in sources:
            raise BadDataError(
                f"found {judged.name!r} of kind {judged.kind}; expected at most one set each of "
                f"{', '.join(_SOURCES)}; `simcore evaluate triplets {judged.name}` scores others"
            )
        sources[source] = judged
    drawn = sets.evaluation(sources)
    wanted = alike.expand(models or alike.usual())
    pieces, here = {}, list(wanted)
    for source, whole in sources.items():
        rows = [rows for name, (_, rows) in drawn.items() if sets.SETS[name][0] == source]
        piece = sets.part(whole, np.sort(np.concatenate(rows)))
        ready = alike.prepare(piece, wanted, on_progress=on_progress)
        here = [name for name in here if name in ready.names]
        pieces[source] = piece
    found, votes = {}, {}
    for name in drawn:
        source, group = sets.SETS[name]
        piece = pieces[source]
        mine = np.flatnonzero([g == group for g in piece.trials.group])
        votes[name] = piece.triplets.vote[mine]
        found[name] = {
            (model, metric): tuple(alike.values(piece, model, metric)[:, mine])
            for model in here
            for metric in alike.metrics_of(model, METRICS)
        }
    bars = panels.bars(found, votes)

    def overview() -> Section:
        rows = tuple((name, judged.name, len(r)) for name, (judged, r) in drawn.items())
        return Section(
            "Figure 4.2: the triplet sets", "At most 1,000 triplets a set, drawn with seed 0.",
            ("set", "from", "triplets"), rows, papers.TRIPLET_SETS,
        )  # fmt: skip

    def metrics() -> Section:
        rows = []
        for metric, short in _SHORT.items():
            won = sum(_best(bars, b.panel, b.model) == metric for b in bars if b.metric == metric)
            rows.append((short, won, sum(b.metric == metric for b in bars)))
        head = ("metric", "model and panel where it is best", "of")
        return Section("Section 5.2.3: the best metric", "", head, tuple(rows), papers.METRICS)

    steps: list[Step] = [("Figure 4.2", overview)]
    steps += [(p, _step(p, bars)) for p in dict.fromkeys(bar.panel for bar in bars)]
    steps.append(("Section 5.2.3", metrics))
    total = sum(len(rows) for _, rows in drawn.values())
    names = ", ".join(judged.name for judged in given)
    made = sections.make(steps, on_progress)
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


def _bapps(
    paper: str, given: list[Judgements], models: Sequence[str], on_progress: OnProgress | None
) -> Report:
    """2AFC and JND by all similarities, Tables 2 and 3 of rosenfeld2019."""
    triplets = [j for j in given if isinstance(j.trials, Triplets)]
    pairs = [j for j in given if isinstance(j.trials, SamePairs)]
    if len(triplets) > 1 or len(pairs) > 1 or len(triplets) + len(pairs) < len(given):
        raise BadDataError(
            "found sets that are not one of triplets and at most one of same-or-different pairs; "
            "expected such as bapps,bapps-jnd"
        )
    # Only what can be had: a report leaves out what is missing and says so.
    wanted = alike.expand(models or [*alike.usual(), "@distances"])
    ready = {}
    for judged in given:
        ready[judged.name] = alike.prepare(judged, wanted, on_progress=on_progress)
    steps: list[Step] = []
    for judged in [*triplets, *pairs]:
        steps.append((judged.name, _scores(judged, ready[judged.name].names)))
    for judged in triplets:
        names = ready[judged.name].names
        steps += [("Table 2", _table2(judged, names)), ("Table 3", _table3(judged, names))]
    here = tuple(n for n in wanted if all(n in r.names for r in ready.values()))
    total = sum(len(judged.trials) for judged in given)
    told = ", ".join(judged.name for judged in given)
    return Report(paper, told, total, here, sections.make(steps, on_progress), unit="trials")


def _scores(judged: Judgements, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        found = agreement.table(judged, names, metrics=[alike.OWN])
        groups = list(found.groups)
        rows: list[tuple[Cell, ...]] = [
            (f"people: {who}", *(_percent(scores[g]) for g in [*groups, agreement.ALL]))
            for who, scores in found.people.items()
        ]
        for row in sorted(found.rows, key=lambda row: -row.whole.value):
            cells = [_percent(row.groups[g]) for g in groups]
            rows.append((row.label, *cells, _percent(row.whole)))
        note = "" if judged.votes == "human" else "The votes are a known order; nobody was asked."
        title = f"{judged.name}: {found.score}, percent"
        return Section(title, note, ("similarity", *groups, agreement.ALL), tuple(rows))

    return make


def _table2(judged: Judgements, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        nets = [net for net in perceptual.NETS if f"lpips-{net}" in names]
        title = "Table 2: single layers of LPIPS"
        if not nets:
            reasons = {d["name"]: d["reason"] for d in alike.distances()}
            why = reasons["lpips-alex"] or "no LPIPS was asked for"
            return Section(title, f"Left out: {why}.", printed=papers.LAYERS)
        rows = tuple(
            (r.group, r.net, r.layer, _percent(r.score), round(100 * r.delta, 2),
             _percent(r.calibrated), _percent(r.uncalibrated))
            for r in perceptual.layer_table(judged, nets)
        )  # fmt: skip
        head = ("distortion", "net", "layer", "score", "delta", "calibrated", "all layers")
        return Section(title, "Layer 0 is the shallowest of five.", head, rows, papers.LAYERS)

    return make


def _table3(judged: Judgements, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        found = perceptual.combinations(judged, names, combine="zsum")
        rows = tuple(
            (r.group, r.single, _percent(r.single_score), " + ".join(r.several),
             _percent(r.several_score), round(100 * r.held_out, 2)) for r in found.rows
        )  # fmt: skip
        head = ("distortion", "single", "score", "combination", "score of it", "held out")
        note = "z-sums; held out: chosen on other triplets than they are judged on."
        return Section("Table 3: combinations", note, head, rows, papers.MIXTURES)

    return make


def _percent(score: Score) -> Cell:
    return "" if np.isnan(score.value) else round(100 * score.value, 2)
