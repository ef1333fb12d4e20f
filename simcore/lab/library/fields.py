"""Fields of a collection's images or pairs: their values, and the rows that fit an expression."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcore import memory
from simcore.data.collections import collection_catalog
from simcore.data.collections import fields as data_fields
from simcore.data.collections.fields import Columns as Columns
from simcore.data.collections.fields import FieldValue
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.types import Array, Collection

if TYPE_CHECKING:
    import pyarrow as pa

NO_VALUE = "(none)"
OTHER = "(others)"


@dataclass(frozen=True, eq=False)
class Grouping:
    """Images or pairs grouped by the values of a field.

    Attributes:
        names: (g,) of the groups, largest first.
        group: (N,) group of each image or pair.
    """

    names: tuple[str, ...]
    group: Array


def names(name: str) -> tuple[str, ...]:
    """The fields of a collection, in the order of its table; none for most.

    Raises:
        UnknownNameError: no such collection.
    """
    return collections.summary(name).fields


def values(collection: Collection, field: str) -> list[FieldValue]:
    """The values of a field, one per image or pair of a collection or subset; None = no value.

    Raises:
        UnknownNameError: no such field. BadDataError: the collection has no fields.
    """
    column = data_fields.values(_table(collection.name), field)
    return [column[row] for row in _stored_rows(collection)]


def group(collection: Collection, field: str, limit: int = 50) -> Grouping:
    """Images or pairs grouped by a field; beyond `limit` groups, the smallest are one.

    Raises:
        UnknownNameError: no such field. BadDataError: the collection has no fields.
    """
    texts = [NO_VALUE if value is None else str(value) for value in values(collection, field)]
    frequent = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    labels = [text for text, _ in frequent]
    if len(labels) > limit:
        labels = [*labels[: limit - 1], OTHER]
    number_of = {text: number for number, text in enumerate(labels)}
    rest = len(labels) - 1
    return Grouping(tuple(labels), np.array([number_of.get(text, rest) for text in texts]))


def matching_rows(collection: Collection, where: str) -> Array:
    """The rows of a collection or subset whose fields fit an SQL expression, in order.

    Raises:
        BadDataError: no usable expression, or no fields. UnknownNameError: it names no field.
    """
    fitting = data_fields.matching_rows(_table(collection.name), where)
    selected: Array = np.flatnonzero(np.isin(_stored_rows(collection), fitting))
    return selected


def _table(name: str) -> "pa.Table":
    def read() -> "pa.Table | None":
        return data_fields.read(collection_catalog.FOLDERS.folder(name))

    table = memory.get(("fields", *collections.version(name)), read)
    if table is None:
        raise BadDataError(
            f"Collection {name!r} has no fields. Add it from a table that has other columns beside "
            "the images' paths."
        )
    return table


def _stored_rows(collection: Collection) -> Sequence[int]:
    """The rows of a collection or subset in the collection as it was added."""
    row_of = collections.open_as_added(collection.name).left.row_of
    return [row_of[name] for name in collection.left.ids]
