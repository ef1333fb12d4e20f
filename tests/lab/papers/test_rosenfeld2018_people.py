"""The sections of rosenfeld2018 about people, on answers that are known."""

import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.lab import printed_values
from simcore.lab.library import duplicates, features
from simcore.lab.papers import reproduce, rosenfeld2018_people
from simcore.lab.people import experiments, participation
from simcore.lab.people.analysis import ConditionResult, MachineResult
from simcore.lab.people.experiments import Plan
from simcore.types import Monitor

PEOPLE = ["Table 2b", "Figure 4", "Figures 5a, 5b", "Section 4.3"]


def answer(name, choose):
    """One participant; `choose(screen)` is a place."""
    code = participation.join(name)
    while screen := participation.screen(name, code):
        participation.answer(name, code, screen.number, place=choose(screen), seconds=1)


@pytest.fixture
def answered(tiny):
    """Four participants who always choose the first place, on five questions with three options."""
    experiments.create("pilot", tiny, Plan(experiments.parse(["random"], 5), 3))
    for _ in range(4):
        answer("pilot", lambda screen: 0)
    return tiny


def sections(name, models=("hog",)):
    plan = reproduce.plan("rosenfeld2018", name, models)
    steps = [step for step in plan.steps if step.title in PEOPLE]
    return {step.title: step.make() for step in steps}


def test_only_the_models_asked_for_are_compared_with_people(answered):
    for models in (("hog",), ("color", "layout")):
        rows = sections(answered, models)["Table 2b"].table.rows
        assert {row[2] for row in rows} == {"people", *models}


def test_the_machine_of_table_2b_is_beside_table_2a(answered):
    section = sections(answered)["Table 2b"]
    compared = {row.quantity: row for row in section.compared}
    assert compared["d random: machine"].printed.value == 25.0
    assert compared["d random: machine"].printed.high > 40, "20 questions say little"
    assert compared["d random: machine"].own is None, "no condition here is on TLLd"
    assert compared["five random images, machine (Table 2a)"].printed.value == 50.49
    assert "do not fit Table 2a" in section.printed.remark


def test_the_machine_is_the_one_that_chose_the_distractors():
    rates = {"hog": 0.2, "color": 0.8}
    machines = tuple(MachineResult(n, r, (r, r), 0, None) for n, r in rates.items())
    for condition, expected in {"hog, tlld": 20, "color, tlld": 80, "random, tlld": 20}.items():
        result = ConditionResult(condition, 20, 0, None, None, None, None, machines)
        _, amount = rosenfeld2018_people.machine_of(result, generic="hog")
        assert amount.value == pytest.approx(expected)
    other = ConditionResult("layout, tlld", 20, 0, None, None, None, None, machines)
    assert rosenfeld2018_people.machine_of(other, generic="hog") == ("", None)
    assert rosenfeld2018_people.machine_of(None, generic="hog") == ("", None)


def test_positions_and_agreement(answered):
    made = sections(answered)
    places = [row[2] for row in made["Section 4.3"].table.rows[:3]]
    assert places == [20, 0, 0]
    printed = made["Section 4.3"].charts[0].series[0]
    assert printed.y[0] == pytest.approx(100 * 627 / 2400)
    first = made["Section 4.3"].compared[0]
    assert first.printed is None, "the paper has five positions, this experiment three"
    agreement = made["Figures 5a, 5b"]
    assert [row.printed.value for row in agreement.compared] == [87, 30, 0.94]
    assert [len(chart.series[0].x) for chart in agreement.charts] == [10, 10]
    total = sum(share for share in agreement.charts[0].series[0].y)
    assert total == pytest.approx(100)
    rows = made["Figure 4"].pictures
    assert 0 < len(rows) <= 4
    for row in rows:
        assert sum(int(label.split()[0]) for label in row.labels[1:]) == 4


def test_sections_about_people_are_made_again_after_an_answer(answered):
    first = reproduce.run("rosenfeld2018", answered, ["hog"], monitor=Monitor())
    stored = reproduce.plan("rosenfeld2018", answered, ["hog"]).stored()
    assert None not in stored
    answer("pilot", lambda screen: 1)
    steps = reproduce.plan("rosenfeld2018", answered, ["hog"])
    missing = [s.title for s, made in zip(steps.steps, steps.stored(), strict=True) if made is None]
    # What was left out is tried again, too: the state of the data has changed.
    left_out = [section.title for section in first.sections if section.left_out]
    assert set(missing) == {*PEOPLE, *left_out}


def test_the_preset_has_the_six_conditions_of_the_paper(tiny, monkeypatch):
    ready = {"densenet121", "face-cnn", "faces-cnn:densenet121"}
    monkeypatch.setattr(features, "is_ready", lambda _, backbone: backbone in ready)
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _: "densenet121")
    conditions = experiments.preset("rosenfeld2018", tiny)
    assert [condition.count for condition in conditions] == [20] * 6
    assert sum(condition.subset == "tllobj" for condition in conditions) == 2  # 40 of 120 pairs
    columns = [rosenfeld2018_people.printed_column(condition.name) for condition in conditions]
    assert sorted(columns) == sorted(printed_values.HUMANS.columns[1:])
    Plan(conditions)  # can be drawn


def test_the_preset_names_what_is_missing(tiny, monkeypatch):
    with pytest.raises(UnknownNameError, match="rosenfeld2018"):
        experiments.preset("rosenfeld2019", tiny)
    with pytest.raises(BadDataError, match="simcore extract tiny --models mobilenetv2"):
        experiments.preset("rosenfeld2018", tiny)
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _: "mobilenetv2")
    with pytest.raises(BadDataError, match="simcore extract tiny --models face-cnn"):
        experiments.preset("rosenfeld2018", tiny)
