"""Features from and for other tools: import vectors as a backbone, export those of a backbone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import vector_files
from simcore.data.store.feature_store import FeatureStore
from simcore.data.vector_files import VectorTable, check_vectors
from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.models import imports
from simcore.models.extract import extraction
from simcore.models.imports import ImportedBackbone as ImportedBackbone
from simcore.results import Result
from simcore.types import Array, Collection, ImageSet, Metric

SIDES = ("left", "right")
NAMED = 10  # how many ids a message lists
CHUNK = 4096  # images that are written in one commit


@dataclass(frozen=True)
class ImportReport(Result):
    """What was imported.

    Attributes:
        backbone: its name, which is now one like all others.
        images: how many images have features now. dim: D.
        unused: ids that no image of the collection has.
    """

    backbone: str
    collection: str
    images: int
    dim: int
    metric: Metric
    unused: tuple[str, ...]


def import_features(
    name: str,
    backbone: str,
    *,
    left: Any = None,
    right: Any = None,
    both: Any = None,
    metric: str = "cosine",
    source: str = "",
) -> ImportReport:
    """Add vectors that were computed elsewhere as a backbone.

    Vectors of the same images replace earlier ones of that name; those of other images stay.

    Args:
        name: a collection.
        backbone: a new name, or that of features imported before.
        left, right: the vectors of each side: a file of `vector_files.KINDS`, a mapping id ->
            vector, a data frame whose index has the ids, or (N, D) numbers in the order of the
            collection's ids. A collection without mates has only a left side.
        both: instead of these, vectors of both sides with the ids left:ID and right:ID.
        metric: how they are compared by default, "cosine", "l2" or "l1".
        source: where they came from, for people; by default the file's name.

    Raises:
        BadDataError: an image has no vector, a vector is not finite, sizes differ, or the name is
            that of another backbone. UnknownNameError: no such collection or metric.
    """
    imports.check_name(backbone)
    own_metric = recipes.check_metric(metric) or "cosine"
    collection = collections.open_(name)
    given = _by_side(collection, left, right, both)
    keys, values, unused = _match(collection, given)
    # A damaged description is replaced; the vectors of other images are lost with it.
    previous = imports.read(backbone) if backbone in imports.names() else None
    if previous is not None and previous.dim != values.shape[1]:
        raise BadDataError(
            f"{backbone} has {previous.dim} dimensions, got {values.shape[1]}. Choose another "
            f"name, or remove it with `simcore features remove {backbone}`."
        )
    files = [value for value in (left, right, both) if isinstance(value, str | Path)]
    source = source or ", ".join(Path(file).name for file in files)
    _store(backbone, keys, values, own_metric, source, previous)
    return ImportReport(backbone, name, len(keys), values.shape[1], own_metric, tuple(unused))


def export_features(name: str, backbone: str, path: Path) -> int:
    """Write the features of a collection's images to a file; returns how many.

    The ids of pairs are left:ID and right:ID, as `import_features(both=...)` reads them.

    Raises:
        BadDataError: not extracted yet, several or no rows per image (faces), or an unknown
            ending. SimError: the disk is full.
    """
    collection = collections.open_(name)
    ids: list[str] = []
    blocks: list[Array] = []
    for side, images in zip(SIDES, _image_sets(collection), strict=False):
        rows = features.for_side(collection, images, backbone)
        if not rows.single:
            raise BadDataError(
                f"{backbone} has no or several rows for some images, which these files cannot hold."
            )
        ids += [f"{side}:{image}" if collection.right else image for image in images.ids]
        blocks.append(rows.values)
    vector_files.write(path, VectorTable(tuple(ids), np.concatenate(blocks)))
    return len(ids)


def remove(backbone: str) -> None:
    """Forget imported features, and delete them.

    Raises:
        UnknownNameError: none of that name were imported.
    """
    imports.remove(backbone)
    store = FeatureStore.shared()
    for size in store.sizes():
        if size.key.backbone == backbone:
            store.drop(size.key)


def listing() -> list[ImportedBackbone]:
    """All imported backbones."""
    return [imports.read(name) for name in imports.names()]


def _image_sets(collection: Collection) -> tuple[ImageSet, ...]:
    return (collection.left,) if collection.right is None else (collection.left, collection.right)


def _by_side(collection: Collection, left: Any, right: Any, both: Any) -> list[Any]:
    """The vectors of each side, as they were passed or split by the prefix of their ids."""
    sides = SIDES[: len(_image_sets(collection))]
    if both is not None:
        if left is not None or right is not None:
            raise BadDataError("Pass either vectors of both sides, or left and right.")
        table = _as_table(both, None, "The vectors")
        return [_with_prefix(table, f"{side}:") for side in sides] if len(sides) == 2 else [table]
    if left is None or (right is None) == (len(sides) == 2):
        raise BadDataError(
            f"Collection {collection.name!r} needs the vectors of its {' and '.join(sides)} "
            f"image{'s' if len(sides) == 1 else ' side'}."
        )
    return [left, right][: len(sides)]


def _with_prefix(table: VectorTable, prefix: str) -> VectorTable:
    rows = [row for row, name in enumerate(table.ids) if name.startswith(prefix)]
    if not rows:
        raise BadDataError(f"No id begins with {prefix!r}. Name the images left:ID and right:ID.")
    return VectorTable(
        tuple(table.ids[row].removeprefix(prefix) for row in rows), table.values[rows]
    )


def _as_table(vectors: Any, ids: Sequence[str] | None, name: str) -> VectorTable:
    """Vectors in any of the accepted forms; `ids` are those of vectors without their own."""
    if isinstance(vectors, VectorTable):
        return vectors
    if isinstance(vectors, str | Path):
        return vector_files.read(Path(vectors).expanduser())
    if isinstance(vectors, Mapping):
        return VectorTable(
            tuple(map(str, vectors)), check_vectors(np.stack(list(vectors.values())), name)
        )
    if hasattr(vectors, "to_numpy") and hasattr(vectors, "index"):  # a pandas DataFrame
        return VectorTable(tuple(map(str, vectors.index)), vectors.to_numpy())
    if hasattr(vectors, "detach"):  # a torch tensor
        vectors = vectors.detach().cpu().numpy()
    values = check_vectors(vectors, name)
    if ids is None:
        raise BadDataError(f"{name} need ids. Pass a file or a mapping from id to vector.")
    if len(values) != len(ids):
        raise BadDataError(
            f"{name} without ids must be one per image in the order of the collection: "
            f"{len(ids):,}, got {len(values):,}."
        )
    return VectorTable(tuple(ids), values)


def _match(collection: Collection, given: Sequence[Any]) -> tuple[list[str], Array, list[str]]:
    """Content keys, their vectors, and ids that no image has.

    Raises:
        BadDataError: an image has no vector, or two files with the same content differ.
    """
    rows: dict[str, Array] = {}
    unused: list[str] = []
    for side, images, vectors in zip(SIDES, _image_sets(collection), given, strict=False):
        table = _as_table(vectors, images.ids, f"The {side} vectors")
        values, absent = vector_files.select(table, images.ids)
        if absent:
            raise BadDataError(
                f"{len(absent):,} {side} images have no vector: {_some(absent)}. Compute them, or "
                "add a collection without these images."
            )
        known = set(images.ids)
        unused += [name for name in table.ids if name not in known]
        for key, name, row in zip(images.keys, images.ids, values, strict=True):
            if not np.allclose(rows.setdefault(key, row), row, rtol=1e-3, atol=1e-5):
                raise BadDataError(
                    f"The {side} image {name!r} is the same file as another one and has a "
                    "different vector. Features may depend on the image only."
                )
    widths = {len(row) for row in rows.values()}
    if len(widths) > 1:
        raise BadDataError(f"Vectors have different lengths: {_some(sorted(map(str, widths)))}.")
    return list(rows), np.stack(list(rows.values())), unused


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED:,} more"


def _store(
    backbone: str,
    keys: list[str],
    values: Array,
    metric: Metric,
    source: str,
    previous: ImportedBackbone | None,
) -> None:
    """Write a new state of the vectors, and make it current once it is complete."""
    content = hashlib.sha256("\n".join(keys).encode() + np.ascontiguousarray(values).tobytes())
    digest = imports.next_digest(previous.digest if previous else "", content.digest())
    current = ImportedBackbone(backbone, values.shape[1], metric, digest, source)
    store, key = FeatureStore.shared(), extraction.feature_key(current.spec, "fp32")
    store.drop(key)  # what an interrupted import may have left
    for start in range(0, len(keys), CHUNK):
        stop = start + CHUNK
        store.append(key, keys[start:stop], list(values[start:stop, None]))
    if previous is not None:
        old_key = extraction.feature_key(previous.spec, "fp32")
        others = [name for name in store.keys(old_key) if name not in set(keys)]
        for start in range(0, len(others), CHUNK):
            part = others[start : start + CHUNK]
            _, old_values = store.read(old_key, part)
            store.append(key, part, list(old_values[:, None]))
    imports.save(current)
    if previous is not None:
        store.drop(old_key)
