"""Experiments of every task on the collection "crowd", and participants who answer them."""

from simcore.data.answers import experiment_store
from simcore.lab.people import experiments, participation
from simcore.lab.people.plans import Condition, Plan


def build(task, by="random", name="one", **options):
    """An experiment of four questions and two catch trials."""
    usual = {"conditions": (Condition(by, count=4),), "task": task, "catch": 2}
    return experiments.create(name, "crowd", Plan(**(usual | options)))


def questions_of(name="one"):
    """Its questions by number."""
    return {q.number: q for q in experiment_store.questions(experiment_store.get(name))}


def take_part(name, respond):
    """Answer everything; `respond(screen)` gives the arguments of `participation.answer`."""
    code, screens = participation.join(name), []
    while screen := participation.screen(name, code):
        screens.append(screen)
        participation.answer(name, code, screen.number, **{"seconds": 1.0} | respond(screen))
    return screens


def attentive(name, wish):
    """Pass every catch trial; otherwise choose the image (two for a ranking) that `wish` prefers.

    Args:
        wish: content key -> number; the highest is chosen.
    """
    asked = questions_of(name)

    def respond(screen):
        question = asked[screen.number]
        if screen.task == "same-different":
            same = question.mate if question.catch else int(wish(question.options[0][1]) < 0.5)
            return {"place": same}
        places = sorted(range(len(screen.choices)), key=lambda n: -wish(screen.choices[n]))
        if question.catch:
            right = screen.choices.index(question.options[question.mate][1])
            places = [right, *(place for place in places if place != right)]
        chosen = {"place": places[0]}
        return chosen | ({"second_place": places[1]} if screen.picks == 2 else {})

    return take_part(name, respond)
