"""Backbones on pictures without borders: keys of their own, the same features as the inner part."""

import numpy as np
import pytest

from simcore.data.store.feature_key import FeatureKey
from simcore.errors import BadDataError
from simcore.lab.library import collections, extraction, features
from simcore.models import forward, registry
from simcore.models.extract import extraction as models_extraction
from simcore.sim import metrics
from simcore.types import Features, Preprocessing


def tiles(seed):
    """120 x 120 px of colored tiles."""
    colors = np.random.default_rng(seed).integers(30, 220, (6, 6, 3), dtype=np.uint8)
    return np.kron(colors, np.ones((20, 20, 1), np.uint8))


def boxed(image):
    return np.pad(image, ((40, 40), (0, 0), (0, 0)))


@pytest.fixture
def image():
    return tiles(5)


def embed(name, image):
    (rows,) = forward.embed_images([image], registry.get(name), "cpu", "fp32")
    return rows


@pytest.mark.parametrize("name", ["hog", "color"])
def test_bars_change_nothing_without_borders(name, image):
    cropped = f"borderless:{name}"
    assert np.array_equal(embed(cropped, boxed(image)), embed(name, image))
    assert np.array_equal(embed(cropped, image), embed(name, image))
    assert not np.array_equal(embed(name, boxed(image)), embed(name, image))


def test_the_better_of_both_counts(image):
    rows = embed("anyborder:hog", boxed(image))
    expected = [embed("hog", boxed(image))[0], embed("hog", image)[0]]
    assert np.array_equal(rows, expected)
    assert len(embed("anyborder:hog", image)) == 1  # no borders: nothing to choose from


def test_one_color_is_no_border_and_equal_pictures_tie(image):
    """Laws of a similarity that has one row or two: constants, ties."""
    black = np.zeros((60, 60, 3), np.uint8)
    assert len(embed("anyborder:hog", black)) == 1
    assert np.array_equal(embed("borderless:color", black), embed("color", black))
    pictures = [image, boxed(image), boxed(image), tiles(7), black]
    rows = [embed("anyborder:hog", picture) for picture in pictures]
    index = np.repeat(np.arange(5), [len(row) for row in rows])
    both = Features("anyborder:hog", index, np.concatenate(rows), 5)
    scores = metrics.pairwise(both, both, "cosine")
    assert (scores[:, 1] == scores[:, 2]).all()
    assert np.allclose(scores[0, :3], 1), "the same picture, with bars or without"
    assert scores[0, 3] < 1


def test_stored_features_are_those_of_an_upload_and_the_best_pair_counts(tmp_path, image):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = {"a": image, "b": boxed(image), "c": tiles(6)}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    collections.add("images", folder, name="mine")
    extraction.extract("mine", ["anyborder:hog", "borderless:hog", "hog"])
    collection = collections.open_("mine")
    either, whole, inside = (
        features.for_side(collection, collection.left, name)
        for name in ("anyborder:hog", "hog", "borderless:hog")
    )
    assert either.index.tolist() == [0, 1, 1, 2]
    for row, name in enumerate(pictures):
        assert np.allclose(
            either.values[either.index == row], embed("anyborder:hog", pictures[name]), atol=1e-6
        )
    best = metrics.pairwise(either, either, "cosine")
    for side in (whole, inside):
        assert (best >= metrics.pairwise(side, side, "cosine") - 1e-6).all()
    assert best[0, 1] == pytest.approx(1, abs=1e-6)


def test_keys_collide_with_none_and_old_ones_keep_their_names():
    names = ["hog", "borderless:hog", "anyborder:hog"]
    keys = [models_extraction.feature_key(registry.get(name), "fp32") for name in names]
    assert len({key.table for key in keys}) == 3
    assert "borderless" not in keys[0].to_dict()["prepare"]
    for key in keys:
        assert FeatureKey.from_dict(key.to_dict()) == key
    # The name that tables had before there were borders to remove.
    assert FeatureKey("hog", 1, Preprocessing(), "", "fp32", 9).table == "hog-7d50753360ee7506"
    same_name = FeatureKey("hog", 1, Preprocessing(borderless=True), "", "fp32", 9)
    assert same_name.table != "hog-7d50753360ee7506"


def test_layers_and_face_detectors_can_have_it_but_features_from_elsewhere_cannot():
    assert registry.get("borderless:mobilenetv2[3]").dim == (registry.get("mobilenetv2[3]").dim)
    assert registry.get("borderless:face").preprocessing.borderless
    with pytest.raises(BadDataError, match="computes no features from pictures"):
        registry.get("borderless:anyborder:hog")


def test_kinds_of_pictures():
    """Cues: a flat drawing, a photograph-like picture, bars and an empty background."""
    random = np.random.default_rng(0)
    photograph = random.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    drawing = np.full((100, 100, 3), 250, np.uint8)
    drawing[30:70, 30:70] = (200, 30, 30)
    drawn, photo, barred = (
        embed("cues", picture)[0]
        for picture in (drawing, photograph, np.pad(photograph, ((30, 30), (0, 0), (0, 0))))
    )
    assert drawn[0] == 1
    assert photo[0] < 0.1
    assert photo[1] < 0.2
    assert drawn[2] == 0  # an empty margin is no bar
    assert drawn[1] == 1
    assert photo[2] == 0
    assert barred[2] == 1
    assert barred[0] == photo[0]  # what is inside the bars counts
    for values in (drawn, photo, barred):
        assert ((values >= 0) & (values <= 1)).all()
    assert embed("cues", np.zeros((1, 1, 3), np.uint8)).shape == (1, 3)
