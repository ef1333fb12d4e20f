"""The analysis of an experiment as tables and sentences, for a terminal and for the page."""

from collections.abc import Iterator

from simcore.lab.people import tasks
from simcore.lab.people.analysis import ExperimentAnalysis, Rate
from simcore.results import Cell, Table
from simcore.types import Score

PEOPLE = "people"


def table(result: ExperimentAnalysis) -> Table:
    """People and backbones in each condition, with the columns that the task has."""
    title = (
        f"{result.experiment}: {result.answers:,} answers of {result.participants:,} participants"
    )
    if result.task == tasks.SAME_DIFFERENT.name:
        return _same_table(result, title)
    is_ranking = result.task == tasks.RANK.name
    rows: list[tuple[Cell, ...]] = []
    for condition in result.conditions:
        people = (*_percent(condition.human), *_percent(condition.ceiling))
        rows.append((condition.condition, PEOPLE, *people, *(("", "") if is_ranking else ())))
        for machine in condition.machines:
            right = None
            if machine.right is not None and machine.ci95 is not None:
                right = Rate(machine.right, machine.ci95)
            cells = (*_percent(right), *_percent(machine.with_people))
            rows.append(
                ("", machine.model, *cells, *(_percent(machine.overlap) if is_ranking else ()))
            )
    columns = ["condition", "who", "right %", "95 %", "as other people %", "95 %"]
    if is_ranking:
        columns += ["of both choices %", "95 %"]
    keep = [n for n in range(len(columns)) if n not in (2, 3) or any(row[n] for row in rows)]
    return Table(
        tuple(columns[n] for n in keep), tuple(tuple(row[n] for n in keep) for row in rows), title
    )


def _same_table(result: ExperimentAnalysis, title: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for condition in result.conditions:
        people = (*_percent(condition.same), *_percent(condition.ceiling), "", "")
        rows.append((condition.condition, PEOPLE, *people))
        for machine in condition.machines:
            cells = ("", "", "", "", *_percent(machine.separation))
            rows.append(("", machine.model, *cells))
    columns = ("condition", "who", "same %", "95 %", "as other people %", "95 %", "AUC %", "95 %")
    return Table(columns, tuple(rows), title)


def times_table(result: ExperimentAnalysis) -> Table:
    """Response times in each condition, in seconds."""
    rows: list[tuple[Cell, ...]] = [
        (
            condition.condition,
            condition.answers,
            *(f"{value:.2f}" for value in (t.median, t.low, t.high, t.p95)),
            f"{100 * t.fast:.1f}",
        )
        for condition in result.conditions
        if (t := condition.times) is not None
    ]
    columns = ("condition", "answers", "median s", "25 %", "75 %", "95 %", "under 0.2 s, %")
    return Table(columns, tuple(rows), "Response times")


def sentences(result: ExperimentAnalysis) -> Iterator[str]:
    """What the tables do not say."""
    agreement = result.agreement
    if agreement.questions and agreement.most is not None and agreement.unanimous is not None:
        yield (
            f"a majority agrees on {100 * agreement.most:.0f} % of {agreement.questions:,} "
            f"questions, everyone on {100 * agreement.unanimous:.0f} %; "
            f"alpha {_number(agreement.alpha)}; "
            f"correlation of agreement and accuracy {_number(agreement.correlation)}, "
            f"of agreement and response time {_number(result.time_agreement)}"
        )
    yield from task_sentences(result)
    if result.places is not None:
        places = result.places
        yield f"answers by position {list(places.counts)}, p = {places.p:.3g}"
    if result.left_out:
        yield (
            f"left out {len(result.left_out):,} participants who passed less than "
            f"{result.min_catch:g} % of their catch trials"
        )


def task_sentences(result: ExperimentAnalysis) -> Iterator[str]:
    """The statistics that only this task has."""
    of_task = result.of_task
    if (ranking := of_task.ranking) is not None:
        yield (
            f"two people choose the same image first {_share(ranking.first)} (chance 12.5 %), "
            f"share {_share(ranking.overlap)} of their two (25 %), and agree on both in order "
            f"{_share(ranking.ordered)} (1.8 %)"
        )
    if (order := of_task.order) is not None:
        yield (
            f"same: {_of(order.query_first)} where the query came first, "
            f"{_of(order.query_second)} where it came second, p = {order.p:.3g}"
        )
    if (catch := of_task.sensitivity) is not None:
        yield (
            f"catch trials: {100 * catch.hits:.0f} % of {catch.different:,} different pairs and "
            f"{100 * catch.false_alarms:.0f} % of {catch.same:,} identical ones called different; "
            f"d' = {catch.d_prime:.2f}, criterion {catch.criterion:.2f}"
        )
    if (exposure := of_task.exposure) is not None:
        yield (
            f"images were visible for {exposure.median:.0f} ms ({exposure.low:.0f} to "
            f"{exposure.high:.0f}), planned {exposure.planned:,}; {exposure.late:,} of "
            f"{exposure.answers:,} more than a frame longer, {exposure.early:,} shorter"
        )


def _share(score: Score) -> str:
    return f"{100 * score.value:.1f} % [{100 * score.low:.1f}, {100 * score.high:.1f}]"


def _of(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f} %"


def _percent(rate: Rate | None) -> tuple[str, str]:
    if rate is None:
        return "", ""
    low, high = rate.ci95
    return f"{100 * rate.value:.1f}", f"[{100 * low:.1f}, {100 * high:.1f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
