"""Taking part in an experiment: what comes next, and what was chosen.

Nothing is remembered between two calls but what is in the database: a participant goes on from any
browser, before or after the server was restarted, with the code in the address.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Experiment, Participant, Question
from simcore.errors import BadDataError
from simcore.types import Array

MOST_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Screen:
    """One question as one participant sees it.

    Attributes:
        number: of the question.
        done, total: how far this participant is.
        query: content key of the picture above.
        choices: content keys of the pictures below, in the order on this participant's screen.
    """

    number: int
    done: int
    total: int
    query: str
    choices: tuple[str, ...]


def consent(name: str) -> str:
    """What a participant agrees to; "" = nothing is asked.

    Raises:
        UnknownNameError: no such experiment.
    """
    return experiment_store.get(name).consent


def join(name: str) -> str:
    """Begin as a new participant.

    Returns:
        The code that answers and resumes.
    """
    return experiment_store.join(experiment_store.get(name)).code


def screen(name: str, code: str) -> Screen | None:
    """The next question of a participant; None when all are answered.

    Raises:
        UnknownNameError: no such experiment or participant.
    """
    experiment = experiment_store.get(name)
    person, asked = (
        experiment_store.participant(experiment, code),
        _questions(name, experiment.created),
    )
    done = experiment_store.answered(person)
    for index in _order(experiment, person, len(asked)):
        question = asked[index]
        if question.id not in done:
            keys = [question.options[i][1] for i in shuffle_choices(experiment, person, question)]
            return Screen(question.number, len(done), len(asked), question.query_key, tuple(keys))
    return None


def answer(name: str, code: str, number: int, *, place: int, seconds: float) -> bool:
    """Keep a choice; it is on disk when this returns. The first answer to a question stands.

    Args:
        number: of the question, as on the screen.
        place: 0-based position of the chosen picture on the screen.
        seconds: from when the pictures were there until the choice.

    Returns:
        Whether it is new.

    Raises:
        UnknownNameError: no such experiment or participant. BadDataError: no such question, a
            place that is not on the screen, or a time that cannot be.
    """
    experiment = experiment_store.get(name)
    person = experiment_store.participant(experiment, code)
    question = next((q for q in _questions(name, experiment.created) if q.number == number), None)
    if question is None:
        raise BadDataError(f"found an answer to question {number}; {name!r} has no such question")
    if not 0 <= place < len(question.options):
        raise BadDataError(
            f"found the choice {place + 1}; expected 1 to {len(question.options)}, as on the screen"
        )
    if not (math.isfinite(seconds) and 0 <= seconds <= MOST_SECONDS):
        raise BadDataError(f"found an answer after {seconds} s; expected 0 to {MOST_SECONDS:.0f}")
    option = int(shuffle_choices(experiment, person, question)[place])
    return experiment_store.record(person, question, option=option, place=place, seconds=seconds)


def shuffle_choices(experiment: Experiment, person: Participant, question: Question) -> Array:
    """(choices,) index into the question's options of what is at each place on this screen."""
    seed = [experiment.seed, person.number, question.number]
    return np.random.default_rng(seed).permutation(len(question.options))


def _order(experiment: Experiment, person: Participant, count: int) -> list[int]:
    seed = [experiment.seed, person.number]
    order: list[int] = np.random.default_rng(seed).permutation(count).tolist()
    return order


# Questions never change once an experiment is made; one of the same name was made at another time.
@lru_cache(maxsize=32)
def _questions(name: str, _created: float) -> tuple[Question, ...]:
    return tuple(experiment_store.questions(experiment_store.get(name)))
