"""Recipes under a name: what is stored is what is read, and what cannot be read is refused."""

import json

import pytest

from simcore.data import cache_dir
from simcore.errors import BadDataError, DamagedFileError, UnknownNameError
from simcore.lab import stored_recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction
from simcore.recipe import Gate, Part, Question, Recipe

PARTS = (Part("hog", "l2", 0.25), Part("face"))
RECIPES = [
    Recipe((Part("hog"),)),
    Recipe(PARTS, "zsum", "center+csls", "worst"),
    Recipe(PARTS, "gated", gates=(Gate("face", (0.5, -0.25)), Gate("bars", (0.0, 1.0)))),
    Recipe(PARTS, "rerank", gates=(Gate("face", (0.5, 0.0)),), pair_function="mirror"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.combine)
def test_what_is_stored_is_what_is_read(recipe):
    stored_recipes.save(recipe, "mine", "From a test.")
    read = stored_recipes.open_("mine")
    assert read == recipe
    assert (read.name, read.title) == ("mine", "mine")
    assert stored_recipes.names() == sorted([*stored_recipes.names()])
    assert stored_recipes.descriptions()["mine"] == "From a test."
    *singles, last = stored_recipes.with_parts("mine")
    assert last == recipe
    assert [single.backbones for single in singles] == [(p.backbone,) for p in recipe.parts]
    stored_recipes.remove("mine")
    with pytest.raises(UnknownNameError, match="mine"):
        stored_recipes.open_("mine")


def test_the_packaged_recipe_is_readable_and_stays():
    recipe = stored_recipes.open_("best-offline")
    assert len(recipe.parts) > 2
    assert "tll-sample" in stored_recipes.descriptions()["best-offline"]
    for change in (
        lambda: stored_recipes.save(RECIPES[0], "best-offline"),
        lambda: stored_recipes.remove("best-offline"),
    ):
        with pytest.raises(BadDataError, match="comes with simcore"):
            change()


@pytest.mark.parametrize(
    "change",
    [
        {"parts": []},
        {"parts": [{"backbone": "hog"}]},
        {"combine": "vote"},
        {"parts": [{"backbone": "hog", "metric": None, "weight": float("nan")}]},
        {"gates": [{"cue": "smile", "changes": [1, 1]}]},
        {"gates": [{"cue": "face", "changes": [1]}]},
        {"pair_function": "telepathy"},
        {"post": "pray"},
        {"format": 99},
    ],
)
def test_files_from_elsewhere_are_checked(change):
    stored_recipes.save(RECIPES[3], "mine")
    path = cache_dir.root() / "recipes" / "mine.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises((BadDataError, DamagedFileError, UnknownNameError)):
        stored_recipes.open_("mine")


def test_names_and_damage():
    with pytest.raises(BadDataError, match="valid name"):
        stored_recipes.save(RECIPES[0], "../evil")
    stored_recipes.save(RECIPES[0], "mine")
    (cache_dir.root() / "recipes" / "mine.json").write_bytes(b"{")
    with pytest.raises(DamagedFileError, match="damaged"):
        stored_recipes.open_("mine")
    stored_recipes.save(Recipe((Part("no-such-net"),)), "other")
    with pytest.raises(UnknownNameError, match="no-such-net"):
        stored_recipes.open_("other")


def test_a_stored_recipe_is_evaluated_with_its_backbones_and_cues(tiny):
    parts = (Part("hog", weight=1.0), Part("color", weight=0.5))
    recipe = Recipe(parts, "gated", gates=(Gate("drawing", (0.0, 1.0)),))
    stored_recipes.save(recipe, "mine")
    recipe = stored_recipes.open_("mine")
    assert recipe.backbones == ("hog", "color", "cues")
    question = Question(tiny, tuple(stored_recipes.with_parts("mine")))
    with pytest.raises(BadDataError, match="extract tiny --models cues"):
        recall.recall(question)
    extraction.extract(tiny, ["cues"])
    table = recall.recall(question)
    assert table.rows[-1].recipe == recipe
    assert question.to_args() == [tiny, "--recipe", "mine"]
    assert collections.open_(tiny).name == tiny
