"""Rows written by many processes, and made visible by one: Lance fragments and their commit.

A fragment is a file of rows that no reader sees yet. Whoever wrote it passes on a few lines that
describe it; a commit of any number of them is one step, so that a run that dies leaves nothing
half there. A file that is never committed (its writer was killed) is removed by Lance's own
cleaning when it is a week old: a younger one might be another process's work in progress.
"""

import importlib.util
import json
from collections.abc import Sequence
from typing import Any

from simcore.data import storage
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_rows import schema, to_arrow
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.types import Array

_ABSENT = 'found no pylance; expected it for fragments; run pip install -e ".[ray]"'


class Fragments:
    """Takes rows as `Store.append` does, but keeps them unseen.

    Attributes:
        made: table name -> descriptions of its fragments, in the order written.
    """

    def __init__(self, store: FeatureStore) -> None:
        self.store = store
        self.made: dict[str, list[str]] = {}

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Writes the rows of N images into fragments; arguments and errors as `Store.append`."""
        if not len(keys):
            return
        rows = to_arrow(slot.backbone, slot.dim, keys, values)
        write = _lance().fragment.write_fragments
        with self.store.failing(slot, "written"):
            made = write(
                rows,
                self.store.uri(slot),
                schema=schema(slot.dim),
                mode="append",
                storage_options=_options(self.store),
            )
        self.made.setdefault(slot.table, []).extend(_dumped(one) for one in made)

    def compact(self, slot: FeatureKey) -> None:
        """Nothing: what is not visible yet cannot be joined."""


def commit(store: FeatureStore, slot: FeatureKey, fragments: Sequence[str]) -> None:
    """Makes fragments of a table visible, all in one step.

    Args:
        fragments: their descriptions, each once; written for this table.

    Raises:
        BadDataError: a description is damaged, or the table is. SimError: the disk is full.
    """
    if not fragments:
        return
    lance = _lance()
    with store.failing(slot, "written"):
        found = [lance.FragmentMetadata.from_json(one) for one in fragments]
        options, place = _options(store), store.uri(slot)
        version = lance.dataset(place, storage_options=options).version
        append = lance.LanceOperation.Append(found)
        lance.LanceDataset.commit(place, append, read_version=version, storage_options=options)


def delete(store: FeatureStore, slot: FeatureKey, fragments: Sequence[str]) -> None:
    """Removes the files of fragments that will not be committed."""
    for one in fragments:
        found = _lance().FragmentMetadata.from_json(one)
        for file in found.files:
            store.place.remove(f"{slot.table}.lance/data/{file.path}")


def ready() -> None:
    """Whether fragments can be written here.

    Raises:
        BadDataError: pylance is not installed.
    """
    if importlib.util.find_spec("lance") is None:  # found, not imported: Ray forks before it
        raise BadDataError(_ABSENT)


def _lance() -> Any:
    try:
        import lance
        import lance.fragment
    except ImportError as error:
        raise BadDataError(_ABSENT) from error
    return lance


def _options(store: FeatureStore) -> dict[str, str] | None:
    return None if store.place.local else storage.options()


def _dumped(fragment: Any) -> str:
    told = fragment.to_json()
    return told if isinstance(told, str) else json.dumps(told)
