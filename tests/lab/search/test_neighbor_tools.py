"""Exports for other tools, opened by plain readers and compared with the stored features."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from simcore.__main__ import run
from simcore.lab.library import collections, extraction, features, fields


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


@pytest.fixture
def with_fields(pairs_folder):
    rows = [f"left/{n}.png,right/{n}.png,{n.upper()},{k}" for k, n in enumerate("abcdef")]
    (pairs_folder / "pairs.csv").write_text("\n".join(["left,right,category,id", *rows]))
    collections.add("pairs", pairs_folder / "pairs.csv", name="tiny")
    extraction.extract("tiny", ["hog"])
    return list("ABCDEF") * 2


def test_fields_are_in_the_files_of_every_tool(with_fields, tmp_path, capsys):
    export(capsys, "embedding-atlas", tmp_path / "atlas.parquet", "--method", "pca")
    atlas = parquet.read_table(tmp_path / "atlas.parquet")
    assert atlas["category"].to_pylist() == with_fields
    assert atlas["id (field)"].to_pylist() == [0, 1, 2, 3, 4, 5] * 2
    export(capsys, "projector", tmp_path / "tb")
    header, first, *_ = (tmp_path / "tb" / "metadata.tsv").read_text().splitlines()
    assert (header, first) == ("id\tside\tcategory\tid", "a\tleft\tA\t0")
    export(capsys, "clip-retrieval", tmp_path / "clip")
    table = parquet.read_table(tmp_path / "clip" / "metadata" / "metadata_0.parquet")
    assert table["category"].to_pylist() == with_fields


def test_an_export_for_fiftyone_comes_back_with_its_fields(with_fields, tmp_path, capsys):
    export(capsys, "fiftyone", tmp_path / "fo", "--method", "pca")
    samples = json.loads((tmp_path / "fo" / "samples.json").read_text())["samples"]
    values = features.for_side(*_left("tiny"), "hog").values
    assert np.allclose([sample["embedding"] for sample in samples[:6]], values)
    assert [sample["category"] for sample in samples] == with_fields
    assert [sample["tags"] for sample in samples] == [["left"]] * 6 + [["right"]] * 6
    assert samples[1]["id_"] == 1
    back = collections.add("images", tmp_path / "fo", name="back")
    assert len(back.left) == 12
    assert fields.values(back, "category") == with_fields
    assert fields.values(back, "tags") == ["left"] * 6 + ["right"] * 6


def _left(name):
    collection = collections.open_(name)
    return collection, collection.left


@pytest.mark.slow
def test_fiftyone_itself_imports_the_export(with_fields, tmp_path, capsys):
    fiftyone = pytest.importorskip("fiftyone")
    export(capsys, "fiftyone", tmp_path / "fo", "--method", "pca")
    dataset = fiftyone.Dataset.from_dir(
        dataset_dir=str(tmp_path / "fo"), dataset_type=fiftyone.types.LegacyFiftyOneDataset
    )
    try:
        assert dataset.values("category") == with_fields
        assert len(dataset.first()["embedding"]) == len(_hog_row())
    finally:
        dataset.delete()


def _hog_row():
    return features.for_side(*_left("tiny"), "hog").values[0]


@pytest.mark.slow
def test_hugging_face_datasets_reads_the_same_folder(tmp_path, draw):
    datasets = pytest.importorskip("datasets")
    lines = []
    for seed, label in enumerate(("cat", "dog", "cat")):
        draw(seed, 20, 20).save(tmp_path / f"{seed}.png")
        lines.append(json.dumps({"file_name": f"{seed}.png", "label": label}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    rows = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    added = collections.add("images", tmp_path, name="hf")
    assert fields.values(added, "label") == list(rows["label"])
