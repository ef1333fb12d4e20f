"""Duels: what machines answer, the life of a group, and the score, against plain NumPy."""

import numpy as np
import pytest

from simcore.data.answers import experiment_store
from simcore.errors import BadDataError, NotPermittedError, UnknownNameError
from simcore.evaluate.judgements import forced_choice_sums
from simcore.lab.library import collections, extraction, features
from simcore.lab.people import (
    analysis,
    duel_machines,
    duel_scores,
    duels,
    experiments,
    participation,
)
from simcore.lab.people.duel_machines import BEST_SUM
from simcore.models import registry
from tests.conftest import MODELS, draw_pairs


@pytest.fixture
def duel(tiny):
    return duels.create("party", tiny, duels.make_plan(questions=4, choices=3), backbones=MODELS)


def questions_of(experiment):
    return experiment_store.questions(experiment_store.get(experiment))


def begin(name="party"):
    return duels.start(name, duels.host_key(name))


def answer_all(experiment, code, chooses):
    """Answer each question with the option that `chooses(question)` names."""
    by_number = {question.number: question for question in questions_of(experiment)}
    while screen := duels.seat(experiment, code).screen:
        question = by_number[screen.number]
        key = question.options[chooses(question)][1]
        place = screen.choices.index(key)
        duels.answer(experiment, code, screen.number, place=place, seconds=1.0)


def cosines(collection, backbone):
    """(Q, G) cosines of a backbone with one row per image, from the stored features alone."""
    left, right = (
        np.array(features.for_side(collection, side, backbone).values, np.float64)
        for side in collection.sides()
    )
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return left @ right.T


def test_machines_answer_as_their_features_say(duel, tiny):
    collection = collections.open_(tiny)
    asked = questions_of("party")
    matrices = {name: cosines(collection, name) for name in MODELS}
    standard = sum((m - m.mean()) / m.std() for m in matrices.values())
    assert [machine.name for machine in duel.machines] == [*MODELS, BEST_SUM]
    for machine in duel.machines:
        matrix = matrices.get(machine.name, standard)
        for question, choice in zip(asked, machine.choices, strict=True):
            row = collection.left.ids.index(question.query)
            columns = [collection.right.ids.index(name) for name, _ in question.options]
            assert choice == int(np.argmax(matrix[row, columns]))
    # Six pairs leave too few other questions to choose a sum on: all backbones are added.
    assert (duel.machines[-1].members, duel.practice) == (tuple(MODELS), 0)


def test_the_best_sum_is_chosen_on_other_pairs(tmp_path, monkeypatch):
    draw_pairs(tmp_path / "many", 34)
    collections.add("pairs", tmp_path / "many", name="many")
    extraction.extract("many", ["hog", "color"])
    seen = []
    search = forced_choice_sums.best_sum

    def spy(summands, known, mate):
        seen.append(summands.shape)
        return search(summands, known, mate)

    monkeypatch.setattr(forced_choice_sums, "best_sum", spy)
    group = duels.create("party", "many", duels.make_plan(questions=10))
    assert seen == [(2, 24, 4)]  # 34 queries without the 10 of the duel
    assert group.practice == 24
    assert set(group.machines[-1].members) == {"hog", "color"}


def test_a_duel_about_pictures_on_which_machines_disagree(tiny):
    plan = duels.make_plan(questions=2, choices=3, distractors="disagreement:hog+color")
    group = duels.create("party", tiny, plan)
    assert group.questions == len(group.machines[0].choices) == 2


def test_one_backbone_has_no_sum(tiny):
    group = duels.create("alone", tiny, duels.make_plan(questions=2), backbones=["hog"])
    assert [machine.name for machine in group.machines] == ["hog"]


def test_the_life_of_a_group(duel):
    assert duel.state == "waiting"
    experiment, code = duels.join("party")
    assert duels.seat(experiment, code).screen is None
    number = questions_of("party")[0].number
    with pytest.raises(BadDataError, match="not started"):
        duels.answer(experiment, code, number, place=0, seconds=1)
    begin()
    assert duels.seat(experiment, code).screen is not None
    duels.answer(experiment, code, number, place=0, seconds=1)
    key = duels.host_key("party")
    duels.end("party", key)
    assert duels.seat(experiment, code).screen is None
    with pytest.raises(BadDataError, match="is over"):
        duels.answer(experiment, code, 2, place=0, seconds=1)
    with pytest.raises(BadDataError, match="is done"):
        duels.join("party")
    with pytest.raises(BadDataError, match="next one"):
        duels.start("party", key)
    second = duels.next_group("party", key)
    assert (second.experiment, second.number, second.state) == ("party-2", 2, "waiting")
    assert second.machines == duel.machines
    before, after = questions_of("party"), questions_of("party-2")
    assert [(q.query, q.options, q.mate) for q in before] == [
        (q.query, q.options, q.mate) for q in after
    ]
    assert duels.join("party")[0] == duels.join("party-2")[0] == "party-2"
    assert [group.number for group in duels.groups("party")] == [2, 1]
    assert duel_scores.live("party").players == 2
    assert duel_scores.group_score("party").answers == 1


def test_the_name_of_a_group_may_be_taken_by_an_experiment(duel, tiny):
    experiments.create("party-2", tiny, experiments.Plan(experiments.parse(["random"], 2), 3))
    group = duels.next_group("party", duels.host_key("party"))
    assert (group.experiment, group.number) == ("party-3", 3)
    with pytest.raises(UnknownNameError, match="duel"):
        duels.current("party-2")
    with pytest.raises(UnknownNameError, match="not a duel"):
        duels.seat("party-2", participation.join("party-2"))


