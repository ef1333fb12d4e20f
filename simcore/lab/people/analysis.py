"""Analysis of an experiment: people, backbones, and how they agree (rosenfeld2018, 4.3).

Where two images are ranked, the first choice counts as the answer, and `ranking` says how people
agree on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError
from simcore.evaluate.judgements import forced_choice, inter_annotator, task_statistics
from simcore.evaluate.judgements.forced_choice import Agreement
from simcore.evaluate.judgements.forced_choice import PositionBias as PositionBias
from simcore.evaluate.judgements.task_statistics import (
    Exposure,
    OrderEffect,
    RankAgreement,
    ResponseTimes,
    Sensitivity,
)
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab.people import given_answers, machine_choices, tasks
from simcore.lab.people.given_answers import AnswerRow
from simcore.lab.people.machine_choices import Machine, MachineAnswers
from simcore.results import Result
from simcore.types import Array, Score


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval, both in 0..1."""

    value: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class ParticipantSummary:
    """One participant.

    Attributes:
        answers: without catch trials.
        right: answers that chose the mate; None where no mate is known.
        label: the id that the participant has elsewhere, such as on Prolific.
        grade: percentage of catch trials passed, as in psiz; None if none was answered.
    """

    participant: int
    answers: int
    right: int | None
    catch_answered: int
    catch_passed: int
    median_seconds: float
    label: str = ""
    grade: float | None = None


@dataclass(frozen=True)
class QuestionResult:
    """What was answered to one question; `options` and `mate` as in `schema.Question`.

    Attributes:
        counts: how often each answer was given; of ranked images, how often each came first.
        second_counts: how often each image was chosen second; empty where one is chosen.
    """

    number: int
    condition: str
    query: str
    query_key: str
    options: list[list[str]]
    mate: int
    counts: tuple[int, ...]
    majority: float
    second_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class MachineResult:
    """One backbone on the questions of a condition.

    Attributes:
        right: share of questions whose mate it finds most similar; None without known mates.
        no_evidence: questions that it cannot answer.
        with_people: how often a person chose what it chose; None for same or different, which
            needs a criterion.
        overlap: of the two images that a person ranked, those among its own two.
        separation: probability that a pair that a person called the same is more similar than one
            that a person called different (AUC).
    """

    model: str
    right: float | None
    ci95: tuple[float, float] | None
    no_evidence: int
    with_people: Rate | None
    overlap: Rate | None = None
    separation: Rate | None = None


@dataclass(frozen=True)
class ConditionResult:
    """One column of rosenfeld2018, Table 2b; the condition "all" takes all of them together.

    Attributes:
        human: accuracy of participants. ceiling: how often one chooses what most others choose.
        majority: mean share of the most frequent option.
        times: response times. same: share of "same" answers, where that is the task.
    """

    condition: str
    questions: int
    answers: int
    human: Rate | None
    ceiling: Rate | None
    majority: float | None
    median_seconds: float | None
    machines: tuple[MachineResult, ...]
    times: ResponseTimes | None = None
    same: Rate | None = None


@dataclass(frozen=True)
class TaskStatistics:
    """What only some tasks have; None elsewhere, and where too little was answered.

    Attributes:
        exposure: measured against planned, where images were shown for a limited time.
        ranking: agreement on both choices, where two images are ranked.
        order: of same or different, whether the order of the images changes the answer.
        sensitivity: of same or different, from its catch trials.
    """

    exposure: Exposure | None
    ranking: RankAgreement | None
    order: OrderEffect | None
    sensitivity: Sensitivity | None


@dataclass(frozen=True)
class ExperimentAnalysis(Result):
    """What `simcore experiments analyze` prints.

    Attributes:
        choices: number of answers that a question has.
        left_out: participants that were left out because they failed catch trials.
        places: answers by position on the screen; None for same or different, which has `order`.
        people: one row per participant. asked: one row per answered question, highest agreement
                first (rosenfeld2018, Fig. 4).
        min_catch: lowest grade of the participants that were counted.
        time_agreement: Spearman's correlation of a question's median time with its majority.
        of_task: what only some tasks have.
    """

    experiment: str
    collection: str
    choices: int
    questions: int
    participants: int
    answers: int
    left_out: tuple[int, ...]
    conditions: tuple[ConditionResult, ...]
    agreement: Agreement
    places: PositionBias | None
    people: tuple[ParticipantSummary, ...]
    asked: tuple[QuestionResult, ...]
    task: str
    min_catch: float
    time_agreement: float | None
    of_task: TaskStatistics


