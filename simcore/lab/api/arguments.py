"""What the functions of the Python API accept, and the value types that operations take.

Collections are given by name or as `add` and `open_collection` return them; a similarity by a
backbone's name or as a `Recipe`.
"""

from collections.abc import Sequence

from simcore.errors import BadDataError
from simcore.models import registry
from simcore.recipe import Part, Question, Recipe
from simcore.types import Collection, Direction

CollectionLike = Collection | str
RecipeLike = Recipe | str


def collection_name(collection: CollectionLike) -> str:
    """The name of a collection that is given by its name or as itself."""
    return collection if isinstance(collection, str) else collection.name


def as_recipe(recipe: RecipeLike) -> Recipe:
    """A recipe as it is; that of a single backbone for the backbone's name.

    Raises:
        UnknownNameError: no such backbone.
    """
    return recipe if isinstance(recipe, Recipe) else Recipe((Part(registry.get(recipe).name),))


def make_question(
    collection: CollectionLike,
    recipes: RecipeLike | Sequence[RecipeLike],
    direction: Direction,
    subset: str,
) -> Question:
    """The question that one or several backbones and recipes answer.

    Raises:
        BadDataError: no recipe is given.
        UnknownNameError: no such backbone.
    """
    several = [recipes] if isinstance(recipes, str | Recipe) else list(recipes)
    if not several:
        raise BadDataError("Name at least one backbone or recipe.")
    return Question(collection_name(collection), tuple(map(as_recipe, several)), direction, subset)
