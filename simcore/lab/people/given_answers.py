"""The answers of an experiment, of the participants who passed enough catch trials."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.types import Collection

AnswerRow = tuple[int, int, Answer]  # (participant number, question number, answer)
Grades = dict[int, float]  # participant number -> percentage of catch trials passed


def is_passed(question: Question, answer: Answer) -> bool:
    """Whether a catch trial is passed; where two images are ranked, the first one counts."""
    return answer.option == question.mate


def grades(questions: Mapping[int, Question], answers: Sequence[AnswerRow]) -> Grades:
    """The grade of each participant who answered a catch trial, 0 to 100, as psiz has it."""
    passed: dict[int, list[bool]] = {}
    for person, number, answer in answers:
        if questions[number].catch:
            passed.setdefault(person, []).append(is_passed(questions[number], answer))
    return {person: 100 * sum(results) / len(results) for person, results in passed.items()}


@dataclass(frozen=True, eq=False)
class GivenAnswers:
    """An experiment with the answers that are used.

    Attributes:
        questions: by number; those whose images are still in the collection.
        answers: to these questions, catch trials included, in the order given.
        grades: of all participants who answered a catch trial.
        left_out: numbers of the participants with a lower grade than asked for.
    """

    experiment: Experiment
    collection: Collection
    questions: Mapping[int, Question]
    answers: tuple[AnswerRow, ...]
    grades: Grades
    left_out: tuple[int, ...]

    def to_questions(self) -> Iterator[tuple[Question, list[Answer]]]:
        """Each question that is no catch trial, and the answers to it."""
        by_number: dict[int, list[Answer]] = {}
        for _, number, answer in self.answers:
            by_number.setdefault(number, []).append(answer)
        for number, question in self.questions.items():
            if not question.catch:
                yield question, by_number.get(number, [])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        if not self.left_out:
            return ()
        count = len(self.left_out)
        return (f"left out {count:,} participants who failed too many catch trials",)


def read(name: str, min_catch: float = 0) -> GivenAnswers:
    """The answers of an experiment.

    Args:
        min_catch: lowest grade; participants who answered no catch trial stay.

    Raises:
        UnknownNameError: no such experiment, or its collection was removed.
        BadDataError: `min_catch` is no percentage.
    """
    if not 0 <= min_catch <= 100:
        raise BadDataError(f"The lowest grade must be 0 to 100, not {min_catch:g}.")
    experiment = experiment_store.get(name)
    collection = collections.open_(experiment.collection)
    present = {key for side in collection.sides() for key in side.keys}
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    usable = {
        number: question
        for number, question in questions.items()
        if present.issuperset([question.query_key, *(key for _, key in question.options)])
    }
    answers = experiment_store.answers(experiment)
    graded = grades(questions, answers)
    left_out = {person for person, grade in graded.items() if grade < min_catch}
    return GivenAnswers(
        experiment,
        collection,
        usable,
        tuple(row for row in answers if row[1] in usable and row[0] not in left_out),
        graded,
        tuple(sorted(left_out)),
    )
