"""Storage of duels: each group of players has an experiment, whose plan has their live state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from simcore.data.answers import experiment_store
from simcore.data.answers.database import read_session, write_session
from simcore.data.answers.schema import Answer, Experiment, Participant
from simcore.errors import unknown_name
from simcore.types import JSON

KEY = "duel"  # of the plan


@dataclass(frozen=True)
class Attendance:
    """How many players have joined, and how many answers they have given."""

    players: int
    answers: int


def groups() -> list[Experiment]:
    """The groups of all duels, newest first."""
    with read_session() as session:
        everything = session.scalars(select(Experiment).order_by(Experiment.id.desc()))
        return [experiment for experiment in everything if KEY in experiment.plan]


def get(name: str) -> Experiment:
    """One group.

    Raises:
        UnknownNameError: no such experiment, or it is no duel.
    """
    experiment = experiment_store.get(name)
    if KEY not in experiment.plan:
        raise unknown_name("duel", name, [group.name for group in groups()])
    return experiment


def update(name: str, change: Callable[[JSON], JSON]) -> Experiment:
    """Change the live state of a group; two changes at the same time follow each other.

    Args:
        change: the new state from the present one; whatever it raises is passed on, and nothing is
            changed.

    Raises:
        UnknownNameError: no such duel.
    """
    get(name)
    with write_session() as session:
        query = select(Experiment).where(Experiment.name == name).with_for_update()
        experiment = session.scalars(query).one()
        plan: dict[str, Any] = dict(experiment.plan)
        experiment.plan = plan | {KEY: change(dict(plan[KEY]))}
    return experiment


def attendance(experiment: Experiment) -> Attendance:
    """How many have joined and answered by now."""
    joined = select(func.count()).where(Participant.experiment_id == experiment.id)
    answered = (
        select(func.count(Answer.id))
        .join(Participant, Participant.id == Answer.participant_id)
        .where(Participant.experiment_id == experiment.id)
    )
    with read_session() as session:
        return Attendance(int(session.scalar(joined) or 0), int(session.scalar(answered) or 0))
