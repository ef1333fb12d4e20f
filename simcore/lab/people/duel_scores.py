"""The score of a duel: people against machines, now, and how one player did."""

from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data.answers import database, duel_store, experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.evaluate.judgements import forced_choice
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab.people import duels
from simcore.lab.people.analysis import Rate
from simcore.lab.people.duel_machines import Machine
from simcore.lab.people.duels import Group, State
from simcore.results import Result, Table, TableResult
from simcore.types import Array

MIN_ANSWERS = 2  # to a question that is called the hardest
PEOPLE = "people"


@dataclass(frozen=True)
class MachineScore(Result):
    """One machine on all questions of the duel.

    Attributes:
        right: share of questions whose mate it chooses, with the interval over questions.
        with_people: share of the people's answers that are the machine's; None before the first.
    """

    name: str
    members: tuple[str, ...]
    right: Rate
    with_people: float | None


@dataclass(frozen=True)
class HardestPicture(Result):
    """The question that people answer worst.

    Attributes:
        mate, mate_key: id and content key of the right answer; "" while the duel runs.
        right, answers: how many of how many answers are right.
        machines_right: how many machines find the mate.
    """

    number: int
    query: str
    query_key: str
    mate: str
    mate_key: str
    right: int
    answers: int
    machines_right: int


@dataclass(frozen=True)
class GroupScore(Result):
    """Another group of the same duel, which has answered the same questions."""

    number: int
    players: int
    right: float


@dataclass(frozen=True)
class LiveScore(TableResult):
    """The state of a duel's newest group.

    Attributes:
        players: who have joined. finished: who have answered all questions.
        people: share of their answers that are right, with the interval over people and questions;
            None before the first answer.
        machines: best first. chance: share of right answers by guessing.
        most_alike: the machines that people answer most alike; several if they tie.
        best_group: of the other groups, the one with most right answers; None without any.
    """

    duel: str
    group: int
    experiment: str
    collection: str
    state: State
    questions: int
    choices: int
    players: int
    finished: int
    answers: int
    people: Rate | None
    machines: tuple[MachineScore, ...]
    chance: float
    most_alike: tuple[str, ...]
    hardest: HardestPicture | None
    best_group: GroupScore | None
    practice: int

    @property
    def beaten(self) -> tuple[str, ...]:
        """Machines with fewer right answers than people."""
        if self.people is None:
            return ()
        value = self.people.value
        return tuple(machine.name for machine in self.machines if machine.right.value < value)

    @property
    def level(self) -> tuple[str, ...]:
        """Machines with exactly the people's share of right answers."""
        if self.people is None:
            return ()
        value = self.people.value
        return tuple(machine.name for machine in self.machines if machine.right.value == value)

    def to_table(self) -> Table:
        """People and machines, best first."""
        rows: list[tuple[str, Rate, float | None]] = []
        for machine in self.machines:
            added = f" ({' + '.join(machine.members)})" if len(machine.members) > 1 else ""
            rows.append((f"{machine.name}{added}", machine.right, machine.with_people))
        if self.people is not None:
            rows.append((PEOPLE, self.people, None))
        rows.sort(key=lambda row: -row[1].value)
        cells = tuple(
            (name, *_percent(rate), "" if alike is None else f"{100 * alike:.0f}")
            for name, rate, alike in rows
        )
        title = (
            f"{self.duel}, group {self.group} ({self.state}); players: {self.players:,}, "
            f"answers: {self.answers:,}"
        )
        return Table(("who", "right %", "95 %", "as people %"), cells, title)


@dataclass(frozen=True)
class PlayerMachine(Result):
    """A machine on the questions that one player answered: right, and answered as they did."""

    name: str
    members: tuple[str, ...]
    right: int
    agreed: int


@dataclass(frozen=True)
class PlayerScore(Result):
    """How one player did.

    Attributes:
        answered, right: their answers. own: the share of right ones; None before the first.
        place: 1 + the number of players with more right answers; None before the first answer.
        machines: on the questions that they answered, best first.
        most_alike: machines that gave the player's answer most often, several if they tie; none
            before the first answer.
        live: the score of the group.
    """

    player: int
    answered: int
    right: int
    own: Rate | None
    place: int | None
    machines: tuple[PlayerMachine, ...]
    most_alike: tuple[PlayerMachine, ...]
    live: LiveScore

    @property
    def beaten(self) -> tuple[str, ...]:
        """Machines with fewer right answers to the same questions."""
        return tuple(machine.name for machine in self.machines if machine.right < self.right)


def live(name: str) -> LiveScore:
    """The score of a duel's newest group.

    Args:
        name: of the duel, or of any of its groups.

    Raises:
        UnknownNameError: no such duel.
    """
    return group_score(duels.current(name).experiment)


def group_score(experiment: str) -> LiveScore:
    """The score of one group; computed again only after an answer or a change of its state.

    Raises:
        UnknownNameError: no such group.
    """
    stored = duel_store.get(experiment)
    group = duels.as_group(stored)
    attendance = duel_store.attendance(stored)
    others = tuple(
        (other.name, duel_store.attendance(other))
        for other in duel_store.groups()
        if duels.as_group(other).duel == group.duel and other.name != experiment
    )
    key = ("duel", str(database.address()), experiment, stored.created, group.state)
    return memory.get((*key, attendance, others), lambda: _score(stored, group, attendance.players))


