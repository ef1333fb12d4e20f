"""Two pictures: shares of all pairs by brute force, corresponding regions, and occlusion."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from simcore import errors
from simcore.__main__ import run
from simcore.data import images
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features
from simcore.lab.search import pair
from simcore.lab.search.maps import single_recipe
from simcore.models import registry
from simcore.recipe import Question
from simcore.sim import metrics
from simcore.types import Monitor

BOTH = ("hog", "layout")


def table(name, first, second, models=BOTH):
    """How similar each backbone rates two pictures."""
    return pair.table(Question(name, tuple(recipes.parse(models))), first, second)


@pytest.fixture
def network():
    """A small convolutional network with seeded weights, registered for one test."""
    from simcore.models.registry import backbone

    @backbone("net-of-the-test", dim=8)
    def load(device):
        torch.manual_seed(0)
        trunk = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 32, stride=32), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)
        )
        return torch.nn.Sequential(trunk, torch.nn.Flatten()).eval()

    yield "net-of-the-test"
    registry.forget("net-of-the-test")


def test_percentiles_are_shares_of_the_whole_matrix(tiny):
    collection = collections.open_(tiny)
    first, second = pair.open_picture(tiny, "left", "b"), pair.open_picture(tiny, "right", "d")
    for row in table(tiny, first, second).rows:
        sides = [features.for_side(collection, s, row.backbone) for s in collection.sides()]
        matrix = metrics.pairwise(*sides, "cosine")
        assert row.similarity == pytest.approx(float(matrix[1, 3]), abs=1e-6)
        assert row.above == pytest.approx((matrix < matrix[1, 3]).mean(), abs=0.02)
        assert row.mates == pytest.approx((np.diag(matrix) < matrix[1, 3]).mean(), abs=1e-9)


def test_a_file_is_compared_as_the_same_image_of_the_collection(tiny):
    stored = pair.open_picture(tiny, "left", "c")
    other = pair.open_picture(tiny, "right", "c")
    upload = pair.Picture("mine.png", stored.data)
    stored_rows, upload_rows = (table(tiny, p, other).rows for p in (stored, upload))
    for a, b in zip(stored_rows, upload_rows, strict=True):
        assert a.similarity == pytest.approx(b.similarity, abs=1e-5)


def test_a_picture_is_decoded_once_for_everything(tiny, network, encode, draw, monkeypatch):
    decoded, load = [], images.load
    monkeypatch.setattr(images, "load", lambda *a, **k: (decoded.append(1), load(*a, **k))[1])
    upload = pair.Picture("mine.png", encode(draw(77)))
    other = pair.open_picture(tiny, "right", "c")
    table(tiny, upload, other)
    pair.preview(upload)
    assert pair.shapes(upload) == ((245, 200),)
    pair.occlusion(tiny, upload, other, "layout", cells=2)
    assert len(decoded) == 1
    pair.correspondences(upload, other, network)
    assert len(decoded) <= 2  # the other picture too


def test_correspondences_add_up_and_name_what_the_network_sees(tiny, network):
    result = pair.correspondences(
        pair.open_picture(tiny, "left", "a"), pair.open_picture(tiny, "right", "a"), network
    )
    assert result.exact
    assert result.match.left.shape == (7, 7)
    assert result.shape == ((245, 200), (245, 200))
    # Short side 256, crop 224: an eighth of the width and more of the height is never seen.
    top, left, bottom, right = result.windows[0]
    assert (left, right) == (1 / 16, 15 / 16)
    assert top == pytest.approx((1 - 224 / 313) / 2)
    assert top + bottom == pytest.approx(1)


def test_occlusion_against_an_image_with_a_part_hidden(tiny, encode):
    first, second = pair.open_picture(tiny, "left", "e"), pair.open_picture(tiny, "right", "e")
    reports = []
    monitor = Monitor(reports.append)
    result = pair.occlusion(tiny, first, second, "layout", cells=3, monitor=monitor)
    assert reports[-1].done == reports[-1].total == 10
    assert result.similarities.shape == result.ranks.shape == (3, 3)
    assert result.rank == recall.ranks(tiny, single_recipe(["layout"]))[4]
    pixels = images.load(first.data)
    mean = np.rint(pixels.reshape(-1, 3).mean(axis=0))
    pixels[int(245 / 3) : int(490 / 3), 0 : int(200 / 3)] = mean
    hidden = pair.Picture("hidden.png", encode(Image.fromarray(pixels)))
    (row,) = table(tiny, hidden, second, ["layout"]).rows
    assert result.similarities[1, 0] == pytest.approx(row.similarity, abs=1e-5)


def test_occlusion_of_a_picture_outside_has_no_rank(tiny):
    stored = pair.open_picture(tiny, "left", "a")
    upload = pair.Picture("mine.png", stored.data)
    result = pair.occlusion(tiny, stored, upload, "layout", cells=2)
    assert result.ranks is None
    assert result.similarity == pytest.approx(1, abs=1e-5)
    assert (result.similarities <= 1).all()
    with pytest.raises(errors.Stopped):
        pair.occlusion(tiny, stored, upload, "layout", monitor=Monitor(stop=lambda: True))
    with pytest.raises(BadDataError, match="2 to 16, got 40"):
        pair.occlusion(tiny, stored, upload, "layout", cells=40)


def test_missing_images_and_maps_are_named(tiny):
    with pytest.raises(UnknownNameError, match="Did you mean left"):
        pair.open_picture(tiny, "lefft", "a")
    with pytest.raises(UnknownNameError, match="right image in 'tiny'"):
        pair.open_picture(tiny, "right", "zz")
    left, right = (pair.open_picture(tiny, side, "a") for side in ("left", "right"))
    with pytest.raises(BadDataError, match="hog has no feature maps"):
        pair.correspondences(left, right, "hog")


def test_the_command(tiny, capsys):
    capsys.readouterr()
    assert run(["pair", tiny, "left:a", "right:a", "--models", "hog", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert (document["first"], document["second"]) == ("left:a", "right:a")
    (row,) = document["rows"]
    assert row["backbone"] == "hog"
    assert 0 <= row["above"] <= 1
    assert run(["pair", tiny, "left:a", "right:b"]) == 0
    assert "layout" in capsys.readouterr().out
    assert run(["pair", tiny, "a", "right:b"]) == 1
    assert "No side named 'a'" in capsys.readouterr().err
