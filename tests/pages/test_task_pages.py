"""Every task on the page Experiments: built, answered, shown."""

import pytest

from simcore.data.answers import experiment_store
from simcore.lab.people import experiments, participation, tasks
from simcore.lab.people.plans import Condition, Plan
from simcore.ui.experiments import participant_view, question_results
from tests.pages.test_analysis_pages import at_address
from tests.pages.test_people_pages import words

EXPERIMENTS = "experiments"
SMALL = sorted(set(tasks.TASKS) - {"rank-8-2"})  # six pairs are too few for eight images


def take_part(name, place):
    code = participation.join(name)
    while screen := participation.screen(name, code):
        participation.answer(name, code, screen.number, place=place, seconds=1)


@pytest.mark.parametrize("task", SMALL)
def test_a_task_is_built_and_its_results_are_shown(app, tiny, task):
    at = at_address(app, EXPERIMENTS)
    at.selectbox(key="building_task").select(task).run()
    at.multiselect(key="building_committee_tiny").set_value(["hog", "color"]).run()
    at.text_input(key="building_name").input(task)
    at.number_input(key="building_count").set_value(3)
    if task == "mafc":
        at.number_input(key="building_many").set_value(3)
    at.button[0].click().run()
    assert not at.exception
    assert [error.value for error in at.error] == []
    (row,) = experiments.listing()
    assert (row.task, row.conditions) == (task, ("random", "disagreement:hog+color"))
    assert row.exposure == (1000 if task == "same-different" else 0)
    assert "Send this address" in words(at)
    for place in (0, 1):
        take_part(task, place)
    at = at_address(app, EXPERIMENTS, experiment=task, view="results")
    assert not at.exception
    assert not at.error
    labels = [button.label for button in at.get("download_button")]
    assert ("nights as zip" in labels) == (task == "two-afc")
    assert ("Triplets as CSV" in labels) == (task in {"mafc", "two-afc"})
    columns = list(at.dataframe[0].value)
    assert ("same %" in columns) == (task == "same-different")
    assert ("people right %" in columns) == (task == "mafc")
    said = words(at)
    assert ("where the query came first" in said) == (task == "same-different")


@pytest.mark.parametrize("task", SMALL)
def test_participants_read_what_the_task_is(app, tiny, task):
    plan = Plan((Condition("random", count=2),), 3, task=task, exposure=500)
    experiments.create("one", tiny, plan)
    at = at_address(app, EXPERIMENTS, experiment="one", participant="new")
    said = words(at)
    assert participant_view.HOW[task].split(".")[0] in said
    assert "briefly" in said
    assert ("one after the other" in said) == (task == "same-different")
    at.button(key="sitting_begin").click().run()
    assert not at.exception
    assert not at.error


def test_what_the_browser_sends_is_stored_and_nonsense_is_not(tiny):
    plan = Plan((Condition("random", count=2),), task="same-different")
    experiments.create("one", tiny, plan)
    code = participation.join("one")
    screen = participation.screen("one", code)
    record = participant_view.record_answer
    good = {"number": screen.number, "place": 1, "seconds": 0.8, "exposed": 1000.4}
    for wrong in (
        {"number": 99},
        {"place": "1"},
        {"second_place": "x"},
        {"seconds": None},
        {"exposed": "long"},
    ):
        assert not record("one", code, screen, good | wrong)
    assert record("one", code, screen, good)
    ((_, _, answer),) = experiment_store.answers(experiment_store.get("one"))
    assert (answer.option, answer.exposed) == (1, 1000.4)


def test_questions_show_what_was_answered():
    row = question_results.QuestionResult(
        1, "random", "q", "0", [["a", "1"], ["b", "2"], ["c", "3"]], -1, (0, 3, 1), 0.75, (2, 1, 1)
    )
    shown = question_results.images("rank-8-2", row)
    assert [(image.id, image.caption) for image in shown] == [
        ("q", "query"),
        ("b", "1st 3, 2nd 1 of 4"),
        ("c", "1st 1, 2nd 1 of 4"),
        ("a", "1st 0, 2nd 2 of 4"),
    ]
    pair = question_results.QuestionResult(1, "random", "q", "0", [["a", "1"]], -1, (3, 1), 0.75)
    shown = question_results.images("same-different", pair)
    assert [image.caption for image in shown] == ["query", "same for 3 of 4"]
    odd = question_results.QuestionResult(
        1, "random", "q", "0", [["q", "0"], ["b", "2"], ["c", "3"]], -1, (0, 3, 1), 0.75
    )
    assert [image.id for image in question_results.images("odd-one-out", odd)] == ["b", "c", "q"]
