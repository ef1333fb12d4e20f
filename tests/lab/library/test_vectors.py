"""Features that were computed elsewhere: recall, replacement, and everything that is refused."""

import numpy as np
import pandas as pd
import pytest

from simcore.__main__ import run
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, vectors
from simcore.recipe import Question


def draw_vectors(seed, n=6, dim=5):
    random = np.random.default_rng(seed)
    base = random.normal(size=(n, dim))
    return [(base + random.normal(size=base.shape)).astype(np.float32) for _ in range(2)]


def hits(name, *models, metric="own", combine="none"):
    question = Question(name, tuple(recipes.parse(models, combine, metric=metric)))
    return [row.hits(1) for row in recall.recall(question, ks=[1]).rows]


def numpy_hits(left, right):
    """Queries whose mate has strictly the highest cosine, without our code."""
    left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right))
    similarity = left @ right.T
    return int((np.argmax(similarity, axis=1) == np.arange(len(left))).sum())


def test_recall_of_imported_features_equals_numpy(tiny):
    for seed in range(5):
        left, right = draw_vectors(seed)
        report = vectors.import_features(tiny, "my-net", left=left, right=right)
        assert (report.images, report.dim) == (12, 5)
        assert hits(tiny, "my-net") == [numpy_hits(left, right)]
    assert "my-net" in collections.extracted_backbones(tiny)
    assert len(hits(tiny, "my-net", "hog", combine="zsum")) == 3


def test_vectors_are_matched_by_id_and_not_by_position(tiny):
    left, right = draw_vectors(0)
    ids = collections.open_(tiny).left.ids
    order = [3, 0, 5, 1, 2, 4]
    shuffled = pd.DataFrame(left[order], index=[ids[row] for row in order])
    mapping = {ids[row]: right[row] for row in reversed(range(6))} | {"zzz": right[0]}
    report = vectors.import_features(tiny, "my-net", left=shuffled, right=mapping)
    assert report.unused == ("zzz",)
    assert hits(tiny, "my-net") == [numpy_hits(left, right)]


def test_vectors_of_another_collection_are_added_and_old_ones_replaced(tiny, hard_folder):
    collections.add("pairs", hard_folder, name="hard")
    first, second, third = (draw_vectors(seed) for seed in range(3))
    vectors.import_features(tiny, "my-net", left=first[0], right=first[1])
    vectors.import_features("hard", "my-net", left=second[0], right=second[1])
    # The left pictures of both collections are the same files; their vectors are the newer ones.
    assert hits(tiny, "my-net") == [numpy_hits(second[0], first[1])]
    vectors.import_features(tiny, "my-net", left=third[0], right=third[1])
    assert hits(tiny, "my-net") == [numpy_hits(third[0], third[1])]
    assert hits("hard", "my-net") == [numpy_hits(third[0], second[1])]


@pytest.mark.parametrize("ending", ["npz", "npy", "parquet", "csv"])
def test_exported_features_are_imported_again(tiny, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert vectors.export_features(tiny, "hog", path) == 12
    vectors.import_features(tiny, "hog-copy", both=path)
    collection = collections.open_(tiny)
    for side in (collection.left, collection.right):
        original, copy = (features.for_side(collection, side, b) for b in ("hog", "hog-copy"))
        np.testing.assert_array_equal(copy.values, original.values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backbone": "hog"}, "Choose another name"),
        ({"backbone": "a/b"}, "not a valid name"),
        ({"left": np.zeros((5, 5))}, "6, got 5"),
        ({"right": None}, "left and right"),
        ({"left": {"a": np.ones(5)}}, "5 left images have no vector: b, c"),
        ({"left": np.ones((6, 4))}, "different lengths"),
        ({"both": {"left:a": np.ones(5)}}, "either"),
        ({"left": None, "right": None, "both": {"a": np.ones(5)}}, "left:ID"),
        ({"left": np.full((6, 5), np.inf)}, "finite"),
    ],
)
def test_what_is_refused_changes_nothing(tiny, change, reason):
    left, right = draw_vectors(0)
    arguments = {"backbone": "my-net", "left": left, "right": right} | change
    with pytest.raises(BadDataError, match=reason):
        vectors.import_features(tiny, **arguments)
    assert vectors.listing() == []


def test_another_width_needs_another_name(tiny):
    left, right = draw_vectors(0)
    vectors.import_features(tiny, "my-net", left=left, right=right)
    with pytest.raises(BadDataError, match="has 5 dimensions, got 4"):
        vectors.import_features(tiny, "my-net", left=left[:, :4], right=right[:, :4])


def test_the_same_picture_may_not_have_two_vectors(tmp_path, pairs_folder):
    (pairs_folder / "right" / "a.png").write_bytes((pairs_folder / "left" / "a.png").read_bytes())
    collections.add("pairs", pairs_folder, name="same")
    left, right = draw_vectors(0)
    with pytest.raises(BadDataError, match="same file"):
        vectors.import_features("same", "my-net", left=left, right=right)


def test_imported_features_cannot_be_computed_for_other_images(tiny, capsys):
    left, right = draw_vectors(0)
    vectors.import_features(tiny, "my-net", left=left, right=right)
    image = features.decode(collections.open_(tiny).left.paths[0].read_bytes())
    with pytest.raises(BadDataError, match="imported features only"):
        features.embed_upload(image, "my-net")


def test_by_command(tiny, tmp_path, capsys):
    left, right = draw_vectors(0)
    ids = collections.open_(tiny).left.ids
    for name, side in (("left", left), ("right", right)):
        np.savez(tmp_path / f"{name}.npz", ids=np.array(ids), values=side)
    files = ["--left", str(tmp_path / "left.npz"), "--right", str(tmp_path / "right.npz")]
    assert run(["features", "import", tiny, "--backbone", "my-net", *files]) == 0
    assert hits(tiny, "my-net") == [numpy_hits(left, right)]
    assert run(["features", "export", tiny, "my-net", str(tmp_path / "all.csv")]) == 0
    assert run(["features", "list"]) == 0
    assert "left.npz, right.npz" in capsys.readouterr().out
    assert run(["features", "remove", "my-net"]) == 0
    with pytest.raises(UnknownNameError):
        hits(tiny, "my-net")
    assert "my-net" not in collections.extracted_backbones(tiny)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 3}', b"\0" * 200])
def test_a_damaged_description_stops_nothing_else(tiny, cache, content, capsys):
    left, right = draw_vectors(0)
    vectors.import_features(tiny, "my-net", left=left, right=right)
    (cache / "imported" / "my-net.json").write_bytes(content)
    for line in (
        ["features", "list"],
        ["models", "list"],
        ["collections", "list"],
        ["evaluate", "recall", tiny, "--models=hog"],
    ):
        assert run(line) == 0, line
    assert run(["evaluate", "recall", tiny, "--models=my-net"]) == 1
    assert "Import the features of my-net again" in capsys.readouterr().err
    assert run(["doctor"]) == 1
    assert "imported backbone my-net is damaged" in capsys.readouterr().err
    vectors.import_features(tiny, "my-net", left=left, right=right)
    assert hits(tiny, "my-net") == [numpy_hits(left, right)]
    (cache / "imported" / "my-net.json").write_bytes(content)
    assert run(["features", "remove", "my-net"]) == 0
    assert not (cache / "imported" / "my-net.json").exists()
