"""The tables and figures of rosenfeld2018 about people: choices, agreement, positions."""

from collections.abc import Iterator

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.statistics.correlation import correlations
from simcore.lab import printed_values
from simcore.lab.library import collections, features
from simcore.lab.papers import comparisons
from simcore.lab.papers.comparisons import Amount, Compared, percentage, share
from simcore.lab.papers.sections import Chart, Level, Pictures, Section, Series
from simcore.lab.people import analysis, experiments
from simcore.lab.people.analysis import ConditionResult, ExperimentAnalysis, QuestionResult
from simcore.lab.people.experiments import RANDOM
from simcore.lab.people.tasks import MAFC
from simcore.recipe import Question
from simcore.results import Cell, Interval, Table

TENTHS = tuple(f"{10 * n} to {10 * n + 10} %" for n in range(10))
EXTREMES = 2  # questions with the highest, and with the lowest agreement
PEOPLE = ("human (lab)", "human (AMT)")


def table_2b(question: Question) -> Section:
    """Correct choices of people and of backbones in the experiments on these pairs."""
    answered = answered_experiments(question)
    rows = tuple(
        (experiment.experiment, condition.condition, *chooser)
        for experiment in answered
        for condition in experiment.conditions
        for chooser in _choosers(condition)
    )
    return Section(
        "Table 2b: correct choices of people and machines",
        f"Backbones: {', '.join(question.backbones)}. The paper's conditions are drawn by "
        "`simcore experiments new NAME COLLECTION --preset rosenfeld2018`.",
        Table(("experiment", "condition", "who", "% correct [95 % CI]"), rows),
        printed_values.HUMANS,
        tuple(_compared_choices(answered)),
    )


def _compared_choices(answered: list[ExperimentAnalysis]) -> Iterator[Compared]:
    """Each printed cell beside the same condition here, of the newest experiment that has it."""
    own: dict[str, ConditionResult] = {}
    for experiment in reversed(answered):
        for condition in experiment.conditions:
            own[printed_column(condition.condition)] = condition
    generic = next((_source(own[c]) for c in ("d generic", "obj generic") if c in own), "")
    for column in printed_values.HUMANS.columns[1:]:
        matching = own.get(column)
        human = matching.human if matching else None
        for who in PEOPLE:
            printed = printed_values.HUMANS.value(who, column)
            amount = percentage(100 * human.value, *_percents(human.ci95)) if human else None
            yield Compared(f"{column}: {who}", percentage(printed), amount)
        total = printed_values.QUESTIONS
        hits = round(printed_values.HUMANS.value("machine", column) * total / 100)
        source, amount = machine_of(matching, generic)
        label = f"{column}: machine" + (f" ({source} here)" if source else "")
        yield Compared(label, share(hits, total), amount)
    printed = printed_values.ASSOCIATIVE.value("5", "% correct")
    yield Compared("five random images, machine (Table 2a)", percentage(printed))


def printed_column(condition: str) -> str:
    """The column of Table 2b that a condition belongs to; "" for none.

    >>> printed_column("random, tllobj"), printed_column("faces:densenet121, tlld")
    ('obj random', 'd face-generic')
    """
    source, _, subset = condition.rpartition(", ")
    if not subset.startswith(("tlld", "tllobj")):
        return ""
    part = "obj" if subset.startswith("tllobj") else "d"
    if source == RANDOM:
        return f"{part} random"
    if source.startswith("faces"):
        return f"{part} face-generic"
    return f"{part} face" if source.startswith("face") else f"{part} generic"


def _source(condition: ConditionResult) -> str:
    """What chose the distractors: "random" or a backbone."""
    return condition.condition.rpartition(", ")[0]


def machine_of(condition: ConditionResult | None, generic: str) -> tuple[str, Amount | None]:
    """The backbone that chose the distractors, as in the paper, and its correct choices.

    Args:
        condition: None where no experiment has it.
        generic: judges random distractors.
    """
    if condition is None:
        return "", None
    source = generic if _source(condition) == RANDOM else _source(condition)
    for machine in condition.machines:
        if machine.model == source and machine.right is not None:
            return source, percentage(100 * machine.right, *_percents(machine.ci95))
    return "", None


def figure_4(question: Question) -> Section:
    """The questions that people agree on most and least."""
    rows: list[Pictures] = []
    for experiment in answered_experiments(question):
        asked = [row for row in experiment.asked if sum(row.counts) > 1]
        extremes = asked[:EXTREMES] + asked[EXTREMES:][-EXTREMES:]
        rows += [_question_pictures(experiment.experiment, row) for row in extremes]
    if not rows:
        raise BadDataError("No question has two answers yet. Invite more participants.")
    return Section(
        "Figure 4: questions with high and low agreement",
        f"In each experiment the {EXTREMES} questions with the highest and the {EXTREMES} with "
        "the lowest share of the most frequent answer; below each image how often it was chosen.",
        pictures=tuple(rows),
    )


def _question_pictures(experiment: str, row: QuestionResult) -> Pictures:
    return Pictures(
        f"{experiment}, question {row.number} ({row.condition}): {100 * row.majority:.0f} % agree",
        (row.query_key, *(key for _, key in row.options)),
        ("query", *(f"{count:,} answers" for count in row.counts)),
        row.mate + 1 if row.mate >= 0 else -1,
    )


