"""Two pictures: percentiles by brute force, shares that add up, and what hiding a part does."""

import json

import numpy as np
import pytest
import torch

from simcore import errors
from simcore.__main__ import run
from simcore.data import images
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction, features
from simcore.lab.search import pair
from simcore.lab.search.maps import single_recipe
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Monitor

MODELS = ["hog", "layout"]


@pytest.fixture
def tiny(pairs_folder):
    collections.add("pairs", pairs_folder, name="tiny")
    extraction.extract("tiny", MODELS)
    return "tiny"


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
    first, second = pair.known(tiny, "left", "b"), pair.known(tiny, "right", "d")
    for row in pair.table(tiny, first, second, MODELS):
        sides = [features.for_side(collection, s, row.backbone) for s in collection.sides()]
        whole = metrics.pairwise(*sides, "cosine")
        assert row.similarity == pytest.approx(float(whole[1, 3]), abs=1e-6)
        assert row.above == pytest.approx((whole < whole[1, 3]).mean(), abs=0.02)
        assert row.mates == pytest.approx((np.diag(whole) < whole[1, 3]).mean(), abs=1e-9)


def test_a_file_is_compared_as_the_same_image_of_the_collection(tiny):
    known = pair.known(tiny, "left", "c")
    other = pair.known(tiny, "right", "c")
    mine = pair.Picture("mine.png", known.data)
    ours, theirs = (pair.table(tiny, one, other, MODELS) for one in (known, mine))
    for a, b in zip(ours, theirs, strict=True):
        assert a.similarity == pytest.approx(b.similarity, abs=1e-5)


def test_why_adds_up_and_says_what_the_network_sees(tiny, network):
    found = pair.correspondences(
        pair.known(tiny, "left", "a"), pair.known(tiny, "right", "a"), network
    )
    assert found.exact
    assert found.match.left.shape == (7, 7)
    assert found.shape == ((245, 200), (245, 200))
    # Short side 256, crop 224: an eighth of the width and more of the height is never seen.
    top, left, bottom, right = found.windows[0]
    assert (left, right) == (1 / 16, 15 / 16)
    assert top == pytest.approx((1 - 224 / 313) / 2)
    assert top + bottom == pytest.approx(1)


def test_hiding_parts_against_hiding_them_by_hand(tiny, encode):
    from PIL import Image

    first, second = pair.known(tiny, "left", "e"), pair.known(tiny, "right", "e")
    told = []
    found = pair.occlusion(tiny, first, second, "layout", cells=3, monitor=Monitor(told.append))
    assert told[-1].done == told[-1].total == 10
    assert found.similarities.shape == found.ranks.shape == (3, 3)
    assert found.rank == recall.ranks(tiny, single_recipe(["layout"]))[4]
    pixels = images.load(first.data)
    mean = np.rint(pixels.reshape(-1, 3).mean(axis=0))
    pixels[int(245 / 3) : int(490 / 3), 0 : int(200 / 3)] = mean
    hidden = pair.Picture("hidden.png", encode(Image.fromarray(pixels)))
    (row,) = pair.table(tiny, hidden, second, ["layout"])
    assert found.similarities[1, 0] == pytest.approx(row.similarity, abs=1e-5)


def test_hiding_parts_of_a_picture_outside_has_no_rank(tiny):
    known = pair.known(tiny, "left", "a")
    mine = pair.Picture("mine.png", known.data)
    found = pair.occlusion(tiny, known, mine, "layout", cells=2)
    assert found.ranks is None
    assert found.similarity == pytest.approx(1, abs=1e-5)
    assert (found.similarities <= 1).all()
    with pytest.raises(errors.Stopped):
        pair.occlusion(tiny, known, mine, "layout", monitor=Monitor(stop=lambda: True))
    with pytest.raises(BadDataError, match="found 40 cells"):
        pair.occlusion(tiny, known, mine, "layout", cells=40)


def test_what_is_not_there_is_named(tiny):
    with pytest.raises(UnknownNameError, match="did you mean left"):
        pair.known(tiny, "lefft", "a")
    with pytest.raises(UnknownNameError, match="right image in 'tiny'"):
        pair.known(tiny, "right", "zz")
    with pytest.raises(BadDataError, match="hog has no feature maps"):
        pair.correspondences(pair.known(tiny, "left", "a"), pair.known(tiny, "right", "a"), "hog")


def test_the_command(tiny, capsys):
    capsys.readouterr()
    assert run(["alike", tiny, "left:a", "right:a", "--models", "hog", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["backbone"] == "hog"
    assert 0 <= row["above"] <= 1
    assert run(["alike", tiny, "left:a", "right:b"]) == 0
    assert "layout" in capsys.readouterr().out
    assert run(["alike", tiny, "a", "right:b"]) == 1
    assert "no side named 'a'" in capsys.readouterr().err
