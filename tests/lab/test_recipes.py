"""Recipes from names: each part's metric is filled in before anything is computed."""

from simcore.lab import recipes
from simcore.models import registry
from simcore.recipe import Part, Recipe


def test_resolve_fills_in_the_metric_of_each_backbone():
    recipe = Recipe((Part("hog"), Part("face", weight=0.5), Part("color", "l1")), "zsum", "csls")
    resolved = recipes.resolve(recipe)
    assert [part.metric for part in resolved.parts] == [
        registry.get("hog").metric,
        registry.get("face").metric,
        "l1",
    ]
    assert [part.weight for part in resolved.parts] == [1, 0.5, 1]
    assert (resolved.combine, resolved.post) == ("zsum", "csls")
    assert recipes.resolve(resolved) == resolved
