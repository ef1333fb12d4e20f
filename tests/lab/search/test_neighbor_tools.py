"""Exports for other tools, opened by plain readers and compared with the stored features."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from simcore.__main__ import run
from simcore.lab.library import collections, features


@pytest.fixture
def stored(tiny):
    """(12, D) features of hog, the left side first, and the ids."""
    collection = collections.open_(tiny)
    sides = (collection.left, collection.right)
    values = [features.for_side(collection, side, "hog").values for side in sides]
    return np.concatenate(values), [name for side in sides for name in side.ids]


def export(capsys, tool, target, *options):
    capsys.readouterr()
    line = ["features", "export", "tiny", "hog", str(target), "--format", tool, *options, "--json"]
    assert run(line) == 0
    assert json.loads(capsys.readouterr().out)["result"]["images"] == 12


def test_embedding_atlas(stored, tmp_path, capsys):
    values, ids = stored
    target = tmp_path / "atlas.parquet"
    export(capsys, "embedding-atlas", target, "--method", "pca")
    rows = parquet.read_table(target).to_pylist()
    assert [row["id"] for row in rows] == ids
    assert [row["side"] for row in rows] == ["left"] * 6 + ["right"] * 6
    assert np.allclose([row["vector"] for row in rows], values)
    # PCA by hand: as far apart on the map as along the first two principal axes of unit vectors.
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    left, singular, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * singular[:2]
    points = np.array([[row["x"], row["y"]] for row in rows])
    assert np.allclose(np.abs(points), np.abs(expected), atol=1e-4)
    for row in rows:
        Image.open(io.BytesIO(row["image"]["bytes"])).verify()


def test_projector(stored, tmp_path, capsys):
    values, ids = stored
    export(capsys, "projector", tmp_path / "tb")
    assert np.allclose(np.loadtxt(tmp_path / "tb" / "vectors.tsv", delimiter="\t"), values)
    header, *labels = (tmp_path / "tb" / "metadata.tsv").read_text().splitlines()
    assert header == "id\tside"
    assert [label.split("\t")[0] for label in labels] == ids
    config = (tmp_path / "tb" / "projector_config.pbtxt").read_text()
    assert config.count("single_image_dim: 64") == 2
    sprite = Image.open(tmp_path / "tb" / "sprite.png")
    assert sprite.size == (4 * 64, 3 * 64)
    # The sixth picture is the second one of the second row.
    key = collections.open_("tiny").left.keys[5]
    tile = np.asarray(sprite.crop((64, 64, 128, 128)), int)
    expected = Image.open(collections.thumbnail(key)).convert("RGB").resize((64, 64))
    assert np.array_equal(tile, np.asarray(expected, int))


def test_clip_retrieval(stored, tmp_path, capsys):
    values, ids = stored
    export(capsys, "clip-retrieval", tmp_path / "clip")
    vectors = np.load(tmp_path / "clip" / "img_emb" / "img_emb_0.npy", allow_pickle=False)
    assert vectors.dtype == np.float16
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    assert np.allclose(vectors, unit, atol=1e-3)
    rows = parquet.read_table(tmp_path / "clip" / "metadata" / "metadata_0.parquet").to_pylist()
    assert [row["caption"] for row in rows] == ids
    for row in rows:
        with Image.open(row["image_path"]) as picture:
            picture.verify()


def test_wrong_formats_are_named(tiny, tmp_path, capsys):
    line = ["features", "export", tiny, "hog"]
    assert run([*line, str(tmp_path / "x"), "--format", "projektor"]) == 1
    assert "Did you mean projector" in capsys.readouterr().err
    assert run([*line, str(tmp_path / "x.csv"), "--format", "embedding-atlas"]) == 1
    assert ".parquet" in capsys.readouterr().err
