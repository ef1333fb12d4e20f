"""Every task: drawn as planned, stored as answered, refused where it makes no sense."""

import itertools

import numpy as np
import pytest

from simcore.data.answers import experiment_store
from simcore.errors import BadDataError, SimError
from simcore.lab.library import collections, features
from simcore.lab.people import experiments, participation, tasks
from simcore.lab.people.plans import Condition, Plan
from simcore.sim import metrics
from simcore.ui.experiments import participant_view
from tests.lab.people.take_part import build, questions_of, take_part

pytestmark = pytest.mark.usefixtures("crowd")


SHOWN = {"mafc": 5, "rank-8-2": 8, "two-afc": 2, "odd-one-out": 3, "same-different": 1}


@pytest.mark.parametrize("task", sorted(tasks.TASKS))
@pytest.mark.parametrize("by", ["random", "color", "disagreement:color+layout"])
def test_questions_show_as_many_different_images_as_the_task_says(task, by):
    build(task, by)
    collection = collections.open_("crowd")
    real = [q for q in questions_of().values() if not q.catch]
    assert len({q.query_key for q in real}) == 4
    for question in real:
        keys = [key for _, key in question.options]
        assert len(set(keys)) == len(keys) == SHOWN[task]
        row = collection.left.row_of[question.query]
        if task == "mafc":
            assert question.options[question.mate][1] == collection.right.keys[row]
            continue
        assert question.mate == -1  # no answer is right
        if task == "odd-one-out":
            assert keys[0] == question.query_key
        else:
            assert question.query_key not in keys


def test_nearest_images_are_those_of_the_backbone():
    collection = collections.open_("crowd")
    left, right = (features.for_side(collection, side, "color") for side in collection.sides())
    values = metrics.pairwise(left, right, "cosine")
    for task, count in (("rank-8-2", 8), ("two-afc", 2), ("odd-one-out", 2), ("same-different", 1)):
        build(task, "color", name=f"by-{task}", catch=0)
        for question in questions_of(f"by-{task}").values():
            nearest = np.argsort(-values[collection.left.row_of[question.query]])[:count]
            shown = {key for _, key in question.options} - {question.query_key}
            assert shown == {collection.right.keys[column] for column in nearest}


def test_same_different_can_compare_mates():
    build("same-different", "mates", catch=0)
    collection = collections.open_("crowd")
    for question in questions_of().values():
        row = collection.left.row_of[question.query]
        assert question.options == [[collection.right.ids[row], collection.right.keys[row]]]


def brute_force_information(matrices, row, columns, candidates):
    """Bits of one two-afc question in plain NumPy: mutual information of backbone and answer."""
    joint = []
    for everything in matrices:
        pool = np.concatenate([everything[r, c] for r, c in candidates.items()])
        values = (everything[row, columns] - pool.mean()) / pool.std()
        joint.append(np.exp(values) / np.exp(values).sum() / len(matrices))
    joint = np.array(joint)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    return float((joint * np.log2(joint / independent)).sum())


def test_disagreement_takes_the_most_informative_questions():
    plan = Plan((Condition("disagreement:color+layout", count=3),), task="two-afc")
    drawn = experiments.draw("crowd", plan)
    collection = collections.open_("crowd")
    matrices = []
    for backbone in ("color", "layout"):
        left, right = (features.for_side(collection, side, backbone) for side in collection.sides())
        matrices.append(metrics.pairwise(left, right, "cosine"))
    candidates = {}
    for row in range(12):
        nearest = [np.argsort(-values[row], kind="stable")[:6].tolist() for values in matrices]
        candidates[row] = sorted({*nearest[0], *nearest[1]})
        assert len(candidates[row]) <= 11, "every question about these queries is compared"
    scored = [
        (brute_force_information(matrices, row, list(pair), candidates), row, pair)
        for row, columns in candidates.items()
        for pair in itertools.combinations(columns, 2)
    ]
    expected, queries, shown = [], set(), set()
    for bits, row, pair in sorted(scored, reverse=True):  # the best first, and no image twice
        if row not in queries and shown.isdisjoint(pair) and len(expected) < 3:
            expected.append(bits)
            queries.add(row)
            shown.update(pair)
    asked = [
        brute_force_information(
            matrices,
            collection.left.row_of[question.query],
            [collection.right.row_of[image] for image, _ in question.options],
            candidates,
        )
        for question in drawn
    ]
    assert asked == pytest.approx(expected)


def test_catch_trials_have_an_obvious_answer():
    for task in ("rank-8-2", "two-afc"):
        build(task, name=f"catch-{task}")
        for question in (q for q in questions_of(f"catch-{task}").values() if q.catch):
            keys = [key for _, key in question.options]
            assert keys.index(question.query_key) == question.mate
            assert len(set(keys)) == len(keys)
    build("odd-one-out", name="odd")
    for question in (q for q in questions_of("odd").values() if q.catch):
        first, second, odd = (key for _, key in question.options)
        assert first == second == question.query_key != odd
        assert question.mate == 2
    build("same-different", name="same")
    catches = [q for q in questions_of("same").values() if q.catch]
    assert [q.mate for q in catches] == [0, 1]
    assert [q.options[0][1] == q.query_key for q in catches] == [True, False]


