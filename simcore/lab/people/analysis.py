"""Analysis of an experiment: people, backbones, and how they agree (rosenfeld2018, 4.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.errors import BadDataError
from simcore.evaluate.judgements import forced_choice, inter_annotator
from simcore.evaluate.judgements.forced_choice import Agreement, PositionBias
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.results import Result
from simcore.sim import metrics
from simcore.types import Array, Score

AnswerRow = tuple[int, int, Answer]  # (participant number, question number, answer)


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
    """

    participant: int
    answers: int
    right: int | None
    catch_answered: int
    catch_passed: int
    median_seconds: float
    label: str = ""


@dataclass(frozen=True)
class QuestionResult:
    """What was chosen in one question; `options` and `mate` as in `schema.Question`."""

    number: int
    condition: str
    query: str
    query_key: str
    options: list[list[str]]
    mate: int
    counts: tuple[int, ...]
    majority: float


@dataclass(frozen=True)
class MachineResult:
    """One backbone on the questions of a condition.

    Attributes:
        right: share of questions whose mate it finds most similar; None without known mates.
        no_evidence: questions that it cannot answer.
        with_people: how often a person chose what it chose.
    """

    model: str
    right: float | None
    ci95: tuple[float, float] | None
    no_evidence: int
    with_people: Rate | None


@dataclass(frozen=True)
class ConditionResult:
    """One column of rosenfeld2018, Table 2b; the condition "all" takes all of them together.

    Attributes:
        human: accuracy of participants. ceiling: how often one chooses what most others choose.
        majority: mean share of the most frequent option.
    """

    condition: str
    questions: int
    answers: int
    human: Rate | None
    ceiling: Rate | None
    majority: float | None
    median_seconds: float | None
    machines: tuple[MachineResult, ...]


