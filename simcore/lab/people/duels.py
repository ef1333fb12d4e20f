"""Duels: people and backbones answer the same questions, live.

One group of people plays after the other, and all get the same questions. A group has an experiment
of its own, so its answers are analyzed and exported like those of any other. It waits until the
host starts it, and takes answers until the host ends it.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from simcore.data.answers import duel_store, experiment_store
from simcore.data.answers.duel_store import KEY
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError, NotPermittedError, UnknownNameError, unknown_name
from simcore.lab.library import collections
from simcore.lab.people import drawing, duel_machines, experiments, participation, plans
from simcore.lab.people.duel_machines import Machine
from simcore.lab.people.participation import Recorded, Screen
from simcore.lab.people.plans import Condition, Plan
from simcore.models import registry
from simcore.results import Result
from simcore.types import JSON, Monitor

State = Literal["waiting", "running", "ended"]
MAX_NAME = 58  # characters of a duel's name, so that "-12345" still fits
PAGE: Final = "duel"  # of the app


@dataclass(frozen=True)
class Group(Result):
    """One group of players of a duel.

    Attributes:
        duel: name of the duel. number: of the group, from 1. experiment: name of the experiment
            that holds its answers.
        questions, choices: how many questions, and images to choose from.
        practice: questions on which the best sum was chosen; 0 for the sum of all backbones.
    """

    duel: str
    number: int
    experiment: str
    collection: str
    state: State
    questions: int
    choices: int
    machines: tuple[Machine, ...]
    practice: int


def make_plan(
    *,
    questions: int = 10,
    choices: int = 4,
    distractors: str = plans.RANDOM,
    subset: str = "all",
    seed: int = 0,
) -> Plan:
    """How the questions of a duel are drawn.

    Args:
        distractors: "random", fair to all; or a backbone whose nearest images they are, which is
            hard for that backbone above all; "disagreement:hog+color" asks about the pictures on
            which these backbones disagree most.

    Raises:
        BadDataError: numbers that are out of range.
    """
    return Plan((Condition(distractors, subset, questions),), choices, seed=seed)


def create(
    name: str,
    collection: str,
    plan: Plan,
    *,
    backbones: Sequence[str] = (),
    monitor: Monitor = Monitor(),
) -> Group:
    """Draw the questions of a duel, let the machines answer them, and open its first group.

    Args:
        name: of a-z, digits and . _ -, not in use yet, 58 characters at most.
        collection: pairs, so that there is a right answer.
        backbones: that play, or @groups; by default the first 12 that are extracted.

    Raises:
        UnknownNameError: no such collection, subset or backbone.
        BadDataError: the name is invalid or taken, the collection has no mates, there are too few
            pairs, or features are missing. Stopped: the monitor asked to stop.
    """
    experiments.check_name(name)
    if len(name) > MAX_NAME:
        raise BadDataError(f"Shorten the name of the duel to {MAX_NAME} characters.")
    if collections.open_(collection).right is None:
        raise BadDataError(
            f"A duel needs pairs, and {collection!r} has images without mates. "
            "Choose another collection."
        )
    chosen = registry.expand_groups(list(backbones))
    chosen = list(chosen) or duel_machines.default_backbones(collection)
    monitor.report("Drawing questions", 0, 1)
    questions = drawing.draw(collection, plan)
    answers = duel_machines.play(collection, plan, questions, chosen, monitor=monitor)
    experiments.prepare_pictures(collection, questions)
    live = {
        "name": name,
        "group": 1,
        "state": "waiting",
        "host": secrets.token_urlsafe(12),
        "practice": answers.practice,
        "machines": [machine.to_dict() for machine in answers.machines],
    }
    conditions = [
        {"name": c.name, "by": c.by, "subset": c.subset, "count": c.count} for c in plan.conditions
    ]
    experiment = Experiment(
        name=name,
        collection=collection,
        choices=plan.choices,
        seed=plan.seed,
        consent="",
        plan={"source": "simcore", "catch": 0, "conditions": conditions, KEY: live},
        created=time.time(),
    )
    experiment_store.add(experiment, questions)
    return as_group(experiment)


def as_group(experiment: Experiment) -> Group:
    """The group whose answers are in an experiment."""
    live = experiment.plan[KEY]
    machines = tuple(
        Machine(m["name"], tuple(m["members"]), tuple(m["choices"])) for m in live["machines"]
    )
    return Group(
        duel=live["name"],
        number=live["group"],
        experiment=experiment.name,
        collection=experiment.collection,
        state=live["state"],
        questions=sum(c["count"] for c in experiment.plan["conditions"]),
        choices=experiment.choices,
        machines=machines,
        practice=live["practice"],
    )


def groups(duel: str = "") -> list[Group]:
    """The groups of a duel, or of all, newest first."""
    everything = [as_group(experiment) for experiment in duel_store.groups()]
    return [group for group in everything if duel in {"", group.duel}]


def current(name: str) -> Group:
    """The newest group of a duel.

    Args:
        name: of the duel, or of any of its groups.

    Raises:
        UnknownNameError: no such duel.
    """
    everything = groups()
    duel = next(
        (group.duel for group in everything if name in {group.duel, group.experiment}), None
    )
    if duel is None:
        raise unknown_name("duel", name, sorted({group.duel for group in everything}))
    return max(
        (group for group in everything if group.duel == duel), key=lambda group: group.number
    )


def is_duel(experiment: str) -> bool:
    """Whether an experiment has the answers of a group of a duel."""
    return any(group.name == experiment for group in duel_store.groups())


def host_key(name: str) -> str:
    """The secret with which the host of a duel starts and ends it, in workshop mode as well.

    Raises:
        UnknownNameError: no such duel.
    """
    return str(duel_store.get(current(name).experiment).plan[KEY]["host"])


def wall_path(name: str) -> str:
    """The path of a duel's wall on the server of the app, with the host's controls.

    Raises:
        UnknownNameError: no such duel.
    """
    duel = current(name).duel
    return f"/{PAGE}?" + urlencode({"experiment": duel, "view": "wall", "host": host_key(duel)})


def start(name: str, host: str) -> Group:
    """Let the players of the newest group begin.

    Args:
        host: the duel's `host_key`.

    Raises:
        UnknownNameError: no such duel. NotPermittedError: not the host's key.
        BadDataError: it has ended.
    """

    def change(live: JSON) -> JSON:
        if live["state"] == "ended":
            raise BadDataError("This group is done. Open the next one.")
        return live | {"state": "running"}

    return _control(name, host, change)


def end(name: str, host: str) -> Group:
    """Take no more answers in the newest group, and show its result.

    Raises:
        UnknownNameError: no such duel. NotPermittedError: not the host's key.
    """
    return _control(name, host, lambda live: live | {"state": "ended"})


def is_host(name: str, host: str) -> bool:
    """Whether a key is that of the duel's host.

    Raises:
        UnknownNameError: no such duel.
    """
    secret = str(duel_store.get(current(name).experiment).plan[KEY]["host"])
    return secrets.compare_digest(secret.encode(), host.encode("utf-8", "replace"))


def _check_host(name: str, host: str) -> Group:
    if not is_host(name, host):
        raise NotPermittedError(
            "Only the host may do this, with the address that `simcore duel new` printed."
        )
    return current(name)


def _control(name: str, host: str, change: Callable[[JSON], JSON]) -> Group:
    return as_group(duel_store.update(_check_host(name, host).experiment, change))


def next_group(name: str, host: str) -> Group:
    """End the newest group, and open another one with the same questions for other people.

    Raises:
        UnknownNameError: no such duel. NotPermittedError: not the host's key.
    """
    before = end(name, host)
    experiment = duel_store.get(before.experiment)
    names, number = experiment_store.names(), before.number + 1
    while (own_name := f"{before.duel}-{number}") in names:
        number += 1
    live = experiment.plan[KEY] | {"group": number, "state": "waiting"}
    another = Experiment(
        name=own_name,
        collection=experiment.collection,
        choices=experiment.choices,
        seed=experiment.seed,
        consent=experiment.consent,
        task=experiment.task,
        exposure=experiment.exposure,
        gap=experiment.gap,
        plan=experiment.plan | {KEY: live},
        created=time.time(),
    )
    questions = [_copy(question) for question in experiment_store.questions(experiment)]
    return as_group(experiment_store.add(another, questions))


def _copy(question: Question) -> Question:
    return Question(
        number=question.number,
        condition=question.condition,
        catch=question.catch,
        query=question.query,
        query_key=question.query_key,
        options=question.options,
        mate=question.mate,
    )


@dataclass(frozen=True)
class Seat:
    """What a player has before them.

    Attributes:
        group: it is in. player: their number in it, from 1.
        screen: their next question; None when they have answered all.
    """

    group: Group
    player: int
    screen: Screen | None


def join(name: str) -> tuple[str, str]:
    """Enter the newest group of a duel as a new player.

    Returns:
        The experiment of the group, and the code with which the player answers.

    Raises:
        UnknownNameError: no such duel. BadDataError: the group is done.
    """
    group = current(name)
    if group.state == "ended":
        raise BadDataError("This group is done. Wait until the host opens the next one.")
    return group.experiment, participation.join(group.experiment)


def seat(experiment: str, code: str) -> Seat:
    """The place of a player: the state of the group, and the next question.

    Raises:
        UnknownNameError: no such duel or player.
    """
    attendance = experiment_store.attendance(experiment, code)
    if KEY not in attendance.experiment.plan:
        raise UnknownNameError(f"{experiment!r} is not a duel. Open the page Experiments instead.")
    group = as_group(attendance.experiment)
    screen = participation.screen(experiment, code) if group.state == "running" else None
    return Seat(group, attendance.participant.number, screen)


def answer(experiment: str, code: str, number: int, *, place: int, seconds: float) -> Recorded:
    """Store a player's choice, as `participation.answer`, while the duel runs.

    Raises:
        UnknownNameError: no such duel or player. BadDataError: it has not begun or is over, or an
            impossible answer.
    """
    state = as_group(duel_store.get(experiment)).state
    if state != "running":
        raise BadDataError(
            "The host has not started the duel yet."
            if state == "waiting"
            else "The duel is over; this answer no longer counts."
        )
    return participation.answer(experiment, code, number, place=place, seconds=seconds)