@pytest.mark.parametrize("key", ["", "x", "é" * 40])
@pytest.mark.parametrize("action", [duels.start, duels.end, duels.next_group])
def test_only_the_host_leads_the_group(duel, key, action):
    with pytest.raises(NotPermittedError, match="Only the host"):
        action("party", key)
    assert duels.current("party") == duel


def test_what_cannot_be_a_duel_is_refused(tiny, pairs_folder):
    plan = duels.make_plan(questions=2)
    collections.add("images", pairs_folder / "left", name="single")
    with pytest.raises(BadDataError, match="without mates"):
        duels.create("party", "single", plan)
    with pytest.raises(BadDataError, match="58 characters"):
        duels.create("a" * 59, tiny, plan)
    with pytest.raises(BadDataError, match="different backbones"):
        duels.create("party", tiny, plan, backbones=registry.names()[:13])
    with pytest.raises(BadDataError, match="simcore extract"):
        duels.create("party", tiny, plan, backbones=["mobilenetv2"])
    with pytest.raises(UnknownNameError):
        duels.current("party")
    assert experiments.listing() == []


def test_state_changes_in_either_database(database, tiny):
    duels.create("party", tiny, duels.make_plan(questions=2), backbones=["hog"])
    experiment, code = duels.join("party")
    begin()
    answer_all(experiment, code, lambda question: question.mate)
    assert duel_scores.player(experiment, code).right == 2
    assert duels.next_group("party", duels.host_key("party")).experiment == "party-2"


def test_the_score_is_that_of_plain_counting(duel):
    begin()
    asked = questions_of("party")
    people = {
        "right": lambda question: question.mate,
        "first": lambda question: 0,
        "last": lambda question: 2,
    }
    codes = {}
    for name, chooses in people.items():
        experiment, codes[name] = duels.join("party")
        answer_all(experiment, codes[name], chooses)
    duels.join("party")  # and one who only looks
    live = duel_scores.live("party")
    given = np.array([[chooses(question) for question in asked] for chooses in people.values()])
    mates = np.array([question.mate for question in asked])
    right = given == mates
    assert (live.players, live.finished, live.answers) == (4, 3, 12)
    assert live.people.value == pytest.approx(right.mean())
    assert live.people.ci95[0] <= live.people.value <= live.people.ci95[1]
    for score in live.machines:
        machine = next(m for m in duel.machines if m.name == score.name)
        choices = np.array(machine.choices)
        assert score.right.value == pytest.approx((choices == mates).mean())
        assert score.with_people == pytest.approx((given == choices).mean())
    assert [m.right.value for m in live.machines] == sorted(
        (m.right.value for m in live.machines), reverse=True
    )
    shares = right.mean(axis=0)
    hardest = next(q for q in asked if q.number == live.hardest.number)
    assert shares[asked.index(hardest)] == shares.min()
    assert (live.hardest.right, live.hardest.answers) == (round(shares.min() * 3), 3)
    assert live.hardest.mate == live.hardest.mate_key == ""  # others have yet to answer
    beaten = {m.name for m in live.machines if m.right.value < right.mean()}
    assert set(live.beaten) == beaten
    ended = duel_scores.group_score(duels.end("party", duels.host_key("party")).experiment)
    assert ended.hardest.mate == hardest.options[hardest.mate][0]
    # The same numbers as in the analysis of any experiment.
    general = analysis.analyze("party", MODELS).conditions[-1]
    assert general.human == live.people
    for machine in general.machines:
        score = next(m for m in live.machines if m.name == machine.model)
        assert (machine.right, machine.ci95) == (score.right.value, score.right.ci95)


def test_a_player_sees_whom_they_answer_like_ties_included(duel):
    begin()
    hog = dict(
        zip([q.number for q in questions_of("party")], duel.machines[0].choices, strict=True)
    )
    experiment, code = duels.join("party")
    nothing = duel_scores.player(experiment, code)
    assert (nothing.answered, nothing.place, nothing.most_alike) == (0, None, ())
    answer_all(experiment, code, lambda question: hog[question.number])
    score = duel_scores.player(experiment, code)
    alike = {machine.name for machine in duel.machines if machine.choices == tuple(hog.values())}
    assert "hog" in alike
    assert {machine.name for machine in score.most_alike} == alike
    assert score.most_alike[0].agreed == score.answered == 4
    own = next(machine for machine in score.machines if machine.name == "hog")
    assert own.right == score.right
    assert "hog" not in score.beaten
    other, second = duels.join("party")
    answer_all(other, second, lambda question: (question.mate + 1) % 3)
    worst = duel_scores.player(other, second)
    assert (worst.right, worst.beaten) == (0, ())
    assert worst.place == (2 if score.right else 1)


def test_a_player_is_compared_on_the_questions_that_they_answered(duel):
    begin()
    experiment, code = duels.join("party")
    screen = duels.seat(experiment, code).screen
    duels.answer(experiment, code, screen.number, place=0, seconds=1)
    score = duel_scores.player(experiment, code)
    row = [q.number for q in questions_of("party")].index(screen.number)
    question = questions_of("party")[row]
    for machine in score.machines:
        choices = next(m.choices for m in duel.machines if m.name == machine.name)
        assert machine.right == int(choices[row] == question.mate)
    assert score.live.hardest is None  # one answer is no hard question


def test_the_default_takes_twelve_backbones(monkeypatch):
    names = [f"b{n}" for n in range(20)]
    monkeypatch.setattr(collections, "default_backbones", lambda name: names)
    assert duel_machines.default_backbones("any") == names[:12]
