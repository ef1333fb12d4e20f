"""Associative recall against drawing images."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import associative_recall


@pytest.mark.parametrize("m", [1, 2, 3, 5, 10, 40])
def test_associative_recall_against_drawing_images(m):
    """The simulation draws hypergeometric counts; here images are really drawn and compared."""
    random = np.random.default_rng(m)
    gallery, queries = 40, 300
    scores = random.integers(0, 12, (queries, gallery))
    mate = scores[:, 0]
    ranks = (scores >= mate[:, None]).sum(1)
    right = 0
    for row in scores:
        drawn = random.choice(np.arange(1, gallery), m - 1, replace=False)
        right += all(row[j] < row[0] for j in drawn)
    expected = associative_recall.exact_recall(ranks, gallery, m)
    error = max(np.sqrt((expected * (1 - expected)).sum()) / queries, 1e-9)
    assert right / queries == pytest.approx(expected.mean(), abs=4.5 * error)
    simulated = associative_recall.simulated_recall(ranks, gallery, m, repetitions=200, seed=1)
    assert simulated.mean() == pytest.approx(expected.mean(), abs=4.5 * error / np.sqrt(200))


def test_a_constant_has_no_associative_recall_except_for_one_image():
    ranks = np.full(50, 30)  # every image ties with the mate
    assert associative_recall.exact_recall(ranks, 30, 1).mean() == 1
    for m in (2, 10, 30):
        assert associative_recall.exact_recall(ranks, 30, m).mean() == 0
        assert associative_recall.simulated_recall(ranks, 30, m).mean() == 0
    with pytest.raises(BadDataError, match="m must be 1 to 30, the size of the gallery; got 31"):
        associative_recall.exact_recall(ranks, 30, 31)


@pytest.mark.parametrize("m", [1.5, 2.0, "2"])
def test_m_is_a_whole_number(m):
    for function in (associative_recall.exact_recall, associative_recall.simulated_recall):
        with pytest.raises(BadDataError, match="m must be a whole number, got"):
            function(np.array([1, 2]), 5, m)
