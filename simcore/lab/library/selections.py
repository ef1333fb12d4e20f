"""Named selections: pairs that somebody picked on a map, as a subset `selection:NAME`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, named_folders, state_files
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import collections
from simcore.types import Array, Collection, Labels

PREFIX = "selection:"
Selections = dict[str, list[str]]  # name -> ids of left images
MAX_SELECTIONS = 64  # per collection


def save(name: str, label: str, ids: Sequence[str]) -> str:
    """Store the pairs with some left images under a name; replaces a selection of that name.

    Args:
        label: lowercase letters, digits, dots, dashes and underscores.
        ids: of left images.

    Returns:
        the name of the subset.

    Raises:
        BadDataError: a name that is not valid, no pair, or too many selections.
        UnknownNameError: no such collection or image.
    """
    named_folders.check_name(label)
    collection = collections.open_(name)
    collection.pairs()  # raises for a collection without mates
    for image in ids:
        if image not in collection.left.row_of:
            raise unknown_name(f"image in {name!r}", image, collection.left.ids)
    if not ids:
        raise BadDataError("The selection contains no pair. Select points first.")
    stored = _read(name)
    if label not in stored and len(stored) >= MAX_SELECTIONS:
        raise BadDataError(f"{name} has {MAX_SELECTIONS} selections already. Remove one first.")
    rows = sorted({collection.left.row_of[image] for image in ids})
    stored[label] = [collection.left.ids[row] for row in rows]
    state_files.write_json(_file(name), stored)
    return PREFIX + label


def remove(name: str, subset: str) -> None:
    """Forget a selection.

    Raises:
        UnknownNameError: no such selection.
    """
    stored = _read(name)
    ids_of(name, subset)
    del stored[subset.removeprefix(PREFIX)]
    state_files.write_json(_file(name), stored)


def subsets(name: str) -> Labels:
    """The selections of a collection as subsets, with descriptions."""
    return {
        PREFIX + label: f"{len(ids):,} pairs, selected on the map"
        for label, ids in sorted(_read(name).items())
    }


def ids_of(name: str, subset: str) -> tuple[str, ...]:
    """The left images of a selection.

    Raises:
        UnknownNameError: no such selection.
    """
    stored = _read(name)
    label = subset.removeprefix(PREFIX)
    if label not in stored:
        raise unknown_name(f"selection of {name!r}", label, sorted(stored))
    return tuple(stored[label])


def rows(collection: Collection, subset: str) -> Array:
    """Rows of a selection's pairs, without pairs that the collection no longer has."""
    row_of = collection.left.row_of
    ids = ids_of(collection.name, subset)
    return np.array(sorted(row_of[image] for image in ids if image in row_of), np.int64)


def _read(name: str) -> Selections:
    def parse(document: Selections) -> Selections:
        return {str(label): [str(image) for image in ids] for label, ids in document.items()}

    return state_files.read_json(_file(name), parse) or {}


def _file(name: str) -> Path:
    return cache_dir.root() / "collections" / name / "selections.json"