def figures_5a_5b(question: Question) -> Section:
    """How much people agree with each other, and how often agreement is right."""
    answered = answered_experiments(question)
    rows: list[tuple[Cell, ...]] = []
    frequency, correct, compared = [], [], []
    for experiment in answered:
        agreement, name = experiment.agreement, experiment.experiment
        counts = agreement.histogram
        frequency.append(_bars(name, [share(count, agreement.questions) for count in counts]))
        right = [
            None if part is None else share(round(part * count), count)
            for part, count in zip(agreement.right, counts, strict=True)
        ]
        correct.append(_bars(name, right))
        most, unanimous = (
            None if part is None else share(round(part * agreement.questions), agreement.questions)
            for part in (agreement.most, agreement.unanimous)
        )
        r = _correlation(experiment)
        alpha = "" if agreement.alpha is None else f"{agreement.alpha:.3f}"
        rows.append((name, agreement.questions, _text(most), _text(unanimous), alpha, _text(r)))
        labels = [str(row[0]) for row in printed_values.AGREEMENT.rows]
        makers = (percentage, percentage, comparisons.coefficient)
        compared += [
            Compared(
                f"{label} ({name})", maker(printed_values.AGREEMENT.value(label, "value")), amount
            )
            for label, maker, amount in zip(labels, makers, (most, unanimous, r), strict=True)
        ]
    columns = (
        "experiment",
        "questions",
        "majority agrees",
        "all agree",
        "Krippendorff's alpha",
        "r of agreement and correctness",
    )
    share_axis = "share of the most frequent answer"
    return Section(
        "Figures 5a and 5b: agreement between people",
        "Questions with at least two answers.",
        Table(columns, tuple(rows)),
        printed_values.AGREEMENT,
        tuple(compared),
        (
            Chart("bars", share_axis, "% of questions", tuple(frequency), "Figure 5a"),
            Chart(
                "bars",
                share_axis,
                "most chosen is the mate, % of questions",
                tuple(correct),
                "Figure 5b",
            ),
        ),
    )


def positions(question: Question) -> Section:
    """How often each position on the screen was chosen."""
    printed = {str(place): int(count or 0) for place, count in printed_values.POSITIONS.rows}
    total = printed_values.AMT_ANSWERS
    series = [_places("printed (AMT)", list(printed.values()))]
    rows: list[tuple[Cell, ...]] = []
    compared = []
    for experiment in answered_experiments(question):
        assert experiment.places is not None  # every mafc experiment has positions
        counts = list(experiment.places.counts)
        series.append(_places(experiment.experiment, counts))
        for place, count in enumerate(counts, 1):
            own = share(count, sum(counts))
            rows.append((experiment.experiment, str(place), count, own.text))
            comparable = str(place) in printed and len(counts) == len(printed)
            compared.append(
                Compared(
                    f"position {place} ({experiment.experiment})",
                    share(printed[str(place)], total) if comparable else None,
                    own,
                )
            )
        rows.append((experiment.experiment, "p (chi-squared)", None, f"{experiment.places.p:.2g}"))
    return Section(
        "Section 4.3: positions",
        "Here every participant sees the options in an order of their own, so without a bias all "
        "positions are chosen equally often.",
        Table(("experiment", "position", "answers", "share"), tuple(rows)),
        printed_values.POSITIONS,
        tuple(compared),
        (
            Chart(
                "bars",
                "position on the screen",
                "% of answers",
                tuple(series),
                levels=(Level("chance", 100 / len(printed)),),
            ),
        ),
    )


def answered_experiments(question: Question) -> list[ExperimentAnalysis]:
    """The analyses of the experiments on a collection that have answers, newest first.

    Only the question's backbones with features of the whole collection are compared.

    Raises:
        BadDataError: there is none.
    """
    name = question.collection
    answered = [
        row
        for row in experiments.listing()
        if row.collection == name and row.answers and row.task == MAFC.name
    ]
    if not answered:
        raise BadDataError(
            f"No answers of people on {name!r}. Make an experiment with `simcore experiments new` "
            "or on the page Experiments, and invite participants."
        )
    collection = collections.open_(name)
    models = [model for model in question.backbones if features.is_ready(collection, model)]
    return [analysis.analyze(row.name, models) for row in answered]


def _correlation(experiment: ExperimentAnalysis) -> Amount | None:
    """Pearson's r of agreement and correctness, with its bootstrap interval over questions."""
    if experiment.agreement.correlation is None:
        return None
    rows = [row for row in experiment.asked if sum(row.counts) > 1 and row.mate >= 0]
    agreed = np.array([row.majority for row in rows])
    right = np.array([row.counts[row.mate] / sum(row.counts) for row in rows])
    pearson = next(row for row in correlations(agreed, right) if row.name == "pearson")
    return comparisons.coefficient(pearson.value, pearson.low, pearson.high)


def _choosers(condition: ConditionResult) -> Iterator[tuple[Cell, ...]]:
    """People and backbones of one condition: (who, percent with its interval)."""
    if condition.human is not None:
        human = condition.human
        yield ("people", percentage(100 * human.value, *_percents(human.ci95)).text)
    for machine in condition.machines:
        if machine.right is not None:
            amount = percentage(100 * machine.right, *_percents(machine.ci95))
            yield (machine.model, amount.text)


def _percents(ci95: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if ci95 is None else (100 * ci95[0], 100 * ci95[1])


def _places(label: str, counts: list[int]) -> Series:
    amounts: list[Amount | None] = [share(count, sum(counts)) for count in counts]
    return _bars(label, amounts, tuple(str(place) for place in range(1, len(counts) + 1)))


def _bars(
    label: str, amounts: list[Amount] | list[Amount | None], names: tuple[str, ...] = TENTHS
) -> Series:
    """Bars with their intervals; None and NaN leave a gap."""
    nan = float("nan")
    return Series(
        label,
        names,
        tuple(nan if a is None else a.value for a in amounts),
        tuple(nan if a is None or a.low is None else a.low for a in amounts),
        tuple(nan if a is None or a.high is None else a.high for a in amounts),
    )


def _text(amount: Amount | None) -> str:
    return "" if amount is None else amount.text
