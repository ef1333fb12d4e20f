"""The page Invariance: one picture live, then the heat map and galleries of all pictures."""

import json

import numpy as np
import pytest

from simcore.lab.invariance import invariance_evaluation, picture
from simcore.lab.invariance.invariance_evaluation import InvarianceQuestion
from simcore.lab.recipes import parse
from simcore.models.backbones import contours
from simcore.recipe import Question
from simcore.types import ImageSet, Monitor

PAGE = "pages/invariance.py"


@pytest.fixture
def question(tiny):
    return Question(tiny, tuple(parse(["hog", "color"])))


def test_live_curves_without_a_run(tiny, question, app):
    address = {"collection": tiny, "models": "hog,color", "transform": "crop", "strength": "0.4"}
    at = app(PAGE, **address, query="c")
    assert not at.exception
    assert not at.warning
    assert at.select_slider[0].value == "0.4"
    stages = []
    monitor = Monitor(lambda progress: stages.append(progress.stage))
    curves = picture.curves(question, "c", "crop", monitor=monitor)
    names = [f"features of {name}" for name in question.backbones]
    assert stages == [*names, *["ranks"] * len(question.recipes)]
    shares = {curve.recipe: f"{100 * curve.points[3].floor:.1f}" for curve in curves}
    text = " ".join(markdown.value for markdown in at.markdown)
    assert all(share in text for share in shares.values())
    assert any(button.label.startswith("Change all 6 queries") for button in at.button)
    assert f"simcore evaluate invariance {tiny} --models hog,color" in at.code[0].value


def test_a_picture_whose_file_is_gone_hides_nothing_else(tiny, app, monkeypatch, tmp_path):
    monkeypatch.setattr(ImageSet, "path", lambda self, row: tmp_path / "gone.jpg")
    at = app(PAGE, collection=tiny, models="hog,color")
    assert not at.exception
    (error,) = at.error
    assert "There is no file" in error.value
    assert any(button.label.startswith("Change all 6 queries") for button in at.button)


def test_curves_agree_with_the_evaluation_of_all(tiny, question):
    invariance_evaluation.run(InvarianceQuestion(question, ("blur",)))
    setting = InvarianceQuestion(question, ("blur",)).settings[0]
    for recipe, curve in zip(question.recipes, picture.curves(question, "c", "blur"), strict=True):
        outcomes = invariance_evaluation.picture_outcomes(question, recipe, setting)
        point = next(point for point in curve.points if point.strength == setting.strength)
        assert point.floor == pytest.approx(outcomes.floor[2], abs=1e-4)
        assert point.rank == outcomes.ranks[2]


def test_heat_map_and_galleries_after_a_run(tiny, question, app):
    invariance_evaluation.run(InvarianceQuestion(question, ("flip",)))
    at = app(PAGE, collection=tiny, models="hog,color", transform="flip", measure="floor")
    assert not at.exception
    text = " ".join(markdown.value for markdown in at.markdown)
    assert "Least invariant" in text
    assert at.session_state["invariance_measure"] == "floor"


def test_another_strength_than_the_default_can_be_computed_for_all(tiny, question, app):
    invariance_evaluation.run(InvarianceQuestion(question, ("crop",)))
    address = {"collection": tiny, "models": "hog,color", "transform": "crop"}
    at = app(PAGE, **address, strength="0.4")
    assert "crop 0.4 is not computed for all images yet." in [info.value for info in at.info]
    label = "Change all queries by every strength of crop"
    assert label in [button.label for button in at.button]
    invariance_evaluation.run(InvarianceQuestion(question, ("crop",), "all"))
    at = app(PAGE, **address, strength="0.4")
    assert label not in [button.label for button in at.button]
    assert "Least invariant" in " ".join(markdown.value for markdown in at.markdown)


def test_line_drawings_are_on_the_heat_map_once_computed(tiny, question, app, monkeypatch):
    monkeypatch.setattr(contours, "draw", lambda image: np.zeros(image.shape[:2], np.float32))
    invariance_evaluation.run(InvarianceQuestion(question, ("flip", "line-drawing")))
    at = app(PAGE, collection=tiny, models="hog,color", transform="flip", measure="floor")
    assert not at.exception
    assert "--transforms @all" in at.code[0].value
    (figure,) = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")][1:]
    (heat,) = figure["data"]
    assert heat["x"] == ["flip", "line-drawing", "true mates"]
