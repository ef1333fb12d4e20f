"""Two tables on disk, images and trials, and back."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.trials.found import WIDTH, Found, Shape
from simcore.data.trials.nouns import OddOnes, SamePairs, Triplets
from simcore.types import Array, ImageSet


def write(place: Path, found: Found, keys: tuple[str, ...]) -> None:
    """Writes both; paths below `place` are kept relative to it.

    Args:
        keys: (N,) content keys of `found.ids`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [str(p.relative_to(place)) if p.is_relative_to(place) else str(p) for p in found.paths]
    images = {"id": list(found.ids), "path": paths, "key": list(keys)}
    pq.write_table(pa.table(images), place / "images.parquet")
    columns: dict[str, Any] = {f"item{k}": column for k, column in enumerate(found.items.T)}
    columns |= {f"other{k}": column for k, column in enumerate(found.others.T)}
    columns |= {"vote": found.vote, "votes_n": found.votes_n, "group": list(found.group)}
    pq.write_table(pa.table(columns), place / "trials.parquet")


def read(
    place: Path, shape: Shape, others: int, trim: int = 0
) -> tuple[Triplets | SamePairs | OddOnes, Array | None]:
    """Trials as a noun, and (T, others) further images or None.

    Raises:
        OSError, KeyError, ValueError, TypeError: a table is absent or not what `write` makes.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(place / "trials.parquet").to_pydict()
    shown = pq.read_table(place / "images.parquet").to_pydict()
    paths = tuple(place / p for p in shown["path"])  # an absolute path stays itself
    images = ImageSet(tuple(shown["id"]), paths, tuple(shown["key"]), trim)
    item = [np.array(rows[f"item{k}"], np.int64) for k in range(WIDTH[shape])]
    vote, group = np.array(rows["vote"], np.float64), tuple(rows["group"])
    counts = np.array(rows["votes_n"], np.int64)
    more = [np.array(rows[f"other{k}"], np.int64) for k in range(others)]
    further = np.stack(more, axis=1) if more else None
    if shape == "triplets":
        return Triplets(images, item[0], item[1], item[2], vote, group, counts), further
    if shape == "same":
        return SamePairs(images, item[0], item[1], vote, group, counts), further
    return OddOnes(images, np.stack(item, axis=1), group), further


def digest(found: Found, keys: tuple[str, ...]) -> str:
    """Changes with any picture, trial, vote and their order; not with where the files lie."""
    told = hashlib.sha256(json.dumps([list(keys), list(found.group), found.shape]).encode())
    for values in (found.items, found.others, found.vote, found.votes_n):
        told.update(np.ascontiguousarray(values).tobytes())
    return told.hexdigest()[:32]