def test_ranked_choices_are_stored_as_they_were_on_the_screen():
    build("rank-8-2")
    screens = take_part("one", lambda _: {"place": 6, "second_place": 2})
    by_number = {screen.number: screen for screen in screens}
    asked = questions_of()
    for _, number, answer in experiment_store.answers(experiment_store.get("one")):
        keys = [key for _, key in asked[number].options]
        shown = by_number[number].choices
        assert (keys[answer.option], keys[answer.second]) == (shown[6], shown[2])
        assert answer.place == 6


def test_same_or_different_is_shown_in_both_orders_and_timed():
    build("same-different", conditions=(Condition("random", count=10),))
    exposed = itertools.count(1000)
    screens = []
    for _ in range(3):
        screens += take_part("one", lambda _: {"place": 1, "exposed": float(next(exposed))})
    asked = questions_of()
    answers = experiment_store.answers(experiment_store.get("one"))
    assert len(answers) == len(screens) == 36
    orders = []
    for screen, (_, number, answer) in zip(screens, answers, strict=True):
        question = asked[screen.number]
        assert number == screen.number
        assert {screen.query, *screen.choices} == {question.query_key, question.options[0][1]}
        assert (screen.exposure, screen.gap) == (1000, 250)
        assert (answer.option, answer.second) == (1, -1)
        if question.options[0][1] != question.query_key:
            assert answer.place == int(screen.query != question.query_key)
            orders.append(answer.place)
    assert 0.2 < np.mean(orders) < 0.8
    assert [answer.exposed for _, _, answer in answers] == list(range(1000, 1036))


def test_the_next_images_are_known_ahead():
    for task in tasks.TASKS:
        build(task, name=f"ahead-{task}", catch=0)
        screens = take_part(
            f"ahead-{task}",
            lambda screen: {"place": 0} | ({"second_place": 1} if screen.picks == 2 else {}),
        )
        for before, after in itertools.pairwise(screens):
            assert set(before.upcoming) == {after.query, *after.choices} - {""}
        assert screens[-1].upcoming == ()


@pytest.mark.parametrize(
    ("task", "choice", "says"),
    [
        ("rank-8-2", {"place": 0}, "2 choices per answer, not 1"),
        ("rank-8-2", {"place": 3, "second_place": 3}, "both the first and the second"),
        ("rank-8-2", {"place": 3, "second_place": 8}, "Choice 9 is not on the screen"),
        ("two-afc", {"place": 0, "second_place": 1}, "1 choices per answer, not 2"),
        ("odd-one-out", {"place": 3}, "Choice 4 is not on the screen, which shows 3"),
        ("same-different", {"place": 2}, "Choice 3 is not on the screen, which shows 2"),
        ("same-different", {"place": 0, "exposed": -1.0}, "visible for 0 to"),
        ("same-different", {"place": 0, "exposed": float("inf")}, "visible for 0 to"),
    ],
)
def test_answers_that_do_not_fit_the_task_are_refused(task, choice, says):
    build(task)
    code = participation.join("one")
    number = participation.screen("one", code).number
    with pytest.raises(BadDataError, match=says):
        participation.answer("one", code, number, seconds=1.0, **choice)
    assert experiment_store.answers(experiment_store.get("one")) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"task": "rank"}, "task named 'rank'.*rank-8-2"),
        ({"task": "two-afc", "conditions": (Condition("mates"),)}, "'mates' is for same-different"),
        ({"conditions": (Condition("disagreement:hog"),)}, "two or more different backbones"),
        ({"conditions": (Condition("disagreement:hog+hog"),)}, "two or more different backbones"),
        ({"exposure": 5}, "17 to 60,000 ms, or 0"),
        ({"exposure": 60_001}, "17 to 60,000 ms"),
        ({"gap": -1}, "gap must be 0 to 10,000"),
    ],
)
def test_plans_that_make_no_sense_are_refused(options, says):
    with pytest.raises(SimError, match=says):
        Plan(**({"conditions": (Condition("random"),)} | options))


def test_unusable_committees_are_refused_and_leave_nothing():
    for by, says in (
        ("disagreement:color+hgo", "Did you mean hog"),
        ("disagreement:color+hog", "simcore extract crowd"),
    ):
        with pytest.raises(SimError, match=says):
            build("two-afc", by)
    with pytest.raises(BadDataError, match="Only 12 queries"):
        build("two-afc", conditions=(Condition("disagreement:color+layout", count=13),))
    assert experiments.listing() == []


def test_the_page_has_words_for_every_task():
    assert set(participant_view.ASK) == set(participant_view.HOW) == set(tasks.TASKS)


def test_experiments_of_before_are_choices_of_one_image():
    plan = Plan((Condition("random", count=2),))
    assert (plan.task, plan.choices, plan.exposure_ms, plan.gap_ms) == ("mafc", 5, 0, 0)
    experiments.create("old", "crowd", plan)
    (row,) = experiments.listing()
    assert (row.task, row.exposure, row.gap) == ("mafc", 0, 0)
