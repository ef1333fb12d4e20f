"""Taking part in an experiment: the next question, and the choice.

All state is in the database: a participant resumes in any browser, before or after a restart of
the server, with the code in their address.
"""

import math
import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data.answers import database, experiment_store
from simcore.data.answers.experiment_store import Attendance
from simcore.data.answers.schema import MAX_LABEL, Experiment, Participant, Question
from simcore.errors import BadDataError
from simcore.types import Array

# What a spreadsheet makes of an id of many digits.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")

MAX_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Screen:
    """One question as one participant sees it.

    Attributes:
        number: of the question.
        done, total: answered questions, all questions.
        query: content key of the query image.
        choices: content keys of the choices, in the order on this participant's screen.
    """

    number: int
    done: int
    total: int
    query: str
    choices: tuple[str, ...]


def consent(name: str) -> str:
    """The text that a participant agrees to; "" for none.

    Raises:
        UnknownNameError: no such experiment.
    """
    return experiment_store.get(name).consent


def join(name: str, label: str = "") -> str:
    """Start as a new participant, or resume as the one who started with the same label.

    Args:
        label: id that the participant has elsewhere, such as on Prolific.

    Returns:
        The code with which they answer and resume.

    Raises:
        UnknownNameError: no such experiment. BadDataError: not a usable label.
    """
    label = check_label(label) if label else ""
    return experiment_store.join(experiment_store.get(name), label).code


def check_label(text: str) -> str:
    """The id that a participant has elsewhere, in Unicode's NFC.

    Raises:
        BadDataError: empty, too long, with control characters, or a number that was rounded.
    """
    label = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(label) <= MAX_LABEL or any(unicodedata.category(c)[0] == "C" for c in label):
        raise BadDataError(
            f"A participant's id must have 1 to {MAX_LABEL} printable characters, not "
            f"{label[:40]!r}."
        )
    if _ROUNDED.fullmatch(label):
        raise BadDataError(
            f"The participant's id {label!r} is a number that a spreadsheet rounded. Format the "
            "column as text before the ids are pasted into it."
        )
    return label


def screen(name: str, code: str) -> Screen | None:
    """The next question of a participant; None when all are answered.

    Raises:
        UnknownNameError: no such experiment or participant.
    """
    return _next(experiment_store.attendance(name, code))


@dataclass(frozen=True)
class Recorded:
    """What became of an answer.

    Attributes:
        new: whether it is the first answer to its question; only the first one counts.
        next: what the participant sees next; None when all questions are answered.
    """

    new: bool
    next: Screen | None


def answer(name: str, code: str, number: int, *, place: int, seconds: float) -> Recorded:
    """Store a choice; it is on disk when this returns. The first answer to a question counts.

    Args:
        number: of the question, as on the screen.
        place: 0-based position of the chosen image on the screen.
        seconds: from all images being loaded to the choice.

    Raises:
        UnknownNameError: no such experiment or participant.
        BadDataError: no such question, a place that is not on the screen, or an impossible time.
    """

    def choose(experiment: Experiment, person: Participant, question: Question) -> int:
        if not 0 <= place < len(question.options):
            raise BadDataError(
                f"Choice {place + 1} is not on the screen, which shows {len(question.options)}."
            )
        return int(shuffle_choices(experiment, person, question)[place])

    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise BadDataError(f"An answer takes 0 to {MAX_SECONDS:.0f} seconds, not {seconds}.")
    attendance = experiment_store.record(name, code, number, choose, place=place, seconds=seconds)
    return Recorded(attendance.new, _next(attendance))


def _next(attendance: Attendance) -> Screen | None:
    experiment, person = attendance.experiment, attendance.participant
    questions = _questions(experiment)
    for index in _order(experiment, person, len(questions)):
        question = questions[index]
        if question.id not in attendance.answered:
            choices = shuffle_choices(experiment, person, question)
            return Screen(
                question.number,
                len(attendance.answered),
                len(questions),
                question.query_key,
                tuple(question.options[option][1] for option in choices),
            )
    return None


def shuffle_choices(experiment: Experiment, person: Participant, question: Question) -> Array:
    """(choices,) index into the question's options for each place on this participant's screen."""
    seed = [experiment.seed, person.number, question.number]
    return np.random.default_rng(seed).permutation(len(question.options))


def _order(experiment: Experiment, person: Participant, count: int) -> list[int]:
    seed = [experiment.seed, person.number]
    order: list[int] = np.random.default_rng(seed).permutation(count).tolist()
    return order


def _questions(experiment: Experiment) -> tuple[Question, ...]:
    """Its questions, which never change; another experiment of this name has another time."""
    key = ("questions", str(database.address()), experiment.name, experiment.created)
    return memory.get(key, lambda: tuple(experiment_store.questions(experiment)))
