"""Asymmetric recall against plain counting, and over several runs."""

import numpy as np
import pytest

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.retrieval import asymmetric_recall


def by_counting(values):
    """The better of both ranks of each pair; NaN is behind everything."""
    count, ranks = len(values), []
    for i in range(count):
        both = []
        for line in (values[i], values[:, i]):
            others = np.delete(line, i)
            ahead = sum(other >= line[i] for other in others if not np.isnan(other))
            both.append(count + 1 if np.isnan(line[i]) else 1 + ahead)
        ranks.append(min(both))
    return ranks


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_the_better_of_both_directions(seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 6, (9, 9)).astype(float)
    values[random.random((9, 9)) < 0.2] = np.nan
    ranks = asymmetric_recall.ranks_of(values)
    assert ranks.tolist() == by_counting(values)
    curve = asymmetric_recall.curve(ranks)
    assert curve.tolist() == [np.mean(ranks <= k) for k in range(1, 10)]


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (9,), (2, 2, 2)])
def test_only_a_square_matrix_has_mates_on_its_diagonal(shape):
    with pytest.raises(ShapeError, match="square similarity matrix"):
        asymmetric_recall.ranks_of(np.zeros(shape))


def test_a_constant_is_never_a_hit():
    assert asymmetric_recall.ranks_of(np.zeros((4, 4))).tolist() == [4] * 4


def test_mean_and_deviation_over_runs():
    """The deviation is that of a sample: two runs of 0.5 and 1 differ by 0.5 / sqrt(2)."""
    runs = [np.array([1, 2]), np.array([1, 1]), np.array([1, 1, 3])]
    two = asymmetric_recall.over_runs(runs[:2])
    assert two.at(1) == (0.75, pytest.approx(0.5 / np.sqrt(2)))
    assert two.at(2) == (1.0, 0.0)
    assert two.at(20) == two.at(2), "beyond the gallery"
    three = asymmetric_recall.over_runs(runs)
    assert three.runs.shape == (3, 2), "the smallest gallery limits the curve"
    shares = [0.5, 1.0, 2 / 3]
    assert three.at(1) == (pytest.approx(np.mean(shares)), pytest.approx(np.std(shares, ddof=1)))
    alone = asymmetric_recall.over_runs(runs[:1])
    assert alone.deviation.tolist() == [0.0, 0.0]
    document = three.to_dict(ks=[1])
    assert document["aR"]["1"]["mean"] == three.mean[0]
    assert document["runs_aR1"] == pytest.approx(shares)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_a_cut_off_counts_from_one(k):
    """0 and less would count from the end of the curve."""
    runs = asymmetric_recall.over_runs([np.array([1, 2, 3])])
    with pytest.raises(BadDataError, match="k must be"):
        runs.at(k)
    assert runs.at(1)[0] == pytest.approx(1 / 3)
    assert runs.at(99)[0] == 1
