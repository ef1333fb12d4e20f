"""Storage of experiments: questions, participants and their answers."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simcore.data.answers import database
from simcore.data.answers.database import read_session, write_session
from simcore.data.answers.schema import Answer, Experiment, Participant, Question
from simcore.errors import BadDataError, UnknownNameError, unknown_name

ParticipantLabels = dict[int, str]  # participant number -> the id that they have elsewhere


def add(
    experiment: Experiment,
    questions: Sequence[Question],
    answers: Sequence[tuple[int, int, Answer]] = (),
    labels: Mapping[int, str] | None = None,
) -> Experiment:
    """Store a new experiment, with its answers if it is imported.

    Args:
        answers: (participant number, question number, answer), each answer without its two ids.
        labels: participant number -> the id that they have elsewhere.

    Raises:
        BadDataError: an experiment of that name exists; nothing is changed.
    """
    try:
        with write_session() as session:
            session.add(experiment)
            session.flush()
            for question in questions:
                question.experiment_id = experiment.id
            session.add_all(questions)
            people = {
                number: _participant(experiment.id, number, (labels or {}).get(number, ""))
                for number in sorted({person for person, _, _ in answers})
            }
            session.add_all(people.values())
            session.flush()
            numbered = {question.number: question.id for question in questions}
            for person, number, answer in answers:
                answer.participant_id = people[person].id
                answer.question_id = numbered[number]
            session.add_all(answer for _, _, answer in answers)
    except IntegrityError as error:
        raise BadDataError(
            f"An experiment named {experiment.name!r} already exists. "
            "Choose another name or remove that one first."
        ) from error
    return experiment


def remove(name: str) -> None:
    """Delete an experiment and all its answers, after a backup of the database.

    Raises:
        UnknownNameError: no such experiment. SimError: the backup failed; nothing is deleted.
    """
    experiment = get(name)
    database.back_up("removal")
    with write_session() as session:
        session.execute(delete(Experiment).where(Experiment.id == experiment.id))


def names() -> list[str]:
    """Names of all experiments, newest first."""
    with read_session() as session:
        return list(session.scalars(select(Experiment.name).order_by(Experiment.id.desc())))


def get(name: str) -> Experiment:
    """One experiment.

    Raises:
        UnknownNameError: no such experiment.
    """
    with read_session() as session:
        return _experiment(session, name)


def questions(experiment: Experiment) -> list[Question]:
    """Its questions, by number."""
    with read_session() as session:
        query = select(Question).where(Question.experiment_id == experiment.id)
        return list(session.scalars(query.order_by(Question.number)))


def join(experiment: Experiment, label: str = "") -> Participant:
    """A new participant, with the next free number; one who joined before under `label` resumes."""
    with write_session() as session:
        # Lock the experiment's row, so that two who join at the same time get two numbers.
        session.execute(
            select(Experiment.id).where(Experiment.id == experiment.id).with_for_update()
        )
        if label:
            known = select(Participant).where(
                Participant.experiment_id == experiment.id, Participant.label == label
            )
            if (returning := session.scalars(known).first()) is not None:
                return returning
        last = session.scalar(
            select(func.max(Participant.number)).where(Participant.experiment_id == experiment.id)
        )
        person = _participant(experiment.id, (last or 0) + 1, label)
        session.add(person)
    return person


@dataclass(frozen=True)
class Attendance:
    """A participant and how far they are.

    Attributes:
        answered: ids of the questions that they have answered.
        new: whether the answer just recorded is the first to its question.
    """

    experiment: Experiment
    participant: Participant
    answered: frozenset[int]
    new: bool = False


def attendance(name: str, code: str) -> Attendance:
    """The participant with a code.

    Raises:
        UnknownNameError: no such experiment, or no participant of it has this code; the message
            names no codes.
    """
    with read_session() as session:
        experiment = _experiment(session, name)
        person = _person(session, experiment, code)
        return Attendance(experiment, person, _answered(session, person))


@dataclass(frozen=True)
class Choice:
    """What a participant chose; the fields are those of `schema.Answer`."""

    option: int
    place: int
    second: int = -1


def record(
    name: str,
    code: str,
    number: int,
    choose: Callable[[Experiment, Participant, Question], Choice],
    *,
    seconds: float,
    exposed: float = 0.0,
) -> Attendance:
    """Store an answer; it is on disk when this returns. The first answer to a question counts.

    All reading and writing happens in one session.

    Args:
        number: of the question.
        choose: what is stored as the choice; whatever it raises is passed on and nothing is
            stored.
        seconds, exposed: as in `schema.Answer`.

    Raises:
        UnknownNameError: no such experiment or participant. BadDataError: no such question.
    """
    with write_session() as session:
        experiment = _experiment(session, name)
        person = _person(session, experiment, code)
        question = session.scalar(
            select(Question).where(
                Question.experiment_id == experiment.id, Question.number == number
            )
        )
        if question is None:
            raise BadDataError(f"Experiment {name!r} has no question {number}.")
        choice = choose(experiment, person, question)
        row = {
            "participant_id": person.id,
            "question_id": question.id,
            "option": choice.option,
            "place": choice.place,
            "seconds": seconds,
            "answered": time.time(),
            "second": choice.second,
            "exposed": exposed,
        }
        new = _first(session, row)
        return Attendance(experiment, person, _answered(session, person), new)


def _experiment(session: Session, name: str) -> Experiment:
    experiment = session.scalar(select(Experiment).where(Experiment.name == name))
    if experiment is None:
        raise unknown_name("experiment", name, session.scalars(select(Experiment.name)))
    return experiment


def _person(session: Session, experiment: Experiment, code: str) -> Participant:
    person = session.scalar(
        select(Participant).where(
            Participant.code == code[:32], Participant.experiment_id == experiment.id
        )
    )
    if person is None:
        raise UnknownNameError(
            f"No participant of {experiment.name!r} has the code in this address. "
            "Start again from the experiment's first page."
        )
    return person


def _answered(session: Session, person: Participant) -> frozenset[int]:
    query = select(Answer.question_id).where(Answer.participant_id == person.id)
    return frozenset(session.scalars(query))


def _first(session: Session, row: dict[str, Any]) -> bool:
    columns = ["participant_id", "question_id"]
    insert = insert_postgres if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    statement = insert(Answer).values(row).on_conflict_do_nothing(index_elements=columns)
    return session.scalar(statement.returning(Answer.id)) is not None


def answers(experiment: Experiment) -> list[tuple[int, int, Answer]]:
    """All answers as (participant number, question number, answer), in the order given."""
    query = (
        select(Participant.number, Question.number, Answer)
        .join(Participant, Participant.id == Answer.participant_id)
        .join(Question, Question.id == Answer.question_id)
        .where(Question.experiment_id == experiment.id)
        .order_by(Answer.answered, Answer.id)
    )
    with read_session() as session:
        return [(person, number, answer) for person, number, answer in session.execute(query)]


@dataclass(frozen=True)
class Counts:
    """How large an experiment is."""

    questions: int = 0
    participants: int = 0
    answers: int = 0


def counts() -> dict[str, Counts]:
    """The counts of every experiment, by name."""
    questions = select(Question.experiment_id, func.count()).group_by(Question.experiment_id)
    people = select(Participant.experiment_id, func.count()).group_by(Participant.experiment_id)
    answers = (
        select(Question.experiment_id, func.count(Answer.id))
        .join(Answer, Answer.question_id == Question.id)
        .group_by(Question.experiment_id)
    )
    with read_session() as session:
        columns: list[dict[int, int]] = [
            {row[0]: row[1] for row in session.execute(query)}
            for query in (questions, people, answers)
        ]
        experiments = session.execute(select(Experiment.id, Experiment.name))
        return {
            name: Counts(*(column.get(number, 0) for column in columns))
            for number, name in experiments
        }


def labels(experiment: Experiment) -> ParticipantLabels:
    """The ids that participants have elsewhere, by their number; only those who have one."""
    query = select(Participant.number, Participant.label).where(
        Participant.experiment_id == experiment.id, Participant.label != ""
    )
    with read_session() as session:
        return {row.number: row.label for row in session.execute(query)}


def _participant(experiment: int, number: int, label: str = "") -> Participant:
    return Participant(
        experiment_id=experiment,
        number=number,
        code=secrets.token_urlsafe(12),
        joined=time.time(),
        label=label,
    )