@dataclass(frozen=True)
class ExperimentAnalysis(Result):
    """What `simcore experiments analyse` prints.

    Attributes:
        left_out: participants that were left out because they failed a catch trial.
        people: one row per participant. asked: one row per answered question, highest agreement
            first (rosenfeld2018, Fig. 4).
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
    places: PositionBias
    people: tuple[ParticipantSummary, ...]
    asked: tuple[QuestionResult, ...]


def analyse(
    name: str, models: Sequence[str] | None = None, *, passed_catch: bool = False, seed: int = 0
) -> ExperimentAnalysis:
    """The analyses of rosenfeld2018, section 4.3, and agreement beyond them.

    Args:
        models: backbones to compare with people; None takes every one whose features are ready.
        passed_catch: leave out participants who failed a catch trial.
        seed: of the intervals.

    Raises:
        UnknownNameError: no such experiment.
        BadDataError: there are no answers, or features of a backbone asked for are missing.
    """
    experiment = experiment_store.get(name)
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    everything = experiment_store.answers(experiment)
    people = participants(questions, everything, experiment_store.labels(experiment))
    failed = {row.participant for row in people if row.catch_passed < row.catch_answered}
    answers = [
        (person, number, answer)
        for person, number, answer in everything
        if not questions[number].catch and not (passed_catch and person in failed)
    ]
    if not answers:
        raise BadDataError(f"Nobody has answered {name!r} yet. Invite participants first.")
    real = [question for question in questions.values() if not question.catch]
    table = _Table(real, answers)
    machines = {} if models == [] else _machines(experiment, real, models)
    conditions = [*dict.fromkeys(question.condition for question in real), None]
    return ExperimentAnalysis(
        experiment=name,
        collection=experiment.collection,
        choices=experiment.choices,
        questions=len(real),
        participants=len({person for person, _, _ in answers}),
        answers=len(answers),
        left_out=tuple(sorted(failed)) if passed_catch else (),
        conditions=tuple(_condition(name, table, machines, seed) for name in conditions),
        agreement=forced_choice.agreement_by_question(table.counts, table.mate),
        places=forced_choice.position_bias(table.place, experiment.choices),
        people=tuple(people),
        asked=tuple(_question_results(real, table.counts)),
    )


def participants(
    questions: Mapping[int, Question],
    answers: Sequence[AnswerRow],
    labels: Mapping[int, str] | None = None,
) -> list[ParticipantSummary]:
    """One summary per participant, by number."""
    summaries = []
    for person in sorted({number for number, _, _ in answers}):
        own = [(questions[n], answer) for p, n, answer in answers if p == person]
        regular = [(q, a) for q, a in own if not q.catch]
        right = [a.option == q.mate for q, a in regular if q.mate >= 0]
        catches = [a.option == q.mate for q, a in own if q.catch]
        summaries.append(
            ParticipantSummary(
                participant=person,
                answers=len(regular),
                right=sum(right) if right or not regular else None,
                catch_answered=len(catches),
                catch_passed=sum(catches),
                median_seconds=float(np.median([a.seconds for _, a in own])),
                label=(labels or {}).get(person, ""),
            )
        )
    return summaries


def _question_results(questions: Sequence[Question], counts: Array) -> list[QuestionResult]:
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
            counts=tuple(counts[n, : len(questions[n].options)].tolist()),
            majority=float(share[n]),
        )
        for n in order.tolist()
        if np.isfinite(share[n])
    ]


class _Table:
    """Answers as arrays; questions and participants numbered from 0."""

    def __init__(self, questions: Sequence[Question], answers: Sequence[AnswerRow]) -> None:
        row = {question.number: n for n, question in enumerate(questions)}
        numbers = {p: n for n, p in enumerate(sorted({person for person, _, _ in answers}))}
        self.person = np.array([numbers[person] for person, _, _ in answers])
        self.question = np.array([row[number] for _, number, _ in answers])
        self.option = np.array([answer.option for _, _, answer in answers])
        self.place = np.array([answer.place for _, _, answer in answers])
        self.seconds = np.array([answer.seconds for _, _, answer in answers])
        self.mate = np.array([question.mate for question in questions])
        self.condition = np.array([question.condition for question in questions])
        n_options = max(len(question.options) for question in questions)
        self.counts = inter_annotator.tally(
            self.question, self.option, shape=(len(questions), n_options)
        )
        has_mate = self.mate[self.question] >= 0
        self.right = np.where(has_mate, self.option == self.mate[self.question], np.nan)
        self.ceiling = inter_annotator.agreement_with_others(
            self.counts, self.question, self.option
        )


def _condition(
    name: str | None, table: _Table, machines: Mapping[str, Array], seed: int
) -> ConditionResult:
    """The result of one condition; None takes all of them together."""
    rows = np.ones(len(table.mate), bool) if name is None else table.condition == name
    selected = rows[table.question]  # answers to these questions
    person, question = table.person[selected], table.question[selected]
    right = forced_choice.score("right", table.right[selected], person, question, seed=seed)
    ceiling = forced_choice.score("ceiling", table.ceiling[selected], person, question, seed=seed)
    majority = inter_annotator.majority(table.counts[rows])
    seconds = table.seconds[selected]
    return ConditionResult(
        condition="all" if name is None else name,
        questions=int(rows.sum()),
        answers=int(selected.sum()),
        human=_rate(right),
        ceiling=_rate(ceiling),
        majority=float(np.nanmean(majority)) if np.isfinite(majority).any() else None,
        median_seconds=float(np.median(seconds)) if seconds.size else None,
        machines=tuple(
            _machine(model, choices, rows, selected, table, seed)
            for model, choices in machines.items()
        ),
    )


def _machine(
    model: str, choices: Array, rows: Array, selected: Array, table: _Table, seed: int
) -> MachineResult:
    right = (choices == table.mate)[rows & (table.mate >= 0)].astype(np.float64)
    question, person = table.question[selected], table.person[selected]
    same = np.where(
        choices[question] < 0, np.nan, choices[question] == table.option[selected]
    ).astype(np.float64)
    return MachineResult(
        model=model,
        right=float(right.mean()) if right.size else None,
        ci95=interval(right) if right.size else None,
        no_evidence=int((choices[rows] < 0).sum()),
        with_people=_rate(forced_choice.score("same", same, person, question, seed=seed)),
    )


def _machines(
    experiment: Experiment, questions: Sequence[Question], models: Sequence[str] | None
) -> dict[str, Array]:
    """For each backbone the option that it finds most similar, (N,); -1 without evidence."""
    if models is None:
        if experiment.collection not in collections.names():
            return {}  # answers can be analysed without the images
        models = [
            count.backbone
            for count in collections.feature_counts(experiment.collection)
            if count.complete
        ]
    collection = collections.open_(experiment.collection)
    sides = collection.sides()
    query_rows, gallery_rows = ({key: row for row, key in enumerate(s.keys)} for s in sides)
    choices = {}
    for model in registry.expand_groups(list(models)):
        queries, gallery = (features.for_side(collection, side, model) for side in sides)
        metric = registry.get(model).metric
        picked = np.full(len(questions), -1)
        for n, question in enumerate(questions):
            keys = [key for _, key in question.options]
            if question.query_key in query_rows and all(key in gallery_rows for key in keys):
                query = queries.take([query_rows[question.query_key]])
                options = gallery.take([gallery_rows[key] for key in keys])
                picked[n] = _best(metrics.pairwise(query, options, metric)[0], question.mate)
        choices[model] = picked
    return choices


def _best(values: Array, mate: int) -> int:
    """The most similar option; -1 without evidence. A tie with the mate is never a hit."""
    if np.isnan(values).all():
        return -1
    best = np.flatnonzero(values == np.nanmax(values))
    return int(best[0] if best.size == 1 or best[0] != mate else best[1])


def _rate(score: Score) -> Rate | None:
    return Rate(score.value, (score.low, score.high)) if score.per_item.size else None
