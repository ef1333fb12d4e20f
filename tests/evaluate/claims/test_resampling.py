"""Bootstrap of statistics that choose, against plain NumPy."""

import numpy as np
import pytest

from simcore.errors import ShapeError
from simcore.evaluate.claims import resampling, statistics


def test_whole_groups_are_drawn():
    groups = np.array([0, 0, 1, 2, 2, 2])
    weights = resampling.sample_weights(groups, 50, seed=3)
    assert weights.shape == (50, 6)
    assert weights.dtype == np.uint8  # 0.4 GB for 4,000 samples of 100,000 pairs
    for group in range(3):
        assert (np.ptp(weights[:, groups == group], axis=1) == 0).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()  # as many groups as there are


def test_no_pair_is_an_error():
    with pytest.raises(ShapeError, match="at least one pair"):
        resampling.sample_weights(np.array([], int), 5)


def test_the_bootstrap_equals_resampling_the_rows_themselves():
    random = np.random.default_rng(0)
    values, groups = random.normal(size=30), np.arange(30)
    weights = resampling.sample_weights(groups, 40, seed=1)
    resampled = resampling.resample(statistics.mean(values), weights)
    for row, draw in zip(weights, resampled.draws[:, 0], strict=True):
        assert draw == pytest.approx(np.repeat(values, row.astype(int)).mean())
    assert resampled.values[0] == pytest.approx(values.mean())


def test_the_choice_is_tested_on_the_other_half_of_every_sample():
    random = np.random.default_rng(5)
    table = (random.random((7, 24)) < 0.4).astype(np.float32)
    groups = random.integers(0, 15, 24)
    splits = resampling.half_splits(groups, splits=3, seed=2)
    weights = resampling.sample_weights(groups, 20, seed=4)
    families = [np.array([0, 1, 2]), np.array([3, 4, 5, 6])]
    result = resampling.held_out_means(weights, table, splits, families)
    for draw in range(20):
        for column, family in enumerate(families):
            total = 0.0
            for split in splits:
                for half in (split, ~split):
                    best, most = -1, -1.0
                    for candidate in family:  # the first of equals
                        score = float(table[candidate][half] @ weights[draw][half])
                        if score > most:
                            best, most = candidate, score
                    total += float(table[best][~half] @ weights[draw][~half])
            expected = total / (3 * weights[draw].sum())
            assert result[draw, column] == pytest.approx(expected)


def test_halves_keep_groups_together():
    groups = np.array([0, 1, 1, 2, 3, 3, 3])
    for split in resampling.half_splits(groups, splits=10):
        for group in range(4):
            assert np.unique(split[groups == group]).size == 1
        assert np.unique(groups[split]).size == 2


def test_choosing_among_noise_gains_nothing():
    """In-sample the best of many equal candidates looks better than it is; held out it does not."""
    random = np.random.default_rng(1)
    gains = []
    for seed in range(30):
        table = (random.random((60, 80)) < 0.3).astype(np.float32)
        splits = resampling.half_splits(np.arange(80), seed=seed)
        ones = np.ones((1, 80), np.float32)
        (held_out,) = resampling.held_out_means(ones, table, splits, [np.arange(60)])
        gains.append(held_out[0] - 0.3)
        assert table.mean(axis=1).max() > 0.35
    assert abs(np.mean(gains)) < 0.02


def test_ratio_share_and_correlation_against_numpy():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(2, 25))
    event, condition = (random.random((2, 25)) < 0.5).astype(float)
    weights = resampling.sample_weights(np.arange(25), 10)
    for row in weights.astype(int):
        rows = np.repeat(np.arange(25), row)
        one = row[None].astype(float)
        assert statistics.correlation(x, y)(one)[0, 0] == pytest.approx(
            np.corrcoef(x[rows], y[rows])[0, 1]
        )
        chosen = rows[condition[rows] > 0]
        assert statistics.share(event, condition)(one)[0, 0] == pytest.approx(event[chosen].mean())


def test_statistics_without_a_value_are_nan():
    ones = np.ones((1, 4))
    assert np.isnan(statistics.share(np.ones(4), np.zeros(4))(ones)).all()
    assert np.isnan(statistics.correlation(np.ones(4), np.arange(4.0))(ones)).all()


def test_rank_correlation_against_scipy():
    from scipy.stats import spearmanr

    random = np.random.default_rng(3)
    a, b = random.integers(0, 4, (2, 12, 7)).astype(float)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert statistics.rank_correlation(a, b) == pytest.approx(expected, nan_ok=True)
