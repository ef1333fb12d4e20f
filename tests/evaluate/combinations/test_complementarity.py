"""CKA and RSA against independent computations."""

import numpy as np
import pytest
from scipy import stats

from simcore.evaluate.combinations import complementarity


def test_cka_laws():
    random = np.random.default_rng(3)
    x = random.normal(size=(80, 12)).astype(np.float32)
    turn, _ = np.linalg.qr(random.normal(size=(12, 12)))
    assert complementarity.cka(x, 3 * x @ turn + 5) == pytest.approx(1, abs=1e-6)
    wide = random.normal(size=(80, 300))
    small = complementarity.cka(x, wide)
    assert small == pytest.approx(complementarity.cka(wide, x))
    a, b = x - x.mean(0), wide - wide.mean(0)
    expected = np.linalg.norm(b.T @ a) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert small == pytest.approx(expected, rel=1e-6)
    assert complementarity.cka(x, np.ones((80, 3))) == 0


def test_rsa_against_scipy_and_order():
    random = np.random.default_rng(4)
    base = random.normal(size=(30, 30))
    near, far = base + 0.1 * random.normal(size=(30, 30)), random.normal(size=(30, 30))
    found = complementarity.rsa([base, far, near])
    upper = np.triu_indices(30, 1)
    assert found[0, 2] == pytest.approx(stats.spearmanr(base[upper], near[upper]).statistic)
    assert found[0, 2] > 0.9
    order = complementarity.order(found)
    assert abs(order.index(0) - order.index(2)) == 1
    gaps = base.copy()
    gaps[random.random((30, 30)) < 0.5] = np.nan
    assert complementarity.rsa([gaps, base])[0, 1] == pytest.approx(1)


def test_the_order_is_that_of_a_clustered_heatmap():
    """Average linkage by scipy on one minus the similarity of both directions; a gap is 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    random = np.random.default_rng(9)
    for count in (3, 6, 12):
        for _ in range(8):
            similarity = random.uniform(-1, 1, (count, count))
            similarity[random.random((count, count)) < 0.1] = np.nan
            flat = []
            for i in range(count):
                for j in range(i + 1, count):
                    both = (similarity[i, j] + similarity[j, i]) / 2
                    flat.append(1 - (0.0 if np.isnan(both) else both))
            tree = linkage(flat, "average")
            expected = leaves_list(optimal_leaf_ordering(tree, np.array(flat))).tolist()
            assert complementarity.order(similarity) == expected
    assert complementarity.order(np.ones((2, 2))) == [0, 1]