def analyze(
    name: str,
    models: Sequence[str] | None = None,
    *,
    passed_catch: bool = False,
    min_catch: float = 0,
    seed: int = 0,
) -> ExperimentAnalysis:
    """The analyses of rosenfeld2018, section 4.3, and agreement beyond them.

    Args:
        models: backbones to compare with people; None takes every one whose features are ready.
        passed_catch: leave out participants who failed a catch trial: a `min_catch` of 100.
        min_catch: lowest grade, the percentage of catch trials passed; participants who answered
            none stay.
        seed: of the intervals.

    Raises:
        UnknownNameError: no such experiment.
        BadDataError: there are no answers, or features of a backbone asked for are missing.
    """
    experiment = experiment_store.get(name)
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    everything = experiment_store.answers(experiment)
    people = participants(questions, everything, experiment_store.labels(experiment))
    lowest = 100.0 if passed_catch else min_catch
    failed = {
        row.participant for row in people if (100 if row.grade is None else row.grade) < lowest
    }
    counted = [row for row in everything if row[0] not in failed]
    answers = [row for row in counted if not questions[row[1]].catch]
    if not answers:
        raise BadDataError(
            f"Nobody has answered {name!r} yet. Invite participants first."
            if not failed
            else f"No participant of {name!r} passed {lowest:g} % of the catch trials. Lower "
            "--min-catch."
        )
    real = [question for question in questions.values() if not question.catch]
    table = _Table(real, answers, experiment.choices)
    machines = {} if models == [] else machine_choices.answer(experiment, real, models)
    conditions = [*dict.fromkeys(question.condition for question in real), None]
    compares = experiment.task == tasks.SAME_DIFFERENT.name
    return ExperimentAnalysis(
        experiment=name,
        collection=experiment.collection,
        choices=experiment.choices,
        questions=len(real),
        participants=len({person for person, _, _ in answers}),
        answers=len(answers),
        left_out=tuple(sorted(failed)),
        conditions=tuple(
            _condition(name, table, machines, compares=compares, seed=seed) for name in conditions
        ),
        agreement=forced_choice.agreement_by_question(table.counts, table.mate),
        places=None if compares else forced_choice.position_bias(table.place, experiment.choices),
        people=tuple(people),
        asked=tuple(_question_results(real, table)),
        task=experiment.task,
        min_catch=lowest,
        time_agreement=task_statistics.time_and_agreement(
            table.seconds, table.question, inter_annotator.majority(table.counts)
        ),
        of_task=_task_statistics(experiment, table, questions, counted, seed),
    )


def _task_statistics(
    experiment: Experiment,
    table: "_Table",
    questions: Mapping[int, Question],
    answers: Sequence[AnswerRow],
    seed: int,
) -> TaskStatistics:
    """The statistics of one task.

    Args:
        answers: with those to catch trials, whose right answers are known.
    """
    ranking = order = sensitivity = None
    if experiment.task == tasks.RANK.name:
        ranking = task_statistics.rank_agreement(
            table.option, table.second, table.question, seed=seed
        )
    if experiment.task == tasks.SAME_DIFFERENT.name:
        order = task_statistics.order_effect(table.place, table.option == tasks.SAME)
        graded = [(questions[n].mate, a.option) for _, n, a in answers if questions[n].catch]
        right, option = np.array(graded, np.int64).reshape(-1, 2).T
        sensitivity = task_statistics.sensitivity(
            right == tasks.DIFFERENT, option == tasks.DIFFERENT
        )
    exposure = task_statistics.exposure(table.exposed, experiment.exposure)
    return TaskStatistics(exposure, ranking, order, sensitivity)


def participants(
    questions: Mapping[int, Question],
    answers: Sequence[AnswerRow],
    labels: Mapping[int, str] | None = None,
) -> list[ParticipantSummary]:
    """One summary per participant, by number."""
    summaries = []
    grades = given_answers.grades(questions, answers)
    for person in sorted({number for number, _, _ in answers}):
        own = [(questions[n], answer) for p, n, answer in answers if p == person]
        regular = [(q, a) for q, a in own if not q.catch]
        right = [a.option == q.mate for q, a in regular if q.mate >= 0]
        catches = [given_answers.is_passed(q, a) for q, a in own if q.catch]
        summaries.append(
            ParticipantSummary(
                participant=person,
                answers=len(regular),
                right=sum(right) if right or not regular else None,
                catch_answered=len(catches),
                catch_passed=sum(catches),
                median_seconds=float(np.median([a.seconds for _, a in own])),
                label=(labels or {}).get(person, ""),
                grade=grades.get(person),
            )
        )
    return summaries


