"""The tables and figures of rosenfeld2019, on pairs and on BAPPS judgements."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from simcore.data.judgements.trials import JudgementSet, SameDifferent, Triplets
from simcore.errors import BadDataError
from simcore.lab import printed_values
from simcore.lab.evaluate import best_subsets, combinations, exclusive, recall
from simcore.lab.judgements import agreement, pair_similarities, perceptual
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.library import collections
from simcore.lab.papers import paper_report
from simcore.lab.papers.paper_report import PairStep, Pictures, Report, Section, Step
from simcore.lab.search import search
from simcore.recipe import Question
from simcore.results import Cell, Table
from simcore.types import Monitor, Score

EXAMPLES = 5  # failures of the leading combination
EXCLUSIVE_EXAMPLES = 2  # per backbone


def figure_3a(question: Question) -> Section:
    """Hits at 1 of each backbone alone."""
    hits = exclusive.report(question).isolation
    rows = sorted(hits.items(), key=lambda row: -row[1])
    return Section(
        "Figure 3a: each representation alone",
        table=Table(("representation", "hits"), tuple(rows)),
    )


def figure_3b(question: Question) -> Section:
    """The best combination of each size, normalized and plain."""
    result = best_subsets.report(question)
    held_out = result.held_out.get("zsum")
    zsum, plain = result.best_by_size["zsum"], result.best_by_size["sum"]
    rows = tuple(
        (left.size, left.hits, " + ".join(left.models), right.hits)
        for left, right in zip(zsum, plain, strict=True)
    )
    return Section(
        "Figure 3b: the best combination of each size",
        "" if held_out is None else f"Cross-validated, the best z-sum has {held_out.hits:,} hits.",
        Table(("size", "normalized", "members", "plain"), rows),
        printed_values.COMBINATIONS,
        tuple(subset.size for subset in zsum),
        {
            "normalized": tuple(subset.hits for subset in zsum),
            "plain": tuple(subset.hits for subset in plain),
        },
    )


def figure_4(question: Question) -> Section:
    """Share of the leading combinations of four that contain each backbone."""
    size = min(4, len(question.backbones))
    result = combinations.participation(combinations.search(question), "zsum", size)
    title = f"Figure 4: participation in the leading combinations of {size}"
    return paper_report.curves(title, {model: result.of(model) for model in result.models})


def table_1(question: Question) -> Section:
    """The best combination without each of its members."""
    result = combinations.ablation(combinations.search(question), "zsum")
    rows = [(" + ".join(row.models), row.hits, row.lost) for row in result.rows]
    rows.append((" + ".join(result.best.models), result.best.hits, 0))
    return Section(
        "Table 1: ablation",
        table=Table(("combination", "hits", "loss"), tuple(rows)),
        printed=printed_values.ABLATION,
    )


def section_4_4_1(question: Question) -> Section:
    """Oracle and exclusive hits."""
    result = exclusive.report(question)
    rows = [("oracle", result.oracle), ("exclusive hits", result.exclusive_total)]
    rows += [(f"only {model}", hits) for model, hits in result.by_model.items()]
    return Section(
        "Section 4.4.1: oracle and exclusive hits",
        table=Table(("what", "hits"), tuple(rows)),
        printed=printed_values.COMBINATIONS,
    )


def figure_5(question: Question) -> Section:
    """The first failures of the leading combination."""
    name = question.collection
    leading = best_subsets.report(question).best.recipe()
    left, single = collections.open_(name).left, Question(name, (leading,))
    rows = []
    for query in recall.failed_queries(name, leading)[:EXAMPLES]:
        (hits,) = search.search(single, search.Query(id=query), k=1, mode="exact")
        keys = (left.keys[left.row_of[query]], hits.mate_key or "", hits.keys[0])
        rank = f"at rank {hits.mate_rank:,}" if hits.mate_rank else "without evidence"
        caption = f"{query}: its mate is {rank}"
        rows.append(Pictures(caption, keys, ("query", "mate", "ranked first"), 1))
    return Section(
        "Figure 5: failures of the leading combination",
        f"The first {len(rows)} queries that the leading combination, {leading.label}, misses.",
        pictures=tuple(rows),
    )


def figure_6(question: Question) -> Section:
    """Pairs that only one backbone finds."""
    backbones = question.backbones
    rows = [
        Pictures(f"Only {model}", (pair.query_key, pair.mate_key), ("query", "mate"), 1)
        for model in backbones
        for pair in exclusive.found_and_missed(
            question, found=[model], missed=[other for other in backbones if other != model]
        )[:EXCLUSIVE_EXAMPLES]
    ]
    return Section(
        "Figure 6: exclusive hits",
        f"At most {EXCLUSIVE_EXAMPLES} per backbone.",
        pictures=tuple(rows),
    )


STEPS: list[PairStep] = [
    ("Figure 3a", figure_3a),
    ("Figure 3b", figure_3b),
    ("Figure 4", figure_4),
    ("Table 1", table_1),
    ("Section 4.4.1", section_4_4_1),
    ("Figure 5", figure_5),
    ("Figure 6", figure_6),
]


def bapps(sets: Sequence[JudgementSet], models: Sequence[str], monitor: Monitor) -> Report:
    """2AFC and JND scores of all similarities, and Tables 2 and 3.

    Args:
        sets: one of triplets, one of same-or-different pairs, or both.
        models: backbones and distances; empty means all that are available.
        monitor: progress and stop.

    Raises:
        BadDataError: other sets than these.
    """
    triplets = [judged for judged in sets if isinstance(judged.trials, Triplets)]
    pairs = [judged for judged in sets if isinstance(judged.trials, SameDifferent)]
    if len(triplets) > 1 or len(pairs) > 1 or len(triplets) + len(pairs) < len(sets):
        raise BadDataError(
            "Give at most one set of triplets and one of same-or-different pairs, such as "
            "bapps,bapps-jnd."
        )
    names = pair_similarities.expand(
        models or [*pair_similarities.default_backbones(), "@distances"]
    )
    # A report leaves out what is unavailable and says so; `prepare` returns the rest.
    ready = {
        judged.name: pair_similarities.prepare(judged, names, monitor=monitor).names
        for judged in sets
    }
    steps: list[Step] = [
        (judged.name, partial(judgement_scores, judged, ready[judged.name]))
        for judged in [*triplets, *pairs]
    ]
    for judged in triplets:
        steps.append(("Table 2", partial(table_2, judged, ready[judged.name])))
        steps.append(("Table 3", partial(table_3, judged, ready[judged.name])))
    return Report(
        "bapps",
        ", ".join(judged.name for judged in sets),
        sum(len(judged.trials) for judged in sets),
        tuple(name for name in names if all(name in available for available in ready.values())),
        paper_report.make(steps, monitor),
        unit="trials",
    )


def judgement_scores(judged: JudgementSet, names: Sequence[str]) -> Section:
    """Scores of people and of all similarities, per group."""
    question = JudgementQuestion(judged.name, tuple(names), (pair_similarities.OWN,))
    result = agreement.table(question)
    groups = list(result.groups)
    rows: list[tuple[Cell, ...]] = [
        (f"people: {who}", *(_percent(scores[group]) for group in [*groups, agreement.ALL]))
        for who, scores in result.people.items()
    ]
    for row in sorted(result.rows, key=lambda row: -row.overall.value):
        cells = [_percent(row.groups[group]) for group in groups]
        rows.append((row.label, *cells, _percent(row.overall)))
    known_order = "The votes are a known order, not answers of people."
    return Section(
        f"{judged.name}: {result.score}, percent",
        "" if judged.votes == "human" else known_order,
        Table(("similarity", *groups, agreement.ALL), tuple(rows)),
    )


def table_2(judged: JudgementSet, names: Sequence[str]) -> Section:
    """Single layers of LPIPS."""
    title = "Table 2: single layers of LPIPS"
    nets = [net for net in perceptual.NETS if f"lpips-{net}" in names]
    if not nets:
        reasons = {row.name: row.reason for row in pair_similarities.distances()}
        reason = reasons["lpips-alex"] or "LPIPS is not among the models"
        return Section(title, f"Left out: {reason}.", printed=printed_values.LAYERS)
    rows = tuple(
        (
            row.group,
            row.net,
            row.layer,
            _percent(row.score),
            round(100 * row.delta, 2),
            _percent(row.calibrated),
            _percent(row.uncalibrated),
        )
        for row in perceptual.layer_table(JudgementQuestion(judged.name), nets).rows
    )
    columns = ("distortion", "net", "layer", "score", "delta", "calibrated", "all layers")
    return Section(
        title, "Layer 0 is the shallowest of five.", Table(columns, rows), printed_values.LAYERS
    )


def table_3(judged: JudgementSet, names: Sequence[str]) -> Section:
    """The best single and the best combined similarity of each distortion."""
    question = JudgementQuestion(judged.name, tuple(names), combine="zsum")
    rows = tuple(
        (
            row.group,
            row.single,
            _percent(row.single_score),
            " + ".join(row.several),
            _percent(row.several_score),
            None if row.held_out is None else round(100 * row.held_out, 2),
        )
        for row in perceptual.combinations(question).rows
    )
    columns = ("distortion", "single", "score", "combination", "combination's score", "held-out")
    return Section(
        "Table 3: combinations",
        "z-sums; held-out: selected on other triplets than they are scored on.",
        Table(columns, rows),
        printed_values.MIXTURES,
    )


def _percent(score: Score) -> Cell:
    return "" if np.isnan(score.value) else round(100 * score.value, 2)
