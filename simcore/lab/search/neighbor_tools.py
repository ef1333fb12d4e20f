"""Features and coordinates of a collection as the files of other tools.

embedding-atlas   one .parquet: id, side, x, y, cluster, rank, faces, vector and a thumbnail
projector         a folder for TensorBoard's projector: vectors.tsv, metadata.tsv, sprite.png and
                  projector_config.pbtxt
clip-retrieval    a folder: img_emb/img_emb_0.npy beside metadata/metadata_0.parquet
fiftyone          a folder with samples.json, to be imported as a LegacyFiftyOneDataset

All have the fields of the collection's table.
"""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simcore import csv_text
from simcore.data import cache_dir
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.library import collections, features, fields
from simcore.lab.library.fields import Columns
from simcore.lab.search import maps
from simcore.lab.search.maps import Map
from simcore.recipe import Question
from simcore.types import Array, Monitor

MAX_SPRITE = 8192  # px; TensorBoard refuses larger pictures
MAX_TILE = 64  # px of one picture in the sprite


def export(
    name: str,
    backbone: str,
    target: Path,
    *,
    tool: str,
    method: str = "umap",
    monitor: Monitor = Monitor(),
) -> int:
    """Write the features of a collection's images for another tool; returns how many images.

    Args:
        name: a collection with features of the backbone.
        target: the file of embedding-atlas, the folder of the others.
        tool: one of `TOOLS`.
        method: how the coordinates of embedding-atlas are computed: "umap", "pca" or "tsne".

    Raises:
        UnknownNameError: no such collection, backbone, tool or method.
        BadDataError: not extracted yet, or several or no rows per image (faces).
        SimError: the disk is full or not writable. Stopped: the monitor asked to stop.
    """
    if tool not in TOOLS:
        raise unknown_name("format", tool, TOOLS)
    return TOOLS[tool](name, backbone, target, method, monitor)


def _vectors(name: str, backbone: str) -> Array:
    """(n, D) float32, the left side first, as the points of a map."""
    collection = collections.open_(name)
    sides = [collection.left, *([collection.right] if collection.right else [])]
    rows = [features.for_side(collection, side, backbone) for side in sides]
    if not all(each.single for each in rows):
        raise BadDataError(
            f"{backbone} has no or several rows for some images, which these files cannot hold."
        )
    return np.concatenate([each.values for each in rows]).astype(np.float32)


