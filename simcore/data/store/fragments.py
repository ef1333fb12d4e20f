"""Rows written by many processes and made visible by one: Lance fragments and their commit.

A fragment is a file of rows that no reader sees yet. Its writer returns a short description; a
commit of any number of descriptions is one step, so that a crashed run leaves no partial results.
Lance's own cleanup removes files that were never committed (their writer was killed) after a
week: a younger one might be work in progress of another process.
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
from simcore.types import JSON, Array

_NOT_INSTALLED = 'Fragments need pylance. Run pip install -e ".[ray]".'


class Fragments:
    """Accepts rows as `FeatureStore.append` does, but does not make them visible.

    Attributes:
        written: table name -> descriptions of its fragments, in the order of writing.
    """

    def __init__(self, store: FeatureStore) -> None:
        self.store = store
        self.written: dict[str, list[str]] = {}

    def append(self, feature_key: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Write the rows of N images to fragments; arguments as for `FeatureStore.append`."""
        if not len(keys):
            return
        rows = to_arrow(feature_key.backbone, feature_key.dim, keys, values)
        write = _lance().fragment.write_fragments
        with self.store.failing(feature_key, "written"):
            fragments = write(
                rows,
                self.store.uri(feature_key),
                schema=schema(feature_key.dim),
                mode="append",
                storage_options=_options(self.store),
            )
        descriptions = self.written.setdefault(feature_key.table, [])
        descriptions.extend(_describe(fragment) for fragment in fragments)

    def compact(self, feature_key: FeatureKey) -> None:
        """Do nothing: fragments that are not committed cannot be joined."""


def commit(store: FeatureStore, feature_key: FeatureKey, fragments: Sequence[str]) -> None:
    """Make fragments of a table visible, all in one step.

    Args:
        fragments: their descriptions, without repeats; written for this table.

    Raises:
        BadDataError: a description is damaged, or the table is. SimError: the disk is full.
    """
    if not fragments:
        return
    lance = _lance()
    with store.failing(feature_key, "written"):
        files = [lance.FragmentMetadata.from_json(text) for text in fragments]
        options, uri = _options(store), store.uri(feature_key)
        version = lance.dataset(uri, storage_options=options).version
        append = lance.LanceOperation.Append(files)
        lance.LanceDataset.commit(uri, append, read_version=version, storage_options=options)


def delete(store: FeatureStore, feature_key: FeatureKey, fragments: Sequence[str]) -> None:
    """Remove the files of fragments that will not be committed."""
    for text in fragments:
        for file in _lance().FragmentMetadata.from_json(text).files:
            store.place.remove(f"{feature_key.table}.lance/data/{file.path}")


def check_installed() -> None:
    """Check that fragments can be written here.

    Raises:
        BadDataError: pylance is not installed.
    """
    if importlib.util.find_spec("lance") is None:  # not imported here, because Ray forks first
        raise BadDataError(_NOT_INSTALLED)


def _lance() -> Any:
    try:
        import lance
        import lance.fragment
    except ImportError as error:
        raise BadDataError(_NOT_INSTALLED) from error
    return lance


def _options(store: FeatureStore) -> JSON | None:
    return None if store.place.local else storage.options()


def _describe(fragment: Any) -> str:
    description = fragment.to_json()
    return description if isinstance(description, str) else json.dumps(description)
