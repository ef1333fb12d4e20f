"""The analysis of every task: what people and backbones answered, counted again by hand."""

import json

import numpy as np
import pytest

from simcore.__main__ import run
from simcore.data.answers import experiment_store
from simcore.errors import BadDataError
from simcore.lab.library import collections, features
from simcore.lab.people import analysis, tasks
from simcore.lab.people.plans import Condition
from simcore.sim import metrics
from tests.lab.people.take_part import attentive, build, questions_of, take_part

pytestmark = pytest.mark.usefixtures("crowd")

PEOPLE = 4


def answered(task, **options):
    build(task, **options)
    for person in range(PEOPLE):
        attentive("one", lambda key, person=person: int(key[person : person + 6], 16) / 16**6)


def answers():
    asked = questions_of()
    given = experiment_store.answers(experiment_store.get("one"))
    return [(p, asked[n], a) for p, n, a in given if not asked[n].catch]


def similarity(backbone, first, second):
    """Of two images by content key, wherever they are."""
    collection = collections.open_("crowd")
    rows = {}
    for side in collection.sides():
        loaded = features.for_side(collection, side, backbone)
        rows |= {key: loaded.take([row]) for row, key in enumerate(side.keys)}
    return float(metrics.pairwise(rows[first], rows[second], "cosine")[0, 0])


def machine_of(result, name="color"):
    return next(row for row in result.conditions[-1].machines if row.model == name)


def test_rankings_are_compared_by_first_and_by_both_choices():
    answered("rank-8-2")
    result = analysis.analyze("one", ["color"])
    assert (result.task, result.choices, result.answers) == ("rank-8-2", 8, 4 * PEOPLE)
    first, overlap = [], []
    for _, question, answer in answers():
        keys = [key for _, key in question.options]
        order = np.argsort([-similarity("color", question.query_key, key) for key in keys])
        first.append(order[0] == answer.option)
        overlap.append(len({answer.option, answer.second} & set(order[:2].tolist())) / 2)
    machine = machine_of(result)
    assert machine.with_people.value == pytest.approx(np.mean(first))
    assert machine.overlap.value == pytest.approx(np.mean(overlap))
    assert (machine.right, machine.separation) == (None, None)
    assert result.of_task.ranking.questions == 4
    for row in result.asked:
        assert sum(row.counts) == sum(row.second_counts) == PEOPLE
    assert sum(result.places.counts) == 4 * PEOPLE


def test_the_odd_one_is_outside_the_most_similar_pair():
    answered("odd-one-out")
    result = analysis.analyze("one", ["color"])
    same = []
    for _, question, answer in answers():
        keys = [key for _, key in question.options]
        pairs = {n: [key for m, key in enumerate(keys) if m != n] for n in range(3)}
        odd = max(pairs, key=lambda n: similarity("color", *pairs[n]))
        same.append(odd == answer.option)
    assert machine_of(result).with_people.value == pytest.approx(np.mean(same))
    assert len(result.places.counts) == 3
    assert result.conditions[-1].human is None


def test_same_or_different_is_separated_by_similarity():
    answered("same-different", conditions=(Condition("random", count=10),))
    result = analysis.analyze("one", ["color"])
    said = {True: [], False: []}
    for _, question, answer in answers():
        value = similarity("color", question.query_key, question.options[0][1])
        said[answer.option == tasks.SAME].append(value)
    won = [np.sign(a - b) / 2 + 0.5 for a in said[True] for b in said[False]]
    condition, machine = result.conditions[-1], machine_of(result)
    assert machine.separation.value == pytest.approx(np.mean(won))
    assert machine.with_people is None
    assert condition.same.value == pytest.approx(len(said[True]) / 40)
    assert result.places is None
    known = result.of_task.sensitivity
    assert (known.different, known.same, known.hits, known.false_alarms) == (4, 4, 1.0, 0.0)
    order = result.of_task.order
    first = [a.option == tasks.SAME for _, _, a in answers() if a.place == 0]
    assert order.query_first == pytest.approx(np.mean(first))


def test_two_alternatives_have_a_ceiling_but_no_right_answer():
    answered("two-afc")
    result = analysis.analyze("one", [])
    by_question = {}
    for person, question, answer in answers():
        by_question.setdefault(question.number, {})[person] = answer.option
    agreed = []
    for given in by_question.values():
        for person, option in given.items():
            others = [other for p, other in given.items() if p != person]
            votes = [others.count(0), others.count(1)]
            tied = votes[0] == votes[1]
            agreed.append(0.5 if tied else float(votes[option] == max(votes)))
    assert result.conditions[-1].ceiling.value == pytest.approx(np.mean(agreed))
    assert result.conditions[-1].human is None


def test_grades_decide_who_counts():
    answered("two-afc", catch=4)
    take_part("one", lambda _: {"place": 0})
    people = analysis.analyze("one", []).people
    assert [row.grade for row in people[:PEOPLE]] == [100.0] * PEOPLE
    grade = people[-1].grade
    assert grade == 100 * people[-1].catch_passed / 4
    assert grade < 100
    everyone = analysis.analyze("one", [], min_catch=grade)
    assert (everyone.participants, everyone.left_out) == (PEOPLE + 1, ())
    attentive_ones = analysis.analyze("one", [], min_catch=grade + 1)
    assert (attentive_ones.participants, attentive_ones.left_out) == (PEOPLE, (PEOPLE + 1,))
    assert analysis.analyze("one", [], passed_catch=True).left_out == (PEOPLE + 1,)


def test_where_everybody_failed_a_sentence_says_so():
    build("same-different")
    asked = questions_of()
    take_part("one", lambda s: {"place": 1 - max(asked[s.number].mate, 0)})
    with pytest.raises(BadDataError, match="passed 50 % of the catch trials"):
        analysis.analyze("one", [], min_catch=50)


def test_measured_exposure_is_reported():
    build("mafc", exposure=200)
    take_part("one", lambda _: {"place": 0, "exposed": 200.0})
    take_part("one", lambda _: {"place": 0, "exposed": 260.0})
    exposure = analysis.analyze("one", []).of_task.exposure
    assert (exposure.planned, exposure.answers, exposure.late) == (200, 8, 4)


@pytest.mark.parametrize("task", sorted(tasks.TASKS))
def test_analyses_by_command(task, capsys):
    answered(task)
    assert run(["experiments", "analyze", "one"]) == 0
    shown = capsys.readouterr()
    assert "Response times" in shown.out
    expected = {
        "rank-8-2": "two people choose the same image first",
        "same-different": "d' =",
        "odd-one-out": "answers by position",
    }
    assert expected.get(task, "alpha") in shown.err
    assert run(["experiments", "analyze", "one", "--min-catch", "100", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert (document["task"], document["min_catch"]) == (task, 100.0)
