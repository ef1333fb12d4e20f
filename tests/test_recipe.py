"""Recipes and questions: what is refused, and what becomes of them on a command line."""

import pytest

from simcore.errors import BadDataError
from simcore.recipe import Part, Question, Recipe

HOG = Recipe((Part("hog"),))
COLOR = Recipe((Part("color"),))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_must_be_finite_and_not_negative(weight):
    with pytest.raises(BadDataError, match="hog must be 0 or more"):
        Part("hog", weight=weight)


def test_a_recipe_needs_parts_and_several_need_a_combination():
    with pytest.raises(BadDataError, match="at least one backbone"):
        Recipe(())
    with pytest.raises(BadDataError, match="sum, zsum, rrf or rerank"):
        Recipe((Part("hog"), Part("color")))


def test_a_question_separates_single_backbones_from_combinations():
    both = Recipe((Part("hog"), Part("color")), "sum")
    question = Question("mine", (HOG, COLOR, both))
    assert question.singles == (HOG, COLOR)
    assert question.combinations == (both,)
    assert question.backbones == ("hog", "color")
    assert question.with_recipes(HOG) == Question("mine", (HOG,))


def test_the_shared_metric_is_that_of_all_parts():
    question = Question("mine", (HOG, COLOR))
    assert question.metric == "own"
    assert question.with_metric("l1").metric == "l1"
    mixed = Question("mine", (HOG, Recipe((Part("color", "l2"),))))
    assert mixed.metric == "mixed"


def test_arguments_hold_every_option_that_is_no_default():
    parts = (Part("hog", "l1", 2), Part("color", "l1", 0.5))
    singles = (Recipe(parts[:1]), Recipe(parts[1:]))
    question = Question("mine", (*singles, Recipe(parts, "zsum")), "rl", "faces").with_post("csls")
    args = question.to_args()
    assert args[:3] == ["mine", "--models", "hog,color"]
    assert dict(zip(args[3::2], args[4::2], strict=True)) == {
        "--combine": "zsum",
        "--weights": "2,0.5",
        "--metric": "l1",
        "--direction": "rl",
        "--post": "csls",
        "--subset": "faces",
    }
