"""Keeping experiments: what is asked, who takes part, what they choose."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simcore.data.answers.database import read_session, write_session
from simcore.data.answers.schema import Answer, Experiment, Participant, Question
from simcore.errors import BadDataError, UnknownNameError, unknown_name


def add(
    experiment: Experiment,
    questions: Sequence[Question],
    given: Sequence[tuple[int, int, Answer]] = (),
) -> Experiment:
    """Keep a new experiment; with answers that were given elsewhere, if there are any.

    Args:
        given: (participant's number, question's number, answer), each answer without its two ids.

    Raises:
        BadDataError: an experiment of that name is there already; nothing is changed.
    """
    try:
        with write_session() as session:
            session.add(experiment)
            session.flush()
            for question in questions:
                question.experiment_id = experiment.id
            session.add_all(questions)
            people = {
                number: _participant(experiment.id, number)
                for number in sorted({person for person, _, _ in given})
            }
            session.add_all(people.values())
            session.flush()
            numbered = {question.number: question.id for question in questions}
            for person, number, answer in given:
                answer.participant_id = people[person].id
                answer.question_id = numbered[number]
            session.add_all(answer for _, _, answer in given)
    except IntegrityError as error:
        raise BadDataError(
            f"found an experiment named {experiment.name!r} already; expected a new name; "
            "choose another one or remove that one first"
        ) from error
    return experiment


def remove(name: str) -> None:
    """Forget an experiment and every answer to it.

    Raises:
        UnknownNameError: no such experiment.
    """
    wanted = get(name)
    with write_session() as session:
        session.execute(delete(Experiment).where(Experiment.id == wanted.id))


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
        found = session.scalar(select(Experiment).where(Experiment.name == name))
        if found is None:
            raise unknown_name("experiment", name, session.scalars(select(Experiment.name)))
        return found


def questions(experiment: Experiment) -> list[Question]:
    """Its questions, by number."""
    with read_session() as session:
        mine = select(Question).where(Question.experiment_id == experiment.id)
        return list(session.scalars(mine.order_by(Question.number)))


def join(experiment: Experiment) -> Participant:
    """A new participant, with the next free number."""
    with write_session() as session:
        # The experiment's row is held, so that two who come at once get two numbers.
        session.execute(
            select(Experiment.id).where(Experiment.id == experiment.id).with_for_update()
        )
        last = session.scalar(
            select(func.max(Participant.number)).where(Participant.experiment_id == experiment.id)
        )
        person = _participant(experiment.id, (last or 0) + 1)
        session.add(person)
    return person


def participant(experiment: Experiment, code: str) -> Participant:
    """Who has this code.

    Raises:
        UnknownNameError: nobody in this experiment; the codes of others are not told.
    """
    with read_session() as session:
        found = session.scalar(
            select(Participant).where(
                Participant.code == code[:32], Participant.experiment_id == experiment.id
            )
        )
    if found is None:
        raise UnknownNameError(
            f"found no participant of {experiment.name!r} with the code in this address; expected "
            "one that this experiment gave; begin again from its first page"
        )
    return found


def answered(person: Participant) -> set[int]:
    """Ids of the questions that this participant has answered."""
    with read_session() as session:
        mine = select(Answer.question_id).where(Answer.participant_id == person.id)
        return set(session.scalars(mine))


def record(
    person: Participant, question: Question, *, option: int, place: int, seconds: float
) -> bool:
    """Keep an answer; it is on disk when this returns. The first answer to a question stands.

    Returns:
        Whether it is new: False where this participant had answered that question already.
    """
    row = {
        "participant_id": person.id,
        "question_id": question.id,
        "option": option,
        "place": place,
        "seconds": seconds,
        "answered": time.time(),
    }
    with write_session() as session:
        return _first(session, row)


def _first(session: Session, row: dict[str, Any]) -> bool:
    once = ["participant_id", "question_id"]
    insert = insert_postgres if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    put = insert(Answer).values(row).on_conflict_do_nothing(index_elements=once)
    return session.scalar(put.returning(Answer.id)) is not None


def answers(experiment: Experiment) -> list[tuple[int, int, Answer]]:
    """All answers as (participant's number, question's number, answer), in the order given."""
    wanted = (
        select(Participant.number, Question.number, Answer)
        .join(Participant, Participant.id == Answer.participant_id)
        .join(Question, Question.id == Answer.question_id)
        .where(Question.experiment_id == experiment.id)
        .order_by(Answer.answered, Answer.id)
    )
    with read_session() as session:
        return [(person, number, answer) for person, number, answer in session.execute(wanted)]


def counts() -> dict[str, dict[str, int]]:
    """For every experiment: {"questions", "participants", "answers"}."""
    asked = select(Question.experiment_id, func.count()).group_by(Question.experiment_id)
    people = select(Participant.experiment_id, func.count()).group_by(Participant.experiment_id)
    said = (
        select(Question.experiment_id, func.count(Answer.id))
        .join(Answer, Answer.question_id == Question.id)
        .group_by(Question.experiment_id)
    )
    with read_session() as session:
        told = [
            {row[0]: row[1] for row in session.execute(query)} for query in (asked, people, said)
        ]
        known = session.execute(select(Experiment.id, Experiment.name))
        return {
            name: dict(
                zip(
                    ("questions", "participants", "answers"),
                    (column.get(number, 0) for column in told),
                    strict=True,
                )
            )
            for number, name in known
        }


def _participant(experiment: int, number: int) -> Participant:
    return Participant(
        experiment_id=experiment, number=number, code=secrets.token_urlsafe(12), joined=time.time()
    )