def _images(name: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Side, id, content key and path of every image, the left side first."""
    collection = collections.open_(name)
    sides: list[str] = []
    ids: list[str] = []
    keys: list[str] = []
    paths: list[str] = []
    for side, images in (("left", collection.left), ("right", collection.right)):
        if images is not None:
            sides += [side] * len(images)
            ids += images.ids
            keys += images.keys
            paths += map(str, images.paths)
    return sides, ids, keys, paths


def _embedding_atlas(name: str, backbone: str, target: Path, method: str, monitor: Monitor) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    if target.suffix != ".parquet":
        raise BadDataError(f"{target.name} must end in .parquet for Embedding Atlas.")
    vectors = _vectors(name, backbone)
    question = Question(name, tuple(recipes.parse([backbone])))
    points: Map = maps.make(question, maps.projection_settings(method), monitor=monitor)
    table = points.to_table()
    columns = dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))
    thumbnails = [{"bytes": collections.thumbnail(key).read_bytes()} for key in points.keys]
    arrays = {
        **{column: pa.array(cells) for column, cells in columns.items()},
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        "image": pa.array(thumbnails, pa.struct({"bytes": pa.binary()})),
    }
    with cache_dir.atomic_path(target) as draft:
        parquet.write_table(pa.table(arrays), draft)
    return len(vectors)


def _projector(name: str, backbone: str, target: Path, method: str, monitor: Monitor) -> int:
    vectors = _vectors(name, backbone)
    sides, ids, keys, _ = _images(name)
    own = _fields(name)
    rows = ["\t".join(f"{number:.7g}" for number in vector) for vector in vectors.tolist()]
    labels = [
        "\t".join(csv_text.neutralize(" ".join(str(cell).split())) for cell in cells)
        for cells in zip(ids, sides, *own.values(), strict=True)
    ]
    header = "\t".join(["id", "side", *(" ".join(name.split()) for name in own)])
    columns = math.ceil(math.sqrt(len(keys)))
    tile = max(min(MAX_TILE, MAX_SPRITE // columns), 1)
    config = (
        'embeddings {\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n'
        '  sprite {\n    image_path: "sprite.png"\n'
        f"    single_image_dim: {tile}\n    single_image_dim: {tile}\n  }}\n}}\n"
    )
    _write(target / "vectors.tsv", "".join(f"{row}\n" for row in rows).encode())
    _write(target / "metadata.tsv", "".join(f"{r}\n" for r in [header, *labels]).encode())
    _write(target / "sprite.png", _sprite(keys, columns, tile, monitor))
    _write(target / "projector_config.pbtxt", config.encode())
    return len(vectors)


def _sprite(keys: list[str], columns: int, tile: int, monitor: Monitor) -> bytes:
    """All thumbnails in one picture, row by row, as PNG."""
    from PIL import Image

    sheet = Image.new("RGB", (columns * tile, math.ceil(len(keys) / columns) * tile))
    for number, key in enumerate(keys):
        monitor.check()
        with Image.open(collections.thumbnail(key)) as thumbnail:
            picture = thumbnail.convert("RGB").resize((tile, tile))
        sheet.paste(picture, (number % columns * tile, number // columns * tile))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _clip_retrieval(name: str, backbone: str, target: Path, method: str, monitor: Monitor) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    vectors = _vectors(name, backbone)
    sides, ids, _, paths = _images(name)
    # clip-retrieval searches by the inner product, so lengths of 1 make it the cosine.
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.maximum(lengths, 1e-12)).astype(np.float16)
    out = io.BytesIO()
    np.save(out, unit, allow_pickle=False)
    _write(target / "img_emb" / "img_emb_0.npy", out.getvalue())
    sink = pa.BufferOutputStream()
    columns = _fields(name) | {"image_path": paths, "caption": ids, "side": sides}
    parquet.write_table(pa.table(columns), sink)
    _write(target / "metadata" / "metadata_0.parquet", sink.getvalue().to_pybytes())
    return len(vectors)


def _fiftyone(name: str, backbone: str, target: Path, method: str, monitor: Monitor) -> int:
    vectors = _vectors(name, backbone)
    sides, ids, _, paths = _images(name)
    question = Question(name, tuple(recipes.parse([backbone])))
    points = maps.make(question, maps.projection_settings(method), monitor=monitor)
    own = _fields(name)
    samples = []
    for row, (x, y) in enumerate(points.xy.tolist()):
        placed = math.isfinite(x)
        samples.append(
            {
                "filepath": paths[row],
                "tags": [sides[row]],
                "image_id": ids[row],
                # FiftyOne has fields of its own under these names.
                **{f"{key}_" if key in _RESERVED else key: own[key][row] for key in own},
                "x": x if placed else None,
                "y": y if placed else None,
                "cluster": int(points.cluster[row]) if placed else None,
                "embedding": vectors[row].tolist(),
            }
        )
    document = json.dumps({"samples": samples}, allow_nan=False)
    _write(target / "samples.json", document.encode())
    return len(vectors)


_RESERVED = frozenset(
    (
        *("id", "filepath", "tags", "metadata", "created_at", "last_modified_at"),
        *("image_id", "x", "y", "cluster", "embedding"),
    )
)


def _fields(name: str) -> Columns:
    """The fields of every image, the left side first."""
    collection = collections.open_(name)
    repeats = 1 if collection.right is None else 2
    return {key: fields.values(collection, key) * repeats for key in fields.names(name)}


def _write(path: Path, content: bytes) -> None:
    with cache_dir.disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    cache_dir.write_atomic(path, content)


TOOLS: dict[str, Callable[[str, str, Path, str, Monitor], int]] = {
    "embedding-atlas": _embedding_atlas,
    "projector": _projector,
    "clip-retrieval": _clip_retrieval,
    "fiftyone": _fiftyone,
}
