"""The tables and figures of rosenfeld2018 (Totally Looks Like), one function each."""

from collections.abc import Iterator
from dataclasses import replace

from simcore.errors import BadDataError
from simcore.lab import printed_values, recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, subsets
from simcore.lab.papers import paper_report
from simcore.lab.papers.paper_report import PairStep, Section
from simcore.lab.people import analysis, experiments
from simcore.lab.people.analysis import ConditionResult, ExperimentAnalysis
from simcore.recipe import Question
from simcore.results import Cell, Interval, Table


def figure_2a(question: Question) -> Section:
    """Cosine against L2 at every k."""
    difference = recall.cosine_minus_l2(question)
    lines = {" + ".join(curve.recipe.backbones): curve.values for curve in difference.curves}
    return paper_report.curves("Figure 2a: recall by cosine minus recall by L2", lines)


def figure_2b(question: Question) -> Section:
    """Recall at every k."""
    curves = recall.curve(question).curves
    return paper_report.curves(
        "Figure 2b: recall", {curve.recipe.label: curve.values for curve in curves}
    )


def table_1(question: Question) -> Section:
    """Recall at a few cut-offs, the worst backbone first as in the paper."""
    pairs = len(subsets.open_subset(question.collection, question.subset).left)
    ks = [k for k in paper_report.KS if k <= pairs]
    by_recall = sorted(recall.recall(question, ks=ks).rows, key=lambda row: row.recall[ks[0]].value)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (row.recipe.label, *(_percent(score.value, 2) for score in row.recall.values()))
        for row in by_recall
    )
    return Section(
        "Table 1: recall in percent",
        f"Pairs: {subsets.SUBSETS.get(question.subset, question.subset)}.",
        Table(("network", *(f"@{k}" for k in ks)), rows),
        printed_values.RECALL,
    )


def table_2a(question: Question) -> Section:
    """Associative recall of the backbone with the most hits at 1."""
    ranks = recall.ranks_of_each(question)
    hits = [int((values == 1).sum()) for values in ranks]
    best = question.recipes[hits.index(max(hits))]
    (result,) = recall.associative_recall(question.with_recipes(best)).recipes
    rows = tuple(
        (str(row.m), _percent(row.exact, 2), _percent(row.simulated, 2)) for row in result.rows
    )
    return Section(
        "Table 2a: associative recall",
        f"With {best.label}, the best single backbone.",
        Table(("m", "% correct, exact", "% correct, simulated"), rows),
        printed_values.ASSOCIATIVE,
    )


def table_2b(question: Question) -> Section:
    """Correct choices of people and of backbones in the experiments on these pairs."""
    rows = tuple(
        (experiment.experiment, condition.condition, *chooser)
        for experiment in _answered_experiments(question.collection)
        for condition in experiment.conditions
        for chooser in _choosers(condition)
    )
    columns = ("experiment", "condition", "who", "% correct", "low", "high")
    return Section(
        "Table 2b: correct choices of people and machines",
        table=Table(columns, rows),
        printed=printed_values.HUMANS,
    )


def figures_5a_5b(question: Question) -> Section:
    """How much people agree with each other in the experiments on these pairs."""
    rows = []
    for experiment in _answered_experiments(question.collection):
        agreement = experiment.agreement
        rows.append(
            (
                experiment.experiment,
                agreement.questions,
                _percent(agreement.most, 1),
                _percent(agreement.unanimous, 1),
                _rounded(agreement.alpha),
                _rounded(agreement.correlation),
            )
        )
    columns = (
        "experiment",
        "questions",
        "majority %",
        "all agree %",
        "alpha",
        "r of agreement and correctness",
    )
    return Section("Figures 5a and 5b: agreement between people", table=Table(columns, tuple(rows)))


def figure_5c(question: Question) -> Section:
    """Faces in both images of a pair."""
    counts = subsets.face_report(question.collection)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"left {label}", *row)
        for label, row in zip(subsets.FACE_COUNTS, counts.table, strict=True)
    )
    columns = ("faces", *(f"right {label}" for label in subsets.FACE_COUNTS))
    return Section("Figure 5c: faces in both images of a pair", table=Table(columns, rows))


