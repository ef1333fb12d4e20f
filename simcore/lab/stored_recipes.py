"""Recipes under a name: those that were learned here, and `best-offline`, which comes with simcore.

A learned recipe has weights and gates that nobody would type in. Stored under a name it can be
chosen wherever a combination can.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from simcore.data import cache_dir, named_folders, state_files
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.models import registry
from simcore.recipe import Combination, Gate, Part, Recipe
from simcore.results import Result, Table, TableResult
from simcore.types import JSON, Labels

PACKAGED = Path(__file__).with_name("packaged_recipes")  # <name>.json
ENDING = ".json"
FORMAT = 1
MAX_PARTS = 64


def names() -> list[str]:
    """The names of all stored recipes: those of the package first."""
    packaged = sorted(path.stem for path in PACKAGED.glob(f"*{ENDING}"))
    own = sorted(
        path.stem
        for path in (cache_dir.root() / "recipes").glob(f"*{ENDING}")
        if named_folders.is_name(path.stem)
    )
    return list(dict.fromkeys([*packaged, *own]))


def descriptions() -> Labels:
    """The stored recipes that can be read, with the note that says where each comes from."""
    labels = {}
    for name in names():
        document = state_files.read_json(_path(name), _checked)
        if document is not None:
            labels[name] = str(document["note"])
    return labels


@dataclass(frozen=True)
class StoredRecipe(Result):
    """A stored recipe: its label, and the note that says where it comes from."""

    name: str
    recipe: str
    note: str


@dataclass(frozen=True)
class StoredRecipes(TableResult):
    """All stored recipes that can be read."""

    recipes: tuple[StoredRecipe, ...]

    def to_table(self) -> Table:
        """One row per recipe."""
        rows = tuple((stored.name, stored.note, stored.recipe) for stored in self.recipes)
        return Table(("name", "from", "recipe"), rows)


def listing() -> StoredRecipes:
    """Every stored recipe that can be read.

    Raises:
        DamagedFileError: one cannot.
    """
    notes = descriptions()
    return StoredRecipes(tuple(StoredRecipe(n, open_(n).label, notes[n]) for n in notes))


def open_(name: str) -> Recipe:
    """A stored recipe.

    Raises:
        UnknownNameError: there is none of this name, or it needs a backbone that does not exist.
        DamagedFileError: its file cannot be read.
    """
    if name not in names():
        raise unknown_name("recipe", name, names())
    document = state_files.read_json(_path(name), _checked)
    if document is None:  # removed by another process
        raise unknown_name("recipe", name, names())
    recipe = replace(_recipe(document), name=name)
    for backbone in recipe.backbones:
        registry.get(backbone)  # raises for a backbone that does not exist
    return recipe


def save(recipe: Recipe, name: str, note: str = "") -> Recipe:
    """Store a recipe; it replaces a stored one of the same name.

    Args:
        note: a sentence that says where it comes from.

    Returns:
        The recipe under its name.

    Raises:
        BadDataError: the name is not valid, or one of those that come with simcore.
    """
    named_folders.check_name(name)
    if (PACKAGED / f"{name}{ENDING}").is_file():
        raise BadDataError(f"{name} comes with simcore. Choose another name.")
    path = cache_dir.subfolder("recipes") / f"{name}{ENDING}"
    state_files.write_json(path, to_document(recipe, note), indent=1)
    return replace(recipe, name=name)


def remove(name: str) -> None:
    """Delete a recipe that was learned here.

    Raises:
        UnknownNameError: there is none of this name. BadDataError: it comes with simcore.
    """
    if name not in names():
        raise unknown_name("recipe", name, names())
    if (PACKAGED / f"{name}{ENDING}").is_file():
        raise BadDataError(f"{name} comes with simcore and cannot be removed.")
    _path(name).unlink(missing_ok=True)


def with_parts(name: str) -> list[Recipe]:
    """A recipe for each backbone of a stored one, and the stored one last, as `recipes.parse`."""
    recipe = open_(name)
    singles = [
        Recipe((replace(part, weight=1.0),), post=recipe.post, missing=recipe.missing)
        for part in recipe.parts
    ]
    return [*singles, recipe]


def to_document(recipe: Recipe, note: str = "") -> JSON:
    """A recipe as JSON."""
    return {
        "format": FORMAT,
        "note": note,
        "parts": [
            {"backbone": part.backbone, "metric": part.metric, "weight": part.weight}
            for part in recipe.parts
        ],
        "combine": recipe.combine,
        "post": recipe.post,
        "missing": recipe.missing,
        "gates": [{"cue": gate.cue, "changes": list(gate.changes)} for gate in recipe.gates],
        "pair_function": recipe.pair_function,
    }


def _path(name: str) -> Path:
    packaged = PACKAGED / f"{name}{ENDING}"
    return packaged if packaged.is_file() else cache_dir.root() / "recipes" / f"{name}{ENDING}"


def _checked(document: JSON) -> JSON:
    """The document, if it describes a recipe."""
    if document["format"] != FORMAT:
        raise BadDataError(
            f"The recipe has format {str(document['format'])[:20]}, but this version of simcore "
            f"reads {FORMAT}. Update simcore."
        )
    _recipe(document)
    return dict(document)


def _recipe(document: JSON) -> Recipe:
    if not 1 <= len(document["parts"]) <= MAX_PARTS:
        raise ValueError(f"it has {len(document['parts'])} parts")
    if document["combine"] not in get_args(Combination):
        raise ValueError("it has an unknown combination")
    parts = tuple(
        Part(
            str(part["backbone"]),
            recipes.check_metric(part["metric"] or recipes.OWN),
            float(part["weight"]),
        )
        for part in document["parts"]
    )
    gates = tuple(
        Gate(gate["cue"], tuple(float(change) for change in gate["changes"]))
        for gate in document["gates"]
    )
    return Recipe(
        parts,
        document["combine"],
        recipes.check_post_processing(document["post"]),
        recipes.check_missing(document["missing"]),
        gates,
        recipes.check_pair_function(document["pair_function"]),
    )