def _question_results(questions: Sequence[Question], table: "_Table") -> list[QuestionResult]:
    counts, second_counts = table.counts, table.second_counts
    share = inter_annotator.majority(counts)
    order = np.argsort(-np.nan_to_num(share, nan=-1), kind="stable")
    return [
        QuestionResult(
            number=questions[n].number,
            condition=questions[n].condition,
            query=questions[n].query,
            query_key=questions[n].query_key,
            options=questions[n].options,
            mate=questions[n].mate,
            counts=tuple(counts[n].tolist()),
            majority=float(share[n]),
            second_counts=tuple(second_counts[n].tolist()) if second_counts.any() else (),
        )
        for n in order.tolist()
        if np.isfinite(share[n])
    ]


class _Table:
    """Answers as arrays; questions and participants numbered from 0."""

    def __init__(
        self, questions: Sequence[Question], answers: Sequence[AnswerRow], choices: int
    ) -> None:
        row = {question.number: n for n, question in enumerate(questions)}
        numbers = {p: n for n, p in enumerate(sorted({person for person, _, _ in answers}))}
        self.person = np.array([numbers[person] for person, _, _ in answers])
        self.question = np.array([row[number] for _, number, _ in answers])
        self.option = np.array([answer.option for _, _, answer in answers])
        self.place = np.array([answer.place for _, _, answer in answers])
        self.seconds = np.array([answer.seconds for _, _, answer in answers])
        self.second = np.array([answer.second for _, _, answer in answers])
        self.exposed = np.array([answer.exposed for _, _, answer in answers])
        self.mate = np.array([question.mate for question in questions])
        self.condition = np.array([question.condition for question in questions])
        shape = (len(questions), choices)
        self.counts = inter_annotator.tally(self.question, self.option, shape=shape)
        ranked = self.second >= 0
        self.second_counts = inter_annotator.tally(
            self.question[ranked], self.second[ranked], shape=shape
        )
        has_mate = self.mate[self.question] >= 0
        self.right = np.where(has_mate, self.option == self.mate[self.question], np.nan)
        self.ceiling = inter_annotator.agreement_with_others(
            self.counts, self.question, self.option
        )


def _condition(
    name: str | None,
    table: _Table,
    machines: MachineAnswers,
    *,
    compares: bool,
    seed: int,
) -> ConditionResult:
    """The result of one condition; None takes all of them together."""
    rows = np.ones(len(table.mate), bool) if name is None else table.condition == name
    selected = rows[table.question]  # answers to these questions

    def mean(values: Array) -> Rate | None:
        person, question = table.person[selected], table.question[selected]
        return _rate(forced_choice.score("mean", values, person, question, seed=seed))

    majority = inter_annotator.majority(table.counts[rows])
    seconds = table.seconds[selected]
    said_same = (table.option[selected] == tasks.SAME).astype(np.float64)
    return ConditionResult(
        condition="all" if name is None else name,
        questions=int(rows.sum()),
        answers=int(selected.sum()),
        human=mean(table.right[selected]),
        ceiling=mean(table.ceiling[selected]),
        majority=float(np.nanmean(majority)) if np.isfinite(majority).any() else None,
        median_seconds=float(np.median(seconds)) if seconds.size else None,
        machines=tuple(
            _machine(model, machine, rows, table, compares=compares, seed=seed)
            for model, machine in machines.items()
        ),
        times=task_statistics.response_times(seconds),
        same=mean(said_same) if compares else None,
    )


def _machine(
    model: str, machine: Machine, rows: Array, table: _Table, *, compares: bool, seed: int
) -> MachineResult:
    """One backbone on the questions `rows`, (N,) bool."""
    selected = rows[table.question]
    question, person = table.question[selected], table.person[selected]
    right = (machine.option == table.mate)[rows & (table.mate >= 0)].astype(np.float64)

    def mean(values: Array) -> Rate | None:
        values = np.where(machine.option[question] < 0, np.nan, values).astype(np.float64)
        return _rate(forced_choice.score("mean", values, person, question, seed=seed))

    first, second = table.option[selected], table.second[selected]
    own = np.stack([machine.option[question], machine.second[question]])
    shared = (own == first).any(axis=0) / 2 + (own == second).any(axis=0) / 2
    separation = None
    if compares:
        separation = task_statistics.separation(
            machine.similarity[rows],
            table.counts[rows, tasks.SAME],
            table.counts[rows, tasks.DIFFERENT],
            seed=seed,
        )
    no_evidence = np.isnan(machine.similarity) if compares else machine.option < 0
    return MachineResult(
        model=model,
        right=float(right.mean()) if right.size else None,
        ci95=interval(right) if right.size else None,
        no_evidence=int(no_evidence[rows].sum()),
        with_people=mean(own[0] == first),
        overlap=mean(shared) if (second >= 0).any() else None,
        separation=Rate(separation.value, (separation.low, separation.high))
        if separation
        else None,
    )


def _rate(score: Score) -> Rate | None:
    return Rate(score.value, (score.low, score.high)) if score.per_item.size else None