def section_4_2_faces(question: Question) -> Section:
    """Recall of facial features and of generic features of face crops."""
    names = [name for name in question.backbones if name.startswith("face")]
    if not names:
        raise BadDataError(
            f"No features of faces. Run `simcore extract {question.collection} --models "
            "face-cnn,faces-cnn:densenet121` first."
        )
    # TLLd of the authors' code has faces on both sides already.
    subset = question.subset if question.subset in {"faces", "tlld-paper"} else "faces"
    by_face = replace(question.with_recipes(*recipes.parse(names)), subset=subset)
    table = recall.recall(by_face, ks=[1])
    rows = tuple((row.recipe.label, _percent(row.recall[1].value, 2)) for row in table.rows)
    return Section(
        "Section 4.2: faces",
        f"Of the {table.pairs:,} pairs of {subset}, which have a face on both sides. `face` is the "
        "descriptor F; `faces:NAME` are NAME's features of face crops, GF.",
        Table(("features", "@1"), rows),
        printed_values.FACES,
    )


def section_4_2_votes(question: Question) -> Section:
    """Pearson correlation of the votes with similarity."""
    rows = tuple(
        (row.recipe, row.votes, *(round(getattr(row.correlation, end), 3) for end in ENDS))
        for row in recall.votes(question).rows
        if row.correlation.name == "pearson"
    )
    columns = ("network", "votes", "r", "low", "high")
    return Section("Votes and similarity", table=Table(columns, rows), printed=printed_values.VOTES)


def near_duplicates(question: Question) -> Section:
    """Pairs that are left without near-duplicates."""
    result = subsets.find_duplicates(question.collection)
    pairs = len(collections.open_(question.collection).left)
    return Section(
        "Near-duplicates: pairs left",
        f"Near-duplicates by {result.by}.",
        Table(("subset", "pairs"), (("all", pairs), *result.kept.items())),
        printed_values.SUBSETS,
    )


STEPS: list[PairStep] = [
    ("Section 4.2", section_4_2_faces),
    ("Figure 2a", figure_2a),
    ("Figure 2b", figure_2b),
    ("Table 1", table_1),
    ("Table 2a", table_2a),
    ("Table 2b", table_2b),
    ("Figures 5a, 5b", figures_5a_5b),
    ("Figure 5c", figure_5c),
    ("Votes", section_4_2_votes),
    ("Near-duplicates", near_duplicates),
]
ENDS = ("value", "low", "high")


def _answered_experiments(name: str) -> list[ExperimentAnalysis]:
    """The analyses of the experiments on a collection that have answers.

    Raises:
        BadDataError: there is none.
    """
    answered = [row for row in experiments.listing() if row.collection == name and row.answers]
    if not answered:
        raise BadDataError(
            f"No answers of people on {name!r}. Make an experiment with `simcore experiments new` "
            "or on the page Experiments, and invite participants."
        )
    return [analysis.analyse(row.name) for row in answered]


def _choosers(condition: ConditionResult) -> Iterator[tuple[Cell, ...]]:
    """People and backbones of one condition: (who, percent, low, high)."""
    if condition.human is not None:
        yield ("people", *_percent_and_interval(condition.human.value, condition.human.ci95))
    for machine in condition.machines:
        if machine.right is not None:
            yield (machine.model, *_percent_and_interval(machine.right, machine.ci95))


def _percent_and_interval(value: float, ci95: Interval | None) -> tuple[Cell, ...]:
    ends = ("", "") if ci95 is None else tuple(_percent(end, 1) for end in ci95)
    return (_percent(value, 1), *ends)


def _percent(share: float | None, digits: int) -> Cell:
    return "" if share is None else round(100 * share, digits)


def _rounded(value: float | None) -> Cell:
    return "" if value is None else round(value, 3)
