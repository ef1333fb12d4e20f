"""A learned backbone is computed from the stored features of its bases, not from the images."""

import numpy as np
import pytest

from simcore.data import images as data_images
from simcore.lab.library import collections, extraction, features
from simcore.models import lineage, registry
from simcore.types import Monitor
from tests.lab.library.test_stale_features import train

NAME = "learned:mine"


@pytest.fixture
def decoded(monkeypatch) -> list:
    """The paths of the images that were decoded."""
    paths, load = [], data_images.load_as

    def record(path, key, **options):
        paths.append(path)
        return load(path, key, **options)

    monkeypatch.setattr(data_images, "load_as", record)
    return paths


def stored(name: str, backbone: str) -> np.ndarray:
    collection = collections.open_(name)
    return features.for_side(collection, collection.left, backbone).values


def embedded(name: str, backbone: str) -> np.ndarray:
    """The features as the network computes them from the images."""
    embed, side = registry.get(backbone).load("cpu"), collections.open_(name).left
    return np.concatenate(
        [embed(data_images.load_as(side.path(row), side.keys[row])) for row in range(len(side))]
    )


def test_stored_bases_are_enough(tiny, decoded):
    train("mine", "layout", (1, 3))
    report = extraction.extract(tiny, [NAME])
    assert decoded == []
    assert report.computed[NAME] > 0
    assert set(report.computed) == {NAME}
    np.testing.assert_allclose(stored(tiny, NAME), embedded(tiny, NAME), atol=1e-6)
    again = extraction.extract(tiny, [NAME])
    assert (again.computed[NAME], again.cached[NAME]) == (0, report.computed[NAME])


def test_a_base_without_features_is_computed_once_and_stored(tiny, decoded):
    train("mine", "edges", (1, 3))
    assert not features.is_ready(collections.open_(tiny), "edges")
    report = extraction.extract(tiny, [NAME])
    assert report.computed["edges"] == report.computed[NAME] == len(decoded)
    assert features.is_ready(collections.open_(tiny), "edges")
    np.testing.assert_allclose(stored(tiny, NAME), embedded(tiny, NAME), atol=1e-6)


def test_a_learned_backbone_below_another(tiny, decoded):
    train("first", "layout", (1, 3))
    train("mine", "learned:first", (2, 1))
    extraction.extract(tiny, [NAME])
    assert decoded == []
    np.testing.assert_allclose(stored(tiny, NAME), embedded(tiny, NAME), atol=1e-6)


def test_a_base_that_is_gone_is_reported(tiny):
    train("first", "layout", (1, 3))
    train("mine", "learned:first", (2, 1))
    lineage.remove("first")
    report = extraction.extract(tiny, [NAME])
    assert "'first'" in report.unavailable[NAME]
    assert report.computed == {}


def test_a_stop_keeps_what_is_finished(tiny):
    train("mine", "layout", (1, 3))
    report = extraction.extract(tiny, [NAME], monitor=Monitor(stop=lambda: True))
    assert not any(report.computed.values())
    assert extraction.extract(tiny, [NAME]).computed[NAME] > 0
