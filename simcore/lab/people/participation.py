"""Taking part in an experiment: the next question, and the choice.

All state is in the database: a participant resumes in any browser, before or after a restart of
the server, with the code in their address.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data.answers import database, experiment_store
from simcore.data.answers.experiment_store import Attendance, Choice
from simcore.data.answers.schema import MAX_LABEL, Experiment, Participant, Question
from simcore.errors import BadDataError
from simcore.lab.people import tasks
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
        query: content key of the query image; "" where there is none. Of two images to compare,
            the one that is shown first.
        choices: content keys of the choices, in the order on this participant's screen; of two
            images to compare, the second one.
        task: what is asked, a name of `tasks.TASKS`.
        exposure: ms that images are shown; 0 = until the answer.
        gap: ms between two images that are shown one after the other.
        upcoming: content keys of the images of the next question, to be loaded ahead.
    """

    number: int
    done: int
    total: int
    query: str
    choices: tuple[str, ...]
    task: str = tasks.MAFC.name
    exposure: int = 0
    gap: int = 0
    upcoming: tuple[str, ...] = ()

    @property
    def picks(self) -> int:
        """How many images are chosen, in order."""
        return tasks.get(self.task).picks


@dataclass(frozen=True)
class Introduction:
    """What a participant needs to know first.

    Attributes:
        task: what is asked, a name of `tasks.TASKS`.
        consent: text that they agree to; "" for none.
        exposure: ms that images are shown; 0 = until the answer.
    """

    task: str
    consent: str
    exposure: int


def introduction(name: str) -> Introduction:
    """What a participant of an experiment needs to know first.

    Raises:
        UnknownNameError: no such experiment.
    """
    experiment = experiment_store.get(name)
    return Introduction(experiment.task, experiment.consent, experiment.exposure)


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


def answer(
    name: str,
    code: str,
    number: int,
    *,
    place: int,
    seconds: float,
    second_place: int | None = None,
    exposed: float = 0.0,
) -> Recorded:
    """Store a choice; it is on disk when this returns. The first answer to a question counts.

    Args:
        number: of the question, as on the screen.
        place: 0-based position of the chosen image on the screen; 0 for "same", 1 for "different".
        seconds: from all images being visible to the choice.
        second_place: position of the image chosen second, in tasks that rank two.
        exposed: ms that images were visible, as the browser measured it; 0 = until the answer.

    Raises:
        UnknownNameError: no such experiment or participant.
        BadDataError: no such question, a place that is not on the screen, a missing or surplus
            second choice, or an impossible time.
    """

    def choose(experiment: Experiment, person: Participant, question: Question) -> Choice:
        if experiment.task == tasks.SAME_DIFFERENT.name:
            _check_places([place], len((tasks.SAME, tasks.DIFFERENT)))
            _check_picks(experiment, second_place)
            first = int(not _shows_query_first(experiment, person.number, question))
            return Choice(option=place, place=first)
        places = [place] if second_place is None else [place, second_place]
        _check_places(places, len(question.options))
        _check_picks(experiment, second_place)
        order = shuffle_choices(experiment, person.number, question)
        second = -1 if second_place is None else int(order[second_place])
        return Choice(int(order[place]), place, second)

    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise BadDataError(f"An answer takes 0 to {MAX_SECONDS:.0f} seconds, not {seconds}.")
    if not (math.isfinite(exposed) and 0 <= exposed <= 1000 * MAX_SECONDS):
        raise BadDataError(
            f"Images are visible for 0 to {1000 * MAX_SECONDS:.0f} ms, not {exposed}."
        )
    attendance = experiment_store.record(
        name, code, number, choose, seconds=seconds, exposed=exposed
    )
    return Recorded(attendance.new, _next(attendance))


def _check_places(places: Sequence[int], count: int) -> None:
    for place in places:
        if not 0 <= place < count:
            raise BadDataError(f"Choice {place + 1} is not on the screen, which shows {count}.")
    if len(set(places)) < len(places):
        raise BadDataError(f"Choice {places[0] + 1} is both the first and the second choice.")


def _check_picks(experiment: Experiment, second_place: int | None) -> None:
    picks = tasks.get(experiment.task).picks
    count = 1 if second_place is None else 2
    if count != picks:
        raise BadDataError(
            f"The task {experiment.task} has {picks} choices per answer, not {count}."
        )


def _next(attendance: Attendance) -> Screen | None:
    experiment, person = attendance.experiment, attendance.participant
    questions = _questions(experiment)
    remaining = [
        question
        for question in (questions[index] for index in _order(experiment, person, len(questions)))
        if question.id not in attendance.answered
    ]
    if not remaining:
        return None
    query, choices = _shown(experiment, person, remaining[0])
    upcoming = _shown(experiment, person, remaining[1]) if len(remaining) > 1 else ("", ())
    return Screen(
        remaining[0].number,
        len(attendance.answered),
        len(questions),
        query,
        choices,
        experiment.task,
        experiment.exposure,
        experiment.gap,
        tuple(key for key in (upcoming[0], *upcoming[1]) if key),
    )


def _shown(
    experiment: Experiment, person: Participant, question: Question
) -> tuple[str, tuple[str, ...]]:
    """Content keys of the query and of the choices, as in `Screen`."""
    if experiment.task == tasks.SAME_DIFFERENT.name:
        first, second = question.query_key, question.options[0][1]
        if not _shows_query_first(experiment, person.number, question):
            first, second = second, first
        return first, (second,)
    order = shuffle_choices(experiment, person.number, question)
    has_query = experiment.task != tasks.ODD_ONE_OUT.name  # there it is one of the choices
    return question.query_key if has_query else "", tuple(question.options[n][1] for n in order)


def shuffle_choices(experiment: Experiment, person: int, question: Question) -> Array:
    """(choices,) index into the question's options for each place on a participant's screen.

    Args:
        person: number of the participant.
    """
    return _random(experiment, person, question).permutation(len(question.options))


def _shows_query_first(experiment: Experiment, person: int, question: Question) -> bool:
    """Whether a participant sees the query before the image that it is compared with."""
    return bool(_random(experiment, person, question).integers(2))


def _random(experiment: Experiment, person: int, question: Question) -> np.random.Generator:
    return np.random.default_rng([experiment.seed, person, question.number])


def _order(experiment: Experiment, person: Participant, count: int) -> list[int]:
    seed = [experiment.seed, person.number]
    order: list[int] = np.random.default_rng(seed).permutation(count).tolist()
    return order


def _questions(experiment: Experiment) -> tuple[Question, ...]:
    """Its questions, which never change; another experiment of this name has another time."""
    key = ("questions", str(database.address()), experiment.name, experiment.created)
    return memory.get(key, lambda: tuple(experiment_store.questions(experiment)))
