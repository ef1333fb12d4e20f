"""Separation of groups: against scikit-learn, and by loops."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.statistics.separation import separation


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_silhouette_and_purity(shift):
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c", "d"], [12, 9, 5, 1])
    points = rng.normal(size=(27, 3)) + shift * np.repeat(np.eye(4)[:, :3], [12, 9, 5, 1], axis=0)
    distance = cdist(points, points)
    result = separation(distance, labels)
    assert result.silhouette == pytest.approx(
        silhouette_score(distance, labels, metric="precomputed")
    )
    purities, same_at_random = [], 0
    for row in range(27):
        nearest = [other for other in np.argsort(distance[row]) if other != row][:5]
        purities.append(np.mean(labels[nearest] == labels[row]))
        same_at_random += (labels == labels[row]).sum() - 1
    assert result.purity == pytest.approx(np.mean(purities))
    assert result.chance == pytest.approx(same_at_random / (27 * 26))


def test_equal_distances_have_the_purity_of_chance():
    """A similarity that is constant separates nothing, whatever the order of the images."""
    labels = np.repeat([0, 1], [6, 3])
    result = separation(1 - np.eye(9), labels)
    assert result.silhouette == 0
    assert result.purity == pytest.approx(result.chance)


def test_what_cannot_be_separated_is_refused():
    for labels in (np.zeros(4), np.arange(4)):
        with pytest.raises(BadDataError, match="at least 2 groups"):
            separation(np.ones((4, 4)), labels)
    with pytest.raises(ShapeError):
        separation(np.ones((3, 4)), np.zeros(4))


def test_images_that_are_all_the_same_are_not_separated():
    result = separation(np.zeros((6, 6)), np.array([0, 0, 0, 1, 1, 1]))
    assert result.silhouette == 0
    assert result.purity == pytest.approx(result.chance)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (4, 5)])
def test_distances_that_do_not_fit_the_labels_are_refused(shape):
    with pytest.raises(ShapeError, match="4 labels"):
        separation(np.zeros(shape), np.array([0, 0, 1, 1]))