def player(experiment: str, code: str) -> PlayerScore:
    """How a player did so far.

    Raises:
        UnknownNameError: no such group or player.
    """
    attendance = experiment_store.attendance(experiment, code)
    stored, number = attendance.experiment, attendance.participant.number
    score, answers = group_score(experiment), _Answers.read(stored)
    own = answers.person == number
    option, question = answers.option[own], answers.question[own]
    machines = []
    for machine in duels.as_group(stored).machines:
        choices = np.array(machine.choices)[question]
        machines.append(
            PlayerMachine(
                machine.name,
                machine.members,
                right=int((choices == answers.mate[question]).sum()),
                agreed=int((choices == option).sum()),
            )
        )
    machines.sort(key=lambda machine: -machine.right)
    closest = max((machine.agreed for machine in machines), default=0)
    hits = {p: int(answers.right[answers.person == p].sum()) for p in set(answers.person.tolist())}
    right = hits.get(number, 0)
    return PlayerScore(
        player=number,
        answered=int(own.sum()),
        right=right,
        own=Rate(right / own.sum(), interval(answers.right[own])) if own.any() else None,
        place=1 + sum(other > right for other in hits.values()) if own.any() else None,
        machines=tuple(machines),
        most_alike=tuple(m for m in machines if m.agreed == closest) if own.any() else (),
        live=score,
    )


@dataclass(frozen=True, eq=False)
class _Answers:
    """The answers of a group as arrays; questions numbered from 0, people as they joined.

    Attributes:
        person, question, option: (n,). right: (n,) float64, 1 where the mate was chosen.
        mate: (N,) the right option of each question.
    """

    questions: list[Question]
    person: Array
    question: Array
    option: Array
    mate: Array

    @property
    def right(self) -> Array:
        return (self.option == self.mate[self.question]).astype(np.float64)

    @classmethod
    def read(cls, experiment: Experiment) -> "_Answers":
        questions = experiment_store.questions(experiment)
        rows: list[tuple[int, int, Answer]] = experiment_store.answers(experiment)
        number = {question.number: n for n, question in enumerate(questions)}
        return cls(
            questions,
            np.array([person for person, _, _ in rows], np.int64),
            np.array([number[question] for _, question, _ in rows], np.int64),
            np.array([answer.option for _, _, answer in rows], np.int64),
            np.array([question.mate for question in questions], np.int64),
        )


def _score(stored: Experiment, group: Group, players: int) -> LiveScore:
    answers = _Answers.read(stored)
    per_person = np.bincount(answers.person, minlength=1)
    machines = sorted(
        (_machine_score(machine, answers) for machine in group.machines),
        key=lambda machine: -machine.right.value,
    )
    known = [m.with_people for m in machines if m.with_people is not None]
    return LiveScore(
        duel=group.duel,
        group=group.number,
        experiment=group.experiment,
        collection=group.collection,
        state=group.state,
        questions=group.questions,
        choices=group.choices,
        players=players,
        finished=int((per_person == len(answers.questions)).sum()),
        answers=int(answers.person.size),
        people=_people_rate(answers),
        machines=tuple(machines),
        chance=1 / group.choices,
        most_alike=tuple(m.name for m in machines if known and m.with_people == max(known)),
        hardest=_hardest(answers, group),
        best_group=_best_group(group),
        practice=group.practice,
    )


def _people_rate(answers: _Answers) -> Rate | None:
    if not answers.person.size:
        return None
    score = forced_choice.score("right", answers.right, answers.person, answers.question)
    return Rate(score.value, (score.low, score.high))


def _machine_score(machine: Machine, answers: _Answers) -> MachineScore:
    choices = np.array(machine.choices)
    right = (choices == answers.mate).astype(np.float64)
    same = choices[answers.question] == answers.option
    return MachineScore(
        machine.name,
        machine.members,
        Rate(float(right.mean()), interval(right)),
        float(same.mean()) if same.size else None,
    )


def _hardest(answers: _Answers, group: Group) -> HardestPicture | None:
    """The question with the lowest share of right answers; of equal ones, the most answered."""
    count = np.bincount(answers.question, minlength=len(answers.questions))
    right = np.bincount(answers.question, answers.right, minlength=len(answers.questions))
    asked = np.flatnonzero(count >= MIN_ANSWERS)
    if not asked.size:
        return None
    number = min(asked.tolist(), key=lambda n: (right[n] / count[n], -count[n], n))
    question = answers.questions[number]
    mate, mate_key = question.options[question.mate] if group.state == "ended" else ("", "")
    return HardestPicture(
        number=question.number,
        query=question.query,
        query_key=question.query_key,
        mate=mate,
        mate_key=mate_key,
        right=int(right[number]),
        answers=int(count[number]),
        machines_right=sum(m.choices[number] == question.mate for m in group.machines),
    )


def _best_group(group: Group) -> GroupScore | None:
    scores = []
    for other in duel_store.groups():
        number = duels.as_group(other).number
        if duels.as_group(other).duel != group.duel or number == group.number:
            continue
        answers = _Answers.read(other)
        if answers.person.size:
            people = len(set(answers.person.tolist()))
            scores.append(GroupScore(number, people, float(answers.right.mean())))
    return max(scores, key=lambda score: score.right, default=None)


def _percent(rate: Rate) -> tuple[str, str]:
    low, high = rate.ci95
    return f"{100 * rate.value:.0f}", f"[{100 * low:.0f}, {100 * high:.0f}]"
