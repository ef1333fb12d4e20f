"""The table of a collection's images on disk, and what its content comes to."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import places
from simcore.data.collections.found import Row
from simcore.data.collections.reading import Seen
from simcore.types import Array, ImageSet


def digest(rows: Sequence[Row], seen: dict[Path, Seen]) -> str:
    """Changes with any id, any picture and their order; not with where the files lie."""
    told = hashlib.sha256()
    for row in rows:
        mate = None if row.mate is None else seen[row.mate].key
        line = [row.id, seen[row.path].key, row.mate_id, mate, row.votes]
        told.update(json.dumps(line).encode() + b"\n")
    return told.hexdigest()[:32]


def write(work: Path, rows: Sequence[Row], seen: dict[Path, Seen]) -> None:
    """The table of images; paths below the collection's own folder are kept relative to it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def column(path: Path) -> str:
        return str(path.relative_to(work)) if path.is_relative_to(work) else str(path)

    columns: dict[str, list[Any]] = {}
    for side in ("", "mate_") if rows[0].mate is not None else ("",):
        files = [row.mate if side and row.mate is not None else row.path for row in rows]
        columns[f"{side}id"] = [(row.mate_id if side else row.id) for row in rows]
        columns[f"{side}path"] = [column(path) for path in files]
        columns[f"{side}key"] = [seen[path].key for path in files]
        columns[f"{side}width"] = [seen[path].width for path in files]
        columns[f"{side}height"] = [seen[path].height for path in files]
    if rows[0].votes is not None:
        columns["wins"] = [row.votes[0] if row.votes else 0 for row in rows]
        columns["fails"] = [row.votes[1] if row.votes else 0 for row in rows]
    pq.write_table(pa.table(columns), work / "images.parquet")


def read(place: Path, told: dict[str, Any]) -> tuple[ImageSet, ImageSet | None, Array | None]:
    """Left side, right side or None, and votes (N, 2) or None.

    Args:
        told: the collection's summary.

    Raises:
        OSError, KeyError, ValueError, TypeError: the table is absent or not what `write` makes.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(place / "images.parquet").to_pydict()
    left = _side(table, "", place, told["trim"])
    right = _side(table, "mate_", place, told["trim"]) if told["paired"] else None
    votes = np.array([table["wins"], table["fails"]], np.int64).T if told["votes"] else None
    return left, right, votes


def _side(table: dict[str, list[Any]], side: str, place: Path, trim: int) -> ImageSet:
    paths = tuple(  # an absolute path stays itself, and so does an address
        Path(path) if places.remote(path) else place / path for path in table[f"{side}path"]
    )
    return ImageSet(tuple(table[f"{side}id"]), paths, tuple(table[f"{side}key"]), trim)
